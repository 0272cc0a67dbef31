//! `thresh shred`: enriched events → atomic rows, a row per entity, bad rows.
//!
//! The arguments are here; what they resolve to is in `setup`, stores of seen events in `cross_batch`.

mod cross_batch;
mod setup;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::batch::{BatchArgs, BatchPlan, Opened};
use super::schemas::SchemaArgs;
use super::{CliError, Exit, StorageArgs};
use crate::iglu::SchemaCriterion;
use crate::report::parse_bytes;
use crate::shred::RowFormat;
use crate::shred::dedupe::MissingFingerprint;
use crate::storage::Location;

/// Arguments of `shred`.
#[derive(Clone, Debug, Args)]
pub struct ShredArgs {
    /// Files, folders or prefixes of enriched events
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Where rows go: <output>/run=ID/output=good/vendor=…/name=…/format=…/model=…/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Where bad rows go: <bad>/run=ID/output=bad/… [default: the output]
    #[arg(long, value_name = "LOC")]
    pub bad: Option<Location>,
    /// Form of the rows of entities that no list names
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub shred_format: FormatArg,
    /// Schemas to be written as JSON: iglu:vendor/name/jsonschema/1-*-*, separated by commas
    #[arg(long, value_name = "KEYS", value_parser = parse_criteria)]
    pub json_schemas: Option<Criteria>,
    /// Schemas to be written as TSV
    #[arg(long, value_name = "KEYS", value_parser = parse_criteria)]
    pub tsv_schemas: Option<Criteria>,
    /// Schemas not to be written at all
    #[arg(long, value_name = "KEYS", value_parser = parse_criteria)]
    pub skip_schemas: Option<Criteria>,
    /// Write texts whole that are longer than their column
    #[arg(long)]
    pub keep_long_texts: bool,
    /// Make columns of additionalProperties and additionalItems, as the RDB Shredder up to 1.x did
    #[arg(long)]
    pub additional_columns: bool,
    /// Stored bytes of one output file, about
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_bytes)]
    pub target_size: u64,
    /// Input bytes, as stored, that are committed at once and whose rows share files
    #[arg(long, value_name = "SIZE", default_value = "2GiB", value_parser = parse_bytes)]
    pub wave_size: u64,
    /// Memory for what waits to be sent to S3; beyond it files are ended before they have their size
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_bytes)]
    pub upload_memory: u64,
    /// Whether to write shredding_complete.json, which tells RDB Loader what there is to load
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub completion_message: MessageArg,
    /// Duplicates.
    #[command(flatten)]
    pub dedupe: DedupeArgs,
    /// Where schemas come from.
    #[command(flatten)]
    pub schemas: SchemaArgs,
    /// Options of the run.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// How duplicates are treated.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Duplicates")]
pub struct DedupeArgs {
    /// Within the batch: drop copies, give new ids to different events that share one
    #[arg(long, value_enum, default_value_t, value_name = "WHERE")]
    pub dedupe: DedupeArg,
    /// Events of earlier batches: a folder or prefix that remembers them, or a DynamoDB configuration file
    #[arg(long, value_name = "LOC|FILE")]
    pub cross_batch: Option<Location>,
    /// Days that a folder of seen events looks back
    #[arg(long, value_name = "DAYS", default_value_t = 180)]
    pub cross_batch_window: u32,
    /// What counts as the fingerprint of an event without one
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub missing_fingerprint: FingerprintArg,
    /// Memory for finding ids that may repeat
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_bytes)]
    pub dedupe_memory: u64,
    /// Folder for temporary files [default: the system's]
    #[arg(long, value_name = "DIR")]
    pub temp_dir: Option<PathBuf>,
}

/// Form of the rows of entities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// Columns, separated by tabs.
    #[default]
    Tsv,
    /// One JSON object a row.
    Json,
}

/// When the loader's message is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum MessageArg {
    /// If good and bad rows share the run folder, as RDB Loader expects them.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where duplicates are looked for, besides `--cross-batch`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DedupeArg {
    /// Within the batch.
    #[default]
    InBatch,
    /// Nowhere.
    None,
}

/// What counts as the fingerprint of an event without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FingerprintArg {
    /// A hash of what the tracker sent.
    #[default]
    Computed,
    /// Something of its own: such an event equals no other.
    Unique,
}

impl ShredArgs {
    /// Whether bad rows have a location of their own.
    fn bad_apart(&self) -> bool {
        self.bad.as_ref().is_some_and(|bad| *bad != self.output)
    }

    fn writes_message(&self) -> bool {
        match self.completion_message {
            MessageArg::Auto => !self.bad_apart(),
            MessageArg::Always => true,
            MessageArg::Never => false,
        }
    }
}

impl From<FingerprintArg> for MissingFingerprint {
    fn from(arg: FingerprintArg) -> MissingFingerprint {
        match arg {
            FingerprintArg::Computed => MissingFingerprint::Computed,
            FingerprintArg::Unique => MissingFingerprint::Unique,
        }
    }
}

impl From<FormatArg> for RowFormat {
    fn from(arg: FormatArg) -> RowFormat {
        match arg {
            FormatArg::Tsv => RowFormat::Tsv,
            FormatArg::Json => RowFormat::Json,
        }
    }
}

/// Which schemas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Criteria(pub Vec<SchemaCriterion>);

fn parse_criteria(text: &str) -> Result<Criteria, String> {
    let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
    let parse = |key: &str| {
        let wrong = || format!("`{key}` is not of the form iglu:vendor/name/jsonschema/1-*-*");
        SchemaCriterion::parse(key).ok_or_else(wrong)
    };
    keys.map(parse).collect::<Result<Vec<_>, _>>().map(Criteria)
}

/// Runs the command.
pub fn run(args: &ShredArgs) -> Result<Exit, CliError> {
    let setup = setup::resolve(args)?;
    let batch_args = BatchArgs { split_size: args.wave_size, ..args.batch.clone() };
    let mut outputs = vec![("good", args.output.clone())];
    outputs.extend(args.bad.iter().filter(|_| args.bad_apart()).map(|bad| ("bad", bad.clone())));
    let plan = BatchPlan {
        command: "shred",
        batch: &batch_args,
        storage: &args.storage,
        inputs: &args.inputs,
        outputs,
        configuration: setup.configuration.clone(),
    };
    let batch = match plan.open()? {
        Opened::Run(batch) => *batch,
        Opened::Finished(exit) => return Ok(exit),
    };
    let job = setup.into_job(args, &batch)?;
    let ended = batch.execute(&job, &job);
    match job.failure() {
        // The engine only knows that it was asked to stop.
        Some(message) => Err(CliError::new(Exit::Failed, message)),
        None => ended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_schemas() {
        assert_eq!(parse_criteria(""), Ok(Criteria::default()));
        let two = parse_criteria("iglu:a/b/jsonschema/1-*-*, iglu:a/c/jsonschema/*-*-*,").unwrap();
        assert_eq!(two.0.len(), 2);
        assert!(parse_criteria("a/b").unwrap_err().contains("`a/b`"));
    }
}
