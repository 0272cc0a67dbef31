//! Reading enriched TSV: lines into columns, and the columns' texts checked and decoded.
//!
//! Facts: snowplow/snowplow-scala-analytics-sdk 3.2.1, `src/main/scala/.../decode/{Parser,ValueDecoder}.scala`; older
//! archives (108 columns up to r62, 125 up to r70) hold the first columns of today's table.

use std::borrow::Cow;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::normal::{is_plain_double, is_plain_int};
use super::number::{is_double, is_int};
use super::time::{USUAL_TIMESTAMP, parse_column_timestamp};
use super::{ALL_COLUMNS, COLUMN_COUNT, COLUMNS, Column, ColumnType, EnrichedEvent};
use crate::iglu::{ParseError, SelfDescribing};
use crate::json::{self, Value};
use crate::scan::for_each_of;

/// Numbers of columns that enriched events have had over time.
pub const KNOWN_COLUMN_COUNTS: [usize; 3] = [108, 125, COLUMN_COUNT];

/// Why a line is no enriched event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The line has a single column.
    #[error("not tab-separated: the line has one column")]
    NotTsv,
    /// The line has a number of columns that no version of the enriched event has had.
    #[error("{0} columns instead of 131 (125 and 108 in old archives)")]
    ColumnCount(usize),
}

/// A column whose text does not fit its type. `Display` is the message that bad rows carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ColumnError<'a> {
    /// The column.
    pub column: Column,
    /// Its text, empty if null.
    pub value: &'a str,
    /// What is wrong with it.
    pub message: Cow<'a, str>,
}

/// The self-describing JSONs of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entities<'a> {
    /// The entities sent by the tracker.
    pub contexts: &'a [SelfDescribing<'a>],
    /// The self-describing event.
    pub unstruct_event: Option<SelfDescribing<'a>>,
    /// The entities added by enrichments.
    pub derived_contexts: &'a [SelfDescribing<'a>],
}

/// What [`decode`] has found.
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'a> {
    /// What the JSON columns hold.
    pub entities: Entities<'a>,
    /// The columns whose text a table may hold in another spelling, one bit each in the order of [`TYPED`]: numbers and
    /// timestamps that are not in their usual form, identifiers; those of JSON always.
    pub unusual: u128,
}

/// Cuts a line (without its line feed) into columns. Empty columns are null, and so are columns that hold exactly `""`,
/// which some CSV writers put for nothing.
pub fn split_tsv(line: &str) -> Result<EnrichedEvent<'_>, ReadError> {
    let mut event = EnrichedEvent::default();
    split_into(line, &mut event)?;
    Ok(event)
}

/// As [`split_tsv`], into an event in an arena.
pub fn split_tsv_in<'a>(line: &'a str, arena: &'a Bump) -> Result<&'a EnrichedEvent<'a>, ReadError> {
    let event = arena.alloc_with(EnrichedEvent::default);
    split_into(line, event)?;
    Ok(event)
}

fn split_into<'a>(line: &'a str, event: &mut EnrichedEvent<'a>) -> Result<(), ReadError> {
    let mut count = 0;
    let mut start = 0;
    let mut put = |end: usize| {
        if start < end
            && let Some(value) = event.values.get_mut(count)
        {
            // SAFETY: `start` is 0 or follows a tab, `end` is a tab's place or the line's end; a tab is no part of
            // any other character.
            let text = unsafe { line.get_unchecked(start..end) };
            *value = if text.as_bytes() == b"\"\"" { None } else { Some(text) };
        }
        count += 1;
        start = end + 1;
    };
    // Columns are short and most are empty.
    for_each_of(line.as_bytes(), [b'\t'], &mut put);
    put(line.len());
    match count {
        1 => Err(ReadError::NotTsv),
        count if KNOWN_COLUMN_COUNTS.contains(&count) => Ok(()),
        count => Err(ReadError::ColumnCount(count)),
    }
}

/// The columns that may not be empty.
const MANDATORY: [Column; 4] = [Column::collector_tstamp, Column::event_id, Column::v_collector, Column::v_etl];

