//! Passing over objects that nobody will look into: checked, but without a tape.

use super::super::text::skip_plain;

/// Deeper objects are left to the parser.
const DEEPEST: u32 = 8;

/// The end of the value at a position, if it is JSON exactly as this crate's printer spells it; whatever is spelled in
/// another way, or wrong, is left to the parser. Keys may repeat.
pub(super) fn compact_value(bytes: &[u8], at: usize) -> Option<usize> {
    value(bytes, at, DEEPEST)
}

fn value(bytes: &[u8], at: usize, depth: u32) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string(bytes, at),
        b'n' => word(bytes, at, b"null"),
        b't' => word(bytes, at, b"true"),
        b'f' => word(bytes, at, b"false"),
        b'{' => list(bytes, at, b'}', |at| {
            let colon = string(bytes, at)?;
            value(bytes, (bytes.get(colon) == Some(&b':')).then_some(colon + 1)?, depth.checked_sub(1)?)
        }),
        b'[' => list(bytes, at, b']', |at| value(bytes, at, depth.checked_sub(1)?)),
        _ => number(bytes, at),
    }
}

/// Items with commas between them, up to the closing bracket.
fn list(bytes: &[u8], at: usize, closing: u8, item: impl Fn(usize) -> Option<usize>) -> Option<usize> {
    let mut at = at + 1;
    if bytes.get(at) == Some(&closing) {
        return Some(at + 1);
    }
    loop {
        at = item(at)?;
        match *bytes.get(at)? {
            b',' => at += 1,
            byte if byte == closing => return Some(at + 1),
            _ => return None,
        }
    }
}

fn word<const N: usize>(bytes: &[u8], at: usize, word: &[u8; N]) -> Option<usize> {
    (bytes.get(at..)?.first_chunk() == Some(word)).then_some(at + N)
}

fn string(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = (bytes.get(at) == Some(&b'"')).then_some(at + 1)?;
    loop {
        at = skip_plain(bytes, at);
        at += match bytes.get(at..at + 2)? {
            [b'"', _] => return Some(at + 1),
            [b'\\', b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't'] => 2,
            [0xC2, 0xA0..=0xBF] => 2,
            _ => return None,
        };
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let digits = |at: usize| at + bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let some_digits = |at: usize| Some(digits(at)).filter(|end| *end > at);
    let start = at + usize::from(bytes.get(at) == Some(&b'-'));
    let mut end = match bytes.get(start)? {
        b'0' => start + 1,
        _ => some_digits(start)?,
    };
    if bytes.get(end) == Some(&b'.') {
        end = some_digits(end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = bytes.get(signed).and_then(|_| some_digits(signed))?;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use proptest::prelude::*;

    use super::*;
    use crate::json::parse;

    #[test]
    fn what_the_printer_writes_is_passed_over() {
        for text in [
            r#"{"app_id":null,"a":[1,-0.5e+3,{}],"b":"\"\\\n é\u00a0","c":{"d":true,"e":false},"f":0}"#,
            "[]",
            "{}",
            r#""""#,
            "-1E5",
        ] {
            let text = text.replace("\\u00a0", "\u{a0}");
            // Something always follows: the end of the object around.
            assert_eq!(compact_value(format!("{text}}}").as_bytes(), 0), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_left_to_the_parser() {
        for text in [
            "{ }",
            "[1, 2]",
            r#"{"a" :1}"#,
            r#""\/""#,
            r#""\u0041""#,
            "\"\u{7f}\"",
            "\"\u{85}\"",
            "\"\u{1}\"",
            "01x",
            "-",
            "1.",
            "1e",
            "nul",
            "{\"a\"}",
            "{\"a\":1,}",
            "[1",
            "\"",
            "\"\\",
            "",
        ] {
            let end = compact_value(text.as_bytes(), 0);
            assert!(end.is_none_or(|end| end < text.len()), "{text}");
        }
        let deep = "[".repeat(20) + &"]".repeat(20) + " ";
        assert_eq!(compact_value(deep.as_bytes(), 0), None);
    }

    proptest! {
        #[test]
        fn what_is_passed_over_is_json(text in r#"[\[\]{},:"a0-9.e\\n truefalsnl+-]{0,30}|\{"a":[0-9.eE+-]{1,6}\}|"[\\"nu00é\x7f]{0,6}""#) {
            let spaced = format!("{text} ");
            if compact_value(spaced.as_bytes(), 0) == Some(text.len()) {
                let arena = Bump::new();
                let parsed = parse(&text, &arena);
                prop_assert!(parsed.is_ok(), "{}", text);
            }
        }
    }
}
