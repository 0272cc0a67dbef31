//! Changing one place of a JSON text without printing the rest of it again.
//!
//! The result is what parsing all of it, changing it and printing it gives: where the text is not what the printer would
//! write, that is what has to be done.

use bumpalo::Bump;
use serde_json::Value;

use super::path::{Operation, Path, Token, WalkError};
use crate::json::{self, Kind};

/// Deepest nesting that is edited this way; the other parser has a limit of its own.
const MAX_DEPTH: usize = 100;

/// Applies an operation where the path's tokens from `from` on lead inside a JSON text; the text afterwards. `None` if
/// that takes the whole document: nothing was done then.
pub(super) fn apply(
    path: &Path,
    from: usize,
    text: &str,
    operation: Operation<'_>,
) -> Option<Result<String, WalkError>> {
    let tokens = path.ordinary(from).filter(|tokens| !tokens.is_empty())?;
    let arena = Bump::with_capacity(2 * text.len() + 256);
    let document = json::parse(text, &arena).ok()?;
    if !is_printed(document, text) {
        return None;
    }
    let mut splice = Splice { text, done: 0, out: String::with_capacity(text.len() + 64) };
    Some(splice.walk(tokens, document, operation).map(|()| splice.finish()))
}

/// Whether `serde_json` would print the document as the text has it.
fn is_printed(document: json::Value<'_>, text: &str) -> bool {
    let has = |byte: u8, sequence: &str| memchr::memchr(byte, text.as_bytes()).is_some() && text.contains(sequence);
    document.is_canonical()
        && document.source().len() == text.len()
        && !has(b'\\', "\\u")
        // Objects with such keys are not what they seem.
        && !has(b'$', "$serde_json")
        && is_plain(document, 0)
}

/// Numbers with an exponent are printed in another way.
fn is_plain(value: json::Value<'_>, depth: usize) -> bool {
    match value.kind() {
        Kind::Number => !value.source().bytes().any(|byte| matches!(byte, b'e' | b'E')),
        Kind::Array => depth < MAX_DEPTH && value.elements().all(|item| is_plain(item, depth + 1)),
        Kind::Object => depth < MAX_DEPTH && value.members().all(|(_, item)| is_plain(item, depth + 1)),
        Kind::Null | Kind::Bool | Kind::String => true,
    }
}

/// A value of the tape on its own.
pub(super) fn value_of(value: json::Value<'_>) -> Value {
    match value.as_str() {
        Some(text) => Value::String(text.into_owned()),
        None => value.to_serde(),
    }
}

/// Appends a text as `serde_json` prints it.
fn push_string(text: &str, out: &mut String) {
    // Whole blocks at a time, so that the compiler can vectorise the test.
    let is_escaped = |byte: &u8| (*byte < b' ') | (*byte == b'"') | (*byte == b'\\');
    if text.as_bytes().chunks(32).any(|block| block.iter().fold(false, |found, byte| found | is_escaped(byte))) {
        return out.push_str(&Value::from(text).to_string());
    }
    out.push('"');
    out.push_str(text);
    out.push('"');
}

struct Splice<'t> {
    text: &'t str,
    /// How much of the text is out.
    done: usize,
    out: String,
}

