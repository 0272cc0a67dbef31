//! Logs with known faults → enrich → bad rows → recover → enrich: the events of the same logs without the faults.

use std::cell::Cell;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bumpalo::Bump;
use serde_json::{Value, json};
use thresh::raw::ThriftPayload;
use thresh::recovery::decode_base64;

use super::{BADROWS, World, flows, plain};

#[derive(Clone, Copy, PartialEq)]
pub enum Raw {
    CloudFront,
    Tomcat,
    Thrift,
}

impl Raw {
    fn name(self) -> &'static str {
        match self {
            Raw::CloudFront => "cloudfront",
            Raw::Tomcat => "clj-tomcat",
            Raw::Thrift => "thrift",
        }
    }
}

/// A fault that is known, and so can be undone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// A platform that does not exist, in one event.
    Platform,
    /// The same in every event of a request.
    Platforms,
    /// An entity of a version that does not exist; GET only.
    Version,
    /// A body that lacks its end; POST only.
    Body,
    /// A querystring with a stray percent sign; GET only.
    Query,
}

/// Records of the load generator without faults, one a line (Thrift as base64); the folder gets its schemas too.
pub fn records(world: &World, raw: Raw, events: u32) -> Vec<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresh-loadgen"));
    let events = events.to_string();
    command.arg(world.path("pure")).args(["--format", raw.name(), "--plain", "--events", &events, "--files", "1"]);
    command
        .args(["--bad-share", "0", "--mix", "mixed", "--networks", "64", "--write-registry"])
        .arg(world.path("registry"));
    if raw != Raw::CloudFront {
        command.args(["--post-share", "0.5"]);
    }
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let file = std::fs::read_dir(world.path("pure"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| !path.file_name().unwrap().to_string_lossy().starts_with('_'))
        .unwrap();
    plain(&file).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Changes the querystring and the body of a record.
fn edited(raw: Raw, line: &str, edit: &dyn Fn(&mut String, &mut String)) -> String {
    if raw == Raw::Thrift {
        let arena = Bump::new();
        let bytes = STANDARD.decode(line).unwrap();
        let payload = thresh::raw::read_collector_payload(&bytes, &arena).unwrap();
        let mut query = payload.querystring.unwrap_or_default().to_owned();
        let mut body = payload.body.unwrap_or_default().to_owned();
        edit(&mut query, &mut body);
        let querystring = payload.querystring.map(|_| query.as_str());
        let body = payload.body.map(|_| body.as_str());
        let mut out = Vec::new();
        thresh::raw::write_collector_payload(&ThriftPayload { querystring, body, ..payload }, &mut out);
        return STANDARD.encode(out);
    }
    let mut fields: Vec<String> = line.split('\t').map(str::to_owned).collect();
    let posted = raw == Raw::Tomcat && fields[5] == "POST";
    let mut query = fields[11].clone();
    let mut body = String::new();
    if posted {
        body = String::from_utf8(decode_base64(&fields[16]).unwrap()).unwrap();
    }
    edit(&mut query, &mut body);
    fields[11] = query;
    if posted {
        fields[16] = URL_SAFE_NO_PAD.encode(body);
    }
    fields.join("\t")
}

/// The record with a fault, or as it is if the fault has no place in it.
fn spoilt(raw: Raw, fault: Fault, line: &str) -> String {
    let used = Cell::new(false);
    let result = edited(raw, line, &|query, body| {
        let (old_query, old_body) = (query.clone(), body.clone());
        match fault {
            Fault::Platform | Fault::Platforms => {
                *query = query.replace("&p=web", "&p=wob");
                let times = if fault == Fault::Platform { 1 } else { usize::MAX };
                *body = body.replacen("\"p\":\"web\"", "\"p\":\"wob\"", times);
            }
            Fault::Version => {
                let Some((head, rest)) = query.split_once("&cx=") else { return };
                let end = rest.find('&').unwrap_or(rest.len());
                let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&rest[..end]).unwrap()).unwrap();
                let text = text.replace("web_page/jsonschema/1-0-0", "web_page/jsonschema/1-0-9");
                *query = format!("{head}&cx={}{}", URL_SAFE_NO_PAD.encode(text), &rest[end..]);
            }
            Fault::Body => drop(body.pop()),
            Fault::Query if query.contains("e=") => query.push_str("&zz=100%"),
            Fault::Query => {}
        }
        used.set((&*query, &*body) != (&old_query, &old_body));
    });
    if used.get() { result } else { line.to_owned() }
}

