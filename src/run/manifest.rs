//! The manifest: what a run read, what it wrote, and with what configuration.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::journal::{InputIdentity, Plan};
use super::{FailedInput, Part, Skipped, SplitRecord, utc_text};
use crate::report::Counters;
use crate::storage::Location;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything is in place.
    Complete,
    /// An error ended it; the outputs listed are whole, the rest is missing.
    Failed,
    /// It was asked to stop; the outputs listed are whole, the rest is missing.
    Interrupted,
}

/// `_manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The command, for example `enrich`.
    pub command: String,
    /// The version of thresh.
    pub version: String,
    /// The run's id.
    pub run_id: String,
    /// How it ended.
    pub status: Status,
    /// The error that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The command line, secrets masked.
    pub arguments: Vec<String>,
    /// What the output depends on besides the inputs: options as they are, files by their digest.
    pub configuration: BTreeMap<String, String>,
    /// When the run started, the first time if it was resumed.
    pub started: String,
    /// When it ended.
    pub ended: String,
    /// Every input object.
    pub inputs: Vec<ManifestInput>,
    /// Every output object.
    pub outputs: Vec<ManifestOutput>,
    /// The counters.
    pub counters: Counters,
    /// Input objects that could not be read whole.
    pub failed_inputs: Vec<ManifestFailure>,
    /// Objects that were found among the inputs of a run that moves files, but were not taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
}

/// An input object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestInput {
    /// Where it is.
    pub location: String,
    /// Size in bytes, as stored.
    pub size: u64,
    /// Entity tag, if the storage has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Last modification in milliseconds since 1970, if there is no entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// Records in it; absent if it was not processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
    /// The object below the run folder that holds it now, if the run moves files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// An output object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestOutput {
    /// The output it belongs to, for example `good`.
    pub output: String,
    /// Where it is.
    pub location: String,
    /// Size in bytes, as stored.
    pub size: u64,
    /// CRC32C of the bytes as stored, 8 hexadecimal digits; absent if the store copied them by itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub crc32c: String,
    /// Records in it.
    pub records: u64,
}

/// An input object that could not be read whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFailure {
    /// Where it is.
    pub location: String,
    /// Why, and where in it.
    pub reason: String,
    /// Decoded bytes that were read, but belong to no whole record: they were left out.
    pub left_out_bytes: u64,
}

/// The parts of a manifest that only the end of a run knows.
pub(super) struct Ending {
    pub status: Status,
    pub error: Option<String>,
    pub ended: i64,
    /// What was counted outside of all splits.
    pub late: Counters,
    /// What failed outside of all splits.
    pub late_failures: Vec<FailedInput>,
}

const TIME: &str = "%Y-%m-%dT%H:%M:%S.%3fZ";

impl Manifest {
    pub(super) fn build(
        plan: &Plan,
        arguments: &[String],
        folders: &[Location],
        splits: &BTreeMap<usize, SplitRecord>,
        extra_parts: &[Part],
        ending: Ending,
    ) -> Manifest {
        let mut inputs: Vec<ManifestInput> = plan.inputs.iter().map(ManifestInput::unread).collect();
        for (input, target) in inputs.iter_mut().zip(&plan.targets) {
            input.target = Some(target.clone());
        }
        let mut counters = ending.late;
        let mut failed_inputs = Vec::new();
        let mut outputs = Vec::new();
        for split in splits.values() {
            counters.add(&split.counters);
            for read in &split.inputs {
                inputs[read.input].records = Some(read.records);
            }
            failed_inputs.extend(split.failed_inputs.iter().map(|failed| ManifestFailure::of(failed, plan)));
            for (&input, target) in &split.elsewhere {
                inputs[input].target.clone_from(target);
            }
            outputs.extend(split.parts.iter().map(|part| ManifestOutput::of(part, folders)));
        }
        failed_inputs.extend(ending.late_failures.iter().map(|failed| ManifestFailure::of(failed, plan)));
        outputs.extend(extra_parts.iter().map(|part| ManifestOutput::of(part, folders)));
        outputs.sort_by(|left, right| (&left.output, &left.location).cmp(&(&right.output, &right.location)));
        Manifest {
            command: plan.command.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: plan.run_id.clone(),
            status: ending.status,
            error: ending.error,
            arguments: arguments.to_vec(),
            configuration: plan.configuration.clone(),
            started: utc_text(plan.started, TIME),
            ended: utc_text(ending.ended, TIME),
            inputs,
            outputs,
            counters,
            failed_inputs,
            skipped: plan.skipped.clone(),
        }
    }

    /// The inputs' identities, to compare them with another run's.
    pub(super) fn identities(&self) -> Vec<InputIdentity> {
        let identity = |input: &ManifestInput| InputIdentity {
            location: input.location.clone(),
            size: input.size,
            etag: input.etag.clone(),
            modified: input.modified,
        };
        self.inputs.iter().map(identity).collect()
    }
}

impl ManifestInput {
    fn unread(input: &InputIdentity) -> ManifestInput {
        let InputIdentity { location, size, etag, modified } = input.clone();
        ManifestInput { location, size, etag, modified, records: None, target: None }
    }
}

impl ManifestFailure {
    fn of(failed: &FailedInput, plan: &Plan) -> ManifestFailure {
        ManifestFailure {
            location: plan.inputs[failed.input].location.clone(),
            reason: failed.reason.clone(),
            left_out_bytes: failed.left_out_bytes,
        }
    }
}

impl ManifestOutput {
    fn of(part: &Part, folders: &[Location]) -> ManifestOutput {
        ManifestOutput {
            output: part.output.clone(),
            location: folders[part.folder].join(&part.name).to_string(),
            size: part.size,
            crc32c: part.crc32c.clone(),
            records: part.records,
        }
    }
}
