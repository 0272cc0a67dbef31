//! `--suggest`: what went wrong, in groups, and the skeleton of a configuration.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;

use super::args::RecoverArgs;
use super::job::Origin;
use crate::commands::batch::SummaryArg;
use crate::commands::{CliError, Exit};
use crate::recovery::{BadRow, Extras, Suggestions, failure_time};
use crate::report::count_text;

/// Groups that are printed.
const PRINTED: usize = 20;
/// Groups that get a flow.
const FLOWS: usize = 5;

pub(super) fn run(args: &RecoverArgs) -> Result<Exit, CliError> {
    let mut suggestions = Suggestions::default();
    let extras = Extras { window: args.window(), ..Extras::default() };
    let exit = super::rows::each(args, &mut |line, origin| {
        if origin == Origin::WithinTime || is_wanted(line, &extras) {
            suggestions.add(line);
        }
        Ok(())
    })?;
    let text = match args.batch.summary {
        SummaryArg::Json => to_json(&suggestions),
        SummaryArg::Text => to_text(&suggestions),
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| CliError::new(Exit::Failed, "standard output cannot be written to").because(Some(&error)))?;
    Ok(exit)
}

fn is_wanted(line: &str, extras: &Extras<'_>) -> bool {
    let Some(window) = extras.window else { return true };
    let arena = bumpalo::Bump::new();
    failure_time(&BadRow::parse(line, &arena)).is_none_or(|millis| window.contains(millis))
}

fn to_text(suggestions: &Suggestions) -> String {
    let groups = suggestions.groups();
    let mut text = format!(
        "{} rows, {} groups of reasons, {} lines that are no bad rows\n",
        count_text(suggestions.rows),
        count_text(groups.len() as u64),
        count_text(suggestions.foreign),
    );
    for group in groups.iter().take(PRINTED) {
        let _ = writeln!(text, "{:>10}  {}: {}", count_text(group.count), group.kind, group.reason);
        for (name, value) in [("field", &group.field), ("schema", &group.schema)] {
            if let Some(value) = value {
                let _ = writeln!(text, "            {name} {value}");
            }
        }
        for sample in &group.samples {
            let _ = writeln!(text, "            e.g. {sample:?}");
        }
    }
    if groups.len() > PRINTED {
        let _ = writeln!(text, "            … and {} smaller groups", groups.len() - PRINTED);
    }
    let _ = writeln!(text, "\nA configuration to begin with: fill in the values, look at the paths, then try it with");
    let _ = writeln!(text, "  thresh recover <INPUT>... --config FILE --dry-run --sample 5\n");
    let _ = writeln!(text, "{:#}", suggestions.skeleton(FLOWS));
    text
}

fn to_json(suggestions: &Suggestions) -> String {
    let group = |group: &&crate::recovery::Group| {
        json!({
            "kind": group.kind,
            "reason": group.reason,
            "field": group.field,
            "schema": group.schema,
            "count": group.count,
            "samples": group.samples,
        })
    };
    let groups: Vec<_> = suggestions.groups().iter().map(group).collect();
    let whole = json!({
        "rows": suggestions.rows,
        "no_bad_rows": suggestions.foreign,
        "groups": groups,
        "skeleton": suggestions.skeleton(FLOWS),
    });
    format!("{whole}\n")
}
