//! When a file is from: the time in its name, else its last modification.
//!
//! Names (Snowplow r86–r90 staging, CloudFront, Tomcat on Elastic Beanstalk, the S3 loader):
//! `DISTRIBUTION.2015-03-01-23.UNIQUE.gz`, `…access_log.txt-1426089661.gz` (seconds since 1970; also without the hyphen),
//! `2016-08-12-…-to-….lzo`.

use std::str::FromStr;
use std::sync::LazyLock;

use jiff::civil;
use regex::Regex;

use crate::run::utc_text;
use crate::storage::ObjectMeta;

/// An hour in UTC, as seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(i64);

const HOUR: i64 = 3600;

static DATE_IN_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^0-9])(\d{4})-(\d{2})-(\d{2})(?:-(\d{2}))?(?:[^0-9]|$)").expect("a correct pattern")
});

static EPOCH_IN_NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"access_log.*?\.txt-?(\d{9,10})(?:[^0-9]|$)").expect("a correct pattern"));

impl Moment {
    /// When an object is from; `None` if neither its name nor its store says.
    pub fn of(object: &ObjectMeta) -> Option<Moment> {
        Moment::in_name(object.location.file_name()).or_else(|| object.modified.map(Moment::from_millis))
    }

    /// The time in a file name.
    pub fn in_name(name: &str) -> Option<Moment> {
        if let Some(found) = EPOCH_IN_NAME.captures(name) {
            return found[1].parse::<i64>().ok().map(|seconds| Moment(seconds - seconds.rem_euclid(HOUR)));
        }
        let mut start = 0;
        while let Some(found) = DATE_IN_NAME.captures_at(name, start) {
            let number = |group: usize| found.get(group).and_then(|text| text.as_str().parse::<i16>().ok());
            let parts = number(1).zip(number(2)).zip(number(3));
            let moment =
                parts.and_then(|((year, month), day)| Moment::from_parts(year, month, day, number(4).unwrap_or(0)));
            if moment.is_some() {
                return moment;
            }
            // What ends this one may begin the next.
            start = found.get(1)?.end();
        }
        None
    }

    fn from_millis(millis: i64) -> Moment {
        let seconds = millis.div_euclid(1000);
        Moment(seconds - seconds.rem_euclid(HOUR))
    }

    fn from_parts(year: i16, month: i16, day: i16, hour: i16) -> Option<Moment> {
        let narrow = |number: i16| i8::try_from(number).ok();
        let date = civil::Date::new(year, narrow(month)?, narrow(day)?).ok()?;
        let time = civil::Time::new(narrow(hour)?, 0, 0, 0).ok()?;
        let zoned = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Moment(zoned.timestamp().as_second()))
    }

    /// `2015-03-01`
    pub fn date(self) -> String {
        utc_text(self.0 * 1000, "%Y-%m-%d")
    }

    /// `2015-03-01-23`
    pub fn hour(self) -> String {
        utc_text(self.0 * 1000, "%Y-%m-%d-%H")
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Moment, String> {
        let wrong = || format!("`{text}` is no date; write 2015-03-01 or 2015-03-01-23");
        let digits: Vec<&str> = text.split('-').collect();
        let shapes: &[usize] = &[4, 2, 2, 2];
        let well_formed = matches!(digits.len(), 3 | 4)
            && digits
                .iter()
                .zip(shapes)
                .all(|(part, &length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()));
        if !well_formed {
            return Err(wrong());
        }
        let number = |at: usize| digits.get(at).and_then(|part| part.parse::<i16>().ok());
        let (Some(year), Some(month), Some(day)) = (number(0), number(1), number(2)) else { return Err(wrong()) };
        Moment::from_parts(year, month, day, number(3).unwrap_or(0)).ok_or_else(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(name: &str) -> Option<String> {
        Moment::in_name(name).map(Moment::hour)
    }

    #[test]
    fn names_of_collectors() {
        assert_eq!(hour("E1ABC.2015-03-01-23.abcd1234.gz").as_deref(), Some("2015-03-01-23"));
        assert_eq!(hour("E1.2015-03-01-23.a1-2-3-44.gz").as_deref(), Some("2015-03-01-23"), "the first date counts");
        assert_eq!(hour("_var_log_tomcat7_localhost_access_log.txt-1426089661.gz").as_deref(), Some("2015-03-11-16"));
        assert_eq!(
            hour("_var_log_tomcat8_rotated_localhost_access_log.txt1427137261.gz").as_deref(),
            Some("2015-03-23-19")
        );
        let loader = "2016-08-12-49564568138254.lzo";
        assert_eq!(hour(loader).as_deref(), Some("2016-08-12-00"), "a number that goes on is no hour");
        assert_eq!(hour("part-00000"), None);
        assert_eq!(hour("x.2015-13-01-23.y"), None);
        assert_eq!(hour("x.2015-02-30.2016-02-29.y").as_deref(), Some("2016-02-29-00"));
    }

    #[test]
    fn bounds_on_the_command_line() {
        assert_eq!("2015-03-01-23".parse::<Moment>().unwrap().hour(), "2015-03-01-23");
        assert_eq!("2015-03-01".parse::<Moment>().unwrap(), "2015-03-01-00".parse().unwrap());
        for wrong in ["", "2015", "2015-3-1", "2015-02-30", "2015-03-01-24", "2015-03-01-23-00", "+015-03-01"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
