//! Cases of adapters: a collector payload, and the events or failures that it must give.
//!
//! Texts that hold JSON are compared as JSON. Cases of r117 expect the wordings of legacy bad rows. Functions inside the
//! reference's adapters are called through a whole payload where that shows what they do.

use std::sync::{Arc, Mutex};

use bumpalo::Bump;
use serde_json::{Map, Value, json};
use thresh::adapter::{
    AdapterConfig, AdapterError, Registry, RemoteClient, RemoteError, RemoteResponse, RemoteService, Tools,
};
use thresh::badrow::legacy::{Origin, texts};
use thresh::event::time::instant_text;
use thresh::iglu::{Resolver, ResolverOptions};
use thresh::payload::{Api, CollectorPayload, Context, NameValue, Parameters, RawEvent, Source};

use super::{Answer, matcher};

/// Answers a case of the area `adapter`.
pub fn answer(case: &Value) -> Answer {
    let input = &case["input"];
    if input.get("call").is_some() {
        return function(case);
    }
    let Some(mut request) = Request::of(input) else { return Answer::Unmapped("a payload computed by the reference") };
    let id = case["id"].as_str().unwrap_or_default();
    if id.contains("RemoteAdapterSpec") {
        request.response = service_response(&case["expect"]);
    }
    if id.contains("custom-schema") {
        // The reference's test configures this in its code.
        let schemas = json!({"sendgrid": {"processed": "iglu:com.custom/processed/jsonschema/1-2-3"}});
        request.overrides = Some(json!({"adaptersSchemas": schemas}).to_string());
    }
    if case["expect"].to_string().contains("<fn>") {
        return Answer::Unmapped("a function as argument");
    }
    let is_legacy = case["profile"] == "legacy-bad-rows";
    request.run(|payload, result| match judged(&case["expect"], payload, result, is_legacy) {
        differences if differences.is_empty() => Answer::Met,
        differences => Answer::Differs(differences),
    })
}

/// A payload that owns its texts, and what its adapter needs to know.
#[derive(Default)]
struct Request {
    vendor: String,
    version: String,
    query: Vec<(String, Option<String>)>,
    content_type: Option<String>,
    body: Option<String>,
    headers: Vec<String>,
    is_line: bool,
    /// What a remote service answers.
    response: Option<String>,
    /// The text of an adapter configuration.
    overrides: Option<String>,
}

type Outcome<'r, 'a> = &'r Result<Vec<RawEvent<'a>>, AdapterError<'a>>;

