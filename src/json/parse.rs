//! The parser: one pass over the bytes, an explicit stack, failure texts of typelevel/jawn v1.2.0.

mod keys;

use std::borrow::Cow;
use std::collections::HashSet;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::error::ParseError;
use super::text::{skip_plain, unescape};
use super::{CANONICAL, DUPLICATE_KEYS, ESCAPED, Kind, MAX_DEPTH, Node, Value};

/// Parses one JSON document; the tape lives in `arena`.
pub fn parse<'a>(text: &'a str, arena: &'a Bump) -> Result<Value<'a>, ParseError> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::TooLong);
    }
    let nodes = BumpVec::with_capacity_in(text.len() / 12 + 4, arena);
    let mut parser = Parser { text, bytes: text.as_bytes(), at: 0, line: 0, line_start: 0, nodes, stack: Vec::new() };
    parser.document()?;
    Ok(Value { text, nodes: parser.nodes.into_bump_slice(), at: 0 })
}

/// An open array or object.
struct Open<'a> {
    node: u32,
    /// Bloom filter over the keys seen, to find repeated ones cheaply.
    keys: u64,
    /// Number of keys seen.
    count: u32,
    /// All keys seen, once there are many.
    known: Option<HashSet<Cow<'a, str>>>,
    canonical: bool,
    duplicate: bool,
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    nodes: BumpVec<'a, Node>,
    stack: Vec<Open<'a>>,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<(), ParseError> {
        self.skip_space();
        self.value()?;
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(self.expected("expected whitespace or eof"));
        }
        Ok(())
    }

    /// Parses one value and everything below it without recursion.
    fn value(&mut self) -> Result<(), ParseError> {
        loop {
            // At the start of a value.
            let opened = self.scalar_or_open()?;
            if opened && !self.first_member()? {
                continue;
            }
            // A value just ended: close what can be closed, then go on with the next member.
            loop {
                let Some(open) = self.stack.last() else { return Ok(()) };
                let is_object = self.nodes[open.node as usize].kind == Kind::Object;
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
    fn first_member(&mut self) -> Result<bool, ParseError> {
        self.space_in_container();
        let open = self.stack.last().expect("a container was just opened");
        let is_object = self.nodes[open.node as usize].kind == Kind::Object;
        match (self.peek()?, is_object) {
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

    fn close(&mut self) {
        self.at += 1;
        let open = self.stack.pop().expect("close is called with an open container");
        let next = self.nodes.len() as u32;
        let node = &mut self.nodes[open.node as usize];
        node.end = self.at as u32;
        node.next = next;
        if open.duplicate {
            node.flags |= DUPLICATE_KEYS;
        }
        if open.canonical && !open.duplicate {
            node.flags |= CANONICAL;
        } else {
            self.taint();
        }
    }

    /// The enclosing container cannot be copied verbatim.
    fn taint(&mut self) {
        if let Some(open) = self.stack.last_mut() {
            open.canonical = false;
        }
    }

    /// A key, its colon, and the white space around.
    fn key(&mut self) -> Result<(), ParseError> {
        if self.peek()? != b'"' {
            return Err(self.expected("expected \""));
        }
        let index = self.nodes.len();
        self.string()?;
        self.note_key(index);
        self.space_in_container();
        if self.peek()? != b':' {
            return Err(self.expected("expected :"));
        }
        self.at += 1;
        self.space_in_container();
        Ok(())
    }

    /// A scalar (false), or the opening of a container (true).
    fn scalar_or_open(&mut self) -> Result<bool, ParseError> {
        match self.peek()? {
            b'"' => self.string().map(|()| false),
            b'{' => self.open(Kind::Object),
            b'[' => self.open(Kind::Array),
            b't' => self.literal("true", Kind::Bool),
            b'f' => self.literal("false", Kind::Bool),
            b'n' => self.literal("null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number().map(|()| false),
            _ => Err(self.expected("expected json value")),
        }
    }

    fn open(&mut self, kind: Kind) -> Result<bool, ParseError> {
        if self.stack.len() == MAX_DEPTH {
            return Err(ParseError::TooDeep);
        }
        let node = self.nodes.len() as u32;
        self.push(self.at, self.at + 1, kind, 0);
        self.stack.push(Open { node, keys: 0, count: 0, known: None, canonical: true, duplicate: false });
        self.at += 1;
        Ok(true)
    }

    fn push(&mut self, start: usize, end: usize, kind: Kind, flags: u8) {
        let next = self.nodes.len() as u32 + 1;
        self.nodes.push(Node { start: start as u32, end: end as u32, next, kind, flags });
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<bool, ParseError> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            if word.as_bytes().starts_with(&self.bytes[self.at..]) {
                return Err(ParseError::Exhausted);
            }
            return Err(self.expected(&format!("expected {word}")));
        }
        self.push(self.at, self.at + word.len(), kind, CANONICAL);
        self.at += word.len();
        Ok(false)
    }

    fn number(&mut self) -> Result<(), ParseError> {
        let start = self.at;
        let mut at = start;
        let byte = |at: usize| self.bytes.get(at).copied();
        if byte(at) == Some(b'-') {
            at += 1;
        }
        let bad = |at: usize| match byte(at) {
            None => ParseError::Exhausted,
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
        if byte(at) == Some(b'.') {
            at += 1;
            if !matches!(byte(at), Some(b'0'..=b'9')) {
                return Err(bad(at));
            }
            while matches!(byte(at), Some(b'0'..=b'9')) {
                at += 1;
            }
        }
        if matches!(byte(at), Some(b'e' | b'E')) {
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
        self.push(start, at, Kind::Number, CANONICAL);
        self.at = at;
        Ok(())
    }

    /// A string; `self.at` is at its opening quote.
    fn string(&mut self) -> Result<(), ParseError> {
        let start = self.at + 1;
        let mut at = start;
        let mut flags = CANONICAL;
        loop {
            at = skip_plain(self.bytes, at);
            match self.bytes.get(at).copied() {
                None => return Err(ParseError::Exhausted),
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
    fn escape(&self, at: usize) -> Result<(usize, bool), ParseError> {
        match self.bytes.get(at + 1).copied() {
            None => Err(ParseError::Exhausted),
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't') => Ok((2, true)),
            Some(b'/') => Ok((2, false)),
            Some(b'u') => {
                let mut code = 0u32;
                for offset in 2..6 {
                    let Some(&digit) = self.bytes.get(at + offset) else { return Err(ParseError::Exhausted) };
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

    fn peek(&self) -> Result<u8, ParseError> {
        self.bytes.get(self.at).copied().ok_or(ParseError::Exhausted)
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

    fn space_in_container(&mut self) {
        if self.bytes.get(self.at).is_some_and(|byte| *byte > b' ') {
            return;
        }
        let before = self.at;
        self.skip_space();
        if self.at != before {
            self.taint();
        }
    }

    fn expected(&self, what: &str) -> ParseError {
        self.expected_at(what, self.at)
    }

    fn expected_at(&self, what: &str, at: usize) -> ParseError {
        self.unexpected(what.to_owned(), at, 6)
    }

    fn unexpected(&self, what: String, at: usize, width: usize) -> ParseError {
        let rest = &self.text[floor_boundary(self.text, at)..];
        let got = if rest.is_empty() {
            "eof".to_owned()
        } else {
            let units: Vec<u16> = rest.encode_utf16().take(width + 1).collect();
            let shown = String::from_utf16_lossy(&units[..units.len().min(width)]);
            if units.len() > width { format!("'{shown}...'") } else { format!("'{shown}'") }
        };
        let column = self.text[self.line_start..floor_boundary(self.text, at)].encode_utf16().count() + 1;
        ParseError::Unexpected { what, got, line: self.line + 1, column }
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
