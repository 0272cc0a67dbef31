//! A querystring in the spelling of recovered records, with the places of its pairs: what no step touches is never
//! decoded, and is written by copying it.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use serde_json::Value;

use super::coerce::pair_value;
use super::encoder::{Encoder, is_bare, special_bytes, with_encoder};
use super::query::encode_pair;
use crate::payload::decode::hex_value;
use crate::payload::{NameValue, decode_component, is_plain_in_query};
use crate::scan::BLOCK;

/// Nearly all events have fewer parameters.
const USUAL_PAIRS: usize = 32;

/// Pairs, form-encoded.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EncodedQuery<'a> {
    text: &'a str,
    spans: &'a [Span],
}

/// Where a pair stands in the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    equals: usize,
    end: usize,
    /// A pair without a value is written like one with an empty value.
    has_value: bool,
}

impl<'a> EncodedQuery<'a> {
    /// Encodes pairs.
    pub(super) fn of_pairs(pairs: &[NameValue<'_>], arena: &'a Bump) -> EncodedQuery<'a> {
        let length = pairs.iter().map(|(name, value)| name.len() + value.map_or(0, str::len) + 2).sum();
        with_encoder(length, |out| {
            let mut spans = ArenaVec::with_capacity_in(pairs.len(), arena);
            for (name, value) in pairs {
                let before = out.len();
                encode_pair(name, None, out);
                let equals = out.len() - 1;
                out.encode(value.unwrap_or_default().as_bytes());
                let start = if before == 0 { 0 } else { before + 1 };
                spans.push(Span { start, equals, end: out.len(), has_value: value.is_some() });
            }
            EncodedQuery { text: arena.alloc_str(out.text()), spans: spans.into_bump_slice() }
        })
    }

    /// What the querystring of a CloudFront line says, whose escapes may be encoded once more. `None` if only a parser
    /// can tell: for text beyond ASCII, illegal characters, malformed escapes.
    pub(super) fn of_column(column: &str, arena: &'a Bump) -> Option<EncodedQuery<'a>> {
        // One more than that for the `=` of a pair that has none, and an `&`.
        with_encoder(column.len() + 1, |out| {
            let spans = ArenaVec::with_capacity_in(USUAL_PAIRS, arena);
            let mut recoder = Recoder { out: out.by_itself(), spans, start: 0, equals: None, is_beyond_ascii: false };
            recoder.recode(column.as_bytes())?;
            let Recoder { mut out, spans, .. } = recoder;
            // The `&` after the last pair.
            out.truncate(out.len().saturating_sub(1));
            Some(EncodedQuery { text: arena.alloc_str(out.text()), spans: spans.into_bump_slice() })
        })
    }

    /// The first pair of a name. Names in paths hold nothing that would be encoded.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.spans.iter().position(|span| &self.text[span.start..span.equals] == name)
    }

