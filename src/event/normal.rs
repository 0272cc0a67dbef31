//! Values of columns that [`super::read::decode`] has accepted, and their one normal spelling.
//!
//! Facts: snowplow/snowplow-scala-analytics-sdk 2.1.0, `Event.scala` and `decode/ValueDecoder.scala` (what Java reads);
//! snowplow/snowplow-rdb-loader 1.2.3, `modules/common/.../transformation/EventUtils.scala` (what goes into a table).

use super::number::is_double;
use super::time::{Civil, days_in_month};

/// A point in time, as finely as `java.time.Instant` knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Milliseconds since 1970, UTC.
    pub millis: i64,
    /// Nanoseconds beyond the millisecond: 0 to 999,999.
    pub nanos: u32,
}

impl Moment {
    /// Reads the text of a timestamp column, in every form that the analytics SDK takes.
    pub fn parse(text: &str) -> Option<Moment> {
        let at = text.find([' ', 'T', 't'])?;
        let (date, time) = (&text[..at], &text[at + 1..]);
        let (year, month_and_day) = date.split_at_checked(date.len().checked_sub(6)?)?;
        let (month, day) = month_and_day.strip_prefix('-')?.split_once('-')?;
        let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
        let mut parts = whole.split(':').map(number);
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() || fraction.len() > 9 || hour > 24 || minute > 59 || second > 60 {
            return None;
        }
        let nanos = if fraction.is_empty() { 0 } else { number(fraction)? * 10u32.pow(9 - fraction.len() as u32) };
        let civil = Civil {
            year: year.parse().ok().filter(|year: &i64| year.unsigned_abs() < 1_000_000_000)?,
            month: number(month)?,
            day: number(day)?,
            hour: 0,
            minute,
            // Java squeezes a leap second into the second before.
            second: second.min(59),
            millis: nanos / 1_000_000,
        };
        if !(1..=12).contains(&civil.month) || !(1..=days_in_month(civil.year, civil.month)).contains(&civil.day) {
            return None;
        }
        // 24:00 is the next day's midnight.
        Some(Moment { millis: civil.to_millis() + i64::from(hour) * 3_600_000, nanos: nanos % 1_000_000 })
    }
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// The value of a text that `Double.parseDouble` takes; `None` for any other.
pub fn parse_double(text: &str) -> Option<f64> {
    if !is_double(text) {
        return None;
    }
    let trimmed = text.trim_matches(|c: char| c <= ' ');
    if let Ok(value) = trimmed.parse() {
        return Some(value);
    }
    let (sign, unsigned) = match trimmed.as_bytes().first() {
        Some(b'-') => (-1.0, &trimmed[1..]),
        Some(b'+') => (1.0, &trimmed[1..]),
        _ => (1.0, trimmed),
    };
    let digits = unsigned.trim_end_matches(['d', 'D', 'f', 'F']);
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => Some(sign * hexadecimal_value(hexadecimal)?),
        None => digits.parse::<f64>().ok().map(|value| sign * value),
    }
}

/// `1.8p3` in base 16: digits beyond the precision of a double are rounded one by one.
fn hexadecimal_value(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value = 0.0f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = exponent.parse::<i32>().unwrap_or(if exponent.starts_with('-') { -100_000 } else { 100_000 });
    Some(value * 2f64.powi(shift.saturating_sub(4 * fraction.len() as i32)))
}

/// Whether an integer's text is what Java would print for it, told from its form alone: up to nine digits. Others may be
/// it too.
#[inline]
pub fn is_plain_int(text: &str) -> bool {
    match text.as_bytes() {
        [b'1'..=b'9', rest @ ..] => rest.len() < 9 && rest.iter().all(u8::is_ascii_digit),
        single => single == b"0",
    }
}

