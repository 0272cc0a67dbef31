//! Vero: one mail or user event.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/VeroAdapter.scala`.

use super::helpers::clean_up::CleanUp;
use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::request::{body, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Vero",
    vendor: "com.getvero",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("vero"),
    input: "JSON object",
    content_type: "ignored",
    events: "one",
    schemas: &[SchemaTable { selector: "`type`", rows: &SCHEMAS }],
    notes: &[
        "`<type>_at` and `triggered_at` become ISO 8601 date-times; every `type` that repeats the event's is removed.",
        "`_tags` becomes `tags`.",
    ],
    build: |schemas| Box::new(Vero { types: EventTypes::new("vero", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.getvero-v1");

static SCHEMAS: [EventType; 8] = [
    event_type("user_updated", "updated", "iglu:com.getvero/updated/jsonschema/1-0-0"),
    event_type("delivered", "delivered", "iglu:com.getvero/delivered/jsonschema/1-0-0"),
    event_type("clicked", "clicked", "iglu:com.getvero/clicked/jsonschema/1-0-0"),
    event_type("opened", "opened", "iglu:com.getvero/opened/jsonschema/1-0-0"),
    event_type("bounced", "bounced", "iglu:com.getvero/bounced/jsonschema/1-0-0"),
    event_type("unsubscribed", "unsubscribed", "iglu:com.getvero/unsubscribed/jsonschema/1-0-0"),
    event_type("user_created", "created", "iglu:com.getvero/created/jsonschema/1-0-0"),
    event_type("sent", "sent", "iglu:com.getvero/sent/jsonschema/1-0-0"),
];

struct Vero {
    types: EventTypes,
}

impl Adapter for Vero {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let document = json("body", body(payload)?, tools)?;
        let member = document.get("type");
        let Some(kind) = member.and_then(|kind| kind.as_str()) else {
            let what = if member.is_some() { "String" } else { "Attempt to decode value on failed cursor" };
            let expectation = format!("could not extract 'type': {what}: DownField(type)");
            return Err(Message::input("type", None, expectation).into());
        };
        let schema = self.types.schema(Some(&kind))?;
        let own_timestamp = format!("{kind}_at");
        let clean_up =
            CleanUp { discriminator: "type", event_type: &kind, timestamp_keys: &[&own_timestamp, "triggered_at"] };
        let data = renamed_tags(clean_up.apply(Tree::new(document)));
        let query = Parameters::from_pairs(payload.querystring);
        Ok(vec![WEBHOOK.event(payload, &query, schema, &data, tools.arena)])
    }
}

/// `_tags` as `tags`, in nested objects too, but not inside arrays nor inside the renamed value.
fn renamed_tags(tree: Tree<'_>) -> Tree<'_> {
    let Tree::Object(fields) = tree else { return tree };
    let renamed: Fields<'_> = fields
        .into_iter()
        .map(|(key, value)| match &*key {
            "_tags" => ("tags".into(), value),
            _ => (key, renamed_tags(value)),
        })
        .collect();
    Tree::Object(renamed.into_map_order())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    const BODY: &str = r#"{"sent_at":1435016238,"type":"sent","event":{"name":"Test","triggered_at":1424012238},"user":{"id":123},"campaign":{"type":"transactional"}}"#;

    fn post(body: &str) -> Request {
        payload("com.getvero", "v1").body(body)
    }

    #[test]
    fn a_sent_mail() {
        let expected = concat!(
            "tv = com.getvero-v1\ne = ue\np = srv\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.getvero/sent/jsonschema/1-0-0","data":{"event":{"name":"Test","triggered_at":"2015-02-15T14:57:18.000Z"},"sent_at":"2015-06-22T23:37:18.000Z","campaign":{"type":"transactional"},"user":{"id":123}}}}"#,
            "\n"
        );
        assert_eq!(events(post(BODY)), [expected]);
    }

    #[test]
    fn tags_are_renamed_and_repeated_types_go() {
        let body = r#"{"type":"user_updated","user":{"id":123},"changes":{"_tags":{"add":["a"],"remove":[]}},"user_updated_at":"1435016238"}"#;
        let expected = r#"{"user":{"id":123},"changes":{"tags":{"add":["a"],"remove":[]}},"user_updated_at":"2015-06-22T23:37:18.000Z"}"#;
        assert_eq!(data(post(body)), [expected]);
        assert_eq!(data(post(r#"{"type":"sent","campaign":{"type":"sent"}}"#)), [r#"{"campaign":{}}"#]);
        assert_eq!(
            data(post(r#"{"type":"sent","_tags":{"_tags":1},"a":[{"_tags":2}]}"#)),
            [r#"{"tags":{"_tags":1},"a":[{"_tags":2}]}"#]
        );
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(payload("com.getvero", "v1")),
            [r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#]
        );
        assert_eq!(failures(post("")), [r#"{"field":"body","value":"","error":"invalid json: exhausted input"}"#]);
        for body in ["{}", "[]", "1"] {
            let expected = r#"{"field":"type","value":null,"expectation":"could not extract 'type': Attempt to decode value on failed cursor: DownField(type)"}"#;
            assert_eq!(failures(post(body)), [expected]);
        }
        assert_eq!(
            failures(post(r#"{"type":1}"#)),
            [r#"{"field":"type","value":null,"expectation":"could not extract 'type': String: DownField(type)"}"#]
        );
        let unknown = failures(post(r#"{"type":"created"}"#)).remove(0);
        assert!(unknown.starts_with(r#"{"actual":"created","expectedMapping":{"user_updated":"#), "{unknown}");
        assert!(unknown.ends_with(r#""no schema associated with the provided type parameter"}"#), "{unknown}");
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(BODY)) {
            run(&post(&any));
            run(&post(&mutated));
        }
    }
}
