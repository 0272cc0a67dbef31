//! Timestamps: milliseconds since 1970 (UTC) and the spellings of them that Snowplow writes.

/// A proleptic Gregorian date and time of day, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Astronomical year: year 0 is 1 BC.
    pub year: i64,
    /// 1 to 12
    pub month: u32,
    /// 1 to 31
    pub day: u32,
    /// 0 to 23
    pub hour: u32,
    /// 0 to 59
    pub minute: u32,
    /// 0 to 59
    pub second: u32,
    /// 0 to 999
    pub millis: u32,
}

const MS_PER_DAY: i64 = 86_400_000;

impl Civil {
    /// Whether there is such a date and time; leap seconds are none.
    fn is_in_range(&self) -> bool {
        (1..=12).contains(&self.month)
            && (1..=days_in_month(self.year, self.month)).contains(&self.day)
            && self.hour < 24
            && self.minute < 60
            && self.second < 60
    }

    /// The date and time of an instant. Algorithm: Howard Hinnant's `civil_from_days`.
    pub fn from_millis(millis: i64) -> Civil {
        let days = millis.div_euclid(MS_PER_DAY);
        let in_day = millis.rem_euclid(MS_PER_DAY) as u32;
        let shifted = days + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Civil {
            year,
            month,
            day,
            hour: in_day / 3_600_000,
            minute: in_day / 60_000 % 60,
            second: in_day / 1000 % 60,
            millis: in_day % 1000,
        }
    }

    /// The instant, in milliseconds since 1970. The fields must be in range.
    pub fn to_millis(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let shifted_month = i64::from(if self.month > 2 { self.month - 3 } else { self.month + 9 });
        let day_of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        let seconds = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        days * MS_PER_DAY + seconds * 1000 + i64::from(self.millis)
    }
}

/// Number of days of a month.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Appends `yyyy-MM-dd HH:mm:ss.SSS`; years beyond 9999 take more digits, negative ones a minus sign.
pub fn write_column_timestamp(millis: i64, out: &mut Vec<u8>) {
    write_date_time(millis, b' ', out);
    push_digits(u64::from(Civil::from_millis(millis).millis), 3, Some(b'.'), out);
}