impl Request {
    fn of(input: &Value) -> Option<Request> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(loader) = input["loader"].as_object() {
            let (vendor, version) = loader["on"]["adapter"].as_str()?.split_once('/')?;
            let body = text(&loader["args"][0]);
            return Some(Request { body, is_line: true, ..Request::to(vendor, version) });
        }
        let payload = input["payload"].as_object()?;
        let pairs = payload["querystring"].as_array()?;
        // The reference's tests call adapters directly, some with a path that leads elsewhere.
        let (vendor, version) = (payload["api"]["vendor"].as_str()?, payload["api"]["version"].as_str()?);
        let (vendor, version) = match (input["adapter"].as_str()?, vendor) {
            (_, "com.google.analytics.measurement-protocol") => ("com.google.analytics", "v1"),
            ("RedirectAdapter", _) => ("r", "tp2"),
            _ => (vendor, version),
        };
        Some(Request {
            query: pairs
                .iter()
                .map(|pair| if pair[1].is_object() { None } else { Some((text(&pair[0])?, text(&pair[1]))) })
                .collect::<Option<_>>()?,
            content_type: text(&payload["contentType"]),
            body: text(&payload["body"]),
            headers: payload["context"]["headers"].as_array().into_iter().flatten().filter_map(text).collect(),
            ..Request::to(vendor, version)
        })
    }

    fn to(vendor: &str, version: &str) -> Request {
        Request { vendor: vendor.to_owned(), version: version.to_owned(), ..Request::default() }
    }

    fn post(vendor: &str, version: &str, content_type: Option<&str>, body: &str) -> Request {
        let (content_type, body) = (content_type.map(str::to_owned), Some(body.to_owned()));
        Request { content_type, body, ..Request::to(vendor, version) }
    }

    fn run<T>(&self, look: impl FnOnce(&CollectorPayload<'_>, Outcome<'_, '_>) -> T) -> T {
        let mut config = AdapterConfig::default();
        if let Some(text) = &self.overrides {
            config = AdapterConfig::parse(text).expect("a configuration of adapters");
        }
        let mut client = None;
        if let Some(response) = &self.response {
            let (vendor, version) = (self.vendor.clone(), self.version.clone());
            config.remote.services.push(RemoteService { vendor, version, url: "http://service/".to_owned() });
            let service = Service { response: response.clone(), asked: Mutex::default() };
            client = Some(Arc::new(service) as Arc<dyn RemoteClient>);
        }
        let registry = Registry::new(&config, client);
        let resolver = Resolver::default_central(ResolverOptions { offline: true, ..ResolverOptions::default() });
        let mut validator = Resolver::client(&Arc::new(resolver));
        let arena = Bump::new();
        let query: Vec<NameValue<'_>> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
        let headers: Vec<&str> = self.headers.iter().map(String::as_str).collect();
        let context = Context {
            timestamp: Some(1_377_735_528_000),
            ip_address: Some("37.157.33.123"),
            headers: &headers,
            ..Context::default()
        };
        let payload = CollectorPayload {
            api: Api { vendor: &self.vendor, version: &self.version },
            querystring: &query,
            content_type: self.content_type.as_deref(),
            body: self.body.as_deref(),
            source: Source { name: "clj-tomcat", encoding: "UTF-8", hostname: None },
            context: if self.is_line { Context::default() } else { context },
        };
        let result = registry.to_raw_events(&payload, &mut Tools { arena: &arena, validator: &mut validator });
        look(&payload, &result)
    }
}

/// A remote service that always answers the same.
struct Service {
    response: String,
    asked: Mutex<Vec<String>>,
}

impl RemoteClient for Service {
    fn post_json(&self, _url: &str, body: &str) -> Result<RemoteResponse, RemoteError> {
        self.asked.lock().unwrap().push(body.to_owned());
        Ok(RemoteResponse { status: 200, body: self.response.clone() })
    }
}

/// The answer with which the service of the reference's test would lead to the expected events.
fn service_response(expect: &Value) -> Option<String> {
    let events = expect["events"].as_array()?;
    let parameters: Vec<&Value> = events.iter().map(|event| &event["parameters"]).collect();
    Some(json!({"events": parameters, "error": null}).to_string())
}

/// What differs between an expectation and a result.
fn judged(expect: &Value, payload: &CollectorPayload<'_>, result: Outcome<'_, '_>, is_legacy: bool) -> Vec<String> {
    let mut differences = Vec::new();
    if let Some(wanted) = expect["outcome"].as_str() {
        let found = if result.is_ok() { "events" } else { "failure" };
        if wanted != found {
            differences.push(format!("{found} instead of {wanted}"));
        }
    }
    if let Some(wanted) = expect["events"].as_array() {
        let Ok(found) = result else { return vec![format!("{:?}", failures(payload, result, is_legacy))] };
        let found: Vec<Value> = found.iter().map(|event| json!({"parameters": parameters(event)})).collect();
        let wanted = wanted.iter().map(|event| json!({"parameters": as_matcher(&event["parameters"])}));
        differences.extend(matcher::matched(&wanted.collect(), &Value::Array(found), "events"));
    }
    if let Some(wanted) = expect["failures"].as_array() {
        let found = failures(payload, result, is_legacy);
        let wanted: Value = wanted.iter().map(without_vague_parts).collect();
        differences.extend(matcher::matched(&wanted, &found, "failures"));
    }
    for check in expect["checks"].as_array().into_iter().flatten() {
        differences.extend(checked(check, result));
    }
    differences
}

fn parameters(event: &RawEvent<'_>) -> Map<String, Value> {
    event.parameters.iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// Parameters as matchers: what holds JSON is compared as JSON.
fn as_matcher(parameters: &Value) -> Value {
    let matcher = |value: &Value| match value.as_str().map(serde_json::from_str::<Value>) {
        Some(Ok(json @ (Value::Object(_) | Value::Array(_)))) => json!({"$json": json}),
        _ => value.clone(),
    };
    parameters.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), matcher(value))).collect()
}

