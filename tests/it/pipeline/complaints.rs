//! What users of EmrEtlRunner complained about, each as the test that it does not happen here.

use std::io::{Read, Write};

use super::world::{World, bad_lines, event_ids, expect, page_views, text};

/// snowplow/snowplow 3694: `shredded:good` was not emptied, the run reported success, and the next ones did nothing for
/// days.
#[test]
fn complaint_05_a_blocked_pipeline_never_looks_green() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    let failed = world.run_failing_at("archive", &["--skip", "archive_raw,archive_enriched"]);
    expect(&failed, 1);
    assert!(text(&failed).contains("failed in step archive_shredded (exit code 1)"), "{}", text(&failed));
    expect(&world.run_failing_at("archive", &["--skip", "archive_raw,archive_enriched"]), 1);
    let status = world.runner_command("status", &["--alert-age", "0s"]).output().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let late = world.thresh(&["status", "--config", "pipeline.toml", "--alert-age", "0s"]);
    expect(&late, 1);
    assert!(text(&status).contains("failed: archive_shredded"), "{}", text(&status));
    expect(&world.run(&[]), 0);
    expect(&world.thresh(&["status", "--config", "pipeline.toml", "--alert-age", "0s"]), 0);
    assert_eq!(world.loaded(), event_ids(0..5));
}

/// snowplow/snowplow 4032: a run with only bad data failed the whole pipeline.
#[test]
fn complaint_06_a_run_of_only_bad_data_is_a_run() {
    let world = World::on_disk();
    world.collect("a", &bad_lines(9));
    expect(&world.run(&[]), 0);
    let id = world.run_ids("archive/raw").remove(0);
    assert_eq!(world.manifest("archive/enriched", &id).counters.bad_rows, 9);
    assert_eq!(world.manifest("archive/shredded", &id).counters.records_in, 0);
    assert_eq!(world.query("SELECT count_good FROM manifest"), ["0"]);
    assert_eq!(world.query("SELECT count(*) FROM events"), ["0"]);
    // And the next one goes its way.
    world.collect("b", &page_views(0..5));
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..5));
}

/// snowplow/snowplow 3396: the lock was not released when there was nothing to do, and blocked the next run.
#[test]
fn complaint_08_nothing_to_do_leaves_no_lock() {
    let world = World::on_disk();
    let lock = world.path("lock").display().to_string();
    expect(&world.run(&["--lock", &lock]), 3);
    expect(&world.run(&["--lock", &lock]), 3);
    let left: Vec<String> = world.snapshot("").into_keys().collect();
    assert_eq!(left, [""; 0], "and nothing else either");
    world.collect("a", &page_views(0..1));
    expect(&world.run(&["--lock", &lock]), 0);
}

/// snowplow/snowplow 3537: there was no way past a stale lock. Here the lock is one of another machine, of which nobody
/// can tell from here whether its process lives.
#[test]
fn complaint_09_a_stale_lock_says_whose_it_is_and_can_be_broken() {
    let world = World::on_s3();
    world.collect("a", &page_views(0..5));
    let holder = r#"{"host":"old-box","pid":77,"boot":"b","namespace":"n","process_started":"1","since":1600000000000,"command":"etl-runner"}"#;
    let at = world.at("state/claim/_lock.1");
    world.storage.write_all(&at, holder.as_bytes(), thresh::storage::Precondition::None).unwrap();
    let refused = world.run(&[]);
    expect(&refused, 17);
    let said = text(&refused);
    assert!(said.contains("process 77 on old-box since 2020-09-13 12:26:40 UTC"), "{said}");
    assert!(said.contains("--break-lock"), "{said}");
    expect(&world.run(&["--break-lock"]), 0);
    assert_eq!(world.loaded(), event_ids(0..5));
}

/// snowplow/snowplow 3376: the checks for data that is there already blocked legitimate resumes.
#[test]
fn complaint_10_a_resume_is_not_blocked_by_its_own_data() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    expect(&world.run_failing_at("load", &[]), 1);
    assert!(!world.data("enriched/good").is_empty() && !world.data("shredded/good").is_empty());
    world.collect("b", &page_views(5..10));
    expect(&world.run(&["--resume-from", "rdb_load"]), 0);
    assert_eq!(world.loaded(), event_ids(0..5));
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..10));
}

