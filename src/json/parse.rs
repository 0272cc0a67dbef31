//! The parser: one pass over the bytes, an explicit stack, failure texts of typelevel/jawn v1.2.0.

mod failure;
mod keys;
mod pass;

pub(crate) use keys::key_hash;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use self::failure::exhausted;
use self::keys::Keys;
use super::error::ParseError;
use super::text::{plain_within_blocks, skip_plain, unescape};
use super::{CANONICAL, DECIMAL, DUPLICATE_KEYS, ESCAPED, Kind, MAX_DEPTH, Node, Value};

/// Parses one JSON document; the tape lives in `arena`.
pub fn parse<'a>(text: &'a str, arena: &'a Bump) -> Result<Value<'a>, ParseError> {
    parse_passing(text, None, arena)
}

/// As [`parse`], for a reader that will not look into members of this name: their values are checked, but if they are
/// objects they seem to be empty. They are still part of what is written.
pub fn parse_passing_over<'a>(text: &'a str, name: &str, arena: &'a Bump) -> Result<Value<'a>, ParseError> {
    parse_passing(text, Some(name), arena)
}

fn parse_passing<'a>(text: &'a str, passed: Option<&str>, arena: &'a Bump) -> Result<Value<'a>, ParseError> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::TooLong);
    }
    let nodes = BumpVec::with_capacity_in(text.len() / 12 + 4, arena);
    let stack = BumpVec::with_capacity_in(USUAL_DEPTH, arena);
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, line: 0, line_start: 0, nodes, stack, passed };
    parser.document().map_err(|error| *error)?;
    Ok(Value { text, nodes: parser.nodes.into_bump_slice(), at: 0 })
}

/// Depth for which there is room from the start.
const USUAL_DEPTH: usize = 8;

/// An open array or object.
struct Open {
    node: u32,
    is_object: bool,
    canonical: bool,
    duplicate: bool,
    keys: Keys,
}

/// A failure within the parser: one word wide, because every step of it returns one.
type Fallible<T> = Result<T, Box<ParseError>>;

struct Parser<'a, 'n> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    nodes: BumpVec<'a, Node>,
    stack: BumpVec<'a, Open>,
    /// The name of members that are passed over.
    passed: Option<&'n str>,
}

