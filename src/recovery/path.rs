//! Paths into a bad row, as event recovery reads them: not quite JSONPath.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../inspect.scala` and `.../json.scala`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::pattern::Pattern;
use super::splice;

/// One token of a path.
#[derive(Clone, Debug)]
pub enum Token {
    /// A field's name.
    Field(String),
    /// `[n]`
    Index(usize),
    /// `[?(@.key=~regex)]`, the key's dots descend.
    Filter {
        /// Names to descend to.
        key: Vec<String>,
        /// What must be found in the compact JSON of the value there.
        regex: Pattern,
    },
}

/// A path, split into tokens.
#[derive(Clone, Debug)]
pub struct Path {
    /// The path as configured.
    pub source: String,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// From this token on, none has or gives a special meaning.
    ordinary_from: usize,
}

/// Why an operation could not be applied at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkError {
    /// The path leads nowhere.
    Missing(String),
    /// A string on the way is not base64 or not JSON.
    Encoded(String),
    /// The operation refused the value it found.
    Refused(String),
}

impl WalkError {
    /// A filter that fits no element.
    pub(super) fn no_match(key: &[String], regex: &Pattern) -> WalkError {
        WalkError::Missing(format!("[?(@.{}=~{})]", key.join("."), regex.as_str()))
    }

    /// An index beyond the end, or into something else than an array.
    pub(super) fn no_element(index: usize) -> WalkError {
        WalkError::Missing(format!("[{index}]"))
    }
}

/// What is done where a path leads.
pub(super) type Operation<'o> = &'o mut dyn FnMut(&mut Value) -> Result<(), WalkError>;

/// Names whose value is a list of name-value pairs.
const NVP_NAMES: [&str; 2] = ["parameters", "querystring"];
/// Names whose value is base64 of JSON.
const BASE64_NAMES: [&str; 2] = ["cx", "ue_px"];
/// Names whose value is JSON as a string.
const JSON_NAMES: [&str; 4] = ["co", "ue_pr", "contexts", "derived_contexts"];

impl Path {
    /// Whether what the path leads to may be, hold, or lie in the value of these fields.
    pub(super) fn may_touch(&self, fields: &[&str]) -> bool {
        self.tokens.iter().zip(fields).all(|(token, field)| !matches!(token, Token::Field(name) if name != field))
    }

    /// Splits a path into tokens; characters that belong to no token are skipped.
    pub fn parse(source: &str) -> Path {
        let mut tokens = Vec::new();
        let mut rest = source;
        while let Some(first) = rest.chars().next() {
            if is_field_char(first) {
                let end = rest.find(|c| !is_field_char(c)).unwrap_or(rest.len());
                tokens.push(Token::Field(rest[..end].to_owned()));
                rest = skip_dot(&rest[end..]);
            } else if let Some((token, after)) = bracketed(rest) {
                tokens.push(token);
                rest = skip_dot(after);
            } else {
                rest = &rest[first.len_utf8()..];
            }
        }
        let ordinary = tokens.iter().rev().take_while(|token| is_ordinary(token)).count();
        Path { source: source.to_owned(), ordinary_from: tokens.len() - ordinary, tokens }
    }

    /// The leading tokens that are plain fields without a special meaning: they can be followed without a copy.
    pub fn plain_prefix(&self) -> usize {
        let plain = |token: &&Token| matches!(token, Token::Field(name) if Path::is_plain(name));
        self.tokens.iter().take_while(plain).count()
    }

    /// Whether a name has no special meaning.
    pub fn is_plain(name: &str) -> bool {
        !NVP_NAMES.iter().chain(&BASE64_NAMES).chain(&JSON_NAMES).any(|special| special.eq_ignore_ascii_case(name))
    }

    /// The tokens from one on, if they lead through plain JSON.
    pub(super) fn ordinary(&self, from: usize) -> Option<&[Token]> {
        self.tokens.get(from..).filter(|_| from >= self.ordinary_from)
    }

