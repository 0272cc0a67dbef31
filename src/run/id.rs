//! The run id: the last part of a run folder's name.

use std::fmt;
use std::str::FromStr;

/// `RUN_ID` in `run=RUN_ID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunId(String);

impl RunId {
    /// The default: the time given, UTC, `%Y-%m-%d-%H-%M-%S`.
    pub fn from_millis(millis: i64) -> RunId {
        RunId(utc_text(millis, "%Y-%m-%d-%H-%M-%S"))
    }

    /// The folder's name: `run=RUN_ID`.
    pub fn folder_name(&self) -> String {
        format!("run={}", self.0)
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A time in UTC by a `strftime` format.
pub fn utc_text(millis: i64, format: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.strftime(format).to_string()
}

impl FromStr for RunId {
    type Err = String;

    fn from_str(text: &str) -> Result<RunId, String> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+@".contains(&byte);
        if text.is_empty() || text.len() > 200 || !text.bytes().all(allowed) {
            return Err("a run id has 1 to 200 letters, digits, and - _ . : + @".to_owned());
        }
        Ok(RunId(text.to_owned()))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_is_a_time() {
        assert_eq!(RunId::from_millis(1_582_934_400_123).as_str(), "2020-02-29-00-00-00");
        assert_eq!(RunId::from_millis(0).folder_name(), "run=1970-01-01-00-00-00");
    }

    #[test]
    fn refuses_what_would_leave_the_folder() {
        for bad in ["", "a/b", "..\u{0}", "a b", "*", "a?", "é"] {
            assert!(bad.parse::<RunId>().is_err(), "{bad:?}");
        }
        assert_eq!("2021-01-01-00-00-00".parse::<RunId>().unwrap().to_string(), "2021-01-01-00-00-00");
    }
}