    /// The value of a pair.
    pub(super) fn value(&self, index: usize, arena: &'a Bump) -> Option<&'a str> {
        let span = self.spans.get(index).filter(|span| span.has_value)?;
        Some(decoded(&self.text[span.equals + 1..span.end], arena))
    }

    /// All pairs.
    pub(super) fn pairs(&self, arena: &'a Bump) -> impl Iterator<Item = NameValue<'a>> {
        let name = move |span: &Span| decoded(&self.text[span.start..span.equals], arena);
        self.spans.iter().enumerate().map(move |(index, span)| (name(span), self.value(index, arena)))
    }

    /// The querystring with other values for some pairs, which are given in order.
    pub(super) fn edited(&self, changed: &[(usize, Value)], list: &str, arena: &'a Bump) -> Result<&'a str, String> {
        if changed.is_empty() {
            return Ok(self.text);
        }
        let mut values = Vec::with_capacity(changed.len());
        for (index, value) in changed {
            values.push((*index, pair_value(Some(value), list)?.unwrap_or_default()));
        }
        let length = self.text.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>();
        with_encoder(length, |out| {
            let mut done = 0;
            for (index, value) in &values {
                let Some(span) = self.spans.get(*index) else { continue };
                out.copy(&self.text[done..=span.equals]);
                out.encode(value.as_bytes());
                done = span.end;
            }
            out.copy(&self.text[done..]);
            Ok(&*arena.alloc_str(out.text()))
        })
    }
}

/// What is encoded here has no malformed escapes.
fn decoded<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    decode_component(text, arena).unwrap_or(text)
}

/// Respells a querystring: as if it were parsed, and encoded again.
struct Recoder<'r, 'a> {
    out: Encoder<'r>,
    spans: ArenaVec<'a, Span>,
    /// Where the pair begins, and its first `=`.
    start: usize,
    equals: Option<usize>,
    /// Whether its name or its value, whichever is being written, has escapes beyond ASCII.
    is_beyond_ascii: bool,
}

impl Recoder<'_, '_> {
    #[inline]
    fn recode(&mut self, mut text: &[u8]) -> Option<()> {
        while let Some(block) = text.first_chunk::<BLOCK>() {
            let mut special = special_bytes(block);
            if special == 0 {
                self.out.put(block);
                text = &text[BLOCK..];
                continue;
            }
            let mut at = 0;
            while special != 0 {
                let next = special.trailing_zeros() as usize;
                if next > at {
                    self.out.copy_of_block(block, at, next);
                }
                // What else that takes away is bare.
                at = next + self.special(&text[next..])?;
                special &= special - 1;
            }
            if at < BLOCK {
                self.out.copy_of_block(block, at, BLOCK);
                at = BLOCK;
            }
            text = &text[at..];
        }
        while let Some(byte) = text.first() {
            let taken = if is_bare(*byte) { self.bare(*byte) } else { self.special(text)? };
            text = &text[taken..];
        }
        self.end_pair()
    }

    #[inline]
    fn bare(&mut self, byte: u8) -> usize {
        self.out.encode_byte(byte);
        1
    }

    /// Writes what stands for the first byte of a text, which is not bare; how much of the text that takes.
    #[inline(always)]
    fn special(&mut self, text: &[u8]) -> Option<usize> {
        match *text.first()? {
            b'%' => return self.escape(text),
            b'=' if self.equals.is_none() => {
                self.check_text(self.start)?;
                self.equals = Some(self.out.len());
                self.out.put(b"=");
            }
            b'&' | b';' => self.end_pair()?,
            b'+' => self.out.put(b"+"),
            other if is_plain_in_query(other) => self.out.encode_byte(other),
            _ => return None,
        }
        Some(1)
    }

    /// An escape, or one that CloudFront has encoded once more.
    #[inline]
    fn escape(&mut self, text: &[u8]) -> Option<usize> {
        let byte_of = |high: u8, low: u8| Some(hex_value(high)? << 4 | hex_value(low)?);
        let (byte, length) = match *text {
            [_, b'2', b'5', high, low, ..] => byte_of(high, low).map_or((b'%', 3), |byte| (byte, 5)),
            [_, high, low, ..] => (byte_of(high, low)?, 3),
            _ => return None,
        };
        self.is_beyond_ascii |= !byte.is_ascii();
        self.out.encode_byte(byte);
        Some(length)
    }

    /// A pair ends here. Those without a name are left out. What separates it from the next is written at once.
    #[inline]
    fn end_pair(&mut self) -> Option<()> {
        let start = self.start;
        let equals = self.equals.take();
        self.check_text(equals.map_or(start, |at| at + 1))?;
        let end = self.out.len();
        if equals.unwrap_or(end) == start {
            self.out.truncate(start);
            return Some(());
        }
        if equals.is_none() {
            self.out.put(b"=");
        }
        self.spans.push(Span {
            start,
            equals: equals.unwrap_or(end),
            end: self.out.len(),
            has_value: equals.is_some(),
        });
        self.out.put(b"&");
        self.start = self.out.len();
        Some(())
    }

    /// Looks at a name or a value with escapes beyond ASCII: where they make no good UTF-8 they would not come back.
    #[inline]
    fn check_text(&mut self, since: usize) -> Option<()> {
        if !std::mem::take(&mut self.is_beyond_ascii) {
            return Some(());
        }
        self.out.bytes().get(since..).filter(|encoded| is_text(encoded)).map(drop)
    }
}

/// Whether what is encoded here is UTF-8.
#[cold]
fn is_text(encoded: &[u8]) -> bool {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [byte, after @ ..] = rest {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => {
                let value = |digit: u8| hex_value(digit).unwrap_or_default();
                (value(*high) << 4 | value(*low), after)
            }
            _ => (*byte, after),
        };
        bytes.push(byte);
        rest = after;
    }
    simdutf8::basic::from_utf8(&bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::decode::undouble;
    use crate::payload::parse_querystring;

    /// The way by way of the parser: what it gives, and that encoded again.
    fn by_parsing<'a>(column: &'a str, arena: &'a Bump) -> Option<(&'a [NameValue<'a>], String)> {
        let pairs = parse_querystring(undouble(column, arena), "UTF-8", arena).ok()?;
        Some((pairs, EncodedQuery::of_pairs(pairs, arena).text.to_owned()))
    }

    #[test]
    fn usual_columns_are_respelled() {
        let arena = Bump::new();
        let text = |column: &str| EncodedQuery::of_column(column, &arena).map(|query| query.text.to_owned());
        assert_eq!(text("e=pv&u=http%253A%252F%252Fx%2Fy&f&=x&&g=").unwrap(), "e=pv&u=http%3A%2F%2Fx%2Fy&f=&g=");
        assert_eq!(text("a=b=c:d;e=%2520%20+").unwrap(), "a=b%3Dc%3Ad&e=+++");
        assert_eq!(text("a=%25252525%2541%c3%a4%25C3%25a4").unwrap(), "a=%252525A%C3%A4%C3%A4");
        assert_eq!(text("").unwrap(), "");
        for odd in ["a=%zz", "a=%2", "a= ", "a=\u{e4}", "a=%C3", "a=%C3&b=%A4", "%C3=%A4", "a=\"", "a#b"] {
            assert_eq!(text(odd), None, "{odd}");
        }
    }

    #[test]
    fn changed_pairs_are_spliced_in() {
        let arena = Bump::new();
        let query = EncodedQuery::of_column("a=1&b=x%25&c", &arena).unwrap();
        assert_eq!((query.find("b"), query.value(1, &arena)), (Some(1), Some("x%")));
        assert_eq!((query.find("c"), query.value(2, &arena)), (Some(2), None));
        assert_eq!(query.find("x"), None);
        let edited = |changed: &[(usize, Value)]| query.edited(changed, "querystring", &arena);
        assert_eq!(edited(&[]), Ok("a=1&b=x%25&c="));
        let changed = [(0, Value::Null), (1, Value::from("\u{e4} b")), (2, Value::from(5))];
        assert_eq!(edited(&changed), Ok("a=&b=%C3%A4+b&c=5"));
        assert!(edited(&[(1, Value::Array(Vec::new()))]).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_respelled_column_is_the_parsed_one_encoded_again(
            column in "([a-c=&;%0-9A-F+:~]|%25|%C3%A4|%c3|\u{e4}|#| ){0,40}|([a-c=&;]{0,20}(%(25){0,2}(2[0-9A-F]|C3|a4)){1,9}){0,9}"
        ) {
            let arena = Bump::new();
            if let Some(query) = EncodedQuery::of_column(&column, &arena) {
                let (pairs, text) = by_parsing(&column, &arena).unwrap();
                prop_assert_eq!(query.text, text);
                prop_assert_eq!(query.pairs(&arena).collect::<Vec<_>>(), pairs);
            } else if let Some((pairs, _)) = by_parsing(&column, &arena) {
                let is_odd = |text: &str| text.contains('\u{fffd}');
                let odd = pairs.iter().any(|(name, value)| is_odd(name) || value.is_some_and(is_odd));
                prop_assert!(odd || !column.is_ascii() || column.contains(['%', '#']), "{}", column);
            }
        }

        #[test]
        fn pairs_come_back(pairs in prop::collection::vec((".{1,20}", prop::option::of(".{0,40}")), 0..6)) {
            let arena = Bump::new();
            let pairs: Vec<NameValue<'_>> =
                pairs.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect();
            let query = EncodedQuery::of_pairs(&pairs, &arena);
            prop_assert_eq!(query.pairs(&arena).collect::<Vec<_>>(), pairs);
        }
    }
}
