//! Input that is not as it should be.

use std::io::Write;

use serde_json::{Value, json};
use thresh::event::Column;

use super::world::{Event, PAGE, World, success};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn nothing_at_all() {
    let world = World::new();
    world.write("in/part-0", b"");
    world.write("in/part-1.gz", &gzip(""));
    success(&world.shred("in", "r1", &[]));
    let run = world.run("r1");
    assert_eq!(run.parts(), Vec::<String>::new());
    assert_eq!(run.counter("records_in"), 0);
    let message = run.json("shredding_complete.json");
    assert_eq!(message["data"]["types"], json!([]));
    assert_eq!(message["data"]["count"], json!({"good": 0}));

    std::fs::create_dir(world.path("empty")).unwrap();
    let empty = world.shred("empty", "r2", &[]);
    assert_eq!(empty.status.code(), Some(3), "{}", String::from_utf8_lossy(&empty.stderr));
    let missing = world.shred("nowhere", "r3", &[]);
    assert_ne!(missing.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere"));
}

/// What can be read of a damaged file is shredded, the others are too, and the manifest names it.
#[test]
fn a_truncated_file() {
    let world = World::new();
    let lines: Vec<String> = (0..4000)
        .map(|id| Event::new(id).contexts(&[(PAGE, json!({"genre": format!("{:x}", id * id), "number": id}))]).line())
        .collect();
    let whole = gzip(&(lines.join("\n") + "\n"));
    world.write("in/part-0.gz", &whole[..whole.len() / 2]);
    world.input("in/part-1", &[Event::new(9_999)]);
    let output = world.shred("in", "r1", &[]);
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stderr).contains("part-0.gz"));
    let run = world.run("r1");
    let atomic = run.lines("name=atomic");
    assert!((1000..4000).contains(&atomic.len()), "{}", atomic.len());
    assert!(atomic.iter().any(|row| row.contains("00000000-0000-0000-0000-00000000270f")));
    assert_eq!(run.lines("name=page").len(), atomic.len() - 1);
    assert!(run.text("_manifest.json").contains("part-0.gz"));
}

#[test]
fn columns_of_every_age() {
    let world = World::new();
    let counts = [1, 2, 107, 108, 109, 124, 125, 126, 130, 131, 132, 262];
    for (id, count) in counts.into_iter().enumerate() {
        let line = Event::new(id as u128).set(Column::app_id, "shop").set(Column::doc_height, "900").line();
        let mut columns: Vec<&str> = line.split('\t').collect();
        columns.resize(count, "");
        world.write(&format!("in/part-{id:02}"), columns.join("\t").as_bytes());
    }
    // Foreign archives may spell nothing like this.
    let quoted = Event::new(100).set(Column::user_id, "\"\"").set(Column::contexts, "\"\"").line();
    world.write("in/part-99", quoted.as_bytes());
    success(&world.shred("in", "r1", &[]));
    let run = world.run("r1");
    let atomic = run.lines("name=atomic");
    assert_eq!(atomic.len(), 4);
    for row in &atomic {
        let cells: Vec<&str> = row.split('\t').collect();
        assert_eq!(cells.len(), 128);
        assert!(cells[105] == "900" || row.contains("-000000000064"), "{row}");
        assert_eq!(cells[12], "", "user_id");
    }
    let mut failures: Vec<Value> = run
        .lines("name=loader_parsing_error")
        .iter()
        .map(|row| serde_json::from_str::<Value>(row).unwrap()["data"]["failure"].clone())
        .collect();
    failures.sort_by_key(|failure| failure["fieldCount"].as_u64());
    let mismatch = |count: u64| json!({"type": "FieldNumberMismatch", "fieldCount": count});
    let mut expected = vec![json!({"type": "NotTSV"})];
    expected.extend([2, 107, 109, 124, 126, 130, 132, 262].map(mismatch));
    assert_eq!(failures, expected);
}

/// Run folders are found by themselves, at any depth; marks and hidden files are no input.
#[test]
fn run_folders_within_folders() {
    let world = World::new();
    world.input("archive/run=2021-03-05-10-00-00/part-00000.txt", &[Event::new(1)]);
    world.input("archive/run=2021-03-05-11-00-00/sub/part-00000.txt", &[Event::new(2)]);
    world.input("archive/2020/run=2020-01-01-00-00-00/part-00000.txt", &[Event::new(3)]);
    let unfinished = world.shred("archive", "r0", &[]);
    assert_ne!(unfinished.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&unfinished.stderr).contains("--allow-incomplete"));
    for run in ["run=2021-03-05-10-00-00", "run=2021-03-05-11-00-00", "2020/run=2020-01-01-00-00-00"] {
        world.write(&format!("archive/{run}/_SUCCESS"), b"");
    }
    success(&world.shred("archive", "r1", &[]));
    let run = world.run("r1");
    assert_eq!(run.lines("name=atomic").len(), 3);
    assert_eq!(run.counter("bad_rows"), 0, "{:?}", run.lines("output=bad"));
}

#[test]
fn flags_that_make_no_sense() {
    let world = World::new();
    world.input("in", &[Event::new(1)]);
    let refused = |more: &[&str], expected: &str| {
        let output = world.shred("in", "r1", more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{more:?}: {stderr}");
        assert!(stderr.contains(expected), "{more:?}: {stderr}");
        assert!(!world.path("out").exists(), "{more:?} has written something");
    };
    refused(&["--shred-format", "parquet"], "parquet");
    refused(&["--json-schemas", "com.acme/click"], "com.acme/click");
    refused(&["--target-size", "many"], "many");
    refused(&["--deduplicate"], "--deduplicate");
    refused(&["--cross-batch-window", "-1"], "-1");
    refused(&["--gzip-level", "13"], "13");
    refused(&["--wave-size"], "--wave-size");
}
