//! [`BatchPlan`]: everything about a run before it begins.

use std::collections::BTreeMap;

use super::args::BatchArgs;
use super::report::{print_already_complete, print_plan};
use super::work::Batch;
use crate::commands::{CliError, Exit, StorageArgs, cancel_on_signal};
use crate::pipeline::pack;
use crate::report::Progress;
use crate::run::{Opening, Run, RunId, RunRequest, SUCCESS, mask_arguments, now_millis, require_complete};
use crate::storage::codec::is_lzop_index;
use crate::storage::{Location, ObjectMeta, Storage, StorageError};

/// What a command wants to do.
pub struct BatchPlan<'a> {
    /// Its name, for example `enrich`.
    pub command: &'static str,
    /// The options.
    pub batch: &'a BatchArgs,
    /// The options of storage.
    pub storage: &'a StorageArgs,
    /// Where the inputs are.
    pub inputs: &'a [Location],
    /// Outputs by name; the run folder of the first one holds the journal.
    pub outputs: Vec<(&'static str, Location)>,
    /// What the output depends on besides the inputs: options as they are, files by [`crate::run::digest`]. A run can
    /// only be resumed with the same.
    pub configuration: BTreeMap<String, String>,
}

/// What [`BatchPlan::open`] came to.
pub enum Opened {
    /// There is something to do.
    Run(Box<Batch>),
    /// All is said and done.
    Finished(Exit),
}

/// A plan with what it stands for on this day.
pub(super) struct Resolved {
    pub command: &'static str,
    pub run_id: RunId,
    pub objects: Vec<ObjectMeta>,
    pub splits: Vec<std::ops::Range<usize>>,
    pub outputs: Vec<(&'static str, Location)>,
    pub configuration: BTreeMap<String, String>,
}

impl BatchPlan<'_> {
    /// Lists the inputs, checks them, and claims the run folders. With `--dry-run` it prints the plan instead.
    pub fn open(self) -> Result<Opened, CliError> {
        let storage = self.storage.storage();
        let resolved = self.resolve(&storage)?;
        let locations: Vec<Location> = resolved.outputs.iter().map(|(_, location)| location.clone()).collect();
        if self.batch.dry_run {
            Run::check(&storage, &resolved.run_id, &locations, self.batch.resume)?;
            print_plan(&resolved, self.batch)?;
            return Ok(Opened::Finished(Exit::Done));
        }
        let cancel = cancel_on_signal();
        let progress = Progress::start(self.batch.progress, self.command);
        let opening = Run::open(RunRequest {
            storage: &storage,
            command: self.command,
            run_id: &resolved.run_id,
            outputs: &locations,
            resume: self.batch.resume,
            redo_changed: self.batch.redo_changed,
            arguments: mask_arguments(std::env::args().skip(1)),
            configuration: resolved.configuration,
            inputs: &resolved.objects,
            splits: resolved.splits,
            transfer: None,
        })?;
        match opening {
            Opening::Active(run) => Ok(Opened::Run(Box::new(Batch {
                command: self.command,
                args: self.batch.clone(),
                storage,
                objects: resolved.objects,
                run: *run,
                cancel,
                progress,
            }))),
            Opening::Complete(manifest) => {
                drop(progress);
                let name = resolved.run_id.folder_name();
                let folders = locations.iter().map(|location| location.join(&name).to_string()).collect();
                print_already_complete(self.command, &manifest, folders, self.batch.summary)?;
                let partial = !manifest.failed_inputs.is_empty();
                Ok(Opened::Finished(if partial { Exit::Partial } else { Exit::Done }))
            }
        }
    }

    fn resolve(&self, storage: &Storage) -> Result<Resolved, CliError> {
        let mut outputs = Vec::new();
        for (name, location) in &self.outputs {
            if *location == Location::Stdio {
                return Err(CliError::usage(format!("the output `{name}` needs a folder or a prefix, not `-`")));
            }
            outputs.push((*name, absolute(location)?));
        }
        let inputs = self.inputs.iter().map(absolute).collect::<Result<Vec<_>, _>>()?;
        if self.batch.resume && inputs.contains(&Location::Stdio) {
            return Err(CliError::usage("--resume cannot read standard input a second time"));
        }
        let objects = list_inputs(storage, &inputs)?;
        if !self.batch.allow_incomplete {
            require_complete(storage, &objects)?;
        }
        let mut configuration = self.configuration.clone();
        configuration.insert("compression".to_owned(), self.batch.encoding().to_string());
        configuration.insert("max_record_size".to_owned(), self.batch.max_record_size.to_string());
        Ok(Resolved {
            command: self.command,
            run_id: self.batch.run_id.clone().unwrap_or_else(|| RunId::from_millis(now_millis())),
            splits: pack(&objects, self.batch.split_size),
            objects,
            outputs,
            configuration,
        })
    }
}

/// Local paths do not depend on the current folder from here on: manifests and resumed runs need that.
pub(in crate::commands) fn absolute(location: &Location) -> Result<Location, CliError> {
    let Location::Local(path) = location else { return Ok(location.clone()) };
    let path = std::path::absolute(path)
        .map_err(|error| CliError::usage(format!("{location}: is no path")).because(Some(&error)))?;
    Ok(Location::Local(path))
}

/// Whether every input is a run folder that is whole: if it holds no records, then that is what its run came to, and the
/// next step has to pass it on.
fn all_whole_runs(storage: &Storage, inputs: &[Location]) -> Result<bool, CliError> {
    for input in inputs {
        if *input == Location::Stdio || storage.head(&input.join(SUCCESS))?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn list_inputs(storage: &Storage, inputs: &[Location]) -> Result<Vec<ObjectMeta>, CliError> {
    let mut objects = match storage.list(inputs) {
        Ok(objects) => objects,
        Err(StorageError::NotFound { location }) => {
            let message = format!("no data to process: {location} does not exist");
            return Err(CliError::new(Exit::NoData, message).hint("check the path; nothing was read or written"));
        }
        Err(error) => return Err(error.into()),
    };
    objects.retain(|object| !is_lzop_index(&object.relative));
    if objects.is_empty() && !all_whole_runs(storage, inputs)? {
        let looked_at: Vec<String> = inputs.iter().map(Location::to_string).collect();
        let message = format!("no data to process: no object matches {}", looked_at.join(" "));
        return Err(CliError::new(Exit::NoData, message)
            .hint("another input; names that begin with _ or . and folder markers do not count"));
    }
    Ok(objects)
}