fn failures(payload: &CollectorPayload<'_>, result: Outcome<'_, '_>, is_legacy: bool) -> Value {
    match result {
        Ok(events) => json!({"events": events.len()}),
        Err(AdapterError::Failures(messages)) if is_legacy => texts(messages, Origin::Adapter(payload)).into(),
        Err(AdapterError::Failures(messages)) => messages.iter().map(message_json).collect(),
        Err(AdapterError::Unexpected(text)) => json!({"unexpected": text}),
    }
}

fn message_json(message: &thresh::badrow::Message<'_>) -> Value {
    let mut json = Vec::new();
    message.write_json(&mut json);
    serde_json::from_slice(&json).unwrap()
}

/// Mappings that the case does not spell out, and what a validator found, match anything.
fn without_vague_parts(failure: &Value) -> Value {
    let Value::Object(members) = failure else { return failure.clone() };
    let is_vague = |value: &Value| ["call", "on", "_type", "$ref"].iter().any(|key| value.get(key).is_some());
    let matcher = |value: &Value| if is_vague(value) { json!({"$any": true}) } else { value.clone() };
    members.iter().map(|(name, value)| (name.clone(), matcher(value))).collect()
}

/// A look at a part of the result.
fn checked(check: &Value, result: Outcome<'_, '_>) -> Vec<String> {
    let Ok(events) = result else { return vec!["no events".to_owned()] };
    let path = check["path"].as_array().map_or(&[][..], Vec::as_slice);
    let expect = &check["expect"];
    if let Some(size) = expect["size"].as_u64() {
        return if events.len() as u64 == size { Vec::new() } else { vec![format!("{} events", events.len())] };
    }
    let wanted = expect.get("equals").or(expect.get("ok")).unwrap_or(expect);
    let first = &events[0];
    let last = path.last().unwrap_or(&Value::Null);
    let found = match (last.as_str(), last["args"][0].as_str()) {
        (Some("contentType"), _) => first.content_type.into(),
        (Some("source"), _) => {
            json!({"name": first.source.name, "encoding": first.source.encoding, "hostname": first.source.hostname})
        }
        (Some("context"), _) => context_json(&first.context),
        (_, Some(name)) if last["call"] == "parameters" => first.parameters.get(name.trim_matches('\'')).into(),
        // The schema of the event inside `ue_pr`.
        _ if check.to_string().contains("'schema'") => {
            let event: Value = serde_json::from_str(first.parameters.get("ue_pr").unwrap_or("null")).unwrap();
            event["data"]["schema"].clone()
        }
        _ => return vec![format!("a check that is not understood: {check}")],
    };
    matcher::matched(wanted, &found, "check")
}

fn context_json(context: &Context<'_>) -> Value {
    json!({
        "timestamp": context.timestamp.map(instant_text), "ipAddress": context.ip_address,
        "useragent": context.useragent, "refererUri": context.referer_uri, "headers": context.headers,
        "userId": context.user_id,
    })
}

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const JSON: Option<&str> = Some("application/json");

