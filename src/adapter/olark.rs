//! Olark: one chat, as JSON inside a form.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/OlarkAdapter.scala`. Timestamps are texts with seconds and a
//! fraction.

use super::helpers::camel_case::camel_case_keys;
use super::helpers::event_types::{EventType, event_type};
use super::helpers::form;
use super::helpers::number::java_long;
use super::helpers::request::{FORM, filled_body, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::Tree;
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::event::time::joda_text;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Olark",
    vendor: "com.olark",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some(BLOCK),
    input: "form body with a field `data` that holds JSON",
    content_type: "exactly `application/x-www-form-urlencoded`",
    events: "one",
    schemas: &[SchemaTable { selector: "`transcript` with `operators`, else `offline_message`", rows: &SCHEMAS }],
    notes: &["Timestamps of `items` become ISO 8601 date-times; keys become camelCase."],
    build: |schemas| {
        let [transcript, offline_message] =
            [0, 1].map(|at: usize| schemas.schema(BLOCK, SCHEMAS[at].key, SCHEMAS[at].schema));
        Box::new(Olark { transcript, offline_message })
    },
};

const BLOCK: &str = "olark";
const WEBHOOK: Webhook = Webhook::server("com.olark-v1");

static SCHEMAS: [EventType; 2] = [
    event_type("transcript", "transcript", "iglu:com.olark/transcript/jsonschema/1-0-0"),
    event_type("offline_message", "offline_message", "iglu:com.olark/offline_message/jsonschema/1-0-0"),
];

struct Olark {
    transcript: String,
    offline_message: String,
}

impl Adapter for Olark {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = filled_body(payload)?;
        if payload.content_type != Some(FORM) {
            let text = if payload.content_type.is_some() { "expected" } else { "no content type: expected" };
            return Err(Message::input("contentType", None, format!("{text} {FORM}")).into());
        }
        // The reference puts the body where the field's name belongs.
        let fields = form::parse(body, tools.arena)
            .map_err(|error| Message::input(body, Some(body), form::unparsable(&error)))?;
        let Some(text) = fields.get("data").filter(|text| !text.is_empty()) else {
            return Err(Message::input("data", None, "missing 'data' field").into());
        };
        let document = json("data", text, tools)?;
        let is_transcript = document.is_object() && document.get("operators").is_some();
        let schema = if is_transcript { &self.transcript } else { &self.offline_message };
        let mut data = Tree::new(document);
        convert_timestamps(&mut data)?;
        let query = Parameters::from_pairs(payload.querystring);
        Ok(vec![WEBHOOK.event(payload, &query, schema, &camel_case_keys(data)?, tools.arena)])
    }
}

/// Converts the `timestamp` of every item.
fn convert_timestamps<'a>(document: &mut Tree<'a>) -> Result<(), Message<'a>> {
    let Tree::Object(fields) = document else { return Ok(()) };
    match fields.get_mut("items") {
        Some(Tree::Array(items)) => items.iter_mut().try_for_each(convert_timestamp),
        Some(Tree::Object(items)) => items.values_mut().try_for_each(convert_timestamp),
        _ => Ok(()),
    }
}

fn convert_timestamp<'a>(item: &mut Tree<'a>) -> Result<(), Message<'a>> {
    let Tree::Object(fields) = item else { return Ok(()) };
    let Some(value) = fields.get_mut("timestamp") else { return Ok(()) };
    let Some(text) = value.as_str() else { return Ok(()) };
    *value = Tree::Text(joda_text(millis(&text)?).into());
    Ok(())
}

