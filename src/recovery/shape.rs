//! The typed shape that event recovery gives to payloads before anything looks at them: optional fields that are absent
//! are null, lists of name-value pairs are arrays.
//!
//! Facts: snowplow/snowplow-badrows 2.2.0 `Payload.scala`; the object form of pairs is that of schema version 1-0-0.

use serde_json::{Map, Value};

use super::coerce::PayloadKind;
use crate::event::{COLUMNS, Column};
use crate::json;

const COLLECTOR_OPTIONAL: [&str; 8] =
    ["contentType", "body", "hostname", "timestamp", "ipAddress", "useragent", "refererUri", "networkUserId"];
const RAW_OPTIONAL: [&str; 7] =
    ["contentType", "hostname", "timestamp", "ipAddress", "useragent", "refererUri", "userId"];

/// Whether a path below a bad row's `data` names a field that may be absent, and is then read as null.
pub(super) fn is_optional(path: &[&str]) -> bool {
    match path {
        ["payload", name] => COLLECTOR_OPTIONAL.contains(name),
        ["payload", "raw", name] => RAW_OPTIONAL.contains(name),
        ["payload", "enriched", name] => Column::by_name(name).is_some(),
        _ => false,
    }
}

/// Fields of a payload that may be absent.
pub(super) fn optional(kind: PayloadKind) -> &'static [&'static str] {
    match kind {
        PayloadKind::Collector => &COLLECTOR_OPTIONAL,
        PayloadKind::RawEvent => &RAW_OPTIONAL,
    }
}

/// Whether a bad row's payload holds its pairs as one object.
pub(super) fn has_object_pairs(data: json::Value<'_>) -> bool {
    let Some(payload) = data.get("payload") else { return false };
    let pairs = match payload.get("raw") {
        Some(raw) => raw.get("parameters"),
        None => payload.get("querystring"),
    };
    pairs.is_some_and(|pairs| pairs.is_object())
}

/// Completes a payload. What is no object stays as it is: coercion names the clash.
pub(super) fn complete(payload: &mut Value, kind: PayloadKind) {
    match kind {
        PayloadKind::Collector => complete_object(payload, "querystring", &COLLECTOR_OPTIONAL),
        PayloadKind::RawEvent => {
            if let Some(raw) = payload.get_mut("raw") {
                complete_object(raw, "parameters", &RAW_OPTIONAL);
            }
            if let Some(enriched) = payload.get_mut("enriched").and_then(Value::as_object_mut) {
                for column in COLUMNS {
                    if !enriched.contains_key(column.name) {
                        enriched.insert(column.name.to_owned(), Value::Null);
                    }
                }
            }
        }
    }
}

fn complete_object(value: &mut Value, list: &str, optional: &[&str]) {
    let Some(object) = value.as_object_mut() else { return };
    for name in optional {
        if !object.contains_key(*name) {
            object.insert((*name).to_owned(), Value::Null);
        }
    }
    match object.get_mut(list) {
        None | Some(Value::Null) => drop(object.insert(list.to_owned(), Value::Array(Vec::new()))),
        Some(pairs @ Value::Object(_)) => *pairs = as_list(pairs),
        Some(_) => {}
    }
    if object.get("headers").is_none_or(Value::is_null) {
        object.insert("headers".to_owned(), Value::Array(Vec::new()));
    }
}

fn as_list(pairs: &mut Value) -> Value {
    let Value::Object(pairs) = pairs.take() else { return Value::Array(Vec::new()) };
    let pair = |(name, value): (String, Value)| {
        let mut pair = Map::new();
        pair.insert("name".to_owned(), Value::String(name));
        pair.insert("value".to_owned(), value);
        Value::Object(pair)
    };
    Value::Array(pairs.into_iter().map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_fields_are_null_and_pairs_a_list() {
        let mut payload = json!({"raw":{"vendor":"a","parameters":{"e":"pv","x":null}},"enriched":{"app_id":"a"}});
        complete(&mut payload, PayloadKind::RawEvent);
        assert_eq!(payload["raw"]["parameters"], json!([{"name":"e","value":"pv"},{"name":"x","value":null}]));
        assert_eq!(payload["raw"]["refererUri"], Value::Null);
        assert!(payload["raw"].as_object().unwrap().contains_key("refererUri"));
        assert_eq!(payload["enriched"]["app_id"], json!("a"));
        assert!(payload["enriched"].as_object().unwrap().contains_key("page_url"));
        let mut payload = json!({"vendor":"a"});
        complete(&mut payload, PayloadKind::Collector);
        assert_eq!(payload["querystring"], json!([]));
        assert!(is_optional(&["payload", "raw", "refererUri"]) && !is_optional(&["payload", "raw", "vendor"]));
        assert!(is_optional(&["payload", "enriched", "page_url"]) && !is_optional(&["failure", "page_url"]));
    }
}