/// A function inside an adapter, through a payload.
fn function(case: &Value) -> Answer {
    let call = &case["input"]["call"];
    let name = call["call"].as_str().unwrap_or_default().rsplit('.').next().unwrap_or_default();
    let adapter = call["on"]["_type"].as_str().or(call["call"].as_str()).unwrap_or_default();
    let is_legacy = case["profile"] == "legacy-bad-rows";
    let args = &call["args"];
    let wants_error = case["expect"].get("error").is_some();
    let text = args[0].as_str().unwrap_or_default();
    match name {
        "toMap" => {
            let pairs = args[0].as_array().into_iter().flatten();
            let pairs: Vec<NameValue<'_>> =
                pairs.map(|pair| (pair[0].as_str().unwrap_or_default(), pair[1].as_str())).collect();
            let map = Parameters::from_pairs(&pairs);
            let member = |(name, value): NameValue<'_>| (name.to_owned(), Value::from(value));
            Answer::Value(map.iter().map(member).collect())
        }
        "lookupSchema" if !is_legacy => looked_up(&args[0], &args[1]),
        "payloadBodyToEvents" if adapter.starts_with("Mandrill") => {
            let request = Request::post("com.mandrill", "v1", FORM, text);
            match wants_error {
                true => only_failure(&request, is_legacy),
                false if is_legacy => Answer::Unmapped("a result in the types of a library"),
                false => types(&request),
            }
        }
        "payloadBodyToEvents" if wants_error => {
            only_failure(&Request::post("com.pagerduty", "v1", JSON, text), is_legacy)
        }
        "reformatParameters" => {
            // The rules are the same for objects inside a message.
            let object = args[0].get("ok").unwrap_or(&args[0]);
            let body = json!({"messages": [{"type": "incident.trigger", "inner": object}]});
            data(&Request::post("com.pagerduty", "v1", JSON, &body.to_string()), "inner")
        }
        "cleanupJsonEventValues" if args[1].is_null() && args[2] == json!(["ts"]) => {
            let events = json!([{"event": "send", "inner": args[0]}]).to_string();
            let body: String = form_urlencoded(&events);
            data(&Request::post("com.mandrill", "v1", FORM, &format!("mandrill_events={body}")), "inner")
        }
        "breakDownCompField" if wants_error && text.contains(|c: char| c.is_ascii_digit()) => {
            only_failure(&Request::post("com.google.analytics", "v1", None, &format!("t=pageview&{text}=x")), is_legacy)
        }
        "processResponse" if !is_legacy => {
            let response = args[1]["ok"].as_str().map(str::to_owned);
            only_failure(&Request { response, ..Request::post("com.acme", "v1", None, "[]") }, false)
        }
        "rawEventsListProcessor" => Answer::Unmapped("a combinator of the reference"),
        _ => Answer::Unmapped("inside an adapter of the reference; payload cases show what it does"),
    }
}

fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// A parameter as CallRail's adapter formats it.
pub fn callrail_field(name: &str, value: Option<&str>) -> Value {
    let query = vec![(name.to_owned(), value.map(str::to_owned))];
    match data(&Request { query, ..Request::to("com.callrail", "v1") }, name) {
        Answer::Value(value) => value,
        _ => Value::Null,
    }
}

/// The only failure of a request.
fn only_failure(request: &Request, is_legacy: bool) -> Answer {
    let found = request.run(|payload, result| failures(payload, result, is_legacy));
    match found.as_array().map(Vec::as_slice) {
        Some([only]) => Answer::Error(only.clone()),
        _ => Answer::Value(found),
    }
}

/// The types of a batch whose events have no schema.
fn types(request: &Request) -> Answer {
    let found = request.run(|payload, result| failures(payload, result, false));
    let types = found.as_array().into_iter().flatten().map(|failure| json!({"event": failure["actual"]}));
    Answer::Ok(types.collect())
}

/// One member of the data of a request's only event.
fn data(request: &Request, member: &str) -> Answer {
    request.run(|_, result| match result.as_deref() {
        Ok([event]) => {
            let json: Value = serde_json::from_str(event.parameters.get("ue_pr").unwrap_or("null")).unwrap();
            Answer::Value(json["data"]["data"][member].clone())
        }
        other => Answer::Error(format!("{other:?}").into()),
    })
}

/// A look-up of an event type, with the mapping of the case in place of the adapter's own.
fn looked_up(kind: &Value, mapping: &Value) -> Answer {
    let mut event = json!({
        "id": "e3314efb-9058-dbaf-c4bb-b754fca73613",
        "occurred": "2015-11-13T16:31:52.393Z",
        "processed": "2015-11-13T16:31:52.393Z",
    });
    if kind.is_string() {
        event["type"] = kind.clone();
    }
    match only_failure(&Request::post("com.urbanairship.connect", "v1", None, &event.to_string()), false) {
        Answer::Error(mut failure) if failure["expectedMapping"].is_object() => {
            failure["expectedMapping"] = mapping.clone();
            Answer::Error(failure)
        }
        other => other,
    }
}
