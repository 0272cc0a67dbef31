//! Percent-encoding.

use crate::scan::for_each_special;

/// Appends `%` and the two hexadecimal digits of a byte.
pub fn push_escaped(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let escaped = [b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
    out.extend(escaped.map(char::from));
}

/// Percent-encodes as browsers' `encodeURIComponent` does.
pub fn encode_component(text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut written = 0;
    // Within a character beyond ASCII there is nothing to copy.
    let plain = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    for_each_special(text.as_bytes(), *b"-_.!~*'()", |at| {
        out.push_str(plain(written, at));
        push_escaped(text.as_bytes()[at], out);
        written = at + 1;
    });
    out.push_str(plain(written, text.len()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn components() {
        let mut out = String::new();
        encode_component("a-Z_0.!~*'() +/é\n", &mut out);
        assert_eq!(out, "a-Z_0.!~*'()%20%2B%2F%C3%A9%0A");
    }

    proptest! {
        #[test]
        fn each_byte_is_encoded_by_itself(text in ".{0,40}|[a-z%&=+ ]{0,60}|[é-]{0,30}") {
            let mut expected = String::new();
            for byte in text.bytes() {
                if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
                    expected.push(char::from(byte));
                } else {
                    expected += &format!("%{byte:02X}");
                }
            }
            let mut out = String::new();
            encode_component(&text, &mut out);
            prop_assert_eq!(out, expected);
        }
    }
}
