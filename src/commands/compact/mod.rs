//! `thresh compact`: many small files → few large ones, with the same records in them.

use clap::{Args, ValueEnum};

use std::collections::BTreeMap;

use super::transfer::{
    Places, SelectArgs, TransferArgs, TransferRun, Working, listed, nothing_to_do, print_outcome, print_plan,
};
use super::{CliError, Exit, StorageArgs};
use crate::compaction::{
    CompactionError, GroupKey, MergeOptions, Merger, PlanOptions, Planned, Selection, Unmatched, Verify, each_split,
    plan, stored_codecs,
};
use crate::report::parse_bytes;
use crate::run::{MANIFEST, RunId, require_complete};
use crate::storage::Location;
use crate::storage::codec::Codec;

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
pub fn run(args: &CompactArgs) -> Result<Exit, CliError> {
    let places = Places::check(&args.inputs, &args.output)?;
    let run = TransferRun {
        command: "compact",
        storage: args.storage.storage(),
        run_id: args.transfer.run_id(args.run_id.as_ref())?,
        output: places.output.clone(),
        manifest: MANIFEST,
        configuration: args.configuration(&places),
        args: &args.transfer,
        delete: args.delete_source,
        remote_threads: REMOTE_THREADS,
    };
    let planned = match run.recorded()? {
        Some(planned) => planned,
        None => args.plan(&run, &places)?,
    };
    if args.transfer.dry_run {
        return print_plan(&run, &planned);
    }
    let outcome = run.execute(&planned, || Ok(()), |working| args.merge(&run, working))?;
    print_outcome(&run, &outcome)
}

/// Outputs that are written side by side on S3: each has many requests of its own under way.
const REMOTE_THREADS: usize = 4;
/// Objects whose first bytes are looked at side by side.
const LOOKING_THREADS: usize = 32;

impl CompactArgs {
    /// The codec of all outputs, if it is not to stay what it is.
    fn codec(&self) -> Option<Codec> {
        match self.compression {
            CompactCodecArg::Keep => None,
            CompactCodecArg::None => Some(Codec::Plain),
            CompactCodecArg::Gzip => Some(Codec::Gzip),
            CompactCodecArg::Lzop => Some(Codec::Lzop),
        }
    }

    fn plan(&self, run: &TransferRun<'_>, places: &Places) -> Result<Planned, CliError> {
        let selection = Selection { hidden: self.include_hidden, ..self.select.selection() };
        let selected = listed(&run.storage, &selection, &places.inputs, false)?;
        if selected.objects.is_empty() {
            return Err(nothing_to_do(places, &selected));
        }
        if !self.transfer.allow_incomplete {
            require_complete(&run.storage, &selected.objects)?;
        }
        let threads = match selected.objects[0].location {
            Location::S3 { .. } => LOOKING_THREADS,
            _ => run.threads(&selected.objects),
        };
        let objects = stored_codecs(&run.storage, selected.objects, threads)?;
        let options = PlanOptions {
            keys: &self.group_by,
            unmatched: match self.unmatched {
                UnmatchedArg::Fail => Unmatched::Fail,
                UnmatchedArg::Group => Unmatched::Group,
                UnmatchedArg::Leave => Unmatched::Leave,
            },
            target_size: self.target_size,
            codec: self.codec(),
        };
        let mut planned = plan(objects, &options)?;
        planned.skipped.splice(..0, selected.skipped);
        if planned.objects.is_empty() {
            let selected = crate::compaction::Selected { objects: Vec::new(), skipped: planned.skipped };
            return Err(nothing_to_do(places, &selected));
        }
        Ok(planned)
    }

    fn merge(&self, run: &TransferRun<'_>, working: &Working<'_>) -> Result<(), CompactionError> {
        let merger = Merger {
            storage: &run.storage,
            planned: working.planned,
            folder: working.folder(),
            options: MergeOptions {
                codec: self.codec(),
                gzip_level: self.gzip_level,
                repair: self.newlines == NewlinesArg::Repair,
                verify: match self.verify {
                    VerifyArg::Auto => Verify::Auto,
                    VerifyArg::Content => Verify::Content,
                    VerifyArg::Stored => Verify::Stored,
                },
                delete: self.delete_source,
                index: self.lzo_index,
                fail_fast: self.transfer.fail_fast,
            },
        };
        let open = working.run.open_splits();
        each_split(working.run, &open, working.limits, |split, range, limits| merger.merge(split, range, limits))
    }

    fn configuration(&self, places: &Places) -> BTreeMap<String, String> {
        let keys = self.group_by.iter().map(GroupKey::to_string).collect::<Vec<_>>().join(" ");
        let name = |value: Option<clap::builder::PossibleValue>| {
            value.map(|value| value.get_name().to_owned()).unwrap_or_default()
        };
        let mut configuration = BTreeMap::from([
            ("inputs", places.inputs_text()),
            ("group_by", keys),
            ("unmatched", name(self.unmatched.to_possible_value())),
            ("target_size", self.target_size.to_string()),
            ("compression", name(self.compression.to_possible_value())),
            ("gzip_level", self.gzip_level.to_string()),
            ("lzo_index", self.lzo_index.to_string()),
            ("newlines", name(self.newlines.to_possible_value())),
            ("verify", name(self.verify.to_possible_value())),
            ("delete_source", self.delete_source.to_string()),
            ("include_hidden", self.include_hidden.to_string()),
        ])
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        self.select.describe(&mut configuration);
        configuration
    }
}
