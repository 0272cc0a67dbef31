//! Why files could not be merged or moved.

use crate::run::RunError;
use crate::storage::{Location, StorageError};

/// Why files could not be merged or moved. Whatever it is, nothing was deleted that is not whole elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// The run's folder.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Files without a key were not to be left out.
    #[error("{count} files have no `{key}` to be grouped by, the first of them {first}")]
    NoKey {
        /// The key.
        key: String,
        /// How many.
        count: usize,
        /// One of them.
        first: Location,
    },
    /// A file could not be taken as it was listed, and `--fail-fast` was given.
    #[error("{location}: {reason}")]
    Input {
        /// The file.
        location: Location,
        /// Why not.
        reason: String,
    },
    /// What is stored is not what was written.
    #[error("{location}: {detail}; it was written wrongly or changed since")]
    Unverified {
        /// The object that was written.
        location: Location,
        /// What disagrees.
        detail: String,
    },
    /// It was asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// A worker ended without a word.
    #[error("a worker panicked; this is a defect of thresh")]
    Panicked,
}