impl Splice<'_> {
    /// As [`Path::walk`] goes through plain JSON.
    fn walk(&mut self, tokens: &[Token], value: json::Value<'_>, operation: Operation<'_>) -> Result<(), WalkError> {
        let Some((token, rest)) = tokens.split_first() else { return self.edit(value, operation) };
        match token {
            Token::Field(name) => {
                let inner = value.get(name).ok_or_else(|| WalkError::Missing(name.clone()))?;
                self.walk(rest, inner, operation)
            }
            Token::Index(index) => {
                let item = value.elements().nth(*index).ok_or_else(|| WalkError::no_element(*index))?;
                self.walk(rest, item, operation)
            }
            Token::Filter { .. } if !value.is_array() || value.is_empty() => self.walk(rest, value, operation),
            Token::Filter { key, regex } => {
                let mut hit = false;
                for item in value.elements() {
                    let found = key.iter().try_fold(item, |inner, name| inner.get(name));
                    if found.is_some_and(|found| regex.is_found(found.source())) {
                        hit = true;
                        self.walk(rest, item, operation)?;
                    }
                }
                if hit { Ok(()) } else { Err(WalkError::no_match(key, regex)) }
            }
        }
    }

    fn edit(&mut self, value: json::Value<'_>, operation: Operation<'_>) -> Result<(), WalkError> {
        let source = value.source();
        let start = source.as_ptr().addr() - self.text.as_ptr().addr();
        let mut edited = value_of(value);
        operation(&mut edited)?;
        self.out.push_str(&self.text[self.done..start]);
        match &edited {
            Value::String(text) => push_string(text, &mut self.out),
            other => self.out.push_str(&other.to_string()),
        }
        self.done = start + source.len();
        Ok(())
    }

    fn finish(mut self) -> String {
        self.out.push_str(&self.text[self.done..]);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The way by way of the whole document.
    fn whole(path: &Path, text: &str) -> Result<String, WalkError> {
        let mut document: Value = serde_json::from_str(text).map_err(|e| WalkError::Encoded(e.to_string()))?;
        path.walk(0, &mut document, &mut changed)?;
        Ok(document.to_string())
    }

    fn changed(value: &mut Value) -> Result<(), WalkError> {
        match value {
            Value::Bool(_) => return Err(WalkError::Refused(value.to_string())),
            Value::String(text) => text.push_str("\u{7f}\u{1}\"ä"),
            other => *other = json!({"was": other.take()}),
        }
        Ok(())
    }

    fn documents() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            prop::sample::select(vec![
                "1",
                "-0",
                "1.50",
                "1e5",
                "1E+5",
                "12345678901234567890123",
                "true",
                "null",
                "{}",
                "[]",
                "\"\"",
            ])
            .prop_map(str::to_owned),
            prop::sample::select(vec![
                r#""x""#,
                r#""\n\"\\""#,
                r#""\u00e4""#,
                r#""\u0001""#,
                r#""\u007f""#,
                "\"\u{7f}\"",
                r#""\/""#,
                r#""ä\\u""#,
                "\"\u{85}\"",
                r#""$serde_json::private::Number""#,
            ])
            .prop_map(str::to_owned),
        ];
        let key = prop::sample::select(vec!["a", "b", "schema", "\\u0061", "$serde_json::private::Number"]);
        leaf.prop_recursive(4, 24, 4, move |inner| {
            let space = prop::sample::select(vec!["", "", "", "", " "]);
            prop_oneof![
                (prop::collection::vec(inner.clone(), 0..4), space.clone())
                    .prop_map(|(items, space)| format!("[{space}{}]", items.join(","))),
                (prop::collection::vec((key.clone(), inner), 0..4), space).prop_map(|(members, space)| {
                    let members: Vec<String> =
                        members.into_iter().map(|(key, value)| format!("\"{key}\":{space}{value}")).collect();
                    format!("{{{}}}", members.join(","))
                }),
            ]
        })
    }

    fn paths() -> impl Strategy<Value = String> {
        let token = prop::sample::select(vec!["a", "b", "schema", "[0]", "[1]", "[?(@.schema=~x)]", "[?(@.a.b=~\\d)]"]);
        prop::collection::vec(token, 1..4).prop_map(|tokens| tokens.join("."))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn a_splice_gives_what_the_whole_document_gives(text in documents(), path in paths()) {
            let path = Path::parse(&path);
            if let Some(spliced) = apply(&path, 0, &text, &mut changed) {
                prop_assert_eq!(spliced, whole(&path, &text));
            }
        }
    }

    proptest! {
        #[test]
        fn texts_are_printed_as_the_printer_does(text in "\\PC{0,9}|[a\"\\\\\n\u{1f}\u{7f}ä]{0,9}") {
            let mut out = String::new();
            push_string(&text, &mut out);
            prop_assert_eq!(out, Value::from(text).to_string());
        }
    }

    #[test]
    fn what_surrounds_the_place_is_copied() {
        let path = Path::parse("data.[?(@.schema=~x)].n");
        let text = r#"{"data":[{"schema":"x","n":"1"},{"schema":"y","n":"2"},{"schema":"xx","n":"3"}]}"#;
        let mut upper = |value: &mut Value| {
            *value = json!(7);
            Ok(())
        };
        let spliced = apply(&path, 0, text, &mut upper).unwrap().unwrap();
        assert_eq!(spliced, r#"{"data":[{"schema":"x","n":7},{"schema":"y","n":"2"},{"schema":"xx","n":7}]}"#);
        assert!(apply(&path, 0, &format!(" {text}"), &mut upper).is_none());
        assert!(apply(&Path::parse("data.cx"), 0, text, &mut upper).is_none());
    }
}
