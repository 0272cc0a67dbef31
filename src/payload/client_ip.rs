//! The client's address out of forwarding headers and columns.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders/IpAddressExtractor.scala`. Only looks, never checks:
//! `999.1.1.1` is taken.

use bumpalo::Bump;

const X_FORWARDED_FOR: &str = "x-forwarded-for: ";
const FORWARDED_FOR: &str = "forwarded: for=";

/// The address at the start of a forwarding text.
pub fn ip_of(text: &str) -> Option<&str> {
    let unquoted = text.strip_prefix('"').unwrap_or(text);
    let start = unquoted.strip_prefix('[').unwrap_or(unquoted);
    let length = ipv4_length(start.as_bytes())
        .unwrap_or_else(|| start.bytes().take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'.' | b':')).count());
    (length > 0).then(|| &start[..length])
}

/// Length of four groups of one to three digits joined by dots.
fn ipv4_length(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    for group in 0..4 {
        if group > 0 {
            (text.get(at) == Some(&b'.')).then_some(())?;
            at += 1;
        }
        let digits = text[at..].iter().take(3).take_while(|b| b.is_ascii_digit()).count();
        (digits > 0).then_some(())?;
        at += digits;
    }
    Some(at)
}

/// The client's address out of the headers (`Name: value` lines), else `address`.
///
/// `X-Forwarded-For` wins at once. `Forwarded` counts only if no other header comes after it: the reference forgets it
/// at the next header that is neither.
pub fn client_ip<'a>(headers: &[&'a str], address: Option<&'a str>, arena: &'a Bump) -> Option<&'a str> {
    let mut remembered = None;
    for header in headers {
        if let Some(ip) = ip_after(header, X_FORWARDED_FOR, arena) {
            return Some(ip);
        }
        remembered = ip_after(header, FORWARDED_FOR, arena);
    }
    remembered.or(address)
}

fn ip_after<'a>(header: &'a str, prefix: &str, arena: &'a Bump) -> Option<&'a str> {
    let (name, value) = header.split_at_checked(prefix.len())?;
    if !name.eq_ignore_ascii_case(prefix) {
        return None;
    }
    if !value.bytes().any(|b| b.is_ascii_uppercase()) {
        return ip_of(value);
    }
    let lower = arena.alloc_str(value);
    lower.make_ascii_lowercase();
    ip_of(lower)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_in_texts() {
        for (text, expected) in [
            ("129.78.138.66, 129.78.64.103", Some("129.78.138.66")),
            ("1.1.1.1:8080", Some("1.1.1.1")),
            ("\"[1fff:0:a88::ac1f]:8001\"", Some("1fff:0:a88::ac1f")),
            ("localhost", None),
            ("unknown, 1.2.3.4", None),
            ("", None),
            ("1.2.3.4567", Some("1.2.3.456")),
            ("1234.1.1.1", Some("1234.1.1.1")),
            ("1.2.3", Some("1.2.3")),
            ("12,3", Some("12")),
            ("facebook.com", Some("faceb")),
            ("999.1.1.1", Some("999.1.1.1")),
            ("2001:DB8::1", Some("2001:")),
            ("67.71.16.237,%20202.134.75.113", Some("67.71.16.237")),
        ] {
            assert_eq!(ip_of(text), expected, "{text}");
        }
    }

    #[test]
    fn addresses_in_headers() {
        let arena = Bump::new();
        let from = |headers: &[&'static str]| client_ip(headers, Some("9.9.9.9"), &arena).unwrap();
        assert_eq!(from(&["X-Forwarded-For: 129.78.138.66, 129.78.64.103"]), "129.78.138.66");
        assert_eq!(from(&["Forwarded: for=2.2.2.2", "X-Forwarded-For: 1.1.1.1"]), "1.1.1.1");
        assert_eq!(from(&["Forwarded: for=\"[2001:DB8::1]\""]), "2001:db8::1");
        assert_eq!(from(&["Forwarded: for=2.2.2.2", "Host: h"]), "9.9.9.9");
        assert_eq!(from(&["Forwarded: for=2.2.2.2", "Forwarded: for=3.3.3.3"]), "3.3.3.3");
        assert_eq!(from(&["X-Forwarded-For: localhost"]), "9.9.9.9");
        assert_eq!(from(&["X-Forwarded-For:  1.1.1.1"]), "9.9.9.9", "exactly one space");
        assert_eq!(from(&["Forwarded: proto=http;for=2.2.2.2"]), "9.9.9.9");
        assert_eq!(from(&[]), "9.9.9.9");
        assert_eq!(client_ip(&["Host: h"], None, &arena), None);
    }

    proptest! {
        #[test]
        fn never_panics(headers: Vec<String>, text: String) {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            client_ip(&headers, None, &Bump::new());
            ip_of(&text);
        }
    }
}
