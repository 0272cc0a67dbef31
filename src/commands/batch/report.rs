//! What batch commands print: the plan of a dry run, inputs that could not be read, the summary.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;

use super::args::{BatchArgs, SummaryArg};
use super::plan::Resolved;
use crate::commands::{CliError, Exit};
use crate::pipeline::Outcome;
use crate::report::{Summary, bytes_text, count_text, logging};
use crate::run::Manifest;

/// A run at its end.
pub(super) struct Finished {
    pub command: &'static str,
    pub outcome: Outcome,
    pub folders: Vec<String>,
    pub seconds: f64,
    /// Records that this process read.
    pub records_read: u64,
}

pub(in crate::commands) fn print(text: &str) -> Result<(), CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failed, "standard output cannot be written to").because(Some(&error))
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Nobody listens, but the run is what it is.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(failed),
    }
}

fn print_as(summary: &Summary, format: SummaryArg) -> Result<(), CliError> {
    match format {
        SummaryArg::Text => print(&summary.to_text()),
        SummaryArg::Json => print(&format!("{}\n", summary.to_json())),
    }
}

fn summary_of(command: &str, manifest: &Manifest) -> Summary {
    Summary {
        command: command.to_owned(),
        run_id: manifest.run_id.clone(),
        counters: manifest.counters.clone(),
        inputs: manifest.inputs.len() as u64,
        failed_inputs: manifest.failed_inputs.len() as u64,
        bytes_in: manifest.inputs.iter().map(|input| input.size).sum(),
        bytes_out: manifest.outputs.iter().map(|output| output.size).sum(),
        parts: manifest.outputs.len() as u64,
        ..Summary::default()
    }
}

pub(super) fn print_summary(finished: &Finished, format: SummaryArg) -> Result<(), CliError> {
    let mut summary = summary_of(finished.command, &finished.outcome.manifest);
    summary.status = "complete".to_owned();
    summary.resumed_splits = finished.outcome.resumed as u64;
    summary.outputs = finished.folders.clone();
    summary.seconds = finished.seconds;
    if finished.seconds > 0.0 {
        summary.records_per_second = finished.records_read as f64 / finished.seconds;
    }
    print_as(&summary, format)
}

pub(super) fn print_already_complete(
    command: &str,
    manifest: &Manifest,
    folders: Vec<String>,
    format: SummaryArg,
) -> Result<(), CliError> {
    let mut summary = summary_of(command, manifest);
    summary.status = "already complete".to_owned();
    summary.outputs = folders;
    print_failed_inputs(manifest);
    print_as(&summary, format)
}

/// Names the inputs that could not be read whole on standard error, whatever the level of logs.
pub(super) fn print_failed_inputs(manifest: &Manifest) {
    if manifest.failed_inputs.is_empty() {
        return;
    }
    let count = manifest.failed_inputs.len();
    let objects = if count == 1 { "input object" } else { "input objects" };
    let mut text = format!("warning: {count} {objects} could not be read whole; what was readable was kept\n");
    for failed in &manifest.failed_inputs {
        let _ = write!(text, "  {}: {}", failed.location, failed.reason);
        if failed.left_out_bytes > 0 {
            let _ = write!(text, "; {} decoded bytes that are no whole record were left out", failed.left_out_bytes);
        }
        text.push('\n');
    }
    let _ = logging::write_stderr(text.as_bytes());
}

pub(super) fn print_plan(plan: &Resolved, args: &BatchArgs) -> Result<(), CliError> {
    let bytes: u64 = plan.objects.iter().map(|object| object.size).sum();
    let folder = |location: &crate::storage::Location| location.join(&plan.run_id.folder_name()).to_string();
    let threads = args.engine_options().threads;
    if args.summary == SummaryArg::Json {
        let outputs: serde_json::Map<String, serde_json::Value> =
            plan.outputs.iter().map(|(name, location)| ((*name).to_owned(), folder(location).into())).collect();
        let object = json!({
            "command": plan.command,
            "dry_run": true,
            "run_id": plan.run_id.as_str(),
            "inputs": plan.objects.len(),
            "bytes_in": bytes,
            "splits": plan.splits.len(),
            "threads": threads,
            "outputs": outputs,
            "configuration": plan.configuration,
        });
        return print(&format!("{object}\n"));
    }
    let mut text = format!("{} run={}: a dry run, nothing is read or written\n", plan.command, plan.run_id);
    let (count, size) = (count_text(plan.objects.len() as u64), bytes_text(bytes));
    let _ = writeln!(text, "  inputs   {count} objects, {size}");
    for object in plan.objects.iter().take(3) {
        let _ = writeln!(text, "           {} ({})", object.location, bytes_text(object.size));
    }
    if plan.objects.len() > 3 {
        let _ = writeln!(text, "           …");
    }
    for (name, location) in &plan.outputs {
        let _ = writeln!(text, "  {name:<8} {}", folder(location));
    }
    let _ = writeln!(text, "  splits   {} of about {}", plan.splits.len(), bytes_text(args.split_size));
    let _ = writeln!(text, "  threads  {threads}");
    for (name, value) in &plan.configuration {
        let _ = writeln!(text, "  {name} = {value}");
    }
    print(&text)
}
