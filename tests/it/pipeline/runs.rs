//! From raw logs to tables, on disk and on S3, with counts conserved at each step.

use super::world::{World, bad_lines, code, event_ids, expect, page_views, query, s3_url, text};
use crate::support::postgres::{Database, PASSWORD};

/// What came in must be somewhere at every step, and only once.
fn check_counts(world: &World, id: &str, good: u64, bad: u64, files: usize) {
    let staged = world.manifest("archive/raw", id);
    assert_eq!(staged.inputs.len(), files);
    assert_eq!(staged.outputs.len(), files);
    let enriched = world.manifest("archive/enriched", id);
    assert_eq!(enriched.inputs.len(), files);
    assert_eq!(enriched.counters.records_in, good + bad);
    assert_eq!((enriched.counters.events_good, enriched.counters.bad_rows), (good, bad));
    let shredded = world.manifest("archive/shredded", id);
    assert_eq!((shredded.counters.records_in, shredded.counters.bad_rows), (good, 0));
    let rows = |name: &str| -> u64 {
        let outputs = shredded.outputs.iter().filter(|output| output.location.contains(name));
        outputs.map(|output| output.records).sum()
    };
    assert_eq!((rows("name=atomic/"), rows("name=click/")), (good, good));
    for folder in ["in", "processing", "enriched/good", "shredded/good"] {
        assert_eq!(world.data(folder), [""; 0], "{folder}");
    }
    for folder in ["archive/raw", "archive/enriched", "archive/shredded", "enriched/bad"] {
        assert!(world.snapshot(folder).contains_key(&format!("run={id}/_SUCCESS")), "{folder}");
    }
}

#[test]
fn raw_to_sqlite_on_disk() {
    let world = World::on_disk();
    world.collect("a.gz", &crate::enrich::gzip(&page_views(0..50)));
    world.collect("i-1/b", &[page_views(50..80), bad_lines(7)].concat());
    world.collect("i-2/b", &page_views(80..100));
    expect(&world.run(&[]), 0);
    let ids = world.run_ids("archive/raw");
    assert_eq!(ids.len(), 1);
    check_counts(&world, &ids[0], 100, 7, 3);
    assert_eq!(world.loaded(), event_ids(0..100));
    assert_eq!(world.query("SELECT count(*) FROM com_acme_click_1"), ["100"]);
    assert_eq!(world.query("SELECT count_good FROM manifest"), ["100"]);
    // The id says when the run began, and that is what events carry.
    let etl = world.query("SELECT DISTINCT etl_tstamp FROM events");
    let expected: Vec<&str> = ids[0].splitn(4, '-').collect();
    let time = format!("{}-{}-{} {}", expected[0], expected[1], expected[2], expected[3].replace('-', ":"));
    assert!(etl.len() == 1 && etl[0].starts_with(&time), "{etl:?} {time}");
    // Nothing more to do.
    let again = world.run(&[]);
    expect(&again, 3);
    assert!(text(&again).contains("No Snowplow logs to process since last run"), "{}", text(&again));
    assert_eq!(world.run_ids("archive/raw"), ids);
}

#[test]
fn raw_to_sqlite_on_s3() {
    let world = World::on_s3();
    world.collect("a.gz", &crate::enrich::gzip(&page_views(0..30)));
    world.collect("x/b", &[page_views(30..40), bad_lines(2)].concat());
    expect(&world.run(&[]), 0);
    let ids = world.run_ids("archive/raw");
    check_counts(&world, &ids[0], 40, 2, 2);
    assert_eq!(world.loaded(), event_ids(0..40));
    expect(&world.run(&[]), 3);
}

fn target_file(database: &Database) -> String {
    format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage/postgresql_config/jsonschema/1-1-0","data":{{
            "name":"Test DB","id":"33334444-eee7-4845-a7e6-8fdc88d599d0","host":"127.0.0.1","database":"{}","port":{},
            "sslMode":"DISABLE","schema":"atomic","username":"postgres","password":"{PASSWORD}","purpose":"ENRICHED_EVENTS"}}}}"#,
        database.name, database.port
    )
}

