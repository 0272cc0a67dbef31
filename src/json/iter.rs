//! Walking over arrays and objects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Deref;

use super::{DUPLICATE_KEYS, ESCAPED, Kind, Value, key_hash};

/// Iterator over the elements of an array.
#[derive(Clone)]
pub struct Elements<'a> {
    value: Value<'a>,
    at: u32,
    end: u32,
}

impl<'a> Elements<'a> {
    #[inline]
    pub(super) fn new(array: Value<'a>) -> Elements<'a> {
        let node = array.node();
        let end = if node.kind == Kind::Array { node.next } else { array.at + 1 };
        Elements { value: array, at: array.at + 1, end }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.at >= self.end {
            return None;
        }
        let item = self.value.at(self.at);
        self.at = item.node().next;
        Some(item)
    }
}

/// Iterator over the members of an object as they are written.
#[derive(Clone)]
pub(super) struct RawMembers<'a> {
    object: Value<'a>,
    at: u32,
    end: u32,
}

impl<'a> RawMembers<'a> {
    #[inline]
    pub(super) fn new(object: Value<'a>) -> RawMembers<'a> {
        let node = object.node();
        let end = if node.kind == Kind::Object { node.next } else { object.at + 1 };
        RawMembers { object, at: object.at + 1, end }
    }
}

impl<'a> Iterator for RawMembers<'a> {
    /// The key as a string value, and the member's value.
    type Item = (Value<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let key = self.object.at(self.at);
        let value = self.object.at(self.at + 1);
        self.at = value.node().next;
        Some((key, value))
    }
}

/// The name of a member, with a hash that is the same for equal names.
pub struct Name<'a> {
    text: Cow<'a, str>,
    hash: u32,
}

impl<'a> Name<'a> {
    fn new(text: Cow<'a, str>) -> Name<'a> {
        Name { hash: key_hash(&text), text }
    }

    #[inline]
    fn of_key(key: Value<'a>) -> Name<'a> {
        let node = key.node();
        if node.flags & ESCAPED != 0 {
            return Name::of_escaped_key(key);
        }
        Name { text: Cow::Borrowed(key.slice(node.start as usize, node.end as usize)), hash: node.next }
    }

    #[cold]
    fn of_escaped_key(key: Value<'a>) -> Name<'a> {
        Name::new(key.as_str().unwrap_or_default())
    }

    /// The [`key_hash`] of the name.
    #[inline]
    pub(crate) fn hash(&self) -> u32 {
        self.hash
    }
}

impl Deref for Name<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        &self.text
    }
}

/// Iterator over the members of an object, each name once, with its hash.
#[derive(Clone)]
pub struct NamedMembers<'a> {
    written: RawMembers<'a>,
    /// The distinct members, for an object that names a key twice.
    distinct: Option<std::vec::IntoIter<(Cow<'a, str>, Value<'a>)>>,
}

impl<'a> NamedMembers<'a> {
    #[inline]
    pub(super) fn new(object: Value<'a>) -> NamedMembers<'a> {
        let has_duplicates = object.node().flags & DUPLICATE_KEYS != 0;
        let distinct = has_duplicates.then(|| distinct_members(object).into_iter());
        NamedMembers { written: RawMembers::new(object), distinct }
    }

    #[cold]
    fn next_distinct(&mut self) -> Option<(Name<'a>, Value<'a>)> {
        self.distinct.as_mut()?.next().map(|(name, value)| (Name::new(name), value))
    }
}

/// Members with the first position and the last value of each key.
fn distinct_members(object: Value<'_>) -> Vec<(Cow<'_, str>, Value<'_>)> {
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    let mut members: Vec<(Cow<'_, str>, Value<'_>)> = Vec::new();
    for (key, value) in object.raw_members() {
        let name = key.as_str().unwrap_or_default();
        let place = *places.entry(name.clone()).or_insert(members.len());
        match members.get_mut(place) {
            Some(member) => member.1 = value,
            None => members.push((name, value)),
        }
    }
    members
}

impl<'a> Iterator for NamedMembers<'a> {
    type Item = (Name<'a>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.distinct.is_some() {
            return self.next_distinct();
        }
        self.written.next().map(|(key, value)| (Name::of_key(key), value))
    }
}

/// Iterator over the members of an object, each name once.
#[derive(Clone)]
pub struct Members<'a>(NamedMembers<'a>);

impl<'a> Members<'a> {
    #[inline]
    pub(super) fn new(object: Value<'a>) -> Members<'a> {
        Members(NamedMembers::new(object))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.text, value))
    }
}
