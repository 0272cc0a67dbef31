//! Querystrings and lines for scripts: what `decodeURIComponent`, `encodeURIComponent` and `split` make of them, without
//! a call for each piece. Whatever the language would refuse or convert is left to it.

use std::borrow::Cow;

use crate::payload::decode::hex_value;
use crate::payload::encode_component;
use crate::scan::for_each_of;
use crate::script::js::{self, Array, Ctx, Object, String as JsString, Value};

/// A text cut at its tabs; `None` if it is no UTF-8.
pub(super) fn split_tabs<'js>(ctx: Ctx<'js>, text: JsString<'js>) -> js::Result<Option<Array<'js>>> {
    let Ok(text) = text.to_string() else { return Ok(None) };
    let array = Array::new(ctx)?;
    for (index, column) in text.split('\t').enumerate() {
        array.set(index, column)?;
    }
    Ok(Some(array))
}

/// The parameters of a querystring; `None` if a piece is not well encoded.
pub(super) fn parse<'js>(ctx: Ctx<'js>, query: JsString<'js>) -> js::Result<Option<Object<'js>>> {
    let Ok(query) = query.to_string() else { return Ok(None) };
    let parameters = Object::new(ctx)?;
    for piece in pieces(&query) {
        let (Some(name), Some(value)) = (decoded(piece.name), decoded(piece.value)) else { return Ok(None) };
        parameters.set(name.as_ref(), value.as_ref())?;
    }
    Ok(Some(parameters))
}

#[derive(Clone, Copy, Default)]
struct Piece<'q> {
    name: &'q str,
    value: &'q str,
}

/// What is between `&`s. Whatever follows a second `=` is lost, as it was.
fn pieces(query: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::with_capacity(32);
    let (mut start, mut signs) = (0, [None; 2]);
    let piece = |start: usize, signs: [Option<usize>; 2], end: usize| {
        let text = |from: usize, to: usize| query.get(from..to).unwrap_or_default();
        let name = text(start, signs[0].unwrap_or(end));
        Piece { name, value: signs[0].map_or("", |sign| text(sign + 1, signs[1].unwrap_or(end))) }
    };
    for_each_of(query.as_bytes(), [b'&', b'='], |at| {
        if query.as_bytes()[at] == b'&' {
            pieces.push(piece(start, signs, at));
            (start, signs) = (at + 1, [None; 2]);
        } else if signs[0].is_none() {
            signs[0] = Some(at);
        } else if signs[1].is_none() {
            signs[1] = Some(at);
        }
    });
    pieces.push(piece(start, signs, query.len()));
    pieces
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
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    let Some(first) = memchr::memchr(b'%', text.as_bytes()) else { return Some(text.into()) };
    let mut out = Vec::with_capacity(text.len());
    let (plain, mut rest) = text.as_bytes().split_at(first);
    out.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] => break,
            [b'%', high, low, after @ ..] => {
                out.push(hex_value(*high)? << 4 | hex_value(*low)?);
                after
            }
            [b'%', ..] => return None,
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
    String::from_utf8(out).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_what_splitting_gives(query in "[a&=é]{0,40}") {
            let split = query.split('&').map(|segment| {
                let mut parts = segment.split('=');
                (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
            });
            let found: Vec<_> = pieces(&query).into_iter().map(|piece| (piece.name, piece.value)).collect();
            prop_assert_eq!(found, split.collect::<Vec<_>>());
        }

        #[test]
        fn what_is_encoded_is_decoded(text in ".{0,20}|[a-z%&=+ ]{0,20}") {
            let mut encoded = String::new();
            encode_component(&text, &mut encoded);
            let decoded = decoded(&encoded);
            prop_assert_eq!(decoded.as_deref(), Some(text.as_str()));
        }
    }
}
