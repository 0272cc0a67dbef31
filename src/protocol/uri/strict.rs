//! The grammar of `java.net.URI`: RFC 2396 with the deviations that class documents, messages included.
//!
//! Facts: the class's API documentation and its behaviour in JDK 11. Non-ASCII characters are allowed wherever escapes
//! are, unless they are controls or spaces. Scanning is a table look-up per byte.

use super::Uri;
use super::ipv6::Ipv6;

/// What went wrong, and at which byte.
pub(super) struct Failure {
    reason: String,
    at: usize,
}

pub(super) type Outcome<T> = Result<T, Failure>;

const ALPHA: u16 = 1;
const DIGIT: u16 = 1 << 1;
pub(super) const HEX: u16 = 1 << 2;
const SCHEME: u16 = 1 << 3;
const PATH: u16 = 1 << 4;
const URIC: u16 = 1 << 5;
const USER_INFO: u16 = 1 << 6;
const REGISTRY: u16 = 1 << 7;
const SERVER: u16 = 1 << 8;
const SCOPE: u16 = 1 << 9;
const DASH: u16 = 1 << 10;
const DOT: u16 = 1 << 11;

/// Which classes each byte belongs to.
const CLASSES: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut byte = 0usize;
    while byte < 128 {
        let b = byte as u8;
        let mut class = 0;
        if b.is_ascii_alphabetic() {
            class |= ALPHA;
        }
        if b.is_ascii_digit() {
            class |= DIGIT;
        }
        if b.is_ascii_hexdigit() {
            class |= HEX;
        }
        if b.is_ascii_alphanumeric() {
            class |= SCHEME | SCOPE;
        }
        let unreserved = b.is_ascii_alphanumeric() || is_one_of(b, b"-_.!~*'()");
        if unreserved {
            class |= PATH | URIC | USER_INFO | REGISTRY | SERVER;
        }
        if is_one_of(b, b"+-.") {
            class |= SCHEME;
        }
        if is_one_of(b, b":@&=+$,;/") {
            class |= PATH;
        }
        if is_one_of(b, b";/?:@&=+$,[]") {
            class |= URIC;
        }
        if is_one_of(b, b";:&=+$,") {
            class |= USER_INFO | SERVER;
        }
        if is_one_of(b, b"$,;:@&=+") {
            class |= REGISTRY;
        }
        if is_one_of(b, b".:@[]%") {
            class |= SERVER;
        }
        if is_one_of(b, b"_.") {
            class |= SCOPE;
        }
        if b == b'-' {
            class |= DASH;
        }
        if b == b'.' {
            class |= DOT;
        }
        table[byte] = class;
        byte += 1;
    }
    table
};

const fn is_one_of(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

/// Parses a URI reference; the error is the exception's message.
pub(super) fn parse(text: &str) -> Result<Uri<'_>, String> {
    let mut parser = Parser { text, bytes: text.as_bytes(), uri: Uri { text, ..Uri::default() } };
    match parser.uri() {
        Ok(()) => Ok(parser.uri),
        Err(Failure { reason, at }) => {
            let index = text.get(..at).unwrap_or(text).encode_utf16().count();
            Err(format!("{reason} at index {index}: {text}"))
        }
    }
}

pub(super) struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    uri: Uri<'a>,
}

pub(super) fn fail<T>(reason: &str, at: usize) -> Outcome<T> {
    Err(Failure { reason: reason.to_owned(), at })
}

pub(super) fn fail_expecting<T>(what: &str, at: usize) -> Outcome<T> {
    fail(&format!("Expected {what}"), at)
}

impl<'a> Parser<'a> {
    fn uri(&mut self) -> Outcome<()> {
        let end = self.bytes.len();
        let colon = self.find(0, end, b"/?#:");
        let rest = if self.at(colon, end, b':') {
            if colon == 0 {
                return fail_expecting("scheme name", 0);
            }
            self.check(0, 1, ALPHA, false, "scheme name")?;
            self.check(1, colon, SCHEME, false, "scheme name")?;
            self.uri.scheme = Some(&self.text[..colon]);
            if self.at(colon + 1, end, b'/') {
                self.hierarchical(colon + 1, end)?
            } else {
                self.opaque(colon + 1, end)?
            }
        } else {
            self.hierarchical(0, end)?
        };
        if self.at(rest, end, b'#') {
            self.check(rest + 1, end, URIC, true, "fragment")?;
            self.uri.fragment = Some(&self.text[rest + 1..]);
        }
        Ok(())
    }

