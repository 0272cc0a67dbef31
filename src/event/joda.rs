//! Date-time texts as Joda-Time's lenient `ISODateTimeFormat.dateTimeParser` reads them, with its failure texts.
//!
//! Grammar and texts: JodaOrg/joda-time 2.10,
//! `format/{ISODateTimeFormat,DateTimeFormatterBuilder,DateTimeParserBucket,FormatUtils}.java`.

use super::time::{Civil, days_in_month};

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

/// Milliseconds since 1970 of a date with an optional time and offset (UTC if there is none), or Joda-Time's words.
pub fn parse_joda(text: &str) -> Result<i64, String> {
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
    use proptest::prelude::*;

    use super::*;
    use crate::event::time::joda_text;

    #[test]
    fn times_and_offsets_are_optional() {
        for (text, expected) in [
            ("2015-11-13T16:31:52.393Z", "2015-11-13T16:31:52.393Z"),
            ("2015-11-13T16:31:52.393", "2015-11-13T16:31:52.393Z"),
            ("2015-11-13T18:31:52.393+02:00", "2015-11-13T16:31:52.393Z"),
            ("2015-11-13T18:31:52,3939+0200", "2015-11-13T16:31:52.393Z"),
            ("2015-11-13", "2015-11-13T00:00:00.000Z"),
            ("2015-W46-5", "2015-11-13T00:00:00.000Z"),
            ("2015-317", "2015-11-13T00:00:00.000Z"),
        ] {
            assert_eq!(parse_joda(text).map(joda_text).as_deref(), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("soon", "Invalid format: \"soon\""),
            ("", "Invalid format: \"\""),
            ("2015-11-13 16:31", "Invalid format: \"2015-11-13 16:31\" is malformed at \" 16:31\""),
        ] {
            assert_eq!(parse_joda(text), Err(expected.to_owned()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(any in any::<String>(), almost in "[-+0-9WTZ:,.]{0,30}") {
            let _ = parse_joda(&any);
            let _ = parse_joda(&almost);
        }

        #[test]
        fn spellings_are_read_back(millis in -60_000_000_000_000i64..250_000_000_000_000) {
            prop_assert_eq!(parse_joda(&joda_text(millis)), Ok(millis));
        }
    }
}