/// EmrEtlRunner's own configuration, its keys from the environment, its targets in a folder.
#[test]
fn raw_to_postgres_on_s3_with_an_old_configuration() {
    let Some(database) = Database::create() else { return };
    let world = World::on_s3();
    let sample = include_str!("../../../examples/config.yml");
    let config = sample
        .replace("s3://acme-pipeline/", &s3_url("pipeline/"))
        .replace("s3://acme-collector-old", &s3_url("old"))
        .replace("s3://acme-collector-new", &s3_url("pipeline/in"));
    std::fs::write(world.path("config.yml"), config).unwrap();
    std::fs::create_dir(world.path("targets")).unwrap();
    std::fs::write(world.path("targets/db.json"), target_file(&database)).unwrap();
    world.collect("E1.2013-10-07-23.a.gz", &crate::enrich::gzip(&[page_views(0..20), bad_lines(3)].concat()));
    let keys = world.s3.as_ref().unwrap().environment();
    let value = |name: &str| keys.iter().find(|(key, _)| *key == name).unwrap().1.clone();
    let mut runner = world.runner_command("run", &["--config", "config.yml", "--targets", "targets", "--verbose"]);
    runner.env("AWS_SNOWPLOW_ACCESS_KEY", value("AWS_ACCESS_KEY_ID")).env_remove("AWS_ACCESS_KEY_ID");
    runner.env("AWS_SNOWPLOW_SECRET_KEY", value("AWS_SECRET_ACCESS_KEY")).env_remove("AWS_SECRET_ACCESS_KEY");
    let output = runner.output().unwrap();
    expect(&output, 0);
    assert!(!text(&output).contains(PASSWORD), "{}", text(&output));
    let target = database.config();
    assert_eq!(query(&target, "SELECT event_id FROM atomic.events ORDER BY event_id"), event_ids(0..20));
    assert_eq!(query(&target, "SELECT count(*) FROM atomic.com_acme_click_1"), ["20"]);
    let ids = world.run_ids("raw/archive");
    let enriched = world.manifest("enriched/archive", &ids[0]);
    assert_eq!((enriched.counters.records_in, enriched.counters.bad_rows), (23, 3));
    assert_eq!(world.manifest("shredded/archive", &ids[0]).counters.records_in, 20);
    assert!(world.snapshot("log/thresh/done").len() == 1, "the state lies beside the cluster's logs");
}

#[test]
fn raw_to_postgres_and_sqlite_on_disk() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    let url = format!("postgres://postgres@127.0.0.1:{}/{}?sslmode=disable", database.port, database.name);
    let sqlite = format!("\"sqlite:{}\"", world.path("events.db").display());
    world.configure("", &format!("{{ target = {url:?}, password_env = \"DB_WORD\" }}, {sqlite}"));
    world.collect("a", &page_views(0..10));
    let output = world.runner_command("run", &["--verbose"]).env("DB_WORD", PASSWORD).output().unwrap();
    expect(&output, 0);
    assert!(!text(&output).contains(PASSWORD), "{}", text(&output));
    assert!(text(&output).contains("THRESH_TARGET_PASSWORD=\"${DB_WORD}\""), "{}", text(&output));
    assert_eq!(query(&database.config(), "SELECT count(*) FROM atomic.events"), ["10"]);
    assert_eq!(world.loaded(), event_ids(0..10));
}

#[test]
fn stream_mode() {
    let world = World::on_disk();
    // Another enricher's work: the same events, enriched here, in files of its own.
    world.collect("a", &page_views(0..10));
    expect(&world.run(&["--skip", "shred,archive_raw,rdb_load,archive_enriched,archive_shredded"]), 0);
    let id = world.run_ids("enriched/good").remove(0);
    let enriched = world.snapshot("enriched/good").remove(&format!("run={id}/part-00000.tsv.gz")).unwrap();
    let stream = World::on_disk();
    let folders = stream.path("stream");
    std::fs::create_dir(&folders).unwrap();
    std::fs::write(folders.join("2021-01-01-000000-1.gz"), enriched).unwrap();
    std::fs::write(folders.join("notes.txt"), "x").unwrap();
    let text = std::fs::read_to_string(stream.path("pipeline.toml")).unwrap();
    let text = text.replace("[enriched]\n", &format!("[enriched]\nstream = {:?}\n", folders.display().to_string()));
    let text: String = text.split("[enriched]").skip(1).map(|rest| format!("[enriched]{rest}")).collect();
    std::fs::write(stream.path("pipeline.toml"), text).unwrap();
    expect(&stream.run(&[]), 0);
    assert_eq!(stream.loaded(), event_ids(0..10));
    assert_eq!(std::fs::read_dir(&folders).unwrap().count(), 1, "what is not meant stays");
    assert_eq!(stream.run_ids("archive/enriched").len(), 1);
    // What stays is found again and again, and is no reason to begin a run.
    expect(&stream.run(&[]), 3);
    assert_eq!(stream.data("state/open"), [""; 0]);
    expect(&stream.run(&["--skip", "enrich"]), 1);
}

