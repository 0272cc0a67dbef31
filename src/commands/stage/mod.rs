//! `thresh stage`: moves what collectors wrote into the folder of one run.

use clap::Args;

use super::transfer::{SelectArgs, TransferArgs};
use super::{CliError, Exit, StorageArgs};
use crate::report::parse_bytes;
use crate::run::RunId;
use crate::storage::Location;

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
pub fn run(_args: &StageArgs) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Failed, "stage is not built yet"))
}
