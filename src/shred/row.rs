//! Rows: atomic events, entities as columns, entities as JSON.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/common/.../transformation/{EventUtils,Transformed,Hierarchy}.scala`.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::check::{CheckedEvent, normal_timestamp};
use super::plan::{RowPlan, Slot};
use super::text::{cut, write_value};
use crate::event::normal::{is_plain_double, parse_double};
use crate::event::number::parse_int;
use crate::event::{ALL_COLUMNS, Column, ColumnType};
use crate::iglu::SchemaKey;
use crate::json::{Value, write_compact, write_java_double};

/// What all rows of an event share.
#[derive(Clone, Copy)]
pub(super) struct Root<'a> {
    /// The event's id, a new one if it had to be renamed.
    pub event_id: &'a str,
    /// `collector_tstamp` with three decimals.
    pub collector_tstamp: &'a str,
}

/// Appends the row of the events table: the columns without the three of JSON. Returns how many texts were cut.
pub(super) fn write_atomic(
    checked: &CheckedEvent<'_>,
    root: Root<'_>,
    cut_texts: bool,
    arena: &Bump,
    out: &mut Vec<u8>,
) -> u64 {
    let mut cuts = 0;
    for column in ALL_COLUMNS {
        let info = column.info();
        if info.kind == ColumnType::Json {
            continue;
        }
        let text = checked.event.get(column).unwrap_or_default();
        match column {
            Column::event_id => out.extend_from_slice(root.event_id.as_bytes()),
            Column::collector_tstamp => out.extend_from_slice(root.collector_tstamp.as_bytes()),
            _ if text.is_empty() => {}
            _ => match info.kind {
                ColumnType::Integer => write_integer(text, out),
                ColumnType::Float | ColumnType::Decimal => write_double(text, out),
                ColumnType::Timestamp => {
                    let normal = normal_timestamp(text, arena).map_or(text, |(normal, _)| normal);
                    out.extend_from_slice(normal.as_bytes());
                }
                ColumnType::Text | ColumnType::Uuid if cut_texts && info.max_length > 0 => {
                    let short = cut(text, usize::from(info.max_length));
                    cuts += u64::from(short.len() < text.len());
                    out.extend_from_slice(short.as_bytes());
                }
                _ => out.extend_from_slice(text.as_bytes()),
            },
        }
        out.push(b'\t');
    }
    let last = out.len() - 1;
    out[last] = b'\n';
    cuts
}

fn write_integer(text: &str, out: &mut Vec<u8>) {
    let is_plain = match text.as_bytes() {
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        single => single == b"0",
    };
    match parse_int(text) {
        Some(number) if !is_plain => out.extend_from_slice(number.to_string().as_bytes()),
        _ => out.extend_from_slice(text.as_bytes()),
    }
}

fn write_double(text: &str, out: &mut Vec<u8>) {
    if is_plain_double(text) {
        return out.extend_from_slice(text.as_bytes());
    }
    match parse_double(text) {
        Some(number) if number.is_nan() => {}
        Some(number) => write_java_double(number, out),
        None => out.extend_from_slice(text.as_bytes()),
    }
}

/// Appends an entity as columns. Returns how many texts were cut.
pub(super) fn write_tsv<'a>(
    key: &SchemaKey<'_>,
    data: Value<'a>,
    root: Root<'_>,
    plan: &RowPlan,
    cut_texts: bool,
    arena: &'a Bump,
    out: &mut Vec<u8>,
) -> u64 {
    let parts = [
        key.vendor,
        "\t",
        key.name,
        "\t",
        key.format,
        "\t",
        version_in(key, arena),
        "\t",
        root.event_id,
        "\t",
        root.collector_tstamp,
        "\tevents\t[\"events\",\"",
        key.name,
        "\"]\tevents",
    ];
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
    let mut slots = BumpVec::with_capacity_in(plan.len(), arena);
    slots.resize(plan.len(), Slot::EMPTY);
    plan.fill(data, &mut slots);
    let mut cuts = 0;
    let mut scratch = Vec::new();
    for (slot, width) in slots.iter().zip(&plan.widths) {
        out.push(b'\t');
        cuts += u64::from(write_value(slot.value, width.filter(|_| cut_texts), &mut scratch, out));
    }
    out.push(b'\n');
    cuts
}

/// Appends an entity as one JSON object.
pub(super) fn write_json(key: &SchemaKey<'_>, data: Value<'_>, root: Root<'_>, arena: &Bump, out: &mut Vec<u8>) {
    // Neither keys nor ids nor timestamps can hold anything that JSON escapes.
    let head = [
        r#"{"schema":{"vendor":""#,
        key.vendor,
        r#"","name":""#,
        key.name,
        r#"","format":""#,
        key.format,
        r#"","version":""#,
        version_in(key, arena),
        r#""},"data":"#,
    ];
    let tail = [
        r#","hierarchy":{"rootId":""#,
        root.event_id,
        r#"","rootTstamp":""#,
        root.collector_tstamp,
        r#"","refRoot":"events","refTree":["events",""#,
        key.name,
        r#""],"refParent":"events"}}"#,
        "\n",
    ];
    for part in head {
        out.extend_from_slice(part.as_bytes());
    }
    write_compact(data, out);
    for part in tail {
        out.extend_from_slice(part.as_bytes());
    }
}

/// The version as text; the common ones cost nothing.
fn version_in<'a>(key: &SchemaKey<'_>, arena: &'a Bump) -> &'a str {
    let version = key.version;
    match (version.model, version.revision, version.addition) {
        (1, 0, 0) => "1-0-0",
        (1, 0, 1) => "1-0-1",
        (1, 0, 2) => "1-0-2",
        _ => arena.alloc_str(&version.to_string()),
    }
}
