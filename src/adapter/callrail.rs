//! CallRail: one call, as query parameters.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/CallrailAdapter.scala`.

use super::helpers::event_types::{EventType, event_type};
use super::helpers::standard::{Formatter, Webhook, unstruct_event};
use super::{Adapter, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters, RawEvent};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "CallRail",
    vendor: "com.callrail",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("callrail"),
    input: "querystring",
    content_type: "ignored",
    events: "one",
    schemas: &[SchemaTable { selector: "every event", rows: &SCHEMAS }],
    notes: &[
        "`first_call` and `answered` become booleans, `duration` an integer, `datetime` an ISO 8601 date-time.",
        "`eid`, `ttm` and `url` stay inside the data, too.",
    ],
    build: |schemas| {
        let row = &SCHEMAS[0];
        Box::new(CallRail { schema: schemas.schema("callrail", row.key, row.schema) })
    },
};

static SCHEMAS: [EventType; 1] = [event_type("", "call_complete", "iglu:com.callrail/call_complete/jsonschema/1-0-2")];

const WEBHOOK: Webhook = Webhook::server("com.callrail-v1");
const FORMATTER: Formatter =
    Formatter { booleans: &["first_call", "answered"], integers: &["duration"], date_times: &["datetime"] };

struct CallRail {
    schema: String,
}

impl Adapter for CallRail {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let query = Parameters::from_pairs(payload.querystring);
        if query.is_empty() {
            return Err(Message::input("querystring", None, "empty querystring").into());
        }
        let json = unstruct_event(tools.arena, &self.schema, |out| FORMATTER.write(&query, out));
        Ok(vec![RawEvent::from_payload(payload, WEBHOOK.parameters(&query, json))])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, payload, run};

    fn call(query: &[(&str, Option<&str>)]) -> Request {
        payload("com.callrail", "v1").query(query)
    }

    #[test]
    fn a_call() {
        let query = [
            ("answered", Some("true")),
            ("callername", Some("SKYPE CALLER")),
            ("datetime", Some("2014-10-09 16:23:45")),
            ("duration", Some("247")),
            ("first_call", Some("1")),
            ("ga", Some("")),
            ("id", Some("201235151")),
            ("cv", Some("clj-0.6.0")),
            ("nuid", Some("-")),
        ];
        let expected = concat!(
            "e = ue\ntv = com.callrail-v1\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.callrail/call_complete/jsonschema/1-0-2","data":{"duration":247,"ga":null,"datetime":"2014-10-09T16:23:45.000Z","callername":"SKYPE CALLER","id":"201235151","first_call":"1","answered":true}}}"#,
            "\ncv = clj-0.6.0\nnuid = -\np = srv\n"
        );
        assert_eq!(events(call(&query)), [expected]);
    }

    #[test]
    fn values_that_do_not_convert_stay_texts() {
        let query = [
            ("duration", Some("2m")),
            ("datetime", Some("2014-10-9 6:3:5")),
            ("p", Some("web")),
            ("url", Some("http://acme.com/")),
            ("kw", None),
        ];
        let expected = r#"{"duration":"2m","url":"http://acme.com/","datetime":"2014-10-09T06:03:05.000Z","kw":null}"#;
        assert_eq!(data(call(&query)), [expected]);
        let event = &events(call(&query))[0];
        assert!(event.starts_with("e = ue\nurl = http://acme.com/\ntv = com.callrail-v1\n"), "{event}");
        assert!(event.ends_with("p = web\n"), "{event}");
    }

    #[test]
    fn no_parameters() {
        let expected = r#"{"field":"querystring","value":null,"expectation":"empty querystring"}"#;
        assert_eq!(failures(call(&[])), [expected]);
    }

    proptest! {
        #[test]
        fn no_parameter_panics(name in any::<String>(), value in any::<String>()) {
            run(&call(&[(&name, Some(&value)), ("duration", Some(&value)), ("datetime", Some(&value))]));
        }
    }
}
