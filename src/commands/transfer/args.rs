//! The options of every command that moves files.

use std::num::NonZeroUsize;

use clap::Args;

use crate::commands::batch::SummaryArg;
use crate::compaction::{Moment, Pattern};
use crate::report::ProgressMode;
use crate::run::RunId;

/// Options of a run that moves files.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct TransferArgs {
    /// Go on with an unfinished run of this id, with the files it began with; start it if there is none
    #[arg(long)]
    pub resume: bool,
    /// Files worked on at once [default: the number of processors, 16 at least where S3 is involved]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Stop at the first file that cannot be taken as it was listed
    #[arg(long)]
    pub fail_fast: bool,
    /// Read run folders that have no _SUCCESS
    #[arg(long)]
    pub allow_incomplete: bool,
    /// Say what would be done, and write and delete nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Progress on standard error
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    pub progress: ProgressMode,
    /// The summary on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub summary: SummaryArg,
}

/// Which of the files found are meant. The others stay where they are, and each is named in the manifest with the reason.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectArgs {
    /// Only files whose whole location matches, for example '.*localhost_access_log.*\.txt.*'
    #[arg(long, value_name = "REGEX")]
    pub select: Option<Pattern>,
    /// Only files of this time or later (2015-03-01 or 2015-03-01-23, UTC): by the name, else by the last modification
    #[arg(long, value_name = "DATE")]
    pub since: Option<Moment>,
    /// Only files before this time
    #[arg(long, value_name = "DATE")]
    pub until: Option<Moment>,
}

impl TransferArgs {
    /// The run's id: the one given, or the time.
    pub fn run_id(given: Option<&RunId>) -> RunId {
        given.cloned().unwrap_or_else(|| RunId::from_millis(crate::run::now_millis()))
    }
}
