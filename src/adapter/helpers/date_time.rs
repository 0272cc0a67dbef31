//! Date-time texts.
//!
//! Facts: snowplow/enrich 3.9.0, `utils/JsonUtils.scala`; joda-time 2.10 formatters (`DateTimeFormat.forPattern`,
//! `ISODateTimeFormat.dateTimeParser`).

use crate::event::time::{Civil, days_in_month, joda_text};

/// Years that Joda-Time's ISO chronology knows.
const YEARS: std::ops::RangeInclusive<i64> = -292_275_054..=292_278_993;

/// `yyyy-MM-dd HH:mm:ss`, read as UTC, in the spelling `yyyy-MM-ddTHH:mm:ss.SSSZ`; `None` for any other text.
pub fn reformatted(text: &str) -> Option<String> {
    let mut reader = Reader { rest: text };
    let year = reader.year(9)?;
    let month = reader.after(b'-')?.number(2)?;
    let day = reader.after(b'-')?.number(2)?;
    let hour = reader.after(b' ')?.number(2)?;
    let minute = reader.after(b':')?.number(2)?;
    let second = reader.after(b':')?.number(2)?;
    if !reader.rest.is_empty() {
        return None;
    }
    checked(Civil { year, month, day, hour, minute, second, millis: 0 }).map(|civil| joda_text(civil.to_millis()))
}

/// The civil time, if all fields are in range.
pub fn checked(civil: Civil) -> Option<Civil> {
    let in_range = YEARS.contains(&civil.year)
        && (1..=12).contains(&civil.month)
        && (1..=days_in_month(civil.year, civil.month)).contains(&civil.day)
        && civil.hour < 24
        && civil.minute < 60
        && civil.second < 60;
    in_range.then_some(civil)
}

/// Reads numbers off the front of a text.
pub struct Reader<'t> {
    /// What is still to be read.
    pub rest: &'t str,
}

impl Reader<'_> {
    /// Up to `width` digits; at least one.
    pub fn number(&mut self, width: usize) -> Option<u32> {
        let length = self.rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let number = self.rest[..length].parse().ok()?;
        self.rest = &self.rest[length..];
        Some(number)
    }

    /// An optional sign and up to `width` digits.
    pub fn year(&mut self, width: usize) -> Option<i64> {
        let sign = match self.rest.as_bytes().first()? {
            b'-' => -1,
            b'+' => 1,
            _ => 0,
        };
        if sign != 0 {
            self.rest = &self.rest[1..];
        }
        let year = i64::from(self.number(width)?);
        Some(if sign < 0 { -year } else { year })
    }

    /// Goes past one character; `None` if another one comes.
    pub fn after(&mut self, separator: u8) -> Option<&mut Self> {
        self.skip(separator).then_some(self)
    }

    /// Goes past one character if it comes next.
    pub fn skip(&mut self, character: u8) -> bool {
        let found = self.rest.as_bytes().first() == Some(&character);
        if found {
            self.rest = &self.rest[1..];
        }
        found
    }
}

/// An ISO 8601 date-time as Joda-Time reads it, in milliseconds since 1970; UTC if it names no offset.
///
/// A calendar, week or ordinal date, then optionally `T` with a time whose last element may have a fraction, then
/// optionally an offset.
pub fn parse_iso(text: &str) -> Option<i64> {
    let mut reader = Reader { rest: text };
    let day = if reader.rest.starts_with('T') { 0 } else { date(&mut reader)? };
    let mut millis = 0;
    if reader.skip(b'T') {
        // Without elements of time, only an offset may follow.
        if reader.rest.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) {
            millis = time_of_day(&mut reader)?;
        }
        millis -= offset(&mut reader)?;
    }
    if !reader.rest.is_empty() {
        return None;
    }
    day.checked_add(millis)
}

/// Milliseconds of the day's start.
fn date(reader: &mut Reader<'_>) -> Option<i64> {
    let year = reader.year(9)?;
    let start = |month: u32, day: u32| {
        let civil = Civil { year, month, day, hour: 0, minute: 0, second: 0, millis: 0 };
        checked(civil).map(Civil::to_millis)
    };
    const DAY: i64 = 86_400_000;
    if !reader.skip(b'-') {
        return start(1, 1);
    }
    if reader.skip(b'W') {
        let week = i64::from(reader.number(2)?);
        let weekday = if reader.skip(b'-') { i64::from(reader.number(1)?) } else { 1 };
        let fourth = start(1, 4)?;
        // 1970-01-01 was a Thursday; weeks start on Mondays.
        let monday = fourth - (fourth.div_euclid(DAY) + 3).rem_euclid(7) * DAY;
        let next_fourth = Civil { year: year + 1, month: 1, day: 4, hour: 0, minute: 0, second: 0, millis: 0 };
        let next_fourth = checked(next_fourth)?.to_millis();
        let next_monday = next_fourth - (next_fourth.div_euclid(DAY) + 3).rem_euclid(7) * DAY;
        let weeks = (next_monday - monday) / (7 * DAY);
        let in_range = (1..=weeks).contains(&week) && (1..=7).contains(&weekday);
        return in_range.then(|| monday + ((week - 1) * 7 + weekday - 1) * DAY);
    }
    let digits = reader.rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 3 {
        let ordinal = i64::from(reader.number(3)?);
        let length = if days_in_month(year, 2) == 29 { 366 } else { 365 };
        return (1..=length).contains(&ordinal).then(|| start(1, 1)).flatten().map(|first| first + (ordinal - 1) * DAY);
    }
    let month = reader.number(2)?;
    let day = if reader.skip(b'-') { reader.number(2)? } else { 1 };
    start(month, day)
}

