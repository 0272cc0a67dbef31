//! Date-time texts.
//!
//! Facts: snowplow/enrich 3.9.0, `utils/JsonUtils.scala`; JodaOrg/joda-time 2.10, `DateTimeFormat.forPattern`.

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
fn checked(civil: Civil) -> Option<Civil> {
    let in_range = YEARS.contains(&civil.year)
        && (1..=12).contains(&civil.month)
        && (1..=days_in_month(civil.year, civil.month)).contains(&civil.day)
        && civil.hour < 24
        && civil.minute < 60
        && civil.second < 60;
    in_range.then_some(civil)
}

/// Reads numbers off the front of a text.
struct Reader<'t> {
    /// What is still to be read.
    rest: &'t str,
}

impl Reader<'_> {
    /// Up to `width` digits; at least one.
    fn number(&mut self, width: usize) -> Option<u32> {
        let length = self.rest.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let number = self.rest[..length].parse().ok()?;
        self.rest = &self.rest[length..];
        Some(number)
    }

    /// An optional sign and up to `width` digits.
    fn year(&mut self, width: usize) -> Option<i64> {
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
    fn after(&mut self, separator: u8) -> Option<&mut Self> {
        let found = self.rest.as_bytes().first() == Some(&separator);
        if found {
            self.rest = &self.rest[1..];
        }
        found.then_some(self)
    }
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

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), almost in "[-+]?[0-9]{0,10}-[0-9]{1,3}-[0-9]{1,3} [0-9:]{0,9}") {
            reformatted(&text);
            reformatted(&almost);
        }
    }
}