/// snowplow/snowplow 2832: every failed step needed a manual recipe of its own. Here it is the same command for each.
#[test]
fn complaint_11_the_same_command_again_finishes_the_job() {
    let world = World::on_disk();
    let mut expected = 0;
    for command in ["stage", "enrich", "shred", "reconcile", "archive", "load"] {
        world.collect(command, &page_views(expected..expected + 5));
        expected += 5;
        let failed = world.run_failing_at(command, &[]);
        expect(&failed, 1);
        assert!(text(&failed).contains("told to fail"), "the cause is said: {}", text(&failed));
        expect(&world.run(&[]), 0);
        assert_eq!(world.loaded(), event_ids(0..expected), "{command}");
    }
    assert_eq!(world.run_ids("archive/shredded").len(), 6);
    assert_eq!(world.data("processing"), [""; 0]);
}

/// snowplow/snowplow 3477, 2815: mistakes in the configuration gave unreadable dumps, with the secrets in them.
#[test]
fn complaint_17_18_mistakes_are_named_and_secrets_are_not() {
    let world = World::on_disk();
    let sample = include_str!("../../../examples/config.yml");
    let config = sample
        .replace("<%= ENV['AWS_SNOWPLOW_ACCESS_KEY'] %>", "AKIAHUNTER")
        .replace("<%= ENV['AWS_SNOWPLOW_SECRET_KEY'] %>", "hunter2")
        .replace("encrypted: false", "encrypted: maybe")
        .replace("archive: s3://acme-pipeline/raw/archive", "archive:");
    std::fs::write(world.path("config.yml"), &config).unwrap();
    let line = |part: &str| config.lines().position(|line| line.contains(part)).unwrap() + 1;
    for output in [
        world.run(&["--config", "config.yml"]),
        world.runner_command("lint", &["--config", "config.yml"]).output().unwrap(),
    ] {
        expect(&output, 1);
        let said = text(&output);
        let flag =
            format!("line {}: aws.s3.buckets.encrypted: expected true or false, found `maybe`", line("encrypted"));
        assert!(said.contains(&flag), "{said}");
        assert!(
            said.contains(
                "aws.s3.buckets.raw.archive: expected a folder: a path or s3://bucket/prefix/, found nothing"
            ),
            "{said}"
        );
        assert!(!said.contains("hunter2") && !said.contains("AKIAHUNTER"), "{said}");
    }
    // Nor do they show where commands do.
    std::fs::write(
        world.path("config.yml"),
        config.replace("maybe", "true").replace("archive:\n", "archive: s3://acme-pipeline/raw/archive\n"),
    )
    .unwrap();
    let plan = world.thresh(&["plan", "--config", "config.yml", "--environment", "keys"]);
    expect(&plan, 0);
    assert!(!text(&plan).contains("hunter2") && text(&plan).contains("--s3-encryption aes256"), "{}", text(&plan));
    let keys = std::fs::read_to_string(world.path("keys")).unwrap();
    assert_eq!(
        keys,
        "export AWS_ACCESS_KEY_ID=AKIAHUNTER\nexport AWS_SECRET_ACCESS_KEY=hunter2\nunset AWS_SESSION_TOKEN\n"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(world.path("keys")).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

/// snowplow/snowplow 3401, 3551, 3803: after a resume, raw and shredded data were archived under another run id than the
/// enriched; rdb-loader 173: a repeated run got another etl_tstamp.
#[test]
fn complaint_34_43_one_run_id_and_one_time_whatever_happens() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    expect(&world.run_failing_at("enrich", &[]), 1);
    let id = world.run_ids("processing").remove(0);
    // A second, so that whatever asks the clock again gets another answer.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    expect(&world.run_failing_at("shred", &[]), 1);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    expect(&world.run(&["--resume-from", "shred"]), 0);
    for folder in ["archive/raw", "archive/enriched", "archive/shredded", "enriched/bad"] {
        assert_eq!(world.run_ids(folder), [id.as_str()], "{folder}");
    }
    let (date, time) = id.split_at(10);
    let expected = format!("{date} {}", time[1..].replace('-', ":"));
    let found = world.query("SELECT DISTINCT etl_tstamp FROM events");
    assert!(found.len() == 1 && found[0].starts_with(&expected), "{found:?}");
}

/// snowplow/snowplow 2962: the loader took only the first run folder, the others waited or were archived unloaded.
#[test]
fn complaint_45_all_pending_runs_are_loaded_in_order() {
    let world = World::on_disk();
    let waiting = "rdb_load,archive_shredded";
    for part in 0..3 {
        world.collect(&format!("{part}"), &page_views(part * 5..part * 5 + 5));
        expect(&world.run(&["--skip", waiting]), 0);
        std::thread::sleep(std::time::Duration::from_millis(1100));
    }
    let ids = world.run_ids("shredded/good");
    assert_eq!(ids.len(), 3);
    // New data does not go past what waits.
    world.collect("new", &page_views(15..20));
    let blocked = world.run(&["--skip", "archive_enriched"]);
    expect(&blocked, 0);
    expect(&world.run(&["--resume-from", "rdb_load"]), 0);
    assert_eq!(world.loaded(), event_ids(0..20));
    let order = world.query("SELECT base FROM manifest ORDER BY rowid");
    let of_waiting: Vec<String> = ids.iter().map(|id| format!("run={id}/")).collect();
    let found: Vec<&String> = order.iter().filter(|base| of_waiting.iter().any(|id| base.ends_with(id))).collect();
    assert!(found.iter().zip(&of_waiting).all(|(base, id)| base.ends_with(id)), "{order:?}");
    assert_eq!(world.data("shredded/good"), [""; 0]);
}

/// snowplow/snowplow 3130, and O2 of its rules: data of nobody's run is in the way, and nothing is moved.
#[test]
fn foreign_data_stops_a_new_run_with_code_4() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    let put = |name: &str| {
        world.storage.write_all(&world.at(name), b"", thresh::storage::Precondition::None).unwrap();
    };
    // Markers are not data.
    put("processing/_$folder$");
    put("enriched/good/run=2020-01-01-00-00-00_$folder$");
    let leftover = "processing/E1.2020-01-01-00.x";
    world.storage.write_all(&world.at(leftover), &page_views(5..10), thresh::storage::Precondition::None).unwrap();
    let before = world.snapshot("");
    let output = world.run(&[]);
    expect(&output, 4);
    assert!(text(&output).contains("There seems to be an ongoing run of EmrEtlRunner: "), "{}", text(&output));
    assert!(text(&output).contains("--skip staging"), "{}", text(&output));
    assert_eq!(world.snapshot(""), before);
    // The way out that the message names.
    expect(&world.run(&["--skip", "staging"]), 0);
    assert_eq!(world.loaded(), event_ids(5..10));
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..10));
}

