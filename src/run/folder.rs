//! [`Run`]: one run in its folders, from the lock to `_SUCCESS`.

mod transfer;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

pub use self::transfer::{Recorded, Removal, TransferPlan};
use super::error::FolderState;
use super::journal::{
    InputIdentity, Plan, compare_configuration, compare_inputs, plan_location, read_json, split_location, write_json,
};
use super::lock::{self, Holder, Lock};
use super::manifest::{Ending, Manifest, Status};
use super::{
    ARCHIVE_MANIFEST, JOURNAL, LOCK_PREFIX, MANIFEST, Part, RunError, RunId, SUCCESS, SplitRecord, now_millis,
};
use crate::report::Counters;
use crate::storage::{Location, ObjectMeta, Precondition, Storage, TEMPORARY_PREFIX};

/// What a run is about.
pub struct RunRequest<'a> {
    /// All storage.
    pub storage: &'a Storage,
    /// The command, for example `enrich`.
    pub command: &'a str,
    /// The run's id.
    pub run_id: &'a RunId,
    /// Where the run's folders go; the first one holds the journal. Equal locations share a folder.
    pub outputs: &'a [Location],
    /// Whether to go on with what is there.
    pub resume: bool,
    /// Whether to do an unfinished run anew if it began with other inputs or another configuration.
    pub redo_changed: bool,
    /// The command line, secrets masked.
    pub arguments: Vec<String>,
    /// What the output depends on besides the inputs.
    pub configuration: BTreeMap<String, String>,
    /// All inputs in order.
    pub inputs: &'a [ObjectMeta],
    /// How they are packed; a resumed run keeps its own packing.
    pub splits: Vec<Range<usize>>,
    /// What there is to know besides if the run moves files.
    pub transfer: Option<TransferPlan>,
}

/// What [`Run::open`] found.
pub enum Opening {
    /// There is something to do.
    Active(Box<Run>),
    /// The run that was to be resumed is complete.
    Complete(Box<Manifest>),
}

/// A run that this process works on. Dropping it releases its locks and leaves the folder unfinished.
pub struct Run {
    storage: Storage,
    folders: Vec<Location>,
    plan: Plan,
    arguments: Vec<String>,
    manifest: &'static str,
    splits: Mutex<BTreeMap<usize, SplitRecord>>,
    resumed: usize,
    _locks: Vec<Lock>,
}

impl Run {
    /// Claims the run folders and finds out what is left to do.
    pub fn open(request: RunRequest<'_>) -> Result<Opening, RunError> {
        let storage = request.storage;
        let folders: Vec<Location> =
            request.outputs.iter().map(|output| output.join(&request.run_id.folder_name())).collect();
        if request.resume {
            if let Some(manifest) = complete_run(&request, &folders)? {
                return Ok(Opening::Complete(Box::new(manifest)));
            }
        } else {
            refuse_existing(storage, &folders)?;
        }
        let me = Holder::me(request.command, now_millis());
        let mut locks = Vec::new();
        for folder in distinct(&folders) {
            locks.push(lock::acquire(storage, folder, &me)?);
        }
        // Between the look above and the lock another process may have finished the run.
        if request.resume
            && let Some(manifest) = complete_run(&request, &folders)?
        {
            return Ok(Opening::Complete(Box::new(manifest)));
        }
        let (plan, splits) = match read_json::<Plan>(storage, &plan_location(&folders[0]))? {
            Some(found) if request.resume => {
                let differences = found.differences(&plan_of(&request));
                if differences.is_empty() {
                    resume(&request, &folders, found)?
                } else if request.redo_changed {
                    (begin_anew(&request, &folders, &differences)?, BTreeMap::new())
                } else {
                    return Err(RunError::Changed { location: folders[0].clone(), differences });
                }
            }
            _ => (begin(&request, &folders)?, BTreeMap::new()),
        };
        Ok(Opening::Active(Box::new(Run {
            storage: storage.clone(),
            folders,
            plan,
            manifest: manifest_name(&request),
            arguments: request.arguments,
            resumed: splits.len(),
            splits: Mutex::new(splits),
            _locks: locks,
        })))
    }

    /// Checks, without touching anything, that [`Run::open`] would not refuse the folders.
    pub fn check(storage: &Storage, run_id: &RunId, outputs: &[Location], resume: bool) -> Result<(), RunError> {
        let folders: Vec<Location> = outputs.iter().map(|output| output.join(&run_id.folder_name())).collect();
        if resume { Ok(()) } else { refuse_existing(storage, &folders) }
    }

    /// When the run started (the first time, if it is resumed), milliseconds since 1970.
    pub fn started(&self) -> i64 {
        self.plan.started
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.plan.run_id
    }

    /// The run folders, in the order of [`RunRequest::outputs`].
    pub fn folders(&self) -> &[Location] {
        &self.folders
    }

    /// All storage.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// How many splits were in place when the run was resumed.
    pub fn resumed(&self) -> usize {
        self.resumed
    }

