//! Where output goes.

use super::cancel::Cancel;
use crate::report::Counters;
use crate::run::Part;
use crate::storage::StorageError;

/// What a worker writes to.
pub trait Buffers {
    /// Remembers the state before a record.
    fn mark(&mut self);

    /// Goes back to the mark: the record failed half-way.
    fn rewind(&mut self);

    /// Called between records: compresses or moves out what has become large, so that memory stays bounded however
    /// much a chunk of input gives.
    fn relieve(&mut self);
}

/// Where the output of a run goes. Shared by all threads.
pub trait Sink: Sync {
    /// What a worker writes to.
    type Buffers: Buffers;
    /// The output of one split.
    type Split: SplitSink<Self::Buffers>;

    /// The buffers of one worker.
    fn buffers(&self) -> Self::Buffers;

    /// Begins a split; nothing is visible until it is committed.
    fn begin(&self, split: usize) -> Self::Split;

    /// How many records each output must hold by these counters, by the outputs' names; those that no counter knows
    /// are left out.
    fn expected_records(&self, counters: &Counters) -> Vec<(&'static str, u64)> {
        let _ = counters;
        Vec::new()
    }

    /// Called when all splits are in place, with all parts of the run: makes the parts that are still missing.
    fn complete(&self, parts: &[Part]) -> Result<Vec<Part>, StorageError>;

    /// What [`Sink::complete`] counted beyond what the splits have: added to the manifest's counters.
    fn late_counters(&self) -> Counters {
        Counters::default()
    }
}

/// The output of one split, written by several threads. Dropped without commit it leaves nothing behind.
pub trait SplitSink<B>: Send + Sync {
    /// Takes everything out of a worker's buffers. `seq` numbers the chunks of a split from 0 without gaps; every
    /// number comes exactly once. May wait for smaller numbers, but not once `cancel` is set.
    fn write(&self, worker: usize, seq: u64, buffers: &mut B, cancel: &Cancel) -> Result<(), StorageError>;

    /// Makes the split's parts visible. Called once, after all writes.
    fn commit(&self) -> Result<Vec<Part>, StorageError>;
}
