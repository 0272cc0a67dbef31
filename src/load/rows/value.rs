//! One value, as the column takes it.

use std::borrow::Cow;

use super::Field;
use crate::ddl::ColumnType;

/// Why a column does not take a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ValueError(pub &'static str);

/// The value as the column takes it, and whether a text had to be cut. Nothing in a column that is no text is null.
pub fn normal_value<'a>(text: &'a str, field: &Field) -> Result<(Option<Cow<'a, str>>, bool), ValueError> {
    let ok = |text: Cow<'a, str>| Ok((Some(text), false));
    match field.ty {
        ColumnType::Varchar(_) | ColumnType::Char(_) => {
            let short = field.width.map_or(text, |width| cut(text, width as usize));
            Ok((Some(Cow::Borrowed(short)), short.len() < text.len()))
        }
        _ if text.is_empty() => Ok((None, false)),
        ColumnType::SmallInt => integer(text, i64::from(i16::MIN), i64::from(i16::MAX)).and_then(ok),
        ColumnType::Int => integer(text, i64::from(i32::MIN), i64::from(i32::MAX)).and_then(ok),
        ColumnType::BigInt => integer(text, i64::MIN, i64::MAX).and_then(ok),
        ColumnType::Double => match text.parse::<f64>() {
            Ok(_) => ok(text.into()),
            Err(_) => Err(ValueError("Invalid digit, no number")),
        },
        ColumnType::Decimal => decimal(text, 0).and_then(ok),
        ColumnType::Money => decimal(text, 2).and_then(ok),
        ColumnType::Boolean => match text {
            "1" | "t" | "true" | "T" | "TRUE" | "True" => ok("1".into()),
            "0" | "f" | "false" | "F" | "FALSE" | "False" => ok("0".into()),
            _ => Err(ValueError("Unknown boolean format")),
        },
        ColumnType::Timestamp => timestamp(text).ok_or(ValueError("Invalid timestamp format or value")).and_then(ok),
        ColumnType::Date => date(text).ok_or(ValueError("Invalid date format")).and_then(ok),
    }
}

fn integer(text: &str, least: i64, most: i64) -> Result<Cow<'_, str>, ValueError> {
    match text.parse::<i64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(text.into()),
        Ok(_) => Err(ValueError("Overflow: the number does not fit the column")),
        Err(_) => Err(ValueError("Invalid digit, no integer")),
    }
}

/// Further decimals are cut, not rounded: that is what Redshift does without `ROUNDEC`.
fn decimal(text: &str, scale: usize) -> Result<Cow<'_, str>, ValueError> {
    let number: f64 = text.parse().map_err(|_| ValueError("Invalid digit, no number"))?;
    if !number.is_finite() {
        return Err(ValueError("Invalid digit, no finite number"));
    }
    if text.contains(['e', 'E']) {
        // As Java prints what is large or small: 1.0E7.
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().map_err(|_| ValueError("Invalid digit, no number"))?;
        return match shifted(mantissa, exponent) {
            Some(plain) => Ok(Cow::Owned(cut_decimals(&plain, scale).to_owned())),
            None => Err(ValueError("Overflow: the number does not fit the column")),
        };
    }
    Ok(Cow::Borrowed(cut_decimals(text, scale)))
}

fn cut_decimals(text: &str, scale: usize) -> &str {
    match text.find('.') {
        Some(point) if scale == 0 => &text[..point],
        Some(point) => &text[..text.len().min(point + 1 + scale)],
        None => text,
    }
}

/// The decimal point moved to the right, or to the left if the exponent is negative.
fn shifted(mantissa: &str, exponent: i32) -> Option<String> {
    if !(-60..=60).contains(&exponent) {
        return if exponent < 0 { Some("0".to_owned()) } else { None };
    }
    let (sign, digits) = match mantissa.strip_prefix(['-', '+']) {
        Some(rest) => (if mantissa.starts_with('-') { "-" } else { "" }, rest),
        None => ("", mantissa),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    if point <= 0 {
        return Some(format!("{sign}0.{}{all}", "0".repeat(point.unsigned_abs() as usize)));
    }
    let point = point as usize;
    if point >= all.len() {
        return Some(format!("{sign}{all}{}", "0".repeat(point - all.len())));
    }
    Some(format!("{sign}{}.{}", &all[..point], &all[point..]))
}

/// Offsets are worked in: a column without time zone holds UTC.
fn timestamp(text: &str) -> Option<Cow<'_, str>> {
    if is_plain_timestamp(text.as_bytes()) {
        let valid = text.replacen(' ', "T", 1).parse::<jiff::civil::DateTime>().is_ok();
        return valid.then_some(Cow::Borrowed(text));
    }
    let civil = match text.parse::<jiff::Timestamp>() {
        Ok(instant) => instant.to_zoned(jiff::tz::TimeZone::UTC).datetime(),
        Err(_) => text.parse::<jiff::civil::DateTime>().ok()?,
    };
    let format = if civil.subsec_nanosecond() == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.6f" };
    Some(Cow::Owned(civil.strftime(format).to_string()))
}

/// `2014-05-29 18:16:35` with or without decimals.
fn is_plain_timestamp(text: &[u8]) -> bool {
    let shape = b"0000-00-00 00:00:00";
    let fits = |(byte, like): (&u8, &u8)| if *like == b'0' { byte.is_ascii_digit() } else { byte == like };
    text.len() >= shape.len()
        && text.iter().zip(shape).all(fits)
        && match &text[shape.len()..] {
            [] => true,
            [b'.', digits @ ..] => (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
            _ => false,
        }
}

fn date(text: &str) -> Option<Cow<'_, str>> {
    if text.len() == 10 {
        return text.parse::<jiff::civil::Date>().is_ok().then_some(Cow::Borrowed(text));
    }
    timestamp(text).map(|stamp| Cow::Owned(stamp[..10].to_owned()))
}

/// The first `width` characters.
fn cut(text: &str, width: usize) -> &str {
    if text.len() <= width {
        return text;
    }
    match text.char_indices().nth(width) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}
