//! HubSpot: batches of CRM events.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/HubSpotAdapter.scala`. Timestamps are milliseconds, and only the
//! top level of an event is changed.

use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::number::json_integer;
use super::helpers::request::{JSON, all_or_failures, content_type, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::event::time::joda_text;
use crate::json::{Kind, Value};
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "HubSpot",
    vendor: "com.hubspot",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("hubspot"),
    input: "JSON array",
    content_type: "exactly `application/json`",
    events: "one per element",
    schemas: &[SchemaTable { selector: "`subscriptionType`", rows: &SCHEMAS }],
    notes: &[
        "`occurredAt` becomes an ISO 8601 date-time; `subscriptionType` is removed.",
        "One unknown type rejects the whole array.",
    ],
    build: |schemas| Box::new(HubSpot { types: EventTypes::new("hubspot", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.hubspot-v1");

static SCHEMAS: [EventType; 9] = [
    event_type("contact.propertyChange", "contact_change", "iglu:com.hubspot/contact_change/jsonschema/1-0-0"),
    event_type("deal.propertyChange", "deal_change", "iglu:com.hubspot/deal_change/jsonschema/1-0-0"),
    event_type("contact.creation", "contact_creation", "iglu:com.hubspot/contact_creation/jsonschema/1-0-0"),
    event_type("deal.deletion", "deal_deletion", "iglu:com.hubspot/deal_deletion/jsonschema/1-0-0"),
    event_type("contact.deletion", "contact_deletion", "iglu:com.hubspot/contact_deletion/jsonschema/1-0-0"),
    event_type("company.deletion", "company_deletion", "iglu:com.hubspot/company_deletion/jsonschema/1-0-0"),
    event_type("company.creation", "company_creation", "iglu:com.hubspot/company_creation/jsonschema/1-0-0"),
    event_type("deal.creation", "deal_creation", "iglu:com.hubspot/deal_creation/jsonschema/1-0-0"),
    event_type("company.propertyChange", "company_change", "iglu:com.hubspot/company_change/jsonschema/1-0-0"),
];

struct HubSpot {
    types: EventTypes,
}

impl Adapter for HubSpot {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let Some(body) = payload.body else {
            return Err(Message::input("body", None, "empty body: not events to process").into());
        };
        content_type(payload, JSON)?;
        let array = json("body", body, tools)?;
        if !array.is_array() {
            return Err(Message::input("body", Some(body), "not a json array").into());
        }
        let query = Parameters::from_pairs(payload.querystring);
        all_or_failures(array.elements().enumerate().map(|(index, element)| {
            let kind = element.get("subscriptionType").and_then(|kind| kind.as_str());
            let schema = self.types.schema_at(kind.as_deref(), index)?;
            Ok(WEBHOOK.event(payload, &query, schema, &data(element), tools.arena))
        }))
    }
}

fn data(element: Value<'_>) -> Tree<'_> {
    let fields: Fields<'_> = element
        .members()
        .filter(|(key, _)| key != "subscriptionType")
        .map(|(key, value)| {
            let value = if key == "occurredAt" { date_time(value) } else { Tree::Source(value) };
            (key, value)
        })
        .collect();
    Tree::Object(fields)
}

/// Milliseconds as a date-time text; anything else stays.
fn date_time(value: Value<'_>) -> Tree<'_> {
    let millis = match value.kind() {
        Kind::Number => value.as_number().and_then(json_integer),
        Kind::String => value.as_str().and_then(|text| json_integer(&text)),
        _ => None,
    };
    millis.map_or(Tree::Source(value), |millis| Tree::Text(joda_text(millis).into()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    const BODY: &str = r#"[{"eventId":1,"portalId":47,"occurredAt":1539145399845,"subscriptionType":"contact.creation","attemptNumber":0},{"objectId":9,"occurredAt":"soon","subscriptionType":"deal.propertyChange","propertyName":"amount","propertyValue":"12"}]"#;

    fn post(body: &str) -> Request {
        payload("com.hubspot", "v1").content_type("application/json").body(body)
    }

    #[test]
    fn a_batch() {
        let event = |schema: &str, data: &str| {
            format!(
                "e = ue\naid = crm\ntv = com.hubspot-v1\nue_pr = {}{schema}/jsonschema/1-0-0\",\"data\":{data}}}}}\np = srv\n",
                r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.hubspot/"#
            )
        };
        let request = post(BODY).query(&[("aid", Some("crm")), ("foo", Some("bar"))]);
        assert_eq!(
            events(request),
            [
                event(
                    "contact_creation",
                    r#"{"eventId":1,"portalId":47,"occurredAt":"2018-10-10T04:23:19.845Z","attemptNumber":0}"#
                ),
                event(
                    "deal_change",
                    r#"{"objectId":9,"occurredAt":"soon","propertyName":"amount","propertyValue":"12"}"#
                ),
            ]
        );
    }

    #[test]
    fn timestamps_may_be_texts_and_only_count_at_the_top() {
        let body = r#"[{"subscriptionType":"deal.creation","occurredAt":"1539145399845","x":{"occurredAt":1,"subscriptionType":"a"}}]"#;
        let expected = r#"{"occurredAt":"2018-10-10T04:23:19.845Z","x":{"occurredAt":1,"subscriptionType":"a"}}"#;
        assert_eq!(data(post(body)), [expected]);
    }

    #[test]
    fn one_bad_event_rejects_the_batch() {
        let body = r#"[{"subscriptionType":"contact.creation"},{"subscriptionType":"contact"},{"eventId":3}]"#;
        let failures = failures(post(body));
        let mapping = concat!(
            r#""expectedMapping":{"contact.propertyChange":"iglu:com.hubspot/contact_change/jsonschema/1-0-0","#,
            r#""deal.propertyChange":"iglu:com.hubspot/deal_change/jsonschema/1-0-0","#,
            r#""contact.creation":"iglu:com.hubspot/contact_creation/jsonschema/1-0-0","#,
            r#""deal.deletion":"iglu:com.hubspot/deal_deletion/jsonschema/1-0-0","#,
            r#""contact.deletion":"iglu:com.hubspot/contact_deletion/jsonschema/1-0-0","#,
            r#""company.deletion":"iglu:com.hubspot/company_deletion/jsonschema/1-0-0","#,
            r#""company.creation":"iglu:com.hubspot/company_creation/jsonschema/1-0-0","#,
            r#""deal.creation":"iglu:com.hubspot/deal_creation/jsonschema/1-0-0","#,
            r#""company.propertyChange":"iglu:com.hubspot/company_change/jsonschema/1-0-0"}"#
        );
        let unknown = "no schema associated with the provided type parameter at index 1";
        let absent = "cannot determine event type: type parameter not provided at index 2";
        assert_eq!(
            failures,
            [
                format!(r#"{{"actual":"contact",{mapping},"expectation":"{unknown}"}}"#),
                format!(r#"{{"actual":null,{mapping},"expectation":"{absent}"}}"#),
            ]
        );
    }

    #[test]
    fn failing_requests() {
        let no_body = payload("com.hubspot", "v1");
        let expected = r#"{"field":"body","value":null,"expectation":"empty body: not events to process"}"#;
        assert_eq!(failures(no_body), [expected]);
        assert_eq!(
            failures(payload("com.hubspot", "v1").body("")),
            [r#"{"field":"contentType","value":null,"expectation":"no content type: expected application/json"}"#]
        );
        assert_eq!(
            failures(post("").content_type("application/json; charset=utf-8")),
            [
                r#"{"field":"contentType","value":"application/json; charset=utf-8","expectation":"expected application/json"}"#
            ]
        );
        assert_eq!(failures(post("")), [r#"{"field":"body","value":"","error":"invalid json: exhausted input"}"#]);
        assert_eq!(failures(post("{}")), [r#"{"field":"body","value":"{}","expectation":"not a json array"}"#]);
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
