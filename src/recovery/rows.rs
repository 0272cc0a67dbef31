//! Bad rows of every generation, told apart and taken apart.
//!
//! Shapes: snowplow/snowplow-badrows 1.0.0 to 2.3.0 (self-describing); snowplow/snowplow r60 to r117
//! `scala-common-enrich/.../outputs/BadRow.scala` (legacy).

use bumpalo::Bump;

use super::export;
use crate::iglu::{SchemaKey, SelfDescribing};
use crate::json::{self, Value};

/// Vendor of the self-describing bad rows.
const BADROWS_VENDOR: &str = "com.snowplowanalytics.snowplow.badrows";
/// A row that failed to recover so often was wrapped so often; more than this is no recovery's work.
const MAX_WRAPPING: u32 = 64;

/// One bad row.
#[derive(Debug)]
pub enum BadRow<'a> {
    /// A self-describing row.
    SelfDescribing(Row<'a>),
    /// A legacy row with the record it is about.
    Legacy {
        /// The record: a text line, or base64 of a Thrift record.
        line: &'a str,
        /// What went wrong.
        messages: Vec<String>,
        /// When, as written; absent in the oldest rows.
        failure_tstamp: Option<&'a str>,
    },
    /// A legacy row about a record that was too large: nothing is left of it.
    LegacyOversized,
    /// Something else: not JSON, or no bad row. With the reason.
    Foreign(String),
}

/// A self-describing bad row, unwrapped from what earlier recoveries wrapped around it.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The row's schema.
    pub key: SchemaKey<'a>,
    /// The row's data.
    pub data: Value<'a>,
    /// The row itself: an object with `schema` and `data`.
    pub whole: Value<'a>,
    /// How often it failed to recover before.
    pub recoveries: u32,
}

impl<'a> BadRow<'a> {
    /// Reads a line.
    pub fn parse(line: &'a str, arena: &'a Bump) -> BadRow<'a> {
        BadRow::of(json::parse(line, arena), arena)
    }

    /// Reads a line for someone who will not look into its enriched event, which is half of many a row: it seems to be
    /// empty, but is there when the row is written.
    pub fn parse_but_enriched(line: &'a str, arena: &'a Bump) -> BadRow<'a> {
        BadRow::of(json::parse_passing_over(line, "enriched", arena), arena)
    }

    fn of(document: Result<Value<'a>, json::ParseError>, arena: &'a Bump) -> BadRow<'a> {
        let document = match document {
            Ok(document) => document,
            Err(error) => return BadRow::Foreign(format!("invalid json: {error}")),
        };
        if document.get("schema").is_some() {
            return match unwrap(export::restored(document, arena).unwrap_or(document), arena) {
                Ok(row) => BadRow::SelfDescribing(row),
                Err(reason) => BadRow::Foreign(reason),
            };
        }
        let Some(errors) = document.get("errors").filter(Value::is_array) else {
            // Elasticsearch exports wrap the row into `_source`.
            return match document.get("_source").filter(Value::is_object) {
                Some(source) => BadRow::parse(source.source(), arena),
                None => BadRow::Foreign("neither a self-describing nor a legacy bad row".to_owned()),
            };
        };
        match document.get("line").and_then(|line| line.as_str_in(arena)) {
            Some(line) => BadRow::Legacy {
                line,
                messages: messages(errors),
                failure_tstamp: document.get("failure_tstamp").and_then(|text| text.as_str_in(arena)),
            },
            None if document.get("size").is_some() => BadRow::LegacyOversized,
            None => BadRow::Foreign("a legacy bad row without `line`".to_owned()),
        }
    }
}

fn unwrap<'a>(document: Value<'a>, arena: &'a Bump) -> Result<Row<'a>, String> {
    let mut whole = document;
    let mut recoveries = 0;
    for _ in 0..MAX_WRAPPING {
        let item = SelfDescribing::parse(whole, arena).map_err(|error| error.to_string())?;
        if item.key.vendor != BADROWS_VENDOR {
            return Err(format!("{} is not the schema of a bad row", item.key));
        }
        if item.key.name != "recovery_error" {
            return Ok(Row { key: item.key, data: item.data, whole, recoveries });
        }
        let counted = item.data.get("recoveries").and_then(|count| count.as_i64()).unwrap_or(1);
        recoveries = recoveries.max(u32::try_from(counted).unwrap_or(1));
        whole = item.data.get("payload").ok_or("a recovery_error without payload")?;
    }
    Err(format!("wrapped into recovery errors more than {MAX_WRAPPING} times"))
}

/// The texts of a legacy row's errors: strings as they are, of objects their `message`.
fn messages(errors: Value<'_>) -> Vec<String> {
    let text = |error: Value<'_>| match error.as_str() {
        Some(text) => text.into_owned(),
        None => error.get("message").and_then(|message| message.as_str()).unwrap_or_default().into_owned(),
    };
    errors.elements().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(line: &str) -> String {
        let arena = Bump::new();
        match BadRow::parse(line, &arena) {
            BadRow::SelfDescribing(row) => format!("{} after {}", row.key.name, row.recoveries),
            BadRow::Legacy { line, messages, failure_tstamp } => {
                format!("legacy {line} {messages:?} {failure_tstamp:?}")
            }
            BadRow::LegacyOversized => "oversized".into(),
            BadRow::Foreign(reason) => format!("foreign: {reason}"),
        }
    }

    #[test]
    fn every_generation() {
        let row = |name: &str, data: &str| {
            format!(r#"{{"schema":"iglu:{BADROWS_VENDOR}/{name}/jsonschema/1-0-0","data":{data}}}"#)
        };
        let inner = row("schema_violations", "{}");
        assert_eq!(kind(&inner), "schema_violations after 0");
        let wrapped = row("recovery_error", &format!(r#"{{"payload":{inner},"recoveries":3}}"#));
        assert_eq!(kind(&wrapped), "schema_violations after 3");
        let old = r#"{"line":"abc","errors":["x"]}"#;
        assert_eq!(kind(old), r#"legacy abc ["x"] None"#);
        let newer =
            r#"{"line":"a\tb","errors":[{"level":"error","message":"m"}],"failure_tstamp":"2016-01-01T00:00:00.000Z"}"#;
        assert_eq!(kind(newer), "legacy a\tb [\"m\"] Some(\"2016-01-01T00:00:00.000Z\")");
        assert_eq!(kind(&format!(r#"{{"_index":"bad","_source":{old}}}"#)), r#"legacy abc ["x"] None"#);
        assert_eq!(kind(r#"{"size":5000000,"errors":[],"failure_tstamp":1}"#), "oversized");
        assert!(kind("nonsense").starts_with("foreign: invalid json"));
        assert!(
            kind(r#"{"schema":"iglu:com.acme/x/jsonschema/1-0-0","data":{}}"#).starts_with("foreign: iglu:com.acme")
        );
        assert!(kind(r#"{"a":1}"#).starts_with("foreign"));
    }
}
