//! `thresh lint`: everything that is wrong with configuration, resolver, enrichments and targets, before a run finds out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::configured::{PipelineArgs, TargetArgs, read_target, target_files};
use super::schemas::SchemaArgs;
use super::{CliError, Exit, StorageArgs};
use crate::enrichment::{ConfigErrors, EnrichmentOptions, read_configs, read_folder};
use crate::iglu::Resolver;
use crate::load::TargetConfig;
use crate::orchestrate::TargetRef;
use crate::orchestrate::targets::{Purpose, is_url, repeated_id};

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
    if let Some(config) = &args.config {
        lint_config(args, config, &mut findings)?;
    }
    let resolver = lint_resolver(args, &mut findings);
    if let Some(folder) = &args.enrichments {
        lint_enrichments(folder, resolver.as_ref(), &mut findings);
    }
    lint_targets(&args.targets, &mut findings);
    let failed = |error| CliError::new(Exit::Failed, "standard output cannot be written to").because(Some(&error));
    std::io::stdout().write_all(findings.valid.as_bytes()).map_err(failed)?;
    if findings.problems == 0 {
        return Ok(Exit::Done);
    }
    // The list is the message.
    std::io::stderr().write_all(findings.wrong.as_bytes()).map_err(failed)?;
    let problems =
        if findings.problems == 1 { "1 problem".to_owned() } else { format!("{} problems", findings.problems) };
    Err(CliError::usage(problems))
}

fn lint_config(args: &LintArgs, config: &Path, findings: &mut Findings) -> Result<(), CliError> {
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
    if !args.brief {
        for warning in &reading.warnings {
            findings.valid(&format!("{name}: warning: {warning}"));
        }
        for unused in &reading.unused {
            findings.valid(&format!("{name}: {unused}"));
        }
    }
    let Some(found) = reading.pipeline else { return Ok(()) };
    for entry in &found.targets {
        lint_target(&entry.target, findings);
    }
    // What only shows when everything is put together.
    match pipeline.read() {
        Ok(_) => findings.valid(&format!("{name}: valid configuration")),
        Err(error) => findings.wrong(&format!("{name}: {}", text_of(&error))),
    }
    Ok(())
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

fn lint_enrichments(folder: &Path, resolver: Option<&std::sync::Arc<Resolver>>, findings: &mut Findings) {
    let files = match read_folder(folder) {
        Ok(files) => files,
        Err(errors) => return wrong_enrichments(&errors, findings),
    };
    let Some(resolver) = resolver else {
        findings.wrong(&format!("{}: not checked, because there is no resolver", folder.display()));
        return;
    };
    match read_configs(&files, &mut Resolver::client(resolver), &EnrichmentOptions::default()) {
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

fn lint_targets(args: &TargetArgs, findings: &mut Findings) {
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

/// An error without its first word, on as few lines as it has.
fn text_of(error: &CliError) -> String {
    let text = error.to_string();
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}
