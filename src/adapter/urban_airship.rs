//! Urban Airship Connect: one event of its stream per payload, in files of JSON lines.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/UrbanAirshipAdapter.scala`.

use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::request::{body, json};
use super::helpers::standard::Webhook;
use super::helpers::tree::Tree;
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::event::joda::parse_joda;
use crate::json::Value;
use crate::payload::{CollectorPayload, Parameters};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Urban Airship Connect",
    vendor: "com.urbanairship.connect",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("urbanAirship"),
    input: "one JSON object (`--format ndjson/com.urbanairship.connect/v1`)",
    content_type: "must be absent",
    events: "one",
    schemas: &[SchemaTable { selector: "`type`", rows: &SCHEMAS }],
    notes: &[
        "`occurred` becomes the event's true timestamp, `id` its event id, `processed` its collector timestamp.",
        "Iglu Central has no schema for `RICH_HEAD`, and `RICH_READ` is not known here.",
    ],
    build: |schemas| Box::new(UrbanAirship { types: EventTypes::new("urbanAirship", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.urbanairship.connect-v1");

static SCHEMAS: [EventType; 16] = [
    event_type("CUSTOM", "custom", "iglu:com.urbanairship.connect/CUSTOM/jsonschema/1-0-0"),
    event_type("UNINSTALL", "uninstall", "iglu:com.urbanairship.connect/UNINSTALL/jsonschema/1-0-0"),
    event_type("PUSH_BODY", "push_body", "iglu:com.urbanairship.connect/PUSH_BODY/jsonschema/1-0-0"),
    event_type("RICH_HEAD", "rich_head", "iglu:com.urbanairship.connect/RICH_HEAD/jsonschema/1-0-0"),
    event_type(
        "IN_APP_MESSAGE_DISPLAY",
        "in_app_message_display",
        "iglu:com.urbanairship.connect/IN_APP_MESSAGE_DISPLAY/jsonschema/1-0-0",
    ),
    event_type("RICH_DELIVERY", "rich_delivery", "iglu:com.urbanairship.connect/RICH_DELIVERY/jsonschema/1-0-0"),
    event_type("CLOSE", "close", "iglu:com.urbanairship.connect/CLOSE/jsonschema/1-0-0"),
    event_type("REGION", "region", "iglu:com.urbanairship.connect/REGION/jsonschema/1-0-0"),
    event_type(
        "IN_APP_MESSAGE_EXPIRATION",
        "in_app_message_expiration",
        "iglu:com.urbanairship.connect/IN_APP_MESSAGE_EXPIRATION/jsonschema/1-0-0",
    ),
    event_type("TAG_CHANGE", "tag_change", "iglu:com.urbanairship.connect/TAG_CHANGE/jsonschema/1-0-0"),
    event_type("OPEN", "open", "iglu:com.urbanairship.connect/OPEN/jsonschema/1-0-0"),
    event_type("LOCATION", "location", "iglu:com.urbanairship.connect/LOCATION/jsonschema/1-0-0"),
    event_type("RICH_DELETE", "rich_delete", "iglu:com.urbanairship.connect/RICH_DELETE/jsonschema/1-0-0"),
    event_type(
        "IN_APP_MESSAGE_RESOLUTION",
        "in_app_message_resolution",
        "iglu:com.urbanairship.connect/IN_APP_MESSAGE_RESOLUTION/jsonschema/1-0-0",
    ),
    event_type("FIRST_OPEN", "first_open", "iglu:com.urbanairship.connect/FIRST_OPEN/jsonschema/1-0-0"),
    event_type("SEND", "send", "iglu:com.urbanairship.connect/SEND/jsonschema/1-0-0"),
];

struct UrbanAirship {
    types: EventTypes,
}

impl Adapter for UrbanAirship {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = body(payload)?;
        if let Some(given) = payload.content_type {
            return Err(Message::input("contentType", Some(given), "expected no content type").into());
        }
        let document = json("body", body, tools)?;
        let mut failures = Vec::new();
        let mut text = |name: &'static str| match text_member(document, name, tools) {
            Ok(text) => Some(text),
            Err(message) => {
                failures.push(message);
                None
            }
        };
        let (occurred, id, processed) = (text("occurred"), text("id"), text("processed"));
        let occurred = occurred.map(|text| millis("occurred", text)).transpose()?;
        let processed = processed.map(|text| millis("processed", text)).transpose()?;
        let kind = document.get("type").and_then(|kind| kind.as_str());
        let schema = self.types.schema(kind.as_deref()).map_err(|message| failures.push(message)).ok();
        let (Some(schema), Some(occurred), Some(id)) = (schema, occurred, id) else {
            return Err(AdapterError::Failures(failures));
        };
        if !failures.is_empty() {
            return Err(AdapterError::Failures(failures));
        }
        let mut query = Parameters::from_pairs(payload.querystring);
        query.insert("ttm", Some(tools.arena.alloc_str(&occurred.to_string())));
        query.insert("eid", Some(id));
        let mut event = WEBHOOK.event(payload, &query, schema, &Tree::Source(document), tools.arena);
        event.context.timestamp = processed;
        Ok(vec![event])
    }
}

fn text_member<'a>(document: Value<'a>, name: &'static str, tools: &Tools<'a, '_>) -> Result<&'a str, Message<'a>> {
    let what = match document.get(name) {
        None => "Attempt to decode value on failed cursor",
        Some(value) => match value.as_str_in(tools.arena) {
            Some(text) => return Ok(text),
            None => "String",
        },
    };
    Err(Message::input(name, None, format!("could not extract '{name}': {what}: DownField({name})")))
}

