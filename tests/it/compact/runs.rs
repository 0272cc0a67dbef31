//! Groups, runs, resuming, and what becomes of sources.

use crate::support::files::{Files, gzip};

fn data(files: &Files, run: &str) -> Vec<String> {
    let mut names = files.names(&format!("out/run={run}"));
    names.retain(|name| !name.starts_with('_'));
    names
}

#[test]
fn groups_by_what_is_asked_for() {
    let files = Files::local();
    for name in ["i-1/E.2015-03-01-22.a", "i-1/E.2015-03-01-23.b", "i-2/E.2015-03-01-23.c", "E.2015-03-02-00.d"] {
        files.put(&format!("in/{name}.gz"), gzip(format!("{name}\n").as_bytes()));
    }
    let count = |id: &str, keys: &[&str]| {
        let mut arguments = vec!["compact", "in", "--output", "out", "--run-id", id];
        arguments.extend(keys.iter().flat_map(|key| ["--group-by", key]));
        files.expect(0, &arguments);
        assert_eq!(files.lines(&format!("out/run={id}")), files.lines("in"));
        data(&files, id)
    };
    assert_eq!(count("folder", &["folder"]).len(), 3);
    assert_eq!(count("default", &[]).len(), 3);
    assert_eq!(count("all", &["all"]).len(), 1);
    let dates = count("date", &["date"]);
    assert_eq!(dates.len(), 2);
    assert!(dates[0].starts_with("part-00000.2015-03-01."), "{dates:?}");
    assert_eq!(count("hour", &["hour"]).len(), 3);
    let both = count("both", &["folder", "date"]);
    assert_eq!(both.len(), 3);
    assert!(both.iter().any(|name| name.starts_with("i-2/part-00000.2015-03-01.")), "{both:?}");
    assert_eq!(count("regex", &[r".*/E\.\d+-(\d+)-.*"]).len(), 1);
    let sized = files.expect(
        0,
        &["compact", "in", "--output", "out", "--run-id", "size", "--group-by", "all", "--target-size", "1"],
    );
    assert_eq!(data(&files, "size").len(), 4, "{sized}");
    // What was grouped by date can be grouped by date again.
    files.expect(
        0,
        &["compact", "out/run=folder", "out/run=date", "--output", "again", "--run-id", "1", "--group-by", "date"],
    );
    assert_eq!(files.lines("again").len(), 8);
}

#[test]
fn a_file_without_a_group_is_never_passed_over() {
    let files = Files::local();
    files.put("in/part-00003-abc.txt", "a\n").put("in/part-00003", "b\n");
    let pattern = r".*(part-)\d+-(.*)";
    let arguments = ["compact", "in", "--output", "out", "--run-id", "1", "--group-by", pattern];
    let said = files.expect(2, &arguments);
    assert!(said.contains("in/part-00003") && said.contains("--unmatched"), "{said}");
    assert!(files.names("out").is_empty());
    files.expect(0, &[&arguments[..], &["--unmatched", "leave", "--delete-source"]].concat());
    assert_eq!(files.names("in"), ["part-00003"], "left where it was");
    let manifest = files.json("out/run=1/_manifest.json");
    assert!(manifest["skipped"][0]["location"].as_str().unwrap().ends_with("in/part-00003"));
    files.put("in/part-00003-abc.txt", "a\n");
    files.expect(
        0,
        &["compact", "in", "--output", "out", "--run-id", "2", "--group-by", pattern, "--unmatched", "group"],
    );
    assert_eq!(files.lines("out/run=2"), ["a", "b"]);
}

#[test]
fn names_follow_from_content() {
    let files = Files::local();
    for index in 0..30 {
        files.put(&format!("in/{}/{index}.gz", index % 3), gzip(format!("{index}\n").as_bytes()));
    }
    for (id, threads) in [("1", "1"), ("2", "4")] {
        let target = ["--target-size", "100", "--threads", threads];
        files.expect(0, &[&["compact", "in", "--output", "out", "--run-id", id][..], &target].concat());
    }
    let contents = |id: &str| {
        let mut all = files.all(&format!("out/run={id}"));
        all.retain(|name, _| !name.starts_with('_'));
        all
    };
    assert!(contents("1").len() > 6);
    assert_eq!(contents("1"), contents("2"), "names and bytes");
}

