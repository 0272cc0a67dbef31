//! Querystrings, read as strictly as the reference reads them.
//!
//! The reference parses `http://localhost/?` + text with `java.net.URI` and splits it with apache/httpclient 4.5.14
//! `URLEncodedUtils`: snowplow/enrich 3.9.0, `modules/common/.../loaders/Loader.scala`. One illegal character anywhere
//! refuses the whole text. `;` separates like `&`. A raw character beyond ASCII gives the low byte of each of its
//! UTF-16 units.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use memchr::memchr2;

use super::NameValue;
use super::charset::Charset;
use super::decode::{Pieces, clean_platform_text, hex_value};
use crate::scan::for_each_of;

/// What the reference puts in front of the text, and what positions in messages count from.
const PREFIX: &str = "http://localhost/?";

/// Why a querystring was refused. `Display` gives the Java platform's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuerystringError {
    /// The payload's encoding is not known.
    #[error("{0}")]
    UnknownCharset(String),
    /// A `%` without two hexadecimal digits.
    #[error("Malformed escape pair at index {index}: {PREFIX}{text}")]
    MalformedEscape {
        /// Position in the whole text, prefix included, in UTF-16 units.
        index: usize,
        /// The querystring.
        text: String,
    },
    /// A character that no query or fragment may hold.
    #[error("Illegal character in {part} at index {index}: {PREFIX}{text}")]
    IllegalCharacter {
        /// `query` or `fragment`
        part: &'static str,
        /// Position in the whole text, prefix included, in UTF-16 units.
        index: usize,
        /// The querystring.
        text: String,
    },
}

impl QuerystringError {
    /// The expectation of the bad row's message.
    pub fn expectation(&self, charset: &str) -> String {
        let cause = clean_platform_text(&self.to_string());
        format!("could not extract name-value pairs from querystring with encoding {charset}: {cause}")
    }
}

/// Parses a querystring: checks every character, then splits and decodes. All or nothing.
pub fn parse_querystring<'a>(
    text: &'a str,
    encoding: &str,
    arena: &'a Bump,
) -> Result<&'a [NameValue<'a>], QuerystringError> {
    let charset = Charset::from_name(encoding).ok_or_else(|| QuerystringError::UnknownCharset(encoding.to_owned()))?;
    if is_plain(text.as_bytes())
        && let Some(pairs) = split_plain(text, charset, arena)
    {
        return Ok(pairs);
    }
    let query = check(text)?;
    Ok(split(query, charset, arena))
}

/// Splits and decodes a query that was checked elsewhere; malformed escapes stay as they are.
pub fn split_query<'a>(query: &'a str, arena: &'a Bump) -> &'a [NameValue<'a>] {
    split(query, Charset::Utf8, arena)
}

/// As [`split_query`], for a query of a URI that [`crate::protocol::uri`] has parsed and with another character set.
pub fn split_uri_query<'a>(query: &'a str, charset: Charset, arena: &'a Bump) -> &'a [NameValue<'a>] {
    let plain = if query.is_ascii() { split_plain(query, charset, arena) } else { None };
    plain.unwrap_or_else(|| split(query, charset, arena))
}

/// Decodes a name or a value of plain ASCII that stands alone; `None` on a malformed escape.
pub fn decode_component<'a>(text: &'a str, arena: &'a Bump) -> Option<&'a str> {
    match memchr2(b'%', b'+', text.as_bytes()) {
        None => Some(text),
        Some(_) => decode_plain(text, Charset::Utf8, arena),
    }
}

/// Whether a byte is ASCII that is legal in a query and stands for itself there, or `%`.
pub const fn is_plain_in_query(byte: u8) -> bool {
    !needs_a_look(byte)
}

/// Whether a text holds nothing but ASCII that is legal in a query, or `%`.
fn is_plain(text: &[u8]) -> bool {
    // Whole blocks at a time, so that the compiler can vectorise the comparisons.
    text.chunks(64).all(|block| !block.iter().fold(false, |found, byte| found | needs_a_look(*byte)))
}

