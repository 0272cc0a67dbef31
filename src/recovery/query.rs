//! Querystrings, written and repaired.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../util/querystring.scala`; values are encoded once
//! here, not twice, and names are encoded too.

use super::coerce::Pair;

/// Names and values, form-encoded; a missing value is written like an empty one.
pub(super) fn querystring(pairs: &[Pair<'_>]) -> String {
    let length: usize =
        pairs.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, |value| value.len()) + 2).sum();
    // Encoded values are longer, but not much.
    let mut out = Vec::with_capacity(length + length / 2);
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push(b'&');
        }
        push_encoded(name.as_bytes(), &mut out);
        out.push(b'=');
        push_encoded(value.as_deref().unwrap_or_default().as_bytes(), &mut out);
    }
    String::from_utf8(out).unwrap_or_default()
}

/// Java's `URLEncoder`.
pub fn form_encode(text: &str, out: &mut String) {
    let mut encoded = Vec::with_capacity(text.len() + 16);
    push_encoded(text.as_bytes(), &mut encoded);
    out.push_str(std::str::from_utf8(&encoded).unwrap_or_default());
}

/// Bytes that are looked at together: what stays as it is comes in long runs.
const BLOCK: usize = 16;

/// What a byte becomes, and the length of that.
const ENCODED: [([u8; 3], u8); 256] = {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [([0; 3], 0); 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        table[index] = match byte {
            b' ' => ([b'+', 0, 0], 1),
            _ if is_bare(byte) => ([byte, 0, 0], 1),
            _ => ([b'%', HEX[index >> 4], HEX[index & 15]], 3),
        };
        index += 1;
    }
    table
};

/// Without branches, so that it works on many bytes at once.
const fn is_bare(byte: u8) -> bool {
    ((byte | 0x20).wrapping_sub(b'a') < 26)
        | (byte.wrapping_sub(b'0') < 10)
        | (byte == b'.')
        | (byte == b'-')
        | (byte == b'*')
        | (byte == b'_')
}

/// Appends the encoding, ASCII only.
fn push_encoded(text: &[u8], out: &mut Vec<u8>) {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    for block in blocks {
        if block.iter().fold(true, |all, byte| all & is_bare(*byte)) {
            out.extend_from_slice(block);
        } else {
            push_each(block, out);
        }
    }
    push_each(rest, out);
}

/// At most a block, byte by byte.
fn push_each(bytes: &[u8], out: &mut Vec<u8>) {
    let mut encoded = [0; 3 * BLOCK];
    let mut at = 0;
    for byte in bytes {
        let (text, length) = ENCODED[usize::from(*byte)];
        encoded[at..at + 3].copy_from_slice(&text);
        at += usize::from(length);
    }
    out.extend_from_slice(&encoded[..at]);
}

/// Repairs a querystring that could not be parsed: everything that is not legal is encoded, each value once.
///
/// Order, repeated names and names without value are kept, unlike in the reference.
pub fn clean_querystring(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    for part in query.split('&').filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push('&');
        }
        let (name, value) = part.split_once('=').map_or((part, None), |(name, value)| (name, Some(value)));
        form_encode(&decode_leniently(name), &mut out);
        if let Some(value) = value {
            out.push('=');
            form_encode(&decode_leniently(value), &mut out);
        }
    }
    out
}

/// Percent-decodes what is well-formed and leaves the rest; `+` is a space.
pub(super) fn decode_leniently(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        let decoded = hex.filter(|_| bytes[at] == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match decoded {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(if bytes[at] == b'+' { b' ' } else { bytes[at] });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_encoded_as_java_does() {
        let all: String = (0..=0x7F).map(char::from).chain("äß€😀".chars()).collect();
        let mut encoded = String::from("x=");
        form_encode(&all, &mut encoded);
        let wanted: String = all
            .bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => char::from(byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        assert_eq!(encoded, format!("x={wanted}"));
    }

    #[test]
    fn cleaning_encodes_once() {
        let dirty = "e={ue}&tv=${js}&ue_px={{unknown}}&pv=[pv !@]&er=(aaa,bbb)&zx=iglu:test&xz='lorem'&flag&e=%20x";
        assert_eq!(
            clean_querystring(dirty),
            "e=%7Bue%7D&tv=%24%7Bjs%7D&ue_px=%7B%7Bunknown%7D%7D&pv=%5Bpv+%21%40%5D&er=%28aaa%2Cbbb%29&zx=iglu%3Atest&xz=%27lorem%27&flag&e=+x"
        );
    }
}
