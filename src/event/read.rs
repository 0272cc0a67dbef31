//! Reading enriched TSV: lines into columns, and the columns' texts checked and decoded.
//!
//! Facts: snowplow/snowplow-scala-analytics-sdk 3.2.1, `src/main/scala/.../decode/{Parser,ValueDecoder}.scala`; older
//! archives (108 columns up to r62, 125 up to r70) hold the first columns of today's table.

use std::borrow::Cow;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::number::{is_double, parse_int};
use super::time::parse_column_timestamp;
use super::{ALL_COLUMNS, COLUMN_COUNT, Column, ColumnType, EnrichedEvent};
use crate::iglu::{ParseError, SelfDescribing};
use crate::json::{self, Value};

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

/// Cuts a line (without its line feed) into columns. Empty columns are null, and so are columns that hold exactly `""`,
/// which some CSV writers put for nothing.
pub fn split_tsv(line: &str) -> Result<EnrichedEvent<'_>, ReadError> {
    let mut event = EnrichedEvent::default();
    let mut count = 0;
    let mut start = 0;
    let mut put = |from: usize, to: usize| {
        if let Some(&column) = ALL_COLUMNS.get(count) {
            let text = &line[from..to];
            event.set(column, Some(text).filter(|text| !text.is_empty() && *text != "\"\""));
        }
        count += 1;
    };
    for tab in memchr::memchr_iter(b'\t', line.as_bytes()) {
        put(start, tab);
        start = tab + 1;
    }
    put(start, line.len());
    match count {
        1 => Err(ReadError::NotTsv),
        count if KNOWN_COLUMN_COUNTS.contains(&count) => Ok(event),
        count => Err(ReadError::ColumnCount(count)),
    }
}

/// Checks every column's text against its type and takes the JSON columns apart. All errors, in column order.
pub fn decode<'a>(event: &EnrichedEvent<'a>, arena: &'a Bump) -> Result<Entities<'a>, Vec<ColumnError<'a>>> {
    let mut entities = Entities::default();
    let mut errors = Vec::new();
    for column in ALL_COLUMNS {
        let outcome = match event.get(column) {
            None => check_presence(column),
            Some(text) => check_text(column, text, &mut entities, arena),
        };
        if let Err(message) = outcome {
            errors.push(ColumnError { column, value: event.get(column).unwrap_or_default(), message });
        }
    }
    if errors.is_empty() { Ok(entities) } else { Err(errors) }
}

fn check_presence(column: Column) -> Result<(), Cow<'static, str>> {
    match column {
        Column::collector_tstamp | Column::event_id | Column::v_collector | Column::v_etl => {
            Err(format!("Field {} cannot be empty", column.info().name).into())
        }
        _ => Ok(()),
    }
}

