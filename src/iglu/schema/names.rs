//! The names of `properties` and `required`: one look-up per member of an object.

use super::model::NodeId;
use crate::json::key_hash;

/// What is known of a name.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) property: Option<NodeId>,
    /// One bit if the name is required.
    pub(super) required: u64,
}

/// Names with their slots, in a table that is never more than half full. Only schemas fill it, so that no event can
/// choose names that make it slow.
#[derive(Debug, Default)]
pub(super) struct Names {
    entries: Vec<(Box<str>, Slot)>,
    /// Hashes, and places in `entries` from 1; 0 is free. As many as a power of two.
    table: Vec<(u32, u32)>,
    /// The bits of all required names.
    pub(super) all_required: u64,
    /// More than 64 names are required: they have to be looked up one by one.
    pub(super) too_many: bool,
}

impl Names {
    pub(super) fn new(properties: &[(String, NodeId)], required: &[String]) -> Names {
        let mut names = Names { too_many: required.len() > 64, ..Names::default() };
        for (name, property) in properties {
            names.slot(name).property = Some(*property);
        }
        if !names.too_many {
            for (bit, name) in required.iter().enumerate() {
                names.slot(name).required |= 1 << bit;
                names.all_required |= 1 << bit;
            }
        }
        names
    }

    /// The slot of a name, nothing known of it if it is new.
    fn slot(&mut self, name: &str) -> &mut Slot {
        let at = match self.find(name, key_hash(name)) {
            Some(at) => at,
            None => {
                self.entries.push((name.into(), Slot::default()));
                self.fill();
                self.entries.len() - 1
            }
        };
        &mut self.entries[at].1
    }

    fn fill(&mut self) {
        let size = (self.entries.len() * 2).next_power_of_two().max(2);
        self.table = vec![(0, 0); size];
        for (at, (name, _)) in self.entries.iter().enumerate() {
            let hash = key_hash(name);
            let mut place = first_place(hash, size);
            while self.table[place].1 != 0 {
                place = (place + 1) & (size - 1);
            }
            self.table[place] = (hash, at as u32 + 1);
        }
    }

    #[inline]
    fn find(&self, name: &str, hash: u32) -> Option<usize> {
        let size = self.table.len();
        if size == 0 {
            return None;
        }
        let mut place = first_place(hash, size);
        loop {
            let (known, at) = self.table[place];
            let at = (at as usize).checked_sub(1)?;
            if known == hash && self.entries[at].0.as_ref() == name {
                return Some(at);
            }
            place = (place + 1) & (size - 1);
        }
    }

    /// What is known of a name.
    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<Slot> {
        self.get_hashed(name, key_hash(name))
    }

    /// What is known of a name whose [`key_hash`] is known.
    #[inline]
    pub(super) fn get_hashed(&self, name: &str, hash: u32) -> Option<Slot> {
        self.find(name, hash).map(|at| self.entries[at].1)
    }
}

/// Where a name's search begins; `size` is a power of two of at least 2.
#[inline]
fn first_place(hash: u32, size: usize) -> usize {
    (u64::from(hash) >> (32 - size.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_among_their_like() {
        // Names of the same length with the same ends share a hash.
        let properties: Vec<(String, NodeId)> = (0..50).map(|n| (format!("startsAlike{n:02}endsAlike"), n)).collect();
        let required = vec![properties[7].0.clone(), "needed".to_owned()];
        let names = Names::new(&properties, &required);
        for (name, node) in &properties {
            assert_eq!(names.get(name).and_then(|slot| slot.property), Some(*node));
        }
        assert_eq!(names.get(&properties[7].0).map(|slot| slot.required), Some(1));
        assert_eq!(names.get("needed").map(|slot| (slot.property, slot.required)), Some((None, 2)));
        assert_eq!(names.all_required, 3);
        assert!(names.get("startsAlike50endsAlike").is_none() && names.get("").is_none());
        assert!(Names::new(&[], &[]).get("a").is_none());
    }
}
