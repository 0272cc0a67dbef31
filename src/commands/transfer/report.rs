//! What runs that move files print: the plan of a dry run, files that were not taken, the summary.

use std::fmt::Write as _;

use serde_json::json;

use super::run::{Outcome, TransferRun};
use crate::commands::batch::{SummaryArg, print};
use crate::commands::{CliError, Exit};
use crate::compaction::Planned;
use crate::report::{Summary, bytes_text, count_text, logging};
use crate::run::{Manifest, Skipped};

/// So many objects are named; the manifest names all.
const NAMED: usize = 5;

/// Prints the plan and does nothing.
pub fn print_plan(run: &TransferRun<'_>, planned: &Planned) -> Result<Exit, CliError> {
    let bytes: u64 = planned.objects.iter().map(|object| object.size).sum();
    let folder = run.folder().to_string();
    if run.args.summary == SummaryArg::Json {
        let pairs: Vec<_> = planned.objects.iter().zip(&planned.targets).collect();
        let files: Vec<_> = pairs
            .iter()
            .map(|(object, target)| json!({"location": object.location.to_string(), "size": object.size, "target": target}))
            .collect();
        let object = json!({
            "command": run.command, "dry_run": true, "run_id": run.run_id.as_str(), "inputs": planned.objects.len(),
            "bytes_in": bytes, "outputs": {"files": folder}, "configuration": run.configuration,
            "files": files, "skipped": planned.skipped,
        });
        print(&format!("{object}\n"))?;
        return Ok(Exit::Done);
    }
    let mut text = format!("{} run={}: a dry run, nothing is written or deleted\n", run.command, run.run_id);
    let _ = writeln!(text, "  files    {}, {}", count_text(planned.objects.len() as u64), bytes_text(bytes));
    let _ = writeln!(text, "  to       {folder}");
    for range in &planned.splits {
        for index in range.clone() {
            let object = &planned.objects[index];
            let _ =
                writeln!(text, "    {} ← {} ({})", planned.targets[index], object.location, bytes_text(object.size));
        }
    }
    for skipped in &planned.skipped {
        let _ = writeln!(text, "    not {}: {}", skipped.location, skipped.reason);
    }
    for (name, value) in &run.configuration {
        let _ = writeln!(text, "  {name} = {value}");
    }
    print(&text)?;
    Ok(Exit::Done)
}

/// Prints what a run did, and gives its exit code.
pub fn print_outcome(run: &TransferRun<'_>, outcome: &Outcome) -> Result<Exit, CliError> {
    warn(&outcome.manifest);
    match run.args.summary {
        SummaryArg::Json => print(&format!("{}\n", summary(run, outcome).to_json()))?,
        SummaryArg::Text => print(&text(run, outcome))?,
    }
    Ok(if outcome.manifest.failed_inputs.is_empty() { Exit::Done } else { Exit::Partial })
}

/// Names what was not taken on standard error, whatever the level of logs.
fn warn(manifest: &Manifest) {
    let mut text = String::new();
    let failed = &manifest.failed_inputs;
    if !failed.is_empty() {
        let _ = writeln!(text, "warning: {} could not be taken as they were listed", files(failed.len()));
        for failure in failed {
            let _ = writeln!(text, "  {}: {}", failure.location, failure.reason);
        }
    }
    // Markers are left out of any run folder that is read; the manifest has them, they are no news.
    let is_news =
        |skipped: &&Skipped| !skipped.reason.ends_with("a marker") && !skipped.reason.ends_with("folder marker");
    let news: Vec<Skipped> = manifest.skipped.iter().filter(is_news).cloned().collect();
    text.push_str(&skipped_text(&news));
    let _ = logging::write_stderr(text.as_bytes());
}

/// What was left out, with reasons, as a few lines.
pub fn skipped_text(skipped: &[Skipped]) -> String {
    let mut text = String::new();
    if skipped.is_empty() {
        return text;
    }
    let _ = writeln!(text, "note: {} left out", files(skipped.len()));
    for skip in skipped.iter().take(NAMED) {
        let _ = writeln!(text, "  {}: {}", skip.location, skip.reason);
    }
    if skipped.len() > NAMED {
        let _ = writeln!(text, "  … the manifest names all");
    }
    text
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{} files", count_text(count as u64)) }
}

fn summary(run: &TransferRun<'_>, outcome: &Outcome) -> Summary {
    let manifest = &outcome.manifest;
    let seconds = outcome.seconds;
    let mut counters = manifest.counters.clone();
    if !manifest.skipped.is_empty() {
        counters.count("files_skipped", manifest.skipped.len() as u64);
    }
    let records = counters.records_in as f64;
    Summary {
        command: run.command.to_owned(),
        run_id: manifest.run_id.clone(),
        status: if outcome.was_complete { "already complete" } else { "complete" }.to_owned(),
        counters,
        inputs: manifest.inputs.len() as u64,
        failed_inputs: manifest.failed_inputs.len() as u64,
        bytes_in: manifest.inputs.iter().map(|input| input.size).sum(),
        bytes_out: manifest.outputs.iter().map(|output| output.size).sum(),
        parts: manifest.outputs.len() as u64,
        seconds,
        records_per_second: if seconds > 0.0 { records / seconds } else { 0.0 },
        outputs: vec![run.folder().to_string()],
        ..Summary::default()
    }
}

fn text(run: &TransferRun<'_>, outcome: &Outcome) -> String {
    let summary = summary(run, outcome);
    let named = |name: &str| summary.counters.named.get(name).copied().unwrap_or(0);
    let mut text =
        format!("{} run={} {} in {:.1} s\n", summary.command, summary.run_id, summary.status, summary.seconds);
    let _ = writeln!(
        text,
        "  files    in {}  out {}  deleted {}  left in place {}  skipped {}",
        count_text(summary.inputs),
        count_text(summary.parts),
        count_text(named("files_deleted")),
        count_text(named("files_left")),
        count_text(named("files_skipped")),
    );
    let _ = writeln!(text, "  bytes    in {}  out {}", bytes_text(summary.bytes_in), bytes_text(summary.bytes_out));
    if summary.counters.records_in > 0 {
        let _ = writeln!(text, "  records  {} counted", count_text(summary.counters.records_in));
    }
    for (name, count) in &summary.counters.named {
        if !matches!(name.as_ref(), "files" | "files_deleted" | "files_left" | "files_skipped") {
            let _ = writeln!(text, "  {:<8} {}", name.replace('_', " "), count_text(*count));
        }
    }
    text
}
