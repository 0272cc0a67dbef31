//! Rows for S3: what waits in memory is bounded.

use std::process::Command;

use serde_json::{Value, json};

use super::world::{CLICK, Event, PAGE, World};
use crate::support::s3::{BUCKET, FakeS3};
use thresh::event::Column;

/// Shreds to a server of its own; all keys, and the rows of all files together, sorted.
fn shredded(world: &World, more: &[&str]) -> (Vec<String>, Vec<String>) {
    let s3 = FakeS3::start();
    let output = format!("s3://{BUCKET}/out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
    command.current_dir(world.path("")).envs(s3.environment()).env_remove("RUST_LOG");
    command.args(["shred", "in", "--output", &output, "--run-id", "r", "--offline", "--resolver", "resolver.json"]);
    command.args([
        "--compression",
        "none",
        "--dedupe",
        "none",
        "--s3-path-style",
        "--summary",
        "json",
        "--progress",
        "off",
    ]);
    let done = command.args(more).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(summary["named"]["entity_rows"], 10_000);
    let state = s3.state();
    let parts = state.objects.iter().filter(|(key, _)| key.contains("/part-"));
    let mut rows = Vec::new();
    for (_, object) in parts.clone() {
        rows.extend(String::from_utf8_lossy(&object.bytes).lines().map(str::to_owned));
    }
    rows.sort_unstable();
    (parts.map(|(key, _)| key.clone()).collect(), rows)
}

#[test]
fn files_are_ended_early_when_too_much_waits() {
    let world = World::new();
    let url = "x".repeat(1000);
    let event = |id: u128| {
        let contexts = [(CLICK, json!({"target": "x", "count": 3})), (PAGE, json!({"genre": "g", "number": 1}))];
        Event::new(id).set(Column::page_url, &url).contexts(&contexts)
    };
    world.input("in/part-0", &(0..5000).map(event).collect::<Vec<_>>());
    let (keys, rows) = shredded(&world, &["--threads", "2"]);
    assert_eq!(keys.len(), 3, "one file a kind: {keys:?}");
    let (more_keys, same_rows) = shredded(&world, &["--threads", "2", "--upload-memory", "1MiB"]);
    let atomic = more_keys.iter().filter(|key| key.contains("name=atomic")).count();
    assert!((3..=6).contains(&atomic), "six MB, ended at about one or two: {more_keys:?}");
    assert!(rows == same_rows);
}
