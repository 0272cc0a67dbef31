//! Tracker protocol 2: a querystring, or a self-describing JSON body with one or more events.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/snowplow/Tp2Adapter.scala`. The body is validated against the
//! schema it names before anyone looks whether that is the right schema.

use bumpalo::Bump;

use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, Tools};
use crate::badrow::Message;
use crate::iglu::{SchemaCriterion, SelfDescribing};
use crate::json::{Value, parse};
use crate::payload::{CollectorPayload, NameValue, Parameters, RawEvent, SNOWPLOW_VENDOR};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Snowplow tracker protocol 2",
    vendor: SNOWPLOW_VENDOR,
    version: "tp2",
    tracker: None,
    block: None,
    input: "querystring, or a `payload_data` 1-0-* JSON body overlaid by the querystring",
    content_type: "with a body: `application/json`, `application/json; charset=utf-8` or `application/json; charset=UTF-8`",
    events: "one per element of `data`",
    schemas: &[],
    notes: &[
        "Failures become `tracker_protocol_violations` rows.",
        "One invalid event rejects the whole body.",
        "A querystring parameter overwrites the same one of every event.",
    ],
    build: |_| Box::new(Tp2),
};

const CONTENT_TYPES: [&str; 3] =
    ["application/json", "application/json; charset=utf-8", "application/json; charset=UTF-8"];
const CONTENT_TYPE_EXPECTED: &str =
    "expected one of application/json, application/json; charset=utf-8, application/json; charset=UTF-8";

struct Tp2;

impl Adapter for Tp2 {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let failure = |field: &'static str, value, text: &'static str| Err(Message::input(field, value, text).into());
        match (payload.body, payload.content_type) {
            (None, _) if payload.querystring.is_empty() => Err(AdapterError::Failures(vec![
                Message::input("body", None, "empty body: not a valid tracker protocol event"),
                Message::input("querystring", None, "empty querystring: not a valid tracker protocol event"),
            ])),
            (_, Some(given)) if !CONTENT_TYPES.contains(&given) => {
                failure("contentType", Some(given), CONTENT_TYPE_EXPECTED)
            }
            (Some(_), None) => failure("contentType", None, CONTENT_TYPE_EXPECTED),
            (None, Some(_)) => failure("body", None, "empty body: not a valid track protocol event"),
            (None, None) => Ok(vec![RawEvent::from_payload(payload, Parameters::from_pairs(payload.querystring))]),
            (Some(body), Some(_)) => {
                let data = validated_data(body, tools)?;
                events(data, payload, tools.arena)
            }
        }
    }
}

/// The data of a body that is a valid `payload_data`.
fn validated_data<'a>(body: &'a str, tools: &mut Tools<'a, '_>) -> Result<Value<'a>, Message<'a>> {
    let json = parse(body, tools.arena).map_err(|error| Message::not_json("body", Some(body), &error))?;
    let item = SelfDescribing::parse(json, tools.arena).map_err(|error| Message::NotIglu { json, error })?;
    if let Err(error) = tools.validator.check(&item) {
        return Err(Message::IgluError { schema_key: item.uri.into(), error });
    }
    let key = item.key;
    let fits = key.vendor == SNOWPLOW_VENDOR
        && key.name == "payload_data"
        && key.format == "jsonschema"
        && (key.version.model, key.version.revision) == (1, 0);
    if !fits {
        let criterion = SchemaCriterion::new(SNOWPLOW_VENDOR, "payload_data", Some(1), Some(0), None);
        return Err(Message::CriterionMismatch { schema_key: item.uri.into(), criterion });
    }
    Ok(item.data)
}

/// One event per object; every entry must be a string.
fn events<'a>(data: Value<'a>, payload: &CollectorPayload<'a>, arena: &'a Bump) -> AdapterResult<'a> {
    let whole = |text: &'static str| Err(Message::input("body", Some(data.compact_in(arena)), text).into());
    if !data.is_array() || data.elements().any(|element| !element.is_object()) {
        return whole("json is not an array");
    }
    if data.is_empty() {
        return whole("empty list of events");
    }
    let mut events = Vec::with_capacity(data.len());
    let mut failures = Vec::new();
    for object in data.elements() {
        let parameters = parameters(object, payload.querystring, arena, &mut failures);
        events.push(RawEvent::from_payload(payload, parameters));
    }
    if failures.is_empty() { Ok(events) } else { Err(AdapterError::Failures(failures)) }
}

