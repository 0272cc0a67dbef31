//! `--dry-run --sample N`: what would become of the rows, and N of them before and after.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use serde_json::{Value, json};

use super::args::RecoverArgs;
use super::diff;
use super::job::{Origin, discard_name};
use super::setup::{Rules, Setup};
use crate::commands::batch::SummaryArg;
use crate::commands::{CliError, Exit};
use crate::recovery::{Extras, Fate, Recovery};
use crate::report::count_text;

/// Combinations of flows and fates of which samples are kept.
const MOST_GROUPS: usize = 100;

/// What was seen.
#[derive(Default)]
struct Seen {
    rows: u64,
    fates: BTreeMap<&'static str, u64>,
    flows: BTreeMap<String, u64>,
    /// Up to as many as asked for by the same flows, in the order in which those were seen.
    samples: Vec<Vec<Sample>>,
}

/// One row before and after.
struct Sample {
    flows: String,
    fate: &'static str,
    reason: String,
    changes: Vec<diff::Change>,
}

pub(super) fn run(args: &RecoverArgs, setup: &Setup, sample: usize) -> Result<Exit, CliError> {
    let extras = Extras { trace: true, ..setup.extras(args) };
    let mut within = setup.recoverer(Extras { window: None, ..extras });
    let mut asking = setup.recoverer(extras);
    let mut recovery = Recovery::default();
    let mut seen = Seen::default();
    let exit = super::rows::each(args, &mut |line, origin| {
        let recoverer = if origin == Origin::WithinTime { &mut within } else { &mut asking };
        let fate = recoverer.recover(line, &mut recovery);
        seen.note(fate, &mut recovery, sample);
        Ok(())
    })?;
    seen.choose(sample);
    let names = match &setup.rules {
        Rules::Flows(config) => config.names(),
        #[cfg(feature = "js")]
        Rules::Script { .. } => Vec::new(),
    };
    let text = match args.batch.summary {
        SummaryArg::Json => format!("{}\n", seen.to_json(&names)),
        SummaryArg::Text => seen.to_text(&names, std::io::stdout().is_terminal()),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| CliError::new(Exit::Failed, "standard output cannot be written to").because(Some(&error)))?;
    Ok(exit)
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Recovered => "recovered",
        Fate::RecoveredLine => "recovered_lines",
        Fate::Unmatched => "unmatched",
        Fate::Failed => "failed",
        Fate::Unrecoverable => "unrecoverable",
        Fate::Discarded(why) => discard_name(why),
        Fate::OutsideTime => "outside_time",
    }
}

impl Seen {
    fn note(&mut self, fate: Fate, recovery: &mut Recovery, most: usize) {
        self.rows += 1;
        let fate = fate_name(fate);
        *self.fates.entry(fate).or_default() += 1;
        for flow in &recovery.flows {
            *self.flows.entry(flow.clone()).or_default() += 1;
        }
        let Some((before, after)) = recovery.trace.take() else { return };
        let flows = recovery.flows.join(", ");
        let like = |group: &Vec<Sample>| group[0].flows == flows && group[0].fate == fate;
        let group = match self.samples.iter().position(like) {
            Some(at) if self.samples[at].len() >= most => return,
            Some(at) => &mut self.samples[at],
            None if self.samples.len() >= MOST_GROUPS || most == 0 => return,
            None => {
                self.samples.push(Vec::new());
                let last = self.samples.len() - 1;
                &mut self.samples[last]
            }
        };
        let changes = if recovery.reason.is_empty() { diff::changes(&before, &after) } else { Vec::new() };
        group.push(Sample { flows, fate, reason: recovery.reason.clone(), changes });
    }

    /// Keeps `most` samples: a few of each flow tell more than many of one.
    fn choose(&mut self, most: usize) {
        let mut shares = vec![0; self.samples.len()];
        let mut left = most;
        for round in 0..most {
            for (group, share) in self.samples.iter().zip(&mut shares) {
                if left > 0 && group.len() > round {
                    *share += 1;
                    left -= 1;
                }
            }
        }
        self.samples.iter_mut().zip(shares).for_each(|(group, share)| group.truncate(share));
    }

    fn to_text(&self, names: &[String], colours: bool) -> String {
        let mut text = format!("recover: a dry run over {} rows, nothing is written\n", count_text(self.rows));
        for (fate, count) in &self.fates {
            let _ = writeln!(text, "  {:<20} {}", fate.replace('_', " "), count_text(*count));
        }
        if !names.is_empty() {
            text.push_str("flows\n");
        }
        for name in names {
            let count = self.flows.get(name).copied().unwrap_or_default();
            let _ = writeln!(text, "  {name:<20} {}", count_text(count));
        }
        for (index, sample) in self.samples.iter().flatten().enumerate() {
            let by = if sample.flows.is_empty() { String::new() } else { format!(" by {}", sample.flows) };
            let _ = writeln!(text, "sample {}: {}{by}", index + 1, sample.fate.replace('_', " "));
            if sample.reason.is_empty() {
                diff::write(&sample.changes, colours, &mut text);
            } else {
                let _ = writeln!(text, "    {}", sample.reason);
            }
        }
        text
    }

    fn to_json(&self, names: &[String]) -> Value {
        let flows: serde_json::Map<String, Value> = names
            .iter()
            .map(|name| (name.clone(), Value::from(self.flows.get(name).copied().unwrap_or_default())))
            .collect();
        let sample = |sample: &Sample| {
            let change =
                |change: &diff::Change| json!({"path": change.path, "before": change.before, "after": change.after});
            json!({
                "flows": sample.flows,
                "fate": sample.fate,
                "reason": sample.reason,
                "changes": sample.changes.iter().map(change).collect::<Vec<_>>(),
            })
        };
        json!({
            "command": "recover",
            "dry_run": true,
            "rows": self.rows,
            "fates": self.fates,
            "flows": flows,
            "samples": self.samples.iter().flatten().map(sample).collect::<Vec<_>>(),
        })
    }
}
