//! Configuration files as one tree, whatever they are written in: every value knows its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Its line, from 1.
    pub line: u64,
}

/// What a configuration holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as text.
    Number(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the file's order.
    Table(Vec<(String, Node)>),
}

/// Why a text is no document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct DocumentError {
    /// The line, from 1.
    pub line: u64,
    /// The parser's words.
    pub message: String,
}

impl Node {
    /// The value of a key. Old configurations write `:key:` for `key:`.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let Value::Table(entries) = &self.value else { return None };
        entries.iter().find(|(name, _)| plain_key(name) == key).map(|(_, node)| node)
    }

    /// Every text in the tree, to be replaced.
    pub fn each_text(&mut self, replace: &mut dyn FnMut(&mut String)) {
        match &mut self.value {
            Value::Text(text) => replace(text),
            Value::List(items) => items.iter_mut().for_each(|item| item.each_text(replace)),
            Value::Table(entries) => entries.iter_mut().for_each(|(_, node)| node.each_text(replace)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// A key without the colon that Ruby's symbols have in front.
pub fn plain_key(name: &str) -> &str {
    name.strip_prefix(':').unwrap_or(name)
}

/// Reads YAML.
pub fn parse_yaml(text: &str) -> Result<Node, DocumentError> {
    match serde_saphyr::from_str::<Spanned<Value>>(text) {
        Ok(spanned) => Ok(node(spanned)),
        Err(error) => {
            // Without the snippet: that line may hold a secret.
            let plain = error.without_snippet();
            let line = plain.location().map_or(1, |location| location.line());
            Err(DocumentError { line, message: first_line(&plain.to_string()) })
        }
    }
}

/// Reads TOML.
pub fn parse_toml(text: &str) -> Result<Node, DocumentError> {
    let lines = Lines::of(text);
    match DeTable::parse(text) {
        Ok(table) => Ok(toml_table(table.get_ref(), 1, &lines)),
        Err(error) => {
            let line = error.span().map_or(1, |span| lines.at(span.start));
            Err(DocumentError { line, message: first_line(error.message()) })
        }
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().to_owned()
}

/// Where lines begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect())
    }

    fn at(&self, offset: usize) -> u64 {
        1 + self.0.partition_point(|start| *start <= offset) as u64
    }
}

fn toml_table(table: &DeTable<'_>, line: u64, lines: &Lines) -> Node {
    let mut entries: Vec<(usize, String, Node)> = Vec::new();
    for (key, value) in table {
        let at = lines.at(value.span().start);
        entries.push((key.span().start, key.get_ref().to_string(), toml_value(value.get_ref(), at, lines)));
    }
    entries.sort_by_key(|(start, ..)| *start);
    Node { value: Value::Table(entries.into_iter().map(|(_, key, node)| (key, node)).collect()), line }
}

fn toml_value(value: &DeValue<'_>, line: u64, lines: &Lines) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(items) => Value::List(
            items.iter().map(|item| toml_value(item.get_ref(), lines.at(item.span().start), lines)).collect(),
        ),
        DeValue::Table(table) => return toml_table(table, line, lines),
    };
    Node { value, line }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { line: spanned.referenced.line(), value: spanned.value }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut table = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            table.push((key, node(entries.next_value::<Spanned<Value>>()?)));
        }
        Ok(Value::Table(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_values_know_their_lines() {
        let text = "# first\naws:\n  s3:\n    region: eu-west-1\n    in:\n      - s3://a\n      - s3://b\n  count: 2\n  on: true\n  none:\n";
        let root = parse_yaml(text).unwrap();
        let s3 = root.get("aws").unwrap().get("s3").unwrap();
        let region = s3.get("region").unwrap();
        assert_eq!((region.line, &region.value), (4, &Value::Text("eu-west-1".into())));
        let Value::List(items) = &s3.get("in").unwrap().value else { panic!("no list") };
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [6, 7]);
        let aws = root.get("aws").unwrap();
        assert_eq!(aws.get("count").unwrap().value, Value::Number("2".into()));
        assert_eq!(aws.get("on").unwrap().value, Value::Bool(true));
        assert_eq!(aws.get("none").unwrap().value, Value::Null);
        assert_eq!(parse_yaml(":aws:\n  :x: 5.29.0\n").unwrap().get("aws").unwrap().get("x").unwrap().line, 2);
    }

    #[test]
    fn toml_values_know_their_lines() {
        let root = parse_toml("[raw]\nin = [\"a\",\n  \"b\"]\nformat = 'thrift'\n\n[s3]\npath_style = true\n").unwrap();
        let raw = root.get("raw").unwrap();
        let Value::List(items) = &raw.get("in").unwrap().value else { panic!("no list") };
        assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(raw.get("format").unwrap().line, 4);
        assert_eq!(root.get("s3").unwrap().get("path_style").unwrap().value, Value::Bool(true));
    }

    #[test]
    fn errors_have_a_line_and_no_content() {
        let error = parse_yaml("a: 1\nsecret: 'hunter2\n").unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(parse_yaml("a: 1\na: 2\n").unwrap_err().line, 2);
        let error = parse_toml("a = 1\nsecret = hunter2\n").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