#[test]
fn done_is_done() {
    let files = Files::local();
    files.put("in/1.gz", gzip(b"a\n")).put("in/2.gz", gzip(b"b\n")).put("in/_SUCCESS", "").put("in/.x", "x");
    let arguments = ["compact", "in", "--output", "out", "--run-id", "1", "--delete-source"];
    let said = files.expect(0, &arguments);
    assert!(said.contains("deleted 2") && said.contains("skipped 2") && said.contains("a hidden name"), "{said}");
    assert_eq!(files.json("out/run=1/_manifest.json")["skipped"][1]["reason"], "a marker");
    assert_eq!(files.names("in"), [".x", "_SUCCESS"]);
    files.put("in/late.gz", gzip(b"late\n"));
    let said = files.expect(4, &arguments);
    assert!(said.contains("a complete run"), "{said}");
    let said = files.expect(0, &[&arguments[..], &["--resume"]].concat());
    assert!(said.contains("already complete"), "{said}");
    assert_eq!(files.lines("out"), ["a", "b"]);
    assert!(files.names("in").contains(&"late.gz".to_owned()), "late files belong to the next run");
    let said = files.expect(4, &["compact", "in", "--output", "out", "--run-id", "1", "--resume"]);
    assert!(said.contains("a complete run"), "another wish is another run: {said}");
    files.expect(2, &["compact", "in", "--output", "out", "--resume"]);
}

#[test]
fn nothing_to_do_is_not_done() {
    let files = Files::local();
    files.expect(3, &["compact", "in", "--output", "out"]);
    files.put("in/_SUCCESS", "").put("in/a_$folder$", "");
    let said = files.expect(3, &["compact", "in", "--output", "out"]);
    assert!(said.contains("a marker") && said.contains("a folder marker"), "{said}");
    assert!(files.names("out").is_empty());
    files.put("in/x", "x\n");
    files.expect(2, &["compact", "in", "--output", "in/out"]);
    files.expect(2, &["compact", "in", "--output", "-"]);
    files.expect(2, &["compact", "in", "--output", "out", "--group-by", "fodler"]);
    let plan = files.expect(0, &["compact", "in", "--output", "out", "--run-id", "1", "--dry-run"]);
    assert!(plan.contains("in/x") && plan.contains("part-00000."), "{plan}");
    let plan = files.run(&["compact", "in", "--output", "out", "--run-id", "1", "--dry-run", "--summary", "json"]);
    let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["files"][0]["size"], 2);
    assert!(files.names("out").is_empty(), "a dry run writes nothing");
}

#[test]
fn an_unfinished_run_is_no_input() {
    let files = Files::local();
    files.put("in/run=7/part-0", "a\n");
    let said = files.expect(1, &["compact", "in/run=7", "--output", "out"]);
    assert!(said.contains("_SUCCESS"), "{said}");
    files.expect(0, &["compact", "in/run=7", "--output", "out", "--run-id", "1", "--allow-incomplete"]);
    files.put("in/run=7/_SUCCESS", "");
    files.expect(0, &["compact", "in", "--output", "out", "--run-id", "2"]);
    // The folder of the run that was merged is part of a complete run now, so it can be read.
    assert!(files.names("out/run=2").iter().any(|name| name.starts_with("run=7/part-00000.")));
    files.expect(0, &["compact", "out/run=2", "--output", "again", "--run-id", "1", "--group-by", "run"]);
    assert_eq!(files.lines("again"), ["a"]);
}

#[test]
fn a_run_that_was_stopped_goes_on_with_its_own_list() {
    let files = Files::local();
    for index in 0..40 {
        files.put(&format!("in/{index}.txt"), format!("{index}\n"));
    }
    let arguments = ["compact", "in", "--output", "out", "--run-id", "1", "--target-size", "10", "--delete-source"];
    files.expect(0, &arguments);
    let whole = files.all("out/run=1");
    // The state of a process that died after half of its outputs, and after half of its deletions.
    let manifest = files.json("out/run=1/_manifest.json");
    let other = Files::local();
    for index in 0..40 {
        other.put(&format!("in/{index}.txt"), format!("{index}\n"));
    }
    let child = other.command(&arguments).spawn().unwrap();
    let mut child = child;
    child.kill().unwrap();
    child.wait().unwrap();
    other.put("in/late.txt", "late\n");
    let resumed = [&arguments[..], &["--resume"]].concat();
    other.expect(0, &resumed);
    let lines = other.lines("out").len() + other.lines("in").len();
    assert_eq!(lines, 41, "each line is in one place");
    assert_eq!(whole.len() - 2, manifest["outputs"].as_array().unwrap().len());
}
