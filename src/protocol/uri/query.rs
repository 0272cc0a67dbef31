//! The pairs of a URI's query.
//!
//! Facts: Apache HttpClient 4.5, `URLEncodedUtils.parse`, as called by snowplow/enrich 3.9.0,
//! `modules/common/.../utils/ConversionUtils.scala`.

use std::borrow::Cow;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use crate::payload::NameValue;

/// Cuts a raw query at `&` and `;` and decodes names and values: `+` is a space, `%XX` a byte, a bad escape stays. Pieces
/// without a name are dropped, `a` has no value, `a=` an empty one. `charset` is the payload's; ISO-8859-1 and US-ASCII
/// are known besides UTF-8, every other name is read as UTF-8.
pub fn query_pairs<'a>(query: &'a str, charset: &str, arena: &'a Bump) -> &'a [NameValue<'a>] {
    let mut pairs = BumpVec::new_in(arena);
    for piece in query.split(['&', ';']) {
        let (name, value) = match piece.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (piece, None),
        };
        if !name.is_empty() {
            pairs.push((decode(name, charset, arena), value.map(|value| decode(value, charset, arena))));
        }
    }
    pairs.into_bump_slice()
}

fn decode<'a>(text: &'a str, charset: &str, arena: &'a Bump) -> &'a str {
    if !text.bytes().any(|b| b == b'%' || b == b'+' || b >= 0x80) {
        return text;
    }
    let units = text.as_bytes();
    let mut bytes = BumpVec::with_capacity_in(units.len(), arena);
    let mut at = 0;
    while at < units.len() {
        let hex = |offset: usize| units.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
        at += match (units[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                3
            }
            // The reference copies a bad escape as a whole, so that a `%` or `+` inside of it means nothing.
            (b'%', _, _) if text[at..].encode_utf16().nth(2).is_some() => push_literal(&text[at..], 3, &mut bytes),
            (b'+', _, _) => {
                bytes.push(b' ');
                1
            }
            _ => push_literal(&text[at..], 1, &mut bytes),
        };
    }
    let is = |names: [&str; 3]| names.iter().any(|name| charset.eq_ignore_ascii_case(name));
    let decoded: Cow<'_, str> = if is(["ISO-8859-1", "ISO8859_1", "LATIN1"]) {
        bytes.iter().map(|b| char::from(*b)).collect()
    } else if is(["US-ASCII", "ASCII", "ISO646-US"]) {
        bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{FFFD}' }).collect()
    } else {
        String::from_utf8_lossy(&bytes)
    };
    arena.alloc_str(&decoded)
}

/// Copies up to `count` UTF-16 units as single bytes, each cut to its low eight bits as the reference does; returns how
/// many bytes of text that took.
fn push_literal(text: &str, count: usize, bytes: &mut BumpVec<'_, u8>) -> usize {
    let mut taken = 0;
    let mut units = 0;
    for c in text.chars() {
        if units >= count {
            break;
        }
        let mut buffer = [0u16; 2];
        for unit in c.encode_utf16(&mut buffer) {
            bytes.push(*unit as u8);
            units += 1;
        }
        taken += c.len_utf8();
    }
    taken
}
