//! What has become of each run, on disk or on S3: one object a run, replaced as a whole, under the runner's claim.
//!
//! ```text
//! <state>/claim/_lock.N              who works on this pipeline
//! <state>/open/run=ID.json           a run that is not finished
//! <state>/done/2021-03/run=ID.json   a run that is
//! <state>/last-run                   the newest id, so that ids only ever go up
//! ```
//!
//! A step is written down after it is done. A runner that stops in between does the step again, which is safe: every
//! command finds out by its own manifest what is left to do.

use serde::{Deserialize, Serialize};

use crate::run::{RunError, RunId, now_millis};
use crate::storage::{Location, Names, Precondition, Storage, StorageError, TEMPORARY_PREFIX};

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// Its id.
    pub run_id: String,
    /// The version of thresh that began it.
    pub version: String,
    /// When it began, milliseconds since 1970.
    pub began: i64,
    /// When it was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<i64>,
    /// Steps that are done, in the order in which they were.
    #[serde(default)]
    pub steps: Vec<StepRecord>,
    /// The last failure, until a step succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl RunState {
    /// Whether some data could not be read whole. Files that were not moved because they had changed are no such thing:
    /// they belong to the next run.
    pub fn is_partial(&self) -> bool {
        let reads = |name: &str| matches!(name, "enrich" | "shred") || name.starts_with("rdb_load");
        self.steps.iter().any(|step| step.exit_code == 5 && reads(&step.name))
    }
}

/// A step that is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name in the plan.
    pub name: String,
    /// When it ended, milliseconds since 1970.
    pub ended: i64,
    /// How long it took this time.
    pub seconds: u64,
    /// The command's exit code: 0, or 5 if some objects could not be read whole.
    pub exit_code: i32,
}

/// A step that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Its name in the plan.
    pub step: String,
    /// The command's exit code.
    pub exit_code: i32,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// The last lines it wrote.
    pub message: String,
}

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The claim cannot be had.
    #[error(transparent)]
    Run(#[from] RunError),
    /// An object of the state cannot be understood.
    #[error("{location}: unreadable: {detail}")]
    Unreadable {
        /// The object.
        location: Location,
        /// Why.
        detail: String,
    },
    /// Ids must go up, or "the oldest first" means nothing.
    #[error("run id {id} is not above the last one, {last}")]
    NotAbove {
        /// The id asked for.
        id: String,
        /// The newest there is.
        last: String,
    },
    /// The run is not open.
    #[error("{at}: there is no open run {id}")]
    NoRun {
        /// The state.
        at: Location,
        /// The id.
        id: String,
    },
}

/// Sees an object and the id of the run folder that it is in; says whether to go on.
type RunVisitor<'v> = dyn FnMut(Option<&str>, &Location) -> Result<bool, StateError> + 'v;

/// The state of one pipeline.
#[derive(Clone)]
pub struct StateStore {
    storage: Storage,
    at: Location,
}

impl StateStore {
    /// The state kept below a location.
    pub fn new(storage: Storage, at: Location) -> StateStore {
        StateStore { storage, at }
    }

    /// The folder of the claim.
    pub fn claim_folder(&self) -> Location {
        self.at.join("claim")
    }

    fn open_location(&self, id: &str) -> Location {
        self.at.join("open").join(&format!("run={id}.json"))
    }

    fn done_location(&self, id: &str) -> Location {
        self.at.join("done").join(month(id)).join(&format!("run={id}.json"))
    }

