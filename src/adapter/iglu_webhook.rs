//! The Iglu webhook: any self-describing event, as query parameters or as a body.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/IgluAdapter.scala`.

use super::helpers::form;
use super::helpers::request::{FORM, JSON, json};
use super::helpers::standard::{Formatter, Webhook, unstruct_event};
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, Tools};
use crate::badrow::Message;
use crate::iglu::{SchemaKey, SelfDescribing};
use crate::payload::{CollectorPayload, Parameters, RawEvent};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Iglu webhook",
    vendor: "com.snowplowanalytics.iglu",
    version: "v1",
    tracker: Some(TRACKER),
    block: None,
    input: "querystring, JSON body (object, array or self-describing) or form body",
    content_type: "with a body: `application/json`, `application/json; charset=utf-8` or, with `schema` in the querystring, `application/x-www-form-urlencoded`",
    events: "one, or one per element of an array",
    schemas: &[],
    notes: &[
        "The schema is the querystring's `schema`, or that of a self-describing body.",
        "The default platform is `app`, for form bodies `srv`.",
        "Querystring events keep `eid`, `ttm` and `url` inside their data, too.",
    ],
    build: |_| Box::new(IgluWebhook),
};

const TRACKER: &str = "com.snowplowanalytics.iglu-v1";
const JSON_UTF8: &str = "application/json; charset=utf-8";
const EXPECTED_ANY: &str =
    "expected one of application/json, application/json; charset=utf-8, application/x-www-form-urlencoded";
const EXPECTED_JSON: &str = "expected one of application/json, application/json; charset=utf-8";
const APP: Webhook = Webhook { tracker: TRACKER, platform: "app" };

struct IgluWebhook;

impl Adapter for IgluWebhook {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let mut query = Parameters::from_pairs(payload.querystring);
        match (query.get("schema"), payload.body, payload.content_type) {
            (_, Some(_), None) => Err(Message::input("contentType", None, EXPECTED_ANY).into()),
            (None, Some(body), Some(JSON | JSON_UTF8)) => self_describing_body(payload, &query, body, tools),
            (None, Some(_), given) => Err(Message::input("contentType", given, EXPECTED_JSON).into()),
            (None, None, _) => Err(AdapterError::Failures(vec![
                Message::input("schema", None, "empty `schema` field"),
                Message::input("body", None, "empty body"),
            ])),
            (Some(schema), body, content_type) => {
                if let Err(error) = SchemaKey::parse(schema) {
                    return Err(Message::input("schema", Some(schema), error.to_string()).into());
                }
                query.remove("schema");
                match (body, content_type) {
                    (None, _) => Ok(vec![querystring_event(payload, &query, schema, tools)]),
                    (Some(body), Some(JSON | JSON_UTF8)) => json_body(payload, &query, schema, body, tools),
                    (Some(body), Some(FORM)) => form_body(payload, &query, schema, body, tools),
                    (Some(_), given) => Err(Message::input("contentType", given, EXPECTED_ANY).into()),
                }
            }
        }
    }
}

fn querystring_event<'a>(
    payload: &CollectorPayload<'a>,
    query: &Parameters<'a>,
    schema: &str,
    tools: &Tools<'a, '_>,
) -> RawEvent<'a> {
    let json = unstruct_event(tools.arena, schema, |out| Formatter::default().write(query, out));
    RawEvent::from_payload(payload, APP.parameters(query, json))
}

fn self_describing_body<'a>(
    payload: &CollectorPayload<'a>,
    query: &Parameters<'a>,
    body: &'a str,
    tools: &mut Tools<'a, '_>,
) -> AdapterResult<'a> {
    let json = json("body", body, tools)?;
    let item = SelfDescribing::parse(json, tools.arena).map_err(|error| Message::NotIglu { json, error })?;
    Ok(vec![APP.event(payload, query, item.uri, &Tree::Source(item.data), tools.arena)])
}

fn json_body<'a>(
    payload: &CollectorPayload<'a>,
    query: &Parameters<'a>,
    schema: &str,
    body: &'a str,
    tools: &mut Tools<'a, '_>,
) -> AdapterResult<'a> {
    let json = json("body", body, tools)?;
    let failure = |text: &'static str| Err(Message::input("body", Some(body), text).into());
    let event = |value| APP.event(payload, query, schema, &Tree::Source(value), tools.arena);
    match (json.is_array(), json.is_object(), json.is_empty()) {
        (true, _, true) => failure("empty array of events"),
        (true, _, false) => Ok(json.elements().map(event).collect()),
        (_, true, false) => Ok(vec![event(json)]),
        _ => failure("has no key-value pairs"),
    }
}

