//! A JSON document that an adapter changes: objects can be reordered, members renamed, values replaced.
//!
//! Scalars stay cursors into the parsed document. The order of members follows the reference where it kept objects in
//! Scala 2.12's immutable maps, because the text of `ue_pr` goes into the event fingerprint.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::json::{Kind, Value, write_compact, write_string};
use crate::payload::hash_order_key;

/// A JSON value under construction.
#[derive(Clone, Debug)]
pub enum Tree<'a> {
    /// A value as it stands in the document.
    Source(Value<'a>),
    /// A string.
    Text(Cow<'a, str>),
    /// An integer.
    Integer(i64),
    /// `null`
    Null,
    /// An array.
    Array(Vec<Tree<'a>>),
    /// An object.
    Object(Fields<'a>),
}

/// From this number of members on, a Scala map is a hash trie.
const MAP_LIMIT: usize = 4;
/// From this number of members on, look-ups go through an index.
const INDEX_LIMIT: usize = 16;

/// The members of an object, without repeated keys.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, Tree<'a>)>,
    index: Option<HashMap<Cow<'a, str>, usize>>,
}

impl<'a> Tree<'a> {
    /// The whole document, arrays and objects taken apart.
    pub fn new(value: Value<'a>) -> Tree<'a> {
        match value.kind() {
            Kind::Array => Tree::Array(value.elements().map(Tree::new).collect()),
            Kind::Object => {
                let entries = value.members().map(|(key, member)| (key, Tree::new(member))).collect();
                // Members of a parsed object are distinct already.
                Tree::Object(Fields { entries, index: None })
            }
            _ => Tree::Source(value),
        }
    }

    /// The string's value; `None` if this is no string.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        match self {
            Tree::Source(value) => value.as_str(),
            Tree::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// The number's text; `None` if this is no number of the document.
    pub fn as_number(&self) -> Option<&'a str> {
        match self {
            Tree::Source(value) => value.as_number(),
            _ => None,
        }
    }

    /// Appends the value in compact form.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Tree::Source(value) => write_compact(*value, out),
            Tree::Text(text) => write_string(text, out),
            Tree::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Tree::Null => out.extend_from_slice(b"null"),
            Tree::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Tree::Object(fields) => fields.write(out),
        }
    }
}

impl<'a> Fields<'a> {
    /// No members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a member; a known key keeps its position.
    pub fn insert(&mut self, key: Cow<'a, str>, value: Tree<'a>) {
        match self.position(&key) {
            Some(at) => self.entries[at].1 = value,
            None => {
                if let Some(index) = &mut self.index {
                    index.insert(key.clone(), self.entries.len());
                }
                self.entries.push((key, value));
                if self.index.is_none() && self.entries.len() >= INDEX_LIMIT {
                    let keys = self.entries.iter().enumerate();
                    self.index = Some(keys.map(|(at, (key, _))| (key.clone(), at)).collect());
                }
            }
        }
    }

    /// Removes a member and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<Tree<'a>> {
        let at = self.position(key)?;
        self.index = None;
        Some(self.entries.remove(at).1)
    }

    /// The member's value, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Tree<'a>> {
        self.position(key).map(|at| &mut self.entries[at].1)
    }

    /// The values, in order, to change them.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Tree<'a>> {
        self.entries.iter_mut().map(|(_, value)| value)
    }

    fn position(&self, key: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.entries.iter().position(|(known, _)| known == key),
        }
    }

    /// The members in the order of a Scala map made of them.
    pub fn into_map_order(mut self) -> Fields<'a> {
        if self.entries.len() > MAP_LIMIT {
            self.entries.sort_by_cached_key(|(key, _)| hash_order_key(key));
            self.index = None;
        }
        self
    }

    /// Appends the object in compact form.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        for (at, (key, value)) in self.entries.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write_string(key, out);
            out.push(b':');
            value.write(out);
        }
        out.push(b'}');
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = (Cow<'a, str>, Tree<'a>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Tree<'a>)> for Fields<'a> {
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Tree<'a>)>>(items: I) -> Self {
        let mut fields = Fields::new();
        for (key, value) in items {
            fields.insert(key, value);
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    fn text(tree: &Tree<'_>) -> String {
        let mut out = Vec::new();
        tree.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_document_comes_back_as_it_was() {
        let arena = Bump::new();
        let source = r#"{"b":[1.50,{"x":null,"y":"\u00e9\n"}],"a":true,"b ":{}}"#;
        let tree = Tree::new(crate::json::parse(source, &arena).unwrap());
        assert_eq!(text(&tree), r#"{"b":[1.50,{"x":null,"y":"é\n"}],"a":true,"b ":{}}"#);
    }

    #[test]
    fn five_members_take_hash_order_and_four_do_not() {
        let make = |names: &[&'static str]| -> String {
            let fields: Fields<'_> = names.iter().map(|name| (Cow::from(*name), Tree::Null)).collect();
            let order = fields.into_map_order().into_iter().map(|(key, _)| key.into_owned());
            order.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(make(&["tv", "e", "p", "ue_pr"]), "tv e p ue_pr");
        assert_eq!(make(&["tv", "e", "p", "ue_pr", "aid"]), "e aid tv ue_pr p");
    }

    #[test]
    fn many_members_are_indexed_and_overwritten_in_place() {
        let mut fields = Fields::new();
        for number in 0..40 {
            fields.insert(format!("k{number}").into(), Tree::Integer(number));
        }
        fields.insert("k3".into(), Tree::Text("new".into()));
        assert_eq!(fields.remove("k39").and_then(|tree| tree.as_str()), None);
        assert!(fields.get_mut("k38").is_some() && fields.get_mut("k39").is_none());
        fields.insert("k38".into(), Tree::Null);
        assert_eq!(fields.values_mut().count(), 39);
        let (key, value) = fields.into_iter().nth(3).unwrap();
        assert_eq!((&*key, text(&value)), ("k3", "\"new\"".to_owned()));
    }
}
