//! Rows: atomic events, entities as columns, entities as JSON.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/common/.../transformation/{EventUtils,Transformed,Hierarchy}.scala`.

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use super::check::{CheckedEvent, normal_timestamp};
use super::members::{MemberOrder, Slot};
use super::plan::RowPlan;
use super::text::{cut, write_value};
use crate::event::normal::{is_plain_double, is_plain_int, parse_double};
use crate::event::number::parse_int;
use crate::event::read::TYPED;
use crate::event::{ALL_COLUMNS, COLUMN_COUNT, COLUMNS, Column, ColumnType, EnrichedEvent};
use crate::iglu::SchemaKey;
use crate::json::{Value, write_compact, write_java_double};

/// What all rows of an event share.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    /// The event's id, a new one if it had to be renamed.
    pub event_id: &'a str,
    /// `collector_tstamp` with three decimals.
    pub collector_tstamp: &'a str,
    /// Both, with a tab between them.
    both: &'a str,
}

impl<'a> Root<'a> {
    /// What the rows of an event share.
    pub(super) fn new(event_id: &'a str, collector_tstamp: &'a str, arena: &'a Bump) -> Root<'a> {
        let mut both = BumpString::with_capacity_in(event_id.len() + 1 + collector_tstamp.len(), arena);
        both.push_str(event_id);
        both.push('\t');
        both.push_str(collector_tstamp);
        Root { event_id, collector_tstamp, both: both.into_bump_str() }
    }
}

/// Room made for what differs from row to row.
const USUAL_ROW: usize = 256;

/// Appends the row of the events table: the columns without the three of JSON. Returns how many texts were cut.
///
/// Nearly all columns are written as they were read, so what lies between those that are not is copied at once.
pub(super) fn write_atomic<'a>(
    checked: &CheckedEvent<'a>,
    root: Root<'a>,
    cut_texts: bool,
    arena: &'a Bump,
    out: &mut Vec<u8>,
) -> u64 {
    let (line, event) = (checked.line.as_bytes(), checked.event);
    if !is_as_read(checked, cut_texts) {
        return write_atomic_by_column(checked, root, cut_texts, arena, out);
    }
    let mut cuts = 0;
    let mut copied = 0;
    // Texts are what was read, and none is too long.
    let mut unusual = checked.unusual;
    while unusual != 0 {
        let column = TYPED[unusual.trailing_zeros() as usize];
        unusual &= unusual - 1;
        let value = event.get(column);
        if column.info().kind == ColumnType::Json {
            let start = start_of(event, line, column);
            out.extend_from_slice(&line[copied..start]);
            copied = start + value.map_or(0, str::len) + 1;
            continue;
        }
        let Some(text) = value else { continue };
        let normal = column_text(column, text, root, cut_texts, arena, &mut cuts);
        if !std::ptr::eq(normal, text) {
            let start = start_of(event, line, column);
            out.extend_from_slice(&line[copied..start]);
            out.extend_from_slice(normal.as_bytes());
            copied = start + text.len();
        }
    }
    out.extend_from_slice(&line[copied..]);
    out.push(b'\n');
    cuts
}

/// Whether the line is nothing but the columns with a tab between them, and no text has to be cut. Lines of older
/// archives have fewer columns, and some writers quote nothing.
fn is_as_read(checked: &CheckedEvent<'_>, cut_texts: bool) -> bool {
    let mut texts = 0;
    let mut too_long = false;
    for (info, value) in COLUMNS.iter().zip(checked.event.values()) {
        let length = value.map_or(0, str::len);
        texts += length;
        too_long |= length > usize::from(info.max_length) && info.max_length > 0 && info.kind == ColumnType::Text;
    }
    texts + COLUMN_COUNT - 1 == checked.line.len() && !(too_long && cut_texts)
}

/// Where a column starts in a line that [`is_as_read`].
fn start_of(event: &EnrichedEvent<'_>, line: &[u8], column: Column) -> usize {
    let values = &event.values()[..=column as usize];
    for (tabs, value) in values.iter().rev().enumerate() {
        if let Some(text) = value {
            let start = text.as_ptr().addr() - line.as_ptr().addr();
            return if tabs == 0 { start } else { start + text.len() + tabs };
        }
    }
    column as usize
}

fn write_atomic_by_column<'a>(
    checked: &CheckedEvent<'a>,
    root: Root<'a>,
    cut_texts: bool,
    arena: &'a Bump,
    out: &mut Vec<u8>,
) -> u64 {
    let mut cuts = 0;
    for column in ALL_COLUMNS.into_iter().filter(|column| column.info().kind != ColumnType::Json) {
        if let Some(text) = checked.event.get(column) {
            out.extend_from_slice(column_text(column, text, root, cut_texts, arena, &mut cuts).as_bytes());
        }
        out.push(b'\t');
    }
    let last = out.len() - 1;
    out[last] = b'\n';
    cuts
}

/// What a column's row holds; the same slice if it is what was read.
fn column_text<'a>(
    column: Column,
    text: &'a str,
    root: Root<'a>,
    cut_texts: bool,
    arena: &'a Bump,
    cuts: &mut u64,
) -> &'a str {
    let info = column.info();
    match info.kind {
        ColumnType::Text | ColumnType::Uuid if column != Column::event_id => {
            if !cut_texts || info.max_length == 0 || text.len() <= usize::from(info.max_length) {
                return text;
            }
            *cuts += 1;
            cut(text, usize::from(info.max_length))
        }
        ColumnType::Integer => normal_integer(text, arena),
        ColumnType::Float | ColumnType::Decimal => normal_double(text, arena),
        ColumnType::Timestamp if column == Column::collector_tstamp => root.collector_tstamp,
        ColumnType::Timestamp => normal_timestamp(text, arena).map_or(text, |(normal, _)| normal),
        _ if column == Column::event_id => root.event_id,
        _ => text,
    }
}

