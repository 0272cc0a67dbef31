//! `lint`, `status`, `inspect`, `reconcile`, and the arguments of the runner.

use super::world::{World, bad_lines, expect, page_views, text};

#[test]
fn arguments_that_make_no_sense() {
    let world = World::on_disk();
    for (arguments, expected) in [
        (&["--resume-from", "shred", "--skip", "enrich"][..], "resume-from and skip are mutually exclusive"),
        (&["--resume-from", "staging"], "Invalid option: resume-from can be enrich, shred, "),
        (&["--skip", "s3distcp"], "Invalid option: skip can be staging, "),
        (&["--include", "analyze"], "Invalid option: include can be vacuum, not 'analyze'"),
        (&["--skip", "staging_stream_enrich"], "the configuration has no enriched.stream"),
        (&["--consul", "http://x"], "docs/MIGRATING.md"),
        (&["--max-runs", "0"], "--max-runs"),
        (&["--no-such-thing"], "unknown argument: --no-such-thing"),
        (&["--config", "nowhere.yml"], "nowhere.yml: the configuration cannot be read"),
    ] {
        let output = world.run(arguments);
        expect(&output, 1);
        assert!(text(&output).contains(expected), "{arguments:?}: {}", text(&output));
    }
    assert_eq!(world.snapshot("").len(), 0);
}

#[test]
fn a_step_that_has_nothing_to_begin_with() {
    let world = World::on_disk();
    for (step, expected, said) in [
        ("enrich", 3, "can't resume from enrich"),
        ("shred", 3, "can't resume from shred"),
        ("rdb_load", 3, "can't resume from rdb_load"),
        ("archive_enriched", 1, "No run folders in ["),
        ("archive_shredded", 1, "No run folders in ["),
    ] {
        let output = world.run(&["--resume-from", step]);
        expect(&output, expected);
        assert!(text(&output).contains(said), "{step}: {}", text(&output));
    }
    let output = world.run(&["--skip", "staging"]);
    expect(&output, 3);
    std::fs::remove_dir(world.path("data/in")).unwrap();
    let output = world.run(&[]);
    expect(&output, 1);
    assert!(text(&output).contains("there is no such folder"), "{}", text(&output));
}

#[test]
fn the_configuration_may_come_from_standard_input() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..1));
    let mut runner = world.runner_command("run", &["--config", "-"]);
    runner.stdin(std::fs::File::open(world.path("pipeline.toml")).unwrap());
    expect(&runner.output().unwrap(), 0);
    assert_eq!(world.loaded().len(), 1);
}

