//! JSON as the enriched event needs it: a flat tape over borrowed text.
//!
//! Key order and the spelling of numbers survive, nothing is copied while parsing, and a document that already is in
//! the canonical compact form is written back by copying its bytes. Failure texts are those of the parser behind
//! circe (typelevel/jawn v1.2.0, circe/circe v0.14.1), because they end up inside bad rows.
//!
//! Use `serde_json` for configuration files and anything else that is not an event.

mod error;
mod iter;
mod number;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

use bumpalo::Bump;

pub use error::ParseError;
pub(crate) use iter::PlainMembers;
use iter::RawMembers;
pub use iter::{Elements, Members};
pub use number::{fits_i64, write_java_double, write_java_float};
pub(crate) use parse::key_hash;
pub use parse::{parse, parse_passing_over};
pub use print::{write_compact, write_string};

/// Deepest nesting of arrays and objects that [`parse`] accepts.
pub const MAX_DEPTH: usize = 512;

/// What a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number; its text is kept as written.
    Number,
    /// A string
    String,
    /// An array
    Array,
    /// An object
    Object,
}

/// One entry of the tape: 16 bytes, offsets into the text.
#[derive(Clone, Copy, Debug)]
struct Node {
    /// First byte of the value; for strings the byte after the opening quote.
    start: u32,
    /// Byte after the value; for strings the closing quote.
    end: u32,
    /// Tape index after this value and everything below it; of a key the [`key_hash`] of its text as written.
    next: u32,
    kind: Kind,
    flags: u8,
}

/// The string, or a key of the object, holds at least one backslash.
const ESCAPED: u8 = 1;
/// The object names a key twice.
const DUPLICATE_KEYS: u8 = 2;
/// Writing this value compactly gives exactly its source bytes.
const CANONICAL: u8 = 4;
/// The number is written with a point or an exponent.
const DECIMAL: u8 = 8;

/// A parsed JSON value: a cursor into a tape that lives in an arena. Cheap to copy.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    text: &'a str,
    nodes: &'a [Node],
    at: u32,
}

impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.source())
    }
}

impl<'a> Value<'a> {
    #[inline]
    fn node(&self) -> &'a Node {
        &self.nodes[self.at as usize]
    }

    #[inline]
    fn at(&self, at: u32) -> Value<'a> {
        Value { at, ..*self }
    }

    /// The text between two offsets of a node.
    #[inline]
    fn slice(&self, start: usize, end: usize) -> &'a str {
        debug_assert!(self.text.get(start..end).is_some());
        // SAFETY: only the parser makes nodes. What they begin and end with is ASCII and within the text.
        unsafe { self.text.get_unchecked(start..end) }
    }

    /// What this value is.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.node().kind
    }

    /// A number that identifies this value within its document.
    pub fn id(&self) -> u32 {
        self.at
    }

    /// Whether writing this value compactly gives exactly [`Value::source`].
    pub fn is_canonical(&self) -> bool {
        self.node().flags & CANONICAL != 0
    }

    /// The source text of this value, white space inside included; strings with their quotes.
    #[inline]
    pub fn source(&self) -> &'a str {
        let node = self.node();
        match node.kind {
            Kind::String => self.slice(node.start as usize - 1, node.end as usize + 1),
            _ => self.slice(node.start as usize, node.end as usize),
        }
    }

    /// The string's text without quotes and with escapes still in place; `None` if this is no string.
    #[inline]
    pub fn raw_str(&self) -> Option<&'a str> {
        let node = self.node();
        (node.kind == Kind::String).then(|| self.slice(node.start as usize, node.end as usize))
    }

    /// The string's value; `None` if this is no string. Allocates only when the source holds escapes.
    #[inline]
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        let raw = self.raw_str()?;
        Some(if self.node().flags & ESCAPED == 0 { Cow::Borrowed(raw) } else { text::unescape(raw).into() })
    }

    /// As [`Value::as_str`], with escapes resolved into `arena`.
    pub fn as_str_in(&self, arena: &'a Bump) -> Option<&'a str> {
        let raw = self.raw_str()?;
        Some(if self.node().flags & ESCAPED == 0 { raw } else { text::unescape_in(raw, arena) })
    }

    /// Whether this is a string with exactly this value.
    pub fn str_eq(&self, other: &str) -> bool {
        self.as_str().is_some_and(|text| text == other)
    }

    /// The number's text as written; `None` if this is no number.
    pub fn as_number(&self) -> Option<&'a str> {
        (self.kind() == Kind::Number).then(|| self.source())
    }

    /// Whether this is a number without a point and without an exponent.
    #[inline]
    pub fn is_integer(&self) -> bool {
        self.kind() == Kind::Number && self.node().flags & DECIMAL == 0
    }

    /// The number as a 64-bit integer, if it is written as one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.parse().ok()
    }

    /// The boolean's value.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.source() == "true")
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether this is an object.
    pub fn is_object(&self) -> bool {
        self.kind() == Kind::Object
    }

    /// Whether this is an array.
    pub fn is_array(&self) -> bool {
        self.kind() == Kind::Array
    }

    /// The elements of an array, in order; nothing for any other kind.
    #[inline]
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(*self)
    }

    /// The members of an object; nothing for any other kind. A repeated key stands at its first position with its
    /// last value, as in the reference's JSON objects.
    #[inline]
    pub fn members(&self) -> Members<'a> {
        Members::new(*self)
    }

    /// As [`Value::members`], for objects that have only plain keys: what nearly all are.
    #[inline]
    pub(crate) fn plain_members(&self) -> Option<PlainMembers<'a>> {
        PlainMembers::new(*self)
    }

    /// Number of elements or members (repeated keys counted once); 0 for scalars.
    pub fn len(&self) -> usize {
        match self.kind() {
            Kind::Array => self.elements().count(),
            Kind::Object => self.members().count(),
            _ => 0,
        }
    }

    /// Whether this has no elements and no members.
    pub fn is_empty(&self) -> bool {
        self.node().next == self.at + 1
    }

    /// The value of a member; the last one if the key is repeated.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        let mut found = None;
        let unique = self.node().flags & DUPLICATE_KEYS == 0;
        for (name, value) in self.raw_members() {
            if name.key_eq(key) {
                found = Some(value);
                if unique {
                    break;
                }
            }
        }
        found
    }

    /// Key equality: most keys hold no escapes, so compare bytes first.
    fn key_eq(&self, key: &str) -> bool {
        let node = self.node();
        let raw = self.slice(node.start as usize, node.end as usize);
        if node.flags & ESCAPED == 0 { raw == key } else { text::unescape(raw) == key }
    }

    #[inline]
    fn raw_members(&self) -> RawMembers<'a> {
        RawMembers::new(*self)
    }

    /// The compact form: the source itself when it is canonical, else written into `arena`.
    pub fn compact_in(&self, arena: &'a Bump) -> &'a str {
        if self.is_canonical() {
            return self.source();
        }
        let mut out = Vec::with_capacity(self.source().len());
        write_compact(*self, &mut out);
        let text = std::str::from_utf8(&out).expect("compact JSON of valid text is valid UTF-8");
        arena.alloc_str(text)
    }

    /// Converts to a `serde_json` value, for code off the hot path.
    pub fn to_serde(&self) -> serde_json::Value {
        let mut out = Vec::new();
        write_compact(*self, &mut out);
        serde_json::from_slice(&out).unwrap_or(serde_json::Value::Null)
    }
}
