//! Percent-encoding.

/// Appends `%` and the two hexadecimal digits of a byte.
pub fn push_escaped(byte: u8, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

/// Percent-encodes as browsers' `encodeURIComponent` does.
pub fn encode_component(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            push_escaped(byte, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components() {
        let mut out = String::new();
        encode_component("a-Z_0.!~*'() +/é\n", &mut out);
        assert_eq!(out, "a-Z_0.!~*'()%20%2B%2F%C3%A9%0A");
    }
}
