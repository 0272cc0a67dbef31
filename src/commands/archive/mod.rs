//! `thresh archive`: moves a whole run folder, markers last.

use clap::Args;

use super::transfer::TransferArgs;
use super::{CliError, Exit, StorageArgs};
use crate::run::RunId;
use crate::storage::Location;

/// Arguments of `archive`.
#[derive(Clone, Debug, Args)]
pub struct ArchiveArgs {
    /// The run folder (…/run=ID); with --run-id any folder
    #[arg(value_name = "FOLDER")]
    pub input: Location,
    /// Where it goes: <output>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Name of the run in the archive [default: that of the folder]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Copy: leave the folder where it is
    #[arg(long)]
    pub keep_source: bool,
    /// Options of the run.
    #[command(flatten)]
    pub transfer: TransferArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Runs the command.
pub fn run(_args: &ArchiveArgs) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Failed, "archive is not built yet"))
}
