//! What runs that move files need of their folder: the list of files outlives the files.

use std::ops::Range;

use super::{Ending, Run, RunError, RunId, SUCCESS, Status, delete_journal, now_millis, plan_location, read_json};
use crate::report::Counters;
use crate::run::journal::{InputIdentity, Plan};
use crate::run::{FailedInput, Manifest, Skipped};
use crate::storage::{Location, ObjectMeta, Storage};

/// What is to be known of a run that moves files, besides its inputs.
#[derive(Clone, Debug)]
pub struct TransferPlan {
    /// The object below the run folder that each input goes to.
    pub targets: Vec<String>,
    /// What was found and not taken.
    pub skipped: Vec<Skipped>,
    /// Name of the manifest.
    pub manifest: &'static str,
}

/// What an earlier process wrote down of a run that moves files.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The command.
    pub command: String,
    /// The files, as they were when they were listed.
    pub inputs: Vec<ObjectMeta>,
    /// The object below the run folder that each goes to.
    pub targets: Vec<String>,
    /// What was found and not taken.
    pub skipped: Vec<Skipped>,
    /// How the files are packed; nothing if the run is complete.
    pub splits: Vec<Range<usize>>,
}

/// What became of the sources of a run.
#[derive(Clone, Debug, Default)]
pub struct Removal {
    /// What was counted.
    pub counters: Counters,
    /// Sources that are still there.
    pub failed: Vec<FailedInput>,
}

impl Removal {
    fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.counters == Counters::default()
    }
}

impl Run {
    /// The files of a run that was begun in this output, or is complete there.
    pub fn recorded(
        storage: &Storage,
        run_id: &RunId,
        output: &Location,
        manifest: &str,
    ) -> Result<Option<Recorded>, RunError> {
        let folder = output.join(&run_id.folder_name());
        if storage.head(&folder.join(SUCCESS))?.is_some() {
            let found = read_json::<Manifest>(storage, &folder.join(manifest))?;
            return found.map(|manifest| Recorded::complete(&manifest)).transpose();
        }
        Run::unfinished(storage, &folder)
    }

    /// What is to be done in a run folder according to its journal; `None` without one, or if the run moves no files.
    pub fn unfinished(storage: &Storage, folder: &Location) -> Result<Option<Recorded>, RunError> {
        let location = plan_location(folder);
        let plan = read_json::<Plan>(storage, &location)?;
        let moving = plan.filter(|plan| !plan.targets.is_empty());
        moving.map(|plan| Recorded::begun(plan, &location)).transpose()
    }

    /// Ends a run whose splits are all done. Between the manifest and `_SUCCESS`, `remove` deletes the sources; if it
    /// fails, the run stays unfinished and is resumed from there.
    pub fn finish_moving<E: From<RunError>>(
        self,
        remove: impl FnOnce(&Manifest) -> Result<Removal, E>,
    ) -> Result<Manifest, E> {
        let manifest = self.write_manifest(&[], complete(Removal::default()))?;
        let removal = remove(&manifest)?;
        let manifest = match removal.is_empty() {
            true => manifest,
            false => self.write_manifest(&[], complete(removal))?,
        };
        self.seal()?;
        Ok(manifest)
    }

    /// Gives up a run that has written nothing but its plan, as if it had never begun.
    pub fn withdraw(self) -> Result<(), RunError> {
        delete_journal(&self.storage, &self.folders[0])
    }
}

fn complete(removal: Removal) -> Ending {
    Ending {
        status: Status::Complete,
        error: None,
        ended: now_millis(),
        late: removal.counters,
        late_failures: removal.failed,
    }
}

impl Recorded {
    fn begun(plan: Plan, at: &Location) -> Result<Recorded, RunError> {
        if plan.targets.len() != plan.inputs.len() {
            let detail = "it has not one target for each input".to_owned();
            return Err(RunError::Unreadable { location: at.clone(), detail });
        }
        let inputs = plan.inputs.iter().map(|input| input.to_object(at)).collect::<Result<_, _>>()?;
        let splits = plan.splits.iter().map(|&(start, end)| start..end).collect();
        Ok(Recorded { command: plan.command, inputs, targets: plan.targets, skipped: plan.skipped, splits })
    }

    fn complete(manifest: &Manifest) -> Result<Recorded, RunError> {
        let at = Location::Stdio;
        let identities = manifest.identities();
        let inputs = identities.iter().map(|input| input.to_object(&at)).collect::<Result<_, _>>()?;
        let targets = manifest.inputs.iter().map(|input| input.target.clone().unwrap_or_default()).collect();
        let (command, skipped) = (manifest.command.clone(), manifest.skipped.clone());
        Ok(Recorded { command, inputs, targets, skipped, splits: Vec::new() })
    }
}

impl InputIdentity {
    /// The object as it was listed, but for its path below the input.
    fn to_object(&self, at: &Location) -> Result<ObjectMeta, RunError> {
        let unreadable = |error: crate::storage::LocationError| RunError::Unreadable {
            location: at.clone(),
            detail: error.to_string(),
        };
        let location = Location::parse(&self.location).map_err(unreadable)?;
        Ok(ObjectMeta {
            relative: location.file_name().to_owned(),
            location,
            size: self.size,
            etag: self.etag.clone(),
            modified: self.modified,
        })
    }
}
