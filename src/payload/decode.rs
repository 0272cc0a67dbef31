//! Text decoders of the log formats and of text columns.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/ConversionUtils.scala`; the replacement of malformed UTF-8
//! and the URL decoder are those of the Java platform. Everything borrows when nothing has to change.

use bumpalo::Bump;
use memchr::{memchr, memchr_iter, memchr2, memchr3};

use crate::scan::{BLOCK, HEX, NO_DIGIT, any_of};

/// The text of bytes that should be UTF-8: malformed sequences become U+FFFD, one for each sequence as Java counts them.
pub fn utf8_text<'a>(bytes: &'a [u8], arena: &'a Bump) -> &'a str {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => {
            let mut out = bumpalo::collections::String::with_capacity_in(bytes.len() + 16, arena);
            push_utf8(bytes, |piece| out.push_str(piece));
            out.into_bump_str()
        }
    }
}

/// Feeds the repaired text of `bytes` to `push`, piece by piece.
fn push_utf8(bytes: &[u8], mut push: impl FnMut(&str)) {
    let mut rest = bytes;
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(text) => return push(text),
            Err(error) => error,
        };
        let (valid, malformed) = rest.split_at(error.valid_up_to());
        push(std::str::from_utf8(valid).unwrap_or_default());
        push("\u{FFFD}");
        // Java takes an encoded surrogate as one malformed sequence, Rust takes each of its bytes as one.
        let skipped = match malformed {
            [0xED, 0xA0..=0xBF, 0x80..=0xBF, ..] => 3,
            [0xED, 0xA0..=0xBF, ..] => 2,
            _ => error.error_len().unwrap_or(malformed.len()),
        };
        rest = &malformed[skipped..];
    }
}

/// Undoes one of two percent-encodings in CloudFront's columns: `%25` before two hexadecimal digits becomes `%`. One
/// pass: `%252520` becomes `%2520`.
pub fn undouble<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    let bytes = text.as_bytes();
    let Some(first) = memchr_iter(b'%', bytes).find(|at| doubled(&bytes[*at..]).is_some()) else { return text };
    let mut out = Pieces::new(bytes.len(), arena);
    let mut at = first;
    out.copy(&bytes[..first]);
    while at < bytes.len() {
        if let Some([high, low]) = doubled(&bytes[at..]) {
            out.push(b'%');
            out.push(high);
            out.push(low);
            at += 5;
        } else {
            // Escapes come in crowds; what stands between them is copied a block at a time.
            out.push(bytes[at]);
            at += 1 + out.copy_until(&bytes[at + 1..], [b'%']);
        }
    }
    utf8_text(out.finish(), arena)
}

/// The digits of a doubled escape that the text begins with.
#[inline]
fn doubled(text: &[u8]) -> Option<[u8; 2]> {
    match *text {
        [b'%', b'2', b'5', high, low, ..] if hex_value(high).is_some() && hex_value(low).is_some() => Some([high, low]),
        _ => None,
    }
}

/// Bytes in an arena, made of pieces of a text that is at least as long.
pub(super) struct Pieces<'a> {
    out: &'a mut [u8],
    length: usize,
}

impl<'a> Pieces<'a> {
    /// Room for that many bytes.
    pub(super) fn new(most: usize, arena: &'a Bump) -> Pieces<'a> {
        Pieces { out: arena.alloc_slice_fill_copy(most + BLOCK, 0), length: 0 }
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        self.out[self.length] = byte;
        self.length += 1;
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.out[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    /// Copies up to the first byte that is one of `stops`, or all; how much that is.
    #[inline]
    pub(super) fn copy_until<const N: usize>(&mut self, bytes: &[u8], stops: [u8; N]) -> usize {
        let mut at = 0;
        while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            // The whole block, whatever of it counts: there is room.
            self.out[self.length..self.length + BLOCK].copy_from_slice(block);
            let plain = (any_of(block, stops).trailing_zeros() as usize).min(BLOCK);
            self.length += plain;
            at += plain;
            if plain < BLOCK {
                return at;
            }
        }
        while let Some(byte) = bytes.get(at).filter(|byte| !stops.contains(byte)) {
            self.push(*byte);
            at += 1;
        }
        at
    }

    pub(super) fn finish(self) -> &'a [u8] {
        &self.out[..self.length]
    }
}

/// Why a text is not URL-encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlDecodeError {
    /// `%` and two characters that are not hexadecimal digits.
    #[error(
        "exception URL-decoding (encoding UTF-8): URLDecoder: Illegal hex characters in escape (%) pattern - {detail}"
    )]
    IllegalEscape {
        /// The Java platform's words.
        detail: String,
    },
    /// `%` and fewer than two characters.
    #[error("exception URL-decoding (encoding UTF-8): URLDecoder: Incomplete trailing escape (%) pattern")]
    IncompleteEscape,
}

