//! `thresh load`: run folders of shredded data → tables of a database, each run once.
//!
//! Options that the reference's loader had keep their names: `--include`, `--skip`, `--dry-run`.

mod outcome;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};

use super::batch::SummaryArg;
use super::{CliError, Exit, StorageArgs, StorageStore, cancel_on_signal};
use crate::iglu::{Resolver, ResolverOptions};
use crate::load::jsonpaths::{JsonPaths, hosted};
use crate::load::loader::Resources;
use crate::load::manifest::Generation;
use crate::load::notify::{Hooks, STATSD_PREFIX};
use crate::load::target::OpenOptions;
use crate::load::{DiscoveryOptions, Kind, LoadOptions, Steps, TargetConfig, discover, load, open};
use crate::storage::Location;

/// Arguments of `load`.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// Run folders of shredded data, or folders above them: every run below that is complete and not loaded yet
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// A storage target file, or redshift://USER@HOST/DB, postgres://USER@HOST/DB, sqlite:FILE
    #[arg(long, value_name = "FILE|URL")]
    pub target: String,
    /// Iglu resolver configuration [default: Iglu Central]
    #[arg(long, value_name = "FILE")]
    pub resolver: Option<PathBuf>,
    /// Use no network for schemas
    #[arg(long)]
    pub offline: bool,
    /// Print the statements, secrets masked, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Load runs that have no sign of being complete
    #[arg(long)]
    pub allow_incomplete: bool,
    /// Steps to do besides
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP,…")]
    pub include: Vec<IncludeArg>,
    /// Steps to leave out
    #[arg(long, value_enum, value_delimiter = ',', value_name = "STEP,…")]
    pub skip: Vec<SkipArg>,
    /// Gather the planner's statistics after the last run; that is the default, see --skip analyze
    #[arg(long)]
    pub analyze: bool,
    /// Clean up tables after the last run, as --include vacuum
    #[arg(long)]
    pub vacuum: bool,
    /// Which manifest table is kept; the legacy one only knows the newest etl_tstamp
    #[arg(long, value_enum, default_value_t, value_name = "GENERATION")]
    pub manifest: ManifestArg,
    /// Give events the column load_tstamp
    #[arg(long)]
    pub load_tstamp: bool,
    /// Write a report of runs, tables, rows and times as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// The summary on standard output
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub summary: SummaryArg,
    /// What only concerns Redshift.
    #[command(flatten)]
    pub redshift: RedshiftArgs,
    /// Who is told.
    #[command(flatten)]
    pub monitoring: MonitoringArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// What only concerns Redshift.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Redshift")]
pub struct RedshiftArgs {
    /// The bucket's region [default: the target's, AWS_REGION]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// How COPY is told what to load: a list of files, or a prefix as the reference does
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub copy_by: CopyByArg,
    /// Where lists of files are put while they are loaded [default: <run>/_load/]
    #[arg(long, value_name = "LOC")]
    pub staging: Option<Location>,
    /// Folder of JSONPaths files for JSON types; Snowplow's hosted ones are asked after it
    #[arg(long, value_name = "LOC")]
    pub jsonpaths: Option<Location>,
}

/// Who is told of a load.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Monitoring")]
pub struct MonitoringArgs {
    /// A StatsD server for counts and latencies
    #[arg(long, value_name = "HOST:PORT")]
    pub statsd: Option<String>,
    /// Prefix of its keys
    #[arg(long, value_name = "PREFIX", default_value = STATSD_PREFIX)]
    pub statsd_prefix: String,
    /// A URL that gets load_succeeded and alert events
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// A label that goes along; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    pub tags: Vec<(String, String)>,
}

/// Steps to do besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum IncludeArg {
    /// Clean up tables after the last run.
    Vacuum,
    /// Load events by way of a table of their own.
    TransitCopy,
}

/// Steps to leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SkipArg {
    /// Statistics after the last run.
    Analyze,
    /// Accepted; S3 has been consistent since 2020, and thresh never waits for it.
    ConsistencyCheck,
    /// The look into the manifest table: runs in it are loaded again.
    LoadManifestCheck,
    /// The manifest table altogether; implies load_manifest_check.
    LoadManifest,
    /// Accepted; it is only done with --include transit_copy.
    TransitCopy,
}

