//! A run that moves files, from what it finds to what it reports.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::TransferArgs;
use crate::commands::{CliError, Exit, cancel_on_signal};
use crate::compaction::{CompactionError, Limits, Planned, remove_sources};
use crate::report::{Meter, Progress};
use crate::run::{Manifest, Opening, Run, RunId, RunRequest, Status, TransferPlan, mask_arguments};
use crate::storage::{Location, Storage};

/// Everything about a run but its files.
pub struct TransferRun<'t> {
    /// The command, for example `stage`.
    pub command: &'static str,
    /// All storage.
    pub storage: Storage,
    /// The run's id.
    pub run_id: RunId,
    /// Where the run folder goes.
    pub output: Location,
    /// Name of the manifest.
    pub manifest: &'static str,
    /// What the output depends on besides the files.
    pub configuration: BTreeMap<String, String>,
    /// The options.
    pub args: &'t TransferArgs,
    /// Whether sources are deleted.
    pub delete: bool,
    /// Threads at least, where S3 is involved: what takes time there is the wait for answers.
    pub remote_threads: usize,
}

/// What a run came to.
pub struct Outcome {
    /// The manifest.
    pub manifest: Manifest,
    /// Whether it was complete before.
    pub was_complete: bool,
    /// How long it took.
    pub seconds: f64,
}

/// A run whose folder this process holds, while its splits are worked on.
pub struct Working<'w> {
    /// The run.
    pub run: &'w Run,
    /// What is to be done.
    pub planned: &'w Planned,
    /// Threads, the wish to stop, progress.
    pub limits: Limits<'w>,
}

impl Working<'_> {
    /// The run folder.
    pub fn folder(&self) -> &Location {
        &self.run.folders()[0]
    }
}

impl TransferRun<'_> {
    /// The run folder.
    pub fn folder(&self) -> Location {
        self.output.join(&self.run_id.folder_name())
    }

    /// What an earlier process was about, if the run is to be resumed. An existing folder is refused if it is not.
    pub fn recorded(&self) -> Result<Option<Planned>, CliError> {
        if !self.args.resume {
            Run::check(&self.storage, &self.run_id, std::slice::from_ref(&self.output), false)?;
            return Ok(None);
        }
        let recorded = Run::recorded(&self.storage, &self.run_id, &self.output, self.manifest)?;
        Ok(recorded.map(|recorded| Planned {
            objects: recorded.inputs,
            targets: recorded.targets,
            splits: recorded.splits,
            skipped: recorded.skipped,
        }))
    }

    /// How many threads work on these files.
    pub fn threads(&self, planned: &[crate::storage::ObjectMeta]) -> usize {
        if let Some(threads) = self.args.threads {
            return threads.get();
        }
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let is_remote = |location: &Location| matches!(location, Location::S3 { .. });
        let remote = is_remote(&self.output) || planned.first().is_some_and(|object| is_remote(&object.location));
        if remote { processors.max(self.remote_threads) } else { processors }
    }

    /// Claims the run folder, has the splits done, deletes the sources, and ends the run.
    pub fn execute(
        &self,
        planned: &Planned,
        claimed: impl FnOnce() -> Result<(), CliError>,
        work: impl FnOnce(&Working<'_>) -> Result<(), CompactionError>,
    ) -> Result<Outcome, CliError> {
        let cancel = cancel_on_signal();
        let run = match self.open(planned)? {
            Opening::Active(run) => *run,
            Opening::Complete(manifest) => {
                return Ok(Outcome { manifest: *manifest, was_complete: true, seconds: 0.0 });
            }
        };
        if let Err(refused) = claimed() {
            run.withdraw()?;
            return Err(refused);
        }
        let progress = Progress::start(self.args.progress, self.command);
        let stop = || cancel.is_set();
        let limits = Limits { threads: self.threads(&planned.objects), stop: &stop, meter: progress.meter() };
        self.begin_progress(&run, planned, limits.meter);
        let done = work(&Working { run: &run, planned, limits });
        let finished = match done {
            Ok(()) => run.finish_moving(|manifest| {
                if !self.delete {
                    return Ok(crate::run::Removal::default());
                }
                remove_sources(&self.storage, &planned.objects, manifest, limits)
            }),
            Err(error) => {
                let status = match error {
                    CompactionError::Interrupted => Status::Interrupted,
                    _ => Status::Failed,
                };
                run.abandon(status, Some(error.to_string()));
                Err(error)
            }
        };
        let seconds = progress.seconds();
        // The bar goes before anything else is said.
        drop(progress);
        Ok(Outcome { manifest: finished?, was_complete: false, seconds })
    }

    fn open(&self, planned: &Planned) -> Result<Opening, CliError> {
        Ok(Run::open(RunRequest {
            storage: &self.storage,
            command: self.command,
            run_id: &self.run_id,
            outputs: std::slice::from_ref(&self.output),
            resume: self.args.resume,
            // A move that began is finished as it began: its sources may be gone.
            redo_changed: false,
            arguments: mask_arguments(std::env::args().skip(1)),
            configuration: self.configuration.clone(),
            inputs: &planned.objects,
            splits: planned.splits.clone(),
            transfer: Some(TransferPlan {
                targets: planned.targets.clone(),
                skipped: planned.skipped.clone(),
                manifest: self.manifest,
            }),
        })?)
    }

    fn begin_progress(&self, run: &Run, planned: &Planned, meter: &Meter) {
        let open = run.open_splits();
        let bytes = |range: &Range<usize>| planned.objects[range.clone()].iter().map(|object| object.size).sum::<u64>();
        meter.bytes_total.store(open.iter().map(|(_, range)| bytes(range)).sum(), Ordering::Relaxed);
        Meter::add(&meter.splits_total, run.split_count() as u64);
        Meter::add(&meter.splits, (run.split_count() - open.len()) as u64);
    }
}