fn time_of_day(reader: &mut Reader<'_>) -> Option<i64> {
    let limits = [(24, 3_600_000), (60, 60_000), (60, 1000)];
    let mut millis = 0;
    for (at, (limit, unit)) in limits.into_iter().enumerate() {
        if at > 0 && !reader.skip(b':') {
            break;
        }
        let number = reader.number(2)?;
        if number >= limit {
            return None;
        }
        millis += i64::from(number) * unit;
        if reader.skip(b'.') || reader.skip(b',') {
            return Some(millis + fraction(reader, unit)?);
        }
    }
    Some(millis)
}

/// A fraction of `unit` milliseconds, cut to whole milliseconds.
fn fraction(reader: &mut Reader<'_>, unit: i64) -> Option<i64> {
    let length = reader.rest.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let digits = &reader.rest[..length];
    reader.rest = &reader.rest[length..];
    // Joda-Time reads at most nine digits and skips the others.
    let read = &digits[..length.min(9)];
    let number: i64 = read.parse().ok()?;
    Some(number * unit / 10i64.pow(read.len() as u32))
}

/// `Z`, `+hh`, `+hh:mm`, `+hhmm` and so on, in milliseconds; 0 if there is none.
fn offset(reader: &mut Reader<'_>) -> Option<i64> {
    if reader.rest.is_empty() || reader.skip(b'Z') {
        return Some(0);
    }
    let negative = match (reader.skip(b'-'), reader.skip(b'+')) {
        (true, _) => true,
        (_, true) => false,
        _ => return None,
    };
    let mut millis = 0;
    for (at, (limit, unit)) in [(24, 3_600_000), (60, 60_000), (60, 1000)].into_iter().enumerate() {
        if at > 0 && !reader.skip(b':') && reader.rest.is_empty() {
            break;
        }
        if reader.rest.bytes().take(2).filter(u8::is_ascii_digit).count() != 2 {
            return None;
        }
        let number = reader.number(2)?;
        if number >= limit {
            return None;
        }
        millis += i64::from(number) * unit;
    }
    Some(if negative { -millis } else { millis })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reformat() {
        for (text, expected) in [
            ("2014-10-09 16:23:45", "2014-10-09T16:23:45.000Z"),
            ("2014-1-9 6:3:5", "2014-01-09T06:03:05.000Z"),
            ("14-10-09 16:23:45", "0014-10-09T16:23:45.000Z"),
            ("12345-01-01 00:00:00", "12345-01-01T00:00:00.000Z"),
            ("+2014-10-09 16:23:45", "2014-10-09T16:23:45.000Z"),
            ("-0005-10-09 16:23:45", "-0005-10-09T16:23:45.000Z"),
        ] {
            assert_eq!(reformatted(text).as_deref(), Some(expected));
        }
        for text in [
            "2014-10-09T16:23:45",
            "2014-10-09 24:00:00",
            "2014-10-09 16:23:60",
            "2014-02-30 00:00:00",
            "2014-10-09 16:23:45.1",
            "2014-10-09 16:23:45 ",
            "2014-10-009 16:23:45",
            "2014-10-09  16:23:45",
            "999999999-10-09 16:23:45",
            "",
        ] {
            assert_eq!(reformatted(text), None, "{text}");
        }
    }

    #[test]
    fn iso() {
        for (text, expected) in [
            ("2015-11-13T16:31:52.393Z", Some(1_447_432_312_393)),
            ("2015-11-13T16:31:52.393", Some(1_447_432_312_393)),
            ("2015-11-13T18:31:52.393+02:00", Some(1_447_432_312_393)),
            ("2015-11-13T18:31:52,3939+0200", Some(1_447_432_312_393)),
            ("2013-10-07T23:35+00:00", Some(1_381_188_900_000)),
            ("2013-10-07T23.5Z", Some(1_381_188_600_000)),
            ("1970-01-02", Some(86_400_000)),
            ("1970-01", Some(0)),
            ("1970", Some(0)),
            ("1970-W01-4", Some(0)),
            ("1970-W01", Some(-259_200_000)),
            ("1970-032", Some(2_678_400_000)),
            ("1970-01-01T", Some(0)),
            ("1970-01-01TZ", Some(0)),
            ("2015-11-13T25:00", None),
            ("2015-02-29", None),
            ("2013-366", None),
            ("2015-W54-1", None),
            ("2013-10-07Tb+00:00", None),
            ("2013-10-07Z", None),
            ("2013-10-07T10:00+", None),
            ("", None),
            ("soon", None),
        ] {
            assert_eq!(parse_iso(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), almost in "[-+]?[0-9W]{0,10}[-T]?[0-9W.:,+-]{0,20}Z?") {
            for text in [text, almost] {
                parse_iso(&text);
                reformatted(&text);
            }
        }

        #[test]
        fn spellings_are_read_back(millis in -60_000_000_000_000i64..250_000_000_000_000) {
            prop_assert_eq!(parse_iso(&joda_text(millis)), Some(millis));
        }
    }
}
