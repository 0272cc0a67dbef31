//! The compact form of circe 0.14.1's printer: no white space, source key order, and `\u00xx` for ISO controls.

use super::{ESCAPED, Kind, Value, text};

/// Appends the compact form of a value.
pub fn write_compact(value: Value<'_>, out: &mut Vec<u8>) {
    if value.is_canonical() {
        return out.extend_from_slice(value.source().as_bytes());
    }
    match value.kind() {
        Kind::Null | Kind::Bool | Kind::Number => out.extend_from_slice(value.source().as_bytes()),
        Kind::String => write_source_string(value, out),
        Kind::Array => {
            out.push(b'[');
            for (index, item) in value.elements().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_compact(item, out);
            }
            out.push(b']');
        }
        Kind::Object => {
            out.push(b'{');
            for (index, (key, item)) in value.members().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(&key, out);
                out.push(b':');
                write_compact(item, out);
            }
            out.push(b'}');
        }
    }
}

fn write_source_string(value: Value<'_>, out: &mut Vec<u8>) {
    let raw = value.raw_str().unwrap_or_default();
    if value.node().flags & ESCAPED == 0 {
        write_string(raw, out);
    } else {
        write_string(&text::unescape(raw), out);
    }
}

/// Appends a string with its quotes, escaped as circe escapes it.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut done = 0;
    let mut at = 0;
    loop {
        at = text::skip_plain(bytes, at);
        let Some(&byte) = bytes.get(at) else { break };
        let (code, width) = match (byte, bytes.get(at + 1)) {
            (0xC2, Some(&control @ 0x80..=0x9F)) => (control, 2),
            (0xC2, _) => {
                at += 2;
                continue;
            }
            _ => (byte, 1),
        };
        out.extend_from_slice(&bytes[done..at]);
        match code {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0C => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            other => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(other >> 4)]);
                out.push(HEX[usize::from(other & 15)]);
            }
        }
        at += width;
        done = at;
    }
    out.extend_from_slice(&bytes[done..]);
    out.push(b'"');
}