impl From<CompactionError> for CliError {
    fn from(error: CompactionError) -> CliError {
        match error {
            CompactionError::Run(error) => error.into(),
            CompactionError::Storage(error) => {
                CliError::from_error(Exit::Failed, &error).hint("the same command with the same --run-id and --resume")
            }
            CompactionError::NoKey { .. } => CliError::from_error(Exit::Usage, &error)
                .hint("another --group-by, or say with --unmatched what becomes of such files"),
            CompactionError::Input { .. } => CliError::from_error(Exit::Failed, &error)
                .hint("without --fail-fast such files are reported and the others go on"),
            CompactionError::Interrupted => CliError::new(Exit::Interrupted, "interrupted; nothing is lost")
                .hint("the same command with the same --run-id and --resume"),
            CompactionError::Unverified { .. } => CliError::from_error(Exit::Failed, &error)
                .hint("no source was deleted; the same command with the same --run-id and --resume"),
            CompactionError::Panicked => CliError::from_error(Exit::Failed, &error)
                .hint("please report it with the input that shows it; --resume goes on"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compaction::{Mover, each_split};
    use crate::report::ProgressMode;
    use crate::run::MANIFEST;
    use crate::storage::StorageOptions;

    fn arguments() -> TransferArgs {
        TransferArgs {
            resume: false,
            threads: None,
            fail_fast: false,
            allow_incomplete: false,
            dry_run: false,
            progress: ProgressMode::Off,
            summary: crate::commands::batch::SummaryArg::Json,
        }
    }

    #[test]
    fn a_run_that_must_not_be_leaves_no_trace() {
        let temporary = tempfile::tempdir().unwrap();
        std::fs::write(temporary.path().join("a"), "content").unwrap();
        let storage = Storage::new(StorageOptions::default());
        let args = arguments();
        let run = TransferRun {
            command: "stage",
            storage: storage.clone(),
            run_id: "1".parse().unwrap(),
            output: Location::Local(temporary.path().join("out")),
            manifest: MANIFEST,
            configuration: BTreeMap::new(),
            args: &args,
            delete: true,
            remote_threads: 1,
        };
        let planned = Planned {
            objects: storage.list(&[Location::Local(temporary.path().join("a"))]).unwrap(),
            targets: vec!["a".to_owned()],
            splits: std::iter::once(0..1).collect(),
            skipped: Vec::new(),
        };
        let refused = run.execute(&planned, || Err(CliError::usage("another one is here")), |_| panic!("not claimed"));
        assert_eq!(refused.err().map(|error| error.exit), Some(Exit::Usage));
        assert!(!storage.any(&run.folder()).unwrap());
        assert!(storage.head(&planned.objects[0].location).unwrap().is_some());
        // As if nothing had been: the same run begins.
        let work = |working: &Working<'_>| {
            let folder = working.folder();
            let mover = Mover { storage: &storage, planned: &planned, folder, fail_fast: true, not_copied: &[] };
            let open = working.run.open_splits();
            each_split(working.run, &open, working.limits, |split, range, limits| mover.copy(split, range, limits))
        };
        let outcome = run.execute(&planned, || Ok(()), work).unwrap();
        assert!(!outcome.was_complete);
        assert_eq!(storage.read_all(&run.folder().join("a")).unwrap(), b"content");
        assert!(storage.head(&planned.objects[0].location).unwrap().is_none());
    }
}
