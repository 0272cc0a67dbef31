//! Every configurable enrichment through the built binary: the configuration files that users have, events from a Thrift
//! log, and what is written.

mod alone;
mod check;
#[cfg(all(feature = "mysql", feature = "postgres"))]
mod databases;
mod pii;
mod services;

use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thresh::event::Column;
use thresh::event::read::split_tsv;
use thresh::raw::{ThriftPayload, write_collector_payload};

use crate::adapters::percent_encoded;
use crate::enrich::{World, code, stderr};

pub const SNOWPLOW: &str = "com.snowplowanalytics.snowplow";
pub const ENRICHMENTS: &str = "com.snowplowanalytics.snowplow.enrichments";

/// 6 May 2024, 7:08:09.
pub const TIMESTAMP: i64 = 1_714_979_289_000;

/// One request to the collector.
#[derive(Clone, Default)]
pub struct Hit {
    pub query: Vec<(&'static str, String)>,
    pub headers: Vec<&'static str>,
    pub agent: Option<&'static str>,
    pub ip: Option<&'static str>,
}

impl Hit {
    /// A page view.
    pub fn new() -> Hit {
        let query = [("e", "pv"), ("p", "web"), ("tv", "js-3.0.0"), ("url", "http://shop.com/a")];
        Hit { query: query.map(|(name, value)| (name, value.to_owned())).to_vec(), ..Hit::default() }
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Hit {
        self.query.retain(|(known, _)| *known != name);
        self.query.push((name, value.to_owned()));
        self
    }

    fn line(&self) -> String {
        let query: Vec<String> =
            self.query.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let query = query.join("&");
        let payload = ThriftPayload {
            ip_address: self.ip.or(Some("10.0.0.1")),
            timestamp: TIMESTAMP,
            encoding: Some("UTF-8"),
            collector: Some("ssc"),
            user_agent: self.agent,
            path: Some("/i"),
            querystring: Some(&query),
            headers: Some(&self.headers),
            ..ThriftPayload::default()
        };
        let mut record = Vec::new();
        write_collector_payload(&payload, &mut record);
        STANDARD.encode(record)
    }
}

/// Writes a configuration file as Snowplow has it.
pub fn configure(world: &World, vendor: &str, name: &str, version: &str, parameters: Value) {
    configure_with(world, vendor, name, version, json!({"parameters": parameters}));
}

/// The same, for configurations with more than parameters.
pub fn configure_with(world: &World, vendor: &str, name: &str, version: &str, members: Value) {
    let mut data = json!({"vendor": vendor, "name": name, "enabled": true});
    data.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let config = json!({"schema": format!("iglu:{vendor}/{name}/jsonschema/{version}"), "data": data});
    std::fs::create_dir_all(world.path("enrichments")).unwrap();
    std::fs::write(world.path(&format!("enrichments/{name}.json")), config.to_string()).unwrap();
}

/// A command that enriches hits with what is configured.
pub fn command(world: &World, hits: &[Hit]) -> Command {
    let lines: Vec<String> = hits.iter().map(Hit::line).collect();
    world.input("hits", (lines.join("\n") + "\n").as_bytes());
    let mut command = world.online();
    command.args(["--format", "thrift", "--run-id", "r", "--enrichments", "enrichments", "--summary", "json", "in"]);
    command
}

/// Runs a command that must succeed.
#[track_caller]
pub fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    output
}

/// The summary of a run.
pub fn summary(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A column of an enriched event; an empty one is none.
pub fn column(line: &str, column: Column) -> Option<String> {
    split_tsv(line).unwrap().get(column).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The derived entities of an enriched event: schema and data.
pub fn derived(line: &str) -> Vec<(String, Value)> {
    let Some(text) = column(line, Column::derived_contexts) else { return Vec::new() };
    let contexts: Value = serde_json::from_str(&text).unwrap();
    let entity = |entity: &Value| (entity["schema"].as_str().unwrap().to_owned(), entity["data"].clone());
    contexts["data"].as_array().unwrap().iter().map(entity).collect()
}

/// The failures of a bad row: identifier of the enrichment, and the message.
pub fn failures(row: &str) -> Vec<(String, Value)> {
    let row: Value = serde_json::from_str(row).unwrap();
    let messages = row["data"]["failure"]["messages"].as_array().unwrap_or_else(|| panic!("{row}"));
    let failure = |failure: &Value| {
        let identifier = failure["enrichment"]["identifier"].as_str().unwrap_or_default();
        (identifier.to_owned(), failure["message"].clone())
    };
    messages.iter().map(failure).collect()
}
