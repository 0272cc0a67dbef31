//! Bad rows that come back from Elasticsearch give the records that the rows themselves give.

use serde_json::{Map, Value, json};

use super::round_trip::{Fault, Raw, Trip, flows_for_rows};
use super::{BADROWS, World, adapter_failure, bad_row, flows};

/// What the Elasticsearch loader makes of a self-describing row (2.1.2): one type for each name.
fn loaded(mut row: Value) -> Value {
    let data = &mut row["data"];
    rename(data, "failure");
    rename(data, "payload");
    if let Some(parameters) = data.pointer_mut("/payload/raw/parameters").filter(|value| !value.is_string()) {
        *parameters = parameters.to_string().into();
    }
    if data["failure"].is_object() {
        for name in ["error", "errors", "message"] {
            rename(&mut data["failure"], name);
        }
        for message in data["failure"].get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
            rename(message, "error");
            if message["message"].is_object() {
                rename(&mut message["message"], "error");
            }
            for name in ["expectedMapping", "json"] {
                if let Some(value) = message.get_mut(name).filter(|value| !value.is_string()) {
                    *value = value.to_string().into();
                }
            }
        }
    }
    row
}

fn rename(value: &mut Value, name: &str) {
    let Some(object) = value.as_object_mut() else { return };
    let ending = match object.get(name) {
        Some(Value::String(_)) => "str",
        Some(Value::Array(_)) => "list",
        _ => return,
    };
    if let Some(moved) = object.shift_remove(name) {
        object.insert(format!("{name}_{ending}"), moved);
    }
}

fn hit(source: Value) -> String {
    json!({"_index": "bad-2021-03-05", "_type": "bad", "_id": "AX", "_score": 1.0, "_source": source}).to_string()
}

/// The records that a folder of bad rows gives, sorted.
fn recovered(world: &World, input: &str, rules: &[&str]) -> Vec<String> {
    let output = format!("{input}-out");
    let places = ["--failed", "exported-failed", "--unrecoverable", "exported-un", "--run-id", input];
    let mut all = vec!["recover", input, "--output", &output, "--output-format", "lines"];
    all.extend(rules.iter().chain(&places));
    world.summary(&all);
    let folder = |name: &str| world.lines(&format!("{name}/run={input}"));
    assert_eq!(folder("exported-failed"), Vec::<String>::new());
    assert_eq!(folder("exported-failed/unmatched"), Vec::<String>::new());
    let mut records: Vec<String> = [folder(&output), folder(&format!("{output}/lines"))].concat();
    records.sort();
    records
}

#[test]
fn self_describing_rows() {
    let faults = [Fault::Platform, Fault::Version, Fault::Body, Fault::Query];
    let trip = Trip::new(Raw::Thrift, 600, &faults, "v2");
    let world = &trip.world;
    world.write("config.json", &flows_for_rows());
    let rows: Vec<Value> = world.lines("bad/run=r").iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let exported: Vec<Value> = rows.into_iter().map(loaded).collect();
    let text = exported.iter().map(ToString::to_string).collect::<String>();
    assert!(text.contains("payload_str") && text.contains("error_str"), "the loader has something to rename");
    let lines = |line: fn(Value) -> String| exported.iter().cloned().map(line).collect::<Vec<_>>().join("\n");
    world.write("hits/a.json", &lines(hit));
    world.write("sources/a.json", &lines(|row| row.to_string()));
    let rules = ["--config", "config.json"];
    let expected = recovered(world, "bad", &rules);
    assert!(expected.len() > 50);
    assert_eq!(recovered(world, "hits", &rules), expected);
    assert_eq!(recovered(world, "sources", &rules), expected);
}

#[test]
fn legacy_rows() {
    let world = World::new();
    let line = "2016-01-01\t00:00:00\t-\t1\t192.0.2.1\tGET\tc\t/i\t200\t-\tUA\te=wrong&p=web\t-";
    let rows = [
        json!({"line": line, "errors": ["an old one"]}),
        json!({"line": line, "errors": [{"level": "error", "message": "m"}], "failure_tstamp": "2016-01-01T00:00:00.000Z"}),
    ];
    world.write("plain/a", &rows.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    world.write("hits/a", &rows.iter().cloned().map(hit).collect::<Vec<_>>().join("\n"));
    world.write("script.js", "function process(event) { return event.replace('wrong', 'pv'); }");
    let rules = ["--script", "script.js"];
    assert_eq!(recovered(&world, "hits", &rules), vec![line.replace("wrong", "pv"); 2]);
    assert_eq!(recovered(&world, "plain", &rules), vec![line.replace("wrong", "pv"); 2]);
}

#[test]
fn rows_that_fail_are_kept_in_their_own_names() {
    let world = World::new();
    let mut row: Value = serde_json::from_str(&adapter_failure("x")).unwrap();
    row["data"]["failure"]["messages"] = json!([{"field": "f", "error_str": "e"}]);
    let listed = bad_row("loader_iglu_error", &json!({"failure_list": [], "payload": Map::new()}));
    world.write("bad/a", &format!("{row}\n{listed}\n"));
    let key = format!("{BADROWS}/adapter_failures/jsonschema/*-*-*");
    let step = json!({"op": "Replace", "path": "$.no.such", "value": "x"});
    let condition = json!({"op": "Test", "path": "$.failure.messages", "value": {"regex": "\"error\":\"e\""}});
    world.write("config.json", &flows(&json!({key: [{"name": "n", "conditions": [condition], "steps": [step]}]})));
    world.recover("bad", &["--config", "config.json"], &[]);
    let failed: Value = serde_json::from_str(&world.lines("failed/run=r")[0]).unwrap();
    assert_eq!(failed["data"]["payload"]["data"]["failure"]["messages"], json!([{"field": "f", "error": "e"}]));
    let lost: Value = serde_json::from_str(&world.lines("unrecoverable/run=r")[0]).unwrap();
    assert_eq!(lost["data"]["payload"]["data"]["failure"], json!([]));
}
