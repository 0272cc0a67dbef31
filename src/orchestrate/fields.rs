//! Reading typed values out of a configuration: everything that is wrong is collected, by key path and line.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::document::{Node, Value, plain_key};
use crate::storage::Location;

/// Something wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// For example `aws.s3.buckets.raw.in[0]`.
    pub path: String,
    /// The line it stands in, or would belong to.
    pub line: u64,
    /// What belongs there.
    pub expected: String,
    /// What stands there, secrets left out.
    pub found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: expected {}, found {}", self.line, self.path, self.expected, self.found)
    }
}

/// A key that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// The key.
    pub path: String,
    /// Its line.
    pub line: u64,
    /// Why it has none.
    pub why: String,
}

impl fmt::Display for Unused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} has no effect: {}", self.line, self.path, self.why)
    }
}

/// Collects while values are read.
#[derive(Debug, Default)]
pub struct Findings {
    problems: RefCell<Vec<Problem>>,
    read: RefCell<BTreeSet<String>>,
}

/// A place in a configuration: a value or the lack of one.
#[derive(Clone)]
pub struct Place<'n> {
    findings: &'n Findings,
    folder: &'n Path,
    path: String,
    node: Option<&'n Node>,
    /// The line of the nearest thing there is.
    line: u64,
}

impl<'n> Place<'n> {
    /// The whole document; relative paths in it start from `folder`.
    pub fn root(node: &'n Node, folder: &'n Path, findings: &'n Findings) -> Place<'n> {
        Place { findings, folder, path: String::new(), node: Some(node), line: node.line }
    }

    /// The value of a key.
    pub fn field(&self, key: &str) -> Place<'n> {
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        let node = self.node.and_then(|node| node.get(key));
        Place { path, line: node.map_or(self.line, |node| node.line), node, ..self.clone() }
    }

    /// A value some keys deeper: `s3.buckets.raw`.
    pub fn at(&self, path: &str) -> Place<'n> {
        path.split('.').fold(self.clone(), |place, key| place.field(key))
    }

    /// Whether something other than null stands here.
    pub fn is_present(&self) -> bool {
        self.node.is_some_and(|node| node.value != Value::Null)
    }

    /// Notes that a table should be here if something else is.
    pub fn expect_table(&self) {
        if let Some(node) = self.node.filter(|node| !matches!(node.value, Value::Table(_) | Value::Null)) {
            self.wrong("a table of keys", &node.value);
        }
    }

    /// A text that must be there. Numbers count: versions and names may look like some.
    pub fn text(&self) -> Option<String> {
        self.mark();
        match self.node.map(|node| &node.value) {
            Some(Value::Text(text) | Value::Number(text)) => Some(text.clone()),
            other => {
                self.wrong("a text", other.unwrap_or(&Value::Null));
                None
            }
        }
    }

    /// A text that may be absent.
    pub fn optional_text(&self) -> Option<String> {
        self.mark();
        if self.is_present() { self.text() } else { None }
    }

    /// `true` or `false`, absent: the default.
    pub fn flag(&self, default: bool) -> bool {
        self.mark();
        match self.node.map(|node| &node.value) {
            None | Some(Value::Null) => default,
            Some(Value::Bool(flag)) => *flag,
            // From the environment everything comes as text.
            Some(Value::Text(text)) if text == "true" || text == "false" => text == "true",
            Some(other) => {
                self.wrong("true or false", other);
                default
            }
        }
    }

    /// A text turned into something else; `expected` says what is allowed.
    pub fn parsed<T>(&self, expected: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text()?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.wrong(expected, &Value::Text(text));
        }
        parsed
    }

    /// A folder or prefix that must be there.
    pub fn location(&self) -> Option<Location> {
        self.mark();
        const EXPECTED: &str = "a folder: a path or s3://bucket/prefix/";
        if !self.is_present() {
            self.wrong(EXPECTED, &Value::Null);
            return None;
        }
        let text = self.text()?;
        let parsed = Location::parse(text.trim()).ok().filter(|at| *at != Location::Stdio && text != "ADD HERE");
        match parsed {
            Some(Location::Local(path)) => Some(Location::Local(self.folder.join(path))),
            Some(Location::S3 { bucket, .. }) if bucket.contains(char::is_whitespace) => {
                self.wrong(EXPECTED, &Value::Text(text));
                None
            }
            Some(other) => Some(other),
            None => {
                self.wrong(EXPECTED, &Value::Text(text));
                None
            }
        }
    }

    /// A folder or prefix that may be absent.
    pub fn optional_location(&self) -> Option<Location> {
        self.mark();
        if self.is_present() { self.location() } else { None }
    }

    /// The elements of a list; a single value counts as a list of one; absent is empty.
    pub fn elements(&self) -> Vec<Place<'n>> {
        self.mark();
        match self.node.map(|node| &node.value) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| Place {
                    path: format!("{}[{index}]", self.path),
                    node: Some(item),
                    line: item.line,
                    ..self.clone()
                })
                .collect(),
            Some(Value::Table(_)) => {
                self.wrong("a list", &self.node.expect("there is a table").value);
                Vec::new()
            }
            Some(_) => vec![self.clone()],
        }
    }

    /// The entries of a table of texts; absent is empty.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.mark();
        match self.node.map(|node| &node.value) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Table(entries)) => {
                let text = |key: &String| Some((key.clone(), self.field(plain_key(key)).text()?));
                entries.iter().filter_map(|(key, _)| text(key)).collect()
            }
            Some(other) => {
                self.wrong("a table of texts", other);
                Vec::new()
            }
        }
    }

    /// Whether the value here is a table.
    pub fn is_table(&self) -> bool {
        matches!(self.node, Some(Node { value: Value::Table(_), .. }))
    }

    /// The path that leads here.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Notes a value that is no good, in words.
    pub fn refuse(&self, expected: &str, found: &str) {
        let problem = Problem {
            path: if self.path.is_empty() { "the document".to_owned() } else { self.path.clone() },
            line: self.line,
            expected: expected.to_owned(),
            found: found.to_owned(),
        };
        let mut problems = self.findings.problems.borrow_mut();
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }

    fn wrong(&self, expected: &str, value: &Value) {
        self.refuse(expected, &describe(&self.path, value));
    }

    fn mark(&self) {
        self.findings.read.borrow_mut().insert(self.path.clone());
    }
}

