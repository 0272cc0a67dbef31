//! A payload before and after, field by field.

use std::fmt::Write;

use serde_json::Value;

use crate::recovery::decode_base64;

/// Characters of a value that are shown.
const SHOWN: usize = 160;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub path: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// The fields that differ, down into lists of parameters, JSON inside of texts, base64 and lines of logs.
pub(super) fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut all = Vec::new();
    compare("$", Some(before), Some(after), &mut all);
    all
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, all: &mut Vec<Change>) {
    if before == after {
        return;
    }
    let inner = |value: Option<&Value>| value.and_then(opened);
    let (opened_before, opened_after) = (inner(before), inner(after));
    match (opened_before.as_ref().or(before), opened_after.as_ref().or(after)) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for (name, value) in old {
                compare(&format!("{path}.{name}"), Some(value), new.get(name), all);
            }
            for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                compare(&format!("{path}.{name}"), None, Some(value), all);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => compare_lists(path, old, new, all),
        (old, new) => {
            let (before, after) = (old.map(shown), new.map(shown));
            // The same content in another encoding is no change that a reader wants to see.
            if before != after {
                all.push(Change { path: path.to_owned(), before, after });
            }
        }
    }
}

fn compare_lists(path: &str, old: &[Value], new: &[Value], all: &mut Vec<Change>) {
    let name = |pair: &Value| pair.get("name").and_then(Value::as_str).map(str::to_owned);
    for index in 0..old.len().max(new.len()) {
        let (before, after) = (old.get(index), new.get(index));
        let named = before.or(after).and_then(name).filter(|_| before.and_then(name) == after.and_then(name));
        match named {
            Some(named) => {
                let value = |pair: Option<&Value>| pair.and_then(|pair| pair.get("value")).cloned();
                compare(&format!("{path}.{named}"), value(before).as_ref(), value(after).as_ref(), all);
            }
            None => compare(&format!("{path}[{index}]"), before, after, all),
        }
    }
}

/// What a text holds, if it holds something with parts.
fn opened(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    if text.contains('\t') {
        return Some(Value::Array(text.split('\t').map(Value::from).collect()));
    }
    if text.starts_with(['{', '[']) {
        return serde_json::from_str(text).ok();
    }
    if text.starts_with("ey") {
        return serde_json::from_slice(&decode_base64(text)?).ok();
    }
    if text.contains('&') && text.contains('=') {
        let pair = |part: &str| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.to_owned(), Value::from(value))
        };
        return Some(Value::Object(text.split('&').map(pair).collect()));
    }
    None
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    if text.chars().count() <= SHOWN {
        return text;
    }
    let cut: String = text.chars().take(SHOWN).collect();
    format!("{cut}…")
}

/// The changes as lines, `-` before and `+` after.
pub(super) fn write(changes: &[Change], colours: bool, out: &mut String) {
    let (red, green, end) = if colours { ("\x1b[31m", "\x1b[32m", "\x1b[0m") } else { ("", "", "") };
    if changes.is_empty() {
        out.push_str("    (unchanged)\n");
    }
    for change in changes {
        let _ = writeln!(out, "    {}", change.path);
        if let Some(before) = &change.before {
            let _ = writeln!(out, "      {red}- {before}{end}");
        }
        if let Some(after) = &change.after {
            let _ = writeln!(out, "      {green}+ {after}{end}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use serde_json::json;

    #[test]
    fn down_into_encoded_fields() {
        let cx = |version: &str| json!({"schema": version, "n": 1}).to_string();
        let before = json!({"raw": {"refererUri": null, "parameters": [
            {"name": "e", "value": "pv"}, {"name": "cx", "value": URL_SAFE_NO_PAD.encode(cx("1-0-3"))}]}});
        let after = json!({"raw": {"refererUri": "https://x.com/", "parameters": [
            {"name": "e", "value": "pv"}, {"name": "cx", "value": STANDARD.encode(cx("1-0-4"))}]}});
        let mut text = String::new();
        write(&changes(&before, &after), false, &mut text);
        let expected = "    $.raw.refererUri\n      - null\n      + \"https://x.com/\"\n    $.raw.parameters.cx.schema\n      - \"1-0-3\"\n      + \"1-0-4\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn lines_field_by_field() {
        let found = changes(&"a\tb\te=pv&page=x".into(), &"a\tB\te=pv&page=y".into());
        let paths: Vec<&str> = found.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(paths, ["$[1]", "$[2].page"]);
        let mut text = String::new();
        write(&[], true, &mut text);
        assert_eq!(text, "    (unchanged)\n");
    }
}