/// Seconds with an optional fraction, of which three digits count.
fn millis(text: &str) -> Result<i64, Message<'static>> {
    let failure = |value: &str, expectation: &'static str| Message::InputData {
        field: "timestamp".into(),
        value: Some(value.to_owned().into()),
        expectation: expectation.into(),
    };
    let mut parts: Vec<&str> = text.split('.').collect();
    // Splitting like Java: empty parts at the end go, unless nothing was split.
    while parts.len() > 1 && parts.last() == Some(&"") {
        parts.pop();
    }
    let digits = match parts[..] {
        [""] if !text.is_empty() => return Err(failure(text, "unexpected timestamp format")),
        [seconds] => format!("{seconds}000"),
        [seconds, fraction] => {
            let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
            format!("{seconds}{fraction}")
        }
        _ => return Err(failure(text, "unexpected timestamp format")),
    };
    java_long(&digits).ok_or_else(|| failure(&digits, "cannot be converted to Double"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::millis;
    use crate::adapter::testing::{Request, data, encoded, events, failures, is_unexpected, mutations, payload, run};

    const CHAT: &str = r#"{"kind":"Conversation","id":"EV1","items":[{"kind":"MessageToVisitor","timestamp":"1307116657.1","visitor_nickname":"John"},{"timestamp":1307116661.25,"kind":"MessageToOperator"}],"operators":{"1234":{"user_name":"jdoe"}}}"#;

    fn post(body: &str) -> Request {
        payload("com.olark", "v1").content_type("application/x-www-form-urlencoded").body(body)
    }

    fn chat(json: &str) -> Request {
        post(&format!("data={}", encoded(json)))
    }

    #[test]
    fn a_transcript() {
        let expected = concat!(
            "tv = com.olark-v1\ne = ue\np = srv\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.olark/transcript/jsonschema/1-0-0","data":{"kind":"Conversation","id":"EV1","items":[{"kind":"MessageToVisitor","timestamp":"2011-06-03T15:57:37.100Z","visitorNickname":"John"},{"timestamp":1307116661.25,"kind":"MessageToOperator"}],"operators":{"1234":{"userName":"jdoe"}}}}}"#,
            "\n"
        );
        assert_eq!(events(chat(CHAT)), [expected]);
    }

    #[test]
    fn an_offline_message() {
        let json = r#"{"id":"EV2","items":[{"kind":"OfflineMessage","timestamp":"1307116667","body":"Hi"}]}"#;
        let request = chat(json).query(&[("aid", Some("chat"))]);
        let expected =
            r#"{"id":"EV2","items":[{"kind":"OfflineMessage","timestamp":"2011-06-03T15:57:47.000Z","body":"Hi"}]}"#;
        assert_eq!(data(request.clone()), [expected]);
        let event = &events(request)[0];
        assert!(event.contains("iglu:com.olark/offline_message/jsonschema/1-0-0"), "{event}");
        assert!(event.starts_with("e = ue\naid = chat\n"), "{event}");
        assert_eq!(data(chat("[1]")), ["[1]"]);
        assert_eq!(
            data(chat(r#"{"items":{"a":{"timestamp":""}},"operators":null}"#)),
            [r#"{"items":{"a":{"timestamp":"1970-01-01T00:00:00.000Z"}},"operators":null}"#]
        );
    }

    #[test]
    fn timestamps() {
        for (text, expected) in [
            ("1307116657", 1_307_116_657_000),
            ("1307116657.1", 1_307_116_657_100),
            ("1307116657.", 1_307_116_657_000),
            ("1307116657.98765", 1_307_116_657_987),
            ("", 0),
            (".5", 500),
        ] {
            assert_eq!(millis(text).ok(), Some(expected), "{text}");
        }
        let failure = |text: &str| failures(chat(&format!(r#"{{"items":[{{"timestamp":"{text}"}}]}}"#))).remove(0);
        for text in [".", "1.2.3", "..."] {
            let expected =
                format!(r#"{{"field":"timestamp","value":"{text}","expectation":"unexpected timestamp format"}}"#);
            assert_eq!(failure(text), expected);
        }
        assert_eq!(
            failure("abc"),
            r#"{"field":"timestamp","value":"abc000","expectation":"cannot be converted to Double"}"#
        );
    }

    #[test]
    fn failing_requests() {
        let input = |field: &str, value: &str, expectation: &str| {
            format!(r#"{{"field":"{field}","value":{value},"expectation":"{expectation}"}}"#)
        };
        let form = "application/x-www-form-urlencoded";
        for request in [payload("com.olark", "v1"), payload("com.olark", "v1").body("")] {
            assert_eq!(failures(request), [input("body", "null", "empty body: no events to process")]);
        }
        let no_type = payload("com.olark", "v1").body("x");
        let expected = format!("no content type: expected {form}");
        assert_eq!(failures(no_type.clone()), [input("contentType", "null", &expected)]);
        let other = no_type.content_type("application/json");
        assert_eq!(failures(other), [input("contentType", "null", &format!("expected {form}"))]);
        assert_eq!(
            failures(post("{a")),
            [input(
                "{a",
                "\"{a\"",
                "could not parse body: Illegal character in query at index 18: http://localhost/?{a"
            )]
        );
        for body in ["x=1", "data", "data="] {
            assert_eq!(failures(post(body)), [input("data", "null", "missing 'data' field")]);
        }
        assert_eq!(failures(chat("{")), [r#"{"field":"data","value":"{","error":"invalid json: exhausted input"}"#]);
        assert!(is_unexpected(chat(r#"{"a":{"":1}}"#)));
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(CHAT), stamp in "[0-9.a-z-]{0,24}") {
            run(&post(&any));
            run(&chat(&any));
            run(&chat(&mutated));
            let _ = millis(&stamp);
            let _ = millis(&any);
        }
    }
}
