//! SendGrid: batches of mail events, duplicates left out.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/SendgridAdapter.scala`. The reference keeps the events in a map by
//! their ids and so loses their order from the fifth id on; here they stay in the order of the array.

use std::borrow::Cow;
use std::collections::HashMap;

use super::helpers::clean_up::CleanUp;
use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::request::{JSON, all_or_failures, body, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::Tree;
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::json::Value;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "SendGrid",
    vendor: "com.sendgrid",
    version: "v3",
    tracker: Some(WEBHOOK.tracker),
    block: Some("sendgrid"),
    input: "JSON array",
    content_type: "contains `application/json`",
    events: "one per `sg_event_id`",
    schemas: &[SchemaTable { selector: "`event`", rows: &SCHEMAS }],
    notes: &[
        "Of several elements with one `sg_event_id` the last one counts; all elements without an id count as one.",
        "Every `timestamp` becomes an ISO 8601 date-time; the event's type is removed.",
        "One unknown type rejects the whole array.",
    ],
    build: |schemas| Box::new(SendGrid { types: EventTypes::new("sendgrid", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.sendgrid-v3");

static SCHEMAS: [EventType; 11] = [
    event_type("group_resubscribe", "group_resubscribe", "iglu:com.sendgrid/group_resubscribe/jsonschema/3-0-0"),
    event_type("dropped", "dropped", "iglu:com.sendgrid/dropped/jsonschema/3-0-0"),
    event_type("delivered", "delivered", "iglu:com.sendgrid/delivered/jsonschema/3-0-0"),
    event_type("spamreport", "spamreport", "iglu:com.sendgrid/spamreport/jsonschema/3-0-0"),
    event_type("bounce", "bounce", "iglu:com.sendgrid/bounce/jsonschema/3-0-0"),
    event_type("open", "open", "iglu:com.sendgrid/open/jsonschema/3-0-0"),
    event_type("click", "click", "iglu:com.sendgrid/click/jsonschema/3-0-0"),
    event_type("unsubscribe", "unsubscribe", "iglu:com.sendgrid/unsubscribe/jsonschema/3-0-0"),
    event_type("processed", "processed", "iglu:com.sendgrid/processed/jsonschema/3-0-0"),
    event_type("group_unsubscribe", "group_unsubscribe", "iglu:com.sendgrid/group_unsubscribe/jsonschema/3-0-0"),
    event_type("deferred", "deferred", "iglu:com.sendgrid/deferred/jsonschema/3-0-0"),
];

struct SendGrid {
    types: EventTypes,
}

impl Adapter for SendGrid {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = body(payload)?;
        match payload.content_type {
            None => return Err(Message::input("contentType", None, format!("no content type: expected {JSON}")).into()),
            Some(given) if !given.contains(JSON) => {
                return Err(Message::input("contentType", Some(given), format!("expected {JSON}")).into());
            }
            Some(_) => (),
        }
        let array = json("body", body, tools)?;
        if !array.is_array() {
            return Err(Message::input("body", Some(body), "body is not a json array").into());
        }
        let query = Parameters::from_pairs(payload.querystring);
        all_or_failures(distinct(array).into_iter().map(|(index, element)| {
            let kind = element.get("event").and_then(|kind| kind.as_str());
            let schema = self.types.schema_at(kind.as_deref(), index)?;
            let kind = kind.unwrap_or_default();
            let clean_up = CleanUp { discriminator: "event", event_type: &kind, timestamp_keys: &["timestamp"] };
            Ok(WEBHOOK.event(payload, &query, schema, &clean_up.apply(Tree::new(element)), tools.arena))
        }))
    }
}

/// The last element of each id, at the first one's place, with its own index.
fn distinct(array: Value<'_>) -> Vec<(usize, Value<'_>)> {
    let mut places: HashMap<Option<Cow<'_, str>>, usize> = HashMap::new();
    let mut kept: Vec<(usize, Value<'_>)> = Vec::new();
    for (index, element) in array.elements().enumerate() {
        let id = element.get("sg_event_id").and_then(|id| id.as_str());
        let place = *places.entry(id).or_insert(kept.len());
        if place == kept.len() {
            kept.push((index, element));
        } else {
            kept[place] = (index, element);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    const BODY: &str = r#"[{"email":"a@b.c","timestamp":1446549615,"event":"processed","sg_event_id":"s1"},{"email":"a@b.c","timestamp":1446549700,"event":"open","sg_event_id":"s2"},{"email":"a@b.c","timestamp":1446549615,"event":"processed","sg_event_id":"s1","dup":true}]"#;

    fn post(body: &str) -> Request {
        payload("com.sendgrid", "v3").content_type("application/json; charset=utf-8").body(body)
    }

    #[test]
    fn the_last_of_several_events_with_one_id_counts() {
        let event = |schema: &str, data: &str| {
            format!(
                "tv = com.sendgrid-v3\ne = ue\np = srv\nue_pr = {}{schema}/jsonschema/3-0-0\",\"data\":{data}}}}}\n",
                r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.sendgrid/"#
            )
        };
        assert_eq!(
            events(post(BODY)),
            [
                event(
                    "processed",
                    r#"{"timestamp":"2015-11-03T11:20:15.000Z","email":"a@b.c","dup":true,"sg_event_id":"s1"}"#
                ),
                event("open", r#"{"email":"a@b.c","timestamp":"2015-11-03T11:21:40.000Z","sg_event_id":"s2"}"#),
            ]
        );
    }

    #[test]
    fn events_without_an_id_collapse() {
        let body = r#"[{"event":"processed","email":"1"},{"event":"click","email":"2","sg_event_id":3}]"#;
        assert_eq!(data(post(body)), [r#"{"email":"2","sg_event_id":3}"#]);
        let body = r#"[{"event":"processed","email":"1"},{"event":"moon landing","sg_event_id":"x"},{"event":"click","email":"2"}]"#;
        let failures = failures(post(body));
        assert_eq!(failures.len(), 1);
        assert!(failures[0].starts_with(r#"{"actual":"moon landing","expectedMapping":{"group_resubscribe":"#));
        assert!(failures[0].ends_with(r#""no schema associated with the provided type parameter at index 1"}"#));
    }

    #[test]
    fn large_batches_come_out_whole_and_in_order() {
        let element = |id: usize| format!(r#"{{"event":"open","sg_event_id":"{id}"}}"#);
        let elements: Vec<String> = (0..1000).map(element).collect();
        let expected: Vec<String> = (0..1000).map(|id| format!(r#"{{"sg_event_id":"{id}"}}"#)).collect();
        assert_eq!(data(post(&format!("[{}]", elements.join(",")))), expected);
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(payload("com.sendgrid", "v3")),
            [r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#]
        );
        assert_eq!(
            failures(payload("com.sendgrid", "v3").body("")),
            [r#"{"field":"contentType","value":null,"expectation":"no content type: expected application/json"}"#]
        );
        assert_eq!(
            failures(post("").content_type("text/json")),
            [r#"{"field":"contentType","value":"text/json","expectation":"expected application/json"}"#]
        );
        assert_eq!(failures(post("[ ")), [r#"{"field":"body","value":"[ ","error":"invalid json: exhausted input"}"#]);
        assert_eq!(failures(post("{}")), [r#"{"field":"body","value":"{}","expectation":"body is not a json array"}"#]);
        assert_eq!(failures(post("[]")), [r#"{"field":"","value":null,"expectation":"empty list of events"}"#]);
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(BODY)) {
            run(&post(&any));
            run(&post(&mutated));
        }
    }
}
