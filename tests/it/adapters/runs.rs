//! Full runs through the built binary: the requests of every adapter as a Clojure collector's log, as Thrift records and,
//! where a request is a line of another format, in that format.
//!
//! `tests/fixtures/adapters/<adapter>/enriched.txt` holds what a run writes: the columns of every enriched event, every bad
//! row, and the errors of the same bad rows in their legacy form. `THRESH_BLESS=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thresh::event::Column;
use thresh::event::read::split_tsv;
use thresh::iglu::SchemaKey;

use super::{Request, folders, log_line, thrift};
use crate::enrich::{World, code, stderr};

/// Columns that are different in every run or release.
const VOLATILE: [Column; 2] = [Column::event_id, Column::v_etl];

/// A world whose registry has these schemas.
pub fn world_with<'s>(schemas: impl IntoIterator<Item = (&'s str, Value)>) -> World {
    let world = World::new();
    for (uri, schema) in schemas {
        let key = SchemaKey::parse(uri).unwrap_or_else(|_| panic!("{uri}"));
        let folder = world.path("registry/schemas").join(key.vendor).join(key.name).join(key.format);
        std::fs::create_dir_all(&folder).unwrap();
        let mut document = json!({
            "$schema": "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#",
            "self": {
                "vendor": key.vendor, "name": key.name, "format": key.format, "version": key.version.to_string(),
            },
        });
        document.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        std::fs::write(folder.join(key.version.to_string()), document.to_string()).unwrap();
    }
    let resolver = json!({
        "schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
        "data": {"cacheSize": 500, "repositories": [
            {"name": "Test", "priority": 0, "vendorPrefixes": [], "connection": {"embedded": {"path": "registry"}}},
        ]},
    });
    std::fs::write(world.path("resolver.json"), resolver.to_string()).unwrap();
    world
}

