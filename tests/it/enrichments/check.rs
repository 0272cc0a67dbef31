//! `--check`, and data files that come over the network.

use serde_json::json;
use thresh::event::Column;

use super::{ENRICHMENTS, Hit, SNOWPLOW, column, command, configure, done};
use crate::enrich::{World, code, stderr, stdout};
use crate::support::http_stub::{Answer, Stub};
use crate::support::s3::FakeS3;

const REFERERS: &str = r#"{"social": {"Friends": {"domains": ["friends.example"]}}}"#;

/// Serves the list of referers with an entity tag.
fn server() -> Stub {
    Stub::start(|asked| match (asked.path.as_str(), asked.header("if-none-match")) {
        ("/lists/referers.json", Some("\"v1\"")) => Answer::new(304, ""),
        ("/lists/referers.json", _) => Answer::new(200, REFERERS).with_header("etag", "\"v1\""),
        _ => Answer::new(404, "nothing here"),
    })
}

fn configure_referers(world: &World, uri: &str) {
    let parameters = json!({"internalDomains": [], "database": "referers.json", "uri": uri});
    configure(world, SNOWPLOW, "referer_parser", "2-0-0", parameters);
}

#[test]
fn a_data_file_is_downloaded_once_and_asked_for_by_its_tag() {
    let stub = server();
    let world = World::new();
    configure_referers(&world, &format!("{}/lists", stub.url));
    for (run_id, origin) in [("r1", "downloaded"), ("r2", "kept copy, unchanged")] {
        let mut check = command(&world, &[Hit::new().with("refr", "http://friends.example/x")]);
        check.arg("--check");
        let said = stdout(&done(check)).to_owned();
        assert!(said.contains("enrichments: 1 of 1 files enabled\n  referer_parser.json  referer_parser\n"), "{said}");
        let file = format!("data files:\n  {}/lists/referers.json  {} B, {origin}\n", stub.url, REFERERS.len());
        assert!(said.contains(&file), "{run_id}: {said}");
        assert!(!world.path("good").exists(), "--check must write nothing");
    }
    done(command(&world, &[Hit::new().with("refr", "http://friends.example/x")]));
    assert_eq!(column(&world.lines("good", "r")[0], Column::refr_source).as_deref(), Some("Friends"));
    let asked = stub.asked();
    let tags: Vec<Option<&str>> = asked.iter().map(|asked| asked.header("if-none-match")).collect();
    assert_eq!(tags, [None, Some("\"v1\""), Some("\"v1\"")]);
    // The copy does when there is no network.
    let mut offline = command(&world, &[Hit::new().with("refr", "http://friends.example/x")]);
    offline.args(["--offline", "--check"]);
    assert!(stdout(&done(offline)).contains("kept copy, not checked against the server"));
    assert_eq!(stub.asked().len(), 3);
}

#[test]
fn a_missing_or_useless_data_file_ends_the_run_before_it_begins() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/bad/referers.json" => Answer::new(200, "not json"),
        _ => Answer::new(404, ""),
    });
    for (folder, reason) in [("missing", "the server answered 404"), ("bad", "referers")] {
        let world = World::new();
        configure_referers(&world, &format!("{}/{folder}", stub.url));
        let output = command(&world, &[Hit::new()]).output().unwrap();
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("referer_parser.json") && said.contains(reason), "{said}");
        assert!(!world.path("good").exists());
    }
}

#[test]
fn data_files_lie_on_s3_too() {
    let service = FakeS3::start();
    service.put("third-party/referers.json", REFERERS);
    let world = World::new();
    let uri = service.at("third-party").to_string();
    configure_referers(&world, &uri);
    for origin in ["downloaded", "kept copy, unchanged"] {
        let mut check = command(&world, &[Hit::new()]);
        check.arg("--check").envs(service.environment()).arg("--s3-path-style");
        let said = stdout(&done(check)).to_owned();
        assert!(said.contains(&format!("{uri}/referers.json")) && said.contains(origin), "{origin}: {said}");
    }
}

#[test]
fn yauaa_is_refused_unless_it_may_be_left_out() {
    let world = World::new();
    configure(&world, ENRICHMENTS, "yauaa_enrichment_config", "1-0-0", json!({"cacheSize": 100}));
    let output = command(&world, &[Hit::new()]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("yauaa") && stderr(&output).contains("--skip-unsupported"), "{}", stderr(&output));
    let mut left_out = command(&world, &[Hit::new()]);
    left_out.arg("--skip-unsupported");
    assert!(stderr(&done(left_out)).contains("yauaa"));
    assert_eq!(world.lines("good", "r").len(), 1);
}