/// Decodes `+` and `%XX`, then deletes CR and LF and turns each TAB into four spaces.
pub fn url_decode<'a>(text: &'a str, arena: &'a Bump) -> Result<&'a str, UrlDecodeError> {
    let Some(first) = memchr2(b'%', b'+', text.as_bytes()) else {
        return Ok(header_user_agent(text, arena));
    };
    let bytes = text.as_bytes();
    let mut out = Pieces::new(bytes.len(), arena);
    out.copy(&bytes[..first]);
    let mut at = first;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match *byte {
            b'+' => out.push(b' '),
            b'%' => {
                out.push(escaped_byte(&text[at..])?);
                at += 2;
            }
            plain => {
                out.push(plain);
                at += out.copy_until(&bytes[at..], [b'%', b'+']);
            }
        }
    }
    // Where the escapes make bad UTF-8 they cannot be mended by what stands beside them, which is good by itself.
    Ok(header_user_agent(utf8_text(out.finish(), arena), arena))
}

/// The byte of an escape; `text` is what follows the `%`. Java reads the digits as a signed number.
fn escaped_byte(text: &str) -> Result<u8, UrlDecodeError> {
    if let [high, low, ..] = text.as_bytes()
        && let (Some(high), Some(low)) = (hex_value(*high), hex_value(*low))
    {
        return Ok(high << 4 | low);
    }
    let units: Vec<u16> = text.encode_utf16().take(2).collect();
    let illegal = |detail: String| Err(UrlDecodeError::IllegalEscape { detail });
    match text.as_bytes() {
        [b'+', digit, ..] if hex_value(*digit).is_some() => Ok(hex_value(*digit).unwrap_or_default()),
        [b'-', b'0', ..] => Ok(0),
        [b'-', digit, ..] if hex_value(*digit).is_some() => illegal("negative value".into()),
        _ if units.len() < 2 => Err(UrlDecodeError::IncompleteEscape),
        [first, ..] => {
            let index = usize::from(hex_value(*first).is_some() || matches!(first, b'+' | b'-'));
            illegal(format!("Error at index {index} in: \"{}\"", String::from_utf16_lossy(&units)))
        }
        [] => Err(UrlDecodeError::IncompleteEscape),
    }
}

/// The value of a hexadecimal digit.
#[inline]
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    let value = HEX[usize::from(digit)];
    (value != NO_DIGIT).then_some(value)
}

fn push_without_breaks(text: &str, out: &mut bumpalo::collections::String<'_>) {
    for (index, piece) in text.split('\t').enumerate() {
        if index > 0 {
            out.push_str("    ");
        }
        for part in piece.split(['\r', '\n']) {
            out.push_str(part);
        }
    }
}

/// The User-Agent header as it becomes a column: CR and LF deleted, each TAB four spaces.
pub fn header_user_agent<'a>(text: &'a str, arena: &'a Bump) -> &'a str {
    if memchr3(b'\r', b'\n', b'\t', text.as_bytes()).is_none() {
        return text;
    }
    let mut out = bumpalo::collections::String::with_capacity_in(text.len() + 8, arena);
    push_without_breaks(text, &mut out);
    out.into_bump_str()
}

/// A text as it may stand in a TSV column: each TAB four spaces, other ASCII controls deleted. `None` if nothing is left.
pub fn tsv_safe<'a>(text: &'a str, arena: &'a Bump) -> Option<&'a str> {
    if text.is_empty() {
        return None;
    }
    // Whole blocks at a time, so that the compiler can vectorise the test.
    let clean = text.as_bytes().chunks(64).all(|block| !block.iter().fold(false, |dirty, b| dirty | is_control(*b)));
    if clean {
        return Some(text);
    }
    let mut out = bumpalo::collections::String::with_capacity_in(text.len() + 16, arena);
    push_without_controls(text, |piece| out.push_str(piece));
    (!out.is_empty()).then(|| out.into_bump_str())
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7F
}

/// Feeds `text` with each TAB as four spaces and without other ASCII controls to `push`, piece by piece.
pub(crate) fn push_without_controls(text: &str, mut push: impl FnMut(&str)) {
    let mut copied = 0;
    for (at, byte) in text.bytes().enumerate() {
        if is_control(byte) {
            push(&text[copied..at]);
            if byte == b'\t' {
                push("    ");
            }
            copied = at + 1;
        }
    }
    push(&text[copied..]);
}

