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

/// A run that can be repeated until it is done.
#[rustfmt::skip]
fn arguments<'a>(input: &'a str, output: &'a str) -> [&'a str; 10] {
    ["compact", input, "--output", output, "--run-id", "1", "--resume", "--delete-source", "--target-size", "600"]
}

fn check(files: &Files, expected: &[String], moments: impl Iterator<Item = usize>) -> usize {
    let (input, output) = (files.at("in"), files.at("out"));
    let arguments = arguments(&input, &output);
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
    assert!(!files.has_temporary(), "what a killed process was writing is gone");
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

/// Waits until the server has seen so many requests.
fn wait_for_requests(files: &Files, count: usize) {
    let deadline = std::time::Instant::now() + Duration::from_secs(120);
    while files.server().state().log.len() < count {
        assert!(std::time::Instant::now() < deadline, "the command makes no requests");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_interrupted_run_goes_on() {
    let files = Files::on_s3();
    let expected = fill(&files);
    let (input, output) = (files.at("in"), files.at("out"));
    let arguments = arguments(&input, &output);
    files.server().state().latency = Duration::from_millis(100);
    let running = files.command(&arguments).spawn().unwrap();
    wait_for_requests(&files, 15);
    // SAFETY: a signal to a child that was not waited for yet.
    assert_eq!(unsafe { libc::kill(running.id() as i32, libc::SIGTERM) }, 0);
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("--resume"), "{said}");
    assert!(!files.names("out/run=1").contains(&"_SUCCESS".to_owned()));
    files.server().state().latency = Duration::ZERO;
    files.expect(0, &arguments);
    assert_eq!(files.lines("out"), expected);
    assert!(files.names("in").is_empty());
}

#[test]
fn a_run_that_another_process_holds_is_left_alone() {
    let files = Files::on_s3();
    fill(&files);
    let holder = r#"{"host":"elsewhere","pid":1,"boot":"x","namespace":"x","process_started":"1","since":0,"command":"compact"}"#;
    files.put("out/run=1/_lock.1", holder);
    let (input, output) = (files.at("in"), files.at("out"));
    let said =
        files.expect(17, &["compact", &input, "--output", &output, "--run-id", "1", "--resume", "--delete-source"]);
    assert!(said.contains("elsewhere"), "{said}");
    assert_eq!(files.names("out/run=1"), ["_lock.1"]);
    assert_eq!(files.names("in").len(), 40);
}