#[test]
fn lint_checks_everything_at_once() {
    let world = World::on_disk();
    std::fs::create_dir(world.path("targets")).unwrap();
    std::fs::create_dir(world.path("enrichments")).unwrap();
    let target = |id: &str, host: &str| {
        format!(
            r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage/postgresql_config/jsonschema/1-1-0","data":{{"name":"x","id":"{id}",
            "host":{host},"database":"d","port":5432,"sslMode":"DISABLE","schema":"atomic","username":"u","password":"hunter2","purpose":"ENRICHED_EVENTS"}}}}"#
        )
    };
    std::fs::write(world.path("targets/a.json"), target("1", "\"h\"")).unwrap();
    let anon_ip = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/anon_ip/jsonschema/1-0-0","data":{"vendor":"com.snowplowanalytics.snowplow","name":"anon_ip","enabled":true,"parameters":{"anonOctets":2}}}"#;
    std::fs::write(world.path("enrichments/anon_ip.json"), anon_ip).unwrap();
    let lint = ["--enrichments", "enrichments", "--targets", "targets"];
    let good = world.runner_command("lint", &lint).output().unwrap();
    let said = text(&good);
    assert!(said.contains("resolver.json: Valid Iglu resolver config"), "{said}");
    assert!(said.contains("targets/a.json: valid target"), "{said}");
    assert!(said.contains("pipeline.toml: valid configuration"), "{said}");

    std::fs::write(world.path("targets/b.json"), target("1", "\"h\"")).unwrap();
    std::fs::write(world.path("targets/c.json"), target("2", "7")).unwrap();
    std::fs::write(world.path("enrichments/bad.json"), "{").unwrap();
    std::fs::write(world.path("resolver.json"), r#"{"schema":5}"#).unwrap();
    let config = std::fs::read_to_string(world.path("pipeline.toml")).unwrap();
    std::fs::write(world.path("pipeline.toml"), config.replace("[run]", "[run]\ncompression = \"lzo\"")).unwrap();
    let wrong =
        world.thresh(&[&["lint", "--config", "pipeline.toml", "--resolver", "resolver.json"][..], &lint].concat());
    expect(&wrong, 2);
    let said = text(&wrong);
    for expected in [
        "run.compression: expected gzip or none, found `lzo`",
        "resolver.json: schema: expected a string, found 5",
        "targets/b.json: data.id: expected an id of its own, found 1 of targets/a.json",
        "targets/c.json: `data.host` must be a text",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    expect(&world.thresh(&["lint"]), 2);
}

#[test]
fn status_shows_how_far_each_run_got() {
    for world in [World::on_disk(), World::on_s3()] {
        let status = |world: &World| {
            let output = world.thresh(&["status", "--config", "pipeline.toml", "--summary", "json"]);
            expect(&output, 0);
            let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let runs = json["runs"].as_array().unwrap().clone();
            runs.iter()
                .map(|run| {
                    ["staged", "enriched", "shredded", "loaded", "archived", "state"]
                        .map(|key| run[key].as_str().unwrap().to_owned())
                        .join(" ")
                })
                .collect::<Vec<String>>()
        };
        assert_eq!(status(&world), [""; 0]);
        world.collect("a", &page_views(0..2));
        expect(&world.run_failing_at("enrich", &[]), 1);
        assert_eq!(status(&world), ["done none none none none failed: enrich"]);
        expect(&world.run_failing_at("load", &[]), 1);
        assert_eq!(status(&world), ["done done done none partial failed: rdb_load:sqlite"]);
        expect(&world.run(&[]), 0);
        assert_eq!(status(&world), ["done done done done done finished"]);
    }
}

#[test]
fn inspect_says_what_is_in_every_folder() {
    let world = World::on_disk();
    world.collect("a.gz", &crate::enrich::gzip(&[page_views(0..20), bad_lines(4)].concat()));
    expect(&world.run(&["--skip", "archive_raw,archive_enriched,archive_shredded"]), 0);
    let inspect = |folder: &str| {
        let at = world.at(folder).to_string();
        let output = world.thresh(&["inspect", &at, "--summary", "json"]);
        expect(&output, 0);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let input = &json["inputs"][0];
        assert_eq!((input["runs"].as_u64(), input["runs_without_success"].as_array().unwrap().len()), (Some(1), 0));
        let kinds = input["kinds"].as_array().unwrap().clone();
        kinds
            .iter()
            .map(|kind| {
                let first = kind["times"]["first"].as_str().unwrap_or("-").chars().take(10).collect::<String>();
                format!(
                    "{} {} {} {first}",
                    kind["kind"].as_str().unwrap(),
                    kind["codec"].as_str().unwrap(),
                    kind["records"]
                )
            })
            .collect::<Vec<String>>()
    };
    assert_eq!(inspect("processing"), ["raw cloudfront gzip 24 2013-10-07"]);
    assert_eq!(inspect("enriched/good"), ["enriched gzip 20 2013-10-07"]);
    assert_eq!(inspect("shredded/good"), ["shredded atomic gzip 20 2013-10-07", "shredded tsv gzip 20 2013-10-07"]);
    let bad = inspect("enriched/bad");
    assert!(bad.len() == 1 && bad[0].starts_with("bad collector_payload_format_violation gzip 4 "), "{bad:?}");
    let shown = text(&world.thresh(&["inspect", &world.at("processing").to_string()]));
    assert!(shown.contains("  raw cloudfront, gzip: 24 records in 1 objects; 2013-10-07 23:35:30 to "), "{shown}");
    expect(&world.thresh(&["inspect", "nowhere"]), 3);
}

#[test]
fn reconcile_finds_what_a_step_did_not_take() {
    let world = World::on_disk();
    world.collect("a", &page_views(0..5));
    expect(&world.run(&["--skip", "archive_raw,archive_enriched,archive_shredded"]), 0);
    let id = world.run_ids("processing").remove(0);
    let folder = |name: &str| world.at(name).join(&format!("run={id}"));
    let folders = ["processing", "enriched/good", "shredded/good"].map(|name| folder(name).to_string());
    let arguments: Vec<&str> = ["reconcile"].into_iter().chain(folders.iter().map(String::as_str)).collect();
    let fine = world.thresh(&arguments);
    expect(&fine, 0);
    assert!(text(&fine).contains("enrich → shred: 1 files, ") && text(&fine).contains("5 records"), "{}", text(&fine));
    let at = folder("enriched/good").join("_manifest.json");
    let manifest = String::from_utf8(world.storage.read_all(&at).unwrap()).unwrap();
    let changed = manifest.replace("\"records\": 5\n", "\"records\": 6\n");
    assert_ne!(changed, manifest);
    world.storage.write_all(&at, changed.as_bytes(), thresh::storage::Precondition::None).unwrap();
    let wrong = world.thresh(&arguments);
    expect(&wrong, 1);
    assert!(text(&wrong).contains("enrich wrote 6 records, shred read 5"), "{}", text(&wrong));
}
