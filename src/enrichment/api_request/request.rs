//! From an event to a request.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../registry/apirequest/{Input,HttpApi}.scala`.

use super::super::StepContext;
use super::super::inputs::{Source, is_texted_number, write_input};
use super::super::jsonpath::Wrapped;
use super::super::text::form_encode;
use crate::json::{Kind, Value, write_string};
use crate::payload::hash_order_key;

/// How requests are made.
#[derive(Clone)]
pub(super) struct Template {
    /// `GET`, `POST` or `PUT`.
    pub method: String,
    /// The address with `{{ key }}` in it.
    pub uri: String,
}

/// What identifies a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub url: String,
    pub body: Option<String>,
}

/// Scala's maps keep insertion order up to this size.
const SMALL_MAP: usize = 4;

impl Template {
    /// The request for an event; `None` if an input is missing or a key of the template has none.
    pub fn request(
        &self,
        inputs: &[(String, Source)],
        strict_parity: bool,
        cx: &StepContext<'_, '_>,
    ) -> Option<Request> {
        let mut values: Vec<(&str, String)> = Vec::with_capacity(inputs.len());
        for (key, source) in inputs {
            let value = match source {
                Source::Column(column) => cx.event.get(*column)?.to_owned(),
                Source::Json(json) => wrapped_text(&json.find(cx)?, strict_parity),
            };
            match values.iter_mut().find(|(known, _)| known == key) {
                Some(entry) => entry.1 = value,
                None => values.push((key, value)),
            }
        }
        let url = fill(&self.uri, &values)?;
        let body = matches!(self.method.as_str(), "POST" | "PUT").then(|| body(values));
        Some(Request { url, body })
    }
}

/// The address with every `{{ key }}` replaced by its encoded value; `None` if a brace is left.
pub(super) fn fill(uri: &str, values: &[(&str, String)]) -> Option<String> {
    let mut url = uri.to_owned();
    for (key, value) in values {
        url = replace_key(&url, key, &form_encode(value));
    }
    (!url.contains(['{', '}'])).then_some(url)
}

fn replace_key(uri: &str, key: &str, value: &str) -> String {
    let mut out = String::with_capacity(uri.len() + value.len());
    let mut rest = uri;
    while let Some(start) = rest.find("{{") {
        let inside = &rest[start + 2..];
        let Some(end) = inside.find("}}") else { break };
        out.push_str(&rest[..start]);
        if inside[..end].trim() == key {
            out.push_str(value);
        } else {
            out.push_str(&rest[start..start + end + 4]);
        }
        rest = &inside[end + 2..];
    }
    out.push_str(rest);
    out
}

/// The values as a JSON object, in the order of Scala's map.
fn body(mut values: Vec<(&str, String)>) -> String {
    if values.len() > SMALL_MAP {
        values.sort_by_cached_key(|(key, _)| hash_order_key(key));
    }
    let mut json = vec![b'{'];
    for (index, (key, value)) in values.iter().enumerate() {
        json.extend_from_slice(if index > 0 { b"," } else { b"" });
        write_string(key, &mut json);
        json.push(b':');
        write_string(value, &mut json);
    }
    json.push(b'}');
    String::from_utf8_lossy(&json).into_owned()
}

fn wrapped_text(wrapped: &Wrapped<'_>, strict_parity: bool) -> String {
    match wrapped {
        Wrapped::Nothing => String::new(),
        Wrapped::One(value) => value_text(*value, strict_parity),
        Wrapped::Many(values) => joined(values.iter().copied(), strict_parity),
    }
}

/// The elements, with a comma between them. The reference prints each as `Some(…)`.
fn joined<'a>(values: impl Iterator<Item = Value<'a>>, strict_parity: bool) -> String {
    let texts: Vec<String> = values
        .map(|value| {
            let text = value_text(value, strict_parity);
            if strict_parity { format!("Some({text})") } else { text }
        })
        .collect();
    texts.join(",")
}

fn value_text(value: Value<'_>, strict_parity: bool) -> String {
    match value.kind() {
        Kind::String => value.as_str().unwrap_or_default().into_owned(),
        Kind::Number if is_texted_number(value) => value.source().to_owned(),
        Kind::Array => joined(value.elements(), strict_parity),
        _ => {
            let mut text = Vec::new();
            write_input(value, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}