fn parameters<'a>(
    object: Value<'a>,
    querystring: &[NameValue<'a>],
    arena: &'a Bump,
    failures: &mut Vec<Message<'a>>,
) -> Parameters<'a> {
    let mut parameters = Parameters::with_capacity(object.len() + querystring.len());
    for (key, value) in object.members() {
        let name: &'a str = match key {
            std::borrow::Cow::Borrowed(name) => name,
            std::borrow::Cow::Owned(name) => arena.alloc_str(&name),
        };
        match value.as_str_in(arena) {
            Some(text) => parameters.push_new(name, Some(text)),
            None if value.is_null() => failures.push(Message::input(name, None, "value cannot be null")),
            None => failures.push(Message::input(name, Some(value.compact_in(arena)), "value is not a string")),
        }
    }
    for &(name, value) in querystring {
        parameters.insert(name, value);
    }
    parameters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, events, failures, mutations, payload, run};
    use crate::payload::SNOWPLOW_VENDOR;

    const BODY: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4","data":[{"e":"pv","p":"web","tv":"js-3"},{"e":"pp","aid":"own","tv":"js-3"}]}"#;

    fn post(body: &str) -> Request {
        payload(SNOWPLOW_VENDOR, "tp2").content_type("application/json; charset=UTF-8").body(body)
    }

    #[test]
    fn a_body_gives_events_and_the_querystring_wins() {
        assert_eq!(
            events(post(BODY).query(&[("aid", Some("qs"))])),
            ["e = pv\np = web\ntv = js-3\naid = qs\n", "e = pp\naid = qs\ntv = js-3\n"]
        );
    }

    #[test]
    fn a_querystring_alone_is_an_event() {
        let request = payload(SNOWPLOW_VENDOR, "tp2").query(&[("e", Some("pv")), ("x", None)]);
        assert_eq!(events(request), ["e = pv\nx = (none)\n"]);
    }

    #[test]
    fn requests_that_cannot_hold_events() {
        assert_eq!(
            failures(payload(SNOWPLOW_VENDOR, "tp2")),
            [
                r#"{"field":"body","value":null,"expectation":"empty body: not a valid tracker protocol event"}"#,
                r#"{"field":"querystring","value":null,"expectation":"empty querystring: not a valid tracker protocol event"}"#
            ]
        );
        let expected =
            "expected one of application/json, application/json; charset=utf-8, application/json; charset=UTF-8";
        let mut request = post(BODY);
        request.content_type = None;
        let failure = format!(r#"{{"field":"contentType","value":null,"expectation":"{expected}"}}"#);
        assert_eq!(failures(request), [failure]);
        let request = post(BODY).content_type("application/JSON");
        let failure = format!(r#"{{"field":"contentType","value":"application/JSON","expectation":"{expected}"}}"#);
        assert_eq!(failures(request), [failure]);
        let mut request = post(BODY).query(&[("e", Some("pv"))]);
        request.body = None;
        assert_eq!(
            failures(request),
            [r#"{"field":"body","value":null,"expectation":"empty body: not a valid track protocol event"}"#]
        );
    }

    #[test]
    fn bodies_that_are_no_payload_data() {
        assert_eq!(failures(post("{")), [r#"{"field":"body","value":"{","error":"invalid json: exhausted input"}"#]);
        assert_eq!(failures(post(r#"{"a":1}"#)), [r#"{"json":{"a":1},"error":"INVALID_DATA_PAYLOAD"}"#]);
        assert_eq!(
            failures(post(r#"{"schema":"iglu:com.acme/x/jsonschema/1-0-0","data":[]}"#)),
            [
                r#"{"schemaKey":"iglu:com.acme/x/jsonschema/1-0-0","schemaCriterion":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-*"}"#
            ]
        );
        let wrap = |data: &str| {
            post(&format!(
                r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4","data":{data}}}"#
            ))
        };
        assert_eq!(
            failures(wrap(r#"{"e": "pv"}"#)),
            [r#"{"field":"body","value":"{\"e\":\"pv\"}","expectation":"json is not an array"}"#]
        );
        assert_eq!(
            failures(wrap("[{},1]")),
            [r#"{"field":"body","value":"[{},1]","expectation":"json is not an array"}"#]
        );
        assert_eq!(failures(wrap("[]")), [r#"{"field":"body","value":"[]","expectation":"empty list of events"}"#]);
        assert_eq!(
            failures(wrap(r#"[{"e":null},{"p":"web","tv":{"a": 1}}]"#)),
            [
                r#"{"field":"e","value":null,"expectation":"value cannot be null"}"#,
                r#"{"field":"tv","value":"{\"a\":1}","expectation":"value is not a string"}"#
            ]
        );
    }

    #[test]
    fn validation_comes_before_the_criterion() {
        let request = post(r#"{"schema":"iglu:com.acme/invalid/jsonschema/1-0-0","data":[]}"#);
        let failure = &failures(request)[0];
        assert!(failure.starts_with(r#"{"schemaKey":"iglu:com.acme/invalid/jsonschema/1-0-0","error":{"#), "{failure}");
    }

    proptest! {
        #[test]
        fn no_body_panics(body in any::<String>(), mutated in mutations(BODY)) {
            run(&post(&body));
            run(&post(&mutated));
        }
    }
}