/// Illegal characters, `#`, and everything beyond ASCII.
const fn needs_a_look(byte: u8) -> bool {
    (byte <= b'#') & (byte != b'!')
        | (byte == b'<')
        | (byte == b'>')
        | (byte == b'\\')
        | (byte == b'^')
        | (byte == b'`')
        | (byte >= b'{') & (byte != b'~')
}

/// The quick way, for texts without surprises; `None` on a malformed escape.
fn split_plain<'a>(text: &'a str, charset: Charset, arena: &'a Bump) -> Option<&'a [NameValue<'a>]> {
    let pairs = ArenaVec::with_capacity_in(32, arena);
    let mut split =
        Split { text, charset, arena, pairs, start: 0, equals: None, escaped: [false; 2], is_malformed: false };
    let bytes = text.as_bytes();
    for_each_of(bytes, [b'&', b';', b'=', b'%', b'+'], |at| match bytes[at] {
        b'=' => split.equals = split.equals.or(Some(at)),
        b'%' | b'+' => split.escaped[usize::from(split.equals.is_some())] = true,
        _ => split.end_piece(at),
    });
    split.end_piece(text.len());
    (!split.is_malformed).then(|| split.pairs.into_bump_slice())
}

/// A query that is being split.
struct Split<'a> {
    text: &'a str,
    charset: Charset,
    arena: &'a Bump,
    pairs: ArenaVec<'a, NameValue<'a>>,
    /// Where the piece begins, and its first `=`.
    start: usize,
    equals: Option<usize>,
    /// Whether there are escapes in its name and in its value.
    escaped: [bool; 2],
    /// An escape was malformed.
    is_malformed: bool,
}

impl<'a> Split<'a> {
    /// A piece ends here. Escapes are checked even where nothing is kept.
    #[inline]
    fn end_piece(&mut self, end: usize) {
        let (start, equals, [in_name, in_value]) = (self.start, self.equals, self.escaped);
        self.start = end + 1;
        self.equals = None;
        self.escaped = [false; 2];
        let name = self.decoded(&self.text[start..equals.unwrap_or(end)], in_name);
        let value = equals.map(|at| self.decoded(&self.text[at + 1..end], in_value));
        if start < end && equals != Some(start) {
            self.pairs.push((name, value));
        }
    }

    #[inline]
    fn decoded(&mut self, text: &'a str, is_escaped: bool) -> &'a str {
        if !is_escaped {
            return text;
        }
        decode_plain(text, self.charset, self.arena).unwrap_or_else(|| {
            self.is_malformed = true;
            text
        })
    }
}

/// Decodes a name or a value of plain ASCII; `None` on a malformed escape.
fn decode_plain<'a>(text: &'a str, charset: Charset, arena: &'a Bump) -> Option<&'a str> {
    let mut out = Pieces::new(text.len(), arena);
    let mut rest = text.as_bytes();
    loop {
        // Escapes come in crowds; what stands between them is copied a block at a time.
        rest = match *rest {
            [] => return Some(charset.text(out.finish(), arena)),
            [b'+', ref after @ ..] => {
                out.push(b' ');
                after
            }
            [b'%', high, low, ref after @ ..] => {
                out.push(hex_value(high)? << 4 | hex_value(low)?);
                after
            }
            [b'%', ..] => return None,
            _ => &rest[out.copy_until(rest, [b'%', b'+'])..],
        };
    }
}

/// Checks every character and returns the part before the fragment.
fn check(text: &str) -> Result<&str, QuerystringError> {
    let (query, fragment) = match text.split_once('#') {
        Some((query, fragment)) => (query, Some(fragment)),
        None => (text, None),
    };
    let mut index = PREFIX.len();
    check_part(text, query, "query", &mut index)?;
    if let Some(fragment) = fragment {
        index += 1;
        check_part(text, fragment, "fragment", &mut index)?;
    }
    Ok(query)
}

/// Checks one part; `index` counts UTF-16 units.
fn check_part(text: &str, part: &str, name: &'static str, index: &mut usize) -> Result<(), QuerystringError> {
    let bytes = part.as_bytes();
    for (at, character) in part.char_indices() {
        if character == '%' {
            let escaped = bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            if !escaped {
                return Err(QuerystringError::MalformedEscape { index: *index, text: text.to_owned() });
            }
        } else if !is_legal(character) {
            return Err(QuerystringError::IllegalCharacter { part: name, index: *index, text: text.to_owned() });
        }
        *index += character.len_utf16();
    }
    Ok(())
}

/// Whether `java.net.URI` lets a character stand unescaped in a query or fragment.
fn is_legal(character: char) -> bool {
    match character {
        '\0'..='\x7F' => !needs_a_look(character as u8),
        '\u{80}'..='\u{9F}' => false,
        '\u{A0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200A}'
        | '\u{2028}'
        | '\u{2029}'
        | '\u{202F}'
        | '\u{205F}'
        | '\u{3000}' => false,
        _ => true,
    }
}

/// The careful way to split: any character, any escape.
fn split<'a>(query: &'a str, charset: Charset, arena: &'a Bump) -> &'a [NameValue<'a>] {
    let mut pairs = ArenaVec::new_in(arena);
    for piece in query.split(['&', ';']) {
        let (name, value) = match piece.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (piece, None),
        };
        if !name.is_empty() {
            pairs.push((decode(name, charset, arena), value.map(|value| decode(value, charset, arena))));
        }
    }
    pairs.into_bump_slice()
}

