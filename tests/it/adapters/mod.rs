//! Every adapter and event type, from a Clojure collector's log line and from a Thrift record, against golden files.
//!
//! `tests/fixtures/adapters/<adapter>/requests.jsonl` holds one request a line, `expected.txt` what becomes of them.
//! `THRESH_BLESS=1` writes the latter anew.

mod batches;
mod remote;
pub mod runs;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use bumpalo::Bump;
use serde::Deserialize;
use thresh::adapter::{AdapterConfig, AdapterError, AdapterResult, Registry, Tools};
use thresh::iglu::{Checked, ClientError, SelfDescribing, Validator};
use thresh::payload::Context;
use thresh::raw::{Loaded, RawFormat, ThriftContainer, ThriftPayload, load, write_collector_payload};

#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Request {
    name: String,
    #[serde(default)]
    path: String,
    query: Option<String>,
    content_type: Option<String>,
    body: Option<String>,
    /// A line of another format instead of a request.
    line: Option<String>,
    format: Option<String>,
    /// A body without any content type, which only Thrift can tell.
    #[serde(skip)]
    is_untyped: bool,
}

/// Finds everything good: what adapters do is independent of registries.
struct Good;

impl Validator for Good {
    fn check(&mut self, _: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        Ok(Checked { superseded_by: None })
    }
}

#[test]
fn requests_give_what_the_golden_files_say() {
    let registry = Registry::new(&AdapterConfig::default(), None);
    let mut out_of_date = Vec::new();
    for folder in folders() {
        let requests = std::fs::read_to_string(folder.join("requests.jsonl")).unwrap();
        let mut found = String::new();
        for line in requests.lines() {
            let request: Request = serde_json::from_str(line).unwrap();
            writeln!(found, "## {}", request.name).unwrap();
            found.push_str(&outcome(&request, &registry));
            found.push('\n');
        }
        let golden = folder.join("expected.txt");
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
fn every_event_type_has_a_request() {
    let texts = folders().into_iter().map(|folder| std::fs::read_to_string(folder.join("expected.txt")).unwrap());
    let fixtures = texts.collect::<String>();
    // Failures list schemas, too: only events count.
    let events: Vec<&str> =
        fixtures.lines().filter(|line| line.starts_with("ue_pr = ") || line.starts_with("co = ")).collect();
    for info in thresh::adapter::ADAPTERS {
        for row in info.schemas.iter().flat_map(|table| table.rows) {
            let covered = events.iter().any(|event| event.contains(&format!("\"{}\"", row.schema)));
            assert!(covered, "{}: no fixture gives {}", info.title, row.schema);
        }
    }
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/adapters");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn outcome(request: &Request, registry: &Registry) -> String {
    if let (Some(line), Some(format)) = (&request.line, &request.format) {
        return adapted(&format.parse().unwrap(), line.as_bytes(), registry);
    }
    let from_log = adapted(&RawFormat::Tomcat, log_line(request).as_bytes(), registry);
    let from_thrift = adapted(&RawFormat::Thrift(ThriftContainer::Structs), &thrift(request), registry);
    assert_eq!(from_log, from_thrift, "{}", request.name);
    from_log
}

/// A line as the Clojure collector writes it.
fn log_line(request: &Request) -> String {
    let method = if request.body.is_some() { "POST" } else { "GET" };
    let head = format!("2014-09-08 13:59:07 - - 37.157.33.123 {method} - {} 200 - agent", request.path);
    let query = request.query.as_deref().unwrap_or("-");
    let Some(body) = &request.body else { return format!("{head} {query}").replace(' ', "\t") };
    let content_type = request.content_type.as_deref().map_or("-".to_owned(), percent_encoded);
    format!("{head} {query} - - - {content_type} {}", URL_SAFE.encode(body)).replace(' ', "\t")
}

pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn thrift(request: &Request) -> Vec<u8> {
    // A dash in a log line stands for nothing, but as the content type of a body it is one.
    let content_type = request.content_type.as_deref().or(request.body.as_ref().map(|_| "-"));
    let content_type = content_type.filter(|_| !request.is_untyped);
    let payload = ThriftPayload {
        ip_address: Some("37.157.33.123"),
        timestamp: 1_410_184_747_000,
        encoding: Some("UTF-8"),
        collector: Some("clj-tomcat"),
        user_agent: Some("agent"),
        path: Some(&request.path),
        querystring: request.query.as_deref(),
        body: request.body.as_deref(),
        content_type,
        ..ThriftPayload::default()
    };
    let mut record = Vec::new();
    write_collector_payload(&payload, &mut record);
    record
}

/// What becomes of a record, as text.
fn adapted(format: &RawFormat, record: &[u8], registry: &Registry) -> String {
    let arena = Bump::new();
    let payload = match load(format, record, &arena) {
        Loaded::Payload(payload) => payload,
        other => panic!("{}: {other:?}", String::from_utf8_lossy(record)),
    };
    let mut tools = Tools { arena: &arena, validator: &mut Good };
    result_text(registry.to_raw_events(&payload, &mut tools), &payload.context)
}

fn result_text(result: AdapterResult<'_>, context: &Context<'_>) -> String {
    let mut text = String::new();
    match result {
        Ok(events) => {
            for event in events {
                text.push_str("event\n");
                for (name, value) in event.parameters.in_reference_order() {
                    writeln!(text, "{name} = {}", value.unwrap_or("(none)")).unwrap();
                }
                if event.context.timestamp != context.timestamp {
                    writeln!(text, "(timestamp {:?})", event.context.timestamp).unwrap();
                }
                if event.context.useragent != context.useragent {
                    writeln!(text, "(user agent {:?})", event.context.useragent).unwrap();
                }
            }
        }
        Err(AdapterError::Failures(messages)) => {
            for message in messages {
                let mut json = Vec::new();
                message.write_json(&mut json);
                writeln!(text, "failure {}", String::from_utf8(json).unwrap()).unwrap();
            }
        }
        Err(AdapterError::Unexpected(reason)) => writeln!(text, "unexpected {reason}").unwrap(),
    }
    text
}
