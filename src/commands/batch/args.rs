//! The options of every batch command.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

use crate::pipeline::{Encoding, EngineOptions};
use crate::report::{ProgressMode, parse_bytes};
use crate::run::RunId;
use crate::storage::codec::GzipMembers;

/// Options of every batch command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct BatchArgs {
    /// Name of the run: output goes to <output>/run=ID/ [default: now, UTC, as 2021-12-31-23-59-59]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Go on with an unfinished run of this id and these inputs; start it if there is none
    #[arg(long, requires = "run_id")]
    pub resume: bool,
    /// With --resume: if the unfinished run began with other inputs or another configuration, do it anew
    #[arg(long, requires = "resume")]
    pub redo_changed: bool,
    /// Worker threads [default: the number of processors]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Input bytes, as stored, that give one part file and are committed at once
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_bytes)]
    pub split_size: u64,
    /// A record larger than this becomes a bad row that shows only its beginning
    #[arg(long, value_name = "SIZE", default_value = "10MiB", value_parser = parse_record_size)]
    pub max_record_size: usize,
    /// Compression of the output
    #[arg(long, value_enum, default_value_t, value_name = "CODEC")]
    pub compression: CompressionArg,
    /// Level of gzip, 0 to 12 (to 9 with --gzip-members single)
    #[arg(long, value_name = "LEVEL", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=12))]
    pub gzip_level: u32,
    /// Members of a gzip file: `single` is slower, and for readers that stop after the first
    #[arg(long, value_enum, default_value_t, value_name = "MEMBERS")]
    pub gzip_members: GzipMembersArg,
    /// Stop at the first input object that cannot be read whole
    #[arg(long)]
    pub fail_fast: bool,
    /// Read run folders that have no _SUCCESS
    #[arg(long)]
    pub allow_incomplete: bool,
    /// Check everything, say what would be done, and read and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Progress on standard error
    #[arg(long, value_enum, default_value_t, value_name = "MODE")]
    pub progress: ProgressMode,
    /// The summary on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub summary: SummaryArg,
}

/// Compression of the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CompressionArg {
    /// None.
    None,
    /// gzip.
    #[default]
    Gzip,
}

/// Members of a gzip file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GzipMembersArg {
    /// About one for each MiB of content.
    #[default]
    Many,
    /// One.
    Single,
}

/// How the summary looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SummaryArg {
    /// A few lines.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

impl BatchArgs {
    /// How parts are written.
    pub fn encoding(&self) -> Encoding {
        let members = match self.gzip_members {
            GzipMembersArg::Many => GzipMembers::Many,
            GzipMembersArg::Single => GzipMembers::Single,
        };
        match self.compression {
            CompressionArg::None => Encoding::Plain,
            CompressionArg::Gzip => Encoding::Gzip { members, level: self.gzip_level },
        }
    }

    /// How the engine runs.
    pub fn engine_options(&self) -> EngineOptions {
        let defaults = EngineOptions::default();
        let threads = self.threads.map_or(defaults.threads, NonZeroUsize::get);
        EngineOptions { threads, max_record: self.max_record_size, fail_fast: self.fail_fast, ..defaults }
    }
}

fn parse_record_size(text: &str) -> Result<usize, String> {
    let size = parse_bytes(text)?;
    if size < 1024 {
        return Err("1KiB at least".to_owned());
    }
    usize::try_from(size).map_err(|_| format!("`{text}` is too large"))
}
