//! Counters of one run, of one split, or of one chunk: they only ever add up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many records there were and what became of them. A record is counted once by its fate; events and bad rows
/// count what was written, and one record may give several of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Records read.
    pub records_in: u64,
    /// Records that gave at least one event, and no bad row for the record as a whole.
    pub records_good_source: u64,
    /// Records that gave only bad rows.
    pub records_bad_source: u64,
    /// Records that give nothing by their nature: comments, headers, requests that are not for the collector.
    pub records_ignored: u64,
    /// Events written.
    pub events_good: u64,
    /// Bad rows written.
    pub bad_rows: u64,
    /// Whatever else a command counts, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub named: BTreeMap<Cow<'static, str>, u64>,
}

/// Records came in whose fate is unknown, or the other way round: a defect of thresh, never of the data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "counters do not balance: {records_in} records in, but {good} good + {bad} bad + {ignored} ignored = {}",
    good + bad + ignored
)]
pub struct Imbalance {
    records_in: u64,
    good: u64,
    bad: u64,
    ignored: u64,
}

impl Counters {
    /// Adds everything that `other` counted.
    pub fn add(&mut self, other: &Counters) {
        self.records_in += other.records_in;
        self.records_good_source += other.records_good_source;
        self.records_bad_source += other.records_bad_source;
        self.records_ignored += other.records_ignored;
        self.events_good += other.events_good;
        self.bad_rows += other.bad_rows;
        for (name, count) in &other.named {
            *self.named.entry(name.clone()).or_default() += count;
        }
    }

    /// Adds to a counter of the command's own.
    pub fn count(&mut self, name: &'static str, amount: u64) {
        match self.named.get_mut(name) {
            Some(count) => *count += amount,
            None => {
                self.named.insert(Cow::Borrowed(name), amount);
            }
        }
    }

    /// Sets everything back to zero.
    pub fn clear(&mut self) {
        *self = Counters::default();
    }

    /// Checks `records_in = records_good_source + records_bad_source + records_ignored`.
    pub fn check_balance(&self) -> Result<(), Imbalance> {
        let fates = self.records_good_source + self.records_bad_source + self.records_ignored;
        if self.records_in == fates {
            return Ok(());
        }
        Err(Imbalance {
            records_in: self.records_in,
            good: self.records_good_source,
            bad: self.records_bad_source,
            ignored: self.records_ignored,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_and_balances() {
        let mut total = Counters::default();
        let mut chunk =
            Counters { records_in: 3, records_good_source: 1, records_bad_source: 1, ..Counters::default() };
        chunk.count("panics", 2);
        total.add(&chunk);
        assert_eq!(
            total.check_balance().unwrap_err().to_string(),
            "counters do not balance: 3 records in, but 1 good + 1 bad + 0 ignored = 2"
        );
        chunk.clear();
        chunk.records_ignored = 1;
        chunk.count("panics", 1);
        total.add(&chunk);
        assert_eq!(total.check_balance(), Ok(()));
        assert_eq!(total.named["panics"], 3);
    }

    #[test]
    fn survives_json() {
        let mut counters = Counters { records_in: u64::MAX, ..Counters::default() };
        counters.count("duplicates", 7);
        let text = serde_json::to_string(&counters).unwrap();
        assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), counters);
        let old = r#"{"records_in":1,"records_good_source":1,"records_bad_source":0,"records_ignored":0,"events_good":1,"bad_rows":0}"#;
        assert!(serde_json::from_str::<Counters>(old).unwrap().named.is_empty());
    }
}
