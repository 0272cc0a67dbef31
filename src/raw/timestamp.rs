//! Date and time columns of the log formats.
//!
//! The reference gives `<date>T<time>+00:00` to Joda-Time's lenient parser: snowplow/enrich 3.9.0,
//! `modules/common/.../loaders/CloudfrontLoader.scala`.

use crate::event::joda::parse_joda;
use crate::event::time::{Civil, days_in_month};

/// Milliseconds since 1970 of a date and a time column, or Joda-Time's words.
pub fn parse_timestamp(date: &str, time: &str) -> Result<i64, String> {
    ordinary(date.as_bytes(), time.as_bytes()).map_or_else(|| parse_joda(&format!("{date}T{time}+00:00")), Ok)
}

/// `YYYY-MM-DD` and `HH:MM:SS`, in range: practically every line.
fn ordinary(date: &[u8], time: &[u8]) -> Option<i64> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return None };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = *time else { return None };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2];
    digits.iter().all(u8::is_ascii_digit).then_some(())?;
    let two = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
    let civil = Civil {
        year: i64::from(two(y1, y2) * 100 + two(y3, y4)),
        month: two(m1, m2),
        day: two(d1, d2),
        hour: two(h1, h2),
        minute: two(n1, n2),
        second: two(s1, s2),
        millis: 0,
    };
    let in_range = (1..=12).contains(&civil.month)
        && (1..=days_in_month(civil.year, civil.month)).contains(&civil.day)
        && civil.hour < 24
        && civil.minute < 60
        && civil.second < 60;
    in_range.then(|| civil.to_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::time::joda_text;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        for (date, time, expected) in [
            ("2013-08-29", "00:18:48", "2013-08-29T00:18:48.000Z"),
            ("2013-08-29", "00:18:48.5", "2013-08-29T00:18:48.500Z"),
            ("2013-08-29", "00:18:48,98765", "2013-08-29T00:18:48.987Z"),
            ("2013-08-29", "00:18", "2013-08-29T00:18:00.000Z"),
            ("2013-08-29", "00:18.5", "2013-08-29T00:18:30.000Z"),
            ("2013-08-29", "01", "2013-08-29T01:00:00.000Z"),
            ("2013-08-29", "01.5", "2013-08-29T01:30:00.000Z"),
            ("2013-08-29", "", "2013-08-29T00:00:00.000Z"),
            ("2013-8-9", "1:2:3", "2013-08-09T01:02:03.000Z"),
            ("2013-08", "00:00:01", "2013-08-01T00:00:01.000Z"),
            ("2013", "00:00:01", "2013-01-01T00:00:01.000Z"),
            ("12-08-29", "00:00:00", "0012-08-29T00:00:00.000Z"),
            ("12345-08-29", "00:00:00", "12345-08-29T00:00:00.000Z"),
            ("2013-241", "00:00:00", "2013-08-29T00:00:00.000Z"),
            ("2013-W35-4", "00:00:00", "2013-08-29T00:00:00.000Z"),
            ("2013-W35", "00:00:00", "2013-08-26T00:00:00.000Z"),
            ("2012-02-29", "23:59:59", "2012-02-29T23:59:59.000Z"),
            ("-0001-01-01", "00:00:00", "-0001-01-01T00:00:00.000Z"),
        ] {
            let text = parse_timestamp(date, time).map(joda_text);
            assert_eq!(text.as_deref(), Ok(expected), "{date} {time}");
        }
    }

    #[test]
    fn failures() {
        for (date, time, expected) in [
            (
                "20yy-05-24",
                "00:08:40",
                "Invalid format: \"20yy-05-24T00:08:40+00:00\" is malformed at \"yy-05-24T00:08:40+00:00\"",
            ),
            (
                "2013-13-01",
                "00:08:40",
                "Cannot parse \"2013-13-01T00:08:40+00:00\": Value 13 for monthOfYear must be in the range [1,12]",
            ),
            (
                "2013-04-31",
                "00:08:40",
                "Cannot parse \"2013-04-31T00:08:40+00:00\": Value 31 for dayOfMonth must be in the range [1,30]",
            ),
            (
                "2013-04-01",
                "24:60:60",
                "Cannot parse \"2013-04-01T24:60:60+00:00\": Value 24 for hourOfDay must be in the range [0,23]",
            ),
            (
                "2013-04-01",
                "23:60:60",
                "Cannot parse \"2013-04-01T23:60:60+00:00\": Value 60 for minuteOfHour must be in the range [0,59]",
            ),
            (
                "2013-04-01",
                "23:00:60",
                "Cannot parse \"2013-04-01T23:00:60+00:00\": Value 60 for secondOfMinute must be in the range [0,59]",
            ),
            (
                "2013-366",
                "00:00:00",
                "Cannot parse \"2013-366T00:00:00+00:00\": Value 366 for dayOfYear must be in the range [1,365]",
            ),
            (
                "2013-W53-1",
                "00:00:00",
                "Cannot parse \"2013-W53-1T00:00:00+00:00\": Value 53 for weekOfWeekyear must be in the range [1,52]",
            ),
            ("-", "-", "Invalid format: \"-T-+00:00\""),
            (
                "2013/08/29",
                "00:00:00",
                "Invalid format: \"2013/08/29T00:00:00+00:00\" is malformed at \"/08/29T00:00:00+00:00\"",
            ),
            ("2013-08-29", "00:00:00Z", "Invalid format: \"2013-08-29T00:00:00Z+00:00\" is malformed at \"+00:00\""),
            (
                "2013-08-29",
                "00:00:00+01:00",
                "Invalid format: \"2013-08-29T00:00:00+01:00+00:00\" is malformed at \"+00:00\"",
            ),
            (
                "Zweitausenddreizehn-August-Neunundzwanzig",
                "0",
                "Invalid format: \"Zweitausenddreizehn-August-Neunu...\"",
            ),
        ] {
            assert_eq!(parse_timestamp(date, time), Err(expected.to_owned()), "{date} {time}");
        }
    }

    proptest! {
        #[test]
        fn both_ways_agree(date in "20[0-9]{2}-[01][0-9]-[0-3][0-9]", time in "[0-2][0-9]:[0-6][0-9]:[0-6][0-9]") {
            prop_assert_eq!(parse_timestamp(&date, &time), parse_joda(&format!("{date}T{time}+00:00")));
        }

        #[test]
        fn never_panics(date in "\\PC{0,20}", time in "\\PC{0,20}") {
            let _ = parse_timestamp(&date, &time);
        }

        #[test]
        fn near_misses_never_panic(date in "[-+0-9WT:,.]{0,16}", time in "[-+0-9Z:,.T]{0,16}") {
            let _ = parse_timestamp(&date, &time);
        }
    }
}
