//! Date and time columns of the log formats.
//!
//! The reference gives `<date>T<time>+00:00` to Joda-Time's lenient `ISODateTimeFormat.dateTimeParser`: snowplow/enrich
//! 3.9.0, `modules/common/.../loaders/CloudfrontLoader.scala`. Grammar and failure texts: JodaOrg/joda-time 2.10,
//! `format/{ISODateTimeFormat,DateTimeFormatterBuilder,DateTimeParserBucket,FormatUtils}.java`.

use crate::event::time::{Civil, days_in_month};

/// Milliseconds since 1970 of a date and a time column, or Joda-Time's words.
pub fn parse_timestamp(date: &str, time: &str) -> Result<i64, String> {
    ordinary(date.as_bytes(), time.as_bytes()).map_or_else(|| lenient(&format!("{date}T{time}+00:00")), Ok)
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

/// The fields found in a text. What is absent takes its smallest value.
#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    date: Date,
    hour: u32,
    minute: u32,
    second: u32,
    /// A decimal fraction of the last field, in milliseconds.
    fraction: i64,
    /// Milliseconds east of Greenwich.
    offset: i64,
}

/// The three ways to write a date.
#[derive(Clone, Copy, Debug)]
enum Date {
    Calendar { year: i64, month: u32, day: u32 },
    Week { year: i64, week: u32, day: u32 },
    Ordinal { year: i64, day: u32 },
}

impl Default for Date {
    fn default() -> Self {
        Date::Calendar { year: 1970, month: 1, day: 1 }
    }
}

fn lenient(text: &str) -> Result<i64, String> {
    let mut fields = Fields::default();
    match date_time(text.as_bytes(), &mut fields) {
        Ok(end) if end == text.len() => to_millis(&fields).map_err(|why| format!("Cannot parse \"{text}\": {why}")),
        Ok(stopped) | Err(stopped) => Err(invalid_format(text, stopped)),
    }
}

/// Joda-Time shows at most 32 characters after the place where it stopped, if there are more than 35.
fn invalid_format(text: &str, stopped: usize) -> String {
    let shown = match text[stopped..].char_indices().nth(32) {
        Some((cut, _)) if text[stopped + cut..].chars().nth(3).is_some() => {
            format!("{}...", &text[..stopped + cut])
        }
        _ => text.to_owned(),
    };
    if stopped == 0 {
        format!("Invalid format: \"{shown}\"")
    } else if stopped >= text.len() {
        format!("Invalid format: \"{shown}\" is too short")
    } else {
        format!("Invalid format: \"{shown}\" is malformed at \"{}\"", &shown[stopped..])
    }
}

/// Where a parser got to: the position behind what it took, or the position it could not pass.
type Reached = Result<usize, usize>;

/// `T` time, or a date with an optional `T`, time and offset.
fn date_time(text: &[u8], fields: &mut Fields) -> Reached {
    if text.first() == Some(&b'T') {
        let end = time(text, 1, fields)?;
        return Ok(optional(offset(text, end, fields), end));
    }
    let at = date(text, fields)?;
    if text.get(at) != Some(&b'T') {
        return Ok(at);
    }
    let after_time = optional(time(text, at + 1, fields), at + 1);
    Ok(optional(offset(text, after_time, fields), after_time))
}

fn optional(reached: Reached, start: usize) -> usize {
    reached.unwrap_or(start)
}

/// The way of writing that takes most of the text wins; earlier ones win ties.
fn date(text: &[u8], fields: &mut Fields) -> Reached {
    let (year, after_year) = signed_number(text, 0)?;
    let mut best = calendar_date(text, year, after_year);
    for candidate in [week_date(text, year, after_year), ordinal_date(text, year, after_year)].into_iter().flatten() {
        if candidate.1 > best.1 {
            best = candidate;
        }
    }
    fields.date = best.0;
    Ok(best.1)
}

fn calendar_date(text: &[u8], year: i64, after_year: usize) -> (Date, usize) {
    let Some((month, after_month)) = prefixed_number(text, after_year, b"-", 2) else {
        return (Date::Calendar { year, month: 1, day: 1 }, after_year);
    };
    match prefixed_number(text, after_month, b"-", 2) {
        Some((day, end)) => (Date::Calendar { year, month, day }, end),
        None => (Date::Calendar { year, month, day: 1 }, after_month),
    }
}

fn week_date(text: &[u8], year: i64, after_year: usize) -> Option<(Date, usize)> {
    let (week, after_week) = prefixed_number(text, after_year, b"-W", 2)?;
    Some(match prefixed_number(text, after_week, b"-", 1) {
        Some((day, end)) => (Date::Week { year, week, day }, end),
        None => (Date::Week { year, week, day: 1 }, after_week),
    })
}

fn ordinal_date(text: &[u8], year: i64, after_year: usize) -> Option<(Date, usize)> {
    let (day, end) = prefixed_number(text, after_year, b"-", 3)?;
    Some((Date::Ordinal { year, day }, end))
}

/// Hour, and as much of minute, second and a decimal fraction of the last as there is.
fn time(text: &[u8], at: usize, fields: &mut Fields) -> Reached {
    let (hour, mut end) = number(text, at, 2).ok_or(at)?;
    fields.hour = hour;
    let mut unit = 3_600_000;
    if let Some((minute, after)) = prefixed_number(text, end, b":", 2) {
        (fields.minute, end, unit) = (minute, after, 60_000);
        if let Some((second, after)) = prefixed_number(text, end, b":", 2) {
            (fields.second, end, unit) = (second, after, 1000);
        }
    }
    if matches!(text.get(end), Some(b'.' | b',')) {
        let digits = text[end + 1..].iter().take(9).take_while(|b| b.is_ascii_digit());
        let mut place = unit * 10;
        let mut tenths = 0;
        let mut length = 0;
        for digit in digits {
            place /= 10;
            tenths += i64::from(digit - b'0') * place;
            length += 1;
        }
        if length > 0 {
            fields.fraction = tenths / 10;
            end += 1 + length;
        }
    }
    Ok(end)
}