    /// Whether the path's first token is this field.
    pub fn starts_with(&self, field: &str) -> bool {
        matches!(self.tokens.first(), Some(Token::Field(name)) if name == field)
    }

    /// Applies an operation where the path leads, from token `from` on, starting at `value`.
    pub fn walk(
        &self,
        from: usize,
        value: &mut Value,
        operation: &mut dyn FnMut(&mut Value) -> Result<(), WalkError>,
    ) -> Result<(), WalkError> {
        let walker = Walker { path: self };
        walker.walk(from, 0, value, operation)
    }

    /// The same for the value of the name-value pair that token `at` names.
    pub(super) fn walk_pair(&self, at: usize, value: &mut Value, operation: Operation<'_>) -> Result<(), WalkError> {
        Walker { path: self }.pair(at, 0, value, operation)
    }
}

/// Whether what follows the token is read no differently for it.
fn is_ordinary(token: &Token) -> bool {
    match token {
        Token::Field(name) => Path::is_plain(name),
        Token::Filter { key, regex } => !matches!(&key[..], [name] if name == "name") || Path::is_plain(regex.as_str()),
        Token::Index(_) => true,
    }
}

fn is_field_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn skip_dot(rest: &str) -> &str {
    rest.strip_prefix('.').unwrap_or(rest)
}

/// An index or a filter at the start of `text`, and what follows.
fn bracketed(text: &str) -> Option<(Token, &str)> {
    let inside = text.strip_prefix('[')?;
    if inside.starts_with(|c: char| c.is_ascii_digit()) {
        let end = inside.find(|c: char| !c.is_ascii_digit())?;
        let after = inside[end..].strip_prefix(']')?;
        return Some((Token::Index(inside[..end].parse().ok()?), after));
    }
    let filter = inside.strip_prefix("?(@.")?;
    let operator = filter.find("=~")?;
    let key = &filter[..operator];
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
        return None;
    }
    // Greedy: the last `)]` closes the filter.
    let end = filter.rfind(")]").filter(|end| *end >= operator + 2)?;
    let regex = Pattern::new(&filter[operator + 2..end]).ok()?;
    let key = key.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    Some((Token::Filter { key, regex }, &filter[end + 2..]))
}

/// What a field's value is, beyond plain JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Special {
    Nvp,
    Base64,
    Json,
}

struct Walker<'p> {
    path: &'p Path,
}

