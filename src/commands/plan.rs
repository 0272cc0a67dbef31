//! `thresh plan`: the steps of a run as shell commands, one a line, with their names.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::batch::print;
use super::configured::{Configured, PipelineArgs, TargetArgs};
use super::{CliError, Exit};
use crate::orchestrate::quote::quote;
use crate::orchestrate::steps::{Include, ResumeFrom, Skip};
use crate::orchestrate::targets::Purpose;
use crate::orchestrate::{PlanRequest, Selection, plan};
use crate::run::{RunId, now_millis};

/// Arguments of `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// Iglu resolver configuration, for the commands
    #[arg(short, long, value_name = "FILE")]
    pub resolver: Option<PathBuf>,
    /// Folder of enrichment configurations, for the commands
    #[arg(short = 'n', long, value_name = "DIR")]
    pub enrichments: Option<PathBuf>,
    /// Which targets.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// The run [default: now, UTC, as 2021-12-31-23-59-59]
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Which steps.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Write keys that stand in the configuration to this file, as assignments for the shell, for its owner only
    #[arg(long, value_name = "FILE")]
    pub environment: Option<PathBuf>,
}

/// Which steps.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Steps")]
pub struct SelectionArgs {
    /// Leave out every step before this one
    #[arg(short = 'f', long, value_name = "STEP")]
    pub resume_from: Option<ResumeFrom>,
    /// Steps, or parts of loading, to leave out
    #[arg(short = 'x', long, value_delimiter = ',', value_name = "STEP,…")]
    pub skip: Vec<Skip>,
    /// Parts of loading to do besides: vacuum
    #[arg(short = 'i', long, value_delimiter = ',', value_name = "STEP,…")]
    pub include: Vec<Include>,
}

impl SelectionArgs {
    /// The choice, if it makes sense for this pipeline.
    pub fn selection(&self, configured: &Configured) -> Result<Selection, CliError> {
        let selection =
            Selection { resume_from: self.resume_from, skip: self.skip.clone(), include: self.include.clone() };
        selection.check(configured.pipeline.is_stream()).map_err(|error| CliError::from_error(Exit::Usage, &error))?;
        Ok(selection)
    }
}

/// Runs the command.
pub fn run(args: &PlanArgs) -> Result<Exit, CliError> {
    let configured = args.pipeline.read()?;
    for warning in &configured.reading.warnings {
        tracing::warn!("{}: {warning}", args.pipeline.config.display());
    }
    let selection = args.selection.selection(&configured)?;
    let targets = configured.targets(&args.targets)?;
    for target in targets.iter().filter(|target| target.purpose == Purpose::FailedEvents) {
        tracing::warn!("{}: left out: thresh does not load Elasticsearch", target.target);
    }
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let (resolver, enrichments) = (text(&args.resolver), text(&args.enrichments));
    let run_id = args.run_id.clone().unwrap_or_else(|| RunId::from_millis(now_millis()));
    let steps = plan(&PlanRequest {
        pipeline: &configured.pipeline,
        targets: &targets,
        resolver: resolver.as_deref(),
        enrichments: enrichments.as_deref(),
        run_id: &run_id,
        selection: &selection,
        storage: &configured.arguments.to_arguments(),
    });
    if let Some(file) = &args.environment {
        write_environment(file, &configured)?;
    }
    let lines: String = steps.iter().map(|step| format!("{step}\n")).collect();
    print(&lines)?;
    Ok(Exit::Done)
}

/// The commands find keys where every program of AWS does; command lines are for everyone to see.
fn write_environment(file: &PathBuf, configured: &Configured) -> Result<(), CliError> {
    let mut text = String::new();
    if let Some(keys) = &configured.pipeline.s3.credentials {
        text.push_str(&format!("export AWS_ACCESS_KEY_ID={}\n", quote(&keys.access_key_id)));
        text.push_str(&format!("export AWS_SECRET_ACCESS_KEY={}\n", quote(&keys.secret_access_key)));
        // A token from elsewhere does not go with these keys.
        text.push_str("unset AWS_SESSION_TOKEN\n");
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(file).and_then(|mut opened| opened.write_all(text.as_bytes())).map_err(|error| {
        CliError::new(Exit::Failed, format!("{}: cannot be written", file.display())).because(Some(&error))
    })
}