/// Generations of the manifest table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ManifestArg {
    /// One row a run (RDB Loader 1.0 and later).
    #[default]
    Run,
    /// One row a load, by etl_tstamp (before 1.0).
    Legacy,
}

/// How COPY is told what to load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CopyByArg {
    /// Exactly the files of the run.
    #[default]
    List,
    /// Whatever lies in the folder.
    Prefix,
}

fn parse_tag(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "write KEY=VALUE".to_owned())
}

impl LoadArgs {
    fn options(&self, target: &TargetConfig) -> LoadOptions {
        let skips = |step| self.skip.contains(&step);
        let steps = Steps {
            analyze: self.analyze || !skips(SkipArg::Analyze),
            vacuum: self.vacuum || self.include.contains(&IncludeArg::Vacuum),
            load_manifest: !skips(SkipArg::LoadManifest),
            load_manifest_check: !skips(SkipArg::LoadManifestCheck) && !skips(SkipArg::LoadManifest),
            transit_copy: self.include.contains(&IncludeArg::TransitCopy) && !skips(SkipArg::TransitCopy),
        };
        let manifest = match self.manifest {
            ManifestArg::Run => Generation::Second,
            ManifestArg::Legacy => Generation::First,
        };
        let mut folders: Vec<Location> = self.redshift.jsonpaths.iter().cloned().collect();
        if target.kind == Kind::Redshift && !self.offline {
            folders.push(hosted(self.redshift.region.as_deref().or(target.region.as_deref()).unwrap_or_default()));
        }
        let jsonpaths = JsonPaths { folders };
        LoadOptions { steps, manifest, load_tstamp: self.load_tstamp, dry_run: self.dry_run, jsonpaths }
    }

    fn open_options(&self) -> OpenOptions {
        OpenOptions {
            region: self.redshift.region.clone(),
            copy_by_prefix: self.redshift.copy_by == CopyByArg::Prefix,
            staging: self.redshift.staging.clone(),
            read_only: self.dry_run,
        }
    }

    fn hooks(&self) -> Hooks {
        let monitoring = &self.monitoring;
        Hooks {
            statsd: monitoring.statsd.clone(),
            statsd_prefix: monitoring.statsd_prefix.clone(),
            webhook: monitoring.webhook.clone(),
            tags: monitoring.tags.iter().cloned().collect(),
        }
    }

    fn resolver(&self) -> Result<Resolver, CliError> {
        let store = Arc::new(StorageStore(self.storage.storage()));
        let options = ResolverOptions { offline: self.offline, store: Some(store), ..ResolverOptions::default() };
        match &self.resolver {
            None => Ok(Resolver::default_central(options)),
            Some(file) => Resolver::from_config_file(file, options)
                .map_err(|error| CliError::from_error(Exit::Usage, &error).hint("a correct --resolver file")),
        }
    }
}

/// Runs the command.
pub fn run(args: &LoadArgs) -> Result<Exit, CliError> {
    let config = TargetConfig::parse(&args.target)?;
    let schemas = args.resolver()?;
    let storage = args.storage.storage();
    let options = DiscoveryOptions { allow_incomplete: args.allow_incomplete };
    let found = discover(&storage, &args.inputs, options)?;
    outcome::warn_of_incomplete(&found.incomplete);
    if found.runs.is_empty() {
        return outcome::nothing_to_load(&args.inputs, &found.incomplete);
    }
    let mut target = open(&config, &args.open_options())?;
    let cancel = cancel_on_signal();
    let stop = || cancel.is_set();
    let resources = Resources { schemas: &schemas, storage: &storage, stop: &stop };
    let (mut report, result) = load(&mut *target, &found.runs, &resources, &args.options(&config));
    report.incomplete = found.incomplete.iter().map(|(at, why)| (at.to_string(), why.clone())).collect();
    if !args.dry_run {
        let hooks = args.hooks();
        for (run, done) in found.runs.iter().zip(&report.runs) {
            hooks.tell(run, done, jiff::Timestamp::now());
        }
    }
    outcome::print(&report, args)?;
    result.map_err(CliError::from)?;
    Ok(Exit::Done)
}
