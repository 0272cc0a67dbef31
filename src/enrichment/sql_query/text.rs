//! PostgreSQL's binary values in the words of its JDBC driver.
//!
//! Facts: PostgreSQL 15, `src/backend/utils/adt/*.c` (send functions); pgjdbc 42 (`getObject`), JDK 11
//! `java.sql.Timestamp.toString`. Times are those of UTC.

use tokio_postgres::types::{Kind, Type};

use crate::event::time::{column_timestamp, joda_text};

/// Milliseconds from 1970 to 2000, where the server's time starts.
const EPOCH: i64 = 946_684_800_000;

/// What a value is to the driver.
#[derive(Debug, PartialEq)]
pub(super) enum Decoded {
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    /// Another class, by its text.
    Other(String),
}

/// Reads a value; `None` if its type is not known here.
pub(super) fn decode(kind: &Type, bytes: &[u8]) -> Option<Decoded> {
    let utf8 = || String::from_utf8(bytes.to_vec()).ok();
    Some(match *kind {
        Type::BOOL => Decoded::Bool(*bytes.first()? != 0),
        Type::INT2 => Decoded::Integer(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT4 => Decoded::Integer(i32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::OID => Decoded::Integer(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT8 => Decoded::Integer(i64::from_be_bytes(bytes.try_into().ok()?)),
        Type::FLOAT4 => Decoded::Double(f32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::FLOAT8 => Decoded::Double(f64::from_be_bytes(bytes.try_into().ok()?)),
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN => Decoded::Text(utf8()?),
        Type::DATE => {
            let days = i32::from_be_bytes(bytes.try_into().ok()?);
            Decoded::Text(joda_text(EPOCH + i64::from(days) * 86_400_000))
        }
        Type::NUMERIC => Decoded::Other(numeric(bytes)?),
        Type::JSON => Decoded::Other(utf8()?),
        Type::JSONB => Decoded::Other(String::from_utf8(bytes.get(1..)?.to_vec()).ok()?),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => Decoded::Other(timestamp(i64::from_be_bytes(bytes.try_into().ok()?))),
        Type::TIME => Decoded::Other(time(i64::from_be_bytes(bytes.try_into().ok()?))),
        Type::UUID => Decoded::Other(uuid::Uuid::from_slice(bytes).ok()?.to_string()),
        _ => match kind.kind() {
            Kind::Enum(_) => Decoded::Text(utf8()?),
            Kind::Domain(inner) => decode(inner, bytes)?,
            Kind::Array(element) => Decoded::Other(array(element, bytes)?),
            _ => return None,
        },
    })
}

/// `2016-01-07 10:10:34.0`: at least one fraction digit.
fn timestamp(micros: i64) -> String {
    let millis = EPOCH.saturating_add(micros.div_euclid(1000));
    let text = column_timestamp(millis);
    let exact = format!("{text}{:03}", micros.rem_euclid(1000));
    let trimmed = exact.trim_end_matches('0');
    if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() }
}

fn time(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Digits to the base of 10000, with their weight and the number of decimals to show.
fn numeric(bytes: &[u8]) -> Option<String> {
    let field = |at: usize| Some(i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (count, weight, sign, scale) = (field(0)?, i64::from(field(2)?), field(4)? as u16, field(6)?);
    match sign {
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => {}
    }
    let digit = |position: i64| match usize::try_from(position) {
        Ok(position) if position < count.max(0) as usize => field(8 + 2 * position),
        _ => Some(0),
    };
    let mut text = String::new();
    if sign == 0x4000 {
        text.push('-');
    }
    if weight < 0 {
        text.push('0');
    }
    for position in 0..=weight {
        let group = digit(position)?;
        text.push_str(&if position == 0 { group.to_string() } else { format!("{group:04}") });
    }
    let scale = scale.max(0) as usize;
    if scale > 0 {
        text.push('.');
        let start = text.len();
        let mut position = weight + 1;
        while text.len() - start < scale {
            text.push_str(&format!("{:04}", digit(position)?));
            position += 1;
        }
        text.truncate(start + scale);
    }
    Some(text)
}

/// `{1,2}`; texts with quotes where they need them. Of one dimension only.
fn array(element: &Type, bytes: &[u8]) -> Option<String> {
    let field = |at: usize| Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (dimensions, count) = (field(0)?, if bytes.len() > 12 { field(12)? } else { 0 });
    if dimensions > 1 {
        return None;
    }
    let mut items = Vec::new();
    let mut at = 20;
    for _ in 0..count {
        let length = field(at)?;
        at += 4;
        if length < 0 {
            items.push("NULL".to_owned());
            continue;
        }
        let item = bytes.get(at..at + length as usize)?;
        at += length as usize;
        items.push(match decode(element, item)? {
            Decoded::Bool(truth) => (if truth { "t" } else { "f" }).to_owned(),
            Decoded::Integer(number) => number.to_string(),
            Decoded::Double(number) => number.to_string(),
            Decoded::Text(text) | Decoded::Other(text) => array_text(&text),
        });
    }
    Some(format!("{{{}}}", items.join(",")))
}

fn array_text(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.eq_ignore_ascii_case("null")
        && !text.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ',' | '"' | '\\'));
    if plain { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}
