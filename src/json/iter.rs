//! Walking over arrays and objects.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{DUPLICATE_KEYS, ESCAPED, Kind, Value};

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

/// Iterator over the members of an object whose keys are all different and written without escapes, with the
/// [`key_hash`](super::key_hash) of each.
pub(crate) struct PlainMembers<'a>(RawMembers<'a>);

impl<'a> PlainMembers<'a> {
    /// Nothing for an object with other keys.
    #[inline]
    pub(super) fn new(object: Value<'a>) -> Option<PlainMembers<'a>> {
        let is_plain = object.node().flags & (DUPLICATE_KEYS | ESCAPED) == 0;
        is_plain.then(|| PlainMembers(RawMembers::new(object)))
    }
}

impl<'a> Iterator for PlainMembers<'a> {
    type Item = (&'a str, u32, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.0.next()?;
        let node = key.node();
        Some((key.slice(node.start as usize, node.end as usize), node.next, value))
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

/// Iterator over the members of an object, each name once.
#[derive(Clone)]
pub struct Members<'a> {
    written: RawMembers<'a>,
    /// The distinct members, for an object that names a key twice.
    distinct: Option<std::vec::IntoIter<(Cow<'a, str>, Value<'a>)>>,
}

impl<'a> Members<'a> {
    #[inline]
    pub(super) fn new(object: Value<'a>) -> Members<'a> {
        let has_duplicates = object.node().flags & DUPLICATE_KEYS != 0;
        let distinct = has_duplicates.then(|| distinct_members(object).into_iter());
        Members { written: RawMembers::new(object), distinct }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Cow<'a, str>, Value<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.distinct {
            Some(distinct) => distinct.next(),
            None => self.written.next().map(|(key, value)| (key.as_str().unwrap_or_default(), value)),
        }
    }
}