    fn opaque(&mut self, start: usize, end: usize) -> Outcome<usize> {
        let hash = self.find(start, end, b"#");
        if hash <= start {
            return fail_expecting("scheme-specific part", start);
        }
        self.check(start, hash, URIC, true, "opaque part")?;
        Ok(hash)
    }

    /// `[//authority]path[?query]`; the end of it is the end of the text or a `#`.
    fn hierarchical(&mut self, start: usize, end: usize) -> Outcome<usize> {
        let mut at = start;
        if self.at(at, end, b'/') && self.at(at + 1, end, b'/') {
            at += 2;
            let authority_end = self.find(at, end, b"/?#");
            if authority_end > at {
                self.authority(at, authority_end)?;
                at = authority_end;
            } else if authority_end == end {
                return fail_expecting("authority", at);
            }
        }
        let path_end = self.find(at, end, b"?#");
        self.check(at, path_end, PATH, true, "path")?;
        self.uri.path = Some(&self.text[at..path_end]);
        if !self.at(path_end, end, b'?') {
            return Ok(path_end);
        }
        let query_end = self.find(path_end + 1, end, b"#");
        self.check(path_end + 1, query_end, URIC, true, "query")?;
        self.uri.query = Some(&self.text[path_end + 1..query_end]);
        Ok(query_end)
    }

    /// Server-based if possible, else registry-based, which has neither host nor port.
    fn authority(&mut self, start: usize, end: usize) -> Outcome<()> {
        let server_end = self.scan(start, end, SERVER, true)?;
        let registry_end = self.scan(start, end, REGISTRY, true)?;
        let is_registry = registry_end == end;
        if server_end == end {
            match self.server(start, end) {
                Ok(()) => return Ok(()),
                Err(_) if is_registry => {}
                Err(failure) => return Err(failure),
            }
        }
        self.uri.host = None;
        self.uri.port = None;
        if is_registry { Ok(()) } else { fail("Illegal character in authority", start) }
    }

    /// `[userinfo@]host[:port]`
    fn server(&mut self, start: usize, end: usize) -> Outcome<()> {
        let mut at = start;
        let sign = self.find(at, end, b"@");
        if self.at(sign, end, b'@') {
            self.check(at, sign, USER_INFO, true, "user info")?;
            at = sign + 1;
        }
        at = if self.at(at, end, b'[') { self.bracketed_host(at, end)? } else { self.plain_host(at, end)? };
        if self.at(at, end, b':') {
            at += 1;
            if at < end {
                self.check(at, end, DIGIT, false, "port number")?;
                let port = self.text[at..end].parse::<i32>();
                self.uri.port = port.ok().and_then(|port| u32::try_from(port).ok());
                if self.uri.port.is_none() {
                    return fail("Malformed port number", at);
                }
                at = end;
            }
        }
        if at < end { fail_expecting("port number", at) } else { Ok(()) }
    }

    fn bracketed_host(&mut self, start: usize, end: usize) -> Outcome<usize> {
        let close = self.find(start + 1, end, b"]");
        if close <= start + 1 || !self.at(close, end, b']') {
            return fail_expecting("closing bracket for IPv6 address", close);
        }
        let scope = self.find(start + 1, close, b"%");
        Ipv6::new(self).address(start + 1, scope)?;
        if scope < close {
            if scope + 1 == close {
                return fail("scope id expected", close);
            }
            self.check(scope + 1, close, SCOPE, false, "scope id")?;
        }
        self.uri.host = Some(&self.text[start..=close]);
        Ok(close + 1)
    }

    fn plain_host(&mut self, start: usize, end: usize) -> Outcome<usize> {
        let host_end = match self.ipv4(start, end, false) {
            Some(address_end) if address_end == end || self.bytes[address_end] == b':' => address_end,
            _ => self.hostname(start, end)?,
        };
        self.uri.host = Some(&self.text[start..host_end]);
        Ok(host_end)
    }

