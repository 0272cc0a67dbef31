//! What the arguments of `recover` resolve to: rules, events that are good already, the enrichment. All of it is read and
//! checked before the first row.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::args::RecoverArgs;
use super::job::RecoverJob;
use crate::badrow::{BadRowConfig, BadRowFormat, Processor};
use crate::commands::enrich::{self, EnrichArgs, FormatArg};
use crate::commands::{CliError, Exit};
use crate::recovery::{Extras, Fate, KnownEvents, Recoverer, Recovery, RecoveryConfig, SeenRecords};
use crate::run::{digest, require_complete};
use crate::storage::{Location, Storage};

#[cfg(feature = "js")]
use super::args::InputKindArg;
#[cfg(feature = "js")]
use crate::recovery::{InputKind, Script, ScriptRecoverer};
#[cfg(feature = "js")]
use crate::script::ScriptLimits;

/// What says how rows are recovered.
pub(super) enum Rules {
    Flows(RecoveryConfig),
    #[cfg(feature = "js")]
    Script {
        script: Box<Script>,
        kind: InputKind,
        to_thrift: bool,
    },
}

/// Everything that rows are recovered with.
pub(super) struct Setup {
    pub rules: Rules,
    pub bad_rows: BadRowConfig,
    known: Option<KnownEvents>,
    seen: Option<SeenRecords>,
    digests: BTreeMap<String, String>,
}

/// The enrichment of `--reenrich`.
pub(super) struct EnrichSetup {
    args: Box<EnrichArgs>,
    setup: enrich::Setup,
}

/// One thread's recoverer.
pub(super) enum AnyRecoverer<'s> {
    Flows(Recoverer<'s>),
    #[cfg(feature = "js")]
    Script(Box<ScriptRecoverer<'s>>),
}

impl AnyRecoverer<'_> {
    pub(super) fn recover(&mut self, line: &str, out: &mut Recovery) -> Fate {
        match self {
            AnyRecoverer::Flows(recoverer) => recoverer.recover(line, out),
            #[cfg(feature = "js")]
            AnyRecoverer::Script(recoverer) => recoverer.recover(line, out),
        }
    }
}