/// The columns that are more than text, in order: half of them.
pub const TYPED: [Column; COLUMN_COUNT - count_of_texts()] = {
    let mut typed = [Column::app_id; COLUMN_COUNT - count_of_texts()];
    let (mut at, mut count) = (0, 0);
    while at < COLUMN_COUNT {
        if !matches!(COLUMNS[at].kind, ColumnType::Text) {
            typed[count] = ALL_COLUMNS[at];
            count += 1;
        }
        at += 1;
    }
    typed
};

/// The bits of the JSON columns among [`TYPED`].
const JSON: u128 = {
    assert!(TYPED.len() <= 128);
    let (mut bits, mut at) = (0, 0);
    while at < TYPED.len() {
        if matches!(COLUMNS[TYPED[at] as usize].kind, ColumnType::Json) {
            bits |= 1 << at;
        }
        at += 1;
    }
    bits
};

const fn count_of_texts() -> usize {
    let (mut at, mut count) = (0, 0);
    while at < COLUMN_COUNT {
        count += matches!(COLUMNS[at].kind, ColumnType::Text) as usize;
        at += 1;
    }
    count
}

/// Checks every column's text against its type and takes the JSON columns apart. All errors, in column order.
pub fn decode<'a>(event: &EnrichedEvent<'a>, arena: &'a Bump) -> Result<Decoded<'a>, Vec<ColumnError<'a>>> {
    let mut decoded = Decoded { entities: Entities::default(), unusual: JSON };
    let mut errors = Vec::new();
    for column in MANDATORY {
        if event.get(column).is_none() {
            let message = format!("Field {} cannot be empty", column.info().name).into();
            errors.push(ColumnError { column, value: "", message });
        }
    }
    for (at, column) in TYPED.into_iter().enumerate() {
        let Some(text) = event.get(column) else { continue };
        match check_text(column, text, &mut decoded.entities, arena) {
            Ok(Form::Usual) => {}
            Ok(Form::Other) => decoded.unusual |= 1 << at,
            Err(message) => errors.push(ColumnError { column, value: text, message }),
        }
    }
    errors.sort_by_key(|error| error.column as usize);
    if errors.is_empty() { Ok(decoded) } else { Err(errors) }
}

/// Whether a text surely is as a table holds it.
enum Form {
    Usual,
    Other,
}

#[inline]
fn check_text<'a>(
    column: Column,
    text: &'a str,
    entities: &mut Entities<'a>,
    arena: &'a Bump,
) -> Result<Form, Cow<'a, str>> {
    let is_usual = match column.info().kind {
        ColumnType::Text => true,
        ColumnType::Uuid | ColumnType::Json => false,
        ColumnType::Integer => is_plain_int(text),
        ColumnType::Float | ColumnType::Decimal => is_plain_double(text),
        ColumnType::Bool => matches!(text, "0" | "1"),
        ColumnType::Timestamp => text.len() == USUAL_TIMESTAMP && parse_column_timestamp(text).is_some(),
    };
    if is_usual {
        return Ok(Form::Usual);
    }
    check_unusual(column, text, entities, arena).map(|()| Form::Other)
}

fn check_unusual<'a>(
    column: Column,
    text: &'a str,
    entities: &mut Entities<'a>,
    arena: &'a Bump,
) -> Result<(), Cow<'a, str>> {
    let (fits, wanted) = match column.info().kind {
        ColumnType::Text => return Ok(()),
        ColumnType::Uuid => (column != Column::event_id || is_lenient_uuid(text), "UUID"),
        ColumnType::Integer => (is_int(text), "integer"),
        ColumnType::Float | ColumnType::Decimal => (is_double(text), "double"),
        ColumnType::Bool => (false, "boolean"),
        ColumnType::Timestamp => (parse_column_timestamp(text).is_some() || is_instant(text), "datetime"),
        ColumnType::Json => return decode_json(column, text, entities, arena),
    };
    if fits { Ok(()) } else { Err(format!("Cannot parse key {} into {wanted}", column.info().name).into()) }
}

fn decode_json<'a>(
    column: Column,
    text: &'a str,
    entities: &mut Entities<'a>,
    arena: &'a Bump,
) -> Result<(), Cow<'a, str>> {
    match column {
        Column::unstruct_event => {
            let data = envelope(text, "unstruct_event", arena)?;
            let event = SelfDescribing::parse(data, arena).map_err(|error| decoding_failure("", error))?;
            entities.unstruct_event = Some(event);
        }
        Column::contexts => entities.contexts = context_list(text, arena)?,
        _ => entities.derived_contexts = context_list(text, arena)?,
    }
    Ok(())
}

