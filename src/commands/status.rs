//! `thresh status`: the runs of a pipeline, how far each got, and for how long nothing has happened.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::batch::{SummaryArg, print};
use super::configured::PipelineArgs;
use super::{CliError, Exit};
use crate::orchestrate::survey::{RunRow, Stage, survey};
use crate::run::{now_millis, utc_text};

/// Arguments of `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Which pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// How many of the newest runs are shown; those that are not finished are shown in any case
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub newest: usize,
    /// Fail (1) if a run that is not finished is older than this, for example 6h or 2d
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    pub alert_age: Option<Duration>,
    /// The form of what is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub summary: SummaryArg,
}

/// `90`, `90s`, `5m`, `6h`, `2d`, `1w`; several add up, as in `1d12h`.
fn parse_age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no age; write 30m, 6h, 2d or 1d12h");
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return Err(wrong()),
        };
        let number: u64 = std::mem::take(&mut digits).parse().map_err(|_| wrong())?;
        seconds = number.checked_mul(unit).and_then(|more| seconds.checked_add(more)).ok_or_else(wrong)?;
    }
    if !digits.is_empty() {
        seconds = seconds.checked_add(digits.parse().map_err(|_| wrong())?).ok_or_else(wrong)?;
    } else if text.trim().is_empty() {
        return Err(wrong());
    }
    Ok(Duration::from_secs(seconds))
}

/// Runs the command.
pub fn run(args: &StatusArgs) -> Result<Exit, CliError> {
    let configured = args.pipeline.read()?;
    let now = now_millis();
    let rows = survey(&configured.pipeline, &configured.storage, &configured.state(), args.newest, now)?;
    let text = match args.summary {
        SummaryArg::Text => table(&rows),
        SummaryArg::Json => format!("{}\n", json!({"now": utc_text(now, "%Y-%m-%dT%H:%M:%SZ"), "runs": rows})),
    };
    print(&text)?;
    let late = late_runs(&rows, args.alert_age);
    if late.is_empty() {
        return Ok(Exit::Done);
    }
    let age = age_text(args.alert_age.unwrap_or_default().as_secs() as i64);
    let message = format!("not finished for more than {age}: run {}", late.join(", run "));
    Err(CliError::new(Exit::Failed, message).hint("the runner goes on with open runs; docs/OPERATING.md, by step"))
}

/// Runs that are older than they should be.
fn late_runs(rows: &[RunRow], limit: Option<Duration>) -> Vec<String> {
    let Some(limit) = limit else { return Vec::new() };
    let limit = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
    let is_late = |row: &&RunRow| !is_finished(row) && row.age.is_some_and(|age| age > limit);
    rows.iter().filter(is_late).map(|row| row.run_id.clone()).collect()
}

/// Finished by the state, or, where the state knows nothing of it, by everything being archived.
fn is_finished(row: &RunRow) -> bool {
    row.state == "finished" || (row.state == "unknown" && row.archived == Stage::Done)
}

fn table(rows: &[RunRow]) -> String {
    if rows.is_empty() {
        return "no runs\n".to_owned();
    }
    let width = rows.iter().map(|row| row.run_id.len()).max().unwrap_or(0).max(3);
    let mut text = format!(
        "{:<width$}  {:<8} {:<8} {:<8} {:<8} {:<8} {:>7} {:>7}  state\n",
        "run", "staged", "enriched", "shredded", "loaded", "archived", "age", "idle"
    );
    for row in rows {
        let age = |seconds: Option<i64>| seconds.map_or_else(|| "?".to_owned(), age_text);
        let _ = writeln!(
            text,
            "{:<width$}  {:<8} {:<8} {:<8} {:<8} {:<8} {:>7} {:>7}  {}",
            row.run_id,
            stage_text(row.staged),
            stage_text(row.enriched),
            stage_text(row.shredded),
            stage_text(row.loaded),
            stage_text(row.archived),
            age(row.age),
            age(row.idle),
            row.state,
        );
    }
    text
}

fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::None => "-",
        Stage::Partial => "partly",
        Stage::Done => "yes",
    }
}

fn age_text(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (text, seconds) in [("1d12h", 129_600), ("5h 10m", 18_600), ("0m", 0), ("90", 90), ("2w", 1_209_600)] {
            assert_eq!(parse_age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "h", "5x", "1h-2m", "99999999999999999999w"] {
            assert!(parse_age(wrong).is_err(), "{wrong}");
        }
        assert_eq!([59, 7199, 7200, 172_800].map(age_text), ["59s", "119m", "2h", "2d"]);
    }

    #[test]
    fn one_line_a_run() {
        let row = |run_id: &str, state: &str, age| RunRow {
            run_id: run_id.into(),
            staged: Stage::Done,
            enriched: Stage::Done,
            shredded: Stage::Partial,
            loaded: Stage::None,
            archived: Stage::None,
            state: state.into(),
            age: Some(age),
            idle: None,
        };
        let rows = [row("2021-03-05-10-00-00", "failed: shred", 90_000), row("x", "finished", 1_000_000)];
        assert_eq!(
            table(&rows),
            "\
run                  staged   enriched shredded loaded   archived     age    idle  state
2021-03-05-10-00-00  yes      yes      partly   -        -            25h       ?  failed: shred
x                    yes      yes      partly   -        -            11d       ?  finished
"
        );
        assert_eq!(late_runs(&rows, Some(Duration::from_secs(3600))), ["2021-03-05-10-00-00"]);
        assert_eq!(late_runs(&rows, Some(Duration::from_secs(100_000))), [""; 0]);
        assert_eq!(table(&[]), "no runs\n");
    }
}