impl Parser<'_, '_> {
    fn document(&mut self) -> Fallible<()> {
        self.skip_space();
        self.value()?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.expected("expected whitespace or eof"));
        }
        Ok(())
    }

    /// Parses one value and everything below it without recursion.
    fn value(&mut self) -> Fallible<()> {
        loop {
            // At the start of a value.
            let opened = self.scalar_or_open()?;
            if opened && !self.first_member()? {
                continue;
            }
            // A value just ended: close what can be closed, then go on with the next member.
            loop {
                let Some(open) = self.stack.last() else { return Ok(()) };
                let is_object = open.is_object;
                self.space_in_container();
                match self.peek()? {
                    b',' => {
                        self.at += 1;
                        self.space_in_container();
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    b'}' if is_object => self.close(),
                    b']' if !is_object => self.close(),
                    _ => {
                        let what = if is_object { "expected } or ," } else { "expected ] or ," };
                        return Err(self.expected(what));
                    }
                }
            }
        }
    }

    /// After `{` or `[`: true if the container closed at once.
    fn first_member(&mut self) -> Fallible<bool> {
        self.space_in_container();
        let open = self.stack.last().expect("a container was just opened");
        match (self.peek()?, open.is_object) {
            (b'}', true) | (b']', false) => {
                self.close();
                Ok(true)
            }
            (_, true) => {
                self.key()?;
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    #[inline]
    fn close(&mut self) {
        self.at += 1;
        let open = self.stack.last().expect("close is called with an open container");
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[open.node as usize];
        node.end = self.at as u32;
        node.next = next;
        if open.duplicate {
            node.flags |= DUPLICATE_KEYS;
        }
        if open.keys.has_escaped() {
            node.flags |= ESCAPED;
        }
        let is_canonical = open.canonical && !open.duplicate;
        if is_canonical {
            node.flags |= CANONICAL;
        }
        // Popping would copy all that is known of its keys.
        self.stack.truncate(self.stack.len() - 1);
        if !is_canonical {
            self.taint();
        }
    }

    /// The enclosing container cannot be copied verbatim.
    fn taint(&mut self) {
        if let Some(open) = self.stack.last_mut() {
            open.canonical = false;
        }
    }

    /// A scalar (false), or the opening of a container (true).
    fn scalar_or_open(&mut self) -> Fallible<bool> {
        match self.peek()? {
            b'"' => self.string().map(|()| false),
            b'{' => self.open(Kind::Object),
            b'[' => self.open(Kind::Array),
            b't' => self.literal(b"true", Kind::Bool),
            b'f' => self.literal(b"false", Kind::Bool),
            b'n' => self.literal(b"null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number().map(|()| false),
            _ => Err(self.expected("expected json value")),
        }
    }

    fn open(&mut self, kind: Kind) -> Fallible<bool> {
        if let Some(end) = self.passed.and_then(|name| self.end_of_passed(name)) {
            self.push(self.at, end, kind, CANONICAL);
            self.at = end;
            return Ok(false);
        }
        if self.stack.len() == MAX_DEPTH {
            return Err(Box::new(ParseError::TooDeep));
        }
        let node = self.nodes.len() as u32;
        self.push(self.at, self.at + 1, kind, 0);
        let is_object = kind == Kind::Object;
        self.stack.push(Open { node, is_object, canonical: true, duplicate: false, keys: Keys::default() });
        self.at += 1;
        Ok(true)
    }

    /// The end of the container that begins here, if it belongs to a member of this name.
    fn end_of_passed(&self, name: &str) -> Option<usize> {
        let key = self.nodes.last().filter(|_| self.stack.last().is_some_and(|open| open.is_object))?;
        let is_passed = self.bytes.get(key.start as usize..key.end as usize) == Some(name.as_bytes());
        is_passed.then(|| pass::compact_value(self.bytes, self.at)).flatten()
    }

    #[inline]
    fn push(&mut self, start: usize, end: usize, kind: Kind, flags: u8) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, kind, flags });
    }

    #[inline]
    fn literal<const N: usize>(&mut self, word: &[u8; N], kind: Kind) -> Fallible<bool> {
        if self.bytes[self.at..].first_chunk() != Some(word) {
            if word.starts_with(&self.bytes[self.at..]) {
                return Err(exhausted());
            }
            return Err(self.expected(&format!("expected {}", String::from_utf8_lossy(word))));
        }
        self.push(self.at, self.at + N, kind, CANONICAL);
        self.at += N;
        Ok(false)
    }

    fn number(&mut self) -> Fallible<()> {
        let start = self.at;
        let mut at = start;
        let byte = |at: usize| self.bytes.get(at).copied();
        if byte(at) == Some(b'-') {
            at += 1;
        }
        let bad = |at: usize| match byte(at) {
            None => exhausted(),
            Some(_) => self.expected_at("expected digit", start),
        };
        match byte(at) {
            Some(b'0') => at += 1,
            Some(b'1'..=b'9') => {
                while matches!(byte(at), Some(b'0'..=b'9')) {
                    at += 1;
                }
            }
            _ => return Err(bad(at)),
        }
        let mut flags = CANONICAL;
        if byte(at) == Some(b'.') {
            flags |= DECIMAL;
            at += 1;
            if !matches!(byte(at), Some(b'0'..=b'9')) {
                return Err(bad(at));
            }
            while matches!(byte(at), Some(b'0'..=b'9')) {
                at += 1;
            }
        }
        if matches!(byte(at), Some(b'e' | b'E')) {
            flags |= DECIMAL;
            at += 1;
            if matches!(byte(at), Some(b'+' | b'-')) {
                at += 1;
            }
            if !matches!(byte(at), Some(b'0'..=b'9')) {
                return Err(bad(at));
            }
            while matches!(byte(at), Some(b'0'..=b'9')) {
                at += 1;
            }
        }
        self.push(start, at, Kind::Number, flags);
        self.at = at;
        Ok(())
    }

    /// A string; `self.at` is at its opening quote.
    #[inline]
    fn string(&mut self) -> Fallible<()> {
        let start = self.at + 1;
        // Most strings are keys or short: they end within a block or two.
        let at = plain_within_blocks(self.bytes, start);
        if self.bytes.get(at) == Some(&b'"') {
            self.push(start, at, Kind::String, CANONICAL);
            self.at = at + 1;
            return Ok(());
        }
        self.long_string(start, at)
    }

    /// The rest of a string: what is before `at` needs no look.
    fn long_string(&mut self, start: usize, mut at: usize) -> Fallible<()> {
        let mut flags = CANONICAL;
        loop {
            at = skip_plain(self.bytes, at);
            match self.bytes.get(at).copied() {
                None => return Err(exhausted()),
                Some(b'"') => break,
                Some(b'\\') => {
                    flags |= ESCAPED;
                    let (width, canonical) = self.escape(at)?;
                    if !canonical {
                        flags &= !CANONICAL;
                    }
                    at += width;
                }
                Some(0x7F) => {
                    flags &= !CANONICAL;
                    at += 1;
                }
                // U+0080 to U+009F are written as escapes; everything else that starts with C2 is plain.
                Some(0xC2) => {
                    if matches!(self.bytes.get(at + 1), Some(0x80..=0x9F)) {
                        flags &= !CANONICAL;
                    }
                    at += 2;
                }
                Some(control) => {
                    return Err(self.unexpected(format!("control char ({control}) in string"), at, 1));
                }
            }
        }
        if flags & CANONICAL == 0 {
            self.taint();
        }
        self.push(start, at, Kind::String, flags);
        self.at = at + 1;
        Ok(())
    }

    /// Checks the escape at `at`: its width, and whether the printer would write it the same way.
    fn escape(&self, at: usize) -> Fallible<(usize, bool)> {
        match self.bytes.get(at + 1).copied() {
            None => Err(exhausted()),
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => Ok((2, true)),
            Some(b'/') => Ok((2, false)),
            Some(b'u') => {
                let mut code = 0u32;
                for offset in 2..6 {
                    let Some(&digit) = self.bytes.get(at + offset) else { return Err(exhausted()) };
                    let Some(value) = char::from(digit).to_digit(16) else {
                        return Err(self.unexpected("expected valid unicode escape".into(), at, 6));
                    };
                    code = code * 16 + value;
                }
                let control = matches!(code, 0..=0x1F | 0x7F..=0x9F) && !matches!(code, 8 | 9 | 10 | 12 | 13);
                let lower_case = !self.bytes[at + 2..at + 6].iter().any(u8::is_ascii_uppercase);
                Ok((6, control && lower_case))
            }
            Some(_) => {
                let letter = self.text[at + 1..].chars().next().unwrap_or('?');
                Err(self.unexpected(format!("illegal escape sequence (\\{letter})"), at, 1))
            }
        }
    }

    #[inline]
    fn peek(&self) -> Fallible<u8> {
        self.bytes.get(self.at).copied().ok_or_else(exhausted)
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => {
                    self.line += 1;
                    self.line_start = self.at + 1;
                }
                b' ' | b'\t' | b'\r' => {}
                _ => break,
            }
            self.at += 1;
        }
    }

    #[inline]
    fn space_in_container(&mut self) {
        if self.bytes.get(self.at).is_none_or(|byte| *byte <= b' ') {
            self.skip_space_in_container();
        }
    }

    fn skip_space_in_container(&mut self) {
        let before = self.at;
        self.skip_space();
        if self.at != before {
            self.taint();
        }
    }
}
