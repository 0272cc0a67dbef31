//! What ends a run.

use crate::report::Imbalance;
use crate::run::RunError;
use crate::storage::{Location, StorageError};

/// Why the engine stopped before the end. Broken input objects are no reason, unless asked for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Output cannot be written.
    #[error("output cannot be written: {0}")]
    Output(StorageError),
    /// The run folder cannot be kept in order.
    #[error(transparent)]
    Run(#[from] RunError),
    /// With `fail_fast`: an object that cannot be read whole.
    #[error("{location}: cannot be read whole: {reason}")]
    Input {
        /// The object.
        location: Location,
        /// Why.
        reason: String,
    },
    /// A worker could not be made ready.
    #[error("a worker could not start: {0}")]
    Worker(String),
    /// A defect: a split's records do not add up.
    #[error("split {split}: {imbalance}")]
    Unbalanced {
        /// The split.
        split: usize,
        /// The numbers.
        imbalance: Imbalance,
    },
    /// A defect: what was counted and what was written do not agree.
    #[error("split {split}: {counted} records of output `{output}` were counted, but {written} were written")]
    Miscounted {
        /// The split.
        split: usize,
        /// The output.
        output: String,
        /// By the counters.
        counted: u64,
        /// In the parts.
        written: u64,
    },
    /// A defect: a panic outside of any record.
    #[error("a worker panicked: {0}")]
    Panicked(String),
}
