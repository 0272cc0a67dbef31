//! Conditions: which rows a flow is for.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../config/conditions.scala`.

use serde_json::Value;

use super::path::{Path, Token};
use super::pattern::Pattern;
use super::request::{Request, write_text, write_texts};
use super::shape;
use crate::json;

/// Most texts that conditions look at are shorter.
const USUAL_TEXT: usize = 500;

/// What a value is compared with.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// Found anywhere in the compact JSON text of the value: a string's quotes and escapes are part of it.
    Regex(Pattern),
    /// Equal, type and all; numbers by value.
    Value(Value),
    /// Length of a string (UTF-16 units) or an array, or the number itself, rounded up.
    Size(SizeMatcher),
}

/// A comparison of sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeMatcher {
    /// Exactly
    Equal(i64),
    /// More than
    Greater(i64),
    /// Less than
    Less(i64),
}

/// One condition of a flow.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Where, below the bad row's `data`.
    pub path: Path,
    /// What must hold there.
    pub matcher: Matcher,
}

impl Condition {
    /// Whether the condition holds for a bad row's data. A path that leads nowhere makes it false.
    pub fn holds(&self, data: json::Value<'_>) -> bool {
        let mut at = data;
        let prefix = self.path.plain_prefix();
        for token in &self.path.tokens[..prefix] {
            let Token::Field(name) = token else { return false };
            match at.get(name) {
                Some(inner) => at = inner,
                None => return self.holds_for_absent(),
            }
        }
        // Everything else needs decoding: copy just the field that the next token names, of a list of pairs just the pair.
        let mut copy = match self.path.tokens.get(prefix) {
            None => return self.matches_tape(at),
            Some(Token::Field(name)) if is_list(at, name) && self.names_pair(prefix + 1) => {
                let Some(Token::Field(wanted)) = self.path.tokens.get(prefix + 1) else { return false };
                let named = |pair: &json::Value<'_>| pair.get("name").is_some_and(|name| name.str_eq(wanted));
                let Some(pair) = at.get(name).and_then(|list| list.elements().find(named)) else { return false };
                match pair.get("value") {
                    Some(value) if self.path.tokens.len() == prefix + 2 && Path::is_plain(wanted) => {
                        return self.matches_tape(value);
                    }
                    value => {
                        let value = value.map_or(Value::Null, |value| value.to_serde());
                        serde_json::json!({ name: [{"name": wanted, "value": value}] })
                    }
                }
            }
            Some(Token::Field(name)) => match at.get(name) {
                Some(field) => Value::Object([(name.clone(), field.to_serde())].into_iter().collect()),
                None => return false,
            },
            Some(_) => at.to_serde(),
        };
        let mut holds = false;
        let walked = self.path.walk(prefix, &mut copy, &mut |value| {
            holds = self.matches(value);
            Ok(())
        });
        walked.is_ok() && holds
    }

    /// Whether the condition holds for a legacy row, lifted into `failure.messages` and `payload`; `None` if only the
    /// whole document can tell.
    pub(super) fn holds_for_request(&self, messages: &[String], request: &Request<'_>) -> Option<bool> {
        let mut names = [""; 3];
        if self.path.tokens.len() > names.len() {
            return None;
        }
        for (place, token) in names.iter_mut().zip(&self.path.tokens) {
            let Token::Field(name) = token else { return None };
            *place = name;
        }
        match names {
            ["failure", "messages", ""] => Some(self.matches_json(|out| write_texts(messages, out))),
            ["payload", "querystring", wanted] if !wanted.is_empty() && Path::is_plain(wanted) => {
                let found = request.pair(wanted);
                Some(found.is_some_and(|value| self.matches_json(|out| write_text(value, out))))
            }
            ["payload", field, ""] => {
                let (_, text) = request.texts().find(|(name, _)| name.name() == field)?;
                Some(self.matches_json(|out| write_text(text, out)))
            }
            _ => None,
        }
    }

    fn matches_json(&self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut text = Vec::with_capacity(USUAL_TEXT);
        write(&mut text);
        match &self.matcher {
            Matcher::Regex(pattern) => std::str::from_utf8(&text).is_ok_and(|text| pattern.is_found(text)),
            _ => serde_json::from_slice(&text).is_ok_and(|value| self.matches(&value)),
        }
    }

    /// Whether the token is the name of a pair.
    fn names_pair(&self, at: usize) -> bool {
        matches!(self.path.tokens.get(at), Some(Token::Field(_)))
    }

    /// A field that may be absent is compared as null.
    fn holds_for_absent(&self) -> bool {
        let name = |token: &Token| match token {
            Token::Field(name) => Some(name.clone()),
            _ => None,
        };
        let Some(names) = self.path.tokens.iter().map(name).collect::<Option<Vec<String>>>() else { return false };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        shape::is_optional(&names) && self.matches(&Value::Null)
    }

    fn matches_tape(&self, value: json::Value<'_>) -> bool {
        match &self.matcher {
            Matcher::Regex(pattern) if value.is_canonical() => pattern.is_found(value.source()),
            _ => self.matches(&value.to_serde()),
        }
    }