    /// Labels of letters, digits and inner hyphens; the last of several labels starts with a letter.
    fn hostname(&self, start: usize, end: usize) -> Outcome<usize> {
        let mut at = start;
        let mut last_label = None;
        while at < end {
            let letters_end = self.run(at, end, ALPHA | DIGIT);
            if letters_end == at {
                break;
            }
            last_label = Some(at);
            let label_end = self.run(letters_end, end, ALPHA | DIGIT | DASH);
            if self.bytes[label_end - 1] == b'-' {
                return fail("Illegal character in hostname", label_end - 1);
            }
            at = label_end;
            if !self.at(at, end, b'.') {
                break;
            }
            at += 1;
        }
        if at < end && !self.at(at, end, b':') {
            return fail("Illegal character in hostname", at);
        }
        match last_label {
            None => fail_expecting("hostname", start),
            Some(label) if label > start && !self.bytes[label].is_ascii_alphabetic() => {
                fail("Illegal character in hostname", label)
            }
            Some(_) => Ok(at),
        }
    }

    /// Where a dotted quad ends; `None` if there is none. `whole`: nothing may follow it.
    pub(super) fn ipv4(&self, start: usize, end: usize, whole: bool) -> Option<usize> {
        let stop = self.run(start, end, DIGIT | DOT);
        if stop == start || whole && stop != end {
            return None;
        }
        let parts: Vec<&str> = self.text[start..stop].split('.').collect();
        let is_byte = |part: &&str| part.parse::<u32>().is_ok_and(|value| value <= 255);
        (parts.len() == 4 && parts.iter().all(is_byte)).then_some(stop)
    }

    /// Position of the first byte out of a set, or the end.
    fn find(&self, start: usize, end: usize, set: &[u8]) -> usize {
        let bytes = &self.bytes[start..end];
        let offset = match set {
            [a] => memchr::memchr(*a, bytes),
            [a, b] => memchr::memchr2(*a, *b, bytes),
            [a, b, c] => memchr::memchr3(*a, *b, *c, bytes),
            _ => bytes.iter().position(|byte| set.contains(byte)),
        };
        offset.map_or(end, |offset| start + offset)
    }

    pub(super) fn at(&self, at: usize, end: usize, byte: u8) -> bool {
        at < end && self.bytes[at] == byte
    }

    /// End of a run of bytes of some classes.
    pub(super) fn run(&self, start: usize, end: usize, classes: u16) -> usize {
        let mut at = start;
        while at < end && CLASSES[usize::from(self.bytes[at])] & classes != 0 {
            at += 1;
        }
        at
    }

    /// As [`Parser::run`]; with `escapes` also over `%XX` and visible non-ASCII characters.
    fn scan(&self, start: usize, end: usize, classes: u16, escapes: bool) -> Outcome<usize> {
        let mut at = self.run(start, end, classes);
        while escapes && at < end {
            if self.bytes[at] == b'%' {
                let is_hex = |offset: usize| self.bytes[at + offset].is_ascii_hexdigit();
                if at + 3 > end || !is_hex(1) || !is_hex(2) {
                    return fail("Malformed escape pair", at);
                }
                at += 3;
            } else {
                match self.text[at..end].chars().next().filter(|c| is_visible_other(*c)) {
                    Some(c) => at += c.len_utf8(),
                    None => break,
                }
            }
            at = self.run(at, end, classes);
        }
        Ok(at)
    }

    fn check(&self, start: usize, end: usize, classes: u16, escapes: bool, what: &str) -> Outcome<()> {
        let at = self.scan(start, end, classes, escapes)?;
        if at < end { fail(&format!("Illegal character in {what}"), at) } else { Ok(()) }
    }
}

/// A character beyond ASCII that is neither a control nor a space (`Character.isISOControl`, `Character.isSpaceChar`).
fn is_visible_other(c: char) -> bool {
    !matches!(
        c,
        '\u{0}'..='\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{2028}' | '\u{2029}' | '\u{202F}' | '\u{205F}'
            | '\u{3000}'
    )
}