/// snowplow/snowplow 3437, dataflow-runner 81: "check the console" was the whole error, and nobody was told.
#[test]
fn complaint_16_47_the_cause_is_told_to_whoever_wants_to_know() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = socket.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&request).into_owned();
            if read == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.ends_with('}')) {
                socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
                return text;
            }
        }
    });
    std::fs::write(world.path("fail-shred"), "").unwrap();
    let mail = world.path("mail");
    std::fs::write(
        world.path("mailer"),
        format!("#!/bin/sh\n{{ echo \"$@\"; cat; }} >{:?}\n", mail.display().to_string()),
    )
    .unwrap();
    let mailer = format!("sh {}", world.path("mailer").display());
    let output = world
        .faulty(&["--mail-to", "ops@acme.com", "--webhook", &url])
        .env("ETL_RUNNER_MAIL", mailer)
        .output()
        .unwrap();
    expect(&output, 1);
    let said = text(&output);
    assert!(said.contains("failed in step shred (exit code 1)") && said.contains("error: told to fail"), "{said}");
    let body: serde_json::Value =
        serde_json::from_str(server.join().unwrap().split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((body["step"].as_str(), body["exit_code"].as_i64()), (Some("shred"), Some(1)));
    assert!(body["message"].as_str().unwrap().contains("told to fail"), "{body}");
    let mail = std::fs::read_to_string(mail).unwrap();
    assert!(
        mail.starts_with("-s etl-runner: run ") && mail.contains("ops@acme.com") && mail.contains("told to fail"),
        "{mail}"
    );
    // That nobody listens any more changes nothing.
    let again = world.faulty(&["--webhook", &url]).output().unwrap();
    expect(&again, 1);
}

