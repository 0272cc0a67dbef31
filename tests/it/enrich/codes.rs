//! Exit codes, and what is said with them.

use super::{World, code, page_views, stderr, stdout};

#[test]
fn done() {
    let world = World::new();
    world.input("a", &page_views(0..100)).input("b.gz", &super::gzip(b"#Version: 1.0\ngarbage\n"));
    let output = world.run(&["in", "--run-id", "r", "--format", "cloudfront", "--summary", "json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let summary: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    for (name, value) in
        [("records_in", 102), ("records_good_source", 100), ("records_bad_source", 1), ("records_ignored", 1)]
    {
        assert_eq!(summary[name], value, "{name}");
    }
    assert_eq!((&summary["events_good"], &summary["bad_rows"]), (&100.into(), &1.into()));
    assert_eq!(world.lines("good", "r").len(), 100);
    assert_eq!(world.lines("bad", "r").len(), 1);
    assert_eq!(stderr(&output), "", "nothing is worth a warning");
}

#[test]
fn text_summary_is_the_only_thing_on_stdout() {
    let world = World::new();
    world.input("a", &page_views(0..1));
    let output = world.run(&["in", "--run-id", "r", "-vvv", "--progress", "plain"]);
    assert!(stdout(&output).starts_with("enrich run=r complete in "), "{}", stdout(&output));
    assert!(stdout(&output).contains("records  in 1  good 1  bad 0  filtered 0\n"));
}

#[test]
fn wrong_command_lines_and_configurations_are_2() {
    let world = World::new();
    world.input("a", &page_views(0..1));
    std::fs::write(world.path("broken.json"), "{").unwrap();
    for (arguments, expected) in [
        (&["in", "--format", "nonsense"][..], "[nonsense] is not a recognised Snowplow event collector"),
        (&["in", "--split-size", "1X"], "is no size"),
        (&["in", "--resume"], "--run-id"),
        (&["in", "--run-id", "a/b"], "a run id has"),
        (&["in", "--gzip-level", "13"], "0..=12"),
        (&["in", "--enrichments", "nowhere"], "nowhere"),
        (&["-", "--resume", "--run-id", "r"], "standard input"),
        (&["hdfs://x/y"], "unknown scheme"),
        (&[], "<INPUT>"),
    ] {
        let output = world.run(arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(expected), "{arguments:?}: {}", stderr(&output));
    }
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_thresh"));
    command.current_dir(world.path(""));
    let base = ["enrich", "in", "--output", "good"];
    let output = command.args(base).args(["--bad", "bad", "--resolver", "broken.json"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("broken.json"), "{}", stderr(&output));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_thresh"));
    let output = command.current_dir(world.path("")).args(base).args(["--bad", "good"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(!world.path("good").exists(), "nothing was written");
}

#[test]
fn no_data_is_3() {
    let world = World::new();
    world.input("a_$folder$", b"").input("_hidden", b"x\n").input(".x", b"x\n").input("i.lzo.index", b"12345678");
    for input in ["in", "nowhere"] {
        let output = world.run(&[input]);
        assert_eq!(code(&output), 3, "{}", stderr(&output));
        assert!(stderr(&output).starts_with("error: no data to process"), "{}", stderr(&output));
        assert!(stderr(&output).contains("\ntry: "), "{}", stderr(&output));
    }
    assert!(!world.path("good").exists());
}

#[test]
fn an_empty_file_is_data_without_records() {
    let world = World::new();
    world.input("a", b"");
    let output = world.run(&["in", "--run-id", "r"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(world.is_complete("r") && world.lines("good", "r").is_empty());
}

#[test]
fn an_existing_run_folder_is_4() {
    let world = World::new();
    world.input("a", &page_views(0..3));
    assert_eq!(code(&world.run(&["in", "--run-id", "r"])), 0);
    let again = world.run(&["in", "--run-id", "r"]);
    assert_eq!(code(&again), 4);
    assert!(stderr(&again).contains("run=r: the run folder already holds a complete run\ntry: another --run-id"));
    let resumed = world.run(&["in", "--run-id", "r", "--resume", "--summary", "json"]);
    assert_eq!(code(&resumed), 0, "{}", stderr(&resumed));
    assert!(stdout(&resumed).contains(r#""status":"already complete""#));
    world.input("b", &page_views(3..5));
    let other = world.run(&["in", "--run-id", "r", "--resume"]);
    assert_eq!(code(&other), 4);
    std::fs::remove_file(world.run_folder("good", "r").join("_SUCCESS")).unwrap();
    assert!(stderr(&world.run(&["in", "--run-id", "r"])).contains("an unfinished run\ntry: --resume"));
}

#[test]
fn unfinished_runs_are_not_read_unless_asked_to() {
    let world = World::new();
    world.input("run=x/part-0", &page_views(0..2));
    let refused = world.run(&["in"]);
    assert_eq!(code(&refused), 1);
    assert!(stderr(&refused).contains("run=x: this run folder has no _SUCCESS"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("--allow-incomplete"));
    assert_eq!(code(&world.run(&["in", "--allow-incomplete"])), 0);
    world.input("run=x/_SUCCESS", b"");
    assert_eq!(code(&world.run(&["in", "--run-id", "whole"])), 0);
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let world = World::new();
    world.input("a", &page_views(0..2)).input("b", &page_views(2..3));
    let output = world.run(&["in", "--run-id", "r", "--dry-run", "--split-size", "100"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    for expected in ["inputs   2 objects", "splits   2 of about 100 B", "good/run=r", "bad/run=r", "format = auto"] {
        assert!(stdout(&output).contains(expected), "{expected}: {}", stdout(&output));
    }
    assert!(!world.path("good").exists());
    let json = world.run(&["in", "--dry-run", "--summary", "json"]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(stdout(&json)).unwrap()["inputs"], 2);
    assert_eq!(code(&world.run(&["in", "--run-id", "r"])), 0);
    assert_eq!(code(&world.run(&["in", "--run-id", "r", "--dry-run"])), 4);
}

#[test]
fn standard_input_is_an_input() {
    let world = World::new();
    std::fs::write(world.path("logs.gz"), super::gzip(&page_views(0..7))).unwrap();
    let logs = std::fs::File::open(world.path("logs.gz")).unwrap();
    let output = world.command().args(["-", "--run-id", "r"]).stdin(logs).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(world.lines("good", "r").len(), 7);
}

#[test]
fn the_run_id_is_a_time_by_default() {
    let world = World::new();
    world.input("a", &page_views(0..1));
    let output = world.run(&["in"]);
    let run_id = stdout(&output).split_whitespace().nth(1).unwrap().strip_prefix("run=").unwrap().to_owned();
    let shape: String = run_id.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(shape, "9999-99-99-99-99-99");
    assert!(world.is_complete(&run_id));
}

#[test]
fn secrets_are_not_written_down() {
    let world = World::new();
    world.input("a", &page_views(0..1));
    let output = world.run(&["in", "--run-id", "r", "--s3-storage-class", "https://me:hidden@host/"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let manifest = std::fs::read_to_string(world.run_folder("bad", "r").join("_manifest.json")).unwrap();
    assert!(manifest.contains("https://me:***@host/") && !manifest.contains("hidden"));
}
