//! The `thresh-loadgen` binary: writes realistic raw collector logs, enriched events or bad rows from a seed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use thresh::loadgen::{
    ALL_FAULTS, Compression, Fault, FileSizes, LogFormat, Mix, PRESETS, Plan, generate, preset, registry,
};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    Cloudfront,
    CljTomcat,
    Thrift,
    /// Enriched events, four entities each, for shredding
    Enriched,
    /// Bad rows, self-describing and legacy, for recovery
    BadRows,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MixArg {
    /// Everything a shop sends, transactions included
    Shop,
    /// Page views, pings, link clicks and structured events
    Mixed,
    /// Large self-describing events only
    Rich,
}

/// Write realistic raw collector logs, enriched events or bad rows. The same options and seed give the same bytes on every machine.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Args {
    /// Folder to write to
    output: PathBuf,
    /// Format
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// Start from a benchmark workload; other options then override it
    #[arg(long, value_parser = PRESETS.map(|(name, _)| name))]
    preset: Option<String>,
    /// Multiply the preset's counts
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Number of events
    #[arg(long)]
    events: Option<u64>,
    /// Number of files
    #[arg(long)]
    files: Option<u64>,
    /// Zipf-distributed file sizes: few large files, many small ones
    #[arg(long)]
    skewed_files: bool,
    /// Compress with gzip at this level, one member a file (the default, level 6)
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "6", conflicts_with_all = ["lzo", "plain"])]
    gzip: Option<u32>,
    /// Compress with gzip at this level, one member a MiB, as thresh itself does
    #[arg(long, value_name = "LEVEL", num_args = 0..=1, default_missing_value = "1", conflicts_with_all = ["gzip", "lzo", "plain"])]
    gzip_members: Option<u32>,
    /// Write lzop files; Thrift records then stand in serialized blocks
    #[arg(long, conflicts_with = "plain")]
    lzo: bool,
    /// Do not compress; Thrift records then stand in base64 lines
    #[arg(long)]
    plain: bool,
    /// Kinds of events
    #[arg(long, value_enum)]
    mix: Option<MixArg>,
    /// Share of spoilt records, 0 to 1
    #[arg(long)]
    bad_share: Option<f64>,
    /// How records are spoilt; may be repeated. Default: all kinds
    #[arg(long, value_name = "KIND", value_parser = ALL_FAULTS.map(Fault::name))]
    bad_kind: Vec<String>,
    /// Share of POST requests with 1 to 10 events, 0 to 1 (not for CloudFront, which logs no bodies)
    #[arg(long)]
    post_share: Option<f64>,
    /// Share of enriched events that are copies of earlier ones, 0 to 1
    #[arg(long)]
    natural_share: Option<f64>,
    /// Share of enriched events that have an earlier one's id, 0 to 1
    #[arg(long)]
    synthetic_share: Option<f64>,
    /// Distinct users
    #[arg(long)]
    users: Option<usize>,
    /// Distinct user agents
    #[arg(long)]
    agents: Option<usize>,
    /// Give every request a user agent of its own
    #[arg(long)]
    unique_agents: bool,
    /// Seed
    #[arg(long)]
    seed: Option<u64>,
    /// Time of the first request, milliseconds since 1970
    #[arg(long, value_name = "MILLIS")]
    start: Option<i64>,
    /// Also write schemas, a resolver, enrichment configurations and a GeoIP database to this folder
    #[arg(long, value_name = "DIR")]
    write_registry: Option<PathBuf>,
    /// Networks in that database
    #[arg(long, default_value_t = 4096)]
    networks: usize,
}

impl Args {
    fn plan(&self) -> Plan {
        let mut plan = self.preset.as_deref().and_then(|name| preset(name, self.scale)).unwrap_or_default();
        match self.format {
            Some(FormatArg::Cloudfront) => plan.format = LogFormat::CloudFront,
            Some(FormatArg::CljTomcat) => plan.format = LogFormat::CljTomcat,
            Some(FormatArg::Thrift) => plan.format = LogFormat::Thrift,
            Some(FormatArg::Enriched) => plan.format = LogFormat::Enriched,
            Some(FormatArg::BadRows) => plan.format = LogFormat::BadRows,
            None => {}
        }
        match self.mix {
            Some(MixArg::Shop) => plan.mix = Mix::SHOP,
            Some(MixArg::Mixed) => plan.mix = Mix::MIXED,
            Some(MixArg::Rich) => plan.mix = Mix::RICH,
            None => {}
        }
        if let Some(level) = self.gzip {
            plan.compression = Compression::Gzip(level);
        } else if let Some(level) = self.gzip_members {
            plan.compression = Compression::GzipMembers(level);
        } else if self.lzo {
            plan.compression = Compression::Lzo;
        } else if self.plain {
            plan.compression = Compression::None;
        }
        if !self.bad_kind.is_empty() {
            plan.bad_kinds = self.bad_kind.iter().filter_map(|name| Fault::by_name(name)).collect();
        }
        plan.events = self.events.unwrap_or(plan.events);
        plan.files = self.files.unwrap_or(plan.files).max(1);
        if self.skewed_files {
            plan.file_sizes = FileSizes::Zipf;
        }
        plan.bad_share = self.bad_share.unwrap_or(plan.bad_share);
        plan.post_share = self.post_share.unwrap_or(plan.post_share);
        plan.natural_share = self.natural_share.unwrap_or(plan.natural_share);
        plan.synthetic_share = self.synthetic_share.unwrap_or(plan.synthetic_share);
        plan.users = self.users.unwrap_or(plan.users).max(1);
        plan.agents = self.agents.unwrap_or(plan.agents).max(1);
        plan.unique_agents |= self.unique_agents;
        plan.seed = self.seed.unwrap_or(plan.seed);
        plan.start = self.start.unwrap_or(plan.start);
        plan
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let plan = args.plan();
    let registry_written =
        args.write_registry.as_deref().map_or(Ok(()), |folder| registry::write(folder, plan.seed, args.networks));
    match registry_written.and_then(|()| generate(&plan, &args.output)) {
        Ok(written) => {
            println!(
                "{} events in {} records, {} files, {} bytes ({} plain)",
                written.events,
                written.records,
                written.files.len(),
                written.stored_bytes,
                written.plain_bytes
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: cannot write to {}: {error}", args.output.display());
            ExitCode::FAILURE
        }
    }
}