impl Walker<'_> {
    /// `since` is the first token after the last decoded string: only those decide what is special.
    fn walk(&self, at: usize, since: usize, value: &mut Value, operation: Operation<'_>) -> Result<(), WalkError> {
        let Some(token) = self.path.tokens.get(at) else { return operation(value) };
        match token {
            Token::Filter { key, regex } => self.filter(at, since, key, regex, value, operation),
            Token::Index(index) => {
                let missing = || WalkError::no_element(*index);
                let item = value.as_array_mut().and_then(|items| items.get_mut(*index)).ok_or_else(missing)?;
                self.walk(at + 1, since, item, operation)
            }
            Token::Field(name) => self.field(at, since, name, value, operation),
        }
    }

    fn filter(
        &self,
        at: usize,
        since: usize,
        key: &[String],
        regex: &Pattern,
        value: &mut Value,
        operation: Operation<'_>,
    ) -> Result<(), WalkError> {
        let Some(items) = value.as_array_mut().filter(|items| !items.is_empty()) else {
            return self.walk(at + 1, since, value, operation);
        };
        let mut hit = false;
        for item in items {
            let found = key.iter().try_fold(&*item, |inner, name| inner.get(name));
            if found.is_some_and(|found| regex.is_found(&found.to_string())) {
                hit = true;
                self.walk(at + 1, since, item, operation)?;
            }
        }
        if hit { Ok(()) } else { Err(WalkError::no_match(key, regex)) }
    }

    fn field(
        &self,
        at: usize,
        since: usize,
        name: &str,
        value: &mut Value,
        operation: Operation<'_>,
    ) -> Result<(), WalkError> {
        if self.is_special(at, since, Special::Base64) {
            return self.through_base64(at, member(value, name)?, operation);
        }
        let following = self.path.tokens.len() - at - 1;
        if self.is_special(at, since, Special::Nvp)
            && let Some(Token::Field(wanted)) = self.path.tokens.get(at + 1)
            && let Some(pair) = value.get_mut(name).and_then(|list| named_value(list, wanted))
        {
            return self.pair(at + 1, since, pair, operation);
        }
        if self.is_special(at, since, Special::Json) {
            return self.through_json(at, member(value, name)?, operation);
        }
        if following == 1 && self.is_special(at, since, Special::Nvp) {
            return Err(WalkError::Missing(format!("Cannot access field {name}")));
        }
        self.walk(at + 1, since, member(value, name)?, operation)
    }

    /// The value of the pair that token `at` names.
    fn pair(&self, at: usize, since: usize, value: &mut Value, operation: Operation<'_>) -> Result<(), WalkError> {
        if self.is_special(at, since, Special::Base64) {
            self.through_base64(at, value, operation)
        } else if self.is_special(at, since, Special::Json) {
            self.through_json(at, value, operation)
        } else {
            self.walk(at + 1, since, value, operation)
        }
    }

    fn through_base64(&self, at: usize, field: &mut Value, operation: Operation<'_>) -> Result<(), WalkError> {
        let text = field.as_str().ok_or_else(|| WalkError::Encoded(field.to_string()))?;
        let bytes = decode_base64(text).ok_or_else(|| WalkError::Encoded(text.to_owned()))?;
        let text = std::str::from_utf8(&bytes).ok();
        if let Some(edited) = text.and_then(|text| splice::apply(self.path, at + 1, text, operation)) {
            *field = Value::String(STANDARD.encode(edited?));
            return Ok(());
        }
        let mut inner: Value = serde_json::from_slice(&bytes).map_err(|e| WalkError::Encoded(e.to_string()))?;
        self.walk(at + 1, at + 1, &mut inner, operation)?;
        *field = Value::String(STANDARD.encode(inner.to_string()));
        Ok(())
    }

    fn through_json(&self, at: usize, field: &mut Value, operation: Operation<'_>) -> Result<(), WalkError> {
        let text = field.as_str().ok_or_else(|| WalkError::Encoded(field.to_string()))?;
        if let Some(edited) = splice::apply(self.path, at + 1, text, operation) {
            *field = Value::String(edited?);
            return Ok(());
        }
        let mut inner: Value = serde_json::from_str(text).map_err(|e| WalkError::Encoded(e.to_string()))?;
        self.walk(at + 1, at + 1, &mut inner, operation)?;
        *field = Value::String(inner.to_string());
        Ok(())
    }

    /// A token is special by its own name, by a special name before it, or by a filter on such a name before it.
    fn is_special(&self, at: usize, since: usize, kind: Special) -> bool {
        let names: &[&str] = match kind {
            Special::Nvp => &NVP_NAMES,
            Special::Base64 => &BASE64_NAMES,
            Special::Json => &JSON_NAMES,
        };
        let Some(Token::Field(name)) = self.path.tokens.get(at) else { return false };
        if names.iter().any(|special| special.eq_ignore_ascii_case(name)) {
            return true;
        }
        self.path.tokens[since..at].iter().any(|token| match token {
            Token::Field(earlier) => names.contains(&earlier.as_str()),
            Token::Filter { key, regex } => key.len() == 1 && key[0] == "name" && names.contains(&regex.as_str()),
            Token::Index(_) => false,
        })
    }
}

fn member<'v>(value: &'v mut Value, name: &str) -> Result<&'v mut Value, WalkError> {
    value.get_mut(name).ok_or_else(|| WalkError::Missing(name.to_owned()))
}

