//! Run folders: who may write into one, what is in it already, and when it is whole.
//!
//! Facts: the sections "Exit codes" and "A run folder" of the command line's contract.
//!
//! # Life of a run folder
//! 1. A lock object says which process works here ([`Run::open`]); `_journal/plan.json` says on what.
//! 2. When the parts of a split are in place, `_journal/NNNNN.json` says so ([`Run::commit_split`]).
//! 3. When all splits are done, `_manifest.json`, then `_SUCCESS`, are written into every folder of the run, the first
//!    one last; then the journal and the locks go ([`Run::finish`]).
//!
//! Runs that move files ([`RunRequest::transfer`]) delete the sources between the manifest and `_SUCCESS`
//! ([`Run::finish_moving`]), and are resumed with the list of files that they began with ([`Run::recorded`]).
//!
//! Whatever happens in between, [`Run::open`] with `resume` finds a state it can go on from: parts without a journal
//! entry are deleted and made again.

mod error;
mod folder;
mod id;
mod inputs;
mod journal;
mod lock;
mod manifest;
mod mask;

pub use error::{FolderState, RunError};
pub use folder::{Opening, Recorded, Removal, Run, RunRequest, TransferPlan};
pub use id::{RunId, utc_text};
pub use inputs::{require_complete, require_run};
pub use journal::{FailedInput, InputRecords, Part, Skipped, SplitRecord};
pub use lock::{break_lock, claim, release};
pub use manifest::{Manifest, ManifestFailure, ManifestInput, ManifestOutput, Status};
pub use mask::mask_arguments;

use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

/// Name of the object that says that a run folder is whole.
pub const SUCCESS: &str = "_SUCCESS";
/// Name of the object that says what is in a run folder.
pub const MANIFEST: &str = "_manifest.json";
/// Name of the same for what archiving did: the archived run's own manifest keeps its name.
pub const ARCHIVE_MANIFEST: &str = "_archive.json";
/// Name of the folder of the journal.
pub const JOURNAL: &str = "_journal";
/// Beginning of the lock objects' names; a number follows.
pub const LOCK_PREFIX: &str = "_lock.";

/// Milliseconds since 1970, now.
pub fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_millis() as i64)
}

/// The digest that manifests record of configuration: `sha256:` and hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        use std::fmt::Write;
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