/// The column spelling of a timestamp as a text.
pub fn column_timestamp(millis: i64) -> String {
    let mut out = Vec::with_capacity(23);
    write_column_timestamp(millis, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// An instant as `java.time.Instant` prints it: the fraction only when it is not zero.
pub fn instant_text(millis: i64) -> String {
    let mut out = Vec::with_capacity(24);
    write_date_time(millis, b'T', &mut out);
    let fraction = millis.rem_euclid(1000) as u64;
    if fraction != 0 {
        push_digits(fraction, 3, Some(b'.'), &mut out);
    }
    out.push(b'Z');
    String::from_utf8(out).unwrap_or_default()
}

/// An instant as Joda-Time prints it: always three fraction digits.
pub fn joda_text(millis: i64) -> String {
    let mut out = Vec::with_capacity(24);
    write_date_time(millis, b'T', &mut out);
    push_digits(millis.rem_euclid(1000) as u64, 3, Some(b'.'), &mut out);
    out.push(b'Z');
    String::from_utf8(out).unwrap_or_default()
}

/// Now, in milliseconds since 1970.
pub fn now_millis() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// Parses `yyyy-MM-dd HH:mm:ss[.fff…]`, the form of timestamp columns; digits after the third fraction digit are cut.
#[inline]
pub fn parse_column_timestamp(text: &str) -> Option<i64> {
    match text.as_bytes().try_into() {
        Ok(usual) => parse_usual_timestamp(usual),
        Err(_) => parse_other_timestamp(text),
    }
}

/// Bytes of a timestamp with three decimals.
pub const USUAL_TIMESTAMP: usize = 23;
/// A digit where one is wanted becomes its value, and what stands between digits nothing.
const ZERO_TIMESTAMP: [u8; USUAL_TIMESTAMP] = *b"0000-00-00 00:00:00.000";
/// What lifts the first byte that is too large to 0x80: after a digit's value 9, after nothing 0.
const LIFTS: [u8; USUAL_TIMESTAMP] = {
    let mut lifts = [0x7F; USUAL_TIMESTAMP];
    let mut at = 0;
    while at < USUAL_TIMESTAMP {
        if ZERO_TIMESTAMP[at] == b'0' {
            lifts[at] = 0x76;
        }
        at += 1;
    }
    lifts
};

/// `yyyy-MM-dd HH:mm:ss.SSS`, nearly every timestamp there is.
fn parse_usual_timestamp(text: &[u8; USUAL_TIMESTAMP]) -> Option<i64> {
    let mut digits = [0; USUAL_TIMESTAMP];
    let mut too_large = 0;
    for at in 0..USUAL_TIMESTAMP {
        digits[at] = text[at] ^ ZERO_TIMESTAMP[at];
        too_large |= digits[at] | digits[at].wrapping_add(LIFTS[at]);
    }
    let two = |at: usize| u32::from(digits[at]) * 10 + u32::from(digits[at + 1]);
    let civil = Civil {
        year: i64::from(two(0) * 100 + two(2)),
        month: two(5),
        day: two(8),
        hour: two(11),
        minute: two(14),
        second: two(17),
        millis: u32::from(digits[20]) * 100 + two(21),
    };
    (too_large < 0x80 && civil.is_in_range()).then(|| civil.to_millis())
}

fn parse_other_timestamp(text: &str) -> Option<i64> {
    let (whole, fraction) = text.as_bytes().split_first_chunk::<19>()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')];
    let mut fits = separators.iter().all(|(at, separator)| whole[*at] == *separator);
    let mut number = |digits: &[u8]| {
        digits.iter().fold(0_u32, |sum, byte| {
            let digit = byte.wrapping_sub(b'0');
            fits &= digit <= 9;
            sum * 10 + u32::from(digit)
        })
    };
    let civil = Civil {
        year: i64::from(number(&whole[..4])),
        month: number(&whole[5..7]),
        day: number(&whole[8..10]),
        hour: number(&whole[11..13]),
        minute: number(&whole[14..16]),
        second: number(&whole[17..]),
        millis: match fraction {
            [] => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                let thousandths = digits.len().min(3);
                let rest_fits = digits[thousandths..].iter().all(u8::is_ascii_digit);
                let millis = number(&digits[..thousandths]) * [100, 10, 1][thousandths - 1];
                fits &= rest_fits;
                millis
            }
            _ => return None,
        },
    };
    (fits && civil.is_in_range()).then(|| civil.to_millis())
}

fn write_date_time(millis: i64, separator: u8, out: &mut Vec<u8>) {
    let civil = Civil::from_millis(millis);
    if civil.year < 0 {
        out.push(b'-');
    }
    push_digits(civil.year.unsigned_abs(), 4, None, out);
    push_digits(u64::from(civil.month), 2, Some(b'-'), out);
    push_digits(u64::from(civil.day), 2, Some(b'-'), out);
    push_digits(u64::from(civil.hour), 2, Some(separator), out);
    push_digits(u64::from(civil.minute), 2, Some(b':'), out);
    push_digits(u64::from(civil.second), 2, Some(b':'), out);
}

fn push_digits(value: u64, width: usize, before: Option<u8>, out: &mut Vec<u8>) {
    out.extend(before);
    let mut digits = [b'0'; 20];
    let mut rest = value;
    let mut at = digits.len();
    while rest > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        assert_eq!(column_timestamp(1_390_936_938_855), "2014-01-28 19:22:18.855");
        assert_eq!(column_timestamp(1_111_111_111_111_111), "37179-09-17 07:18:31.111");
        assert_eq!(instant_text(1000), "1970-01-01T00:00:01Z");
        assert_eq!(instant_text(1001), "1970-01-01T00:00:01.001Z");
        assert_eq!(joda_text(1000), "1970-01-01T00:00:01.000Z");
        assert_eq!(parse_column_timestamp("2016-02-30 00:00:00.000"), None);
        assert_eq!(parse_column_timestamp("1970-01-01 00:00:01"), Some(1000));
        assert_eq!(parse_column_timestamp("1970-01-01 00:00:01.5"), Some(1500));
        assert_eq!(parse_column_timestamp("1970-01-01 00:00:01.123456789"), Some(1123));
        for wrong in [
            "1970-01-01 00:00:01.",
            "1970-01-01 00:00:01.1234567890",
            "1970-01-01 00:00:01.12x",
            "1970-01-01 00:00:01.1234x",
            "1970-01-01 00:00:01,5",
            "1970-01-01T00:00:01",
            "1970-01-0a 00:00:01",
            "1970-01-01 24:00:00",
            "197\u{e9}-01-01 00:00:0",
        ] {
            assert_eq!(parse_column_timestamp(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn civil_round_trips(millis in -62_167_219_200_000i64..253_402_300_800_000) {
            prop_assert_eq!(Civil::from_millis(millis).to_millis(), millis);
            prop_assert_eq!(parse_column_timestamp(&column_timestamp(millis)), Some(millis));
        }

        #[test]
        fn usual_timestamps_are_read_like_others(
            millis in -62_167_219_200_000i64..253_402_300_800_000,
            at in 0..USUAL_TIMESTAMP,
            change in "[ -~]|\\x00|\x7f",
            other in "[0-9]{2}[0-9/][0-9]-[0-3][0-9]-[0-3][0-9] [0-2][0-9]:[0-9]{2}:[0-6][0-9]\\.[0-9:]{3}|[0-9é-]{20,23}",
        ) {
            let mut changed = column_timestamp(millis);
            changed.replace_range(at..=at, &change);
            for text in [changed, other] {
                if let Ok(usual) = text.as_bytes().try_into() {
                    prop_assert_eq!(parse_usual_timestamp(usual), parse_other_timestamp(&text), "{:?}", text);
                }
            }
        }
    }
}
