//! The converters of tracker-protocol parameters: from a parameter's value to a column's text, or what was expected.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/ConversionUtils.scala` and
//! `.../enrichments/{EventEnrichments,MiscEnrichments,ClientEnrichments}.scala`; failure texts as they stand in bad
//! rows.

use std::borrow::Cow;

use bumpalo::Bump;

use crate::event::number::{parse_int, parse_long};
use crate::event::time::{Civil, column_timestamp, joda_text};

/// What was expected instead: the `expectation` of an `InputData` message.
pub type Expectation = Cow<'static, str>;

/// The name of an event type.
pub fn event_type(value: &str) -> Result<&'static str, Expectation> {
    Ok(match value {
        "se" | "ev" => "struct",
        "ue" => "unstruct",
        "ad" => "ad_impression",
        "tr" => "transaction",
        "ti" => "transaction_item",
        "pv" => "page_view",
        "pp" => "page_ping",
        _ => return Err("not recognized as an event type".into()),
    })
}

/// A tracking platform.
pub fn platform(value: &str) -> Result<&str, Expectation> {
    match value {
        "web" | "iot" | "app" | "mob" | "pc" | "cnsl" | "tv" | "srv" => Ok(value),
        _ => Err("not recognized as a tracking platform".into()),
    }
}

/// A canonical UUID of any case, in lower case.
pub fn uuid<'a>(value: &'a str, arena: &'a Bump) -> Result<&'a str, Expectation> {
    let bytes = value.as_bytes();
    let canonical = bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        });
    if !canonical {
        return Err("not a valid UUID".into());
    }
    if bytes.iter().any(u8::is_ascii_uppercase) {
        let lower = arena.alloc_str(value);
        lower.make_ascii_lowercase();
        return Ok(lower);
    }
    Ok(value)
}

/// A signed 32-bit integer in its canonical spelling; the word `null` is null.
pub fn integer<'a>(value: &'a str, arena: &'a Bump) -> Result<Option<&'a str>, Expectation> {
    if is_canonical_integer(value) {
        return Ok(Some(value));
    }
    if value.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    match parse_int(value) {
        Some(number) => Ok(Some(integer_text(number, arena))),
        None => Err("cannot be converted to java.lang.Integer".into()),
    }
}

/// Up to nine digits without superfluous ones: the spelling that needs no parsing.
fn is_canonical_integer(value: &str) -> bool {
    matches!(value.as_bytes(), [b'0'])
        || matches!(value.as_bytes(), [b'1'..=b'9', rest @ ..] if rest.len() < 9 && rest.iter().all(u8::is_ascii_digit))
}

/// The decimal digits of an integer.
pub fn integer_text(number: i32, arena: &Bump) -> &str {
    bumpalo::format!(in arena, "{}", number).into_bump_str()
}

/// `1` or `0`.
pub fn boolean_digit(value: &str) -> Result<&str, Expectation> {
    match value {
        "1" | "0" => Ok(value),
        _ => Err("cannot be converted to Boolean-like java.lang.Byte".into()),
    }
}

/// Width and height, written as `1024x768`.
pub fn dimensions<'a>(value: &'a str, arena: &'a Bump) -> Result<(&'a str, &'a str), Expectation> {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let Some((width, height)) = value.split_once('x').filter(|(w, h)| is_number(w) && is_number(h)) else {
        return Err(r"does not conform to regex (\d+)x(\d+)".into());
    };
    let canonical = |part: &'a str| match integer(part, arena) {
        Ok(Some(text)) => Ok(text),
        _ => Err(Expectation::from("could not be converted to java.lang.Integer s")),
    };
    Ok((canonical(width)?, canonical(height)?))
}

/// Milliseconds since 1970 as a timestamp column, and the number itself.
pub fn timestamp<'a>(value: &str, arena: &'a Bump) -> Result<(i64, &'a str), Expectation> {
    let millis = parse_long(value).ok_or("not in the expected format: ms since epoch")?;
    match timestamp_text(millis, arena) {
        Some(text) => Ok((millis, text)),
        None => Err(format!("formatting as {} is not Redshift-compatible", column_timestamp(millis)).into()),
    }
}

/// The collector's timestamp; the error is the value shown and what was expected.
pub fn collector_timestamp(millis: Option<i64>, arena: &Bump) -> Result<(i64, &str), (Option<String>, Expectation)> {
    let millis = millis.ok_or((None, Expectation::from("should be set")))?;
    match timestamp_text(millis, arena) {
        Some(text) => Ok((millis, text)),
        None => {
            let expectation = format!("formatted as {} is not Redshift-compatible", column_timestamp(millis));
            Err((Some(joda_text(millis)), expectation.into()))
        }
    }
}

/// First and last millisecond of the years 0 to 9999.
const YEAR_0: i64 = -62_167_219_200_000;
const YEAR_9999_END: i64 = 253_402_300_799_999;

/// `yyyy-MM-dd HH:mm:ss.SSS`, or `None` outside of the years 0 to 9999.
pub fn timestamp_text(millis: i64, arena: &Bump) -> Option<&str> {
    if !(YEAR_0..=YEAR_9999_END).contains(&millis) {
        return None;
    }
    let civil = Civil::from_millis(millis);
    let mut text = *b"0000-00-00 00:00:00.000";
    let mut put = |at: usize, width: usize, value: u32| {
        let mut rest = value;
        for place in (at..at + width).rev() {
            text[place] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    };
    put(0, 4, civil.year as u32);
    put(5, 2, civil.month);
    put(8, 2, civil.day);
    put(11, 2, civil.hour);
    put(14, 2, civil.minute);
    put(17, 2, civil.second);
    put(20, 3, civil.millis);
    std::str::from_utf8(&text).ok().map(|text| &*arena.alloc_str(text))
}

#[cfg(test)]
mod tests;
