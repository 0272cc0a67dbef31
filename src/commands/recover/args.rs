//! The arguments of `recover`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::commands::StorageArgs;
use crate::commands::batch::BatchArgs;
use crate::commands::enrich::BadFormatArg;
use crate::recovery::{Window, parse_instant};
use crate::storage::Location;

/// Arguments of `recover`.
#[derive(Clone, Debug, Args)]
#[command(group = clap::ArgGroup::new("rules").args(["config", "script"]))]
pub struct RecoverArgs {
    /// Files, folders or prefixes of bad rows of any generation; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Event recovery configuration, schema version 1-0-0 to 4-0-0
    #[arg(long, value_name = "FILE", required_unless_present_any = ["script", "suggest"])]
    pub config: Option<PathBuf>,
    /// JavaScript with a function process(event, errors), as for Hadoop Event Recovery
    #[arg(long, value_name = "FILE")]
    pub script: Option<PathBuf>,
    /// Where recovered records go, or with --reenrich the enriched events: <output>/run=ID/
    #[arg(long, value_name = "LOC", required_unless_present_any = ["suggest", "sample"])]
    pub output: Option<Location>,
    /// Where rows go whose recovery failed
    #[arg(long, value_name = "LOC", required_unless_present_any = ["suggest", "sample"])]
    pub failed: Option<Location>,
    /// Where rows go that cannot be recovered by their nature
    #[arg(long, value_name = "LOC", required_unless_present_any = ["suggest", "sample"])]
    pub unrecoverable: Option<Location>,
    /// Where rows go that no flow is for [default: <failed>/unmatched]
    #[arg(long, value_name = "LOC")]
    pub unmatched: Option<Location>,
    /// Where rows go that the script discards or whose events are good already [default: <unrecoverable>/discarded]
    #[arg(long, value_name = "LOC")]
    pub discarded: Option<Location>,
    /// Where recovered lines of text go, apart from Thrift records [default: <output>/lines]
    #[arg(long, value_name = "LOC")]
    pub lines: Option<Location>,
    /// Form of recovered records [default: thrift with --config, lines with --script]
    #[arg(long, value_enum, value_name = "FORM")]
    pub output_format: Option<OutputFormatArg>,
    /// Only rows that failed at or after this time: of the run folder they are in, or their own
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub since: Option<i64>,
    /// Only rows that failed before this time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub until: Option<i64>,
    /// Enriched events that are good already: leave them out of recovered requests, by event id
    #[arg(long, value_name = "LOC")]
    pub already_good: Vec<Location>,
    /// Recover a record that several legacy rows hold only once
    #[arg(long)]
    pub drop_duplicates: bool,
    /// Print what went wrong, in groups, and the skeleton of a configuration; write nothing
    #[arg(long, conflicts_with = "reenrich")]
    pub suggest: bool,
    /// With --dry-run: read the rows, count the matches of each flow, and show N of them before and after
    #[arg(long, value_name = "N", requires = "dry_run")]
    pub sample: Option<usize>,
    /// Options of scripts.
    #[command(flatten)]
    pub scripts: ScriptArgs,
    /// Options of enrichment.
    #[command(flatten)]
    pub enrich: ReenrichArgs,
    /// Options of the run.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Options of scripts.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Scripts")]
pub struct ScriptArgs {
    /// What the input's lines are
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub input_kind: InputKindArg,
    /// Milliseconds that one call of the script may take
    #[arg(long, value_name = "MILLIS", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub script_timeout: u64,
    /// Memory that one thread's script may use
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = crate::report::parse_bytes)]
    pub script_memory: u64,
}

/// Options of enrichment.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Enrichment (with --reenrich)")]
pub struct ReenrichArgs {
    /// Enrich what was recovered in the same pass: events go to --output
    #[arg(long, requires = "bad")]
    pub reenrich: bool,
    /// Where bad rows of that enrichment go
    #[arg(long, value_name = "LOC", requires = "reenrich")]
    pub bad: Option<Location>,
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
    /// Form of bad rows of that enrichment
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub bad_format: BadFormatArg,
    /// Warn about configured enrichments that thresh does not have, instead of refusing to run
    #[arg(long)]
    pub skip_unsupported: bool,
    /// Use no network for schemas and data files
    #[arg(long)]
    pub offline: bool,
}

/// Form of recovered records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormatArg {
    /// Thrift records in lzop files; lines of text apart.
    Thrift,
    /// Text: lines as they are, Thrift records in base64.
    Lines,
}

/// What the lines of a script's input are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InputKindArg {
    /// Found out line by line.
    #[default]
    Auto,
    /// Bad rows.
    Bad,
    /// Raw lines, as collectors wrote them.
    Raw,
}

impl RecoverArgs {
    /// The span of time that was asked for.
    pub fn window(&self) -> Option<Window> {
        let (since, until) = (self.since, self.until);
        (since.is_some() || until.is_some()).then_some(Window { since, until })
    }

    /// The form of recovered records.
    pub fn form(&self) -> OutputFormatArg {
        let usual = if self.script.is_some() { OutputFormatArg::Lines } else { OutputFormatArg::Thrift };
        self.output_format.unwrap_or(usual)
    }
}

impl ScriptArgs {
    /// Time of one call.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.script_timeout)
    }
}

/// A date, an instant, or the name of a run: 2016-02-24, 2016-02-24T10:00:00Z, 2016-02-24-10-00-00.
fn parse_time(text: &str) -> Result<i64, String> {
    let day = || text.parse::<jiff::civil::Date>().ok().and_then(|_| parse_instant(&format!("{text}T00:00:00Z")));
    let found = run_time(text).or_else(day).or_else(|| parse_instant(text));
    found.ok_or_else(|| "a time like 2016-02-24, 2016-02-24T10:00:00Z or 2016-02-24-10-00-00".to_owned())
}

/// Milliseconds of a run id that is a time.
pub(super) fn run_time(id: &str) -> Option<i64> {
    let parsed = jiff::civil::DateTime::strptime("%Y-%m-%d-%H-%M-%S", id).ok()?;
    parsed.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_three_forms() {
        assert_eq!(parse_time("1970-01-02"), Ok(86_400_000));
        assert_eq!(parse_time("1970-01-01T00:00:01Z"), Ok(1000));
        assert_eq!(parse_time("1970-01-01-00-01-00"), Ok(60_000));
        assert!(parse_time("yesterday").is_err());
    }
}