/// `Z`, or a sign and hours, minutes, seconds and milliseconds, with or without separators throughout.
fn offset(text: &[u8], start: usize, fields: &mut Fields) -> Reached {
    if matches!(text.get(start), Some(b'Z' | b'z')) {
        fields.offset = 0;
        return Ok(start + 1);
    }
    let sign = match text.get(start) {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Err(start),
    };
    let fixed = |at: usize, width: usize| number(text, at, width).filter(|(_, end)| end - at == width);
    let (hours, mut end) = fixed(start + 1, 2).filter(|(hours, _)| *hours < 24).ok_or(start + 1)?;
    let mut total = i64::from(hours) * 3_600_000;
    let separated = text.get(end) == Some(&b':');
    for (separator, width, limit, unit) in [(b":", 2, 60, 60_000), (b":", 2, 60, 1000), (b".", 3, 1000, 1)] {
        let here = text.get(end);
        let continues = if separated {
            here == Some(&separator[0]) || separator == b"." && here == Some(&b',')
        } else {
            here.is_some_and(u8::is_ascii_digit)
        };
        if !continues {
            break;
        }
        let at = end + usize::from(separated);
        let (value, after) = fixed(at, width).filter(|(value, _)| *value < limit).ok_or(at)?;
        total += i64::from(value) * unit;
        end = after;
    }
    fields.offset = sign * total;
    Ok(end)
}

/// Up to `width` digits.
fn number(text: &[u8], at: usize, width: usize) -> Option<(u32, usize)> {
    let digits = text.get(at..)?.iter().take(width).take_while(|b| b.is_ascii_digit()).count();
    let value = text[at..at + digits].iter().fold(0, |value, digit| value * 10 + u32::from(digit - b'0'));
    (digits > 0).then_some((value, at + digits))
}

fn prefixed_number(text: &[u8], at: usize, prefix: &[u8], width: usize) -> Option<(u32, usize)> {
    text.get(at..)?.starts_with(prefix).then(|| number(text, at + prefix.len(), width))?
}

/// A year: an optional sign and up to nine digits.
fn signed_number(text: &[u8], at: usize) -> Result<(i64, usize), usize> {
    let sign = usize::from(matches!(text.get(at), Some(b'+' | b'-')));
    let (value, end) = number(text, at + sign, 9).ok_or(at)?;
    let value = i64::from(value);
    Ok((if text[at] == b'-' { -value } else { value }, end))
}

/// Checks ranges from the largest field to the smallest, as the reference does.
fn to_millis(fields: &Fields) -> Result<i64, String> {
    const MS_PER_DAY: i64 = 86_400_000;
    const YEARS: (i64, i64) = (-292_275_054, 292_278_993);
    let january_first =
        |year: i64| Civil { year, month: 1, day: 1, hour: 0, minute: 0, second: 0, millis: 0 }.to_millis();
    let midnight = match fields.date {
        Date::Calendar { year, month, day } => {
            in_range("year", year, YEARS)?;
            in_range("monthOfYear", month.into(), (1, 12))?;
            in_range("dayOfMonth", day.into(), (1, days_in_month(year, month).into()))?;
            Civil { year, month, day, hour: 0, minute: 0, second: 0, millis: 0 }.to_millis()
        }
        Date::Ordinal { year, day } => {
            in_range("year", year, YEARS)?;
            let days = 337 + i64::from(days_in_month(year, 2));
            in_range("dayOfYear", day.into(), (1, days))?;
            january_first(year) + i64::from(day - 1) * MS_PER_DAY
        }
        Date::Week { year, week, day } => {
            in_range("weekyear", year, YEARS)?;
            let first = first_week(year);
            let weeks = (first_week(year + 1) - first) / (7 * MS_PER_DAY);
            in_range("weekOfWeekyear", week.into(), (1, weeks))?;
            in_range("dayOfWeek", day.into(), (1, 7))?;
            first + i64::from((week - 1) * 7 + day - 1) * MS_PER_DAY
        }
    };
    in_range("hourOfDay", fields.hour.into(), (0, 23))?;
    in_range("minuteOfHour", fields.minute.into(), (0, 59))?;
    in_range("secondOfMinute", fields.second.into(), (0, 59))?;
    let seconds = i64::from(fields.hour * 3600 + fields.minute * 60 + fields.second);
    Ok(midnight + seconds * 1000 + fields.fraction - fields.offset)
}

/// The Monday of the week that holds 4 January.
fn first_week(year: i64) -> i64 {
    const MS_PER_DAY: i64 = 86_400_000;
    let fourth = Civil { year, month: 1, day: 4, hour: 0, minute: 0, second: 0, millis: 0 }.to_millis();
    // 1 January 1970 was a Thursday.
    let weekday = (fourth.div_euclid(MS_PER_DAY) + 3).rem_euclid(7);
    fourth - weekday * MS_PER_DAY
}

fn in_range(field: &str, value: i64, (low, high): (i64, i64)) -> Result<(), String> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(format!("Value {value} for {field} must be in the range [{low},{high}]"))
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
            prop_assert_eq!(parse_timestamp(&date, &time), lenient(&format!("{date}T{time}+00:00")));
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