/// Whether a double's text is what Java would print for it, told from its form alone: a plain number between 0.001 and
/// 10,000,000 with few enough digits. Others may be it too.
pub fn is_plain_double(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let Some((whole, fraction)) = digits.split_once('.') else { return false };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let whole_is_plain = match whole.as_bytes() {
        [b'0'] => fraction == "0" || !fraction.starts_with("000"),
        [b'1'..=b'9', rest @ ..] => rest.len() < 7,
        _ => false,
    };
    whole_is_plain
        && whole.len() + fraction.len() <= 15
        && (fraction == "0" || !fraction.is_empty() && !fraction.ends_with('0'))
        && all_digits(whole)
        && all_digits(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::time::{column_timestamp, parse_column_timestamp};
    use crate::json::write_java_double;
    use proptest::prelude::*;

    #[test]
    fn moments() {
        let text = |text: &str| Moment::parse(text).map(|moment| (column_timestamp(moment.millis), moment.nanos));
        let cases = [
            ("2013-11-26 00:02:05", "2013-11-26 00:02:05.000", 0),
            ("2021-12-06 15:47:07.920430", "2021-12-06 15:47:07.920", 430_000),
            ("2020-12-31T24:00:00", "2021-01-01 00:00:00.000", 0),
            ("2016-12-31 23:59:60.5", "2016-12-31 23:59:59.500", 0),
            ("+12020-01-01 00:00:00.", "12020-01-01 00:00:00.000", 0),
            ("-0001-03-01 00:00:00", "-0001-03-01 00:00:00.000", 0),
        ];
        for (given, expected, nanos) in cases {
            assert_eq!(text(given), Some((expected.to_owned(), nanos)), "{given}");
        }
        for bad in
            ["", " ", "2020-01-01", "2020-13-01 00:00:00", "2020-01-01 25:00:00", "é-01-01 00:00:00", "-01-01 1:1:1"]
        {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn doubles_as_java_reads_them() {
        let cases = [
            ("1", 1.0),
            ("1.5f", 1.5),
            (" 2d ", 2.0),
            ("1e3", 1000.0),
            ("0x1p3", 8.0),
            ("-0x.8p-2", -0.125),
            ("+5.", 5.0),
        ];
        for (text, value) in cases {
            assert_eq!(parse_double(text), Some(value), "{text}");
        }
        assert!(parse_double("NaN").unwrap().is_nan());
        assert_eq!(parse_double("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_double("0x1p99999999999"), Some(f64::INFINITY));
        for text in ["", "inf", "nan", "infinity", "1_0", "0x1"] {
            assert_eq!(parse_double(text), None, "{text}");
        }
    }

    #[test]
    fn plain_doubles() {
        for text in ["0.0", "-0.0", "37.654694", "-122.4077", "9999999.0", "0.001", "100.0"] {
            assert!(is_plain_double(text), "{text}");
        }
        for text in ["100", "1.50", "10000000.0", "0.0001", "00.1", ".5", "5.", "1e3", "1.0 ", "-", "", "0.00", "é.1"]
        {
            assert!(!is_plain_double(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_doubles_are_what_java_prints(text in "-?[0-9]{1,8}\\.[0-9]{1,9}") {
            if is_plain_double(&text) {
                let mut printed = Vec::new();
                write_java_double(text.parse().unwrap(), &mut printed);
                prop_assert_eq!(String::from_utf8(printed).unwrap(), text);
            }
        }

        #[test]
        fn moments_agree_with_the_plain_form(millis in -60_000_000_000_000i64..200_000_000_000_000) {
            let text = column_timestamp(millis);
            prop_assert_eq!(Moment::parse(&text), Some(Moment { millis, nanos: 0 }));
            prop_assert_eq!(parse_column_timestamp(&text), Some(millis));
        }

        #[test]
        fn never_panics(text in "[-+0-9T: .éZ]{0,30}") {
            let _ = Moment::parse(&text);
            let _ = parse_double(&text);
            let _ = is_plain_double(&text);
        }
    }
}
