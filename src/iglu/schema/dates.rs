//! `date-time` and `date`.
//!
//! Facts: `ITU.parseDateTime` of ethlo/itu 1.5.1 (RFC 3339 with its leniencies) and `java.time.LocalDate.parse`.

/// The months that the library takes for those that ended in a leap second. (Two of its years are off by one or two:
/// it lists 1971 and 1988, not 1979 and 1987.)
const LEAP_SECONDS: [(u32, u32); 27] = [
    (1971, 12),
    (1972, 6),
    (1972, 12),
    (1973, 12),
    (1974, 12),
    (1975, 12),
    (1976, 12),
    (1977, 12),
    (1978, 12),
    (1981, 6),
    (1982, 6),
    (1983, 6),
    (1985, 6),
    (1988, 12),
    (1989, 12),
    (1990, 12),
    (1992, 6),
    (1993, 6),
    (1994, 6),
    (1995, 12),
    (1997, 6),
    (1998, 12),
    (2005, 12),
    (2008, 12),
    (2012, 6),
    (2015, 6),
    (2016, 12),
];

/// A date-time as the reference reads it: seconds may be missing, the separator may be a space, the zone is mandatory.
pub(super) fn is_date_time(text: &str) -> bool {
    read_date_time(text.as_bytes()).is_some()
}

fn read_date_time(text: &[u8]) -> Option<()> {
    let year = number(text, 0, 4)?;
    let month = number(text, 5, 7)?;
    let day = number(text, 8, 10)?;
    let hour = number(text, 11, 13)?;
    let minute = number(text, 14, 16)?;
    let separators = text[4] == b'-' && text[7] == b'-' && b"Tt ".contains(&text[10]) && text[13] == b':';
    if !separators || !day_exists(i64::from(year), month, day) || hour > 23 || minute > 59 {
        return None;
    }
    if *text.get(16)? != b':' {
        return read_zone(text.get(16..)?).map(|_| ());
    }
    let second = number(text, 17, 19)?;
    let rest = text.get(19..)?;
    let zone = match *rest.first()? {
        b'.' => read_zone(skip_fraction(&rest[1..])?)?,
        _ => read_zone(rest)?,
    };
    let leap = || {
        let last_day = (month, day) == (12, 31) || (month, day) == (6, 30);
        let utc_hour = hour as i32 - zone / 3600;
        let utc_minute = minute as i32 - zone % 3600 / 60;
        LEAP_SECONDS.contains(&(year, month)) && last_day && utc_hour == 23 && utc_minute == 59
    };
    (second < 60 || second == 60 && leap()).then_some(())
}

/// The fraction's value has to fit in nanoseconds. Longer ones are read with 32-bit overflow, as in the reference, so
/// that trailing digits beyond the ninth may or may not be refused.
fn skip_fraction(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|b| !b.is_ascii_digit())?;
    let digits = &text[..end];
    let value = digits.iter().fold(0_i32, |value, b| value.wrapping_mul(10).wrapping_sub(i32::from(b - b'0')));
    (0..=999_999_999).contains(&value.wrapping_neg()).then_some(&text[end..])
}

/// The zone in seconds. The character between hours and minutes is not looked at; negative zones may only have whole
/// hours, or no hours at all; `-00:00` is refused.
fn read_zone(text: &[u8]) -> Option<i32> {
    if matches!(text, b"Z" | b"z") {
        return Some(0);
    }
    if text.len() != 6 || !matches!(text[0], b'+' | b'-') {
        return None;
    }
    let (hours, minutes) = (number(text, 1, 3)? as i32, number(text, 4, 6)? as i32);
    let in_range = minutes <= 59 && (hours < 18 || hours == 18 && minutes == 0);
    if !in_range {
        return None;
    }
    match (text[0], hours, minutes) {
        (b'+', ..) => Some(hours * 3600 + minutes * 60),
        (_, 0, 0) => None,
        (_, 0, minutes) => Some(minutes * 60),
        (_, hours, 0) => Some(-hours * 3600),
        _ => None,
    }
}

fn number(text: &[u8], from: usize, to: usize) -> Option<u32> {
    let digits = text.get(from..to)?;
    digits.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + u32::from(b - b'0')))
}

fn day_exists(year: i64, month: u32, day: u32) -> bool {
    let leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap_year => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (1..=days).contains(&day)
}

/// An ISO date: four digits of year, or up to nine with a sign; a plus sign only where it is needed.
pub(super) fn is_date(text: &str) -> bool {
    let (sign, unsigned) = match text.as_bytes().first() {
        Some(sign @ (b'+' | b'-')) => (Some(*sign), &text[1..]),
        _ => (None, text),
    };
    let mut parts = unsigned.splitn(3, '-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let year_fits = match sign {
        None => year.len() == 4,
        Some(b'+') => (5..=10).contains(&year.len()),
        Some(_) => (4..=10).contains(&year.len()),
    };
    if !year_fits || month.len() != 2 || day.len() != 2 || !year.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let Ok(year) = year.parse::<i64>() else { return false };
    let (Some(month), Some(day)) = (number(month.as_bytes(), 0, 2), number(day.as_bytes(), 0, 2)) else { return false };
    let negative_zero = sign == Some(b'-') && year == 0;
    year <= 999_999_999 && !negative_zero && day_exists(year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times() {
        for text in [
            "2020-01-01T00:00:00Z",
            "2020-01-01 00:00:00+01:00",
            "2020-01-01t00:00z",
            "2020-01-01T00:00Z",
            "2016-12-31T23:59:60Z",
            "2017-01-01T00:00:00.Z",
            "2020-01-01T00:00:00.123456789-05:00",
            "2020-01-01T00:00:00+18:00",
            "2020-02-29T23:59:59Z",
            "2020-01-01T00:00:00-00:30",
        ] {
            assert!(is_date_time(text), "{text}");
        }
        for text in [
            "2020-01-01T00:00:00",
            "2020-06-30T23:59:60Z",
            "2020-01-01T00:00:00-00:00",
            "2020-01-01T00:00:00-05:30",
            "2020-01-01T00:00:00+18:01",
            "2021-02-29T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01",
            "2020-01-01T00:00",
            "2020-01-01T00:00:00.",
            "2020-01-01T00:00:00.5",
            "2020-01-01T00:00:00Z ",
            "2020-01-01T00:00:00.1234567891Z",
            "é020-01-01T00:00:00Z",
            "",
        ] {
            assert!(!is_date_time(text), "{text}");
        }
    }

    #[test]
    fn dates() {
        for text in ["2020-02-29", "0000-01-01", "-0001-12-31", "+12020-01-01", "-999999999-01-01"] {
            assert!(is_date(text), "{text}");
        }
        for text in
            ["2021-02-29", "12020-01-01", "+2020-01-01", "20-01-01", "2020-1-1", "2020-01-01Z", "2020-13-01", "é"]
        {
            assert!(!is_date(text), "{text}");
        }
    }
}
