//! The derived timestamp: when the event happened by the collector's clock.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/EventEnrichments.scala`. The time between creation and
//! sending is a Joda-Time 2 `Period`: whole years, then months, then what is left; it is taken from the collector's time
//! field by field, so that gaps of a month and more differ from a difference in milliseconds.

use crate::event::time::{Civil, days_in_month};

/// The derived timestamp in milliseconds, from the other timestamps in milliseconds.
pub fn derived_timestamp(
    true_millis: Option<i64>,
    created: Option<i64>,
    sent: Option<i64>,
    collector: Option<i64>,
) -> Option<i64> {
    if true_millis.is_some() {
        return true_millis;
    }
    match (created, sent, collector) {
        (Some(created), Some(sent), Some(collector)) if created < sent => Some(minus_period(collector, created, sent)),
        _ => collector,
    }
}

/// A gap up to this is shorter than any month: no calendar needed.
const SHORTEST_MONTH: i64 = 28 * 86_400_000;

fn minus_period(from: i64, start: i64, end: i64) -> i64 {
    if end - start < SHORTEST_MONTH {
        return from - (end - start);
    }
    let years = years_between(start, end);
    let after_years = add_months(start, years * 12);
    let months = months_between(after_years, end);
    let after_months = add_months(after_years, months);
    add_months(add_months(from, -years * 12), -months) - (end - after_months)
}

/// Moves by whole months; a day that the month does not have becomes its last one.
fn add_months(millis: i64, months: i64) -> i64 {
    let civil = Civil::from_millis(millis);
    let month_index = civil.year * 12 + i64::from(civil.month) - 1 + months;
    let (year, month) = (month_index.div_euclid(12), month_index.rem_euclid(12) as u32 + 1);
    Civil { year, month, day: civil.day.min(days_in_month(year, month)), ..civil }.to_millis()
}

const FEBRUARY_29: i64 = 59 * 86_400_000;
const DAY: i64 = 86_400_000;

/// Whole years; the day of the year decides, with leap days balanced.
fn years_between(start: i64, end: i64) -> i64 {
    let (start_year, end_year) = (Civil::from_millis(start).year, Civil::from_millis(end).year);
    let mut start_rest = start - year_start(start_year);
    let mut end_rest = end - year_start(end_year);
    if start_rest >= FEBRUARY_29 {
        if is_leap(start_year) {
            if !is_leap(end_year) {
                start_rest -= DAY;
            }
        } else if end_rest >= FEBRUARY_29 && is_leap(end_year) {
            end_rest -= DAY;
        }
    }
    end_year - start_year - i64::from(end_rest < start_rest)
}

fn is_leap(year: i64) -> bool {
    days_in_month(year, 2) == 29
}

fn year_start(year: i64) -> i64 {
    Civil { year, month: 1, day: 1, hour: 0, minute: 0, second: 0, millis: 0 }.to_millis()
}

/// Whole months; the last day of a month counts as any later day of a longer one.
fn months_between(start: i64, end: i64) -> i64 {
    let (from, to) = (Civil::from_millis(start), Civil::from_millis(end));
    let difference = (to.year - from.year) * 12 + i64::from(to.month) - i64::from(from.month);
    let at_month_end = to.day == days_in_month(to.year, to.month);
    let from_day = if at_month_end { from.day.min(to.day) } else { from.day };
    let in_month = |day: u32, millis: i64| i64::from(day) * DAY + millis.rem_euclid(DAY);
    difference - i64::from(in_month(to.day, end) < in_month(from_day, start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::time::{column_timestamp, parse_column_timestamp};
    use proptest::prelude::*;

    fn millis(text: &str) -> i64 {
        parse_column_timestamp(text).expect("a timestamp")
    }

    fn derive(created: &str, sent: &str, collector: &str) -> String {
        let derived = derived_timestamp(None, Some(millis(created)), Some(millis(sent)), Some(millis(collector)));
        column_timestamp(derived.unwrap())
    }

    #[test]
    fn worked_examples() {
        let cases = [
            (
                "2014-04-29 09:00:54.000",
                "2014-04-29 09:00:54.001",
                "2014-04-29 09:00:54.000",
                "2014-04-29 09:00:53.999",
            ),
            (
                "2014-04-29 09:00:54.001",
                "2014-04-29 09:00:54.000",
                "2014-04-29 09:00:54.000",
                "2014-04-29 09:00:54.000",
            ),
            (
                "2014-01-01 00:00:00.000",
                "2014-02-01 00:00:00.000",
                "2014-03-15 00:00:00.000",
                "2014-02-15 00:00:00.000",
            ),
            (
                "2014-01-31 00:00:00.000",
                "2014-03-01 00:00:00.000",
                "2014-03-31 00:00:00.000",
                "2014-02-27 00:00:00.000",
            ),
        ];
        for (created, sent, collector, derived) in cases {
            assert_eq!(derive(created, sent, collector), derived, "{created} {sent}");
        }
    }

    #[test]
    fn years_and_leap_days() {
        let cases = [
            // one year exactly, over a leap day
            ("2015-06-01 00:00:00", "2016-06-01 00:00:00", "2016-06-01 00:00:00", "2015-06-01 00:00:00.000"),
            // from a leap day to the last of February: a year
            ("2016-02-29 00:00:00", "2017-02-28 00:00:00", "2017-02-28 00:00:00", "2016-02-28 00:00:00.000"),
            // five weeks inside of two months: one month and five days
            ("2014-01-10 00:00:00", "2014-02-15 12:00:00", "2014-02-15 12:00:00", "2014-01-10 00:00:00.000"),
        ];
        for (created, sent, collector, derived) in cases {
            assert_eq!(derive(created, sent, collector), derived, "{created} {sent}");
        }
    }

    #[test]
    fn what_is_missing() {
        assert_eq!(derived_timestamp(Some(1), Some(2), Some(3), Some(4)), Some(1));
        assert_eq!(derived_timestamp(None, None, Some(3), Some(4)), Some(4));
        assert_eq!(derived_timestamp(None, Some(2), None, Some(4)), Some(4));
        assert_eq!(derived_timestamp(None, Some(2), Some(3), None), None);
        assert_eq!(derived_timestamp(None, Some(3), Some(3), Some(4)), Some(4));
    }

    const YEARS_0_TO_9999: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

    proptest! {
        #[test]
        fn short_gaps_are_plain_differences(start in YEARS_0_TO_9999, gap in 1..SHORTEST_MONTH, from in YEARS_0_TO_9999) {
            prop_assert_eq!(derived_timestamp(None, Some(start), Some(start + gap), Some(from)), Some(from - gap));
        }

        #[test]
        fn the_calendar_way_agrees_below_a_month(start in YEARS_0_TO_9999, gap in 1..SHORTEST_MONTH) {
            prop_assert_eq!(years_between(start, start + gap), 0);
            prop_assert_eq!(months_between(start, start + gap), 0);
        }

        #[test]
        fn parts_of_a_period_fit_into_each_other(start in YEARS_0_TO_9999, end in YEARS_0_TO_9999, from in YEARS_0_TO_9999) {
            let (start, end) = (start.min(end), start.max(end));
            let years = years_between(start, end);
            let after_years = add_months(start, years * 12);
            prop_assert!(after_years <= end);
            let months = months_between(after_years, end);
            prop_assert!((0..12).contains(&months), "{months}");
            let rest = end - add_months(after_years, months);
            prop_assert!((0..31 * DAY).contains(&rest), "{rest}");
            minus_period(from, start, end);
        }
    }
}
