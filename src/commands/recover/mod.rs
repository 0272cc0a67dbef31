//! `thresh recover`: bad rows of every generation → raw records that can be enriched again.
//!
//! The arguments are in `args`, what they resolve to in `setup`, the stage on the engine in `job`, what is only looked
//! at (`--dry-run --sample`, `--suggest`) in `preview` and `suggest`.

mod args;
mod diff;
mod job;
mod preview;
mod rows;
mod setup;
mod suggest;

pub use args::{InputKindArg, OutputFormatArg, RecoverArgs, ReenrichArgs, ScriptArgs};

use super::batch::{BatchPlan, Opened};
use super::{CliError, Exit};
use crate::pipeline::{Counted, Encoding, OutputSpec};
use crate::storage::Location;

/// The six outputs, in their order.
const OUTPUTS: usize = 6;

/// Where everything goes.
struct Places {
    output: Location,
    /// Recovered lines of text, or the bad rows of `--reenrich`.
    second: (&'static str, Location),
    failed: Location,
    unmatched: Location,
    unrecoverable: Location,
    discarded: Location,
}

/// Runs the command.
pub fn run(args: &RecoverArgs) -> Result<Exit, CliError> {
    if args.suggest {
        return suggest::run(args);
    }
    let (setup, enrich) = setup::resolve(args)?;
    if let Some(sample) = args.sample {
        return preview::run(args, &setup, sample);
    }
    let places = places(args)?;
    let plan = BatchPlan {
        command: "recover",
        batch: &args.batch,
        storage: &args.storage,
        inputs: &args.inputs,
        outputs: vec![
            (if args.enrich.reenrich { "good" } else { "recovered" }, places.output),
            places.second,
            ("failed", places.failed),
            ("unmatched", places.unmatched),
            ("unrecoverable", places.unrecoverable),
            ("discarded", places.discarded),
        ],
        configuration: setup.configuration(args),
    };
    let batch = match plan.open()? {
        Opened::Run(batch) => *batch,
        Opened::Finished(exit) => return Ok(exit),
    };
    let job = setup.job(args, enrich, batch.started());
    let sink = batch.part_sink(specs(args));
    batch.execute(&job, &sink)
}

fn specs(args: &RecoverArgs) -> Vec<OutputSpec> {
    let jsonl = |name, folder| OutputSpec::new(name, folder, "jsonl", Counted::Uncounted);
    let [first, second] = if args.enrich.reenrich {
        [OutputSpec::new("good", 0, "tsv", Counted::Uncounted), OutputSpec::new("bad", 1, "jsonl", Counted::Uncounted)]
    } else {
        let text = |name, folder| OutputSpec::new(name, folder, "txt", Counted::Uncounted);
        match (args.form(), args.script.is_some()) {
            (OutputFormatArg::Thrift, _) => {
                let records = OutputSpec::new("recovered", 0, "thrift", Counted::Uncounted);
                [OutputSpec { encoding: Some(Encoding::Lzop), ..records }, text("lines", 1)]
            }
            // Scripts give lines only: they are the output.
            (OutputFormatArg::Lines, true) => [text("recovered", 1), text("lines", 0)],
            (OutputFormatArg::Lines, false) => [text("recovered", 0), text("lines", 1)],
        }
    };
    vec![first, second, jsonl("failed", 2), jsonl("unmatched", 3), jsonl("unrecoverable", 4), jsonl("discarded", 5)]
}

fn places(args: &RecoverArgs) -> Result<Places, CliError> {
    // Clap has seen to it that they are there.
    let given = |place: &Option<Location>, name: &str| {
        place.clone().ok_or_else(|| CliError::usage(format!("--{name} is missing")))
    };
    let output = given(&args.output, "output")?;
    let failed = given(&args.failed, "failed")?;
    let unrecoverable = given(&args.unrecoverable, "unrecoverable")?;
    let second = match &args.enrich.bad {
        Some(bad) => ("bad", bad.clone()),
        None => ("lines", args.lines.clone().unwrap_or_else(|| output.join("lines"))),
    };
    let places = Places {
        unmatched: args.unmatched.clone().unwrap_or_else(|| failed.join("unmatched")),
        discarded: args.discarded.clone().unwrap_or_else(|| unrecoverable.join("discarded")),
        output,
        second,
        failed,
        unrecoverable,
    };
    let named = [
        ("--output", &places.output),
        (if args.enrich.bad.is_some() { "--bad" } else { "--lines" }, &places.second.1),
        ("--failed", &places.failed),
        ("--unmatched", &places.unmatched),
        ("--unrecoverable", &places.unrecoverable),
        ("--discarded", &places.discarded),
    ];
    for (index, (name, place)) in named.iter().enumerate() {
        if let Some((other, _)) = named[..index].iter().find(|(_, earlier)| earlier == place) {
            return Err(CliError::usage(format!("{other} and {name} must be different locations")));
        }
    }
    Ok(places)
}