/// Reads and checks everything that the arguments name.
pub(super) fn resolve(args: &RecoverArgs) -> Result<(Setup, Option<EnrichSetup>), CliError> {
    let mut digests = BTreeMap::new();
    let rules = match (&args.config, &args.script) {
        (Some(file), None) => {
            let text = read(file)?;
            digests.insert("config".to_owned(), digest(text.as_bytes()));
            Rules::Flows(flows(file, &text)?)
        }
        (None, Some(file)) => {
            let text = read(file)?;
            digests.insert("script".to_owned(), digest(text.as_bytes()));
            script(args, file, &text)?
        }
        _ => return Err(CliError::usage("one of --config and --script is needed")),
    };
    let known = match args.already_good.as_slice() {
        [] => None,
        places => Some(already_good(&args.storage.storage(), places, args.batch.allow_incomplete)?),
    };
    let enrich = match args.enrich.reenrich {
        false => None,
        true => {
            let enrich_args = Box::new(enrich_args(args)?);
            let setup = enrich::resolve(&enrich_args)?;
            let configuration = setup.configuration(&enrich_args).into_iter();
            digests.extend(configuration.map(|(name, value)| (format!("enrich/{name}"), value)));
            Some(EnrichSetup { args: enrich_args, setup })
        }
    };
    let processor = Processor { artifact: "thresh-recover".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let bad_rows = BadRowConfig { processor, format: BadRowFormat::V2, max_size: None };
    let seen = args.drop_duplicates.then(SeenRecords::default);
    Ok((Setup { rules, bad_rows, known, seen, digests }, enrich))
}

fn read(file: &Path) -> Result<String, CliError> {
    let unreadable =
        |error: std::io::Error| CliError::usage(format!("{}: cannot be read", file.display())).because(Some(&error));
    std::fs::read_to_string(file).map_err(unreadable)
}

fn flows(file: &Path, text: &str) -> Result<RecoveryConfig, CliError> {
    let config = RecoveryConfig::parse(text).map_err(|error| {
        CliError::usage(format!("{}: no usable recovery configuration", file.display())).because(Some(&error))
    })?;
    for criterion in config.dead_criteria() {
        tracing::warn!("{}: `{criterion}` is no schema criterion and never matches", file.display());
    }
    if config.names().is_empty() {
        tracing::warn!("{}: it has no flows, so no row will match", file.display());
    }
    Ok(config)
}

#[cfg(feature = "js")]
fn script(args: &RecoverArgs, file: &Path, text: &str) -> Result<Rules, CliError> {
    let memory = usize::try_from(args.scripts.script_memory).unwrap_or(usize::MAX);
    let limits = ScriptLimits { time: args.scripts.timeout(), memory, ..ScriptLimits::default() };
    let script = Script::new(&file.display().to_string(), text, limits)
        .map_err(|error| CliError::from_error(Exit::Usage, &error))?;
    for warning in &script.warnings {
        tracing::warn!("{}: {warning}", file.display());
    }
    let kind = match args.scripts.input_kind {
        InputKindArg::Auto => InputKind::Auto,
        InputKindArg::Bad => InputKind::Bad,
        InputKindArg::Raw => InputKind::Raw,
    };
    let to_thrift = args.enrich.reenrich || args.form() == super::OutputFormatArg::Thrift;
    Ok(Rules::Script { script: Box::new(script), kind, to_thrift })
}

#[cfg(not(feature = "js"))]
fn script(_: &RecoverArgs, _: &Path, _: &str) -> Result<Rules, CliError> {
    Err(CliError::usage("this thresh was built without JavaScript (feature `js`), which --script needs"))
}

/// The ids of enriched events.
fn already_good(storage: &Storage, places: &[Location], allow_incomplete: bool) -> Result<KnownEvents, CliError> {
    let objects = storage.list(places)?;
    if !allow_incomplete {
        require_complete(storage, &objects)?;
    }
    let mut known = KnownEvents::default();
    let mut without_id = 0_u64;
    for object in &objects {
        let mut reader = BufReader::with_capacity(1 << 20, storage.open_decoded(object)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(|error| {
                CliError::new(Exit::Failed, format!("{}: cannot be read whole", object.location)).because(Some(&error))
            })?;
            if read == 0 {
                break;
            }
            without_id += u64::from(!known.insert_enriched(&line));
        }
    }
    if known.is_empty() {
        let text = "--already-good: no enriched event was found there";
        return Err(CliError::usage(text).hint("the folder that enrich wrote its events to"));
    }
    if without_id > 0 {
        tracing::warn!(lines = without_id, "--already-good: lines without an event id");
    }
    tracing::info!(events = known.len(), "events that are good already");
    Ok(known)
}

fn enrich_args(args: &RecoverArgs) -> Result<EnrichArgs, CliError> {
    let missing = || CliError::usage("--reenrich needs --output and --bad");
    Ok(EnrichArgs {
        inputs: args.inputs.clone(),
        output: args.output.clone().unwrap_or(Location::Stdio),
        bad: args.enrich.bad.clone().ok_or_else(missing)?,
        pii: None,
        accept_invalid: false,
        cache_dir: None,
        format: FormatArg::Auto,
        resolver: args.enrich.resolver.clone(),
        enrichments: args.enrich.enrichments.clone(),
        adapters: args.enrich.adapters.clone(),
        etl_tstamp: args.enrich.etl_tstamp,
        bad_format: args.enrich.bad_format,
        skip_unsupported: args.enrich.skip_unsupported,
        check: false,
        offline: args.enrich.offline,
        batch: args.batch.clone(),
        storage: args.storage.clone(),
    })
}

impl Setup {
    /// What the output depends on besides the inputs.
    pub(super) fn configuration(&self, args: &RecoverArgs) -> BTreeMap<String, String> {
        let mut configuration = self.digests.clone();
        let mut set = |name: &str, value: String| configuration.insert(name.to_owned(), value);
        set("output_format", format!("{:?}", args.form()).to_lowercase());
        set("drop_duplicates", args.drop_duplicates.to_string());
        if let Some(window) = args.window() {
            set("since", window.since.map_or_else(String::new, |millis| millis.to_string()));
            set("until", window.until.map_or_else(String::new, |millis| millis.to_string()));
        }
        if let Some(known) = &self.known {
            set("already_good_events", known.len().to_string());
        }
        if args.script.is_some() {
            set("input_kind", format!("{:?}", args.scripts.input_kind).to_lowercase());
        }
        configuration
    }

    /// What rows are recovered with, besides the rules.
    pub(super) fn extras(&self, args: &RecoverArgs) -> Extras<'_> {
        Extras { known: self.known.as_ref(), seen: self.seen.as_ref(), window: args.window(), trace: false }
    }

    /// A recoverer for one thread.
    pub(super) fn recoverer<'s>(&'s self, extras: Extras<'s>) -> AnyRecoverer<'s> {
        match &self.rules {
            Rules::Flows(config) => AnyRecoverer::Flows(Recoverer::new(config, &self.bad_rows, extras)),
            #[cfg(feature = "js")]
            Rules::Script { script, kind, to_thrift } => {
                AnyRecoverer::Script(Box::new(ScriptRecoverer::new(script, *kind, *to_thrift, extras)))
            }
        }
    }

    /// The stage of a run.
    pub(super) fn job<'s>(&'s self, args: &RecoverArgs, enrich: Option<EnrichSetup>, started: i64) -> RecoverJob<'s> {
        let etl_millis = args.enrich.etl_tstamp.unwrap_or(started);
        let reenrich = enrich.map(|enrich| enrich.setup.into_job(&enrich.args, etl_millis));
        let base64_records = args.form() == super::OutputFormatArg::Lines;
        RecoverJob { setup: self, extras: self.extras(args), base64_records, reenrich }
    }
}
