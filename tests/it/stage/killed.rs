//! `kill -9` at any moment, then the same command: every file is in exactly one place.

use std::time::Duration;

use crate::support::files::{Files, kill_at};

fn fill(files: &Files, folder: &str) -> Vec<String> {
    let names: Vec<String> = (0..30).map(|index| format!("{index:02}")).collect();
    for name in &names {
        files.put(&format!("{folder}/i-{}/_log{name}", &name[1..]), format!("{name}\n"));
    }
    names
}

/// Returns how many processes were killed.
fn stage_then_archive(files: &Files, most: usize, step: usize) -> usize {
    let expected = fill(files, "in");
    let (input, work, archive) = (files.at("in"), files.at("work"), files.at("archive"));
    let stage = ["stage", &input, "--output", &work, "--run-id", "1", "--resume"];
    let mut killed = kill_at(files, &stage, (1..most).step_by(step));
    files.put("in/i-1/late", "late\n");
    files.expect(0, &stage);
    assert_eq!(files.lines("work"), expected);
    assert_eq!(files.names("in"), ["i-1/late"], "late files survive");
    let staged = files.at("work/run=1");
    let move_away = ["archive", &staged, "--output", &archive, "--run-id", "1", "--resume"];
    killed += kill_at(files, &move_away, (1..most).step_by(step));
    files.expect(0, &move_away);
    assert_eq!(files.lines("archive"), expected);
    assert!(files.names("work").is_empty(), "{:?}", files.names("work"));
    let names = files.names("archive/run=1");
    assert!(["_SUCCESS", "_archive.json", "_manifest.json"].iter().all(|name| names.contains(&(*name).to_owned())));
    assert_eq!(names.len(), 33, "{names:?}");
    killed
}

#[test]
fn on_local_disks() {
    let files = Files::local();
    stage_then_archive(&files, 30, 4);
    assert!(!files.has_temporary(), "what a killed process was writing is gone");
}

#[test]
fn on_s3() {
    let files = Files::on_s3();
    files.server().state().latency = Duration::from_millis(2);
    let killed = stage_then_archive(&files, 160, 16);
    assert!(killed > 5, "each request takes a while, so that the process can be hit: {killed}");
}
