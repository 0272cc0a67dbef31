//! Text rules that several enrichments share.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/ConversionUtils.scala`; JDK 11 `String.trim`,
//! `URLDecoder.decode`, `URLEncoder.encode` and `Comparable<String>`.

use std::borrow::Cow;
use std::cmp::Ordering;

use bumpalo::Bump;

/// Java's `trim`: cuts everything up to U+0020 at both ends.
pub(crate) fn java_trim(text: &str) -> &str {
    text.trim_matches(|character: char| character <= ' ')
}

/// The order of Java's strings: by UTF-16 code unit, which differs from bytes for characters beyond U+FFFF only.
pub(crate) fn java_order(left: &str, right: &str) -> Ordering {
    if left.is_ascii() || right.is_ascii() { left.cmp(right) } else { left.encode_utf16().cmp(right.encode_utf16()) }
}

/// Decodes `%XX`; `None` if an escape is malformed. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn percent_decode(text: &str) -> Option<Cow<'_, str>> {
    decode(text, false)
}

/// Decodes `%XX` and `+` as Java's `URLDecoder` does; `None` if an escape is malformed.
pub(crate) fn form_decode(text: &str) -> Option<Cow<'_, str>> {
    decode(text, true)
}

fn decode(text: &str, plus_is_space: bool) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| byte == b'%' || plus_is_space && byte == b'+') {
        return Some(Cow::Borrowed(text));
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'%' => {
                let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                at += 3;
            }
            b'+' if plus_is_space => {
                out.push(b' ');
                at += 1;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    Some(Cow::Owned(String::from_utf8(out).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())))
}

/// Encodes as Java's `URLEncoder` does with UTF-8.
pub(crate) fn form_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'.' | b'-' | b'*' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Appends bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// Copies bytes that are known to be UTF-8, such as JSON just written, into the arena.
pub(crate) fn text_in<'a>(bytes: &[u8], arena: &'a Bump) -> &'a str {
    arena.alloc_str(&String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(form_decode("a+b%20c%C3%BC").unwrap(), "a b cü");
        assert_eq!(percent_decode("a+b%2Fc").unwrap(), "a+b/c");
        assert_eq!(form_decode("%FF").unwrap(), "\u{FFFD}");
        for malformed in ["%", "%2", "%zz", "%+1"] {
            assert_eq!(form_decode(malformed), None, "{malformed}");
        }
        assert_eq!(form_encode("November 2015/ü*"), "November+2015%2F%C3%BC*");
    }

    #[test]
    fn java_compares_code_units() {
        assert_eq!(java_order("\u{FF5E}", "\u{1F600}"), Ordering::Greater);
        assert_eq!("\u{FF5E}".cmp("\u{1F600}"), Ordering::Less);
        assert_eq!(java_order("a", "\u{1F600}"), Ordering::Less);
    }
}
