//! The command line: the tree of commands and the flags that all of them have.
//!
//! A new command is one file in `src/commands/`, one variant of [`Command`], one arm in [`Command::run`].

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::commands::{
    CliError, Exit, archive, compact, completions, ddl, enrich, inspect, lint, load, man, plan, reconcile, recover,
    shred, stage, state, status, to_json,
};
use crate::report::logging::{self, LogFormat};

/// The version, and what was built in (+) or left out (-).
static LONG_VERSION: LazyLock<String> = LazyLock::new(|| {
    let features = [
        ("dynamodb", cfg!(feature = "dynamodb")),
        ("isal", cfg!(feature = "isal")),
        ("js", cfg!(feature = "js")),
        ("mysql", cfg!(feature = "mysql")),
        ("postgres", cfg!(feature = "postgres")),
        ("sqlite", cfg!(feature = "sqlite")),
    ]
    .map(|(name, built_in)| format!("{}{name}", if built_in { '+' } else { '-' }));
    format!("{}\nfeatures: {}", env!("CARGO_PKG_VERSION"), features.join(" "))
});

/// The Snowplow batch pipeline on one machine: enrich, shred and load without a cluster.
#[derive(Debug, Parser)]
#[command(name = "thresh", version, long_version = LONG_VERSION.as_str())]
#[command(propagate_version = true, max_term_width = 110)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Flags of all commands.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of all commands.
#[derive(Clone, Debug, Args)]
pub struct GlobalArgs {
    /// Log more; may be repeated (-vv, -vvv). RUST_LOG wins over it
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Logs")]
    pub verbose: u8,
    /// Log errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Logs")]
    pub quiet: bool,
    /// How log lines on standard error look
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Logs", value_name = "FORMAT")]
    pub log_format: LogFormat,
}

/// What thresh can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Merge small files into large ones, with the same records in them
    Compact(Box<compact::CompactArgs>),
    /// Move what collectors wrote into the folder of one run
    Stage(Box<stage::StageArgs>),
    /// Turn raw collector logs into enriched events and bad rows
    Enrich(Box<enrich::EnrichArgs>),
    /// Turn enriched events into rows for tables: atomic events, and one row per entity
    Shred(Box<shred::ShredArgs>),
    /// Print the tables of schemas, and the migrations between their versions
    Ddl(Box<ddl::DdlArgs>),
    /// Turn enriched events into the Analytics SDK's JSON, one object a line
    ToJson(Box<to_json::ToJsonArgs>),
    /// Turn bad rows of every generation back into raw records
    Recover(Box<recover::RecoverArgs>),
    /// Load shredded data into Redshift, PostgreSQL or SQLite, each run once
    Load(Box<load::LoadArgs>),
    /// Move a whole run folder, markers last
    Archive(Box<archive::ArchiveArgs>),
    /// Print the steps of a pipeline's run as shell commands
    Plan(Box<plan::PlanArgs>),
    /// Check configuration, resolver, enrichments and targets
    Lint(Box<lint::LintArgs>),
    /// Show the runs of a pipeline and how far each got
    Status(Box<status::StatusArgs>),
    /// Say what is in folders of raw, enriched, shredded or bad data
    Inspect(Box<inspect::InspectArgs>),
    /// Check that each step of a run took all of what the one before it gave
    Reconcile(Box<reconcile::ReconcileArgs>),
    /// Keep account of a pipeline's runs, for scripts that run them
    State(Box<state::StateArgs>),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Write manual pages into a folder
    Man(man::ManArgs),
}

impl Command {
    fn run(self) -> Result<Exit, CliError> {
        match self {
            Command::Compact(args) => compact::run(&args),
            Command::Stage(args) => stage::run(&args),
            Command::Enrich(args) => enrich::run(&args),
            Command::Shred(args) => shred::run(&args),
            Command::Ddl(args) => ddl::run(&args),
            Command::ToJson(args) => to_json::run(&args),
            Command::Recover(args) => recover::run(&args),
            Command::Load(args) => load::run(&args),
            Command::Archive(args) => archive::run(&args),
            Command::Plan(args) => plan::run(&args),
            Command::Lint(args) => lint::run(&args),
            Command::Status(args) => status::run(&args),
            Command::Inspect(args) => inspect::run(&args),
            Command::Reconcile(args) => reconcile::run(&args),
            Command::State(args) => state::run(&args),
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}

/// The tree of commands, for completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments say; the first one is the program's name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, but not to the caller.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let verbosity = if cli.global.quiet { -1 } else { i8::try_from(cli.global.verbose).unwrap_or(i8::MAX) };
    logging::init(verbosity, cli.global.log_format);
    match cli.command.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            let _ = logging::write_stderr(error.to_string().as_bytes());
            error.exit.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn the_long_version_tells_what_was_built_in() {
        let version = |flag| command().try_get_matches_from(["thresh", flag]).unwrap_err().to_string();
        assert_eq!(version("-V"), concat!("thresh ", env!("CARGO_PKG_VERSION"), "\n"));
        let long = version("--version");
        let (first, features) = long.split_once('\n').unwrap();
        assert_eq!(first, version("-V").trim_end());
        let isal = if cfg!(feature = "isal") { " +isal " } else { " -isal " };
        assert!(features.starts_with("features: ") && features.contains(isal), "{features}");
    }
}
