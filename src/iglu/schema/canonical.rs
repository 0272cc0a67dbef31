//! Equality of JSON values as Jackson's trees have it: integers and decimals are different kinds (`1` is not `1.0`),
//! decimals are compared by value (`1.0` is `1.00`), objects without regard to order.

use std::collections::HashSet;

use super::decimal::{Decimal, is_integer_text};
use crate::json::{Kind, Value};

/// Appends a form that is the same for equal values and differs for others.
pub(super) fn write_canonical(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Null => out.push(b'n'),
        Kind::Bool => out.push(if value.as_bool() == Some(true) { b't' } else { b'f' }),
        Kind::Number => write_number(value.as_number().unwrap_or("0"), out),
        Kind::String => write_text(&value.as_str().unwrap_or_default(), out),
        Kind::Array => {
            out.push(b'[');
            for element in value.elements() {
                write_canonical(element, out);
            }
            out.push(b']');
        }
        Kind::Object => {
            let mut members: Vec<(Vec<u8>, Value<'_>)> = value
                .members()
                .map(|(name, member)| {
                    let mut key = Vec::new();
                    write_text(&name, &mut key);
                    (key, member)
                })
                .collect();
            members.sort_by(|a, b| a.0.cmp(&b.0));
            out.push(b'{');
            for (key, member) in members {
                out.extend_from_slice(&key);
                write_canonical(member, out);
            }
            out.push(b'}');
        }
    }
}

fn write_number(text: &str, out: &mut Vec<u8>) {
    if is_integer_text(text) {
        let digits = if text == "-0" { "0" } else { text };
        out.push(b'i');
        out.extend_from_slice(digits.as_bytes());
        out.push(b';');
    } else {
        Decimal::parse(text).write_canonical(out);
    }
}

/// The length in front keeps texts apart from what follows them.
fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b's');
    out.extend_from_slice(&(text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Whether all children of an array are different; of an object too, as in the reference.
pub(super) fn is_unique(value: Value<'_>) -> bool {
    let mut seen: HashSet<Vec<u8>, foldhash::fast::RandomState> = HashSet::default();
    let mut is_new = |child: Value<'_>| {
        let mut form = Vec::with_capacity(child.source().len() + 9);
        write_canonical(child, &mut form);
        seen.insert(form)
    };
    match value.kind() {
        Kind::Array => value.elements().all(&mut is_new),
        Kind::Object => value.members().all(|(_, child)| is_new(child)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    #[test]
    fn values_are_unique_by_kind_and_value() {
        let arena = Bump::new();
        for (json, unique) in [
            ("[1,1.0]", true),
            ("[1.0,1.00]", false),
            ("[1e2,100.0]", false),
            ("[1,\"1\"]", true),
            ("[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]", false),
            ("[[1,2],[12]]", true),
            ("[\"a\",\"\\u0061\"]", false),
            ("[null,false,0,\"\",[],{}]", true),
            ("[0,-0]", false),
            ("{\"a\":1,\"b\":1}", false),
            ("5", true),
        ] {
            assert_eq!(is_unique(crate::json::parse(json, &arena).unwrap()), unique, "{json}");
        }
    }
}
