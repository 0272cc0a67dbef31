//! R117 wordings of what can fail after the adapter.
//!
//! Facts: snowplow/snowplow r117, `3-enrich/scala-common-enrich/.../enrichments` and `.../utils/ConversionUtils.scala`.

use crate::badrow::Message;

/// What R117 added when the event type was missing or unknown.
pub(super) const NO_EVENT: &str = "Unrecognized event [null]";

/// Whether the message is about an unknown event type.
pub(super) fn is_unknown_event(message: &Message<'_>) -> bool {
    matches!(message, Message::InputData { expectation, .. } if expectation == "not recognized as an event type")
}

/// The text of one message.
pub(super) fn text(message: &Message<'_>) -> String {
    match message {
        Message::InputData { field, value, expectation } => {
            input_text(field, value.as_deref().unwrap_or("null"), expectation)
        }
        Message::NotJson { field, value, error } => not_json_text(field, value.as_deref().unwrap_or("null"), error),
        Message::NotIglu { json, error } => format!("{} is not a self-describing JSON: {error}", json.source()),
        Message::CriterionMismatch { schema_key, criterion } => {
            format!("Verifying schema as {criterion} failed: found {schema_key}")
        }
        Message::Simple { error } => error.clone().into_owned(),
        other => as_json(other),
    }
}

/// A message that R117 had no words for.
pub(super) fn as_json(message: &Message<'_>) -> String {
    let mut out = Vec::new();
    message.write_json(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A field that is not JSON.
pub(super) fn not_json_text(field: &str, value: &str, error: &str) -> String {
    let reason = error.strip_prefix("invalid json: ").unwrap_or(error);
    format!("Field [{field}]: invalid JSON [{value}] with parsing error: {reason}")
}

fn input_text(field: &str, value: &str, expectation: &str) -> String {
    const EVENT_TYPE: &str = "trying to extract the schema of the enriched event but event type [";
    if let Some(rest) = expectation.strip_prefix(EVENT_TYPE) {
        let event = rest.split(']').next().unwrap_or("null");
        return format!("Unrecognized event [{event}]");
    }
    if expectation.starts_with("cannot be converted to java.math.BigDecimal") {
        return format!("Field [{field}]: cannot convert [{value}] to Double-like String");
    }
    if let Some(reason) = expectation.strip_prefix("exception URL-decoding (encoding ") {
        let (encoding, reason) = reason.split_once("): ").unwrap_or((reason, ""));
        return format!("Field [{field}]: Exception URL-decoding [{value}] (encoding [{encoding}]): [{reason}]");
    }
    let formatted =
        expectation.strip_prefix("formatting as ").and_then(|rest| rest.strip_suffix(" is not Redshift-compatible"));
    if let Some(timestamp) = formatted {
        return format!("Field [{field}]: [{value}] is formatted as [{timestamp}] which isn't Redshift-compatible");
    }
    if let Some(reason) = expectation.strip_prefix("invalid json: ") {
        return not_json_text(field, value, reason);
    }
    match expectation {
        "should be set" if field == "collector_tstamp" => "No collector_tstamp set".to_owned(),
        "not recognized as an event type" => format!("Field [{field}]: [{value}] is not a recognised event code"),
        "not recognized as a tracking platform" => {
            format!("Field [{field}]: [{value}] is not a supported tracking platform")
        }
        "cannot be converted to java.lang.Integer" if field == "tid" => {
            format!("Field [{field}]: [{value}] is not a valid integer")
        }
        "cannot be converted to java.lang.Integer" => format!("Field [{field}]: cannot convert [{value}] to Int"),
        "cannot be converted to Boolean-like java.lang.Byte" => {
            format!("Field [{field}]: cannot convert [{value}] to Boolean-like JByte")
        }
        "not a valid UUID" => format!("Field [{field}]: [{value}] is not a valid UUID"),
        "not in the expected format: ms since epoch" => {
            format!("Field [{field}]: [{value}] is not in the expected format (ms since epoch)")
        }
        r"does not conform to regex (\d+)x(\d+)" => {
            format!("Field [{field}]: [{value}] does not contain valid view dimensions")
        }
        "could not be converted to java.lang.Integer s" => {
            format!("Field [{field}]: view dimensions [{value}] exceed Integer's max range")
        }
        _ => format!("Field [{field}]: [{value}] {expectation}"),
    }
}
