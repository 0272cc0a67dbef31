//! The fallback for texts that `java.net.URI` refuses: split at the delimiters, decode each piece leniently, encode it
//! again, and try the strict parser once more.
//!
//! Facts: lemonlabsuk/scala-uri 1.5.1, `parsing/{UrlParser,UrnParser}.scala`, with the configuration of
//! snowplow/enrich 3.9.0: invalid percent escapes are kept, `+` is never encoded. One difference: an authority ends at
//! `/`, `?` or `#` even when an `@` follows later, where the reference would take everything before it for a password.

use std::net::{Ipv4Addr, Ipv6Addr};

use bumpalo::Bump;

use super::{Uri, strict};
use crate::payload::push_escaped;

/// Rewrites and parses a text; the error is the strict parser's message about the rewritten text.
pub(super) fn parse<'a>(text: &str, arena: &'a Bump) -> Result<Uri<'a>, String> {
    let mut rewritten = Rewritten { out: String::with_capacity(text.len() * 2) };
    rewritten.uri(text);
    strict::parse(arena.alloc_str(&rewritten.out))
}

struct Rewritten {
    out: String,
}

impl Rewritten {
    fn uri(&mut self, text: &str) {
        if self.urn(text) {
            return;
        }
        let (scheme, rest) = match split_scheme(text) {
            Some((scheme, rest)) => (Some(scheme), rest),
            None => (None, text),
        };
        if let Some(after_slashes) = rest.strip_prefix("//") {
            let authority_end = after_slashes.find(['/', '?', '#']).unwrap_or(after_slashes.len());
            let (authority, path) = after_slashes.split_at(authority_end);
            let before = self.out.len();
            if let Some(scheme) = scheme {
                self.out.push_str(scheme);
                self.out.push(':');
            }
            self.out.push_str("//");
            if self.authority(authority).is_some() {
                return self.path_query_fragment(path);
            }
            // No authority after all: the slashes belong to the path.
            self.out.truncate(before);
        }
        if let Some(scheme) = scheme {
            self.out.push_str(scheme);
            self.out.push(':');
        }
        self.path_query_fragment(rest);
    }

    /// `urn:<nid>:<nss>`, if the text is one.
    fn urn(&mut self, text: &str) -> bool {
        let Some((nid, nss)) = text.strip_prefix("urn:").and_then(|rest| rest.split_once(':')) else { return false };
        let nid_is_good = nid.len() >= 2
            && nid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !nid.starts_with('-')
            && !nid.ends_with('-');
        let is_path_char = |b: u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&b);
        let nss_is_good =
            nss.bytes().next().is_some_and(is_path_char) && nss.bytes().all(|b| is_path_char(b) || b == b'/');
        if nid_is_good && nss_is_good {
            self.out.push_str("urn:");
            self.out.push_str(nid);
            self.out.push(':');
            self.piece(nss);
        }
        nid_is_good && nss_is_good
    }

    /// `[user[:password]@]host[:port]`; `None` if the text has another form.
    fn authority(&mut self, authority: &str) -> Option<()> {
        let server = match authority.split_once('@') {
            Some((user_info, server)) => {
                let (user, password) = match user_info.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (user_info, None),
                };
                if user.is_empty() || user.contains(['[', ']']) {
                    return None;
                }
                self.piece(user);
                if let Some(password) = password {
                    self.out.push(':');
                    self.piece(password);
                }
                self.out.push('@');
                server
            }
            None => authority,
        };
        let host_end = match server.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => address.len() + 2,
            _ => server.find(':').unwrap_or(server.len()),
        };
        let (host, port) = server.split_at(host_end);
        if host.is_empty() {
            return None;
        }
        self.host(host);
        match port.strip_prefix(':') {
            None if port.is_empty() => {}
            Some(digits) if (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) => {
                let number = digits.parse::<i32>().ok()?;
                self.out.push_str(&format!(":{number}"));
            }
            _ => return None,
        }
        Some(())
    }

    /// Addresses in their canonical form, names as they are.
    fn host(&mut self, host: &str) {
        let octets: Vec<Option<u8>> = host.split('.').map(octet).collect();
        if let [Some(a), Some(b), Some(c), Some(d)] = octets[..] {
            return self.out.push_str(&Ipv4Addr::new(a, b, c, d).to_string());
        }
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        match bracketed.and_then(|address| address.parse::<Ipv6Addr>().ok()) {
            Some(address) => self.out.push_str(&format!("[{address}]")),
            None => self.out.push_str(host),
        }
    }

    fn path_query_fragment(&mut self, text: &str) {
        let (before_fragment, fragment) = match text.split_once('#') {
            Some((before, fragment)) => (before, Some(fragment)),
            None => (text, None),
        };
        let (path, query) = match before_fragment.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (before_fragment, None),
        };
        self.separated(path, '/');
        if let Some(query) = query {
            self.out.push('?');
            for (index, pair) in query.split('&').enumerate() {
                if index > 0 {
                    self.out.push('&');
                }
                match pair.split_once('=') {
                    Some((key, value)) => {
                        self.piece(key);
                        self.out.push('=');
                        self.piece(value);
                    }
                    None => self.piece(pair),
                }
            }
        }
        if let Some(fragment) = fragment {
            self.out.push('#');
            self.piece(fragment);
        }
    }

    fn separated(&mut self, text: &str, separator: char) {
        for (index, segment) in text.split(separator).enumerate() {
            if index > 0 {
                self.out.push(separator);
            }
            self.piece(segment);
        }
    }

    /// Decodes and encodes one piece.
    fn piece(&mut self, piece: &str) {
        for byte in percent_decode(piece).bytes() {
            if is_encoded(byte) {
                push_escaped(byte, &mut self.out);
            } else {
                self.out.push(char::from(byte));
            }
        }
    }
}

/// A number of one to three digits below 256.
fn octet(text: &str) -> Option<u8> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    is_scheme.then_some((scheme, rest))
}

/// Resolves `%XX`; an invalid `%` stays, and what is not UTF-8 is replaced.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high << 4 | low) as u8);
                at += 3;
            }
            (byte, _, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn is_encoded(byte: u8) -> bool {
    !(0x20..0x7F).contains(&byte) || b" %<>[]#{}^`|?&\\=:/@!$'()*,;\"".contains(&byte)
}
