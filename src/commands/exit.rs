//! Exit codes, as the command line's contract lists them.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Failed; what was committed is listed in the run's manifest, the rest can be re-run.
    Failed = 1,
    /// The command line or a configuration file is wrong; nothing was read or written.
    Usage = 2,
    /// No data to process: no input object matched.
    NoData = 3,
    /// The output run folder already exists.
    Exists = 4,
    /// Finished, but some input objects could not be read whole.
    Partial = 5,
    /// A lock is held by another run.
    Locked = 17,
    /// Interrupted; committed parts stay, the run folder has no `_SUCCESS`.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
