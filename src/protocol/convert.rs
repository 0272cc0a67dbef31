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

/// Whether a text needs no sanitising: no C0 control character and no DEL.
fn is_tsv_safe(text: &str) -> bool {
    // Without an early exit inside a block the loop compiles to vector instructions.
    text.as_bytes().chunks(64).all(|block| !block.iter().fold(false, |bad, b| bad | (*b < 0x20) | (*b == 0x7F)))
}

/// A TSV-safe text: TAB as four spaces, other controls removed, nothing left is null.
pub fn text<'a>(value: &'a str, arena: &'a Bump) -> Option<&'a str> {
    let safe = if is_tsv_safe(value) { value } else { remove_controls(value, arena) };
    Some(safe).filter(|safe| !safe.is_empty())
}

fn remove_controls<'a>(value: &str, arena: &'a Bump) -> &'a str {
    let mut safe = bumpalo::collections::String::with_capacity_in(value.len() + 16, arena);
    for c in value.chars() {
        match c {
            '\t' => safe.push_str("    "),
            '\u{0}'..='\u{1F}' | '\u{7F}' => {}
            other => safe.push(other),
        }
    }
    safe.into_bump_str()
}

/// The User-Agent header as a column: line ends removed, TAB as four spaces, nothing else; also not null when empty.
pub fn header_useragent<'a>(value: &'a str, arena: &'a Bump) -> &'a str {
    if !value.bytes().any(|b| matches!(b, b'\r' | b'\n' | b'\t')) {
        return value;
    }
    let mut clean = bumpalo::collections::String::with_capacity_in(value.len() + 16, arena);
    for c in value.chars() {
        match c {
            '\t' => clean.push_str("    "),
            '\r' | '\n' => {}
            other => clean.push(other),
        }
    }
    clean.into_bump_str()
}

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
        None => Err(format!("formatting as {} is not Redshift-compatible", out_of_range_text(millis)).into()),
    }
}

/// The collector's timestamp; the error is the value shown and what was expected.
pub fn collector_timestamp<'a>(
    millis: Option<i64>,
    arena: &'a Bump,
) -> Result<(i64, &'a str), (Option<String>, Expectation)> {
    let millis = millis.ok_or((None, Expectation::from("should be set")))?;
    match timestamp_text(millis, arena) {
        Some(text) => Ok((millis, text)),
        None => {
            let expectation = format!("formatted as {} is not Redshift-compatible", out_of_range_text(millis));
            Err((Some(joda_text(clamp(millis))), expectation.into()))
        }
    }
}

/// Milliseconds that the calendar can show. Years beyond are printed as the last one that fits; they fail anyway.
fn clamp(millis: i64) -> i64 {
    const LIMIT: i64 = i64::MAX / 4;
    millis.clamp(-LIMIT, LIMIT)
}

fn out_of_range_text(millis: i64) -> String {
    column_timestamp(clamp(millis))
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

/// What one character of base64 is worth; both alphabets.
const BASE64: [u8; 256] = {
    let mut table = [NOT_BASE64; 256];
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < 64 {
        table[letters[at] as usize] = at as u8;
        at += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table
};
const NOT_BASE64: u8 = 0xFF;

/// Decodes base64 as Apache Commons Codec does: both alphabets, foreign characters skipped, padding optional, a lone
/// last character dropped, and what is not UTF-8 replaced. It never fails.
pub fn base64_text<'a>(value: &str, arena: &'a Bump) -> &'a str {
    let mut bytes = bumpalo::collections::Vec::with_capacity_in(value.len() / 4 * 3 + 3, arena);
    let mut chunks = value.as_bytes().chunks_exact(4);
    let mut done = 0;
    for chunk in &mut chunks {
        let [a, b, c, d] = [chunk[0], chunk[1], chunk[2], chunk[3]].map(|byte| BASE64[usize::from(byte)]);
        if a | b | c | d == NOT_BASE64 {
            break;
        }
        bytes.extend_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
        done += 4;
    }
    decode_rest(&value.as_bytes()[done..], &mut bytes);
    match simdutf8::basic::from_utf8(bytes.into_bump_slice()) {
        Ok(text) => text,
        Err(_) => replace_malformed(value, arena),
    }
}

/// Character by character: stops at padding, skips what is not in the alphabet.
fn decode_rest(rest: &[u8], bytes: &mut bumpalo::collections::Vec<'_, u8>) {
    let mut bits = 0u32;
    let mut count = 0;
    for &byte in rest {
        if byte == b'=' {
            break;
        }
        let value = BASE64[usize::from(byte)];
        if value == NOT_BASE64 {
            continue;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
}

fn replace_malformed<'a>(value: &str, arena: &'a Bump) -> &'a str {
    let mut bytes = bumpalo::collections::Vec::new_in(arena);
    decode_rest(value.as_bytes(), &mut bytes);
    arena.alloc_str(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests;
