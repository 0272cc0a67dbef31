//! Bad rows as Elasticsearch gives them back.
//!
//! The Elasticsearch loader renames what has different types in different rows, since an index takes one type a field: a
//! text `payload` became `payload_str`, a list `failure` became `failure_list`, and parameters became their JSON text.
//! Facts: snowplow/snowplow-elasticsearch-loader 2.1.2, its repair of types in rows whose vendor contains `badrows`.
//! Legacy rows were stored as they are.

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::Value;

use crate::json;

/// Endings of renamed keys.
const ENDINGS: [&str; 2] = ["_str", "_list"];

/// The document with its names and types back, if the loader has changed any of them.
pub(super) fn restored<'a>(document: json::Value<'a>, arena: &'a Bump) -> Option<json::Value<'a>> {
    if !is_changed(document.get("data")?) {
        return None;
    }
    let mut row = document.to_serde();
    restore(row.get_mut("data")?);
    json::parse(arena.alloc_str(&row.to_string()), arena).ok()
}

/// Whether the loader has been at it; cheap, since every row is asked: it looks at every member once.
fn is_changed(data: json::Value<'_>) -> bool {
    let (mut payload, mut failure) = (None, None);
    for (key, value) in data.members() {
        match &*key {
            "payload" => payload = Some(value),
            "failure" => failure = Some(value),
            key if is_renamed(key, &["payload", "failure"]) => return true,
            _ => {}
        }
    }
    let parameters = payload.and_then(|payload| payload.get("raw")).and_then(|raw| raw.get("parameters"));
    if parameters.is_some_and(is_text) {
        return true;
    }
    let mut messages = None;
    for (key, value) in failure.iter().flat_map(json::Value::members) {
        match &*key {
            "messages" => messages = Some(value),
            key if is_renamed(key, &["error", "errors", "message"]) => return true,
            _ => {}
        }
    }
    messages.is_some_and(|messages| messages.elements().any(|message| message.members().any(is_changed_in_message)))
}

fn is_changed_in_message((key, value): (Cow<'_, str>, json::Value<'_>)) -> bool {
    match &*key {
        "expectedMapping" | "json" => is_text(value),
        "message" => value.members().any(|(key, _)| is_renamed(&key, &["error"])),
        key => is_renamed(key, &["error"]),
    }
}

fn is_text(value: json::Value<'_>) -> bool {
    value.raw_str().is_some()
}

/// Whether a key is one of the names with an ending.
fn is_renamed(key: &str, names: &[&str]) -> bool {
    ENDINGS.iter().any(|ending| key.strip_suffix(ending).is_some_and(|name| names.contains(&name)))
}

fn restore(data: &mut Value) {
    named_back(data, "failure");
    named_back(data, "payload");
    if let Some(parameters) = data.pointer_mut("/payload/raw/parameters") {
        parsed_back(parameters);
    }
    match data.get_mut("failure") {
        Some(Value::Array(list)) => {
            for item in list {
                named_back(item, "error");
                item.get_mut("value").into_iter().for_each(parsed_back);
            }
        }
        Some(failure) => {
            for name in ["error", "errors", "message"] {
                named_back(failure, name);
            }
            for message in failure.get_mut("messages").and_then(Value::as_array_mut).into_iter().flatten() {
                named_back(message, "error");
                message.get_mut("message").into_iter().for_each(|inner| named_back(inner, "error"));
                for name in ["expectedMapping", "json"] {
                    message.get_mut(name).into_iter().for_each(parsed_back);
                }
            }
        }
        None => {}
    }
}

/// `name_str` and `name_list` are `name` again, unless that is there too.
fn named_back(value: &mut Value, name: &str) {
    let Some(object) = value.as_object_mut() else { return };
    for ending in ENDINGS {
        if let Some(renamed) = object.shift_remove(&format!("{name}{ending}")) {
            object.entry(name).or_insert(renamed);
        }
    }
}

/// JSON text is JSON again.
fn parsed_back(value: &mut Value) {
    if let Some(parsed) = value.as_str().and_then(|text| serde_json::from_str(text).ok()) {
        *value = parsed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn back(data: &Value) -> Option<Value> {
        let arena = Bump::new();
        let text = json!({"schema": "iglu:x", "data": data}).to_string();
        let document = json::parse(arena.alloc_str(&text), &arena).unwrap();
        restored(document, &arena).map(|row| row.to_serde()["data"].clone())
    }

    #[test]
    fn names_and_types_come_back() {
        let parameters = json!([{"name": "e", "value": "pv"}]);
        let row = json!({"failure": {"messages": [{"schemaKey": "k", "error_str": "e"}]},
            "payload": {"raw": {"parameters": parameters.to_string()}}});
        let wanted = json!({"failure": {"messages": [{"schemaKey": "k", "error": "e"}]},
            "payload": {"raw": {"parameters": parameters}}});
        assert_eq!(back(&row), Some(wanted));
        let row = json!({"failure": {"timestamp": "t", "loader": "thrift", "message": {"error": "e"}}, "payload_str": "bac="});
        assert_eq!(back(&row).unwrap()["payload"], "bac=");
        let row = json!({"payload": {}, "failure_list": [{"schemaKey": "k", "error_str": "e", "value": "{\"a\":1}"}]});
        assert_eq!(back(&row).unwrap()["failure"], json!([{"schemaKey": "k", "error": "e", "value": {"a": 1}}]));
        let row = json!({"failure": {"messages": [{"message": {"error_str": "e"}, "json": "{}"}]}, "payload": {}});
        assert_eq!(back(&row).unwrap()["failure"]["messages"][0], json!({"message": {"error": "e"}, "json": {}}));
    }

    #[test]
    fn other_rows_stay_as_they_are() {
        let row =
            json!({"failure": {"messages": [{"field": "e", "value": "{}"}]}, "payload": {"raw": {"parameters": []}}});
        assert_eq!(back(&row), None);
        assert_eq!(back(&json!({"payload": "x", "failure": "y", "payloads_str": 1})), None);
    }
}
