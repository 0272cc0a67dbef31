//! Whether the folders and targets of a pipeline can be reached and written to: a run finds out before its first step, not
//! at its last.

use super::CliError;
use super::configured::Configured;
use crate::load::target::OpenOptions;
use crate::load::{TargetConfig, open};
use crate::orchestrate::TargetRef;
use crate::orchestrate::targets::Purpose;
use crate::storage::{Location, Names, Precondition, Storage, StorageError, TEMPORARY_PREFIX};

/// What cannot be reached, a line each.
pub fn unreachable_folders(configured: &Configured) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, at) in configured.pipeline.folders() {
        // What others write into is only read; that files can be deleted there shows when they are.
        let only_read = name.starts_with("raw.in") || name == "enriched.stream";
        if let Err(error) = look(&configured.storage, at, !only_read) {
            problems.push(format!("{name}: expected a folder that can be {}, found {error}", verb(only_read)));
        }
    }
    problems
}

fn verb(only_read: bool) -> &'static str {
    if only_read { "read" } else { "written to" }
}

fn look(storage: &Storage, at: &Location, write: bool) -> Result<(), StorageError> {
    match storage.visit(&at.join(""), Names::All, &mut |_| false) {
        // What is to be written is made when it is needed.
        Err(StorageError::NotFound { .. }) if write => {}
        listed => listed?,
    }
    if write { try_to_write(storage, at) } else { Ok(()) }
}

/// Leaves nothing behind, even if the process is killed in the middle of it.
fn try_to_write(storage: &Storage, at: &Location) -> Result<(), StorageError> {
    if let Location::Local(path) = at {
        let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(path);
        // A file without a name.
        return tempfile::tempfile_in(existing).map(|_| ()).map_err(|error| StorageError::from_io(at, error));
    }
    // Whoever may write is told that the condition does not hold, and who may not is told that.
    let probe = at.join(&format!("{TEMPORARY_PREFIX}access"));
    match storage.write_all(&probe, b"", Precondition::Etag("none-has-this".to_owned())) {
        Err(StorageError::PreconditionFailed { .. } | StorageError::NotFound { .. }) => Ok(()),
        // A store without conditions.
        Ok(_) => storage.delete(&probe, None),
        Err(error) => Err(error),
    }
}

/// Targets that do not let us in, a line each.
pub fn unreachable_targets(targets: &[TargetRef]) -> Vec<String> {
    let mut problems = Vec::new();
    for target in targets.iter().filter(|target| target.purpose == Purpose::EnrichedEvents) {
        // Its password is in the environment only when its step is run.
        if target.password_env.is_some() || target.password_file.is_some() {
            continue;
        }
        let opened = TargetConfig::parse(&target.target)
            .and_then(|config| open(&config, &OpenOptions { read_only: true, ..OpenOptions::default() }));
        if let Err(error) = opened {
            problems.push(format!("{}: {}", target.target, text_of(&CliError::from(error))));
        }
    }
    problems
}

/// An error without its first word, on as few lines as it has.
pub fn text_of(error: &CliError) -> String {
    let text = error.to_string();
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}
