//! `thresh enrich`: raw collector logs → enriched events and bad rows.
//!
//! The arguments are here, what they resolve to is in `setup`, the stage on the engine in `job`.

mod adapters;
mod assets;
mod job;
mod setup;

pub(in crate::commands) use job::EnrichJob;
pub(in crate::commands) use setup::{Setup, resolve};

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::batch::{BatchArgs, BatchPlan, Opened};
use super::{CliError, Exit, StorageArgs};
use crate::pipeline::{Counted, OutputSpec};
use crate::raw::RawFormat;
use crate::storage::Location;

/// Arguments of `enrich`.
#[derive(Clone, Debug, Args)]
pub struct EnrichArgs {
    /// Files, folders or prefixes of raw collector logs; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Where enriched events go: <output>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Where bad rows go: <bad>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub bad: Location,
    /// Raw format: auto, cloudfront, clj-tomcat, thrift, tsv/<vendor>/<version>, ndjson/<vendor>/<version>
    #[arg(long, default_value = "auto", value_name = "FORMAT", value_parser = parse_format)]
    pub format: FormatArg,
    /// Iglu resolver configuration [default: Iglu Central]
    #[arg(long, value_name = "FILE")]
    pub resolver: Option<PathBuf>,
    /// Folder of enrichment configurations, one JSON a file
    #[arg(long, value_name = "DIR")]
    pub enrichments: Option<PathBuf>,
    /// Schemas and remote services of adapters, JSON or TOML
    #[arg(long, value_name = "FILE")]
    pub adapters: Option<PathBuf>,
    /// Fix the column etl_tstamp, in milliseconds since 1970 [default: when the run started]
    #[arg(long, value_name = "MILLIS")]
    pub etl_tstamp: Option<i64>,
    /// Form of bad rows: self-describing, or as the batch jobs wrote them
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub bad_format: BadFormatArg,
    /// Warn about configured enrichments that thresh does not have, instead of refusing to run
    #[arg(long)]
    pub skip_unsupported: bool,
    /// Check the configuration and its data files, and do nothing else
    #[arg(long)]
    pub check: bool,
    /// Use no network for schemas and data files: a schema that is only there counts as not found
    #[arg(long)]
    pub offline: bool,
    /// Options of the run.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// A raw format, or the wish to find out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatArg {
    /// Each object's own, by its content and its name.
    Auto,
    /// The same for all.
    Fixed(RawFormat),
}

/// Form of bad rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum BadFormatArg {
    /// Self-describing JSON.
    #[default]
    V2,
    /// `{"line", "errors", "failure_tstamp"}`
    Legacy,
}

fn parse_format(text: &str) -> Result<FormatArg, String> {
    if text == "auto" {
        return Ok(FormatArg::Auto);
    }
    text.parse().map(FormatArg::Fixed).map_err(|error: crate::raw::UnknownFormat| error.to_string())
}

/// Runs the command.
pub fn run(args: &EnrichArgs) -> Result<Exit, CliError> {
    if args.output == args.bad {
        return Err(CliError::usage("--output and --bad must be different locations"));
    }
    let setup = setup::resolve(args)?;
    if args.check {
        return Ok(Exit::Done);
    }
    let plan = BatchPlan {
        command: "enrich",
        batch: &args.batch,
        storage: &args.storage,
        inputs: &args.inputs,
        outputs: vec![("good", args.output.clone()), ("bad", args.bad.clone())],
        configuration: setup.configuration(args),
    };
    let batch = match plan.open()? {
        Opened::Run(batch) => *batch,
        Opened::Finished(exit) => return Ok(exit),
    };
    let etl_millis = args.etl_tstamp.unwrap_or_else(|| batch.started());
    let job = setup.into_job(args, etl_millis);
    let sink = batch.part_sink(vec![
        OutputSpec::new("good", 0, "tsv", Counted::EventsGood),
        OutputSpec::new("bad", 1, "jsonl", Counted::BadRows),
    ]);
    batch.execute(&job, &sink)
}