fn form_body<'a>(
    payload: &CollectorPayload<'a>,
    query: &Parameters<'a>,
    schema: &str,
    body: &'a str,
    tools: &mut Tools<'a, '_>,
) -> AdapterResult<'a> {
    let fields =
        form::parse(body, tools.arena).map_err(|error| Message::input("body", Some(body), error.to_string()))?;
    let data: Fields<'a> = fields
        .in_reference_order()
        .into_iter()
        .map(|(name, value)| (name.into(), value.map_or(Tree::Null, |text| Tree::Text(text.into()))))
        .collect();
    Ok(vec![Webhook::server(TRACKER).event(payload, query, schema, &Tree::Object(data), tools.arena)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    fn hook(query: &[(&str, Option<&str>)]) -> Request {
        payload("com.snowplowanalytics.iglu", "v1").query(query)
    }

    const SCHEMA: (&str, Option<&str>) = ("schema", Some("iglu:com.acme/campaign/jsonschema/1-0-1"));

    #[test]
    fn parameters_as_an_event() {
        let query = [
            ("schema", Some("iglu:com.acme/campaign/jsonschema/1-0-0")),
            ("name", Some("download")),
            ("source", Some("")),
            ("aid", Some("hooks")),
            ("p", Some("mob")),
            ("url", Some("http://x/")),
        ];
        let expected = concat!(
            "e = ue\nurl = http://x/\naid = hooks\ntv = com.snowplowanalytics.iglu-v1\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.acme/campaign/jsonschema/1-0-0","data":{"name":"download","source":null,"url":"http://x/"}}}"#,
            "\np = mob\n"
        );
        assert_eq!(events(hook(&query)), [expected]);
    }

    #[test]
    fn names_take_the_order_of_a_map() {
        let names = ["user", "name", "publisher_name", "source", "tracking_id", "ad_unit"];
        let query: Vec<_> = std::iter::once(SCHEMA).chain(names.map(|name| (name, Some("x")))).collect();
        let expected = r#"{"name":"x","source":"x","ad_unit":"x","tracking_id":"x","publisher_name":"x","user":"x"}"#;
        assert_eq!(data(hook(&query)), [expected]);
        let query = [SCHEMA, ("user", Some("u")), ("name", Some("n")), ("p", Some("web"))];
        assert_eq!(data(hook(&query)), [r#"{"user":"u","name":"n"}"#]);
    }

    #[test]
    fn an_array_gives_one_event_per_element() {
        let request = hook(&[SCHEMA, ("x", Some("1"))]).content_type(JSON).body(r#"[{"k":"v"},{"k":2}]"#);
        let event = |value: &str| {
            format!(
                "tv = com.snowplowanalytics.iglu-v1\ne = ue\np = app\nue_pr = {}{{\"k\":{value}}}}}}}\n",
                r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.acme/campaign/jsonschema/1-0-1","data":"#
            )
        };
        assert_eq!(events(request), [event("\"v\""), event("2")]);
        let request = hook(&[SCHEMA]).content_type(JSON_UTF8).body(r#"[1, null, "x"]"#);
        assert_eq!(data(request), ["1", "null", "\"x\""]);
        assert_eq!(data(hook(&[SCHEMA]).content_type(JSON).body(r#"{"a": 1}"#)), [r#"{"a":1}"#]);
    }

    #[test]
    fn forms_and_self_describing_bodies() {
        let request = hook(&[SCHEMA]).content_type(FORM).body("a=1&b=&c&a=2");
        assert_eq!(data(request.clone()), [r#"{"a":"2","b":"","c":null}"#]);
        assert!(events(request)[0].contains("p = srv\n"));
        let body = r#"{"schema":"iglu:com.acme/x/jsonschema/1-0-0","data":{"y":1}}"#;
        let request = hook(&[("schema", None)]).content_type(JSON).body(body);
        assert_eq!(data(request.clone()), [r#"{"y":1}"#]);
        assert!(events(request)[0].contains(r#""schema":"iglu:com.acme/x/jsonschema/1-0-0""#));
    }

    #[test]
    fn failing_requests() {
        let input = |field: &str, value: Option<&str>, expectation: &str| {
            let value = value.map_or("null".to_owned(), |value| format!("{value:?}"));
            format!(r#"{{"field":"{field}","value":{value},"expectation":"{expectation}"}}"#)
        };
        assert_eq!(
            failures(hook(&[])),
            [input("schema", None, "empty `schema` field"), input("body", None, "empty body")]
        );
        assert_eq!(failures(hook(&[SCHEMA]).body("{}")), [input("contentType", None, EXPECTED_ANY)]);
        let other = "application/xml";
        let with_type = |query: &[_]| hook(query).content_type(other).body("{}");
        assert_eq!(failures(with_type(&[])), [input("contentType", Some(other), EXPECTED_JSON)]);
        assert_eq!(failures(with_type(&[SCHEMA])), [input("contentType", Some(other), EXPECTED_ANY)]);
        for (uri, code) in [("iglooooooo://blah", "INVALID_IGLUURI"), ("iglu:a/b/c/0-0-0", "INVALID_SCHEMAVER")] {
            let request = hook(&[("schema", Some(uri))]).content_type(other).body("{}");
            assert_eq!(failures(request), [input("schema", Some(uri), code)]);
        }
        let json_body = |body: &str| failures(hook(&[SCHEMA]).content_type(JSON).body(body));
        assert_eq!(json_body("[]"), [input("body", Some("[]"), "empty array of events")]);
        for body in ["{}", "1", "null"] {
            assert_eq!(json_body(body), [input("body", Some(body), "has no key-value pairs")]);
        }
        let no_schema = hook(&[]).content_type(JSON);
        assert_eq!(
            failures(no_schema.clone().body("")),
            [r#"{"field":"body","value":"","error":"invalid json: exhausted input"}"#]
        );
        assert_eq!(failures(no_schema.body("[]")), [r#"{"json":[],"error":"INVALID_DATA_PAYLOAD"}"#]);
        let message = "Illegal character in query at index 20: http://localhost/?a= ";
        let form = hook(&[SCHEMA]).content_type(FORM).body("a= ");
        assert_eq!(failures(form), [input("body", Some("a= "), message)]);
    }

    proptest! {
        #[test]
        fn no_request_panics(
            any in any::<String>(),
            mutated in mutations(r#"{"schema":"iglu:com.acme/x/jsonschema/1-0-0","data":[{"y":1}]}"#),
        ) {
            for text in [any, mutated] {
                run(&hook(&[("schema", Some(&text)), (&text, Some(&text))]));
                for kind in [JSON, FORM] {
                    run(&hook(&[]).content_type(kind).body(&text));
                    run(&hook(&[SCHEMA]).content_type(kind).body(&text));
                }
            }
        }
    }
}