#[test]
fn several_runs_one_after_another() {
    let world = World::on_disk();
    world.configure("", &format!("\"sqlite:{}\"", world.path("events.db").display()));
    let config = std::fs::read_to_string(world.path("pipeline.toml")).unwrap();
    // One file a run.
    std::fs::write(world.path("pipeline.toml"), config.replace("[run]\n", "[run]\nmax_bytes = \"1\"\n")).unwrap();
    for file in 0..4 {
        world.collect(&format!("{file}"), &page_views(file * 10..file * 10 + 10));
    }
    expect(&world.run(&["--max-runs", "3"]), 0);
    assert_eq!(world.run_ids("archive/raw").len(), 3);
    assert_eq!(world.loaded().len(), 30);
    expect(&world.run(&["--max-runs", "9"]), 0);
    assert_eq!(world.loaded(), event_ids(0..40));
}

#[test]
fn dry_run_prints_the_plan_and_touches_nothing() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..1));
    let before = world.snapshot("");
    let output = world.run(&["--dry-run", "--skip", "analyze"]);
    expect(&output, 0);
    let lines = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = lines.lines().map(|line| line.split('\t').next().unwrap()).collect();
    let expected = [
        "staging",
        "enrich",
        "shred",
        "reconcile",
        "archive_raw",
        "rdb_load:sqlite",
        "archive_enriched",
        "archive_shredded",
    ];
    assert_eq!(names, expected);
    assert_eq!(world.snapshot(""), before);
    assert!(!world.path("events.db").exists());
}

/// The plan is a script: the commands alone, fed to a shell, do the whole run.
#[test]
fn the_plan_runs_on_its_own() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    let plan = world.thresh(&["plan", "--config", "pipeline.toml", "--resolver", "resolver.json", "--run-id", "r-1"]);
    expect(&plan, 0);
    let lines = String::from_utf8(plan.stdout).unwrap();
    let script: String = lines.lines().map(|line| format!("{}\n", line.split_once('\t').unwrap().1)).collect();
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_thresh")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = std::process::Command::new("bash");
    let output = shell.args(["-e", "-c", &script]).env("PATH", path).current_dir(world.path("")).output().unwrap();
    assert_eq!(code(&output), 0, "{}", text(&output));
    assert_eq!(world.loaded(), event_ids(0..5));
    assert_eq!(world.run_ids("archive/shredded"), ["r-1"]);
}

#[test]
fn quickstart_from_nothing_to_answers() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("quickstart");
    let bin = std::path::Path::new(env!("CARGO_BIN_EXE_thresh")).parent().unwrap();
    assert!(std::path::Path::new(env!("CARGO_BIN_EXE_thresh-loadgen")).starts_with(bin));
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/quickstart");
    let run = || {
        let mut quickstart = std::process::Command::new("bash");
        quickstart.arg(&script).arg(&folder).env("THRESH_BIN", bin).env("EVENTS", "300").output().unwrap()
    };
    let output = run();
    expect(&output, 0);
    let said = text(&output);
    for expected in ["== what the runner knows", "page_view", "finished", "tables            "] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    expect(&run(), 1);
}

/// The samples are what they say they are.
#[test]
fn the_sample_configurations_are_right() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let world = World::on_disk();
    for sample in ["config.yml", "pipeline.toml"] {
        let path = examples.join(sample).display().to_string();
        let output = world.thresh(&["lint", "--config", &path]);
        expect(&output, 0);
        assert!(text(&output).contains(&format!("{sample}: valid configuration")), "{}", text(&output));
    }
    let unit = std::fs::read_to_string(examples.join("systemd/thresh.service")).unwrap();
    let cron = std::fs::read_to_string(examples.join("cron/thresh")).unwrap();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let line = cron.lines().find(|line| line.contains("etl-runner run")).unwrap();
    for command in [start, line.split("$(").nth(1).unwrap().split(" 2>&1").next().unwrap()] {
        let words: Vec<&str> = command.split(' ').collect();
        let at = words.iter().position(|word| *word == "run").unwrap();
        let mut arguments: Vec<&str> = words[at + 1..].to_vec();
        arguments.push("--dry-run");
        let output = world.runner_command("run", &arguments).output().unwrap();
        // The arguments are understood; only the configuration that they name is not here.
        expect(&output, 1);
        assert!(text(&output).contains("conf/pipeline.toml: the configuration cannot be read"), "{}", text(&output));
    }
}
