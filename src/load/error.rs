//! Why a load cannot begin, go on, or end.

use crate::ddl::DdlError;
use crate::storage::{Location, StorageError};

/// A value, or a row, that a table does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadField {
    /// The table.
    pub table: String,
    /// The object, if it is known.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u64>,
    /// The column.
    pub column: Option<String>,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for BadField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}, line {line}")?,
            (Some(file), None) => f.write_str(file)?,
            (None, Some(line)) => write!(f, "line {line}")?,
            (None, None) => f.write_str("an unknown line")?,
        }
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// Why a load failed.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target's configuration is wrong.
    #[error("{file}: {problem}")]
    Config {
        /// The file or URL, secrets masked.
        file: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// The target cannot be reached or does not let us in.
    #[error("no connection to {target}: {detail}")]
    Connect {
        /// Which target, without password.
        target: String,
        /// Why not.
        detail: String,
    },
    /// Objects were found that no run of shredded data has.
    #[error("{0}")]
    Discovery(String),
    /// A run has no sign of being complete.
    #[error("{location}: this run is not complete: {reason}")]
    Incomplete {
        /// The run folder.
        location: Location,
        /// What is missing.
        reason: String,
    },
    /// A table for entities cannot be derived from their schemas.
    #[error("{0}")]
    Schema(Box<DdlError>),
    /// A table there is does not fit.
    #[error("table {table}: {problem}")]
    Table {
        /// The table.
        table: String,
        /// Why it does not fit, and what to do.
        problem: String,
    },
    /// The database refused a statement.
    #[error("{message}\n  in: {statement}")]
    Sql {
        /// The database's words.
        message: String,
        /// The statement, secrets masked.
        statement: String,
        /// The SQLSTATE, if there is one.
        code: Option<String>,
        /// Whether the connection is lost.
        connection_lost: bool,
    },
    /// Rows that the table does not take.
    #[error("{table}: {} cannot be loaded:{}", count(bad), lines(bad))]
    Rows {
        /// The table.
        table: String,
        /// Which rows, as far as known.
        bad: Vec<BadField>,
    },
    /// Another loader works on this target.
    #[error("{target}: another loader is at work: {detail}")]
    Locked {
        /// Which target.
        target: String,
        /// How that shows.
        detail: String,
    },
    /// This build cannot do it.
    #[error("{0}")]
    Unsupported(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The load was asked to stop.
    #[error("interrupted; runs loaded so far stay loaded")]
    Interrupted,
}

impl LoadError {
    /// What to do about it, if that is not in the message already.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            LoadError::Incomplete { .. } => Some("finish that run, or load it as it is with --allow-incomplete"),
            LoadError::Locked { .. } => Some("wait until the other loader is done, then repeat the command"),
            LoadError::Sql { .. } | LoadError::Rows { .. } | LoadError::Connect { .. } => {
                Some("repeat the command once the cause is removed: what was loaded is skipped, nothing is doubled")
            }
            _ => None,
        }
    }
}

fn count(bad: &[BadField]) -> String {
    match bad.len() {
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    }
}

fn lines(bad: &[BadField]) -> String {
    bad.iter().take(20).map(|field| format!("\n  {field}")).collect()
}

impl From<DdlError> for LoadError {
    fn from(error: DdlError) -> LoadError {
        LoadError::Schema(Box::new(error))
    }
}
