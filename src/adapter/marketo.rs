//! Marketo: one webhook call of a campaign.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/MarketoAdapter.scala`.

use super::helpers::date_time::reformatted;
use super::helpers::event_types::{EventType, event_type};
use super::helpers::request::{body, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::json::Value;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Marketo",
    vendor: "com.marketo",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("marketo"),
    input: "JSON object",
    content_type: "ignored",
    events: "one",
    schemas: &[SchemaTable { selector: "every event", rows: &SCHEMAS }],
    notes: &["Marketo's date fields become ISO 8601 date-times, but not inside arrays."],
    build: |schemas| {
        let row = &SCHEMAS[0];
        Box::new(Marketo { schema: schemas.schema("marketo", row.key, row.schema) })
    },
};

const WEBHOOK: Webhook = Webhook::server("com.marketo-v1");

static SCHEMAS: [EventType; 1] = [event_type("", "event", "iglu:com.marketo/event/jsonschema/2-0-0")];

const DATE_TIMES: [&str; 8] = [
    "acquisition_date",
    "created_at",
    "email_suspended_at",
    "last_referred_enrollment",
    "last_referred_visit",
    "updated_at",
    "datetime",
    "last_interesting_moment_date",
];

struct Marketo {
    schema: String,
}

impl Adapter for Marketo {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = body(payload)?;
        let json = json("body", body, tools)?;
        if !json.is_object() {
            return Err(Message::input("body", Some(body), "not a json object").into());
        }
        let query = Parameters::from_pairs(payload.querystring);
        Ok(vec![WEBHOOK.event(payload, &query, &self.schema, &data(json), tools.arena)])
    }
}

fn data(object: Value<'_>) -> Tree<'_> {
    let fields: Fields<'_> = object
        .members()
        .map(|(key, value)| {
            let date_time = value.as_str().filter(|_| DATE_TIMES.contains(&&*key)).and_then(|text| reformatted(&text));
            let value = match date_time {
                Some(text) => Tree::Text(text.into()),
                None if value.is_object() => data(value),
                None => Tree::Source(value),
            };
            (key, value)
        })
        .collect();
    Tree::Object(fields.into_map_order())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    const BODY: &str = r#"{"name":"hook A","step":6,"lead":{"acquisition_date":"2010-11-11 11:11:11","updated_at":"","first_name":"hulk"},"datetime":"2018-03-07 14:28:16"}"#;

    fn post(body: &str) -> Request {
        payload("com.marketo", "v1").body(body)
    }

    #[test]
    fn a_call() {
        let expected = concat!(
            "tv = com.marketo-v1\ne = ue\np = srv\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.marketo/event/jsonschema/2-0-0","data":{"name":"hook A","step":6,"lead":{"acquisition_date":"2010-11-11T11:11:11.000Z","updated_at":"","first_name":"hulk"},"datetime":"2018-03-07T14:28:16.000Z"}}}"#,
            "\n"
        );
        assert_eq!(events(post(BODY)), [expected]);
    }

    #[test]
    fn arrays_are_left_alone() {
        let body = r#"{"datetime":"2018-03-07T14:28:16","leads":[{"created_at":"2018-06-16 11:23:58"}]}"#;
        let request = post(body).query(&[("aid", Some("mkto")), ("ttm", Some("1520432896000"))]);
        assert_eq!(data(request.clone()), [body]);
        let event = &events(request)[0];
        assert!(event.starts_with("e = ue\naid = mkto\ntv = com.marketo-v1\n"), "{event}");
        assert!(event.ends_with("p = srv\nttm = 1520432896000\n"), "{event}");
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(payload("com.marketo", "v1")),
            [r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#]
        );
        assert_eq!(failures(post("")), [r#"{"field":"body","value":"","error":"invalid json: exhausted input"}"#]);
        assert_eq!(failures(post("[]")), [r#"{"field":"body","value":"[]","expectation":"not a json object"}"#]);
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(BODY)) {
            run(&post(&any));
            run(&post(&mutated));
        }
    }
}