/// A text of the Java platform as messages show it: object identities (`@1f2e3d;`) masked, each TAB four spaces, other
/// ASCII controls deleted, white space at both ends removed.
pub fn clean_platform_text(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    push_without_controls(text, |piece| clean.push_str(piece));
    let trimmed = clean.trim_matches(|c| c <= ' ');
    let mut masked = String::with_capacity(trimmed.len());
    let mut rest = trimmed;
    while let Some(at) = memchr(b'@', rest.as_bytes()) {
        let after = &rest[at + 1..];
        let identity = after.bytes().take_while(|b| b.is_ascii_digit() || b.is_ascii_lowercase()).count();
        masked.push_str(&rest[..=at]);
        rest = after;
        if identity > 0 && after.as_bytes().get(identity) == Some(&b';') {
            masked.push_str("xxxxxx;");
            rest = &after[identity + 1..];
        }
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn malformed_utf8_counts_like_java() {
        let arena = Bump::new();
        let text = |bytes: &'static [u8]| utf8_text(bytes, &arena);
        assert_eq!(text(b"ab"), "ab");
        assert_eq!(text(b"a\xFFb"), "a\u{FFFD}b");
        assert_eq!(text(b"\xED\xA0\x80x"), "\u{FFFD}x");
        assert_eq!(text(b"\xED\xA0x"), "\u{FFFD}x");
        assert_eq!(text(b"\xE2\x98"), "\u{FFFD}");
        assert_eq!(text(b"\xE2\x98x"), "\u{FFFD}x");
        assert_eq!(text(b"\xE0\x80\x80"), "\u{FFFD}\u{FFFD}\u{FFFD}");
        assert_eq!(text(b"\xC0\xAF"), "\u{FFFD}\u{FFFD}");
        assert_eq!(text(b"\xF0\x9F\x98"), "\u{FFFD}");
        assert_eq!(text(b"\xF5\x80"), "\u{FFFD}\u{FFFD}");
    }

    #[test]
    fn undouble_is_one_pass() {
        let arena = Bump::new();
        for (input, expected) in [
            ("%2520", "%20"),
            ("%2525", "%25"),
            ("%252520", "%2520"),
            ("70%25 Complete", "70%25 Complete"),
            ("a%25&b", "a%25&b"),
            ("%25", "%25"),
            ("%252", "%252"),
            ("x%253Dy%253d", "x%3Dy%3d"),
            ("", ""),
        ] {
            assert_eq!(undouble(input, &arena), expected);
        }
        let single = "70%25 Complete";
        assert!(std::ptr::eq(undouble(single, &arena), single), "what is not doubled is not copied");
    }

    #[test]
    fn url_decoding() {
        let arena = Bump::new();
        let decoded = |text: &'static str| url_decode(text, &arena);
        assert_eq!(decoded("python-requests%2F2.2.1+CPython%2F3.3.5"), Ok("python-requests/2.2.1 CPython/3.3.5"));
        assert_eq!(decoded("a%0D%0Ab%09c"), Ok("ab    c"));
        assert_eq!(decoded("%C3%A9é%FF"), Ok("éé\u{FFFD}"));
        assert_eq!(decoded("%C3é"), Ok("\u{FFFD}é"), "an escape run ends at the next plain character");
        assert_eq!(decoded("%+f%-0"), Ok("\u{F}\0"), "Java reads the digits as a signed number");
        let message = |text: &'static str| decoded(text).unwrap_err().to_string();
        let illegal =
            "exception URL-decoding (encoding UTF-8): URLDecoder: Illegal hex characters in escape (%) pattern - ";
        assert_eq!(message("a%zz"), format!("{illegal}Error at index 0 in: \"zz\""));
        assert_eq!(message("a%1z"), format!("{illegal}Error at index 1 in: \"1z\""));
        assert_eq!(message("%-1"), format!("{illegal}negative value"));
        assert_eq!(message("%éx"), format!("{illegal}Error at index 0 in: \"éx\""));
        let incomplete = "exception URL-decoding (encoding UTF-8): URLDecoder: Incomplete trailing escape (%) pattern";
        assert_eq!(message("100%"), incomplete);
        assert_eq!(message("%41%4"), incomplete);
    }

    #[test]
    fn text_columns() {
        let arena = Bump::new();
        assert_eq!(tsv_safe("a\tb\0c\nd\u{7F}", &arena), Some("a    bcd"));
        assert_eq!(tsv_safe("\u{85}é", &arena), Some("\u{85}é"));
        assert_eq!(tsv_safe("\r\n", &arena), None);
        assert_eq!(tsv_safe("", &arena), None);
        assert_eq!(header_user_agent("a\r\nb\tc\0", &arena), "ab    c\0");
    }

    #[test]
    fn platform_texts() {
        assert_eq!(clean_platform_text(" a@1f2e;b@X;c@;\td\n\u{1}"), "a@xxxxxx;b@X;c@;    d");
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, text: String) {
            let arena = Bump::new();
            let _ = utf8_text(&bytes, &arena);
            undouble(&text, &arena);
            let _ = url_decode(&text, &arena);
            header_user_agent(&text, &arena);
            tsv_safe(&text, &arena);
            clean_platform_text(&text);
        }

        #[test]
        fn escapes_never_panic(text in "[%+0-9a-fg é\u{1F600}-]{0,12}") {
            let arena = Bump::new();
            let _ = url_decode(&text, &arena);
            undouble(&text, &arena);
        }

        #[test]
        fn columns_hold_no_separators(text: String) {
            let arena = Bump::new();
            prop_assert!(!tsv_safe(&text, &arena).unwrap_or_default().bytes().any(is_control));
        }
    }
}
