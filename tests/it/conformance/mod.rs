//! Conformance cases that call functions of the reference, mapped to ours.
//!
//! Reads the folder named by `THRESH_CONFORMANCE_CASES` (default: `../shared/conformance/cases` if that exists) and prints
//! per area how many cases were mapped, passed, failed and not mapped (with `THRESH_CONFORMANCE_REASONS=ids` which, and
//! why). A case that fails makes the test fail, unless
//! `docs/conformance-known.txt` lists its id with a reason.

mod adapter;
mod calls;
mod ddl;
mod enrichments;
mod load;
mod matcher;
mod methods;
mod one_event;
mod recover;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What one of our functions answered.
pub enum Answer {
    /// A plain value.
    Value(Value),
    /// Success of a function that can fail.
    Ok(Value),
    /// Failure of such a function.
    Error(Value),
    /// The expectation is met; it was compared already.
    Met,
    /// The expectation is not met; what differs.
    Differs(Vec<String>),
    /// We have no counterpart; why.
    Unmapped(&'static str),
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    unmapped: BTreeMap<String, Vec<String>>,
}

fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("THRESH_CONFORMANCE_CASES") {
        return Some(folder.into());
    }
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/cases");
    default.is_dir().then_some(default)
}

fn known_differences() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance-known.txt");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn cases_as_calls() {
    let Some(folder) = folder() else {
        println!("no conformance cases: set THRESH_CONFORMANCE_CASES");
        return;
    };
    let known = known_differences();
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "jsonl")) {
        for line in std::fs::read_to_string(file).unwrap().lines() {
            let case: Value = serde_json::from_str(line).unwrap();
            if !case["run"].as_str().is_some_and(|run| run.starts_with("library")) {
                continue;
            }
            let tally = tallies.entry(case["area"].as_str().unwrap_or("?").to_owned()).or_default();
            judge(&case, &known, tally);
        }
    }
    let mut failed = Vec::new();
    println!("{:<12} {:>6} {:>6} {:>6} {:>9}", "area", "mapped", "passed", "failed", "unmapped");
    for (area, tally) in &tallies {
        let unmapped: usize = tally.unmapped.values().map(Vec::len).sum();
        let (passed, wrong) = (tally.passed, tally.failed.len());
        println!("{area:<12} {:>6} {passed:>6} {wrong:>6} {unmapped:>9}", passed + wrong);
        if let Some(how) = std::env::var_os("THRESH_CONFORMANCE_REASONS") {
            for (reason, ids) in &tally.unmapped {
                println!("    {:>4} {reason}", ids.len());
                let listed = if how == "ids" { ids.as_slice() } else { &[] };
                listed.iter().for_each(|id| println!("         {id}"));
            }
        }
        failed.extend(tally.failed.iter().map(|failure| format!("{area}: {failure}")));
    }
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
}

fn judge(case: &Value, known: &[String], tally: &mut Tally) {
    let id = case["id"].as_str().unwrap_or("?");
    let answer = std::panic::catch_unwind(|| calls::answer(case));
    let answer = answer.unwrap_or(Answer::Error(Value::from("panicked")));
    if let Answer::Unmapped(reason) = answer {
        tally.unmapped.entry(reason.to_owned()).or_default().push(id.to_owned());
        return;
    }
    if let Answer::Met = answer {
        tally.passed += 1;
        return;
    }
    let differences = matcher::compare(&case["expect"], &answer);
    if differences.is_empty() {
        tally.passed += 1;
    } else if known.iter().any(|listed| listed == id) {
        tally.unmapped.entry("known difference".to_owned()).or_default().push(id.to_owned());
    } else {
        tally.failed.push(format!("{id}\n      {}", differences.join("\n      ")));
    }
}
