//! What becomes of a bad row, and what may keep it from being recovered.

use serde_json::Value;

use super::coerce::parse_instant;
use super::known::{KnownEvents, Left, SeenRecords};
use super::recovered::RecoveredPayload;
use super::rows::BadRow;

/// Where a bad row ends: in exactly one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its payload was recovered.
    Recovered,
    /// Its line was recovered as text, for rows about text records.
    RecoveredLine,
    /// No flow is for it.
    Unmatched,
    /// A flow is for it, but failed.
    Failed,
    /// Nothing can bring it back.
    Unrecoverable,
    /// It is not to be brought back.
    Discarded(Discard),
    /// It is not from the time that was asked for; nothing was done with it.
    OutsideTime,
}

/// Why a row is not to be brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// The script returned null.
    ByScript,
    /// All of its events are good already.
    AlreadyGood,
    /// Another row gave the same record.
    Duplicate,
}

/// What a row became, in buffers that are reused.
#[derive(Debug, Default)]
pub struct Recovery {
    /// A Thrift record ([`Fate::Recovered`]) or a line ([`Fate::RecoveredLine`]).
    pub record: Vec<u8>,
    /// A `recovery_error` or the row itself, as a line, for every other fate.
    pub row: Vec<u8>,
    /// Names of the flows that were applied.
    pub flows: Vec<String>,
    /// Why it was not recovered.
    pub reason: String,
    /// The payload before and after, if asked for with [`Extras::trace`].
    pub trace: Option<(Value, Value)>,
}

impl Recovery {
    /// Makes ready for the next row.
    pub fn clear(&mut self) {
        self.record.clear();
        self.row.clear();
        self.flows.clear();
        self.reason.clear();
        self.trace = None;
    }

    /// Puts the row itself out.
    pub fn keep_row(&mut self, line: &str) {
        self.row.clear();
        self.row.extend_from_slice(line.as_bytes());
        self.row.push(b'\n');
    }
}

/// A span of time in milliseconds: from, inclusive, to, exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The beginning, if there is one.
    pub since: Option<i64>,
    /// The end, if there is one.
    pub until: Option<i64>,
}

impl Window {
    /// Whether a time is in it.
    pub fn contains(&self, millis: i64) -> bool {
        self.since.is_none_or(|since| millis >= since) && self.until.is_none_or(|until| millis < until)
    }
}

/// What a recovery has to do besides its rules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras<'c> {
    /// Events that must not come again.
    pub known: Option<&'c KnownEvents>,
    /// Records of legacy rows that came already.
    pub seen: Option<&'c SeenRecords>,
    /// Only rows that failed then; rows that do not say when are taken.
    pub window: Option<Window>,
    /// Whether to keep payloads before and after.
    pub trace: bool,
}

impl Extras<'_> {
    /// Whether the row is from another time.
    pub(super) fn is_outside(&self, row: &BadRow<'_>) -> bool {
        let Some(window) = self.window else { return false };
        failure_time(row).is_some_and(|millis| !window.contains(millis))
    }

    /// Takes known events out; says whether nothing is left.
    pub(super) fn strip(&self, payload: &mut RecoveredPayload<'_>) -> bool {
        self.known.is_some_and(|known| known.strip(payload) == Left::Nothing)
    }

    /// Whether the record came before.
    pub(super) fn is_repeated(&self, record: &[u8]) -> bool {
        self.seen.is_some_and(|seen| !seen.is_new(record))
    }
}

/// When a row failed, if it says so.
pub fn failure_time(row: &BadRow<'_>) -> Option<i64> {
    match row {
        BadRow::SelfDescribing(row) => {
            let time = row.data.get("failure")?.get("timestamp")?;
            parse_instant(&time.as_str()?)
        }
        BadRow::Legacy { failure_tstamp, .. } => parse_instant(failure_tstamp.as_ref()?),
        BadRow::LegacyOversized | BadRow::Foreign(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bumpalo::Bump;

    #[test]
    fn rows_have_their_time() {
        let arena = Bump::new();
        let time = |line: &str| failure_time(&BadRow::parse(arena.alloc_str(line), &arena));
        assert_eq!(time(r#"{"line":"x","errors":["e"],"failure_tstamp":"1970-01-01T00:00:01.000Z"}"#), Some(1000));
        assert_eq!(time(r#"{"line":"x","errors":["e"]}"#), None);
        let row = r#"{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/schema_violations/jsonschema/2-0-0","data":{"failure":{"timestamp":"1970-01-01T00:00:02Z"}}}"#;
        assert_eq!(time(row), Some(2000));
        let window = Window { since: Some(1000), until: Some(2000) };
        assert!(window.contains(1000) && !window.contains(2000) && !window.contains(999));
    }
}
