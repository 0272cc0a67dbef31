//! Nothing is lost and nothing is invented: the figures add up, and a run whose figures do not fails.

use std::process::Command;

use serde_json::json;
use thresh::event::Column;
use thresh::loadgen::{self, Compression, LogFormat, Plan};

use super::world::{Event, PAGE, Run, World, success};

/// Events of the shredder's benchmark, in miniature and with more duplicates.
fn plan() -> Plan {
    Plan {
        format: LogFormat::Enriched,
        events: 4_000,
        files: 3,
        compression: Compression::Gzip(1),
        natural_share: 0.1,
        synthetic_share: 0.05,
        users: 100,
        agents: 50,
        ..loadgen::preset("W8", 1.0).unwrap()
    }
}

fn assert_balanced(run: &Run) {
    let count = |name| run.counter(name);
    let duplicates = count("natural_duplicates") + count("cross_batch_duplicates");
    assert_eq!(count("records_in"), count("atomic_rows") + count("bad_rows") + duplicates);
    assert_eq!(
        count("entities_in") + count("duplicate_entities"),
        count("entity_rows") + count("skipped_entities") + count("bad_entities") + count("dropped_entities")
    );
    assert_eq!(run.lines("name=atomic").len() as u64, count("atomic_rows"));
    assert_eq!(run.lines("output=bad").len() as u64, count("bad_rows"));
    let good = run.lines("output=good").len() as u64;
    assert_eq!(good, count("atomic_rows") + count("entity_rows"));
}

#[test]
fn generated_events_of_all_fates() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let written = loadgen::generate(&plan(), &path("in")).unwrap();
    loadgen::registry::write(&path("registry"), 1, 16).unwrap();
    let (natural, synthetic) = (written.faults["natural-duplicates"], written.faults["synthetic-duplicates"]);
    assert!(natural > 200 && synthetic > 100, "{natural} {synthetic}");
    let odd = [
        "no event".to_owned(),
        Event::new(1).contexts(&[("iglu:com.acme/nobody_has_this/jsonschema/1-0-0", json!({}))]).line(),
        Event::new(2).contexts(&[("iglu:com.acme/experiment/jsonschema/1-0-0", json!({"name": 5}))]).line(),
        Event::new(3).set(Column::collector_tstamp, "yesterday").line(),
    ];
    std::fs::write(path("in/part-99"), odd.join("\n")).unwrap();
    let shred_to = |output: &str, id: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(folder.path()).args(["shred", "in", "--output", output, "--run-id", id, "--offline"]);
        command.args(["--resolver", "registry/resolver.json", "--progress", "off"]).args(more);
        success(&command.output().unwrap());
        Run { folder: path(output).join(format!("run={id}")) }
    };
    let shred = |id: &str, more: &[&str]| shred_to("out", id, more);
    let run = shred("r1", &["--skip-schemas", "iglu:com.acme/content/jsonschema/*-*-*"]);
    assert_balanced(&run);
    assert_eq!((run.counter("records_in"), run.counter("bad_rows")), (4_004, 4));
    assert_eq!(run.counter("entities_in"), 4 * 4_000 + 2, "four each; what cannot be read has none");
    assert!(run.counter("skipped_entities") > 100);
    assert_eq!(run.counter("natural_duplicates"), natural);
    assert!(run.counter("renamed_events") > synthetic, "the first ones are renamed too");
    assert!(run.counter("duplicate_entities") == run.counter("renamed_events"));
    assert_eq!(run.counter("bad_entities"), 2);

    let again = shred("r2", &["--dedupe", "none", "--shred-format", "json"]);
    assert_balanced(&again);
    assert_eq!(again.counter("atomic_rows"), 4_000);
    let kinds: std::collections::BTreeSet<String> = again
        .parts()
        .into_iter()
        .filter(|part| part.contains("output=good"))
        .map(|part| part.rsplit_once('/').unwrap().0.to_owned())
        .collect();
    assert_eq!(kinds.len(), 13, "twelve types of entities and the events");

    let rows = |threads: &str| {
        let run = shred_to(&format!("with-{threads}"), "r", &["--threads", threads]);
        let mut rows = run.lines("output=good");
        rows.sort_unstable();
        rows
    };
    assert!(rows("1") == rows("3"), "a repeated run writes the same, new ids included");
}

#[test]
fn the_generator_repeats_itself() {
    let folder = tempfile::tempdir().unwrap();
    let small = Plan { events: 500, compression: Compression::GzipMembers(1), ..plan() };
    let first = loadgen::generate(&small, &folder.path().join("a")).unwrap();
    assert_eq!(first, loadgen::generate(&small, &folder.path().join("b")).unwrap());
    let bad = Plan { events: 300, files: 1, compression: Compression::None, ..loadgen::preset("W9", 1.0).unwrap() };
    let written = loadgen::generate(&bad, &folder.path().join("bad")).unwrap();
    let (modern, legacy) = (written.faults["self-describing"], written.faults["legacy"]);
    assert_eq!((modern + legacy, modern > 100, legacy > 100), (300, true, true));
    let text = std::fs::read_to_string(folder.path().join("bad/part-00000.txt")).unwrap();
    let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.iter().filter(|row| row["line"].is_string() && row["errors"].is_array()).count() as u64, legacy);
    let described = rows.iter().filter_map(|row| row["schema"].as_str());
    assert_eq!(described.filter(|uri| uri.contains("com.snowplowanalytics.snowplow.badrows/")).count() as u64, modern);
}

/// A wave that claims another figure than it has rows for.
#[test]
fn figures_that_do_not_add_up_fail_the_run() {
    let world = World::new();
    let events: Vec<Event> = (0..6).map(|id| Event::new(id / 2).contexts(&[(PAGE, json!({"number": id}))])).collect();
    world.input("in/a", &events);
    for (id, figure) in [("r1", "atomic_rows"), ("r2", "entity_rows"), ("r3", "bad_rows"), ("r4", "deferred_events")] {
        let stopped = world.shred("in", id, &["--temp-dir", "nowhere"]);
        assert_eq!(stopped.status.code(), Some(1), "{}", String::from_utf8_lossy(&stopped.stderr));
        let journal = world.run(id).files().into_iter().find(|file| file.ends_with("shred-00000.json")).unwrap();
        let mut report = world.run(id).json(&journal);
        let count = report["counters"][figure].as_u64().unwrap();
        report["counters"][figure] = json!(count + 1);
        std::fs::write(world.run(id).folder.join(&journal), report.to_string()).unwrap();
        let resumed = world.shred("in", id, &["--resume"]);
        let stderr = String::from_utf8_lossy(&resumed.stderr).into_owned();
        assert_ne!(resumed.status.code(), Some(0), "{figure}");
        assert!(stderr.contains("balance"), "{figure}: {stderr}");
        assert!(!world.run(id).files().contains(&"_SUCCESS".to_owned()));
        assert!(!world.run(id).files().contains(&"shredding_complete.json".to_owned()));
    }
}
