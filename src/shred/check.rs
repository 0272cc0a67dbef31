//! From a line to a checked event: columns decoded, entities taken apart.
//!
//! Facts: snowplow/snowplow-scala-analytics-sdk 2.1.0, `src/main/scala/.../decode/ValueDecoder.scala` (the messages, with
//! their stray apostrophe), as used by snowplow/snowplow-rdb-loader 1.2.3.

use std::borrow::Cow;

use bumpalo::Bump;

use crate::badrow::{ParsingFailure, RowDecodingFailure};
use crate::event::normal::Moment;
use crate::event::read::{ColumnError, Decoded, Entities, ReadError, decode, split_tsv_in};
use crate::event::time::{USUAL_TIMESTAMP, parse_column_timestamp, write_column_timestamp};
use crate::event::{Column, ColumnType, EnrichedEvent};
use crate::iglu::SelfDescribing;
use crate::scan::{HEX, NO_DIGIT};

/// An event that is fit to be shredded, once its entities are valid.
pub struct CheckedEvent<'a> {
    /// The line, as text.
    pub line: &'a str,
    /// The columns.
    pub event: &'a EnrichedEvent<'a>,
    /// The entities.
    pub entities: Entities<'a>,
    /// The columns whose text may have another spelling in a table: see [`Decoded::unusual`].
    pub unusual: u128,
    /// The id in lower case.
    pub event_id: &'a str,
    /// The id's value.
    pub id: u128,
    /// `collector_tstamp` with three decimals.
    pub collector_tstamp: &'a str,
    /// `collector_tstamp`, milliseconds since 1970.
    pub collector_millis: i64,
}

impl<'a> CheckedEvent<'a> {
    /// Reads a line without its line feed.
    pub fn read(line: &'a str, arena: &'a Bump) -> Result<CheckedEvent<'a>, ParsingFailure<'a>> {
        let event = split_tsv_in(line, arena).map_err(|error| match error {
            ReadError::NotTsv => ParsingFailure::NotTsv,
            ReadError::ColumnCount(field_count) => ParsingFailure::FieldNumberMismatch { field_count },
        })?;
        let Decoded { entities, unusual } = decode(event, arena)
            .map_err(|errors| ParsingFailure::RowDecodingError(errors.into_iter().map(invalid_value).collect()))?;
        let collected = event.get(Column::collector_tstamp).unwrap_or_default();
        let (collector_tstamp, collector_millis) =
            normal_timestamp(collected, arena).ok_or_else(|| unreadable(Column::collector_tstamp, collected))?;
        let id = event.get(Column::event_id).unwrap_or_default();
        let (event_id, id) = normal_id(id, arena).ok_or_else(|| unreadable(Column::event_id, id))?;
        Ok(CheckedEvent { line, event, entities, unusual, event_id, id, collector_tstamp, collector_millis })
    }

    /// All entities: the self-describing event, then those of enrichments, then those of the tracker.
    pub fn all_entities(&self) -> impl Iterator<Item = &SelfDescribing<'a>> {
        self.entities.unstruct_event.iter().chain(self.entities.derived_contexts).chain(self.entities.contexts)
    }

    /// How many entities there are.
    pub fn entity_count(&self) -> u64 {
        let events = usize::from(self.entities.unstruct_event.is_some());
        (events + self.entities.derived_contexts.len() + self.entities.contexts.len()) as u64
    }
}

/// A timestamp with three decimals, and its value.
#[inline]
pub(super) fn normal_timestamp<'a>(text: &'a str, arena: &'a Bump) -> Option<(&'a str, i64)> {
    if text.len() == USUAL_TIMESTAMP
        && let Some(millis) = parse_column_timestamp(text)
    {
        return Some((text, millis));
    }
    let millis = Moment::parse(text)?.millis;
    let mut out = Vec::with_capacity(24);
    write_column_timestamp(millis, &mut out);
    Some((arena.alloc_str(std::str::from_utf8(&out).ok()?), millis))
}

/// The value of an id, as Java reads it: groups may be short, and only the last digits of long ones count.
pub(super) fn id_value(text: &str) -> Option<u128> {
    usual_id(text).map(|(value, _)| value).or_else(|| unusual_id(text))
}

