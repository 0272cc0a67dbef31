//! Which run comes next. Looks at the run's own state first, and into the folders only where a new run would begin.
//!
//! Texts and exit codes of what is in the way: snowplow/emr-etl-runner 1.0.4, `lib/snowplow-emr-etl-runner/emr_job.rb`.

use super::NextArgs;
use crate::commands::batch::print;
use crate::commands::configured::Configured;
use crate::commands::{CliError, Exit};
use crate::orchestrate::state::{RunState, StateStore, next_id};
use crate::orchestrate::{Pipeline, Selection, Step};
use crate::run::RunId;
use crate::storage::{Location, Names, Storage, StorageError};

/// The run, and how it came about.
enum Next {
    /// It is not finished.
    Open(RunId),
    /// Its folders are there, but the state knows it as finished, or not at all.
    Adopted(RunId),
    /// It has just begun.
    New(RunId),
}

pub(super) fn run(args: &NextArgs, configured: &Configured) -> Result<Exit, CliError> {
    let selection = args.selection.selection(configured)?;
    let state = configured.state();
    let open = state.open_runs()?;
    let next = match &args.run_id {
        Some(id) => named(id, &state, &open)?,
        None => choose(args, configured, &selection, &open)?,
    };
    let (word, id) = match &next {
        Next::Open(id) => ("open", id),
        Next::Adopted(id) => ("adopted", id),
        Next::New(id) => ("new", id),
    };
    if !args.dry_run {
        match next {
            Next::Open(_) => {}
            Next::Adopted(_) => state.adopt(id)?,
            Next::New(_) => state.begin(id)?,
        }
    }
    print(&format!("{word} {id}\n"))?;
    Ok(Exit::Done)
}

fn named(id: &RunId, state: &StateStore, open: &[RunState]) -> Result<Next, CliError> {
    if open.iter().any(|run| run.run_id == id.as_str()) {
        return Ok(Next::Open(id.clone()));
    }
    match state.is_done(id.as_str())? {
        true => Err(CliError::new(Exit::NoData, format!("run {id} is finished already"))
            .hint("another --run-id; --resume-from takes up a finished run whose folders are still there")),
        false => Ok(Next::New(id.clone())),
    }
}

fn choose(
    args: &NextArgs,
    configured: &Configured,
    selection: &Selection,
    open: &[RunState],
) -> Result<Next, CliError> {
    let late_enough = |id: &str| args.after.as_ref().is_none_or(|after| id > after.as_str());
    if let Some(oldest) = open.iter().find(|run| late_enough(&run.run_id)) {
        return Ok(Next::Open(parse(&oldest.run_id)?));
    }
    if args.only_open {
        return Err(CliError::new(Exit::NoData, "no open run"));
    }
    if let Some(from) = selection.resume_from.map(|from| from.0).filter(|from| *from != Step::StagingStreamEnrich) {
        return adopt(from, args, configured);
    }
    let state = configured.state();
    let pipeline = &configured.pipeline;
    if selection.skips("staging") {
        let raw = pipeline.raw.as_ref().expect("checked: only there is raw data can staging be left out");
        if !has_data(&configured.storage, &raw.processing)? {
            let message = format!("No Snowplow logs in {}, can't resume from enrich", raw.processing);
            return Err(CliError::new(Exit::NoData, message));
        }
    } else if selection.skips("staging_stream_enrich") {
        return adopt(Step::Shred, args, configured);
    } else {
        refuse_foreign(pipeline, selection, &state, open)?;
        require_input(pipeline, &configured.storage)?;
    }
    Ok(Next::New(next_id(state.last_id()?.as_deref())?))
}

fn parse(id: &str) -> Result<RunId, CliError> {
    id.parse().map_err(|problem| CliError::new(Exit::Failed, format!("`{id}`: {problem}")))
}

