//! Mandrill: batches of mail events, a JSON array inside a form.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/MandrillAdapter.scala`. One of its messages misspells the field.

use super::helpers::clean_up::CleanUp;
use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::form;
use super::helpers::request::{FORM, all_or_failures, body, content_type, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::Tree;
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Mandrill",
    vendor: "com.mandrill",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("mandrill"),
    input: "form body whose only field `mandrill_events` holds a JSON array",
    content_type: "exactly `application/x-www-form-urlencoded`",
    events: "one per element",
    schemas: &[SchemaTable { selector: "`event`", rows: &SCHEMAS }],
    notes: &[
        "Every `ts`, nested ones too, becomes an ISO 8601 date-time; the event's type is removed.",
        "One unknown type rejects the whole array.",
    ],
    build: |schemas| Box::new(Mandrill { types: EventTypes::new("mandrill", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.mandrill-v1");

static SCHEMAS: [EventType; 9] = [
    event_type("deferral", "message_delayed", "iglu:com.mandrill/message_delayed/jsonschema/1-0-1"),
    event_type("hard_bounce", "message_bounced", "iglu:com.mandrill/message_bounced/jsonschema/1-0-1"),
    event_type("soft_bounce", "message_soft_bounced", "iglu:com.mandrill/message_soft_bounced/jsonschema/1-0-1"),
    event_type("open", "message_opened", "iglu:com.mandrill/message_opened/jsonschema/1-0-1"),
    event_type("reject", "message_rejected", "iglu:com.mandrill/message_rejected/jsonschema/1-0-0"),
    event_type("unsub", "recipient_unsubscribed", "iglu:com.mandrill/recipient_unsubscribed/jsonschema/1-0-1"),
    event_type("click", "message_clicked", "iglu:com.mandrill/message_clicked/jsonschema/1-0-1"),
    event_type("spam", "message_marked_as_spam", "iglu:com.mandrill/message_marked_as_spam/jsonschema/1-0-1"),
    event_type("send", "message_sent", "iglu:com.mandrill/message_sent/jsonschema/1-0-0"),
];

struct Mandrill {
    types: EventTypes,
}

impl Adapter for Mandrill {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = body(payload)?;
        content_type(payload, FORM)?;
        let array = json("mandril_events", events_field(body, tools)?, tools)?;
        if !array.is_array() {
            let text = events_field(body, tools)?;
            return Err(Message::input("mandrill_events", Some(text), "not a json array").into());
        }
        let query = Parameters::from_pairs(payload.querystring);
        all_or_failures(array.elements().enumerate().map(|(index, element)| {
            let kind = element.get("event").and_then(|kind| kind.as_str());
            let schema = self.types.schema_at(kind.as_deref(), index)?;
            let kind = kind.unwrap_or_default();
            let clean_up = CleanUp { discriminator: "event", event_type: &kind, timestamp_keys: &["ts"] };
            Ok(WEBHOOK.event(payload, &query, schema, &clean_up.apply(Tree::new(element)), tools.arena))
        }))
    }
}

/// The text of the form's only field.
fn events_field<'a>(body: &'a str, tools: &Tools<'a, '_>) -> Result<&'a str, Message<'a>> {
    let failure = |text: String| Err(Message::input("body", Some(body), text));
    let fields = match form::parse(body, tools.arena) {
        Ok(fields) => fields,
        Err(error) => return failure(error.to_string()),
    };
    let mut valued = fields.iter().filter_map(|(name, value)| Some((name, value?)));
    match (valued.next(), valued.count()) {
        (Some(("mandrill_events", "")), 0) => failure("`mandrill_events` field is empty".to_owned()),
        (Some(("mandrill_events", text)), 0) => Ok(text),
        (Some(_), 0) => failure("no `mandrill_events` parameter provided".to_owned()),
        (first, others) => {
            let size = usize::from(first.is_some()) + others;
            failure(format!("body should have size 1: actual size {size}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, encoded, events, failures, mutations, payload, run};

    const EVENTS: &str = r#"[{"event":"send","ts":1415267366,"_id":"e1","msg":{"ts":1365109999,"state":"sent","opens":[{"ts":1365111111}]}},{"event":"unsub","ts":"1415267366","_id":"e2"}]"#;

    fn post(body: &str) -> Request {
        payload("com.mandrill", "v1").content_type("application/x-www-form-urlencoded").body(body)
    }

    fn batch(json: &str) -> Request {
        post(&format!("mandrill_events={}", encoded(json)))
    }

    #[test]
    fn a_batch() {
        let event = |schema: &str, data: &str| {
            format!(
                "tv = com.mandrill-v1\ne = ue\np = srv\nue_pr = {}{schema}\",\"data\":{data}}}}}\n",
                r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.mandrill/"#
            )
        };
        assert_eq!(
            events(batch(EVENTS)),
            [
                event(
                    "message_sent/jsonschema/1-0-0",
                    r#"{"ts":"2014-11-06T09:49:26.000Z","_id":"e1","msg":{"ts":"2013-04-04T21:13:19.000Z","state":"sent","opens":[{"ts":"2013-04-04T21:31:51.000Z"}]}}"#
                ),
                event("recipient_unsubscribed/jsonschema/1-0-1", r#"{"ts":"2014-11-06T09:49:26.000Z","_id":"e2"}"#),
            ]
        );
    }

    #[test]
    fn one_bad_event_rejects_the_batch() {
        let failures = failures(batch(r#"[{"event":"sending"},{"event":"send"},{"x":1}]"#));
        assert_eq!(failures.len(), 2);
        assert!(failures[0].starts_with(r#"{"actual":"sending","expectedMapping":{"deferral":"#), "{}", failures[0]);
        assert!(failures[0].ends_with(r#""no schema associated with the provided type parameter at index 0"}"#));
        assert!(failures[1].starts_with(r#"{"actual":null,"#), "{}", failures[1]);
        assert!(failures[1].ends_with(r#""cannot determine event type: type parameter not provided at index 2"}"#));
    }

    #[test]
    fn large_batches_come_out_whole_and_in_order() {
        let elements: Vec<String> = (0..1000).map(|id| format!(r#"{{"event":"open","_id":{id}}}"#)).collect();
        let expected: Vec<String> = (0..1000).map(|id| format!(r#"{{"_id":{id}}}"#)).collect();
        assert_eq!(data(batch(&format!("[{}]", elements.join(",")))), expected);
    }

    #[test]
    fn failing_requests() {
        let input = |field: &str, value: &str, expectation: &str| {
            format!(r#"{{"field":"{field}","value":{value},"expectation":"{expectation}"}}"#)
        };
        assert_eq!(
            failures(payload("com.mandrill", "v1")),
            [input("body", "null", "empty body: no events to process")]
        );
        assert_eq!(
            failures(payload("com.mandrill", "v1").body("")),
            [input("contentType", "null", "no content type: expected application/x-www-form-urlencoded")]
        );
        for (body, expectation) in [
            ("", "body should have size 1: actual size 0"),
            ("x", "body should have size 1: actual size 0"),
            ("mandrill_events=1&x=", "body should have size 1: actual size 2"),
            ("mandril_events=1", "no `mandrill_events` parameter provided"),
            ("mandrill_events=&x", "`mandrill_events` field is empty"),
        ] {
            assert_eq!(failures(post(body)), [input("body", &format!("{body:?}"), expectation)], "{body}");
        }
        assert_eq!(
            failures(batch("[")),
            [r#"{"field":"mandril_events","value":"[","error":"invalid json: exhausted input"}"#]
        );
        assert_eq!(failures(batch("{}")), [input("mandrill_events", "\"{}\"", "not a json array")]);
        assert_eq!(failures(batch("[]")), [input("", "null", "empty list of events")]);
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(EVENTS)) {
            run(&post(&any));
            run(&batch(&any));
            run(&batch(&mutated));
        }
    }
}