#[test]
fn runs_give_what_the_golden_files_say() {
    let world = world_with(all_schemas().iter().map(|uri| (uri.as_str(), json!({}))));
    let mut out_of_date = Vec::new();
    for folder in folders() {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let requests = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap();
        let requests: Vec<Request> = requests.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let found = results(&world, name, &requests);
        let golden = folder.join("enriched.txt");
        if std::env::var_os("THRESH_BLESS").is_some() {
            std::fs::write(&golden, &found).unwrap();
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != found {
            out_of_date.push(golden);
        }
    }
    assert!(out_of_date.is_empty(), "other results than in {out_of_date:?}; THRESH_BLESS=1 takes them over");
}

#[test]
fn every_event_type_is_enriched_from_both_collectors() {
    for info in thresh::adapter::ADAPTERS {
        for row in info.schemas.iter().flat_map(|table| table.rows) {
            let mut formats = BTreeSet::new();
            for folder in folders() {
                formats
                    .extend(formats_with(&std::fs::read_to_string(folder.join("enriched.txt")).unwrap(), row.schema));
            }
            assert!(formats.contains("thrift"), "{}: no Thrift record gives {}", info.title, row.schema);
            // Urban Airship demands that there is no content type; a log line with a body always has one.
            let from_log = if info.title == "Urban Airship Connect" { "ndjson" } else { "clj-tomcat" };
            assert!(formats.contains(from_log), "{}: no line of {from_log} gives {}", info.title, row.schema);
        }
    }
}

/// The formats in whose runs an enriched event has a schema.
fn formats_with(golden: &str, schema: &str) -> BTreeSet<String> {
    let quoted = format!("\"{schema}\"");
    let mut formats = BTreeSet::new();
    let mut current: Vec<String> = Vec::new();
    for line in golden.lines() {
        if let Some(names) = line.strip_prefix("# ") {
            let names = names.split(", ");
            current = names.map(|name| name.split('/').next().unwrap_or_default().to_owned()).collect();
        }
        let is_event = line.starts_with("unstruct_event = ") || line.starts_with("contexts = ");
        if is_event && line.contains(&quoted) {
            formats.extend(current.iter().cloned());
        }
    }
    formats
}

/// Every schema of the adapters' tables, and those that requests bring.
fn all_schemas() -> BTreeSet<String> {
    let rows = thresh::adapter::ADAPTERS.iter().flat_map(|info| info.schemas).flat_map(|table| table.rows);
    let mut uris: BTreeSet<String> = rows.map(|row| row.schema.to_owned()).collect();
    uris.insert("iglu:com.acme/campaign/jsonschema/1-0-1".to_owned());
    uris.insert("iglu:com.acme/x/jsonschema/1-0-0".to_owned());
    uris.insert("iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0".to_owned());
    uris
}

/// The results of all formats, those with the same result together.
fn results(world: &World, name: &str, requests: &[Request]) -> String {
    let mut formats: Vec<(String, Vec<u8>)> = Vec::new();
    let mut lines = |format: &str, line: String| {
        let at = formats.iter().position(|(known, _)| known == format).unwrap_or_else(|| {
            formats.push((format.to_owned(), Vec::new()));
            formats.len() - 1
        });
        formats[at].1.extend_from_slice(line.as_bytes());
        formats[at].1.push(b'\n');
    };
    for request in requests {
        let request = &as_posted(request);
        lines("clj-tomcat", log_line(request));
        lines("thrift", STANDARD.encode(thrift(request)));
    }
    for request in requests {
        if let (Some(line), Some(format)) = (&request.line, &request.format) {
            lines(format, line.clone());
        }
    }
    let mut sections: Vec<(Vec<String>, String)> = Vec::new();
    for (format, input) in formats {
        let found = run(world, name, &format, &input);
        match sections.iter_mut().find(|(_, known)| *known == found) {
            Some((names, _)) => names.push(format),
            None => sections.push((vec![format], found)),
        }
    }
    sections.into_iter().map(|(names, found)| format!("# {}\n{found}\n", names.join(", "))).collect()
}

/// A line of another format as a collector would have got it: as a body posted to the path of its adapter.
fn as_posted(request: &Request) -> Request {
    let mut posted = request.clone();
    if let (Some(line), Some(format)) = (request.line.clone(), &request.format) {
        posted.path = format.split_once('/').map(|(_, path)| format!("/{path}")).unwrap();
        posted.body = Some(line);
        posted.is_untyped = true;
    }
    posted
}

/// Enriches an input twice, for both forms of bad rows, and tells what was written.
fn run(world: &World, name: &str, format: &str, input: &[u8]) -> String {
    let id = format!("{name}-{}", format.replace('/', "-"));
    std::fs::create_dir_all(world.path("in")).unwrap();
    let file = format!("in/{id}");
    std::fs::write(world.path(&file), input).unwrap();
    let enrich = |run_id: &str, bad_format: &str| {
        let output = world.run(&[
            "--format",
            format,
            "--etl-tstamp",
            "1500000000000",
            "--run-id",
            run_id,
            "--bad-format",
            bad_format,
            &file,
        ]);
        assert_eq!(code(&output), 0, "{file}: {}", stderr(&output));
    };
    let legacy_id = format!("{id}-legacy");
    enrich(&id, "v2");
    enrich(&legacy_id, "legacy");
    assert_eq!(world.lines("good", &id).len(), world.lines("good", &legacy_id).len());
    let mut text = String::new();
    for line in world.lines("good", &id) {
        push_event(&line, &mut text);
    }
    let (rows, legacy) = (world.lines("bad", &id), world.lines("bad", &legacy_id));
    assert_eq!(rows.len(), legacy.len());
    for (row, legacy) in rows.iter().zip(&legacy) {
        push_bad_row(row, legacy, &mut text);
    }
    text
}

fn push_event(line: &str, text: &mut String) {
    let event = split_tsv(line).unwrap();
    text.push_str("event\n");
    for column in thresh::event::ALL_COLUMNS.into_iter().filter(|column| !VOLATILE.contains(column)) {
        if let Some(value) = event.get(column).filter(|value| !value.is_empty()) {
            writeln!(text, "{} = {value}", column.info().name).unwrap();
        }
    }
}

/// The time of the latest attempt to find a schema is that of the run.
fn without_times(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.shift_remove("lastAttempt");
            members.values_mut().for_each(without_times);
        }
        Value::Array(items) => items.iter_mut().for_each(without_times),
        _ => (),
    }
}

fn push_bad_row(row: &str, legacy: &str, text: &mut String) {
    let mut row: Value = serde_json::from_str(row).unwrap();
    without_times(&mut row);
    let kind = row["schema"].as_str().unwrap().split('/').nth(1).unwrap();
    writeln!(text, "bad row {kind}").unwrap();
    let failure = &row["data"]["failure"];
    let messages = failure.get("messages").or(failure.get("errors")).and_then(Value::as_array);
    for message in messages.unwrap_or_else(|| panic!("{row}")) {
        writeln!(text, "message {message}").unwrap();
    }
    // The payload of a generic error is the record itself, which differs from format to format.
    if kind != "generic_error" {
        writeln!(text, "payload {}", row["data"]["payload"]).unwrap();
    }
    let legacy: Value = serde_json::from_str(legacy).unwrap();
    for error in legacy["errors"].as_array().unwrap() {
        writeln!(text, "legacy {}", error["message"].as_str().unwrap()).unwrap();
    }
}
