//! Remote adapters: HTTP services that turn payloads into events.
//!
//! Contract: snowplow/enrich 3.9.0, `adapters/registry/RemoteAdapter.scala`; retries: `modules/common-fs2/.../Clients.scala`.

mod http;

use std::sync::Arc;
use std::time::Duration;

pub use http::HttpRemoteClient;

use super::helpers::standard::json_text;
use super::{Adapter, AdapterResult, Tools};
use crate::badrow::Message;
use crate::json::{Value, parse, write_string};
use crate::payload::{CollectorPayload, Parameters, RawEvent};

/// What a service answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteError {
    /// The client's words.
    pub message: String,
    /// The connection was closed before a response came: worth one more try.
    pub closed_early: bool,
}

/// Reaches remote services. Blocks; time-outs are the client's business.
pub trait RemoteClient: Send + Sync {
    /// Posts a JSON text (`content-type: application/json`, `accept: */*`).
    fn post_json(&self, url: &str, body: &str) -> Result<RemoteResponse, RemoteError>;
}

/// How long to wait before the second try.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The adapter of one service.
pub(super) struct RemoteAdapter {
    url: String,
    client: Arc<dyn RemoteClient>,
}

impl RemoteAdapter {
    /// An adapter that posts payloads to `url`.
    pub(super) fn new(url: String, client: Arc<dyn RemoteClient>) -> RemoteAdapter {
        RemoteAdapter { url, client }
    }

    fn post(&self, body: &str) -> Result<RemoteResponse, RemoteError> {
        match self.client.post_json(&self.url, body) {
            Err(error) if error.closed_early => {
                std::thread::sleep(RETRY_AFTER);
                self.client.post_json(&self.url, body)
            }
            result => result,
        }
    }

    fn no_response<'a>(&self, reason: &str) -> Message<'a> {
        let url = &self.url;
        let text = format!("[REMOTE_ADAPTER] could not get response from remote adapter {url}: {reason}");
        Message::input("body", None, text)
    }
}

impl Adapter for RemoteAdapter {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let Some(body) = payload.body.filter(|body| !body.is_empty()) else {
            let text = format!("empty body: not a valid remote adapter {} payload", self.url);
            return Err(Message::input("body", None, text).into());
        };
        let request = json_text(tools.arena, |out| write_request(payload, body, out));
        let response = self.post(request).map_err(|error| self.no_response(&error.message))?;
        if !(200..300).contains(&response.status) {
            return Err(self.no_response(&format!("Request failed with status {}", response.status)).into());
        }
        events(payload, tools.arena.alloc_str(&response.body), tools)
    }
}