/// The oldest run folder that waits in the folder a step begins at. All of them are taken, one after another.
fn adopt(from: Step, args: &NextArgs, configured: &Configured) -> Result<Next, CliError> {
    let pipeline = &configured.pipeline;
    let processing = pipeline.raw.as_ref().map(|raw| &raw.processing);
    let (at, archiving) = match from {
        Step::Enrich | Step::Elasticsearch | Step::ArchiveRaw => (processing, from == Step::ArchiveRaw),
        Step::RdbLoad => (Some(&pipeline.shredded.good), false),
        Step::Analyze | Step::ArchiveEnriched => (Some(&pipeline.enriched.good), true),
        Step::ArchiveShredded => (Some(&pipeline.shredded.good), true),
        _ => (Some(&pipeline.enriched.good), false),
    };
    let at = at.expect("checked: no raw step in stream mode");
    let (ids, stray) = configured.state().folders_in(at)?;
    let after = args.after.as_ref().map_or("", RunId::as_str);
    if let Some(id) = ids.iter().find(|id| id.as_str() > after) {
        return parse(id).map(Next::Adopted);
    }
    if args.after.is_some() {
        return Err(CliError::new(Exit::NoData, format!("no more run folders in {at}")));
    }
    if let Some(stray) = stray {
        return Err(CliError::new(Exit::Exists, format!("{stray} is in no run folder, and there is none in {at}"))
            .hint("with --skip staging, whatever is in raw:processing is enriched"));
    }
    if archiving {
        return Err(CliError::new(Exit::Failed, format!("No run folders in [{at}] found")));
    }
    let message = match from {
        Step::Enrich => format!("No Snowplow logs in {at}, can't resume from enrich"),
        _ => format!("No run folders in {at}, can't resume from {from}"),
    };
    Err(CliError::new(Exit::NoData, message))
}

/// Data that no run of ours put there: another program's run that died, or a state that was lost. To go on beside it
/// would leave it lying there unnoticed.
fn refuse_foreign(
    pipeline: &Pipeline,
    selection: &Selection,
    state: &StateStore,
    open: &[RunState],
) -> Result<(), CliError> {
    let wants = |step| selection.wants(step, pipeline.is_stream());
    let mut folders: Vec<(&str, &Location, &str)> = Vec::new();
    if let Some(raw) = pipeline.raw.as_ref().filter(|_| wants(Step::Staging)) {
        folders.push(("staging", &raw.processing, "--skip staging enriches it, if no run has yet"));
    }
    // Without an archive runs stay where they are for good, and so do those of other programs.
    if pipeline.enriched.archive.is_some() && wants(Step::ArchiveEnriched) {
        folders.push(("enrich", &pipeline.enriched.good, "--resume-from shred takes up the runs there"));
    }
    if pipeline.shredded.archive.is_some() && wants(Step::ArchiveShredded) && wants(Step::Shred) {
        folders.push(("shred", &pipeline.shredded.good, "--resume-from rdb_load takes up the runs there"));
    }
    for (step, at, hint) in folders {
        if let Some(foreign) = state.first_foreign(at, open)? {
            let message = format!(
                "There seems to be an ongoing run of EmrEtlRunner: Cannot safely add {step} step to jobflow, {at} is not \
                 empty: {foreign} belongs to no run that is known here"
            );
            return Err(CliError::new(Exit::Exists, message).hint(format!("{hint}; or move it away")));
        }
    }
    Ok(())
}

fn require_input(pipeline: &Pipeline, storage: &Storage) -> Result<(), CliError> {
    let inputs: Vec<&Location> = match (&pipeline.stream, &pipeline.raw) {
        (Some(stream), _) => vec![stream],
        (None, Some(raw)) => raw.inputs.iter().collect(),
        (None, None) => Vec::new(),
    };
    let mut found = false;
    for input in inputs {
        // A folder that is gone, or not mounted, must not look like a quiet day.
        if let Location::Local(path) = input
            && !path.is_dir()
        {
            return Err(CliError::new(Exit::Failed, format!("{input}: there is no such folder"))
                .hint("create it, or take it out of the configuration"));
        }
        found = found || has_data(storage, input)?;
    }
    if found {
        return Ok(());
    }
    let message = match pipeline.is_stream() {
        true => "No logs to process: No Snowplow enriched stream logs to process since last run",
        false => "No logs to process: No Snowplow logs to process since last run",
    };
    Err(CliError::new(Exit::NoData, message))
}

/// Whether there is anything at all that a run could take; which of it, staging decides.
fn has_data(storage: &Storage, at: &Location) -> Result<bool, CliError> {
    let mut found = false;
    let listed = storage.visit(&at.join(""), Names::All, &mut |object| {
        found = !object.relative.ends_with('/') && !object.relative.ends_with("_$folder$");
        !found
    });
    match listed {
        Ok(()) | Err(StorageError::NotFound { .. }) => Ok(found),
        Err(error) => Err(error.into()),
    }
}