/// A world with the same records in `clean` and, with these faults, in `faulty`; both enriched.
pub struct Trip {
    pub world: World,
    pub raw: Raw,
    resolver: String,
}

impl Trip {
    pub fn new(raw: Raw, events: u32, faults: &[Fault], bad_format: &str) -> Trip {
        let world = World::new();
        let clean = records(&world, raw, events);
        let mut counts = vec![0; faults.len()];
        let spoil = |(index, line): (usize, &String)| {
            // Two of three records have a fault, by turns.
            let Some(kind) = (index % 3 != 0).then_some(index / 3 % faults.len()) else { return line.clone() };
            let result = spoilt(raw, faults[kind], line);
            counts[kind] += usize::from(result != *line);
            result
        };
        let faulty: Vec<String> = clean.iter().enumerate().map(spoil).collect();
        for (fault, count) in faults.iter().zip(&counts) {
            assert!(*count > 5, "{fault:?} is there {count} times only");
        }
        world.write("clean/logs.txt", &(clean.join("\n") + "\n"));
        world.write("faulty/logs.txt", &(faulty.join("\n") + "\n"));
        let resolver = world.path("registry/resolver.json").display().to_string();
        let trip = Trip { world, raw, resolver };
        trip.enrich("clean", "all", "all-bad", &["--format", raw.name()]);
        assert!(trip.world.lines("all-bad/run=r").is_empty());
        trip.enrich("faulty", "good", "bad", &["--format", raw.name(), "--bad-format", bad_format]);
        assert!(!trip.world.lines("bad/run=r").is_empty());
        trip
    }

    pub fn enrich(&self, input: &str, output: &str, bad: &str, more: &[&str]) -> Value {
        let mut arguments = vec!["enrich", input, "--output", output, "--bad", bad, "--resolver", &self.resolver];
        arguments.extend(["--offline", "--etl-tstamp", "1600000000000", "--run-id", "r"]);
        arguments.extend(more);
        self.world.summary(&arguments)
    }

    /// Every event of these folders, sorted.
    pub fn events(&self, folders: &[&str]) -> Vec<String> {
        let mut events: Vec<String> = folders.iter().flat_map(|folder| self.world.lines(folder)).collect();
        events.sort();
        events
    }

    /// The events that were good and those that were mended are those of the clean records.
    pub fn assert_whole(&self, folders: &[&str]) {
        let (expected, found) = (self.events(&["all/run=r"]), self.events(folders));
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected);
        }
        assert_eq!(expected.len(), found.len());
    }

    /// Nothing is left over: every row was recovered, or is discarded because its events are good.
    pub fn assert_nothing_left(&self, summary: &Value) {
        for place in ["failed", "unmatched", "unrecoverable", "discarded_by_script"] {
            assert!(summary["named"].get(place).is_none_or(|count| count == 0), "{place}: {summary}");
        }
    }
}

fn step(path: &str, matched: &str, value: &str) -> Value {
    json!({"op": "Replace", "path": path, "match": matched, "value": value})
}

fn when(path: &str, regex: &str) -> Value {
    json!({"op": "Test", "path": path, "value": {"regex": regex}})
}

