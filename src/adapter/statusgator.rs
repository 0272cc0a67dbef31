//! StatusGator: one change of a service's status, as a form.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/StatusGatorAdapter.scala`.

use super::helpers::camel_case::camel_case;
use super::helpers::event_types::{EventType, event_type};
use super::helpers::form;
use super::helpers::request::{FORM, content_type, filled_body};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "StatusGator",
    vendor: "com.statusgator",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("statusgator"),
    input: "form body",
    content_type: "exactly `application/x-www-form-urlencoded`",
    events: "one",
    schemas: &[SchemaTable { selector: "every event", rows: &SCHEMAS }],
    notes: &["Names become camelCase; all values are texts."],
    build: |schemas| {
        let row = &SCHEMAS[0];
        Box::new(StatusGator { schema: schemas.schema("statusgator", row.key, row.schema) })
    },
};

const WEBHOOK: Webhook = Webhook::server("com.statusgator-v1");

static SCHEMAS: [EventType; 1] =
    [event_type("", "status_change", "iglu:com.statusgator/status_change/jsonschema/1-0-0")];

struct StatusGator {
    schema: String,
}

impl Adapter for StatusGator {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = filled_body(payload)?;
        content_type(payload, FORM)?;
        let form = form::parse(body, tools.arena)
            .map_err(|error| Message::input("body", Some(body), form::unparsable(&error)))?;
        let fields: Fields<'a> = form
            .in_reference_order()
            .into_iter()
            .map(|(name, value)| (camel_case(name).into(), value.map_or(Tree::Null, |text| Tree::Text(text.into()))))
            .collect();
        let query = Parameters::from_pairs(payload.querystring);
        Ok(vec![WEBHOOK.event(payload, &query, &self.schema, &Tree::Object(fields), tools.arena)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run};

    const BODY: &str =
        "service_name=CloudFlare&current_status=up&last_status=warn&occurred_at=2016-05-19T09%3A26%3A31%2B00%3A00";

    fn post(body: &str) -> Request {
        payload("com.statusgator", "v1").content_type("application/x-www-form-urlencoded").body(body)
    }

    #[test]
    fn a_change() {
        let expected = concat!(
            "tv = com.statusgator-v1\ne = ue\np = srv\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.statusgator/status_change/jsonschema/1-0-0","data":{"serviceName":"CloudFlare","currentStatus":"up","lastStatus":"warn","occurredAt":"2016-05-19T09:26:31+00:00"}}}"#,
            "\n"
        );
        assert_eq!(events(post(BODY)), [expected]);
    }

    #[test]
    fn empty_and_absent_values_differ() {
        let body = "service_name=A+B&favicon_url&status_page_url=&home_page_url=http%3A%2F%2Fx&current_status=up&last_status=warn";
        let request = post(body).query(&[("eid", Some("11111111-1111-4111-8111-111111111111"))]);
        let expected = r#"{"lastStatus":"warn","statusPageUrl":"","serviceName":"A B","faviconUrl":null,"homePageUrl":"http://x","currentStatus":"up"}"#;
        assert_eq!(data(request.clone()), [expected]);
        assert!(events(request)[0].starts_with("e = ue\neid = 11111111-1111-4111-8111-111111111111\ntv = "));
    }

    #[test]
    fn failing_requests() {
        for request in [payload("com.statusgator", "v1"), payload("com.statusgator", "v1").body("")] {
            let expected = r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#;
            assert_eq!(failures(request), [expected]);
        }
        assert_eq!(
            failures(payload("com.statusgator", "v1").body("x")),
            [
                r#"{"field":"contentType","value":null,"expectation":"no content type: expected application/x-www-form-urlencoded"}"#
            ]
        );
        assert_eq!(
            failures(post("x").content_type("a")),
            [r#"{"field":"contentType","value":"a","expectation":"expected application/x-www-form-urlencoded"}"#]
        );
        assert_eq!(
            failures(post("{service_name=x")),
            [
                r#"{"field":"body","value":"{service_name=x","expectation":"could not parse body: Illegal character in query at index 18: http://localhost/?{service_name=x"}"#
            ]
        );
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(BODY)) {
            run(&post(&any));
            run(&post(&mutated));
        }
    }
}