fn decode<'a>(text: &'a str, charset: Charset, arena: &'a Bump) -> &'a str {
    let mut out = ArenaVec::with_capacity_in(text.len(), arena);
    let mut units = text.encode_utf16();
    while let Some(unit) = units.next() {
        match unit {
            0x25 if units.clone().nth(1).is_some() => {
                let pair = [units.next().unwrap_or_default(), units.next().unwrap_or_default()];
                let digits = pair.map(|unit| u8::try_from(unit).ok().and_then(hex_value));
                match digits {
                    [Some(high), Some(low)] => out.push(high << 4 | low),
                    _ => out.extend_from_slice_copy(&[b'%', pair[0] as u8, pair[1] as u8]),
                }
            }
            0x2B => out.push(b' '),
            _ => out.push(unit as u8),
        }
    }
    charset.text(out.into_bump_slice(), arena)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Vec<(String, Option<String>)> {
        let arena = Bump::new();
        let pairs = parse_querystring(text, "UTF-8", &arena).unwrap();
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
    }

    fn message(text: &str) -> String {
        parse_querystring(text, "UTF-8", &Bump::new()).unwrap_err().to_string()
    }

    #[test]
    fn splitting_and_decoding() {
        let pairs = |list: &[(&str, Option<&str>)]| -> Vec<(String, Option<String>)> {
            list.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
        };
        for (text, expected) in [
            ("a=1&a=2", pairs(&[("a", Some("1")), ("a", Some("2"))])),
            ("a", pairs(&[("a", None)])),
            ("a=", pairs(&[("a", Some(""))])),
            ("=b", pairs(&[])),
            ("", pairs(&[])),
            ("a=b=c", pairs(&[("a", Some("b=c"))])),
            ("a=1;b=2", pairs(&[("a", Some("1")), ("b", Some("2"))])),
            ("a=%3B1", pairs(&[("a", Some(";1"))])),
            ("page=a+b%20c%2Bd", pairs(&[("page", Some("a b c+d"))])),
            ("&cv=clj-0.7.0", pairs(&[("cv", Some("clj-0.7.0"))])),
            ("&&a=1&", pairs(&[("a", Some("1"))])),
            ("?e=pv", pairs(&[("?e", Some("pv"))])),
            ("a=%00", pairs(&[("a", Some("\0"))])),
            ("a=%FF", pairs(&[("a", Some("\u{FFFD}"))])),
            ("a=%C3%A9", pairs(&[("a", Some("é"))])),
            ("a=b#c&d=1", pairs(&[("a", Some("b"))])),
            ("b=é", pairs(&[("b", Some("\u{FFFD}"))])),
            ("c=☃&d=%41", pairs(&[("c", Some("\u{3}")), ("d", Some("A"))])),
            ("a=[x]'(!*~@:/?$,)", pairs(&[("a", Some("[x]'(!*~@:/?$,)"))])),
            ("%61=1", pairs(&[("a", Some("1"))])),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
    }

    #[test]
    fn one_illegal_character_refuses_everything() {
        assert_eq!(message("a=%zz"), "Malformed escape pair at index 20: http://localhost/?a=%zz");
        assert_eq!(message("a=b c"), "Illegal character in query at index 21: http://localhost/?a=b c");
        assert_eq!(message("a=b#c d"), "Illegal character in fragment at index 23: http://localhost/?a=b#c d");
        assert_eq!(message("a#b#c"), "Illegal character in fragment at index 21: http://localhost/?a#b#c");
        assert_eq!(message("=%"), "Malformed escape pair at index 19: http://localhost/?=%", "dropped, but checked");
        assert_eq!(message("a=%4#1"), "Malformed escape pair at index 20: http://localhost/?a=%4#1");
        assert_eq!(message("\u{1F600}|"), "Illegal character in query at index 20: http://localhost/?\u{1F600}|");
        for illegal in " \t\n\0\u{7F}\"<>\\^`{|}\u{80}\u{9F}\u{A0}\u{2003}\u{2028}\u{3000}".chars() {
            let text = format!("a={illegal}");
            assert_eq!(message(&text), format!("Illegal character in query at index 20: http://localhost/?{text}"));
        }
    }

    #[test]
    fn messages_are_cleaned() {
        let error = parse_querystring("a=\t@0ff;", "UTF-8", &Bump::new()).unwrap_err();
        assert_eq!(
            error.expectation("UTF-8"),
            "could not extract name-value pairs from querystring with encoding UTF-8: Illegal character in query at \
             index 20: http://localhost/?a=    @xxxxxx;"
        );
    }

    #[test]
    fn other_character_sets() {
        let arena = Bump::new();
        assert_eq!(parse_querystring("a=%E9", "ISO-8859-1", &arena).unwrap(), [("a", Some("é"))]);
        assert_eq!(parse_querystring("a=é", "latin1", &arena).unwrap(), [("a", Some("é"))]);
        assert_eq!(parse_querystring("", "klingon", &arena).unwrap_err().to_string(), "klingon");
    }

    #[test]
    fn unchecked_queries_keep_malformed_escapes() {
        let arena = Bump::new();
        assert_eq!(split_query("a=%zz%4&b=%C3%A9 x", &arena), [("a", Some("%zz%4")), ("b", Some("é x"))]);
    }

    #[test]
    fn values_without_escapes_are_not_copied() {
        let arena = Bump::new();
        let text = "e=pv&cx=eyJzY2hlbWEiOiJ4In0".to_owned();
        let pairs = parse_querystring(&text, "UTF-8", &arena).unwrap();
        let value = pairs[1].1.unwrap();
        assert!(text.as_bytes().as_ptr_range().contains(&value.as_ptr()));
    }

    proptest! {
        #[test]
        fn never_panics(text: String) {
            let arena = Bump::new();
            let _ = parse_querystring(&text, "UTF-8", &arena);
            split_query(&text, &arena);
        }

        #[test]
        fn both_ways_agree(
            text in "[a-c=&;%0-9A-F+ #é\u{1F600}]{0,24}|([a-c=&;+]{0,40}(%[0-9A-F]{2}){1,3}){0,6}[a-c=&;%0-9A-F]{0,24}"
        ) {
            let arena = Bump::new();
            let careful = check(&text).map(|query| split(query, Charset::Utf8, &arena));
            prop_assert_eq!(parse_querystring(&text, "UTF-8", &arena), careful);
        }

        #[test]
        fn reads_what_encoders_write(value: String) {
            let arena = Bump::new();
            let encoded: String = value.bytes().map(|b| format!("%{b:02X}")).collect();
            let text = format!("k={encoded}");
            prop_assert_eq!(parse_querystring(&text, "UTF-8", &arena).unwrap(), [("k", Some(value.as_str()))]);
        }
    }
}
