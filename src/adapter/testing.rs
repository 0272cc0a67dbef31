//! Requests for the adapters' tests, and results as texts.

use std::sync::LazyLock;

use bumpalo::Bump;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{AdapterConfig, AdapterError, AdapterResult, Registry, Tools};
use crate::iglu::{Checked, ClientError, Report, SelfDescribing, Validator};
use crate::payload::{Api, CollectorPayload, Context, NameValue, RawEvent, Source};

/// A request that owns its texts.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub vendor: String,
    pub version: String,
    pub query: Vec<(String, Option<String>)>,
    pub content_type: Option<String>,
    pub body: Option<String>,
    pub headers: Vec<String>,
}

/// A request without query and body.
pub fn payload(vendor: &str, version: &str) -> Request {
    Request { vendor: vendor.to_owned(), version: version.to_owned(), ..Request::default() }
}

impl Request {
    pub fn query(mut self, pairs: &[(&str, Option<&str>)]) -> Request {
        self.query = pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect();
        self
    }

    pub fn content_type(mut self, content_type: &str) -> Request {
        self.content_type = Some(content_type.to_owned());
        self
    }

    pub fn body(mut self, body: &str) -> Request {
        self.body = Some(body.to_owned());
        self
    }
}

/// Finds every schema good but those whose name is `invalid`.
struct TestValidator;

impl Validator for TestValidator {
    fn check(&mut self, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        if item.key.name != "invalid" {
            return Ok(Checked { superseded_by: None });
        }
        let report = Report {
            message: "$: whatever".to_owned(),
            path: Some("$".to_owned()),
            keyword: Some("type".to_owned()),
            targets: Vec::new(),
        };
        Err(Box::new(ClientError::Data { superseded_by: None, reports: vec![report] }))
    }
}

/// Runs a registry on a request and hands the result to `look`.
pub fn with_result<T>(registry: &Registry, request: &Request, look: impl FnOnce(AdapterResult<'_>) -> T) -> T {
    let arena = Bump::new();
    let query: Vec<NameValue<'_>> =
        request.query.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
    let headers: Vec<&str> = request.headers.iter().map(String::as_str).collect();
    let payload = CollectorPayload {
        api: Api { vendor: &request.vendor, version: &request.version },
        querystring: &query,
        content_type: request.content_type.as_deref(),
        body: request.body.as_deref(),
        source: Source { name: "clj-tomcat", encoding: "UTF-8", hostname: None },
        context: Context {
            timestamp: Some(1_381_175_274_000),
            ip_address: Some("37.157.33.123"),
            useragent: Some("agent"),
            useragent_encoded: true,
            headers: &headers,
            ..Context::default()
        },
    };
    let mut tools = Tools { arena: &arena, validator: &mut TestValidator };
    look(registry.to_raw_events(&payload, &mut tools))
}

/// Runs the built-in adapters on a request.
pub fn run(request: &Request) {
    with_result(built_in(), request, |_| ());
}

fn built_in() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(&AdapterConfig::default(), None));
    &REGISTRY
}

/// The events as texts: `name = value`, one a line, in the reference's order.
#[track_caller]
pub fn events(request: Request) -> Vec<String> {
    with_result(built_in(), &request, |result| match result {
        Ok(events) => events.iter().map(event_text).collect(),
        Err(error) => panic!("no events: {error:?}"),
    })
}

/// An event's parameters as text.
pub fn event_text(event: &RawEvent<'_>) -> String {
    let line = |(name, value): NameValue<'_>| format!("{name} = {}\n", value.unwrap_or("(none)"));
    event.parameters.in_reference_order().into_iter().map(line).collect()
}

/// The JSON inside each event's `ue_pr`, envelopes off.
#[track_caller]
pub fn data(request: Request) -> Vec<String> {
    with_result(built_in(), &request, |result| match result {
        Ok(events) => events.iter().map(data_text).collect(),
        Err(error) => panic!("no events: {error:?}"),
    })
}

fn data_text(event: &RawEvent<'_>) -> String {
    let arena = Bump::new();
    let json = event.parameters.get("ue_pr").unwrap_or("null");
    let outer = crate::json::parse(json, &arena).unwrap();
    let data = outer.get("data").and_then(|inner| inner.get("data")).unwrap();
    data.source().to_owned()
}

/// The failures as JSON.
#[track_caller]
pub fn failures(request: Request) -> Vec<String> {
    with_result(built_in(), &request, |result| match result {
        Err(AdapterError::Failures(messages)) => messages
            .iter()
            .map(|message| {
                let mut out = Vec::new();
                message.write_json(&mut out);
                String::from_utf8(out).unwrap()
            })
            .collect(),
        Err(AdapterError::Unexpected(text)) => panic!("unexpected: {text}"),
        Ok(events) => panic!("{} events", events.len()),
    })
}

/// Whether the request ends where the reference throws.
pub fn is_unexpected(request: Request) -> bool {
    with_result(built_in(), &request, |result| matches!(result, Err(AdapterError::Unexpected(_))))
}

/// Percent-encodes everything but letters and digits.
pub fn encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// Texts a few edits away from a good one.
pub fn mutations(good: &'static str) -> impl Strategy<Value = String> {
    let interesting = prop_oneof![
        proptest::sample::select("{}[]\",:&=;%+#\\0199null-.e \t\n\u{0}éU".chars().collect::<Vec<_>>()),
        any::<char>()
    ];
    proptest::collection::vec((any::<Index>(), 0..4u8, interesting), 1..8).prop_map(move |edits| {
        let mut characters: Vec<char> = good.chars().collect();
        for (place, kind, character) in edits {
            let at = place.index(characters.len() + 1);
            match kind {
                0 => characters.insert(at, character),
                1 if at < characters.len() => characters[at] = character,
                2 if at < characters.len() => drop(characters.remove(at)),
                _ => characters.truncate(at.max(characters.len() / 2)),
            }
        }
        characters.into_iter().collect()
    })
}
