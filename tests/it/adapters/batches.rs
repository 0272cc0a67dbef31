//! Large batches of events in one request, through the built binary.

use serde_json::{Value, json};
use thresh::event::Column;
use thresh::event::read::split_tsv;

use super::runs::world_with;
use super::{Request, log_line};
use crate::enrich::{World, code, stderr, stdout};

const EVENTS: usize = 1000;

/// Every so many events one does not fit its schema.
const BAD_EVERY: usize = 97;

fn is_bad(number: usize) -> bool {
    number % BAD_EVERY == BAD_EVERY - 1
}

/// A text address is required; the number tells where an event stood.
fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["email"],
        "properties": {"email": {"type": "string"}, "number": {"type": "integer"}},
    })
}

/// The events of a batch, some without an address.
fn batch(member: impl Fn(usize) -> Value) -> String {
    let events = (0..EVENTS).map(|number| {
        let mut event = member(number);
        event["number"] = number.into();
        if !is_bad(number) {
            event["email"] = format!("user{number}@example.com").into();
        }
        event
    });
    Value::Array(events.collect()).to_string()
}

/// Enriches a request and checks that each event came out once, in order, on the right side.
#[track_caller]
fn check(world: &World, run_id: &str, request: &Request) {
    world.input(run_id, format!("{}\n", log_line(request)).as_bytes());
    let input = format!("in/{run_id}");
    let output = world.run(&["--format", "clj-tomcat", "--run-id", run_id, "--summary", "json", &input]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let summary: Value = serde_json::from_str(stdout(&output)).unwrap();
    let bad_count = (0..EVENTS).filter(|number| is_bad(*number)).count();
    assert_eq!(summary["records_in"], 1, "{summary}");
    assert_eq!(summary["events_good"], EVENTS - bad_count, "{summary}");
    assert_eq!(summary["bad_rows"], bad_count, "{summary}");

    let number_in = |unstruct_event: &str| {
        let event: Value = serde_json::from_str(unstruct_event).unwrap();
        event["data"]["data"]["number"].as_u64().unwrap() as usize
    };
    let lines = world.lines("good", run_id);
    let good = lines.iter().map(|line| number_in(split_tsv(line).unwrap().get(Column::unstruct_event).unwrap()));
    assert_eq!(good.collect::<Vec<_>>(), (0..EVENTS).filter(|number| !is_bad(*number)).collect::<Vec<_>>());

    let rows = world.lines("bad", run_id);
    let bad = rows.iter().map(|row| {
        let row: Value = serde_json::from_str(row).unwrap();
        assert!(row["schema"].as_str().unwrap().contains("/schema_violations/"), "{row}");
        assert_eq!(row["data"]["failure"]["messages"].as_array().unwrap().len(), 1, "{row}");
        let parameters = row["data"]["payload"]["raw"]["parameters"].as_array().unwrap();
        let event = parameters.iter().find(|parameter| parameter["name"] == "ue_pr").unwrap();
        number_in(event["value"].as_str().unwrap())
    });
    assert_eq!(bad.collect::<Vec<_>>(), (0..EVENTS).filter(|number| is_bad(*number)).collect::<Vec<_>>());
}

#[test]
fn a_thousand_events_of_sendgrid() {
    let types = ["open", "click", "delivered"];
    let uris = types.map(|name| format!("iglu:com.sendgrid/{name}/jsonschema/3-0-0"));
    let world = world_with(uris.iter().map(|uri| (uri.as_str(), schema())));
    let body = batch(
        |number| json!({"event": types[number % 3], "timestamp": 1_446_549_615, "sg_event_id": format!("id-{number}")}),
    );
    check(
        &world,
        "sendgrid",
        &Request {
            path: "/com.sendgrid/v3".to_owned(),
            content_type: Some("application/json".to_owned()),
            body: Some(body),
            ..Request::default()
        },
    );
}

#[test]
fn a_thousand_events_of_mandrill() {
    let uris = ["iglu:com.mandrill/message_opened/jsonschema/1-0-1", "iglu:com.mandrill/message_sent/jsonschema/1-0-0"];
    let world = world_with(uris.map(|uri| (uri, schema())));
    let types = ["open", "send"];
    let events = batch(|number| json!({"event": types[number % 2], "ts": 1_415_267_366, "_id": number}));
    let body = format!("mandrill_events={}", super::percent_encoded(&events));
    check(
        &world,
        "mandrill",
        &Request {
            path: "/com.mandrill/v1".to_owned(),
            content_type: Some("application/x-www-form-urlencoded".to_owned()),
            body: Some(body),
            ..Request::default()
        },
    );
}