/// What stands there in a few words; values of secret keys are not shown.
fn describe(path: &str, value: &Value) -> String {
    let path = path.to_ascii_lowercase();
    let secret = ["secret", "access_key", "password", "token"].iter().any(|word| path.contains(word));
    match value {
        Value::Null => "nothing".to_owned(),
        Value::List(items) => format!("a list of {}", items.len()),
        Value::Table(entries) => {
            let keys: Vec<&str> = entries.iter().map(|(key, _)| plain_key(key)).take(5).collect();
            format!("a table with the keys {}", if keys.is_empty() { "(none)".to_owned() } else { keys.join(", ") })
        }
        _ if secret => "something else".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.clone(),
        Value::Text(text) => format!("`{}`", text.chars().take(60).collect::<String>()),
    }
}

/// Why a key that nothing reads is there: exact paths, or what lies below them.
pub type Reasons<'r> = &'r [(&'r str, &'r str)];

impl Findings {
    /// All problems, and the keys without effect: those with a reason, and unknown ones.
    pub fn finish(self, root: &Node, reasons: Reasons<'_>) -> (Vec<Problem>, Vec<Unused>) {
        let mut unused = Vec::new();
        self.walk(root, "", reasons, &mut unused);
        (self.problems.into_inner(), unused)
    }

    fn walk(&self, node: &Node, path: &str, reasons: Reasons<'_>, unused: &mut Vec<Unused>) {
        let Value::Table(entries) = &node.value else { return };
        let read = self.read.borrow();
        for (key, value) in entries {
            let key = plain_key(key);
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            if read.contains(&path) {
                continue;
            }
            let inside = format!("{path}.");
            if read.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside)) {
                self.walk(value, &path, reasons, unused);
                continue;
            }
            let reason = reasons.iter().find(|(known, _)| *known == path);
            let deeper = reasons.iter().any(|(known, _)| known.starts_with(&inside));
            match reason {
                Some((_, why)) => unused.push(Unused { path, line: value.line, why: (*why).to_owned() }),
                None if deeper => self.walk(value, &path, reasons, unused),
                None => unused.push(Unused { path, line: value.line, why: "there is no such key".to_owned() }),
            }
        }
    }
}
