//! Querystrings, written and repaired.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../util/querystring.scala`; values are encoded once
//! here, not twice, and names are encoded too.

use std::cell::RefCell;

use super::coerce::Pair;
use crate::scan::{BLOCK, alphanumeric_or_any_of};

/// Names and values, form-encoded; a missing value is written like an empty one.
pub(super) fn querystring(pairs: &[Pair<'_>]) -> String {
    let length: usize =
        pairs.iter().map(|(name, value)| name.len() + value.as_ref().map_or(0, |value| value.len()) + 2).sum();
    encoded(length, |out| {
        for (name, value) in pairs {
            if out.length > 0 {
                out.put(b"&");
            }
            out.encode(name.as_bytes());
            out.put(b"=");
            out.encode(value.as_deref().unwrap_or_default().as_bytes());
        }
    })
}

/// Java's `URLEncoder`.
pub fn form_encode(text: &str, out: &mut String) {
    out.push_str(&encoded(text.len(), |out| out.encode(text.as_bytes())));
}

thread_local! {
    /// Where texts are encoded, kept from one to the next.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// More memory than that is not kept.
const KEPT_ROOM: usize = 1 << 20;

/// What is written, `most` bytes long before it is encoded.
fn encoded(most: usize, write: impl FnOnce(&mut Encoder<'_>)) -> String {
    ROOM.with_borrow_mut(|room| {
        // Every byte may become three; the last block may not count.
        let length = 3 * most + BLOCK;
        if room.len() < length {
            room.resize(length, 0);
        }
        let mut encoder = Encoder { out: room, length: 0 };
        write(&mut encoder);
        let length = encoder.length;
        let text = std::str::from_utf8(&room[..length]).unwrap_or_default().to_owned();
        if room.len() > KEPT_ROOM {
            *room = Vec::new();
        }
        text
    })
}

/// What is neither letter nor digit and stays as it is.
const BARE: [u8; 4] = *b".-*_";

/// What a byte becomes, and the length of that.
const ENCODED: [([u8; 4], u8); 256] = {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [([0; 4], 0); 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        table[index] = match byte {
            b' ' => ([b'+', 0, 0, 0], 1),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => ([byte, 0, 0, 0], 1),
            _ => ([b'%', HEX[index >> 4], HEX[index & 15], 0], 3),
        };
        index += 1;
    }
    table
};

/// Form-encodes into memory that is large enough from the beginning.
struct Encoder<'r> {
    out: &'r mut [u8],
    length: usize,
}

impl Encoder<'_> {
    /// Puts bytes at the end, without going on: all of them may not count.
    #[inline]
    fn place<const N: usize>(&mut self, bytes: &[u8; N]) {
        if let Some(room) = self.out.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut) {
            *room = *bytes;
        }
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.place(bytes);
        self.length += N;
    }

    #[inline]
    fn encode_byte(&mut self, byte: u8) {
        let (text, length) = &ENCODED[usize::from(byte)];
        self.place(text);
        self.length += usize::from(*length);
    }

    fn encode(&mut self, mut text: &[u8]) {
        while let Some(block) = text.first_chunk::<BLOCK>() {
            self.place(block);
            let bare = ((!alphanumeric_or_any_of(block, BARE)).trailing_zeros() as usize).min(BLOCK);
            self.length += bare;
            text = &text[bare..];
            // What has to be encoded comes in crowds.
            while let [byte, rest @ ..] = text
                && ENCODED[usize::from(*byte)].1 != 1
            {
                self.encode_byte(*byte);
                text = rest;
            }
            if let [b' ', rest @ ..] = text {
                self.encode_byte(b' ');
                text = rest;
            }
        }
        for byte in text {
            self.encode_byte(*byte);
        }
    }
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
