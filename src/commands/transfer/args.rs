//! The options of every command that moves files.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use clap::Args;

use crate::commands::CliError;
use crate::commands::batch::SummaryArg;
use crate::compaction::{Moment, Pattern, Selection};
use crate::report::ProgressMode;
use crate::run::{RunId, now_millis};

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
    /// The run's id: the one given, or the time. A run can only be resumed by its id.
    pub fn run_id(&self, given: Option<&RunId>) -> Result<RunId, CliError> {
        match given {
            Some(id) => Ok(id.clone()),
            None if self.resume => {
                Err(CliError::usage("--resume needs --run-id").hint("the id of the run to go on with"))
            }
            None => Ok(RunId::from_millis(now_millis())),
        }
    }
}

impl SelectArgs {
    /// What is selected, besides what a command wants.
    pub fn selection(&self) -> Selection {
        Selection { pattern: self.select.clone(), since: self.since, until: self.until, ..Selection::default() }
    }

    /// Notes the options that were given.
    pub fn describe(&self, configuration: &mut BTreeMap<String, String>) {
        let mut note = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                configuration.insert(name.to_owned(), value);
            }
        };
        note("select", self.select.as_ref().map(|pattern| pattern.as_str().to_owned()));
        note("since", self.since.map(Moment::hour));
        note("until", self.until.map(Moment::hour));
    }
}
