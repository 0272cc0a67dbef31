//! [`Ledger`]: what is known of a split while its chunks come in, in any order.

use std::ops::Range;

use super::work::Done;
use crate::run::{FailedInput, InputRecords, SplitRecord};

/// Adds up the chunks of one split, and tells when the last one has come.
pub(super) struct Ledger {
    record: SplitRecord,
    first_input: usize,
    done: u64,
    total: Option<u64>,
}

impl Ledger {
    pub(super) fn new(split: usize, range: Range<usize>) -> Ledger {
        let first_input = range.start;
        let inputs = range.map(|input| InputRecords { input, records: 0 }).collect();
        Ledger { record: SplitRecord { split, inputs, ..SplitRecord::default() }, first_input, done: 0, total: None }
    }

    /// Enters a chunk; says whether the split is complete with it.
    pub(super) fn enter(&mut self, done: Done) -> bool {
        self.record.counters.add(&done.counters);
        for (input, records) in done.inputs {
            self.record.inputs[input - self.first_input].records += records;
        }
        for failed in done.failures {
            self.fail(failed);
        }
        self.done += 1;
        self.total == Some(self.done)
    }

    /// The same thing may be wrong in many places of an object.
    fn fail(&mut self, failed: FailedInput) {
        let known = self.record.failed_inputs.iter_mut();
        match known.into_iter().find(|known| known.input == failed.input && known.reason == failed.reason) {
            Some(known) => known.left_out_bytes += failed.left_out_bytes,
            None => self.record.failed_inputs.push(failed),
        }
    }

    /// Notes how many chunks there are; says whether all have come already.
    pub(super) fn expect(&mut self, total: u64) -> bool {
        self.total = Some(total);
        total == self.done
    }

    /// The split's record, without parts.
    pub(super) fn close(&mut self) -> SplitRecord {
        let order = |failed: &FailedInput| (failed.input, failed.reason.clone());
        self.record.failed_inputs.sort_by_key(order);
        std::mem::take(&mut self.record)
    }
}