fn normal_integer<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if is_plain_int(text) {
        return text;
    }
    parse_int(text).map_or(text, |number| arena.alloc_str(&number.to_string()))
}

fn normal_double<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if is_plain_double(text) {
        return text;
    }
    match parse_double(text) {
        Some(number) if number.is_nan() => "",
        Some(number) => {
            let mut printed = Vec::with_capacity(24);
            write_java_double(number, &mut printed);
            arena.alloc_str(std::str::from_utf8(&printed).unwrap_or_default())
        }
        None => text,
    }
}

/// What is the same in all rows of a schema.
pub(super) struct RowFrame {
    head: Box<str>,
    tail: Box<str>,
}

impl RowFrame {
    /// The frame of rows of columns.
    pub(super) fn tsv(key: &SchemaKey<'_>) -> RowFrame {
        let SchemaKey { vendor, name, format, version } = key;
        RowFrame {
            head: format!("{vendor}\t{name}\t{format}\t{version}\t").into(),
            tail: format!("\tevents\t[\"events\",\"{name}\"]\tevents").into(),
        }
    }

    /// The frame of JSON rows. Neither keys nor ids nor timestamps can hold anything that JSON escapes.
    pub(super) fn json(key: &SchemaKey<'_>) -> RowFrame {
        let SchemaKey { vendor, name, format, version } = key;
        let schema = format!(r#""vendor":"{vendor}","name":"{name}","format":"{format}","version":"{version}""#);
        RowFrame {
            head: format!(r#"{{"schema":{{{schema}}},"data":"#).into(),
            tail: format!(
                "\",\"refRoot\":\"events\",\"refTree\":[\"events\",\"{name}\"],\"refParent\":\"events\"}}}}\n"
            )
            .into(),
        }
    }
}

/// Appends an entity as columns. Returns how many texts were cut.
pub(super) fn write_tsv<'a>(
    frame: &RowFrame,
    data: Value<'a>,
    root: Root<'_>,
    (plan, order): (&RowPlan, &mut MemberOrder),
    cut_texts: bool,
    arena: &'a Bump,
    out: &mut Vec<u8>,
) -> u64 {
    out.reserve(frame.head.len() + frame.tail.len() + USUAL_ROW);
    for part in [&*frame.head, root.both, &*frame.tail] {
        out.extend_from_slice(part.as_bytes());
    }
    let mut slots = BumpVec::with_capacity_in(plan.len(), arena);
    slots.resize(plan.len(), Slot::EMPTY);
    plan.fill(data, order, &mut slots);
    let mut cuts = 0;
    let mut scratch = Vec::new();
    for (slot, width) in slots.iter().zip(&plan.widths) {
        if slot.value.is_none() {
            out.extend_from_slice(b"\t\\N");
            continue;
        }
        out.push(b'\t');
        cuts += u64::from(write_value(slot.value, width.filter(|_| cut_texts), &mut scratch, out));
    }
    out.push(b'\n');
    cuts
}

/// Appends an entity as one JSON object.
pub(super) fn write_json(frame: &RowFrame, data: Value<'_>, root: Root<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(frame.head.as_bytes());
    write_compact(data, out);
    let hierarchy =
        [r#","hierarchy":{"rootId":""#, root.event_id, r#"","rootTstamp":""#, root.collector_tstamp, &*frame.tail];
    for part in hierarchy {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::shred::tests::{contexts, line};

    proptest! {
        #[test]
        fn copied_pieces_are_what_the_columns_give(
            texts in prop::collection::vec((0..COLUMN_COUNT, "[a-z]{0,3}|0?[1-9]{1,3}|1\\.[0-9]{1,2}|\"\"|[a-z]{300}|202[01]-0[1-9]-1[0-9][ T](24:00:00(\\.000?)?|(23:59:60|12:[0-5]0:[0-5]0)(\\.[0-9]{2,4})?)"), 0..40),
            renamed: bool,
            cut_texts: bool,
            with_json: bool,
        ) {
            let json = contexts(&[]);
            let mut columns: Vec<(Column, &str)> = Vec::new();
            for (at, text) in &texts {
                let column = ALL_COLUMNS[*at];
                let fits = match column.info().kind {
                    ColumnType::Text | ColumnType::Uuid => column != Column::event_id,
                    ColumnType::Integer => text.bytes().all(|byte| byte.is_ascii_digit()),
                    ColumnType::Bool => matches!(text.as_str(), "1"),
                    ColumnType::Timestamp => column != Column::collector_tstamp && text.starts_with("202"),
                    ColumnType::Float | ColumnType::Decimal => text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.')),
                    _ => false,
                };
                let is_needed = matches!(column, Column::v_collector | Column::v_etl);
                if fits && !is_needed {
                    columns.push((column, text));
                }
            }
            if with_json {
                columns.push((Column::contexts, &json));
            }
            let text = line(&columns);
            let arena = Bump::new();
            let checked = CheckedEvent::read(&text, &arena).unwrap();
            let id = if renamed { "00000000-0000-0000-0000-000000000001" } else { checked.event_id };
            let root = Root::new(id, checked.collector_tstamp, &arena);
            let (mut copied, mut by_column) = (Vec::new(), Vec::new());
            let cuts = write_atomic(&checked, root, cut_texts, &arena, &mut copied);
            prop_assert_eq!(cuts, write_atomic_by_column(&checked, root, cut_texts, &arena, &mut by_column));
            prop_assert_eq!(String::from_utf8(copied).unwrap(), String::from_utf8(by_column).unwrap());
        }
    }
}