/// The value of an id with groups of the usual length, and whether all its letters are lower case.
fn usual_id(text: &str) -> Option<(u128, bool)> {
    let bytes: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let mut seen = 0;
    let mut number = |digits: &[u8]| {
        digits.iter().fold(0_u64, |value, byte| {
            let digit = HEX[usize::from(*byte)];
            seen |= digit;
            value << 4 | u64::from(digit)
        })
    };
    let high = number(&bytes[..8]) << 32 | number(&bytes[9..13]) << 16 | number(&bytes[14..18]);
    let low = number(&bytes[19..23]) << 48 | number(&bytes[24..]);
    let has_dashes = [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-');
    let is_lower = !bytes.iter().any(u8::is_ascii_uppercase);
    (seen != NO_DIGIT && has_dashes).then_some((u128::from(high) << 64 | u128::from(low), is_lower))
}

#[cold]
fn unusual_id(text: &str) -> Option<u128> {
    let mut groups = text.split('-');
    let mut value = 0;
    for bits in [32, 16, 16, 16, 48] {
        let group = groups.next()?;
        // A sign is not for us to judge: what reaches tables was accepted by the reader.
        let number = u64::from_str_radix(group, 16).ok()? & ((1 << bits) - 1);
        value = value << bits | u128::from(number);
    }
    groups.next().is_none().then_some(value)
}

/// The id as Java prints it: short groups are filled up, letters are lower case.
pub(super) fn id_text(value: u128) -> String {
    let hex = format!("{value:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The id's text, and its value.
fn normal_id<'a>(text: &'a str, arena: &'a Bump) -> Option<(&'a str, u128)> {
    match usual_id(text) {
        Some((value, true)) => Some((text, value)),
        Some((value, false)) => Some((arena.alloc_str(&id_text(value)), value)),
        None => unusual_id(text).map(|value| (&*arena.alloc_str(&id_text(value)), value)),
    }
}

fn unreadable<'a>(column: Column, value: &'a str) -> ParsingFailure<'a> {
    let wanted = if column == Column::event_id { "UUID" } else { "datetime" };
    let message = format!("Cannot parse key '{} with value {value} into {wanted}", column.info().name);
    ParsingFailure::RowDecodingError(vec![RowDecodingFailure::InvalidValue {
        key: column.info().name.into(),
        value: value.into(),
        message: message.into(),
    }])
}

/// Version 2 of the SDK puts an apostrophe before the key's name, and the value into the message.
fn invalid_value(error: ColumnError<'_>) -> RowDecodingFailure<'_> {
    let info = error.column.info();
    let message: Cow<'_, str> = match info.kind {
        ColumnType::Json => error.message,
        _ if error.value.is_empty() => format!("Field '{} cannot be empty", info.name).into(),
        kind => {
            let wanted = match kind {
                ColumnType::Uuid => "UUID",
                ColumnType::Integer => "integer",
                ColumnType::Bool => "boolean",
                ColumnType::Timestamp => "datetime",
                _ => "double",
            };
            format!("Cannot parse key '{} with value {} into {wanted}", info.name, error.value).into()
        }
    };
    RowDecodingFailure::InvalidValue { key: info.name.into(), value: error.value.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uuid(text: &str) -> Option<String> {
        normal_id(text, &Bump::new()).map(|(text, _)| text.to_owned())
    }

    #[test]
    fn ids_as_java_prints_them() {
        let normal = "2b1b25a4-c0df-4859-8201-cf21492ad61b";
        assert_eq!(uuid(normal).as_deref(), Some(normal));
        assert_eq!(uuid(&normal.to_uppercase()).as_deref(), Some(normal));
        assert_eq!(uuid("1-2-3-4-5").as_deref(), Some("00000001-0002-0003-0004-000000000005"));
        assert_eq!(uuid("123456789-0-0-0-0").as_deref(), Some("23456789-0000-0000-0000-000000000000"));
        assert_eq!(uuid("x"), None);
        assert_eq!(id_value(normal), Some(0x2b1b25a4_c0df_4859_8201_cf21492ad61b));
        for wrong in ["2b1b25a4-c0df-4859-8201-cf21492ad61g", "2b1b25a4-c0df-4859-8201ccf21492ad61b"] {
            assert_eq!(uuid(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn timestamps_get_three_decimals() {
        let arena = Bump::new();
        let normal = |text: &'static str| normal_timestamp(text, &arena).map(|(text, _)| text.to_owned());
        assert_eq!(normal("2014-05-29 18:16:35").as_deref(), Some("2014-05-29 18:16:35.000"));
        assert_eq!(normal("2014-05-29 18:16:35.1234").as_deref(), Some("2014-05-29 18:16:35.123"));
        assert_eq!(normal("2014-05-29 18:16:35.123").as_deref(), Some("2014-05-29 18:16:35.123"));
        assert_eq!(normal("2014-05-29"), None);
    }
}
