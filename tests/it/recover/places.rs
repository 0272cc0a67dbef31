//! Where rows come from and go to: S3, several runs, a process that is killed.

use std::process::{Command, Stdio};

use super::{World, adapter_failure, bad_row, mending_flow};
use crate::support::s3::{BUCKET, FakeS3};

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// `rows` times three rows: one is mended, one no flow is for, one is lost.
fn rows(count: usize, from: usize) -> String {
    let row = |index: usize| {
        let named = |row: String| row.replace("\"c\"", &format!("\"c-{index}\""));
        let lost = bad_row("size_violation", &serde_json::json!({"failure": {}, "payload": format!("n{index}")}));
        format!("{}\n{}\n{lost}\n", named(adapter_failure("wrong")), named(adapter_failure("unknown")))
    };
    (from..from + count).map(row).collect()
}

#[test]
fn from_s3_to_s3() {
    let world = World::new();
    let s3 = FakeS3::start();
    s3.put("bad/run=2020-06-07-00-00-00/part-00000.gz", gzip(&rows(40, 0)));
    s3.put("bad/run=2020-06-07-00-00-00/_SUCCESS", "");
    s3.put("bad/run=2020-06-08-00-00-00/part-00000", rows(30, 100));
    s3.put("bad/run=2020-06-08-00-00-00/part-00001", rows(30, 200));
    s3.put("bad/run=2020-06-08-00-00-00/_SUCCESS", "");
    s3.put("bad/run=2020-06-09-00-00-00/part-00000", rows(20, 300));
    s3.put("bad/run=2020-06-09-00-00-00/_SUCCESS", "");
    world.write("config.json", &mending_flow());
    let at = |path: &str| format!("s3://{BUCKET}/{path}");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(world.path("")).args(arguments).envs(s3.environment()).env_remove("RUST_LOG");
        command.args(["--s3-path-style", "--summary", "json", "--progress", "off"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let (bad, out, failed, lost) = (at("bad/"), at("out/"), at("failed/"), at("lost/"));
    let mut all = vec!["recover", &bad, "--config", "config.json", "--output", &out, "--failed", &failed];
    all.extend(["--unrecoverable", &lost, "--run-id", "r", "--since", "2020-06-08", "--until", "2020-06-09"]);
    let summary = run(&all);
    assert_eq!(summary["records_in"], 360);
    for (name, count) in [("recovered", 60), ("unmatched", 60), ("unrecoverable", 60), ("outside_time", 180)] {
        assert_eq!(summary["named"][name], count, "{name}: {summary}");
    }
    let keys: Vec<String> = s3.state().objects.keys().cloned().collect();
    for key in ["out/run=r/_SUCCESS", "out/run=r/_manifest.json", "failed/unmatched/run=r/part-00000.jsonl.gz"] {
        assert!(keys.iter().any(|found| found == key), "{key} is not in {keys:?}");
    }
    let record = keys.iter().find(|key| key.starts_with("out/run=r/part-")).unwrap();
    assert!(record.ends_with(".lzo"), "{record}");
    // Enrich reads what recover wrote.
    let (recovered, good, again) = (at("out/run=r/"), at("good/"), at("again/"));
    let resolver = super::empty_resolver(&world);
    let mut all = vec!["enrich", &recovered, "--output", &good, "--bad", &again, "--run-id", "e", "--offline"];
    all.extend(["--resolver", &resolver]);
    assert_eq!(run(&all)["records_in"], 60);
}

/// Everything that a run wrote, by folder, sorted.
fn written(world: &World) -> Vec<Vec<String>> {
    let folders = ["out/run=r", "failed/run=r", "failed/unmatched/run=r", "unrecoverable/run=r"];
    let lines = |folder: &&str| {
        let mut lines = world.lines(folder);
        lines.sort();
        lines
    };
    folders.iter().map(lines).collect()
}

const ARGUMENTS: [&str; 16] = [
    "recover",
    "bad",
    "--config",
    "config.json",
    "--output",
    "out",
    "--failed",
    "failed",
    "--unrecoverable",
    "unrecoverable",
    "--run-id",
    "r",
    "--split-size",
    "8KiB",
    "--output-format",
    "lines",
];

#[test]
fn killed_and_resumed_gives_every_row_once() {
    let world = World::new();
    for file in 0..60 {
        world.write(&format!("bad/part-{file:03}"), &rows(40, file * 1000));
    }
    world.write("config.json", &mending_flow());
    let parts = || std::fs::read_dir(world.path("out/run=r")).map_or(0, Iterator::count);
    let mut killed = 0;
    for goal in [0, 3, 10, 25] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(world.path("")).args(ARGUMENTS).args(["--resume", "--threads", "2"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Killed as soon as it has come further than the one before, wherever that is.
        while parts() <= goal && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        killed += usize::from(child.try_wait().unwrap().is_none());
        let _ = child.kill();
        child.wait().unwrap();
    }
    assert!(killed > 0, "every process was done before it could be killed");
    let summary = world.summary(&[&ARGUMENTS[..], &["--resume"]].concat());
    assert_eq!((&summary["records_in"], &summary["named"]["recovered"]), (&7200.into(), &2400.into()));
    let resumed = written(&world);
    for folder in ["out", "failed", "unrecoverable"] {
        std::fs::remove_dir_all(world.path(folder)).unwrap();
    }
    world.summary(&ARGUMENTS);
    let undisturbed = written(&world);
    assert_eq!(resumed.iter().map(Vec::len).collect::<Vec<_>>(), [2400, 0, 2400, 2400]);
    assert!(resumed == undisturbed, "a resumed run differs from an undisturbed one");
}
