//! `thresh state`: the runner's memory. What must be atomic, or survive the runner, is here and not in the shell script.

mod next;
mod notify;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::batch::print;
use super::configured::{Configured, PipelineArgs};
use super::plan::SelectionArgs;
use super::{CliError, Exit};
use crate::orchestrate::state::{Failure, StepRecord};
use crate::run::{RunError, RunId, break_lock, claim, now_millis, release};
use crate::storage::Location;

/// Arguments of `state`.
#[derive(Clone, Debug, Args)]
pub struct StateArgs {
    /// What to do
    #[command(subcommand)]
    pub action: Action,
}

/// What is to be done with the state.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Claim the pipeline for a process; 17 if another one has it
    Claim(ClaimArgs),
    /// Give the claim back
    Release(ClaimArgs),
    /// Print `open ID`, `adopted ID` or `new ID`: the run to work on, the oldest first; a new one if there is something to
    /// do, else 3
    Next(NextArgs),
    /// Print the names of the steps that are done
    Show(RunArgs),
    /// Note that a step is done
    Done(StepArgs),
    /// Note that a step failed, and tell who wants to know
    Failed(FailedArgs),
    /// Note that a run is finished; 5 if a step of it could not read some objects whole
    Finish(RunArgs),
    /// Forget a run that turned out to have nothing to do
    Forget(RunArgs),
}

/// Who claims the pipeline.
#[derive(Clone, Debug, Args)]
pub struct ClaimArgs {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// The process that works, of this machine
    #[arg(long, value_name = "PID")]
    pub pid: u32,
    /// One more lock, for what must not run beside this pipeline: a folder or prefix of its own
    #[arg(long, value_name = "LOC")]
    pub lock: Option<Location>,
    /// Remove the locks of others first
    #[arg(long)]
    pub break_lock: bool,
}

/// How the run is chosen.
#[derive(Clone, Debug, Args)]
pub struct NextArgs {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// This run and no other: go on with it, or begin it
    #[arg(long, value_name = "ID")]
    pub run_id: Option<RunId>,
    /// Only runs above this one
    #[arg(long, value_name = "ID")]
    pub after: Option<RunId>,
    /// Begin no new run
    #[arg(long)]
    pub only_open: bool,
    /// Say which run it would be, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Which steps.
    #[command(flatten)]
    pub selection: SelectionArgs,
}

/// Which run.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// The run
    #[arg(long, value_name = "ID")]
    pub run_id: RunId,
}

/// Which step, and how it ended.
#[derive(Clone, Debug, Args)]
pub struct StepArgs {
    /// Which run.
    #[command(flatten)]
    pub run: RunArgs,
    /// The step's name in the plan
    #[arg(long, value_name = "NAME")]
    pub step: String,
    /// The command's exit code
    #[arg(long, value_name = "CODE", default_value_t = 0)]
    pub exit_code: i32,
    /// How long it took
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub seconds: u64,
}

/// Which step failed, and who is told.
#[derive(Clone, Debug, Args)]
pub struct FailedArgs {
    /// Which step.
    #[command(flatten)]
    pub step: StepArgs,
    /// What the command wrote; its last lines are kept
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// A URL that gets the failure as JSON [env: ETL_RUNNER_WEBHOOK]
    #[arg(long, value_name = "URL", env = "ETL_RUNNER_WEBHOOK", hide_env = true, hide_env_values = true)]
    pub webhook: Option<String>,
}

/// Runs the command.
pub fn run(args: &StateArgs) -> Result<Exit, CliError> {
    match &args.action {
        Action::Claim(args) => take(args, &args.pipeline.read()?),
        Action::Release(args) => give_back(args, &args.pipeline.read()?),
        Action::Next(args) => next::run(args, &args.pipeline.read()?),
        Action::Show(args) => show(args),
        Action::Done(args) => done(args),
        Action::Failed(args) => failed(args),
        Action::Finish(args) => {
            let finished = args.pipeline.read()?.state().finish(&args.run_id)?;
            Ok(if finished.is_partial() { Exit::Partial } else { Exit::Done })
        }
        Action::Forget(args) => match args.pipeline.read()?.state().forget(&args.run_id)? {
            true => Ok(Exit::Done),
            false => Err(CliError::new(Exit::Failed, format!("run {} has done something already", args.run_id))),
        },
    }
}

/// Every lock that the runner needs, in an order that all runners share.
fn locks(args: &ClaimArgs, configured: &Configured) -> Vec<Location> {
    let absolute = |location: &Location| match location {
        Location::Local(path) => Location::Local(std::path::absolute(path).unwrap_or_else(|_| path.clone())),
        other => other.clone(),
    };
    args.lock.iter().map(absolute).chain([configured.state().claim_folder()]).collect()
}

fn take(args: &ClaimArgs, configured: &Configured) -> Result<Exit, CliError> {
    let folders = locks(args, configured);
    for (index, folder) in folders.iter().enumerate() {
        if args.break_lock {
            for holder in break_lock(&configured.storage, folder)? {
                tracing::warn!("removed the lock of {holder}");
            }
        }
        match claim(&configured.storage, folder, args.pid, "etl-runner") {
            Ok(()) => {}
            Err(RunError::Locked { location, holder }) => {
                for held in &folders[..index] {
                    release(&configured.storage, held, args.pid)?;
                }
                let message = format!("Lock already held at {location}: by {holder}");
                return Err(CliError::new(Exit::Locked, message)
                    .hint("wait for it; if that process is gone for good, --break-lock"));
            }
            Err(error) => return Err(error.into()),
        }
    }
    configured.state().tidy()?;
    Ok(Exit::Done)
}

fn give_back(args: &ClaimArgs, configured: &Configured) -> Result<Exit, CliError> {
    for folder in locks(args, configured).iter().rev() {
        release(&configured.storage, folder, args.pid)?;
    }
    Ok(Exit::Done)
}

fn show(args: &RunArgs) -> Result<Exit, CliError> {
    let state = args.pipeline.read()?.state().open_run(&args.run_id)?;
    let lines: String = state.steps.iter().map(|step| format!("{}\n", step.name)).collect();
    print(&lines)?;
    Ok(Exit::Done)
}

fn done(args: &StepArgs) -> Result<Exit, CliError> {
    let record =
        StepRecord { name: args.step.clone(), ended: now_millis(), seconds: args.seconds, exit_code: args.exit_code };
    args.run.pipeline.read()?.state().step_done(&args.run.run_id, record)?;
    Ok(Exit::Done)
}

fn failed(args: &FailedArgs) -> Result<Exit, CliError> {
    let configured = args.step.run.pipeline.read()?;
    let message = args.log.as_deref().map(notify::last_lines).unwrap_or_default();
    let failure = Failure { step: args.step.step.clone(), exit_code: args.step.exit_code, at: now_millis(), message };
    let run_id = &args.step.run.run_id;
    let noted = configured.state().step_failed(run_id, failure.clone());
    // Whoever is on duty hears of it even if the state cannot be written.
    if let Some(url) = args.webhook.as_ref().filter(|url| !url.is_empty()) {
        notify::post(url, run_id, &failure, &args.step.run.pipeline.config);
    }
    noted?;
    Ok(Exit::Done)
}