fn millis<'a>(name: &str, text: &str) -> Result<i64, AdapterError<'a>> {
    parse_joda(text).map_err(|reason| AdapterError::Unexpected(format!("could not read `{name}`: {reason}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, events, failures, is_unexpected, mutations, payload, run, with_result};
    use crate::adapter::{AdapterConfig, Registry};

    const EVENT: &str = r#"{"id":"e3314efb-9058-dbaf-c4bb-b754fca73613","offset":"1","occurred":"2015-11-13T16:31:52.393Z","processed":"2015-11-13T16:31:53.000Z","device":{"ios_channel":"c1"},"type":"OPEN"}"#;

    fn line(body: &str) -> Request {
        payload("com.urbanairship.connect", "v1").body(body)
    }

    #[test]
    fn an_event() {
        let expected = format!(
            "e = ue\neid = e3314efb-9058-dbaf-c4bb-b754fca73613\ntv = com.urbanairship.connect-v1\nue_pr = {}{EVENT}}}}}\np = srv\nttm = 1447432312393\n",
            r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.urbanairship.connect/OPEN/jsonschema/1-0-0","data":"#
        );
        assert_eq!(events(line(EVENT)), std::slice::from_ref(&expected));
        let query = [("ttm", Some("1")), ("eid", None)];
        assert_eq!(events(line(EVENT).query(&query)), [expected]);
        let registry = Registry::new(&AdapterConfig::default(), None);
        with_result(&registry, &line(EVENT), |result| {
            let context = result.unwrap()[0].context;
            assert_eq!(context.timestamp, Some(1_447_432_313_000));
            assert_eq!(context.ip_address, Some("37.157.33.123"), "the rest stays");
        });
    }

    #[test]
    fn failing_requests() {
        assert_eq!(
            failures(payload("com.urbanairship.connect", "v1")),
            [r#"{"field":"body","value":null,"expectation":"empty body: no events to process"}"#]
        );
        assert_eq!(
            failures(line(EVENT).content_type("a")),
            [r#"{"field":"contentType","value":"a","expectation":"expected no content type"}"#]
        );
        assert_eq!(failures(line("")), [r#"{"field":"body","value":"","error":"invalid json: exhausted input"}"#]);
        let found = failures(line(r#"{"value":"str"}"#));
        for (at, name) in ["occurred", "id", "processed"].into_iter().enumerate() {
            let expected = format!(
                r#"{{"field":"{name}","value":null,"expectation":"could not extract '{name}': Attempt to decode value on failed cursor: DownField({name})"}}"#
            );
            assert_eq!(found[at], expected);
        }
        assert!(found[3].starts_with(r#"{"actual":null,"expectedMapping":{"CUSTOM":"#), "{}", found[3]);
        assert!(found[3].ends_with(r#""cannot determine event type: type parameter not provided"}"#));
        let number = failures(line(&EVENT.replace(r#""2015-11-13T16:31:53.000Z""#, "7")));
        assert_eq!(
            number,
            [
                r#"{"field":"processed","value":null,"expectation":"could not extract 'processed': String: DownField(processed)"}"#
            ]
        );
        assert_eq!(failures(line(&EVENT.replace("OPEN", "RICH_READ"))).len(), 1);
        assert!(is_unexpected(line(&EVENT.replace("2015-11-13T16:31:53.000Z", "soon"))));
        assert!(is_unexpected(line(r#"{"occurred":"soon"}"#)));
    }

    proptest! {
        #[test]
        fn no_body_panics(any in any::<String>(), mutated in mutations(EVENT)) {
            run(&line(&any));
            run(&line(&mutated));
        }
    }
}