    /// How many splits there are.
    pub fn split_count(&self) -> usize {
        self.plan.splits.len()
    }

    /// The splits that are still to be done: number, and range in the list of inputs.
    pub fn open_splits(&self) -> Vec<(usize, Range<usize>)> {
        let done = self.committed();
        let all = self.plan.splits.iter().enumerate();
        all.filter(|(split, _)| !done.contains_key(split)).map(|(split, &(start, end))| (split, start..end)).collect()
    }

    fn committed(&self) -> std::sync::MutexGuard<'_, BTreeMap<usize, SplitRecord>> {
        self.splits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a split's parts are in place.
    pub fn commit_split(&self, record: SplitRecord) -> Result<(), RunError> {
        write_json(&self.storage, &split_location(&self.folders[0], record.split), &record)?;
        self.committed().insert(record.split, record);
        Ok(())
    }

    /// All parts that are in place.
    pub fn parts(&self) -> Vec<Part> {
        self.committed().values().flat_map(|split| split.parts.iter().cloned()).collect()
    }

    /// Ends a run whose splits are all done. `extra_parts` are those that belong to no split.
    pub fn finish(self, extra_parts: &[Part]) -> Result<Manifest, RunError> {
        self.finish_with(extra_parts, &Counters::default())
    }

    /// As [`Run::finish`], with figures that belong to no split.
    pub fn finish_with(self, extra_parts: &[Part], late: &Counters) -> Result<Manifest, RunError> {
        let ending = Ending {
            status: Status::Complete,
            error: None,
            ended: now_millis(),
            late: late.clone(),
            late_failures: Vec::new(),
        };
        let manifest = self.write_manifest(extra_parts, ending)?;
        self.seal()?;
        Ok(manifest)
    }

    /// The last word.
    fn seal(&self) -> Result<(), RunError> {
        for folder in distinct(&self.folders).into_iter().rev() {
            self.storage.write_all(&folder.join(SUCCESS), b"", Precondition::None)?;
        }
        delete_journal(&self.storage, &self.folders[0])
    }

    /// Ends a run that cannot go on: the manifest lists what is in place. There is nothing to be done if that cannot
    /// be written either.
    pub fn abandon(self, status: Status, error: Option<String>) {
        let ending =
            Ending { status, error, ended: now_millis(), late: Counters::default(), late_failures: Vec::new() };
        if let Err(problem) = self.write_manifest(&[], ending) {
            tracing::warn!(error = %problem, "the manifest of the unfinished run could not be written");
        }
    }

    fn write_manifest(&self, extra_parts: &[Part], ending: Ending) -> Result<Manifest, RunError> {
        let splits = self.committed();
        let manifest = Manifest::build(&self.plan, &self.arguments, &self.folders, &splits, extra_parts, ending);
        for folder in distinct(&self.folders) {
            write_json(&self.storage, &folder.join(self.manifest), &manifest)?;
        }
        Ok(manifest)
    }
}

fn distinct(folders: &[Location]) -> Vec<&Location> {
    let mut seen = HashSet::new();
    folders.iter().filter(|folder| seen.insert(*folder)).collect()
}

/// Below a folder; the slash keeps `run=1` apart from `run=10` in a bucket.
fn below(folder: &Location) -> Location {
    folder.join("")
}

fn refuse_existing(storage: &Storage, folders: &[Location]) -> Result<(), RunError> {
    for folder in folders {
        if storage.any(&below(folder))? {
            let location = folder.clone();
            return Err(RunError::Exists { location, state: folder_state(storage, folder)? });
        }
    }
    Ok(())
}

fn folder_state(storage: &Storage, folder: &Location) -> Result<FolderState, RunError> {
    if storage.head(&folder.join(SUCCESS))?.is_some() {
        return Ok(FolderState::Complete);
    }
    let objects = storage.list_all(&below(folder))?;
    let ours = objects
        .iter()
        .any(|object| is_control(&object.relative) || matches!(object.relative.as_str(), MANIFEST | ARCHIVE_MANIFEST));
    Ok(if ours { FolderState::Unfinished } else { FolderState::Unknown })
}

fn is_control(relative: &str) -> bool {
    relative.starts_with(LOCK_PREFIX) || relative.strip_prefix(JOURNAL).is_some_and(|rest| rest.starts_with('/'))
}