/// The value of the named pair, in either form of a list of name-value pairs.
fn named_value<'v>(list: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    match list {
        Value::Array(pairs) => {
            let pair = pairs.iter_mut().find(|pair| pair.get("name").and_then(Value::as_str) == Some(name))?;
            if pair.get("value").is_none() {
                pair.as_object_mut()?.insert("value".into(), Value::Null);
            }
            pair.get_mut("value")
        }
        Value::Object(pairs) => pairs.get_mut(name),
        _ => None,
    }
}

/// Base64 in either alphabet, padding optional.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if let Ok(bytes) = STANDARD.decode(text) {
        return Some(bytes);
    }
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte) || byte.is_ascii_whitespace();
    if !text.bytes().all(is_base64) {
        return None;
    }
    let standard = |byte: u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    };
    let kept = text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').map(standard);
    base64::engine::general_purpose::STANDARD_NO_PAD.decode(kept.collect::<Vec<u8>>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Walks with the identity operation; what was found, and the document after.
    fn identity(path: &str, mut document: Value) -> Result<(Value, Value), WalkError> {
        let mut seen = Value::Null;
        Path::parse(path).walk(0, &mut document, &mut |value| {
            seen = value.clone();
            Ok(())
        })?;
        Ok((seen, document))
    }

    #[test]
    fn traversal_table() {
        assert_eq!(identity("$.field.[1]", json!({"field":["a","b","c"]})).unwrap().0, json!("b"));
        let (seen, after) = identity("cx.nested", json!({"cx":"eyJuZXN0ZWQiOiAidmFsdWUifQ=="})).unwrap();
        assert_eq!((seen, after), (json!("value"), json!({"cx":"eyJuZXN0ZWQiOiJ2YWx1ZSJ9"})));
        assert_eq!(identity("co.name", json!({"co":"{\"name\":\"a\"}"})).unwrap().0, json!("a"));
        let parameters = json!({"raw":{"parameters":[{"name":"lorem","value":"data"}]}});
        assert_eq!(identity("$.raw.parameters.lorem", parameters.clone()).unwrap().0, json!("data"));
        assert_eq!(identity("$.raw.parameters.[?(@.name=~lorem)].value", parameters).unwrap().0, json!("data"));
        let form = json!({"parameters":[{"name":"ue_pr","value":"{\"data\":{\"data\":{\"formId\":123}}}"}]});
        let through = identity("parameters.[?(@.name=~ue_pr)].value.data.data.formId", form.clone()).unwrap();
        assert_eq!(through.0, json!(123));
        assert_eq!(identity("parameters.ue_pr.data.data.formId", form).unwrap().0, json!(123));
    }

    #[test]
    fn tokens() {
        let count = |path: &str| Path::parse(path).tokens.len();
        assert_eq!(count("[?(@.price=~10)]"), 1);
        assert_eq!(count("[?(@.schema=~iglu:com.acme/x/jsonschema/1-0-3)].schema"), 2);
        assert!(matches!(Path::parse("[1]").tokens[..], [Token::Index(1)]));
        assert!(Path::parse("[]").tokens.is_empty());
        assert!(!Path::parse("[?(@.price > 10)]").tokens.iter().any(|t| matches!(t, Token::Filter { .. })));
    }

    #[test]
    fn missing_fields_are_errors() {
        assert!(matches!(identity("$.a.b", json!({"a":{}})), Err(WalkError::Missing(_))));
        let parameters = json!({"parameters":[{"name":"a","value":"b"}]});
        assert!(matches!(identity("parameters.zz", parameters), Err(WalkError::Missing(_))));
    }

    proptest! {
        #[test]
        fn never_panics(path in "[\\[\\]?()@.=~a-z0-9$ _-]{0,40}") {
            let _ = identity(&path, json!({"a":[{"name":"b","value":"{}"}],"parameters":[],"cx":"e30","co":"{}"}));
        }
    }
}
