//! Mailgun: one mail event, as JSON; or, in archived data, as a form.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/MailgunAdapter.scala`; forms: the same file up to 3.2.4.

mod form_body;

use super::helpers::camel_case::camel_case_keys;
use super::helpers::clean_up::CleanUp;
use super::helpers::event_types::{EventType, EventTypes, event_type};
use super::helpers::number::json_integer;
use super::helpers::request::{JSON, content_type, filled_body};
use super::helpers::standard::Webhook;
use super::helpers::tree::{Fields, Tree};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, SchemaTable, Tools};
use crate::badrow::Message;
use crate::json::{Value, parse};
use crate::payload::{CollectorPayload, Parameters, decode::clean_platform_text};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Mailgun",
    vendor: "com.mailgun",
    version: "v1",
    tracker: Some(WEBHOOK.tracker),
    block: Some("mailgun"),
    input: "JSON object with `signature` and `event-data`, or a form (webhooks up to 2022)",
    content_type: "exactly `application/json`; forms start with `application/x-www-form-urlencoded` or `multipart/form-data`",
    events: "one",
    schemas: &[SchemaTable { selector: "`event`", rows: &SCHEMAS }],
    notes: &[
        "The event's `timestamp` is that of the signature, as an ISO 8601 date-time.",
        "Keys become camelCase; `bodyPlain` and the event's type are removed.",
        "A form is only accepted if it names its event; any other fails as a wrong content type.",
    ],
    build: |schemas| Box::new(Mailgun { types: EventTypes::new("mailgun", &SCHEMAS, schemas) }),
};

const WEBHOOK: Webhook = Webhook::server("com.mailgun-v1");
const NO_EVENT: &str = "no `event` parameter provided: cannot determine event type";

static SCHEMAS: [EventType; 7] = [
    event_type("dropped", "message_dropped", "iglu:com.mailgun/message_dropped/jsonschema/1-0-0"),
    event_type("delivered", "message_delivered", "iglu:com.mailgun/message_delivered/jsonschema/1-0-0"),
    event_type("clicked", "message_clicked", "iglu:com.mailgun/message_clicked/jsonschema/1-0-0"),
    event_type("complained", "message_complained", "iglu:com.mailgun/message_complained/jsonschema/1-0-0"),
    event_type("opened", "message_opened", "iglu:com.mailgun/message_opened/jsonschema/1-0-0"),
    event_type("bounced", "message_bounced", "iglu:com.mailgun/message_bounced/jsonschema/1-0-0"),
    event_type("unsubscribed", "recipient_unsubscribed", "iglu:com.mailgun/recipient_unsubscribed/jsonschema/1-0-0"),
];

struct Mailgun {
    types: EventTypes,
}

impl Adapter for Mailgun {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let body = filled_body(payload)?;
        if let Some(fields) = form_body::fields(payload.content_type, body, tools.arena)? {
            let kind = fields.get("event").unwrap_or_default();
            let schema = self.types.schema(Some(kind))?;
            return self.event(payload, schema, kind, form_body::document(&fields)?, tools);
        }
        content_type(payload, JSON)?;
        let json = parse(body, tools.arena).map_err(|error| {
            let expectation = format!("could not parse body: {}", clean_platform_text(&error.to_string()));
            Message::input("body", Some(body), expectation)
        })?;
        let Some(kind) = json.get("event-data").and_then(|data| data.get("event")) else {
            return Err(Message::input("body", Some(body), NO_EVENT).into());
        };
        let kind = kind.as_str();
        let schema = self.types.schema(kind.as_deref())?;
        self.event(payload, schema, &kind.unwrap_or_default(), merged(json)?, tools)
    }
}

impl Mailgun {
    fn event<'a>(
        &self,
        payload: &CollectorPayload<'a>,
        schema: &str,
        kind: &str,
        document: Fields<'a>,
        tools: &Tools<'a, '_>,
    ) -> AdapterResult<'a> {
        let data = tidied(camel_case_keys(Tree::Object(document))?);
        let clean_up = CleanUp { discriminator: "event", event_type: kind, timestamp_keys: &["timestamp"] };
        let query = Parameters::from_pairs(payload.querystring);
        Ok(vec![WEBHOOK.event(payload, &query, schema, &clean_up.apply(data), tools.arena)])
    }
}

/// The event with the signature's members, whose `timestamp` it takes.
fn merged<'a>(json: Value<'a>) -> Result<Fields<'a>, AdapterError<'a>> {
    let signature = json.get("signature").filter(Value::is_object);
    let mut required = None;
    for (name, text) in
        [("timestamp", "missing 'timestamp'"), ("token", "missing 'token'"), ("signature", "missing 'signature'")]
    {
        let Some(value) = signature.and_then(|signature| signature.get(name)) else {
            return Err(Message::input(name, None, text).into());
        };
        required = required.or(Some(value));
    }
    let event = json.get("event-data").filter(|event| event.get("timestamp").is_some());
    let (Some(event), Some(signature), Some(timestamp)) = (event, signature, required) else {
        return Err(Message::input("event-data", None, "missing 'event-data'").into());
    };
    let mut fields: Fields<'a> = event.members().map(|(key, value)| (key, Tree::new(value))).collect();
    fields.insert("timestamp".into(), Tree::new(timestamp));
    let older = signature.members().map(|(key, value)| (key, Tree::new(value))).collect();
    Ok(deep_merged(older, fields))
}

/// Members of both; `newer` wins and comes first.
fn deep_merged<'a>(older: Fields<'a>, mut newer: Fields<'a>) -> Fields<'a> {
    for (key, old) in older {
        match (old, newer.get_mut(&key)) {
            (old, None) => newer.insert(key, old),
            (Tree::Object(old), Some(Tree::Object(new))) => *new = deep_merged(old, std::mem::take(new)),
            _ => (),
        }
    }
    newer
}

/// Without the plain text; the number of attachments as a number, last.
fn tidied(tree: Tree<'_>) -> Tree<'_> {
    let Tree::Object(mut fields) = tree else { return tree };
    fields.remove("bodyPlain");
    if let Some(count) = fields.remove("attachmentCount") {
        let number = match (count.as_str(), count.as_number()) {
            (Some(text), _) => json_integer(&text),
            (None, number) => number.and_then(json_integer),
        };
        if let Some(number) = number.filter(|number| i32::try_from(*number).is_ok()) {
            fields.insert("attachmentCount".into(), Tree::Integer(number));
        }
    }
    Tree::Object(fields)
}

#[cfg(test)]
mod tests;
