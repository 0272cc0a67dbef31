//! Querystrings, written and repaired.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../util/querystring.scala`; values are encoded once
//! here, not twice, and names are encoded too.

use super::coerce::Pair;
use super::encoder::{Encoder, with_encoder};

/// Names and values, form-encoded; a missing value is written like an empty one.
pub(super) fn querystring(pairs: &[Pair<'_>]) -> String {
    let length = pairs.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, |value| value.len()) + 2).sum();
    with_encoder(length, |out| {
        for (name, value) in pairs {
            encode_pair(name, value.as_deref(), out);
        }
        out.text().to_owned()
    })
}

/// Adds a pair to a querystring.
#[inline]
pub(super) fn encode_pair(name: &str, value: Option<&str>, out: &mut Encoder<'_>) {
    if out.len() > 0 {
        out.put(b"&");
    }
    out.encode(name.as_bytes());
    out.put(b"=");
    out.encode(value.unwrap_or_default().as_bytes());
}

/// Java's `URLEncoder`.
pub fn form_encode(text: &str, out: &mut String) {
    with_encoder(text.len(), |encoder| {
        encoder.encode(text.as_bytes());
        out.push_str(encoder.text());
    });
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
        for start in 0..all.len().min(40) {
            let (mut encoded, text) = (String::new(), &all[start..start + 20]);
            form_encode(text, &mut encoded);
            assert_eq!(decode_leniently(&encoded), text);
        }
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