fn context_list<'a>(text: &'a str, arena: &'a Bump) -> Result<&'a [SelfDescribing<'a>], Cow<'a, str>> {
    let data = envelope(text, "contexts", arena)?;
    if !data.is_array() {
        return Err("DecodingFailure at : C[A]".into());
    }
    let mut items = BumpVec::new_in(arena);
    for (index, item) in data.elements().enumerate() {
        items.push(SelfDescribing::parse(item, arena).map_err(|error| decoding_failure(&format!("[{index}]"), error))?);
    }
    Ok(items.into_bump_slice())
}

/// The data of an envelope of Snowplow with this name, in any 1-0-* version.
fn envelope<'a>(text: &'a str, name: &str, arena: &'a Bump) -> Result<Value<'a>, Cow<'a, str>> {
    let json = json::parse(text, arena).map_err(|error| format!("ParsingFailure: {error}"))?;
    let outer = SelfDescribing::parse(json, arena).map_err(|error| decoding_failure("", error))?;
    let key = outer.key;
    let known = key.vendor == "com.snowplowanalytics.snowplow"
        && key.name == name
        && key.format == "jsonschema"
        && (key.version.model, key.version.revision) == (1, 0);
    if known { Ok(outer.data) } else { Err(format!("Unknown payload: {}", outer.uri).into()) }
}

fn decoding_failure(path: &str, error: ParseError) -> Cow<'static, str> {
    format!("DecodingFailure at {path}: {error}").into()
}

/// Whether Java's `UUID.fromString` takes the text: five groups of hexadecimal digits, of any length up to 64 bits.
fn is_lenient_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
    {
        return true;
    }
    let group_is_good = |group: &str| {
        let digits = group.strip_prefix('+').unwrap_or(group);
        digits.bytes().all(|b| b.is_ascii_hexdigit()) && i64::from_str_radix(digits, 16).is_ok()
    };
    text.len() <= 36 && text.split('-').count() == 5 && text.split('-').all(group_is_good)
}

/// What `java.time.Instant.parse` accepts beyond the plain form, after a space became `T` and a `Z` was appended: years
/// of more or less than four digits with a sign, midnight as 24:00, a bare decimal point, lower-case `t`, the leap
/// second.
fn is_instant(text: &str) -> bool {
    let Some(at) = text.find(['T', 't', ' ']) else { return false };
    let (date, time) = (&text[..at], &text[at + 1..]);
    is_date(date) && is_time(time)
}

fn is_date(date: &str) -> bool {
    let mut parts = date.rsplitn(3, '-');
    let (Some(day), Some(month), Some(year)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let digits = year.strip_prefix(['+', '-']).unwrap_or(year);
    let width_is_good = match year.as_bytes().first() {
        Some(b'+') => (5..=10).contains(&digits.len()),
        Some(b'-') => (4..=10).contains(&digits.len()),
        _ => digits.len() == 4,
    };
    let Some(year_number) = digits.parse::<i64>().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit())) else {
        return false;
    };
    let signed = if year.starts_with('-') { -year_number } else { year_number };
    let (Some(month), Some(day)) = (two_digits(month), two_digits(day)) else { return false };
    // -0000 is no year; a thousand million years is where java.time ends.
    width_is_good
        && !(year.starts_with('-') && year_number == 0)
        && year_number < 1_000_000_000
        && (1..=12).contains(&month)
        && (1..=super::time::days_in_month(signed, month)).contains(&day)
}

fn is_time(time: &str) -> bool {
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let parts: Vec<Option<u32>> = whole.split(':').map(two_digits).collect();
    let [Some(hour), Some(minute), Some(second)] = parts[..] else { return false };
    let fraction_is_good = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
    let end_of_day = (hour, minute, second) == (24, 0, 0) && fraction.bytes().all(|b| b == b'0');
    let leap_second = (hour, minute, second) == (23, 59, 60);
    fraction_is_good && (end_of_day || leap_second || (hour < 24 && minute < 60 && second < 60))
}

fn two_digits(text: &str) -> Option<u32> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
