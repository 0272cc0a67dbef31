//! Event types of a webhook and the schemas they lead to.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/Adapter.scala`, `lookupSchema`; schema URIs are configurable since
//! 3.8.1.

use std::borrow::Cow;

use crate::adapter::SchemaOverrides;
use crate::badrow::Message;

/// One event type as the adapters' tables list it.
#[derive(Clone, Copy, Debug)]
pub struct EventType {
    /// What the webhook calls it.
    pub name: &'static str,
    /// The key of its schema in a configuration file.
    pub key: &'static str,
    /// Its schema unless configured otherwise.
    pub schema: &'static str,
}

/// A row of an adapter's table.
pub const fn event_type(name: &'static str, key: &'static str, schema: &'static str) -> EventType {
    EventType { name, key, schema }
}

/// The event types of one adapter, in the order in which the reference prints them.
#[derive(Clone, Debug)]
pub struct EventTypes {
    entries: Vec<(&'static str, String)>,
}

impl EventTypes {
    /// The table with configured schemas in place of the default ones.
    pub fn new(block: &str, table: &'static [EventType], overrides: &SchemaOverrides) -> EventTypes {
        let schema = |row: &EventType| overrides.schema(block, row.key, row.schema);
        EventTypes { entries: table.iter().map(|row| (row.name, schema(row))).collect() }
    }

    /// The schema of an event type of a payload with one event.
    pub fn schema(&self, event: Option<&str>) -> Result<&str, Message<'static>> {
        self.look_up(event, "")
    }

    /// The schema of an event type of the payload's event number `index`.
    pub fn schema_at(&self, event: Option<&str>, index: usize) -> Result<&str, Message<'static>> {
        // The text is only needed for failures.
        match self.find(event) {
            Some(schema) => Ok(schema),
            None => self.look_up(event, &format!(" at index {index}")),
        }
    }

    fn find(&self, event: Option<&str>) -> Option<&str> {
        let event = event?;
        self.entries.iter().find(|(name, _)| *name == event).map(|(_, schema)| schema.as_str())
    }

    fn look_up(&self, event: Option<&str>, place: &str) -> Result<&str, Message<'static>> {
        if let Some(schema) = self.find(event) {
            return Ok(schema);
        }
        let expectation = match event {
            None => "cannot determine event type: type parameter not provided",
            Some("") => "cannot determine event type: type parameter empty",
            Some(_) => "no schema associated with the provided type parameter",
        };
        let mapping = self.entries.iter().map(|(name, schema)| (Cow::from(*name), Cow::from(schema.clone())));
        Err(Message::SchemaMapping {
            actual: event.map(|event| event.to_owned().into()),
            expected_mapping: mapping.collect(),
            expectation: format!("{expectation}{place}").into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static TABLE: [EventType; 2] = [event_type("open", "o", "iglu:a/o/jsonschema/1-0-0"), event_type("x", "x", "s")];

    #[test]
    fn failures_name_what_is_known() {
        let types = EventTypes::new("acme", &TABLE, &SchemaOverrides::default());
        assert_eq!(types.schema(Some("open")).unwrap(), "iglu:a/o/jsonschema/1-0-0");
        let text = |result: Result<&str, Message<'_>>| {
            let mut out = Vec::new();
            result.unwrap_err().write_json(&mut out);
            String::from_utf8(out).unwrap()
        };
        let mapping = r#""expectedMapping":{"open":"iglu:a/o/jsonschema/1-0-0","x":"s"}"#;
        assert_eq!(
            text(types.schema(None)),
            format!(
                r#"{{"actual":null,{mapping},"expectation":"cannot determine event type: type parameter not provided"}}"#
            )
        );
        assert_eq!(
            text(types.schema_at(Some(""), 3)),
            format!(
                r#"{{"actual":"",{mapping},"expectation":"cannot determine event type: type parameter empty at index 3"}}"#
            )
        );
        assert_eq!(
            text(types.schema_at(Some("o"), 0)),
            format!(
                r#"{{"actual":"o",{mapping},"expectation":"no schema associated with the provided type parameter at index 0"}}"#
            )
        );
    }
}