/// What undoes the faults in self-describing rows.
pub fn flows_for_rows() -> String {
    let cx = "$.raw.parameters.cx.data.[?(@.schema=~web_page)].schema";
    flows(&json!({
        format!("{BADROWS}/enrichment_failures/jsonschema/*-*-*"): [{
            "name": "platform", "conditions": [when("$.payload.raw.parameters.p", "^\"wob\"$")],
            "steps": [step("$.raw.parameters.p", "^wob$", "web")]}],
        format!("{BADROWS}/schema_violations/jsonschema/*-*-*"): [{
            "name": "version", "conditions": [when("$.failure.messages", "web_page/jsonschema/1-0-9")],
            "steps": [step(cx, "1-0-9", "1-0-0")]}],
        format!("{BADROWS}/tracker_protocol_violations/jsonschema/*-*-*"): [{
            "name": "body", "conditions": [when("$.failure.messages", "invalid json")],
            "steps": [step("$.body", "\\]$", "]}")]}],
        format!("{BADROWS}/collector_payload_format_violation/jsonschema/*-*-*"): [
            // Thrift records are repaired without being asked to; lines of text need a step.
            {"name": "record", "conditions": [when("$.failure.loader", "thrift")], "steps": []},
            {"name": "line", "conditions": [when("$.failure.loader", "cloudfront|clj-tomcat")],
             "steps": [step("$", "&zz=100%", "")]}],
    }))
}

/// What undoes them in legacy rows, as far as flows can: they do not see lines that no loader can read.
fn flows_for_legacy_rows() -> String {
    flows(&json!({format!("{BADROWS}/legacy_bad_row/jsonschema/*-*-*"): [
        {"name": "platform", "conditions": [when("$.payload.querystring.p", "wob")],
         "steps": [{"op": "Replace", "path": "$.querystring.p", "value": "web"}]},
        {"name": "platforms", "conditions": [when("$.payload.body", "wob")],
         "steps": [step("$.body", "\"p\":\"wob\"", "\"p\":\"web\"")]},
        {"name": "version", "conditions": [when("$.payload.querystring.cx.data", "web_page/jsonschema/1-0-9")],
         "steps": [step("$.querystring.cx.data.[?(@.schema=~web_page)].schema", "1-0-9", "1-0-0")]},
        {"name": "body", "conditions": [when("$.payload.body", "\\]\"$")], "steps": [step("$.body", "\\]$", "]}")]},
        {"name": "query", "conditions": [when("$.payload.querystring", "\"zz\"")], "steps": []},
    ]}))
}

/// Events that came through flows and enrichment, Thrift records and lines of text.
fn mend(trip: &Trip, config: &str, more: &[&str]) -> Value {
    trip.world.write("config.json", config);
    let summary = trip.world.recover("bad", &["--config", "config.json"], more);
    trip.assert_nothing_left(&summary);
    trip.enrich("out/run=r", "mended", "still-bad", &[]);
    assert_eq!(trip.world.lines("still-bad/run=r"), Vec::<String>::new());
    let mut folders = vec!["good/run=r", "mended/run=r"];
    if summary["named"].get("recovered_lines").is_some() {
        trip.enrich("out/lines/run=r", "mended-lines", "still-bad-lines", &["--format", trip.raw.name()]);
        assert_eq!(trip.world.lines("still-bad-lines/run=r"), Vec::<String>::new());
        folders.push("mended-lines/run=r");
    }
    trip.assert_whole(&folders);
    summary
}

fn times(summary: &Value, flow: &str) -> u64 {
    summary["named"][format!("flow: {flow}")].as_u64().unwrap_or_default()
}

#[test]
fn cloudfront() {
    let trip = Trip::new(Raw::CloudFront, 300, &[Fault::Platform, Fault::Version, Fault::Query], "v2");
    let summary = mend(&trip, &flows_for_rows(), &[]);
    assert!(times(&summary, "platform") > 5 && times(&summary, "version") > 5 && times(&summary, "line") > 5);

    // In one pass.
    let mut all = vec!["recover", "bad", "--config", "config.json", "--reenrich", "--output", "direct", "--bad"];
    all.extend(["direct-bad", "--failed", "direct-failed", "--unrecoverable", "direct-un", "--run-id", "r"]);
    all.extend(["--resolver", &trip.resolver, "--offline", "--etl-tstamp", "1600000000000"]);
    trip.world.summary(&all);
    trip.assert_whole(&["good/run=r", "direct/run=r"]);
}

const ALL: [Fault; 5] = [Fault::Platform, Fault::Platforms, Fault::Version, Fault::Body, Fault::Query];

