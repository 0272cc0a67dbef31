//! `thresh enrich`: raw collector logs → enriched events and bad rows.
//!
//! The arguments are here, what they resolve to is in `setup`, the stage on the engine in `job`.

mod adapters;
mod assets;
mod findings;
mod job;
mod setup;

pub(in crate::commands) use job::EnrichJob;
pub(in crate::commands) use setup::{Setup, resolve};

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::batch::{BatchArgs, BatchPlan, Opened};
use super::{CliError, Exit, StorageArgs};
use crate::pipeline::{Counted, EngineOptions, OutputSpec};
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
    /// Where the events go that tell which personal data became which digest: <pii>/run=ID/. They hold those data in clear
    /// text, and come only from a PII enrichment with `emitEvent`
    #[arg(long, value_name = "LOC")]
    pub pii: Option<Location>,
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
    /// Write events with texts that are longer than their columns instead of bad rows, and count them
    #[arg(long)]
    pub accept_invalid: bool,
    /// Where copies of data files that were downloaded are kept [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Warn about configured enrichments that thresh does not have, instead of refusing to run
    #[arg(long)]
    pub skip_unsupported: bool,
    /// Check the configuration, load its data files, say what was found, and do nothing else
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

/// Worker threads for each processor when enrichments or remote adapters wait for answers of services: while some wait, the
/// others work.
const WAITING_THREADS: usize = 4;

/// Runs the command.
pub fn run(args: &EnrichArgs) -> Result<Exit, CliError> {
    if args.output == args.bad || args.pii.as_ref().is_some_and(|pii| *pii == args.output || *pii == args.bad) {
        return Err(CliError::usage("--output, --bad and --pii must be different locations"));
    }
    let setup = setup::resolve(args)?;
    if args.check {
        print!("{}", setup.findings());
        return Ok(Exit::Done);
    }
    let mut batch_args = args.batch.clone();
    if batch_args.threads.is_none() && setup.waits_for_services() {
        batch_args.threads = NonZeroUsize::new(WAITING_THREADS * EngineOptions::default().threads);
    }
    let mut outputs = vec![("good", args.output.clone()), ("bad", args.bad.clone())];
    let mut specs = vec![
        OutputSpec::new("good", 0, "tsv", Counted::EventsGood),
        OutputSpec::new("bad", 1, "jsonl", Counted::BadRows),
    ];
    if let Some(pii) = &args.pii {
        outputs.push(("pii", pii.clone()));
        specs.push(OutputSpec::new("pii", 2, "tsv", Counted::Uncounted));
    }
    let plan = BatchPlan {
        command: "enrich",
        batch: &batch_args,
        storage: &args.storage,
        inputs: &args.inputs,
        outputs,
        configuration: setup.configuration(args),
    };
    let batch = match plan.open()? {
        Opened::Run(batch) => *batch,
        Opened::Finished(exit) => return Ok(exit),
    };
    let etl_millis = args.etl_tstamp.unwrap_or_else(|| batch.started());
    let job = setup.into_job(args, etl_millis);
    let sink = batch.part_sink(specs);
    batch.execute(&job, &sink)
}
