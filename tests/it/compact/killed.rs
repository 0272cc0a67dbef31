//! `kill -9` at any moment, then `--resume`: every record is in exactly one place.

use std::time::Duration;

use crate::support::files::{Files, gzip, kill_at};

fn fill(files: &Files) -> Vec<String> {
    let mut expected = Vec::new();
    for index in 0..40 {
        let lines: Vec<String> = (0..5).map(|line| format!("file {index:02} line {line}")).collect();
        files.put(&format!("in/{}/{index:02}.gz", index % 2), gzip((lines.join("\n")).as_bytes()));
        expected.extend(lines);
    }
    expected.sort();
    expected
}

fn check(files: &Files, expected: &[String], moments: impl Iterator<Item = usize>) -> usize {
    let (input, output) = (files.at("in"), files.at("out"));
    let arguments = [
        "compact",
        &input,
        "--output",
        &output,
        "--run-id",
        "1",
        "--resume",
        "--delete-source",
        "--target-size",
        "600",
    ];
    let killed = kill_at(files, &arguments, moments);
    files.put("in/0/late.gz", gzip(b"late"));
    files.expect(0, &arguments);
    assert_eq!(files.lines("out"), expected);
    assert_eq!(files.names("in"), ["0/late.gz"], "late files survive");
    let names = files.names("out/run=1");
    assert!(!names.iter().any(|name| name.contains("_journal") || name.contains("_lock")), "{names:?}");
    assert_eq!(files.json("out/run=1/_manifest.json")["inputs"].as_array().unwrap().len(), 40);
    killed
}

#[test]
fn on_local_disks() {
    let files = Files::local();
    let expected = fill(&files);
    check(&files, &expected, 1..24);
}

#[test]
fn on_s3() {
    let files = Files::on_s3();
    let expected = fill(&files);
    files.server().state().latency = Duration::from_millis(2);
    // After the first request, the fourth, …: through listing, claiming, merging, and deleting.
    let killed = check(&files, &expected, (1..120).step_by(7));
    assert!(killed > 5, "each request takes a while, so that the process can be hit: {killed}");
    assert!(files.server().state().uploads.is_empty());
}
