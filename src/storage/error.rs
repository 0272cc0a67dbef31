//! What can go wrong in storage, sorted by what the caller can do about it.

use std::io;

use super::Location;
use super::codec::CodecError;

/// Why storage could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StorageError {
    /// Nothing is stored there.
    #[error("{location}: not found")]
    NotFound {
        /// What was asked for.
        location: Location,
    },
    /// Something is there that must not be, or it changed meanwhile.
    #[error("{location}: already exists or was changed by someone else")]
    PreconditionFailed {
        /// What was to be written.
        location: Location,
    },
    /// The account or the file mode forbids it.
    #[error("{location}: access denied: {detail}")]
    Denied {
        /// What was asked for.
        location: Location,
        /// The service's or the system's words.
        detail: String,
    },
    /// The bytes as stored are no whole gzip, lzop… stream. What could be decoded was given before this error.
    #[error("{location}: {source}")]
    Corrupt {
        /// The object that is damaged.
        location: Location,
        /// What is wrong, and where.
        source: CodecError,
    },
    /// Everything else, after retries where they may help.
    #[error("{location}: {detail}")]
    Failed {
        /// What was asked for.
        location: Location,
        /// The service's or the system's words.
        detail: String,
        /// Whether the same call may succeed later.
        transient: bool,
    },
}

impl StorageError {
    /// Names the cause of an I/O error met at `location`. Errors that this module put inside an [`io::Error`] (a
    /// damaged stream, an object that changed while it was read) come out as they went in.
    pub fn from_io(location: &Location, error: io::Error) -> StorageError {
        let inner = error.get_ref();
        if let Some(known) = inner.and_then(|inner| inner.downcast_ref::<StorageError>()) {
            return known.clone();
        }
        let location = location.clone();
        if let Some(source) = inner.and_then(|inner| inner.downcast_ref::<CodecError>()) {
            return StorageError::Corrupt { location, source: source.clone() };
        }
        match error.kind() {
            io::ErrorKind::NotFound => StorageError::NotFound { location },
            io::ErrorKind::AlreadyExists => StorageError::PreconditionFailed { location },
            io::ErrorKind::PermissionDenied => StorageError::Denied { location, detail: error.to_string() },
            kind => {
                use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
                let transient = matches!(kind, ConnectionAborted | ConnectionReset | Interrupted | TimedOut);
                StorageError::Failed { location, detail: error.to_string(), transient }
            }
        }
    }

    /// A failure that no retry cures.
    pub fn failed(location: &Location, detail: impl Into<String>) -> StorageError {
        StorageError::Failed { location: location.clone(), detail: detail.into(), transient: false }
    }

    /// What the error is about.
    pub fn location(&self) -> &Location {
        match self {
            StorageError::NotFound { location }
            | StorageError::PreconditionFailed { location }
            | StorageError::Denied { location, .. }
            | StorageError::Corrupt { location, .. }
            | StorageError::Failed { location, .. } => location,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, StorageError::Failed { transient: true, .. })
    }
}

impl From<StorageError> for io::Error {
    fn from(error: StorageError) -> io::Error {
        let kind = match &error {
            StorageError::NotFound { .. } => io::ErrorKind::NotFound,
            StorageError::PreconditionFailed { .. } => io::ErrorKind::AlreadyExists,
            StorageError::Denied { .. } => io::ErrorKind::PermissionDenied,
            StorageError::Corrupt { .. } => io::ErrorKind::InvalidData,
            StorageError::Failed { .. } => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_errors_survive_the_trip_through_io() {
        let at = Location::Local("/data/x.gz".into());
        let corrupt = CodecError::Truncated { codec: "gzip", stored: 10, plain: 7 };
        let read = StorageError::from_io(&at, corrupt.clone().into());
        assert!(matches!(&read, StorageError::Corrupt { source, .. } if *source == corrupt), "{read}");
        let again = StorageError::from_io(&Location::Stdio, read.into());
        assert!(matches!(&again, StorageError::Corrupt { location, .. } if *location == at), "{again}");
        let late = StorageError::from_io(&at, io::Error::from(io::ErrorKind::TimedOut));
        assert!(late.is_transient());
        assert_eq!(late.location(), &at);
    }
}
