//! `thresh lint`: everything that is wrong with configuration, resolver, enrichments and targets, before a run finds out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::access::{text_of, unreachable_folders, unreachable_targets};
use super::batch::print;
use super::configured::{PipelineArgs, TargetArgs, read_target, target_files};
use super::schemas::SchemaArgs;
use super::{CliError, Exit, StorageArgs};
use crate::enrichment::{ConfigErrors, EnrichmentOptions, read_configs, read_folder};
use crate::iglu::Resolver;
use crate::load::TargetConfig;
use crate::orchestrate::TargetRef;
use crate::orchestrate::targets::{Purpose, is_url, repeated_id};
use crate::report::logging;

/// Arguments of `lint`.
#[derive(Clone, Debug, Args)]
pub struct LintArgs {
    /// EmrEtlRunner's config.yml, or our own TOML
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where relative paths in the configuration start [default: its folder]
    #[arg(long, value_name = "DIR")]
    pub config_folder: Option<PathBuf>,
    /// Folder of enrichment configurations, one JSON a file
    #[arg(short = 'n', long, value_name = "DIR")]
    pub enrichments: Option<PathBuf>,
    /// Which targets.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// Say only what is wrong
    #[arg(long)]
    pub brief: bool,
    /// Also reach for everything: list each folder, find out whether it can be written to, connect to each target
    #[arg(long)]
    pub access: bool,
    /// Where schemas come from; the resolver's configuration is checked too.
    #[command(flatten)]
    pub schemas: SchemaArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// What was found.
#[derive(Default)]
struct Findings {
    valid: String,
    wrong: String,
    problems: usize,
}

impl Findings {
    fn valid(&mut self, text: &str) {
        let _ = writeln!(self.valid, "{text}");
    }

