//! `thresh reconcile`: whether each step of a run took all of what the one before it gave.

use clap::Args;

use super::batch::print;
use super::{CliError, Exit, StorageArgs};
use crate::orchestrate::reconcile::compare;
use crate::report::{bytes_text, count_text};
use crate::run::{MANIFEST, Manifest, require_run};
use crate::storage::codec::is_lzop_index;
use crate::storage::{Location, Storage, StorageError};

/// Arguments of `reconcile`.
#[derive(Clone, Debug, Args)]
pub struct ReconcileArgs {
    /// Run folders in the order of their steps: staged, enriched, shredded
    #[arg(required = true, num_args = 2.., value_name = "FOLDER")]
    pub folders: Vec<Location>,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Runs the command.
pub fn run(args: &ReconcileArgs) -> Result<Exit, CliError> {
    let storage = args.storage.storage();
    let mut manifests = Vec::new();
    for folder in &args.folders {
        manifests.push((folder, read_manifest(&storage, folder)?));
    }
    let mut text = String::new();
    let mut differences = Vec::new();
    for pair in manifests.windows(2) {
        let [(from_folder, from), (to_folder, to)] = pair else { continue };
        let (Some(from), Some(to)) = (from, to) else {
            // Other programs' folders hold data, but no account of it.
            text.push_str(&format!("{from_folder} → {to_folder}: no manifest to compare\n"));
            continue;
        };
        // Indexes lie beside their files and hold no records; hidden files are nobody's data.
        let is_data = |location: &str| {
            let name = location.rsplit('/').next().unwrap_or_default();
            !is_lzop_index(location) && !name.starts_with(['_', '.'])
        };
        let link = compare(from, to, is_data);
        let records = link.records.map(|records| format!(", {} records", count_text(records))).unwrap_or_default();
        let (files, bytes) = (count_text(link.files as u64), bytes_text(link.bytes));
        text.push_str(&format!("{} → {}: {files} files, {bytes}{records}\n", from.command, to.command));
        differences.extend(link.differences);
    }
    print(&text)?;
    if differences.is_empty() {
        return Ok(Exit::Done);
    }
    let lines: Vec<String> = differences.iter().map(|line| format!("\n  {line}")).collect();
    Err(CliError::new(Exit::Failed, format!("the steps of this run do not agree:{}", lines.concat()))
        .hint("nothing is loaded or archived before they do; look at the manifests of the folders named"))
}

fn read_manifest(storage: &Storage, folder: &Location) -> Result<Option<Manifest>, CliError> {
    require_run(storage, folder)?;
    let location = folder.join(MANIFEST);
    let bytes = match storage.read_all(&location) {
        Ok(bytes) => bytes,
        Err(StorageError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| CliError::new(Exit::Failed, format!("{location}: no manifest")).because(Some(&error)))
}
