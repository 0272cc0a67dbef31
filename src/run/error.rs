//! Why a run cannot begin, go on, or end.

use std::fmt;

use crate::storage::{Location, StorageError};

/// What is known of a run folder that is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderState {
    /// It has `_SUCCESS`.
    Complete,
    /// It is a run of thresh without `_SUCCESS`.
    Unfinished,
    /// Nothing says whose it is.
    Unknown,
}

impl fmt::Display for FolderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FolderState::Complete => "a complete run",
            FolderState::Unfinished => "an unfinished run",
            FolderState::Unknown => "something that thresh did not write",
        })
    }
}

/// Why a run cannot begin, go on, or end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The run folder has content and it was not asked to resume.
    #[error("{location}: the run folder already holds {state}")]
    Exists {
        /// The run folder.
        location: Location,
        /// What is in it.
        state: FolderState,
    },
    /// Another process works in this folder, or did so on another machine and left its lock.
    #[error("{location}: locked by {holder}")]
    Locked {
        /// The lock object.
        location: Location,
        /// Who holds it.
        holder: String,
    },
    /// What is to be resumed is another run than the one in the folder.
    #[error("{location}: the unfinished run there differs from this one:{}", list(differences))]
    Changed {
        /// The run folder.
        location: Location,
        /// What differs, a line each.
        differences: Vec<String>,
    },
    /// A control object cannot be understood.
    #[error("{location}: unreadable: {detail}")]
    Unreadable {
        /// The object.
        location: Location,
        /// Why.
        detail: String,
    },
    /// An input lies in a run folder without `_SUCCESS`.
    #[error("{location}: this run folder has no _SUCCESS, so its run is unfinished or failed")]
    Incomplete {
        /// The input's run folder.
        location: Location,
    },
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl RunError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            RunError::Exists { state: FolderState::Unfinished, .. } => {
                "--resume to finish it, or another --run-id".to_owned()
            }
            RunError::Exists { .. } => "another --run-id".to_owned(),
            RunError::Locked { location, .. } => {
                format!("wait for it; if that process is gone, delete {location} and run again with --resume")
            }
            RunError::Changed { .. } => {
                "the same inputs and options as before, or another --run-id to start afresh".to_owned()
            }
            RunError::Unreadable { .. } => "another --run-id, or delete the run folder".to_owned(),
            RunError::Incomplete { .. } => {
                "finish that run with --resume, or read it as it is with --allow-incomplete".to_owned()
            }
            RunError::Storage(_) => return None,
        })
    }
}

fn list(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}