    fn matches(&self, value: &Value) -> bool {
        match &self.matcher {
            Matcher::Regex(pattern) => pattern.is_found(&value.to_string()),
            Matcher::Value(Value::Number(wanted)) => {
                value.as_number().is_some_and(|number| number == wanted || number.as_f64() == wanted.as_f64())
            }
            Matcher::Value(wanted) => value == wanted,
            Matcher::Size(size) => {
                let found = match value {
                    Value::String(text) => text.encode_utf16().count() as i64,
                    Value::Array(items) => items.len() as i64,
                    Value::Number(number) => number.as_f64().unwrap_or_default().ceil() as i64,
                    _ => return false,
                };
                match *size {
                    SizeMatcher::Equal(wanted) => found == wanted,
                    SizeMatcher::Greater(limit) => found > limit,
                    SizeMatcher::Less(limit) => found < limit,
                }
            }
        }
    }
}

/// Whether the field is a list of name-value pairs, as an array.
fn is_list(at: json::Value<'_>, name: &str) -> bool {
    matches!(name, "parameters" | "querystring") && at.get(name).is_some_and(|list| list.is_array())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::request::tests::requests;
    use bumpalo::Bump;
    use proptest::prelude::*;

    fn holds(path: &str, matcher: Matcher, data: &str) -> bool {
        let arena = Bump::new();
        Condition { path: Path::parse(path), matcher }.holds(json::parse(data, &arena).unwrap())
    }

    fn regex(pattern: &str) -> Matcher {
        Matcher::Regex(Pattern::new(pattern).unwrap())
    }

    #[test]
    fn matchers() {
        assert!(holds("$.a.b", regex("^\"abc"), r#"{"a":{"b":"abcd"}}"#));
        assert!(!holds("$.a.b", regex("^abc"), r#"{"a":{"b":"abcd"}}"#));
        assert!(holds("$.a", Matcher::Value(serde_json::json!(1)), r#"{"a":1.0}"#));
        assert!(!holds("$.a", Matcher::Value(serde_json::json!("1")), r#"{"a":1}"#));
        assert!(holds("$.a", Matcher::Value(Value::Null), r#"{"a":null}"#));
        assert!(holds("$.a", Matcher::Size(SizeMatcher::Equal(3)), r#"{"a":[1,2,3]}"#));
        assert!(holds("$.a", Matcher::Size(SizeMatcher::Greater(1)), r#"{"a":1.2}"#));
        assert!(!holds("$.a", Matcher::Size(SizeMatcher::Less(9)), r#"{"a":{}}"#));
        assert!(!holds("$.zz", regex(".*"), r#"{"a":1}"#));
        assert!(holds("$.payload.refererUri", Matcher::Value(Value::Null), r#"{"payload":{}}"#));
        assert!(!holds("$.payload.vendor", Matcher::Value(Value::Null), r#"{"payload":{}}"#));
    }

    #[test]
    fn encoded_fields_are_entered() {
        let data = r#"{"payload":{"enriched":{"contexts":"{\"schema\":\"iglu:com.acme/ctx/jsonschema/1-0-3\"}"}}}"#;
        assert!(holds("$.payload.enriched.contexts", regex("iglu:com.acme/ctx/jsonschema/1-0-3"), data));
        assert!(holds("$.payload.enriched.contexts.schema", regex("ctx/jsonschema"), data));
        let list = r#"{"payload":{"querystring":[{"name":"e","value":"pv"}]}}"#;
        assert!(holds("$.payload.querystring.e", regex("^\"pv\"$"), list));
        assert!(holds("$.payload.querystring.[?(@.name=~e)].value", regex("pv"), list));
    }

    proptest! {
        #[test]
        fn a_request_answers_as_its_document_does(
            request in requests(),
            messages in prop::collection::vec("[a\"\n]{0,3}", 0..3),
            path in prop::sample::select(vec![
                "failure.messages", "failure", "failure.messages[0]", "payload.querystring.e", "payload.querystring.p",
                "payload.querystring.cx", "payload.querystring", "payload.body", "payload.path", "payload.headers",
                "payload.vendor", "payload.timestamp", "payload.querystring.e.x", "payload.nothing", "other", "",
            ]),
            matcher in prop::sample::select(vec![
                regex("a"), regex("^\"[a-z]+\"$"), regex("null"), regex("u00"), Matcher::Value(Value::Null),
                Matcher::Value(Value::from("pv")), Matcher::Size(SizeMatcher::Greater(1)),
            ]),
        ) {
            let mut text = b"{\"failure\":{\"messages\":".to_vec();
            write_texts(&messages, &mut text);
            text.extend_from_slice(b"},\"payload\":");
            request.write_json(&mut text);
            text.push(b'}');
            let (text, arena) = (String::from_utf8(text).unwrap(), Bump::new());
            let condition = Condition { path: Path::parse(path), matcher };
            if let Some(holds) = condition.holds_for_request(&messages, &request) {
                prop_assert_eq!(holds, condition.holds(json::parse(&text, &arena).unwrap()));
            }
        }
    }
}
