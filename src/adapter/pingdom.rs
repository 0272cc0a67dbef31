//! Pingdom: one alert, as JSON in a query parameter.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/PingdomAdapter.scala`.

use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::request::json;
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Pingdom",
    vendor: "com.pingdom",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("pingdom"),
    input: "querystring with `message`, a JSON object",
    content_type: "ignored",
    events: "one",
    schemas: &[SchemaTable { selector: "`action`", rows: &SCHEMAS }],
    notes: &["`action` is removed."],
    build: |schemas| Box::new(Pingdom { types: EventTypes::new("pingdom", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.pingdom-v1");

static SCHEMAS: [EventType; 3] = [
    event_type("assign", "incident_assign", "iglu:com.pingdom/incident_assign/jsonschema/1-0-0"),
    event_type("notify_user", "incident_notify_user", "iglu:com.pingdom/incident_notify_user/jsonschema/1-0-0"),
    event_type(
        "notify_of_close",
        "incident_notify_of_close",
        "iglu:com.pingdom/incident_notify_of_close/jsonschema/1-0-0",
    ),
];

struct Pingdom {
    types: EventTypes,
}

impl Adapter for Pingdom {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let mut query = Parameters::from_pairs(payload.querystring);
        if query.is_empty() {
            return Err(Message::input("querystring", None, "empty querystring: no events to process").into());
        }
        let in_order = query.in_reference_order();
        let wrapped: Vec<Message<'a>> = in_order
            .iter()
            .filter_map(|(name, value)| {
                let inner = unwrapped((*value)?)?;
                Some(Message::input(*name, Some(inner), r"should not pass regex \(u'(.+)',\)"))
            })
            .collect();
        if !wrapped.is_empty() {
            return Err(AdapterError::Failures(wrapped));
        }
        let Some(message) = query.get("message") else {
            let pairs: Vec<String> =
                in_order.iter().map(|(name, value)| format!("{name}={}", value.unwrap_or("null"))).collect();
            let shown = tools.arena.alloc_str(&pairs.join("&"));
            return Err(Message::input("querystring", Some(shown), "no `message` parameter provided").into());
        };
        let document = json("message", message, tools)?;
        let action = document.get("action").and_then(|action| action.as_str());
        let schema = self.types.schema(action.as_deref())?;
        let fields: Fields<'a> = document
            .members()
            .filter(|(key, _)| key != "action")
            .map(|(key, value)| (key, Tree::Source(value)))
            .collect();
        query.remove("message");
        Ok(vec![WEBHOOK.event(payload, &query, schema, &Tree::Object(fields), tools.arena)])
    }
}

/// The text inside a Python tuple, `(u'…',)`: a wrapper that collectors take off.
fn unwrapped(text: &str) -> Option<&str> {
    const LINE_ENDS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    let inner = text.strip_prefix("(u'")?.strip_suffix("',)")?;
    (!inner.is_empty() && !inner.contains(LINE_ENDS)).then_some(inner)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, events, failures, mutations, payload, run};

    fn alert(query: &[(&str, Option<&str>)]) -> Request {
        payload("com.pingdom", "v1").query(query)
    }

    const MESSAGE: &str = r#"{"check": "1421338", "host": "h.io", "action": "assign", "incidentid": 3}"#;

    #[test]
    fn an_alert() {
        let expected = concat!(
            "tv = com.pingdom-v1\ne = ue\np = apps\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.pingdom/incident_assign/jsonschema/1-0-0","data":{"check":"1421338","host":"h.io","incidentid":3}}}"#,
            "\n"
        );
        assert_eq!(events(alert(&[("p", Some("apps")), ("message", Some(MESSAGE))])), [expected]);
    }

    #[test]
    fn wrapped_values_are_the_collectors_mistake() {
        let query =
            [("p", Some("(u'app',)")), ("message", Some(r#"(u'{"action": "assign"}',)"#)), ("x", Some("(u'',)"))];
        assert_eq!(
            failures(alert(&query)),
            [
                r#"{"field":"p","value":"app","expectation":"should not pass regex \\(u'(.+)',\\)"}"#,
                r#"{"field":"message","value":"{\"action\": \"assign\"}","expectation":"should not pass regex \\(u'(.+)',\\)"}"#
            ]
        );
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(alert(&[])),
            [r#"{"field":"querystring","value":null,"expectation":"empty querystring: no events to process"}"#]
        );
        assert_eq!(
            failures(alert(&[("p", Some("apps")), ("x", None)])),
            [r#"{"field":"querystring","value":"p=apps&x=null","expectation":"no `message` parameter provided"}"#]
        );
        assert_eq!(
            failures(alert(&[("message", Some(r#"{"event":incident_assign"}"#))])),
            [
                r#"{"field":"message","value":"{\"event\":incident_assign\"}","error":"invalid json: expected json value got 'incide...' (line 1, column 10)"}"#
            ]
        );
        for message in ["{}", "[]", "1", r#"{"action":null}"#] {
            let failure = failures(alert(&[("message", Some(message))])).remove(0);
            assert!(failure.starts_with(r#"{"actual":null,"expectedMapping":{"assign":"#), "{failure}");
            assert!(failure.ends_with(r#""cannot determine event type: type parameter not provided"}"#), "{failure}");
        }
    }

    proptest! {
        #[test]
        fn no_message_panics(any in any::<String>(), mutated in mutations(MESSAGE)) {
            run(&alert(&[(&any, Some(&any)), ("message", Some(&any))]));
            run(&alert(&[("message", Some(&mutated))]));
        }
    }
}
