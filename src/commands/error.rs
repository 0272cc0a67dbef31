//! [`CliError`]: what the user sees of an error, one block.

use std::error::Error;
use std::fmt;

use super::Exit;
use crate::pipeline::EngineError;
use crate::run::RunError;
use crate::storage::StorageError;

/// An error with its exit code, its causes and a way out. Displays as `error: …`, `caused by: …`, `try: …`, with a line
/// end after each.
#[derive(Debug)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    message: String,
    causes: Vec<String>,
    hint: Option<String>,
}

impl CliError {
    /// An error in words.
    pub fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError { exit, message: message.into(), causes: Vec::new(), hint: None }
    }

    /// A wrong command line or configuration file.
    pub fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, message)
    }

    /// An error of the library, with all of its sources.
    pub fn from_error(exit: Exit, error: &dyn Error) -> CliError {
        CliError::new(exit, error.to_string()).because(error.source())
    }

    /// Adds a cause and all of its sources, those that only repeat what is said already left out.
    #[must_use]
    pub fn because(mut self, cause: Option<&dyn Error>) -> CliError {
        let mut next = cause;
        while let Some(cause) = next {
            let text = cause.to_string();
            let said = self.causes.last().unwrap_or(&self.message);
            if !said.contains(&text) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {}", self.message)?;
        for cause in &self.causes {
            writeln!(f, "caused by: {cause}")?;
        }
        match &self.hint {
            Some(hint) => writeln!(f, "try: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> CliError {
        let exit = match &error {
            RunError::Exists { .. } | RunError::Changed { .. } => Exit::Exists,
            RunError::Locked { .. } => Exit::Locked,
            RunError::Unreadable { .. } | RunError::Incomplete { .. } | RunError::Storage(_) => Exit::Failed,
        };
        let shown = CliError::from_error(exit, &error);
        match error.hint() {
            Some(hint) => shown.hint(hint),
            None => shown,
        }
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> CliError {
        match error {
            EngineError::Run(error) => error.into(),
            EngineError::Interrupted => CliError::new(Exit::Interrupted, "interrupted; committed parts stay")
                .hint("the same command with the same --run-id and --resume"),
            EngineError::Input { .. } => {
                CliError::from_error(Exit::Failed, &error).hint("without --fail-fast the other inputs go on")
            }
            EngineError::Unbalanced { .. } | EngineError::Miscounted { .. } | EngineError::Panicked(_) => {
                CliError::from_error(Exit::Failed, &error)
                    .hint("this is a defect of thresh: please report it with the input that shows it")
            }
            EngineError::Output(_) | EngineError::Worker(_) => CliError::from_error(Exit::Failed, &error),
        }
    }
}

impl From<StorageError> for CliError {
    fn from(error: StorageError) -> CliError {
        CliError::from_error(Exit::Failed, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::FolderState;
    use crate::storage::Location;

    #[test]
    fn one_block() {
        let location = Location::Local("/out/run=1".into());
        let error = CliError::from(RunError::Exists { location, state: FolderState::Unfinished });
        assert_eq!(error.exit, Exit::Exists);
        assert_eq!(
            error.to_string(),
            "error: /out/run=1: the run folder already holds an unfinished run\n\
             try: --resume to finish it, or another --run-id\n"
        );
    }

    #[test]
    fn causes_are_said_once() {
        let inner = std::io::Error::other("disk on fire");
        let outer = CliError::usage("cannot read x.json").because(Some(&inner));
        assert_eq!(outer.to_string(), "error: cannot read x.json\ncaused by: disk on fire\n");
        let repeated = CliError::usage("cannot read: disk on fire").because(Some(&inner));
        assert_eq!(repeated.to_string(), "error: cannot read: disk on fire\n");
    }
}