#[test]
fn clojure_collector() {
    let trip = Trip::new(Raw::Tomcat, 900, &ALL, "v2");
    let summary = mend(&trip, &flows_for_rows(), &[]);
    assert!(times(&summary, "body") > 5 && times(&summary, "line") > 5);
}

#[test]
fn thrift() {
    let trip = Trip::new(Raw::Thrift, 900, &ALL, "v2");
    let summary = mend(&trip, &flows_for_rows(), &[]);
    assert!(times(&summary, "body") > 5 && times(&summary, "record") > 5);
}

#[test]
fn legacy_rows_of_cloudfront_through_flows() {
    let trip = Trip::new(Raw::CloudFront, 300, &[Fault::Platform, Fault::Version], "legacy");
    mend(&trip, &flows_for_legacy_rows(), &[]);
}

/// Without `--already-good` and `--drop-duplicates` events would come twice: rows hold whole requests.
const ONCE: [&str; 3] = ["--already-good", "good", "--drop-duplicates"];

#[test]
fn legacy_rows_of_the_clojure_collector_through_flows() {
    let faults = [Fault::Platform, Fault::Platforms, Fault::Version, Fault::Body];
    let trip = Trip::new(Raw::Tomcat, 900, &faults, "legacy");
    let summary = mend(&trip, &flows_for_legacy_rows(), &ONCE);
    assert!(summary["named"]["duplicates"].as_u64() > Some(5), "{summary}");
}

#[test]
fn legacy_rows_of_thrift_through_flows() {
    let trip = Trip::new(Raw::Thrift, 900, &ALL, "legacy");
    let summary = mend(&trip, &flows_for_legacy_rows(), &ONCE);
    assert!(summary["named"]["duplicates"].as_u64() > Some(5), "{summary}");
}

#[test]
fn legacy_rows_of_thrift_through_scenarios() {
    let faults = [Fault::Platform, Fault::Platforms, Fault::Version];
    let trip = Trip::new(Raw::Thrift, 900, &faults, "legacy");
    let scenario = |name: &str, error: &str, old: &str, new: &str| json!({"name": name, "error": error, "toReplace": old, "replacement": new, "base64Field": "cx"});
    let config = json!({"schema": "iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/1-0-0", "data": [
        scenario("ReplaceInQueryString", "Field [p]", "p=wob", "p=web"),
        scenario("ReplaceInBody", "Field [p]", "\"p\":\"wob\"", "\"p\":\"web\""),
        scenario("ReplaceInBase64FieldInQueryString", "web_page", "1-0-9", "1-0-0"),
    ]});
    mend(&trip, &config.to_string(), &ONCE);
}

const SCRIPT: &str = r#"
function process(event, errors) {
    var fields = tsvToArray(event);
    fields[11] = fields[11].replace('&p=wob', '&p=web').replace('&zz=100%', '')
        .replace(/&cx=([^&]*)/, function (all, cx) {
            var text = decodeBase64(cx).replace('web_page/jsonschema/1-0-9', 'web_page/jsonschema/1-0-0');
            return '&cx=' + encodeURIComponent(encodeBase64(text));
        });
    if (fields[5] == 'POST') {
        var body = decodeBase64(fields[16]);
        if (body.charAt(body.length - 1) != '}') body += '}';
        fields[16] = encodeBase64(body.replace(/"p":"wob"/g, '"p":"web"'));
    }
    return arrayToTsv(fields);
}
"#;

#[test]
fn legacy_rows_of_text_through_a_script() {
    let cloudfront = [Fault::Platform, Fault::Version, Fault::Query];
    for (raw, faults) in [(Raw::CloudFront, &cloudfront[..]), (Raw::Tomcat, &ALL)] {
        let trip = Trip::new(raw, 600, faults, "legacy");
        trip.world.write("script.js", SCRIPT);
        let summary = trip.world.recover("bad", &["--script", "script.js"], &ONCE);
        trip.assert_nothing_left(&summary);
        trip.enrich("out/run=r", "mended", "still-bad", &["--format", raw.name()]);
        assert_eq!(trip.world.lines("still-bad/run=r"), Vec::<String>::new());
        trip.assert_whole(&["good/run=r", "mended/run=r"]);
    }
}
