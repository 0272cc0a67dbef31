//! From an entity's members to columns: a tree of property names, and the order in which members came last time.

use std::collections::HashMap;

use crate::json::{Value, key_hash};

/// The members of an object that lead to columns.
#[derive(Debug, Default)]
pub(super) struct Branch {
    children: Vec<Child>,
    /// By name, once there are too many to try one by one.
    index: Option<HashMap<Box<str>, u32, foldhash::fast::FixedState>>,
}

#[derive(Debug)]
struct Child {
    name: Box<str>,
    hash: u32,
    /// Column, and its rank among the properties that share the column.
    column: Option<(u32, u32)>,
    below: Option<Box<Branch>>,
}

/// Where the search goes over from trying names to looking them up.
const MANY_CHILDREN: usize = 8;

/// The value found for a column so far.
#[derive(Clone, Copy)]
pub struct Slot<'a> {
    /// The value, if there is one.
    pub value: Option<Value<'a>>,
    rank: u32,
}

impl Slot<'_> {
    /// Nothing found yet.
    pub const EMPTY: Slot<'static> = Slot { value: None, rank: u32::MAX };
}

impl Branch {
    /// Adds a property: where it leads, and its rank among the properties that share the column.
    pub(super) fn insert(&mut self, path: &[&str], column: (u32, u32)) {
        let Some((name, rest)) = path.split_first() else { return };
        let position = self.children.iter().position(|child| &*child.name == *name).unwrap_or_else(|| {
            self.children.push(Child { name: (*name).into(), hash: key_hash(name), column: None, below: None });
            self.children.len() - 1
        });
        let child = &mut self.children[position];
        if rest.is_empty() {
            child.column = Some(column);
        } else {
            child.below.get_or_insert_default().insert(rest, column);
        }
    }

    /// To be called after the last property.
    pub(super) fn finish(&mut self) {
        if self.children.len() > MANY_CHILDREN {
            let names = self.children.iter().enumerate();
            self.index = Some(names.map(|(position, child)| (child.name.clone(), position as u32)).collect());
        }
        for child in &mut self.children {
            if let Some(below) = &mut child.below {
                below.finish();
            }
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(name).map(|position| *position as usize),
            None => self.children.iter().position(|child| &*child.name == name),
        }
    }

    /// Finds the values of columns in one walk over an object.
    pub(super) fn fill<'a>(&self, object: Value<'a>, order: &mut MemberOrder, slots: &mut [Slot<'a>]) {
        match object.plain_members() {
            Some(members) => members.for_each(|(name, hash, value)| self.take(name, hash, value, order, slots)),
            None => self.fill_odd(object, order, slots),
        }
    }

    #[cold]
    fn fill_odd<'a>(&self, object: Value<'a>, order: &mut MemberOrder, slots: &mut [Slot<'a>]) {
        for (name, value) in object.members() {
            self.take(&name, key_hash(&name), value, order, slots);
        }
    }

    /// Puts a member's value where it belongs.
    #[inline(always)]
    fn take<'a>(&self, name: &str, hash: u32, value: Value<'a>, order: &mut MemberOrder, slots: &mut [Slot<'a>]) {
        let Some(child) = order.child(self, name, hash) else { return };
        if let Some((column, rank)) = child.column {
            let slot = &mut slots[column as usize];
            let taken = slot.value.is_some_and(|value| !value.is_null());
            if !taken || (rank < slot.rank && !value.is_null()) {
                *slot = Slot { value: Some(value), rank };
            }
        }
        if let Some(below) = &child.below {
            below.fill(value, order, slots);
        }
    }
}

/// Where the members of the last entity of a schema were found: those of the next one mostly come in the same order, and
/// then no name has to be looked up. One per worker and schema.
#[derive(Debug, Default)]
pub struct MemberOrder {
    places: Vec<usize>,
    step: usize,
}

/// Members whose place is remembered.
const MOST_REMEMBERED: usize = 256;

impl MemberOrder {
    /// Before the first member of an entity.
    pub(super) fn begin(&mut self) {
        self.step = 0;
    }

    #[inline]
    fn child<'p>(&mut self, branch: &'p Branch, name: &str, hash: u32) -> Option<&'p Child> {
        let step = self.step;
        self.step += 1;
        let guess = self.places.get(step).and_then(|place| branch.children.get(*place));
        if let Some(child) = guess
            && child.hash == hash
            && *child.name == *name
        {
            return Some(child);
        }
        let position = branch.position(name);
        let place = position.unwrap_or(usize::MAX);
        match self.places.get_mut(step) {
            Some(remembered) => *remembered = place,
            None if step < MOST_REMEMBERED => self.places.push(place),
            None => {}
        }
        position.map(|position| &branch.children[position])
    }

    #[cfg(test)]
    pub(super) fn remembering(places: Vec<usize>) -> MemberOrder {
        MemberOrder { places, step: 9 }
    }
}
