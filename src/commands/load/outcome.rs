//! How `load` ends: what it prints, and its exit code.

use std::io::Write as _;

use super::LoadArgs;
use crate::commands::batch::SummaryArg;
use crate::commands::{CliError, Exit};
use crate::load::{LoadError, LoadReport};
use crate::storage::Location;

impl From<LoadError> for CliError {
    fn from(error: LoadError) -> CliError {
        let exit = match &error {
            LoadError::Config { .. } => Exit::Usage,
            LoadError::Locked { .. } => Exit::Locked,
            LoadError::Interrupted => Exit::Interrupted,
            _ => Exit::Failed,
        };
        let shown = CliError::from_error(exit, &error);
        match error.hint() {
            Some(hint) => shown.hint(hint),
            None => shown,
        }
    }
}

pub(super) fn warn_of_incomplete(incomplete: &[(Location, String)]) {
    for (location, reason) in incomplete {
        tracing::warn!(%location, reason, "a run that is not complete is not loaded");
    }
}

pub(super) fn nothing_to_load(inputs: &[Location], incomplete: &[(Location, String)]) -> Result<Exit, CliError> {
    if let Some((location, reason)) = incomplete.first() {
        return Err(LoadError::Incomplete { location: location.clone(), reason: reason.clone() }.into());
    }
    let inputs: Vec<String> = inputs.iter().map(ToString::to_string).collect();
    Err(CliError::new(Exit::NoData, format!("{}: no run of shredded data", inputs.join(", "))))
}

pub(super) fn print(report: &LoadReport, args: &LoadArgs) -> Result<(), CliError> {
    if let Some(path) = &args.report {
        std::fs::write(path, report.to_json() + "\n").map_err(|error| {
            CliError::new(Exit::Failed, format!("{}: the report cannot be written", path.display()))
                .because(Some(&error))
        })?;
    }
    let text = match args.summary {
        SummaryArg::Text => report.to_text(),
        SummaryArg::Json => report.to_json() + "\n",
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| CliError::new(Exit::Failed, "standard output cannot be written to").because(Some(&error)))
}