fn write_request(payload: &CollectorPayload<'_>, body: &str, out: &mut Vec<u8>) {
    let optional = |text: Option<&str>, out: &mut Vec<u8>| match text {
        Some(text) => write_string(text, out),
        None => out.extend_from_slice(b"null"),
    };
    out.extend_from_slice(br#"{"contentType":"#);
    optional(payload.content_type, out);
    out.extend_from_slice(br#","queryString":{"#);
    let query = Parameters::from_pairs(payload.querystring);
    for (at, (name, value)) in query.in_reference_order().into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        optional(value, out);
    }
    out.extend_from_slice(br#"},"headers":["#);
    for (at, header) in payload.context.headers.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(header, out);
    }
    out.extend_from_slice(br#"],"body":"#);
    write_string(body, out);
    out.push(b'}');
}

/// The events of a response: objects whose values are texts.
fn events<'a>(payload: &CollectorPayload<'a>, response: &'a str, tools: &Tools<'a, '_>) -> AdapterResult<'a> {
    let json = parse(response, tools.arena).map_err(|error| Message::NotJson {
        field: "body".into(),
        value: Some(response.into()),
        error: format!("[REMOTE_ADAPTER] invalid json: {error}").into(),
    })?;
    let failure = |text: String| Message::input("body", Some(response), format!("[REMOTE_ADAPTER] {text}"));
    let list = decoded(json, tools)
        .map_err(|reason| failure(format!("could not be decoded as a list of json objects: {reason}")))?;
    if list.is_empty() {
        return Err(failure("empty list of events".to_owned()).into());
    }
    Ok(list.into_iter().map(|parameters| RawEvent::from_payload(payload, parameters)).collect())
}

fn decoded<'a>(json: Value<'a>, tools: &Tools<'a, '_>) -> Result<Vec<Parameters<'a>>, String> {
    let Some(list) = json.get("events") else {
        return Err("Attempt to decode value on failed cursor: DownField(events)".to_owned());
    };
    if !list.is_array() {
        return Err("C[A]: DownField(events)".to_owned());
    }
    let mut events = Vec::new();
    for (index, element) in list.elements().enumerate() {
        let place = || format!("{}DownArray,DownField(events)", "MoveRight,".repeat(index));
        if !element.is_object() {
            return Err(format!("[K, V]Map[K, V]: {}", place()));
        }
        let mut parameters = Parameters::with_capacity(element.len());
        for (key, value) in element.members() {
            let Some(text) = value.as_str_in(tools.arena) else {
                return Err(format!("String: DownField({key}),{}", place()));
            };
            parameters.insert(tools.arena.alloc_str(&key), Some(text));
        }
        events.push(parameters);
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;
    use crate::adapter::testing::{Request, event_text, mutations, payload, with_result};
    use crate::adapter::{AdapterConfig, AdapterError, Registry, RemoteService};

    /// Answers from a list and remembers what it was asked.
    #[derive(Default)]
    struct Service {
        answers: Mutex<Vec<Result<RemoteResponse, RemoteError>>>,
        asked: Mutex<Vec<String>>,
    }

    impl RemoteClient for Service {
        fn post_json(&self, url: &str, body: &str) -> Result<RemoteResponse, RemoteError> {
            assert_eq!(url, "http://svc/");
            self.asked.lock().unwrap().push(body.to_owned());
            self.answers.lock().unwrap().remove(0)
        }
    }

    fn registry(answers: Vec<Result<RemoteResponse, RemoteError>>) -> (Registry, Arc<Service>) {
        let service = Arc::new(Service { answers: Mutex::new(answers), ..Service::default() });
        let mut config = AdapterConfig::default();
        for vendor in ["com.acme", "com.hubspot"] {
            let url = if vendor == "com.acme" { "http://old/" } else { "http://svc/" };
            let entry = RemoteService { vendor: vendor.to_owned(), version: "v1".to_owned(), url: url.to_owned() };
            config.remote.services.push(entry);
        }
        let last = RemoteService { vendor: "com.acme".into(), version: "v1".into(), url: "http://svc/".into() };
        config.remote.services.push(last);
        (Registry::new(&config, Some(service.clone())), service)
    }

    fn ok(body: &str) -> Result<RemoteResponse, RemoteError> {
        Ok(RemoteResponse { status: 200, body: body.to_owned() })
    }

    fn request() -> Request {
        let mut request = payload("com.acme", "v1").body(r#"[{"anonymous":-0.3}]"#);
        request.headers = vec!["testHeader: testValue".to_owned()];
        request
    }

    fn outcome(answers: Vec<Result<RemoteResponse, RemoteError>>) -> String {
        with_result(&registry(answers).0, &request(), text)
    }

    fn text(result: AdapterResult<'_>) -> String {
        match result {
            Ok(events) => events.iter().map(event_text).collect::<Vec<_>>().join("--\n"),
            Err(AdapterError::Failures(messages)) => {
                let mut out = Vec::new();
                messages.iter().for_each(|message| message.write_json(&mut out));
                String::from_utf8(out).unwrap()
            }
            Err(AdapterError::Unexpected(text)) => text,
        }
    }

    #[test]
    fn the_service_makes_the_events() {
        let answer = ok(r#"{"events":[{"tv":"svc-v0.1","e":"ue","p":"srv","ue_pr":"{…}"},{}],"error":null}"#);
        let (registry, service) = registry(vec![answer]);
        let text = with_result(&registry, &request(), text);
        assert_eq!(text, "tv = svc-v0.1\ne = ue\np = srv\nue_pr = {…}\n--\n");
        let expected = r#"{"contentType":null,"queryString":{},"headers":["testHeader: testValue"],"body":"[{\"anonymous\":-0.3}]"}"#;
        assert_eq!(*service.asked.lock().unwrap(), [expected]);
    }

    #[test]
    fn it_replaces_a_built_in_adapter_and_gets_the_query() {
        let (registry, service) = registry(vec![ok(r#"{"events":[{"e":"pv"}]}"#)]);
        let query = [("a", Some("1")), ("b", None), ("a", Some("2"))];
        let request = payload("com.hubspot", "v1").query(&query).content_type("x").body("{}");
        assert_eq!(with_result(&registry, &request, text), "e = pv\n");
        let expected = r#"{"contentType":"x","queryString":{"a":"2","b":null},"headers":[],"body":"{}"}"#;
        assert_eq!(*service.asked.lock().unwrap(), [expected]);
    }

    #[test]
    fn only_an_early_close_is_tried_again_and_only_once() {
        let failed = |closed_early| Err(RemoteError { message: "boom".to_owned(), closed_early });
        assert_eq!(outcome(vec![failed(true), ok(r#"{"events":[{"e":"pv"}]}"#)]), "e = pv\n");
        let expected = r#"{"field":"body","value":null,"expectation":"[REMOTE_ADAPTER] could not get response from remote adapter http://svc/: boom"}"#;
        assert_eq!(outcome(vec![failed(true), failed(true)]), expected);
        assert_eq!(outcome(vec![failed(false)]), expected);
        let status = Ok(RemoteResponse { status: 500, body: "secret".to_owned() });
        assert_eq!(
            outcome(vec![status]),
            r#"{"field":"body","value":null,"expectation":"[REMOTE_ADAPTER] could not get response from remote adapter http://svc/: Request failed with status 500"}"#
        );
    }

    #[test]
    fn answers_that_are_no_events() {
        let input = |response: &str, text: &str| {
            let value = serde_json::to_string(response).unwrap();
            format!(r#"{{"field":"body","value":{value},"expectation":"[REMOTE_ADAPTER] {text}"}}"#)
        };
        let response = r#"{"error":"", "events":[]}"#;
        assert_eq!(outcome(vec![ok(response)]), input(response, "empty list of events"));
        for (response, reason) in [
            ("{}", "Attempt to decode value on failed cursor: DownField(events)"),
            (r#"{"events":"x"}"#, "C[A]: DownField(events)"),
            (r#"{"events":[{"a":1}]}"#, "String: DownField(a),DownArray,DownField(events)"),
            (r#"{"events":[{},{"a":null}]}"#, "String: DownField(a),MoveRight,DownArray,DownField(events)"),
        ] {
            let text = format!("could not be decoded as a list of json objects: {reason}");
            assert_eq!(outcome(vec![ok(response)]), input(response, &text));
        }
        assert_eq!(
            outcome(vec![ok("{")]),
            r#"{"field":"body","value":"{","error":"[REMOTE_ADAPTER] invalid json: exhausted input"}"#
        );
        let no_body = with_result(&registry(Vec::new()).0, &payload("com.acme", "v1").body(""), text);
        assert_eq!(
            no_body,
            r#"{"field":"body","value":null,"expectation":"empty body: not a valid remote adapter http://svc/ payload"}"#
        );
    }

    proptest! {
        #[test]
        fn no_answer_panics(any in any::<String>(), mutated in mutations(r#"{"events":[{"e":"pv","tv":"x"}]}"#)) {
            outcome(vec![ok(&any)]);
            outcome(vec![ok(&mutated)]);
        }
    }
}
