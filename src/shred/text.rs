//! Texts in tab-separated rows: what is escaped, and how long texts are cut.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/common/.../transformation/{EventUtils,Flattening}.scala`. A text
//! longer than its column is cut here, by bytes as Redshift counts them; the reference left that to the database.

use std::borrow::Cow;

use crate::json::{Kind, Value, write_compact};

/// The spelling of null.
pub const NULL: &[u8] = b"\\N";

/// The longest beginning of a text that has at most `width` bytes and no half characters.
pub fn cut(text: &str, width: usize) -> &str {
    if text.len() <= width {
        return text;
    }
    let mut end = width;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Appends the value of one column. Returns whether it had to be cut to `width` bytes.
pub fn write_value(value: Option<Value<'_>>, width: Option<u32>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    let Some(value) = value else {
        out.extend_from_slice(NULL);
        return false;
    };
    match value.kind() {
        Kind::Null => out.extend_from_slice(NULL),
        Kind::Bool => out.push(if value.as_bool() == Some(true) { b'1' } else { b'0' }),
        Kind::Number => out.extend_from_slice(value.source().as_bytes()),
        Kind::String => {
            return match value.as_str().unwrap_or_default() {
                Cow::Borrowed(text) => write_clean(text, width, out),
                Cow::Owned(text) => write_text(&text, width, out),
            };
        }
        Kind::Array | Kind::Object if value.is_canonical() => return write_clean(value.source(), width, out),
        Kind::Array | Kind::Object => {
            scratch.clear();
            write_compact(value, scratch);
            return write_text(std::str::from_utf8(scratch).unwrap_or_default(), width, out);
        }
    }
    false
}

/// Appends a text that holds neither tabs nor line feeds nor is `\\N`: JSON cannot spell them without escapes.
fn write_clean(text: &str, width: Option<u32>, out: &mut Vec<u8>) -> bool {
    debug_assert!(!text.contains(['\t', '\n']) && text != "\\N", "{text}");
    let short = width.map_or(text, |width| cut(text, width as usize));
    out.extend_from_slice(short.as_bytes());
    short.len() < text.len()
}

/// Appends a text: tabs and line feeds become spaces, and a text that would read as null gets one more backslash.
pub fn write_text(text: &str, width: Option<u32>, out: &mut Vec<u8>) -> bool {
    let short = width.map_or(text, |width| cut(text, width as usize));
    if short.as_bytes() == NULL {
        out.push(b'\\');
    }
    let start = out.len();
    out.extend_from_slice(short.as_bytes());
    let mut at = start;
    while let Some(found) = memchr::memchr2(b'\t', b'\n', &out[at..]) {
        out[at + found] = b' ';
        at += found + 1;
    }
    short.len() < text.len()
}

/// The text that a column of tab-separated rows stands for; `None` is null. What [`write_text`] blanked stays blank.
pub fn read_text(cell: &str) -> Option<&str> {
    match cell {
        "\\N" => None,
        "\\\\N" => Some("\\N"),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bumpalo::Bump;
    use proptest::prelude::*;

    fn written(json: &str, width: Option<u32>) -> (String, bool) {
        let arena = Bump::new();
        let value = crate::json::parse(arena.alloc_str(json), &arena).unwrap();
        let mut out = Vec::new();
        let was_cut = write_value(Some(value), width, &mut Vec::new(), &mut out);
        (String::from_utf8(out).unwrap(), was_cut)
    }

    #[test]
    fn values() {
        let cases = [
            ("null", "\\N"),
            ("true", "1"),
            ("false", "0"),
            ("10.50", "10.50"),
            ("1e3", "1e3"),
            (r#""a\tb\nc\rd\"e\\f""#, "a b c\rd\"e\\f"),
            (r#""\\N""#, "\\\\N"),
            (r#""\\Nx""#, "\\Nx"),
            (r#""""#, ""),
            (r#"[ {"sku":"a\tb"}, null ]"#, r#"[{"sku":"a\tb"},null]"#),
            (r#"{"b":1,"a":"é"}"#, r#"{"b":1,"a":"é"}"#),
        ];
        for (json, expected) in cases {
            assert_eq!(written(json, None), (expected.to_owned(), false), "{json}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(written(r#""héllo""#, Some(2)), ("h".into(), true));
        assert_eq!(written(r#""héllo""#, Some(3)), ("hé".into(), true));
        assert_eq!(written(r#""héllo""#, Some(6)), ("héllo".into(), false));
        assert_eq!(written(r#""\\Nabc""#, Some(2)), ("\\\\N".into(), true), "a cut text must not become null");
        assert_eq!(written("[1,2,3]", Some(3)), ("[1,".into(), true));
        assert_eq!(written("123456789012", Some(10)), ("123456789012".into(), false), "numbers are never cut");
        assert_eq!(written("true", Some(0)), ("1".into(), false));
    }

    proptest! {
        #[test]
        fn texts_round_trip(text in "\\PC{0,20}|\\\\N|\\\\{0,3}N") {
            // Two backslashes and N is the one text that the format cannot tell from another.
            prop_assume!(text != "\\\\N");
            let mut out = Vec::new();
            write_text(&text, None, &mut out);
            let cell = String::from_utf8(out).unwrap();
            prop_assert_eq!(read_text(&cell), Some(text.as_str()));
        }

        #[test]
        fn cells_never_break_a_row(text: String, width in proptest::option::of(0u32..12)) {
            let mut out = Vec::new();
            let was_cut = write_text(&text, width, &mut out);
            prop_assert!(!out.contains(&b'\t') && !out.contains(&b'\n'));
            prop_assert!(std::str::from_utf8(&out).is_ok());
            prop_assert_eq!(was_cut, width.is_some_and(|width| text.len() > width as usize));
            prop_assert!(width.is_none_or(|width| out.len() <= width as usize + 1));
        }
    }
}
