//! The journal: the plan of a run and what each finished split left behind.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{JOURNAL, RunError};
use crate::report::Counters;
use crate::storage::{Location, ObjectMeta, Precondition, Storage, StorageError};

/// An object that a split wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which of the run's folders it is in.
    pub folder: usize,
    /// The output it belongs to, for example `good`.
    pub output: String,
    /// Its path below the run folder.
    pub name: String,
    /// Size in bytes, as stored.
    pub size: u64,
    /// CRC32C of the bytes as stored, 8 hexadecimal digits.
    pub crc32c: String,
    /// Records in it.
    pub records: u64,
}

/// How many records an input object gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputRecords {
    /// Position in the plan's list of inputs.
    pub input: usize,
    /// Records.
    pub records: u64,
}

/// An input object that could not be read whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedInput {
    /// Position in the plan's list of inputs.
    pub input: usize,
    /// Why, and where.
    pub reason: String,
    /// Decoded bytes that were read, but belong to no whole record: they were left out.
    pub left_out_bytes: u64,
}

/// An object that was found, but is no input of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Where it is.
    pub location: String,
    /// Why it is none.
    pub reason: String,
}

/// What a finished split left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitRecord {
    /// Its number.
    pub split: usize,
    /// What it wrote.
    pub parts: Vec<Part>,
    /// What it counted.
    pub counters: Counters,
    /// What its inputs gave.
    pub inputs: Vec<InputRecords>,
    /// Inputs that could not be read whole.
    pub failed_inputs: Vec<FailedInput>,
    /// Inputs of a run that moves files which did not go where they were to go, with the place where they went, if any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<usize, Option<String>>,
}

/// What identifies the content of an input object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct InputIdentity {
    pub location: String,
    pub size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
}

impl InputIdentity {
    pub(super) fn of(object: &ObjectMeta) -> InputIdentity {
        // An entity tag says it all; where there is none, the time has to do.
        let modified = if object.etag.is_some() { None } else { object.modified };
        let location = object.location.to_string();
        InputIdentity { location, size: object.size, etag: object.etag.clone(), modified }
    }
}

/// What a run is about, written before it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub command: String,
    pub version: String,
    pub run_id: String,
    pub started: i64,
    pub configuration: BTreeMap<String, String>,
    pub inputs: Vec<InputIdentity>,
    /// First and one past the last input of each split.
    pub splits: Vec<(usize, usize)>,
    /// For runs that move files: the object below the run folder that each input goes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// For runs that move files: what was found and not taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

impl Plan {
    /// What a run with the plan `now` would do differently, a line each.
    pub(super) fn differences(&self, now: &Plan) -> Vec<String> {
        let mut lines = Vec::new();
        if self.command != now.command {
            lines.push(format!("the command was `{}`, it is now `{}`", self.command, now.command));
        }
        compare_configuration(&self.configuration, &now.configuration, &mut lines);
        compare_inputs(&self.inputs, &now.inputs, &mut lines);
        lines
    }
}

pub(super) fn compare_configuration(
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    lines: &mut Vec<String>,
) {
    for (name, before) in old {
        match new.get(name) {
            Some(after) if after == before => {}
            Some(after) => lines.push(format!("{name} was {before}, it is now {after}")),
            None => lines.push(format!("{name} was {before}, it is now not given")),
        }
    }
    for (name, after) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        lines.push(format!("{name} was not given, it is now {after}"));
    }
}

/// At most this many differing inputs are named.
const NAMED_INPUTS: usize = 5;

pub(super) fn compare_inputs(old: &[InputIdentity], new: &[InputIdentity], lines: &mut Vec<String>) {
    if old == new {
        return;
    }
    let by_location = |inputs: &[InputIdentity]| -> BTreeMap<String, InputIdentity> {
        inputs.iter().map(|input| (input.location.clone(), input.clone())).collect()
    };
    let (before, after) = (by_location(old), by_location(new));
    let mut found = Vec::new();
    for (location, input) in &before {
        match after.get(location) {
            None => found.push(format!("input {location} is gone")),
            Some(other) if other != input => found.push(format!("input {location} has changed")),
            Some(_) => {}
        }
    }
    for location in after.keys().filter(|location| !before.contains_key(*location)) {
        found.push(format!("input {location} is new"));
    }
    if found.is_empty() {
        found.push("the inputs are the same, but in another order".to_owned());
    }
    let more = found.len().saturating_sub(NAMED_INPUTS);
    lines.extend(found.into_iter().take(NAMED_INPUTS));
    if more > 0 {
        lines.push(format!("and {more} more inputs differ"));
    }
}

pub(super) fn plan_location(folder: &Location) -> Location {
    folder.join(JOURNAL).join("plan.json")
}

pub(super) fn split_location(folder: &Location, split: usize) -> Location {
    folder.join(JOURNAL).join(&format!("{split:05}.json"))
}

/// Reads a JSON object; `None` if nothing is there.
pub(super) fn read_json<T: for<'de> Deserialize<'de>>(
    storage: &Storage,
    location: &Location,
) -> Result<Option<T>, RunError> {
    let bytes = match storage.read_all(location) {
        Ok(bytes) => bytes,
        Err(StorageError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let unreadable =
        |error: serde_json::Error| RunError::Unreadable { location: location.clone(), detail: error.to_string() };
    serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
}

/// Writes a JSON object, replacing what is there.
pub(super) fn write_json<T: Serialize>(storage: &Storage, location: &Location, value: &T) -> Result<(), RunError> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("our own structs have string keys");
    bytes.push(b'\n');
    storage.write_all(location, &bytes, Precondition::None)?;
    Ok(())
}
