//! Unbounce: one submitted form of a landing page.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/UnbounceAdapter.scala`.

use super::helpers::camel_case::camel_case_keys;
use super::helpers::event_types::{EventType, event_type};
use super::helpers::form;
use super::helpers::request::{FORM, content_type, filled_body, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Unbounce",
    vendor: "com.unbounce",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("unbounce"),
    input: "form body with `page_id`, `page_name`, `variant`, `page_url` and `data.json`",
    content_type: "exactly `application/x-www-form-urlencoded`",
    events: "one",
    schemas: &[SchemaTable { selector: "every event", rows: &SCHEMAS }],
    notes: &["`data.json` is taken apart, `data.xml` is dropped; keys become camelCase."],
    build: |schemas| {
        let row = &SCHEMAS[0];
        Box::new(Unbounce { schema: schemas.schema("unbounce", row.key, row.schema) })
    },
};

const WEBHOOK: Webhook = Webhook::server("com.unbounce-v1");
const DATA_JSON: &str = "data.json";

static SCHEMAS: [EventType; 1] = [event_type("", "form_post", "iglu:com.unbounce/form_post/jsonschema/1-0-0")];

struct Unbounce {
    schema: String,
}

impl Adapter for Unbounce {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = filled_body(payload)?;
        content_type(payload, FORM)?;
        // The reference puts the body where the field's name belongs.
        let form = form::parse(body, tools.arena)
            .map_err(|error| Message::input(body, Some(body), form::unparsable(&error)))?;
        for name in ["page_id", "page_name", "variant", "page_url", DATA_JSON] {
            if form.get(name).is_none() {
                return Err(Message::input(name, None, format!("missing '{name}' field in body")).into());
            }
        }
        let text = form.get(DATA_JSON).unwrap_or_default();
        if text.is_empty() {
            return Err(Message::input(DATA_JSON, None, "empty 'data.json' field in body").into());
        }
        let mut fields = Fields::new();
        fields.insert(DATA_JSON.into(), Tree::new(json(DATA_JSON, text, tools)?));
        for (name, value) in form.in_reference_order() {
            if let Some(text) = value
                && !matches!(name, DATA_JSON | "data.xml")
            {
                fields.insert(name.into(), Tree::Text(text.into()));
            }
        }
        let query = Parameters::from_pairs(payload.querystring);
        let data = camel_case_keys(Tree::Object(fields))?;
        Ok(vec![WEBHOOK.event(payload, &query, &self.schema, &data, tools.arena)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, encoded, events, failures, is_unexpected, mutations, payload, run};

    const PAGE: &str = "page_url=http%3A%2F%2Fu.com%2F&page_name=Way&page_id=7648&variant=a&data.json=";

    fn post(body: &str) -> Request {
        payload("com.unbounce", "v1").content_type("application/x-www-form-urlencoded").body(body)
    }

    #[test]
    fn a_form() {
        let json = r#"{"ip_address":["85.73.39.163"],"time_submitted":["11:45 AM UTC"]}"#;
        let body = format!("{PAGE}{}&data.xml=%3Cx%2F%3E", encoded(json));
        let expected = concat!(
            "tv = com.unbounce-v1\ne = ue\np = srv\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.unbounce/form_post/jsonschema/1-0-0","data":{"data.json":{"ipAddress":["85.73.39.163"],"timeSubmitted":["11:45 AM UTC"]},"variant":"a","pageId":"7648","pageName":"Way","pageUrl":"http://u.com/"}}}"#,
            "\n"
        );
        assert_eq!(events(post(&body)), [expected]);
    }

    #[test]
    fn other_fields_come_along() {
        let body = "page_id=1&page_name=&variant=b&page_url=u&data.json=%5B1%5D&extra_field=z&nothing";
        let request = post(body).query(&[("nuid", Some("n1")), ("url", Some("http://q/"))]);
        let expected = r#"{"data.json":[1],"variant":"b","extraField":"z","pageId":"1","pageName":"","pageUrl":"u"}"#;
        assert_eq!(data(request.clone()), [expected]);
        let event = &events(request)[0];
        assert!(event.starts_with("e = ue\nurl = http://q/\n") && event.ends_with("nuid = n1\np = srv\n"), "{event}");
    }

    #[test]
    fn failing_requests() {
        let input = |field: &str, value: &str, expectation: &str| {
            format!(r#"{{"field":"{field}","value":{value},"expectation":"{expectation}"}}"#)
        };
        for request in [payload("com.unbounce", "v1"), payload("com.unbounce", "v1").body("")] {
            assert_eq!(failures(request), [input("body", "null", "empty body: no events to process")]);
        }
        let expected = "no content type: expected application/x-www-form-urlencoded";
        assert_eq!(failures(payload("com.unbounce", "v1").body("x")), [input("contentType", "null", expected)]);
        assert_eq!(
            failures(post("{a")),
            [input(
                "{a",
                "\"{a\"",
                "could not parse body: Illegal character in query at index 18: http://localhost/?{a"
            )]
        );
        let mut body = String::new();
        for name in ["page_id", "page_name", "variant", "page_url", "data.json"] {
            let body_before = if body.is_empty() { "x=1".to_owned() } else { body.clone() };
            let expected = input(name, "null", &format!("missing '{name}' field in body"));
            assert_eq!(failures(post(&body_before)), [expected]);
            body.push_str(&format!("&{name}=1"));
        }
        assert_eq!(failures(post(PAGE)), [input("data.json", "null", "empty 'data.json' field in body")]);
        assert_eq!(
            failures(post(&format!("{PAGE}%7B%7B"))),
            [r#"{"field":"data.json","value":"{{","error":"invalid json: expected \" got '{' (line 1, column 2)"}"#]
        );
        assert!(is_unexpected(post(&format!("{PAGE}%7B%22%22%3A1%7D"))));
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(PAGE), json in mutations(r#"{"a_b":[1]}"#)) {
            run(&post(&any));
            run(&post(&format!("{mutated}1")));
            run(&post(&format!("{PAGE}{}", encoded(&json))));
        }
    }
}