/// snowplow/snowplow 3558: an hour was gone before it showed that the run could not succeed.
#[test]
fn complaint_21_what_cannot_be_reached_is_found_before_any_work() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    // A file in the place of a folder, and a database that nobody serves.
    std::fs::write(world.path("data/archive"), "").unwrap();
    let refused = world.run(&["--target", "postgres://me@127.0.0.1:1/x"]);
    expect(&refused, 1);
    let said = text(&refused);
    assert!(said.contains("raw.archive: expected a folder that can be written to, found "), "{said}");
    std::fs::remove_file(world.path("data/archive")).unwrap();
    let refused = world.run(&["--target", "postgres://me@127.0.0.1:1/x"]);
    expect(&refused, 1);
    assert!(text(&refused).contains("postgres://me@127.0.0.1:1/x: no connection to "), "{}", text(&refused));
    assert_eq!(world.data("in"), ["a"]);
    assert_eq!(world.data("state/open"), [""; 0]);
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..5));
}

/// snowplow/snowplow 2832 again: the failure was in the configuration, and the step had begun with it. An object that cannot
/// be read whole is told by exit code 5, and is in the archive.
#[test]
fn complaint_11_a_corrected_configuration_needs_no_cleaning_up() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    let whole = crate::enrich::gzip(&page_views(5..100));
    world.collect("b.gz", &whole[..whole.len() / 2]);
    let config = std::fs::read_to_string(world.path("pipeline.toml")).unwrap();
    let with = |options: &str| {
        let text = config.replace("enrich = [\"--offline\"", &format!("enrich = [{options}, \"--offline\""));
        assert_ne!(text, config);
        std::fs::write(world.path("pipeline.toml"), text).unwrap();
    };
    with("\"--fail-fast\"");
    expect(&world.run(&[]), 1);
    with("\"--bad-format\", \"legacy\"");
    let output = world.run(&[]);
    expect(&output, 5);
    assert!(text(&output).contains("b.gz: "), "{}", text(&output));
    let loaded = world.loaded();
    assert!(loaded.len() > 5 && loaded == event_ids(0..loaded.len()), "what was readable is there");
    let id = world.run_ids("archive/raw").remove(0);
    assert!(world.data("archive/raw").contains(&format!("run={id}/b.gz")));
    assert_eq!(world.manifest("archive/enriched", &id).configuration["bad_format"], "legacy");
    expect(&world.run(&[]), 3);
}

/// O2 and O4 of the rules: run folders of another program, or of a state that was lost, are in the way until they are taken
/// over, each under its own id.
#[test]
fn runs_of_other_programs_are_taken_over() {
    let world = World::on_disk();
    world.collect("new", &page_views(10..15));
    for (id, first) in [("2020-01-01-00-00-00", 0), ("2020-01-02-00-00-00", 5)] {
        std::fs::write(world.path("raw"), page_views(first..first + 5)).unwrap();
        let (good, bad) = (world.at("enriched/good").to_string(), world.at("enriched/bad").to_string());
        let arguments = ["--output", &good, "--bad", &bad, "--run-id", id, "--resolver", "resolver.json", "--offline"];
        expect(&world.thresh(&[&["enrich", "raw"][..], &arguments].concat()), 0);
    }
    let before = world.snapshot("");
    let blocked = world.run(&[]);
    expect(&blocked, 4);
    assert!(text(&blocked).contains("--resume-from shred takes up the runs there"), "{}", text(&blocked));
    assert_eq!(world.snapshot(""), before);
    // Nothing of them was ever staged here.
    expect(&world.run(&["--resume-from", "archive_raw"]), 1);
    // There is no raw data to archive under these ids, and that is fine: it never came by here.
    expect(&world.run(&["--resume-from", "shred"]), 0);
    assert_eq!(world.loaded(), event_ids(0..10));
    assert_eq!(world.run_ids("archive/enriched"), ["2020-01-01-00-00-00", "2020-01-02-00-00-00"]);
    expect(&world.run(&[]), 0);
    assert_eq!(world.loaded(), event_ids(0..15));
}
