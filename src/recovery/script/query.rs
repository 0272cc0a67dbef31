//! Querystrings for scripts: what `decodeURIComponent` and `encodeURIComponent` make of them, without a call for each
//! piece. Whatever the language would refuse or convert is left to it.

use crate::payload::encode_component;
use crate::script::js::{self, Ctx, Object, String as JsString, Value};

/// The parameters of a querystring; `None` if a piece is not well encoded.
pub(super) fn parse<'js>(ctx: Ctx<'js>, query: JsString<'js>) -> js::Result<Option<Object<'js>>> {
    let Ok(query) = query.to_string() else { return Ok(None) };
    let parameters = Object::new(ctx)?;
    for segment in query.split('&') {
        // Whatever follows a second `=` is lost, as it was.
        let mut pieces = segment.split('=');
        let name = decoded(pieces.next().unwrap_or_default());
        let value = decoded(pieces.next().unwrap_or_default());
        let (Some(name), Some(value)) = (name, value) else { return Ok(None) };
        parameters.set(name.as_ref(), value.as_ref())?;
    }
    Ok(Some(parameters))
}

/// A querystring of an object's own properties; `None` if one of them is no text.
pub(super) fn build(parameters: Value<'_>) -> Option<String> {
    let object = parameters.as_object()?;
    let mut out = String::new();
    for (index, property) in object.props::<String, Value<'_>>().enumerate() {
        let (name, value) = property.ok()?;
        let value = value.as_string()?.to_string().ok()?;
        if index > 0 {
            out.push('&');
        }
        encode_component(&name, &mut out);
        out.push('=');
        encode_component(&value, &mut out);
    }
    Some(out)
}

/// Percent signs decoded; `None` if they are not all followed by bytes of UTF-8.
fn decoded(text: &str) -> Option<std::borrow::Cow<'_, str>> {
    let Some(first) = memchr::memchr(b'%', text.as_bytes()) else { return Some(text.into()) };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    out.extend_from_slice(&bytes[..first]);
    let mut at = first;
    while at < bytes.len() {
        if bytes[at] != b'%' {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        out.push((digit(at + 1)? * 16 + digit(at + 2)?) as u8);
        at += 3;
    }
    String::from_utf8(out).ok().map(Into::into)
}
