//! The command: exit codes, summary, report.

use assert_cmd::Command;

use super::world::World;

fn thresh(world: &World, arguments: &[&str]) -> Command {
    let resolver = world.folder.path().join("resolver.json");
    let config = serde_json::json!({
        "schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
        "data": {"cacheSize": 10, "repositories": [{
            "name": "Local", "priority": 0, "vendorPrefixes": [],
            "connection": {"embedded": {"path": world.folder.path().join("registry")}},
        }]},
    });
    std::fs::write(&resolver, config.to_string()).unwrap();
    let mut command = Command::cargo_bin("thresh").unwrap();
    command.arg("load").arg(world.folder.path().join("shredded")).args(arguments);
    command.arg("--resolver").arg(resolver).env_remove("RUST_LOG");
    command
}

#[test]
fn load_reports_and_repeats() {
    let world = World::on_disk();
    world.plain_run("2021-01-01-00-00-00", "a");
    let target = format!("sqlite:{}", world.folder.path().join("events.db").display());
    let report = world.folder.path().join("report.json");
    let first = thresh(&world, &["--target", &target, "--report", report.to_str().unwrap()]).assert().success();
    let text = String::from_utf8(first.get_output().stdout.clone()).unwrap();
    assert!(text.contains("load: 1 runs loaded, 0 already loaded, 0 failed, 0 incomplete; 6 rows"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(json["runs"][0]["outcome"], "loaded");
    assert_eq!(json["runs"][0]["tables"][0]["rows"], 2);
    let again = thresh(&world, &["--target", &target, "--summary", "json"]).assert().success();
    let json: serde_json::Value = serde_json::from_slice(&again.get_output().stdout).unwrap();
    assert_eq!(json["runs"][0]["outcome"], "already_loaded");
    let dry = format!("sqlite:{}", world.folder.path().join("other.db").display());
    let dry = thresh(&world, &["--target", &dry, "--dry-run"]).assert().success();
    let text = String::from_utf8(dry.get_output().stdout.clone()).unwrap();
    assert!(
        text.contains("INSERT INTO \"manifest\"") && text.contains("1 runs") == text.contains("1 runs loaded"),
        "{text}"
    );
}

#[test]
fn exit_codes() {
    let world = World::on_disk();
    std::fs::create_dir_all(world.folder.path().join("shredded")).unwrap();
    let target = format!("sqlite:{}", world.folder.path().join("events.db").display());
    thresh(&world, &["--target", &target]).assert().code(3);
    thresh(&world, &["--target", "mysql://u@h/d"]).assert().code(2);
    thresh(&world, &["--target", "missing.json"]).assert().code(2);
    world.plain_run("1", "a");
    std::fs::remove_file(world.folder.path().join("shredded/run=1/shredding_complete.json")).unwrap();
    let incomplete = thresh(&world, &["--target", &target]).assert().code(1);
    let text = String::from_utf8(incomplete.get_output().stderr.clone()).unwrap();
    assert!(text.contains("has no shredding_complete.json") && text.contains("--allow-incomplete"), "{text}");
    thresh(&world, &["--target", &target, "--allow-incomplete"]).assert().success();
}
