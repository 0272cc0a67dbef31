//! Checks of a request's body and content type, and the parsing of a JSON body.
//!
//! Facts: snowplow/enrich 3.9.0, the `toRawEvents` methods below `adapters/registry`.

use crate::adapter::{AdapterError, Tools};
use crate::badrow::Message;
use crate::json::{Value, parse};
use crate::payload::CollectorPayload;

/// `application/json`
pub const JSON: &str = "application/json";
/// `application/x-www-form-urlencoded`
pub const FORM: &str = "application/x-www-form-urlencoded";

/// The text of an absent body, and of an empty one where that is looked at.
pub const NO_EVENTS: &str = "empty body: no events to process";

/// The body, or the failure of an absent one.
pub fn body<'a>(payload: &CollectorPayload<'a>) -> Result<&'a str, Message<'a>> {
    payload.body.ok_or_else(|| Message::input("body", None, NO_EVENTS))
}

/// The body, or the failure of an absent or empty one.
pub fn filled_body<'a>(payload: &CollectorPayload<'a>) -> Result<&'a str, Message<'a>> {
    payload.body.filter(|body| !body.is_empty()).ok_or_else(|| Message::input("body", None, NO_EVENTS))
}

/// Requires a content type, character for character.
pub fn content_type<'a>(payload: &CollectorPayload<'a>, expected: &str) -> Result<(), Message<'a>> {
    match payload.content_type {
        None => Err(Message::input("contentType", None, format!("no content type: expected {expected}"))),
        Some(given) if given != expected => {
            Err(Message::input("contentType", Some(given), format!("expected {expected}")))
        }
        Some(_) => Ok(()),
    }
}

/// The JSON of a field.
pub fn json<'a>(field: &'static str, text: &'a str, tools: &Tools<'a, '_>) -> Result<Value<'a>, Message<'a>> {
    parse(text, tools.arena).map_err(|error| Message::not_json(field, Some(text), &error))
}

/// The events of a payload in order, or everything that is wrong with it; a payload without events is wrong, too.
pub fn all_or_failures<'a, T>(
    results: impl Iterator<Item = Result<T, Message<'a>>>,
) -> Result<Vec<T>, AdapterError<'a>> {
    let mut events = Vec::with_capacity(results.size_hint().0);
    let mut failures = Vec::new();
    for result in results {
        match result {
            Ok(event) => events.push(event),
            Err(message) => failures.push(message),
        }
    }
    if !failures.is_empty() {
        return Err(AdapterError::Failures(failures));
    }
    if events.is_empty() {
        return Err(Message::input("", None, "empty list of events").into());
    }
    Ok(events)
}
