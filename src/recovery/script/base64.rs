//! Base64 as scripts know it, after commons-codec: both alphabets, padding optional, other characters skipped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Decodes; what is no base64 is skipped, nothing follows padding.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => continue,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

/// The standard alphabet, padded, on one line.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn worked_examples() {
        assert_eq!(encode(b">>>???a"), "Pj4+Pz8/YQ==");
        assert_eq!(decode("Pj4-Pz8_YQ"), b">>>???a");
        assert_eq!(decode("YW Jj\nCg=="), b"abc\n");
        assert_eq!(decode("é%"), b"");
    }

    proptest! {
        #[test]
        fn round_trip(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(decode(&encode(&bytes)), bytes);
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            decode(&text);
        }
    }
}