fn manifest_name(request: &RunRequest<'_>) -> &'static str {
    request.transfer.as_ref().map_or(MANIFEST, |transfer| transfer.manifest)
}

fn plan_of(request: &RunRequest<'_>) -> Plan {
    let transfer = request.transfer.as_ref();
    Plan {
        command: request.command.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: request.run_id.to_string(),
        started: now_millis(),
        configuration: request.configuration.clone(),
        inputs: request.inputs.iter().map(InputIdentity::of).collect(),
        splits: request.splits.iter().map(|range| (range.start, range.end)).collect(),
        targets: transfer.map(|transfer| transfer.targets.clone()).unwrap_or_default(),
        skipped: transfer.map(|transfer| transfer.skipped.clone()).unwrap_or_default(),
    }
}

/// The manifest of the run in the folder, if it is complete and did what is asked for now.
fn complete_run(request: &RunRequest<'_>, folders: &[Location]) -> Result<Option<Manifest>, RunError> {
    let storage = request.storage;
    let primary = &folders[0];
    if storage.head(&primary.join(SUCCESS))?.is_none() {
        return Ok(None);
    }
    let exists = RunError::Exists { location: primary.clone(), state: FolderState::Complete };
    let Some(manifest) = read_json::<Manifest>(storage, &primary.join(manifest_name(request)))? else {
        return Err(exists);
    };
    let now = plan_of(request);
    let mut differences = Vec::new();
    compare_configuration(&manifest.configuration, &now.configuration, &mut differences);
    compare_inputs(&manifest.identities(), &now.inputs, &mut differences);
    if manifest.command != now.command || !differences.is_empty() {
        tracing::debug!(?differences, "the complete run differs from the one asked for");
        return Err(exists);
    }
    // It may have been stopped after its last word, before it had cleaned up.
    delete_journal(storage, primary)?;
    let me = Holder::me(request.command, now_millis());
    for folder in distinct(folders) {
        lock::clear_dead(storage, folder, &me)?;
    }
    Ok(Some(manifest))
}

fn delete_journal(storage: &Storage, primary: &Location) -> Result<(), RunError> {
    for object in storage.list_all(&below(&primary.join(JOURNAL)))? {
        storage.delete(&object.location, None)?;
    }
    if let Location::Local(folder) = primary.join(JOURNAL) {
        // Folders are things of their own on disks only.
        let _ = std::fs::remove_dir(folder);
    }
    Ok(())
}

/// A first start. With `resume`, folders may hold what a process left that was stopped before it wrote its plan: locks.
fn begin(request: &RunRequest<'_>, folders: &[Location]) -> Result<Plan, RunError> {
    for folder in folders {
        let objects = request.storage.list_all(&below(folder))?;
        let (leftovers, objects): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|object| object.location.file_name().starts_with(TEMPORARY_PREFIX));
        // A process that was killed in its very first write leaves that behind.
        for leftover in leftovers {
            request.storage.delete(&leftover.location, None)?;
        }
        if objects.iter().any(|object| !is_control(&object.relative)) {
            // The locks there are our own by now and say nothing about whose folder it is.
            return Err(RunError::Exists { location: folder.clone(), state: FolderState::Unknown });
        }
    }
    let plan = plan_of(request);
    write_json(request.storage, &plan_location(&folders[0]), &plan)?;
    Ok(plan)
}

/// Forgets what an unfinished run did and starts it with what is asked for now. Stopped in between, it finds the old plan
/// again, without anything done.
fn begin_anew(request: &RunRequest<'_>, folders: &[Location], differences: &[String]) -> Result<Plan, RunError> {
    tracing::warn!(run = %folders[0], ?differences, "the unfinished run began differently; it is done anew");
    let old_plan = plan_location(&folders[0]);
    for folder in distinct(folders) {
        for object in request.storage.list_all(&below(folder))? {
            if !object.relative.starts_with(LOCK_PREFIX) && object.location != old_plan {
                request.storage.delete(&object.location, None)?;
            }
        }
    }
    let plan = plan_of(request);
    write_json(request.storage, &old_plan, &plan)?;
    Ok(plan)
}

/// Goes on with a run: splits whose parts are all there stay, every other object goes.
fn resume(
    request: &RunRequest<'_>,
    folders: &[Location],
    found: Plan,
) -> Result<(Plan, BTreeMap<usize, SplitRecord>), RunError> {
    if found.version != env!("CARGO_PKG_VERSION") {
        tracing::warn!(began_with = found.version, "the run was begun by another version of thresh");
    }
    let storage = request.storage;
    let mut present = HashMap::new();
    for folder in distinct(folders) {
        for object in storage.list_all(&below(folder))? {
            if !is_control(&object.relative) {
                present.insert(object.location.clone(), object);
            }
        }
    }
    let mut splits = BTreeMap::new();
    for split in 0..found.splits.len() {
        let entry = split_location(&folders[0], split);
        let Some(record) = read_json::<SplitRecord>(storage, &entry)? else { continue };
        let location_of = |part: &Part| folders.get(part.folder).map(|folder| folder.join(&part.name));
        let is_there = |part: &Part| {
            let object = location_of(part).and_then(|location| present.get(&location));
            object.is_some_and(|object| object.size == part.size)
        };
        if record.parts.iter().all(is_there) {
            for location in record.parts.iter().filter_map(location_of) {
                present.remove(&location);
            }
            splits.insert(split, record);
        } else {
            tracing::warn!(split, "parts of a finished split are missing; it is done again");
            storage.delete(&entry, None)?;
        }
    }
    for stray in present.keys() {
        storage.delete(stray, None)?;
    }
    Ok((found, splits))
}