    fn wrong(&mut self, text: &str) {
        self.problems += 1;
        let _ = writeln!(self.wrong, "error: {}", text.trim_end());
    }
}

/// Runs the command.
pub fn run(args: &LintArgs) -> Result<Exit, CliError> {
    let nothing = args.targets.target.is_empty() && args.targets.targets.is_none();
    if args.config.is_none() && args.schemas.resolver.is_none() && args.enrichments.is_none() && nothing {
        return Err(CliError::usage("nothing to check")
            .hint("one or more of --config, --resolver, --enrichments, --targets, --target"));
    }
    let mut findings = Findings::default();
    let mut options = EnrichmentOptions::default();
    if let Some(config) = &args.config {
        let more = lint_config(args, config, &mut findings)?;
        options.skip_unsupported = more.iter().any(|word| word == "--skip-unsupported");
    }
    let resolver = lint_resolver(args, &mut findings);
    if let Some(folder) = &args.enrichments {
        lint_enrichments(folder, resolver.as_ref(), &options, &mut findings);
    }
    let targets = lint_targets(&args.targets, &mut findings);
    if args.access && findings.problems == 0 {
        unreachable_targets(&targets).iter().for_each(|problem| findings.wrong(problem));
    }
    if !args.brief {
        print(&findings.valid)?;
    }
    if findings.problems == 0 {
        return Ok(Exit::Done);
    }
    // The list is the message.
    let _ = logging::write_stderr(findings.wrong.as_bytes());
    let problems =
        if findings.problems == 1 { "1 problem".to_owned() } else { format!("{} problems", findings.problems) };
    Err(CliError::usage(problems))
}

/// Checks the configuration; what it passes on to `enrich`.
fn lint_config(args: &LintArgs, config: &Path, findings: &mut Findings) -> Result<Vec<String>, CliError> {
    let pipeline = PipelineArgs {
        config: config.to_owned(),
        config_folder: args.config_folder.clone(),
        storage: args.storage.clone(),
    };
    let reading = pipeline.reading()?;
    let name = config.display();
    for problem in &reading.problems {
        findings.wrong(&format!("{name}: {problem}"));
    }
    for warning in &reading.warnings {
        findings.valid(&format!("{name}: warning: {warning}"));
    }
    for unused in &reading.unused {
        findings.valid(&format!("{name}: {unused}"));
    }
    let Some(found) = reading.pipeline else { return Ok(Vec::new()) };
    for entry in &found.targets {
        lint_target(&entry.target, findings);
    }
    // What only shows when everything is put together.
    match pipeline.read() {
        Ok(configured) => {
            findings.valid(&format!("{name}: valid configuration"));
            if args.access {
                let targets = configured.targets(&TargetArgs::default()).unwrap_or_default();
                let problems = [unreachable_folders(&configured), unreachable_targets(&targets)].concat();
                problems.iter().for_each(|problem| findings.wrong(&format!("{name}: {problem}")));
            }
        }
        Err(error) => findings.wrong(&format!("{name}: {}", text_of(&error))),
    }
    Ok(found.options.get("enrich").cloned().unwrap_or_default())
}

fn lint_resolver(args: &LintArgs, findings: &mut Findings) -> Option<std::sync::Arc<Resolver>> {
    match args.schemas.resolver(&args.storage.storage(), &mut BTreeMap::new()) {
        Ok(resolver) => {
            if let Some(file) = &args.schemas.resolver {
                findings.valid(&format!("{}: Valid Iglu resolver config", file.display()));
            }
            Some(resolver)
        }
        Err(error) => {
            findings.wrong(&text_of(&error));
            None
        }
    }
}

fn lint_enrichments(
    folder: &Path,
    resolver: Option<&std::sync::Arc<Resolver>>,
    options: &EnrichmentOptions,
    findings: &mut Findings,
) {
    let files = match read_folder(folder) {
        Ok(files) => files,
        Err(errors) => return wrong_enrichments(&errors, findings),
    };
    let Some(resolver) = resolver else {
        findings.wrong(&format!("{}: not checked, because there is no resolver", folder.display()));
        return;
    };
    match read_configs(&files, &mut Resolver::client(resolver), options) {
        Ok(configs) => {
            for warning in &configs.warnings {
                findings.valid(&format!("warning: {warning}"));
            }
            findings.valid(&format!("{}: Valid enrichments ({} files)", folder.display(), files.len()));
        }
        Err(errors) => wrong_enrichments(&errors, findings),
    }
}

fn wrong_enrichments(errors: &ConfigErrors, findings: &mut Findings) {
    for error in &errors.0 {
        findings.wrong(&error.to_string());
    }
}

fn lint_targets(args: &TargetArgs, findings: &mut Findings) -> Vec<TargetRef> {
    let mut targets = Vec::new();
    match target_files(args) {
        Ok(files) => {
            for path in files {
                targets.extend(lint_target(&path.display().to_string(), findings));
            }
        }
        Err(error) => findings.wrong(&text_of(&error)),
    }
    for target in &args.target {
        targets.extend(lint_target(target, findings));
    }
    if let Some((one, other)) = repeated_id(&targets) {
        let id = one.id.as_deref().unwrap_or_default();
        findings.wrong(&format!("{}: data.id: expected an id of its own, found {id} of {}", other.target, one.target));
    }
    targets
}

fn lint_target(target: &str, findings: &mut Findings) -> Option<TargetRef> {
    let read = if is_url(target) {
        TargetRef::from_url(target).map_err(CliError::usage)
    } else {
        read_target(Path::new(target))
    };
    let found = match read {
        Ok(found) => found,
        Err(error) => {
            findings.wrong(&text_of(&error));
            return None;
        }
    };
    if found.purpose == Purpose::EnrichedEvents
        && let Err(error) = TargetConfig::parse(target)
    {
        findings.wrong(&error.to_string());
        return None;
    }
    let note = match found.purpose {
        Purpose::EnrichedEvents => "valid target",
        Purpose::DuplicateTracking => "valid target, for events of earlier batches",
        Purpose::FailedEvents => "has no effect: thresh does not load Elasticsearch",
    };
    findings.valid(&format!("{target}: {note}"));
    Some(found)
}
