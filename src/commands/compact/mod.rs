//! `thresh compact`: many small files → few large ones, with the same records in them.

use clap::{Args, ValueEnum};

use super::transfer::{SelectArgs, TransferArgs};
use super::{CliError, Exit, StorageArgs};
use crate::compaction::GroupKey;
use crate::report::parse_bytes;
use crate::run::RunId;
use crate::storage::Location;

/// Arguments of `compact`.
#[derive(Clone, Debug, Args)]
pub struct CompactArgs {
    /// Files, folders or prefixes to merge
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Where merged files go: <output>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Name of the run: output goes to <output>/run=ID/ [default: now, UTC, as 2021-12-31-23-59-59]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Size of a merged file as stored; with a change of codec, of what goes into it
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_bytes)]
    pub target_size: u64,
    /// Merge files that have this in common: `folder`, `date`, `hour`, `run`, `all`, or what the groups of a regular
    /// expression match in the whole location. May be given several times: all of it must be equal
    #[arg(long, value_name = "KEY|REGEX", default_value = "folder")]
    pub group_by: Vec<GroupKey>,
    /// What becomes of files that a regular expression does not match, or that belong to no run
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub unmatched: UnmatchedArg,
    /// Compression of the output; `keep` merges files of one codec as they are
    #[arg(long, value_enum, default_value_t, value_name = "CODEC")]
    pub compression: CompactCodecArg,
    /// Level of gzip, 0 to 12, where it is written anew
    #[arg(long, value_name = "LEVEL", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=12))]
    pub gzip_level: u32,
    /// Write the index that lets Hadoop split them beside lzop files
    #[arg(long)]
    pub lzo_index: bool,
    /// Whether a line end is added between files of lines where it is missing
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub newlines: NewlinesArg,
    /// How much is checked
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub verify: VerifyArg,
    /// Delete each merged file after the manifest is durable, if it is still the one that was merged
    #[arg(long)]
    pub delete_source: bool,
    /// Merge files whose names begin with _ too, but for markers
    #[arg(long)]
    pub include_hidden: bool,
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

/// What becomes of files without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UnmatchedArg {
    /// Nothing is done, exit code 2.
    #[default]
    Fail,
    /// They are a group of their own.
    Group,
    /// They stay where they are and are named in the manifest.
    Leave,
}

/// Compression of merged files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CompactCodecArg {
    /// As the files are: bytes are appended, nothing is compressed anew.
    #[default]
    Keep,
    /// None.
    None,
    /// gzip.
    Gzip,
    /// lzop.
    Lzop,
}

/// Line ends between merged files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NewlinesArg {
    /// Added where missing.
    #[default]
    Repair,
    /// Left as they are.
    Keep,
}

/// How much is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum VerifyArg {
    /// The content of all that passes through this process; what S3 joins by itself only by size and entity tag.
    #[default]
    Auto,
    /// All content, and every output is read back.
    Content,
    /// Sizes, checksums and entity tags of bytes as stored; compressed content is believed.
    Stored,
}

/// Runs the command.
pub fn run(_args: &CompactArgs) -> Result<Exit, CliError> {
    Err(CliError::new(Exit::Failed, "compact is not built yet"))
}