fn check_text<'a>(
    column: Column,
    text: &'a str,
    entities: &mut Entities<'a>,
    arena: &'a Bump,
) -> Result<(), Cow<'a, str>> {
    let (fits, wanted) = match column.info().kind {
        ColumnType::Text => return Ok(()),
        ColumnType::Uuid => (column != Column::event_id || is_lenient_uuid(text), "UUID"),
        ColumnType::Integer => (parse_int(text).is_some(), "integer"),
        ColumnType::Float | ColumnType::Decimal => (is_double(text), "double"),
        ColumnType::Bool => (matches!(text, "0" | "1"), "boolean"),
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(count: usize, set: &[(Column, &str)]) -> String {
        let mut columns = vec![String::new(); count];
        for (column, text) in set {
            columns[*column as usize] = (*text).into();
        }
        columns.join("\t")
    }

    const REQUIRED: [(Column, &str); 4] = [
        (Column::collector_tstamp, "2013-11-26 00:03:57.885"),
        (Column::event_id, "c6ef3124-b53a-4b13-a233-0088f79dcbcb"),
        (Column::v_collector, "ssc"),
        (Column::v_etl, "etl"),
    ];

    fn errors_of(set: &[(Column, &str)]) -> Vec<(Column, String)> {
        let mut all = REQUIRED.to_vec();
        all.extend_from_slice(set);
        let text = line(COLUMN_COUNT, &all);
        let arena = Bump::new();
        let event = split_tsv(&text).unwrap();
        match decode(&event, &arena) {
            Ok(_) => vec![],
            Err(errors) => errors.into_iter().map(|e| (e.column, e.message.into_owned())).collect(),
        }
    }

    #[test]
    fn lines_of_every_age() {
        assert_eq!(split_tsv("not a tsv").err(), Some(ReadError::NotTsv));
        assert_eq!(split_tsv("").err(), Some(ReadError::NotTsv));
        assert_eq!(split_tsv("a\tb").err(), Some(ReadError::ColumnCount(2)));
        assert_eq!(split_tsv(&line(132, &[])).err(), Some(ReadError::ColumnCount(132)));
        for count in KNOWN_COLUMN_COUNTS {
            let text = line(count, &[(Column::app_id, "shop"), (Column::platform, "\"\""), (Column::doc_height, "9")]);
            let event = split_tsv(&text).unwrap();
            assert_eq!(event.get(Column::app_id), Some("shop"));
            assert_eq!(event.get(Column::platform), None, "a quoted nothing is null");
            assert_eq!(event.get(Column::doc_height), Some("9"));
            assert_eq!(event.get(Column::true_tstamp), None);
        }
    }

    #[test]
    fn writing_gives_the_line_back() {
        let mut text = line(COLUMN_COUNT, &[(Column::app_id, "a"), (Column::true_tstamp, "z")]);
        let mut out = Vec::new();
        split_tsv(&text).unwrap().write_tsv(&mut out);
        text.push('\n');
        assert_eq!(out, text.as_bytes());
    }

    #[test]
    fn required_columns() {
        let text = line(COLUMN_COUNT, &[]);
        let arena = Bump::new();
        let errors = decode(&split_tsv(&text).unwrap(), &arena).unwrap_err();
        let messages: Vec<&str> = errors.iter().map(|e| e.message.as_ref()).collect();
        assert_eq!(
            messages,
            [
                "Field collector_tstamp cannot be empty",
                "Field event_id cannot be empty",
                "Field v_collector cannot be empty",
                "Field v_etl cannot be empty",
            ]
        );
        assert_eq!(errors[0].value, "");
    }

    #[test]
    fn every_type_has_its_error() {
        let bad = [
            (Column::dvce_created_tstamp, "x", "Cannot parse key dvce_created_tstamp into datetime"),
            (Column::txn_id, "1.0", "Cannot parse key txn_id into integer"),
            (Column::geo_latitude, "north", "Cannot parse key geo_latitude into double"),
            (Column::se_value, "1,5", "Cannot parse key se_value into double"),
            (Column::br_cookies, "true", "Cannot parse key br_cookies into boolean"),
        ];
        let set: Vec<(Column, &str)> = bad.iter().map(|(column, text, _)| (*column, *text)).collect();
        let expected: Vec<(Column, String)> = bad.iter().map(|(column, _, error)| (*column, (*error).into())).collect();
        assert_eq!(errors_of(&set), expected);
        let event_id = [(Column::event_id, "z")];
        assert_eq!(errors_of(&event_id), [(Column::event_id, "Cannot parse key event_id into UUID".into())]);
        let good = [
            (Column::event_id, "1-2-3-4-5"),
            (Column::txn_id, "-5"),
            (Column::se_value, "1E-7"),
            (Column::br_cookies, "0"),
            (Column::dvce_created_tstamp, "2013-11-26 00:02:05"),
            (Column::domain_sessionid, "not checked"),
        ];
        assert_eq!(errors_of(&good), []);
    }

    #[test]
    fn timestamps_as_java_reads_them() {
        for text in [
            "2020-02-29 00:00:00.123456789",
            "2020-01-01 24:00:00",
            "2020-01-01T00:00:00.",
            "+12020-01-01 00:00:00",
            "-0001-01-01 00:00:00",
            "2016-12-31 23:59:60",
        ] {
            assert_eq!(errors_of(&[(Column::true_tstamp, text)]), [], "{text}");
        }
        for text in [
            "2020-02-30 00:00:00",
            "2020-01-01",
            "2020-01-01 00:00",
            "2020-01-01 00:00:00Z",
            "12020-01-01 00:00:00",
            "-0000-01-01 00:00:00",
            "2020-01-01 24:00:01",
            "2020-01-01  00:00:00",
        ] {
            assert_eq!(errors_of(&[(Column::true_tstamp, text)]).len(), 1, "{text}");
        }
    }

    #[test]
    fn json_columns() {
        let contexts = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-7","data":[{"schema":"iglu:a/b/jsonschema/1-0-0","data":{"n":1}}]}"#;
        let unstruct = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:a/c/jsonschema/1-0-0","data":{}}}"#;
        let mut all = REQUIRED.to_vec();
        all.extend([(Column::contexts, contexts), (Column::unstruct_event, unstruct)]);
        let text = line(COLUMN_COUNT, &all);
        let arena = Bump::new();
        let entities = decode(&split_tsv(&text).unwrap(), &arena).unwrap();
        assert_eq!(entities.contexts.len(), 1);
        assert_eq!(entities.contexts[0].key.name, "b");
        assert_eq!(entities.unstruct_event.unwrap().key.name, "c");
        assert!(entities.derived_contexts.is_empty());

        let failures = [
            ("{", "ParsingFailure: exhausted input"),
            ("{}", "DecodingFailure at : INVALID_DATA_PAYLOAD"),
            (r#"{"schema":"x","data":[]}"#, "DecodingFailure at : INVALID_IGLUURI"),
            (unstruct, "Unknown payload: iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0"),
            (
                r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":{}}"#,
                "DecodingFailure at : C[A]",
            ),
            (
                r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[1]}"#,
                "DecodingFailure at [0]: INVALID_DATA_PAYLOAD",
            ),
        ];
        for (json, message) in failures {
            let found = errors_of(&[(Column::derived_contexts, json)]);
            assert_eq!(found, [(Column::derived_contexts, message.to_owned())]);
        }
    }

    proptest! {
        #[test]
        fn never_panics(texts in proptest::collection::vec("[ -~éT:.+-]{0,24}", COLUMN_COUNT)) {
            let text = texts.join("\t");
            let arena = Bump::new();
            let event = split_tsv(&text).unwrap();
            let _ = decode(&event, &arena);
        }

        #[test]
        fn any_line_is_cut_or_refused(text: String) {
            let columns = text.split('\t').count();
            prop_assert_eq!(split_tsv(&text).is_ok(), KNOWN_COLUMN_COUNTS.contains(&columns));
        }
    }
}
