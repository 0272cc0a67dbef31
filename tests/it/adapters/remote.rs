//! Remote adapters through the built binary, against a service that answers well or badly.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::{Value, json};
use thresh::event::Column;
use thresh::event::read::split_tsv;

use super::{Request, log_line};
use crate::enrich::{World, code, stderr};
use crate::support::http_stub::{Answer, Stub};

fn request(path: &str, body: &str) -> String {
    log_line(&Request {
        path: path.to_owned(),
        query: Some("a=1&a=2&b".to_owned()),
        content_type: Some("application/json".to_owned()),
        body: Some(body.to_owned()),
        ..Request::default()
    })
}

/// Enriches requests with one remote adapter for `com.acme/v1`.
fn enrich(world: &World, url: &str, lines: &[String], arguments: &[&str]) -> Output {
    let config = json!({"remoteAdapters": {
        "connectionTimeout": "2 seconds",
        "readTimeout": "400 ms",
        "maxConnections": 2,
        "configs": [{"vendor": "com.acme", "version": "v1", "url": url}],
    }});
    std::fs::write(world.path("adapters.json"), config.to_string()).unwrap();
    world.input("requests.log", (lines.join("\n") + "\n").as_bytes());
    let mut command = world.online();
    command.args(["--format", "clj-tomcat", "--run-id", "r", "--adapters", "adapters.json", "in"]);
    command.args(arguments).output().unwrap()
}

#[test]
fn a_service_makes_the_events() {
    let stub = Stub::start(|asked| {
        let payload: Value = serde_json::from_slice(&asked.body).unwrap();
        let name = payload["body"].as_str().unwrap().to_owned();
        let event = |app: &str| json!({"tv": "svc-1", "e": "pv", "p": "srv", "aid": app, "url": "http://x/"});
        Answer::new(200, json!({"events": [event(&name), event("second")]}).to_string())
    });
    let world = World::new();
    let lines = ["one", "two"].map(|body| request("/com.acme/v1", body));
    let output = enrich(&world, &stub.url, &lines, &[]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let good = world.lines("good", "r");
    let column = |line: &str, column| split_tsv(line).unwrap().get(column).unwrap().to_owned();
    let apps: Vec<String> = good.iter().map(|line| column(line, Column::app_id)).collect();
    assert_eq!(apps, ["one", "second", "two", "second"]);
    assert_eq!(column(&good[0], Column::v_tracker), "svc-1");
    assert_eq!(column(&good[0], Column::user_ipaddress), "37.157.33.123");
    assert!(world.lines("bad", "r").is_empty());
    let mut asked: Vec<Value> = stub.asked().iter().map(|asked| serde_json::from_slice(&asked.body).unwrap()).collect();
    asked.sort_by_key(ToString::to_string);
    let expected = |body: &str| json!({"contentType": "application/json", "queryString": {"a": "2", "b": null}, "headers": [], "body": body});
    assert_eq!(asked, [expected("one"), expected("two")]);
}

#[test]
fn a_faulty_service_costs_its_own_payloads_only() {
    let stub = Stub::start(|asked| {
        let payload: Value = serde_json::from_slice(&asked.body).unwrap();
        match payload["body"].as_str().unwrap() {
            "error" => Answer::new(500, "secret details"),
            "garbage" => Answer::new(200, "<html>"),
            "nothing" => Answer { hang_up: true, ..Answer::new(200, "") },
            "slow" => Answer { delay: Duration::from_secs(5), ..Answer::new(200, "{}") },
            "moved" => Answer::new(302, "").with_header("location", "/"),
            _ => Answer::new(200, r#"{"events":[{"tv":"svc-1","e":"pv","p":"srv"}]}"#),
        }
    });
    let world = World::new();
    let bodies = ["error", "good", "garbage", "nothing", "slow", "moved", "good"];
    let mut lines: Vec<String> = bodies.map(|body| request("/com.acme/v1", body)).to_vec();
    lines.push(request("/com.acme/v2", "no adapter"));
    let output = enrich(&world, &stub.url, &lines, &["--threads", "1"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(world.lines("good", "r").len(), 2);
    let failures: Vec<String> = world
        .lines("bad", "r")
        .iter()
        .map(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            assert!(row["schema"].as_str().unwrap().contains("/adapter_failures/"), "{row}");
            let message = &row["data"]["failure"]["messages"][0];
            message.get("expectation").or(message.get("error")).unwrap().as_str().unwrap().to_owned()
        })
        .collect();
    let no_answer = format!("[REMOTE_ADAPTER] could not get response from remote adapter {}: ", stub.url);
    assert_eq!(failures.len(), 6, "{failures:#?}");
    assert_eq!(failures[0], format!("{no_answer}Request failed with status 500"));
    assert!(failures[1].starts_with("[REMOTE_ADAPTER] invalid json: "), "{}", failures[1]);
    assert!(failures[2].starts_with(&no_answer) && failures[3].starts_with(&no_answer), "{failures:#?}");
    assert_eq!(failures[4], format!("{no_answer}Request failed with status 302"));
    assert_eq!(failures[5], "vendor/version combination is not supported");
    // A connection that is closed without an answer is tried once more; nothing else is.
    let tries =
        |body: &str| stub.asked().iter().filter(|asked| String::from_utf8_lossy(&asked.body).contains(body)).count();
    assert_eq!((tries("nothing"), tries("error"), tries("slow")), (2, 1, 1));
}

#[test]
fn offline_leaves_remote_adapters_out() {
    let world = World::new();
    let output = enrich(&world, "http://127.0.0.1:1/", &[request("/com.acme/v1", "x")], &["--offline"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("remote adapters are left out"), "{}", stderr(&output));
    assert!(world.lines("bad", "r")[0].contains("combination is not supported"));
}

#[test]
fn a_wrong_configuration_is_refused_before_anything_is_read() {
    let world = World::new();
    world.input("requests.log", request("/com.acme/v1", "x").as_bytes());
    let refused = |text: &str| {
        std::fs::write(world.path("adapters.json"), text).unwrap();
        let output = world.run(&["--adapters", "adapters.json", "in"]);
        assert_eq!(code(&output), 2);
        assert!(!Path::new(&world.path("good")).exists());
        stderr(&output).to_owned()
    };
    let wrong_uri = refused(r#"{"adaptersSchemas":{"marketo":{"event":"iglu:x"}}}"#);
    assert!(wrong_uri.contains("adapters.json") && wrong_uri.contains("Marketo: Cannot parse schema event: iglu:x"));
    assert!(refused(r#"{"adaptersSchemas":{"marketo":{"evnt":"iglu:x"}}}"#).contains("known keys are event"));
    assert!(refused("remoteAdapters { configs = [] }").contains("HOCON"));
}