    /// Removes what a process left that was killed while it wrote. Only for who holds the claim.
    pub fn tidy(&self) -> Result<(), StateError> {
        let done = self.at.join("done");
        let mut folders = vec![self.at.clone(), self.claim_folder(), self.at.join("open")];
        if let Some(last) = self.last_id()? {
            folders.push(done.join(month(&last)));
        }
        for folder in folders {
            let mut leftovers = Vec::new();
            // Names that begin with a dot come first, so this ends at once however long the folder is.
            let listed = self.storage.visit(&folder.join(""), Names::All, &mut |object| {
                let leftover = object.relative.starts_with(TEMPORARY_PREFIX);
                leftovers.extend(leftover.then_some(object.location));
                leftover
            });
            match listed {
                Ok(()) | Err(StorageError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            for leftover in leftovers {
                self.storage.delete(&leftover, None)?;
            }
        }
        Ok(())
    }

    /// Runs that are not finished, the oldest first.
    pub fn open_runs(&self) -> Result<Vec<RunState>, StateError> {
        let mut runs = Vec::new();
        for object in self.storage.list_all(&self.at.join("open").join(""))? {
            if object.location.file_name().starts_with("run=") {
                runs.extend(self.read(&object.location)?);
            }
        }
        runs.sort_by(|one, other| one.run_id.cmp(&other.run_id));
        Ok(runs)
    }

    fn read(&self, location: &Location) -> Result<Option<RunState>, StateError> {
        let bytes = match self.storage.read_all(location) {
            Ok(bytes) => bytes,
            Err(StorageError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let unreadable = |error: serde_json::Error| {
            let location = location.clone();
            StateError::Unreadable { location, detail: error.to_string() }
        };
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    /// A run that is not finished.
    pub fn open_run(&self, id: &RunId) -> Result<RunState, StateError> {
        let missing = || StateError::NoRun { at: self.at.clone(), id: id.to_string() };
        self.read(&self.open_location(id.as_str()))?.ok_or_else(missing)
    }

    /// A run that is finished.
    pub fn done_run(&self, id: &str) -> Result<Option<RunState>, StateError> {
        self.read(&self.done_location(id))
    }

    /// Whether a run is finished.
    pub fn is_done(&self, id: &str) -> Result<bool, StateError> {
        Ok(self.storage.head(&self.done_location(id))?.is_some())
    }

    /// The newest id.
    pub fn last_id(&self) -> Result<Option<String>, StateError> {
        match self.storage.read_all(&self.at.join("last-run")) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
            Err(StorageError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins a run. Its id must be above every earlier one, as far as they are times.
    pub fn begin(&self, id: &RunId) -> Result<(), StateError> {
        if let Some(last) = self.last_id()?
            && is_time(&last)
            && is_time(id.as_str())
            && id.as_str() <= last.as_str()
        {
            return Err(StateError::NotAbove { id: id.to_string(), last });
        }
        self.storage.write_all(&self.at.join("last-run"), id.as_str().as_bytes(), Precondition::None)?;
        self.create(id)
    }

    /// Takes up a run whose folders are there, though the state knows nothing of it, or thinks that it is finished.
    pub fn adopt(&self, id: &RunId) -> Result<(), StateError> {
        self.create(id)
    }

    fn create(&self, id: &RunId) -> Result<(), StateError> {
        self.save(&RunState {
            run_id: id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            began: now_millis(),
            finished: None,
            steps: Vec::new(),
            failure: None,
        })
    }

    fn save(&self, state: &RunState) -> Result<(), StateError> {
        self.write(&self.open_location(&state.run_id), state)
    }

    fn write(&self, location: &Location, state: &RunState) -> Result<(), StateError> {
        let mut bytes = serde_json::to_vec_pretty(state).expect("plain fields");
        bytes.push(b'\n');
        self.storage.write_all(location, &bytes, Precondition::None)?;
        Ok(())
    }

    /// Notes that a step is done.
    pub fn step_done(&self, id: &RunId, step: StepRecord) -> Result<(), StateError> {
        let mut state = self.open_run(id)?;
        state.failure = None;
        state.steps.retain(|earlier| earlier.name != step.name);
        state.steps.push(step);
        self.save(&state)
    }

    /// Notes that a step failed.
    pub fn step_failed(&self, id: &RunId, failure: Failure) -> Result<(), StateError> {
        let mut state = self.open_run(id)?;
        state.failure = Some(failure);
        self.save(&state)
    }

    /// Notes that a run is finished.
    pub fn finish(&self, id: &RunId) -> Result<RunState, StateError> {
        let mut state = self.open_run(id)?;
        state.finished = Some(now_millis());
        self.write(&self.done_location(id.as_str()), &state)?;
        self.storage.delete(&self.open_location(id.as_str()), None)?;
        Ok(state)
    }

    /// Forgets a run that turned out to have nothing to do. One that has done a step stays.
    pub fn forget(&self, id: &RunId) -> Result<bool, StateError> {
        let state = self.open_run(id)?;
        if !state.steps.is_empty() {
            return Ok(false);
        }
        self.storage.delete(&self.open_location(id.as_str()), None)?;
        Ok(true)
    }

    /// Ids of the run folders with data in a folder, ascending; and the first object outside of any.
    pub fn folders_in(&self, at: &Location) -> Result<(Vec<String>, Option<Location>), StateError> {
        let mut ids: Vec<String> = Vec::new();
        let mut stray = None;
        self.visit_runs(at, &mut |id, object| {
            match id {
                Some(id) if ids.last().is_none_or(|last| last != id) => ids.push(id.to_owned()),
                Some(_) => {}
                None => stray = stray.take().or_else(|| Some(object.clone())),
            }
            Ok(true)
        })?;
        ids.sort();
        ids.dedup();
        Ok((ids, stray))
    }

    /// The first object in a folder that belongs to no run the state knows. Stops there: the folder may be long.
    pub fn first_foreign(&self, at: &Location, open: &[RunState]) -> Result<Option<Location>, StateError> {
        let mut known: Vec<String> = open.iter().map(|run| run.run_id.clone()).collect();
        let mut foreign = None;
        self.visit_runs(at, &mut |id, object| {
            let is_known = match id {
                None => false,
                Some(id) if known.iter().any(|one| one == id) => true,
                Some(id) => self.is_done(id)?,
            };
            match id.filter(|_| is_known) {
                Some(id) => known.push(id.to_owned()),
                None => foreign = Some(object.clone()),
            }
            Ok(is_known)
        })?;
        Ok(foreign)
    }

    /// Visits data objects with the id of the run folder they are in.
    fn visit_runs(&self, at: &Location, visit: &mut RunVisitor<'_>) -> Result<(), StateError> {
        let mut failed = None;
        let mut previous: Option<String> = None;
        let listed = self.storage.visit(&at.join(""), Names::Data, &mut |object| {
            let top = object.relative.split_once('/').map(|(top, _)| top);
            let id = top.and_then(|top| top.strip_prefix("run="));
            // Thousands of objects of one run say no more than the first.
            if id.is_some() && id == previous.as_deref() {
                return true;
            }
            previous = id.map(str::to_owned);
            match visit(id, &object.location) {
                Ok(more) => more,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        });
        match (listed, failed) {
            (_, Some(error)) => Err(error),
            (Ok(()) | Err(StorageError::NotFound { .. }), None) => Ok(()),
            (Err(error), None) => Err(error.into()),
        }
    }
}

/// The id of a run that begins now, above the last one. The clock may have been put back a little.
pub fn next_id(last: Option<&str>) -> Result<RunId, StateError> {
    const PATIENCE_SECONDS: u32 = 5;
    for _ in 0..=PATIENCE_SECONDS {
        let id = RunId::from_millis(now_millis());
        match last {
            Some(last) if is_time(last) && id.as_str() <= last => {
                std::thread::sleep(std::time::Duration::from_millis(1000 - now_millis().rem_euclid(1000) as u64));
            }
            _ => return Ok(id),
        }
    }
    let id = RunId::from_millis(now_millis()).to_string();
    Err(StateError::NotAbove { id, last: last.unwrap_or_default().to_owned() })
}

/// Whether an id is a time: `2021-12-31-23-59-59`.
pub fn is_time(id: &str) -> bool {
    let bytes = id.as_bytes();
    bytes.len() == 19
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            4 | 7 | 10 | 13 | 16 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

/// The month of an id.
fn month(id: &str) -> &str {
    if is_time(id) { &id[..7] } else { "other" }
}

#[cfg(test)]
mod tests;
