//! PagerDuty: batches of incident messages.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/PagerdutyAdapter.scala`.

use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::request::{JSON, all_or_failures, body, content_type, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::json::Value;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "PagerDuty",
    vendor: "com.pagerduty",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("pagerduty"),
    input: "JSON object with an array `messages`",
    content_type: "exactly `application/json`",
    events: "one per message",
    schemas: &[SchemaTable { selector: "`type`", rows: &SCHEMAS }],
    notes: &[
        "The text `null` becomes null, `incident.` is cut from types, offsets of times are repaired; not inside arrays.",
        "One unknown type rejects the whole array.",
    ],
    build: |schemas| Box::new(PagerDuty { types: EventTypes::new("pagerduty", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.pagerduty-v1");
const INCIDENT: &str = "iglu:com.pagerduty/incident/jsonschema/1-0-0";

static SCHEMAS: [EventType; 7] = [
    event_type("incident.delegate", "incident", INCIDENT),
    event_type("incident.resolve", "incident", INCIDENT),
    event_type("incident.unacknowledge", "incident", INCIDENT),
    event_type("incident.acknowledge", "incident", INCIDENT),
    event_type("incident.assign", "incident", INCIDENT),
    event_type("incident.trigger", "incident", INCIDENT),
    event_type("incident.escalate", "incident", INCIDENT),
];

struct PagerDuty {
    types: EventTypes,
}

impl Adapter for PagerDuty {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = body(payload)?;
        content_type(payload, JSON)?;
        let Some(messages) = json("body", body, tools)?.get("messages").filter(Value::is_array) else {
            return Err(Message::input("messages", Some(body), "field `messages` is not an array").into());
        };
        let query = Parameters::from_pairs(payload.querystring);
        all_or_failures(messages.elements().enumerate().map(|(index, message)| {
            let kind = message.get("type").and_then(|kind| kind.as_str());
            let schema = self.types.schema_at(kind.as_deref(), index)?;
            Ok(WEBHOOK.event(payload, &query, schema, &data(message), tools.arena))
        }))
    }
}

fn data(value: Value<'_>) -> Tree<'_> {
    if !value.is_object() {
        return Tree::Source(value);
    }
    let fields: Fields<'_> = value
        .members()
        .map(|(key, member)| {
            let repaired = member.as_str().and_then(|text| repaired(&key, &text));
            (key, repaired.unwrap_or_else(|| data(member)))
        })
        .collect();
    Tree::Object(fields.into_map_order())
}

/// What a text becomes; `None` if it stays.
fn repaired<'a>(key: &str, text: &str) -> Option<Tree<'a>> {
    match key {
        _ if text == "null" => Some(Tree::Null),
        "type" => Some(Tree::Text(text.replace("incident.", "").into())),
        "created_on" | "last_status_change_on" => {
            // A plus sign that was decoded to a space on the way.
            text.strip_suffix(" 00:00").map(|time| Tree::Text(format!("{time}+00:00").into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    const BODY: &str = r#"{"messages":[{"type":"incident.trigger","id":"3c3e","created_on":"2014-11-12T18:53:47Z","data":{"incident":{"id":"P9","created_on":"2014-11-12T18:53:47 00:00","status":"null"}}}]}"#;

    fn post(body: &str) -> Request {
        payload("com.pagerduty", "v1").content_type("application/json").body(body)
    }

    #[test]
    fn an_incident() {
        let expected = concat!(
            "tv = com.pagerduty-v1\ne = ue\np = srv\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.pagerduty/incident/jsonschema/1-0-0","data":{"type":"trigger","id":"3c3e","created_on":"2014-11-12T18:53:47Z","data":{"incident":{"id":"P9","created_on":"2014-11-12T18:53:47+00:00","status":null}}}}}"#,
            "\n"
        );
        assert_eq!(events(post(BODY)), [expected]);
    }

    #[test]
    fn arrays_are_left_alone() {
        let body = r#"{"messages":[{"type":"incident.resolve","log":["null",{"type":"incident.x","a":"null"}]}]}"#;
        assert_eq!(data(post(body)), [r#"{"type":"resolve","log":["null",{"type":"incident.x","a":"null"}]}"#]);
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(payload("com.pagerduty", "v1")),
            [r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#]
        );
        assert_eq!(
            failures(payload("com.pagerduty", "v1").body("")),
            [r#"{"field":"contentType","value":null,"expectation":"no content type: expected application/json"}"#]
        );
        assert_eq!(
            failures(post(r#"{"something:"some"}"#)),
            [
                r#"{"field":"body","value":"{\"something:\"some\"}","error":"invalid json: expected : got 'some\"}' (line 1, column 14)"}"#
            ]
        );
        for body in ["{}", "[]", r#"{"messages":1}"#] {
            let value = serde_json::to_string(body).unwrap();
            let expected =
                format!(r#"{{"field":"messages","value":{value},"expectation":"field `messages` is not an array"}}"#);
            assert_eq!(failures(post(body)), [expected]);
        }
        assert_eq!(
            failures(post(r#"{"messages":[]}"#)),
            [r#"{"field":"","value":null,"expectation":"empty list of events"}"#]
        );
        let failures = failures(post(r#"{"messages":[{"type":"trigger"},{"type":"incident.resolve"}]}"#));
        assert_eq!(failures.len(), 1);
        assert!(failures[0].starts_with(r#"{"actual":"trigger","expectedMapping":{"incident.delegate":"#));
        assert!(failures[0].ends_with(r#""no schema associated with the provided type parameter at index 0"}"#));
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(BODY)) {
            run(&post(&any));
            run(&post(&mutated));
        }
    }
}
