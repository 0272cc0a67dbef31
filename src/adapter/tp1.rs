//! Tracker protocol 1: the querystring is the event.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/snowplow/Tp1Adapter.scala`.

use super::{Adapter, AdapterInfo, AdapterResult, Tools};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, Parameters, RawEvent, SNOWPLOW_VENDOR};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Snowplow tracker protocol 1",
    vendor: SNOWPLOW_VENDOR,
    version: "tp1",
    tracker: None,
    block: None,
    input: "querystring",
    content_type: "ignored",
    events: "one",
    schemas: &[],
    notes: &["`/i` and `/ice.png` lead here, too.", "Failures become `adapter_failures` rows, unlike those of tp2."],
    build: |_| Box::new(Tp1),
};

struct Tp1;

impl Adapter for Tp1 {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, _: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let parameters = Parameters::from_pairs(payload.querystring);
        if parameters.is_empty() {
            // The redirect's words, kept because consumers filter on them.
            return Err(Message::input("querystring", None, "empty querystring: not a valid URI redirect").into());
        }
        Ok(vec![RawEvent::from_payload(payload, parameters)])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{events, failures, payload, run};
    use crate::payload::SNOWPLOW_VENDOR;

    #[test]
    fn the_querystring_is_the_event() {
        let query = [("e", Some("pv")), ("p", Some("web")), ("x", None), ("e", Some("pp"))];
        let request = payload(SNOWPLOW_VENDOR, "tp1").query(&query).body("ignored");
        assert_eq!(events(request), ["e = pp\np = web\nx = (none)\n"]);
    }

    #[test]
    fn an_empty_querystring_fails() {
        let expected =
            r#"{"field":"querystring","value":null,"expectation":"empty querystring: not a valid URI redirect"}"#;
        assert_eq!(failures(payload(SNOWPLOW_VENDOR, "tp1")), [expected]);
    }

    proptest! {
        #[test]
        fn no_request_panics(query: Vec<(String, Option<String>)>, body in any::<String>()) {
            let mut request = payload(SNOWPLOW_VENDOR, "tp1").body(&body);
            request.query = query;
            run(&request);
        }
    }
}
