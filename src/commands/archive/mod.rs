//! `thresh archive`: moves a whole run folder, markers last.

use clap::Args;

use std::collections::BTreeMap;

use super::transfer::{Outcome, Places, TransferArgs, TransferRun, Working, nothing_to_do, print_outcome, print_plan};
use super::{CliError, Exit, StorageArgs};
use crate::compaction::{CompactionError, Mover, Planned, Selection, batches, each_split, targets};
use crate::run::{ARCHIVE_MANIFEST, MANIFEST, RunError, RunId, SUCCESS};
use crate::storage::{Location, Names, ObjectMeta, StorageError};

/// Arguments of `archive`.
#[derive(Clone, Debug, Args)]
pub struct ArchiveArgs {
    /// The run folder (…/run=ID); with --run-id any folder
    #[arg(value_name = "FOLDER")]
    pub input: Location,
    /// Where it goes: <output>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Name of the run in the archive [default: that of the folder]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Copy: leave the folder where it is
    #[arg(long)]
    pub keep_source: bool,
    /// Options of the run.
    #[command(flatten)]
    pub transfer: TransferArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Runs the command.
pub fn run(args: &ArchiveArgs) -> Result<Exit, CliError> {
    let places = Places::check(std::slice::from_ref(&args.input), &args.output)?;
    let run = TransferRun {
        command: "archive",
        storage: args.storage.storage(),
        run_id: args.run_id()?,
        output: places.output.clone(),
        manifest: ARCHIVE_MANIFEST,
        configuration: BTreeMap::from([
            ("inputs".to_owned(), places.inputs_text()),
            ("keep_source".to_owned(), args.keep_source.to_string()),
        ]),
        args: &args.transfer,
        delete: !args.keep_source,
        remote_threads: REMOTE_THREADS,
    };
    if run.folder() == trimmed(&places.inputs[0]) {
        return Err(CliError::usage(format!("{} is where it is to go already", run.folder())));
    }
    let planned = match run.recorded()? {
        Some(planned) => planned,
        None => args.plan(&run, &places)?,
    };
    if args.transfer.dry_run {
        return print_plan(&run, &planned);
    }
    let outcome = run.execute(&planned, || Ok(()), |working| args.copy(&run, working))?;
    let exit = print_outcome(&run, &outcome)?;
    if args.keep_source {
        return Ok(exit);
    }
    args.check_source(&run, &places.inputs[0], &outcome)?;
    Ok(exit)
}

/// Copies that are under way side by side on S3.
const REMOTE_THREADS: usize = 32;

/// Objects that tell readers that others are there: they are copied after all others.
fn is_marker(relative: &str) -> bool {
    let name = relative.rsplit('/').next().unwrap_or("");
    matches!(name, SUCCESS | MANIFEST | ARCHIVE_MANIFEST | "shredding_complete.json")
}

/// Without a slash at its end.
fn trimmed(location: &Location) -> Location {
    match location {
        Location::S3 { bucket, key } => {
            Location::S3 { bucket: bucket.clone(), key: key.trim_end_matches('/').to_owned() }
        }
        other => other.clone(),
    }
}

impl ArchiveArgs {
    fn run_id(&self) -> Result<RunId, CliError> {
        if let Some(id) = &self.run_id {
            return Ok(id.clone());
        }
        let name = self.input.file_name();
        let id = name.strip_prefix("run=").and_then(|id| id.parse().ok());
        id.ok_or_else(|| {
            CliError::usage(format!("{} is not called run=ID", self.input))
                .hint("the folder of one run, or --run-id to say what it is to be called")
        })
    }

    fn plan(&self, run: &TransferRun<'_>, places: &Places) -> Result<Planned, CliError> {
        let folder = &places.inputs[0];
        let selection = Selection { markers: true, ..Selection::default() };
        let mut selected = selection.list(&run.storage, &[folder.join("")], false)?;
        if selected.objects.is_empty() {
            return Err(nothing_to_do(places, &selected));
        }
        let working = selected.skipped.iter().any(|skipped| skipped.reason.contains("journal"));
        let is_complete = selected.objects.iter().any(|object| object.relative == SUCCESS);
        if (working || !is_complete) && !self.transfer.allow_incomplete {
            return Err(RunError::Incomplete { location: folder.clone() }.into());
        }
        selected.objects.sort_by_cached_key(|object| (is_marker(&object.relative), object.location.clone()));
        let objects = selected.objects;
        let markers = objects.iter().position(|object| is_marker(&object.relative)).unwrap_or(objects.len());
        let threads = run.threads(&objects);
        let mut splits = batches(&objects[..markers], threads);
        if markers < objects.len() {
            splits.push(markers..objects.len());
        }
        Ok(Planned {
            targets: targets(&objects, true, &[ARCHIVE_MANIFEST]),
            splits,
            objects,
            skipped: selected.skipped,
        })
    }

    fn copy(&self, run: &TransferRun<'_>, working: &Working<'_>) -> Result<(), CompactionError> {
        let mover = Mover {
            storage: &run.storage,
            planned: working.planned,
            folder: working.folder(),
            fail_fast: self.transfer.fail_fast,
            // The run writes its own when the folder is whole.
            not_copied: &[SUCCESS],
        };
        let is_last = |range: &std::ops::Range<usize>| is_marker(&working.planned.targets[range.start]);
        let (markers, data): (Vec<_>, Vec<_>) =
            working.run.open_splits().into_iter().partition(|(_, range)| is_last(range));
        for splits in [data, markers] {
            each_split(working.run, &splits, working.limits, |split, range, limits| mover.copy(split, range, limits))?;
        }
        Ok(())
    }

    /// What is still there was not archived: it came late, or changed. It is nobody's to delete.
    fn check_source(&self, run: &TransferRun<'_>, folder: &Location, outcome: &Outcome) -> Result<(), CliError> {
        let mut left: Vec<ObjectMeta> = Vec::new();
        let visited = run.storage.visit(&folder.join(""), Names::Data, &mut |object| {
            left.push(object);
            true
        });
        match visited {
            Ok(()) | Err(StorageError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(first) = left.first() {
            let exit = if outcome.was_complete { Exit::Exists } else { Exit::Partial };
            let message =
                format!("{folder}: {} files are there that were not archived: {}", left.len(), first.location);
            return Err(
                CliError::new(exit, message).hint("look at them; they came or changed after the folder was listed")
            );
        }
        remove_empty_folders(folder);
        Ok(())
    }
}

/// Folders are things of their own on disks only, and an empty run folder looks like a run.
fn remove_empty_folders(folder: &Location) {
    fn remove(path: &std::path::Path) {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove(&entry.path());
            }
        }
        // One that is not empty stays: there is nothing else to know.
        let _ = std::fs::remove_dir(path);
    }
    if let Location::Local(path) = folder {
        remove(path);
    }
}
