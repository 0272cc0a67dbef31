//! `thresh stage`: moves what collectors wrote into the folder of one run.

use clap::Args;

use std::collections::{BTreeMap, BTreeSet};

use super::transfer::{
    Places, SelectArgs, TransferArgs, TransferRun, Working, nothing_to_do, print_outcome, print_plan,
};
use super::{CliError, Exit, StorageArgs};
use crate::compaction::{CompactionError, Moment, Mover, Planned, Selected, Selection, batches, each_split, targets};
use crate::report::parse_bytes;
use crate::run::{MANIFEST, Run, RunId, SUCCESS, now_millis, require_complete};
use crate::storage::{Location, ObjectMeta};

/// Arguments of `stage`.
#[derive(Clone, Debug, Args)]
pub struct StageArgs {
    /// Folders or prefixes that collectors write to
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Where the files go: <output>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Name of the run: files go to <output>/run=ID/ [default: now, UTC, as 2021-12-31-23-59-59]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Leave files that were modified less than so many seconds ago to the next run
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub min_age: u64,
    /// Take files, the oldest first, up to so many bytes; one file at least
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub max_bytes: Option<u64>,
    /// Take the oldest so many files
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_files: Option<u64>,
    /// Copy: leave the files where they are
    #[arg(long)]
    pub keep_source: bool,
    /// Which files are meant.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Options of the run.
    #[command(flatten)]
    pub transfer: TransferArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Runs the command.
pub fn run(args: &StageArgs) -> Result<Exit, CliError> {
    let places = Places::check(&args.inputs, &args.output)?;
    let output = std::slice::from_ref(&places.output);
    if let Some(input) = places.inputs.iter().find(|input| Places::check(output, input).is_err()) {
        return Err(CliError::usage(format!("the input {input} is inside the output {}", places.output))
            .hint("an output of its own: staged files must not be staged again"));
    }
    let run = TransferRun {
        command: "stage",
        storage: args.storage.storage(),
        run_id: args.transfer.run_id(args.run_id.as_ref())?,
        output: places.output.clone(),
        manifest: MANIFEST,
        configuration: args.configuration(&places),
        args: &args.transfer,
        delete: !args.keep_source,
        remote_threads: REMOTE_THREADS,
    };
    let recorded = run.recorded()?;
    let is_new = recorded.is_none();
    let planned = match recorded {
        Some(planned) => planned,
        None => args.plan(&run, &places)?,
    };
    let refuse = |exit| if is_new { refuse_beside_others(&run, exit) } else { Ok(()) };
    refuse(Exit::Exists)?;
    if args.transfer.dry_run {
        return print_plan(&run, &planned);
    }
    // Two that began at the same moment see each other at the latest now that both have said so.
    let outcome = run.execute(&planned, || refuse(Exit::Locked), |working| args.copy(&run, working))?;
    print_outcome(&run, &outcome)
}

/// Copies that are under way side by side on S3.
const REMOTE_THREADS: usize = 32;

impl StageArgs {
    fn plan(&self, run: &TransferRun<'_>, places: &Places) -> Result<Planned, CliError> {
        let age = i64::try_from(self.min_age.saturating_mul(1000)).unwrap_or(i64::MAX);
        let selection = Selection {
            hidden: true,
            indexes: true,
            modified_before: (age > 0).then(|| now_millis().saturating_sub(age)),
            ..self.select.selection()
        };
        let mut selected = selection.list(&run.storage, &places.inputs, true)?;
        if selected.objects.is_empty() {
            return Err(nothing_to_do(places, &selected));
        }
        if !self.transfer.allow_incomplete {
            require_complete(&run.storage, &selected.objects)?;
        }
        self.limit(&mut selected);
        let objects = selected.objects;
        Ok(Planned {
            targets: targets(&objects, false, &[]),
            splits: batches(&objects, run.threads(&objects)),
            objects,
            skipped: selected.skipped,
        })
    }

    /// Keeps the oldest files, up to the limits. The others are not skipped, but left to the next run.
    fn limit(&self, selected: &mut Selected) {
        if self.max_bytes.is_none() && self.max_files.is_none() {
            return;
        }
        let all = selected.objects.len();
        selected.objects.sort_by_cached_key(|object| (Moment::of(object), object.location.clone()));
        let most_files = self.max_files.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
        let mut bytes = 0_u64;
        let fits = |object: &&ObjectMeta| {
            bytes = bytes.saturating_add(object.size);
            self.max_bytes.is_none_or(|most| bytes <= most)
        };
        let count = selected.objects.iter().take(most_files).take_while(fits).count().max(1);
        selected.objects.truncate(count);
        selected.objects.sort_by(|left, right| left.location.cmp(&right.location));
        if count < all {
            tracing::info!(files = all - count, "left to the next run");
        }
    }

    fn copy(&self, run: &TransferRun<'_>, working: &Working<'_>) -> Result<(), CompactionError> {
        let mover = Mover {
            storage: &run.storage,
            planned: working.planned,
            folder: working.folder(),
            fail_fast: self.transfer.fail_fast,
            not_copied: &[],
        };
        let open = working.run.open_splits();
        each_split(working.run, &open, working.limits, |split, range, limits| mover.copy(split, range, limits))
    }

    fn configuration(&self, places: &Places) -> BTreeMap<String, String> {
        let mut configuration = BTreeMap::from([
            ("inputs".to_owned(), places.inputs_text()),
            ("keep_source".to_owned(), self.keep_source.to_string()),
        ]);
        self.select.describe(&mut configuration);
        configuration
    }
}

/// Refuses to take files for a new run while another one in the output is unfinished: it may have copied them already and
/// not yet deleted them, and they would be there twice. A run that goes on has its list of files, and leaves those that are
/// gone.
fn refuse_beside_others(run: &TransferRun<'_>, exit: Exit) -> Result<(), CliError> {
    let mut folders = BTreeSet::new();
    let mut complete = BTreeSet::new();
    for object in run.storage.list_all(&run.output.join(""))? {
        let Some((folder, rest)) = object.relative.split_once('/') else { continue };
        if folder.starts_with("run=") {
            folders.insert(folder.to_owned());
            if rest == SUCCESS {
                complete.insert(folder.to_owned());
            }
        }
    }
    for folder in folders.difference(&complete).filter(|folder| **folder != run.run_id.folder_name()) {
        let location = run.output.join(folder);
        let staging = Run::unfinished(&run.storage, &location)?.is_some_and(|other| other.command == run.command);
        if staging {
            let id = folder.trim_start_matches("run=");
            return Err(CliError::new(exit, format!("{location}: an earlier run is not finished")).hint(format!(
                "the same command with --run-id {id} --resume first; its files must not be taken twice"
            )));
        }
    }
    Ok(())
}
