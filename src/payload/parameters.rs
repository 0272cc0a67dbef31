//! A map of parameters with the iteration order of Scala 2.12's immutable maps, which bad rows show.
//!
//! Up to four names: insertion order. From the fifth distinct name on: the order of a hash trie, also after removals.
//! Facts: scala/scala 2.12 `immutable/{Map,HashMap}.scala`.

use std::collections::HashMap;

use super::NameValue;

/// Parameters by name; the last value of a repeated name wins and keeps the first one's position.
#[derive(Clone, Debug, Default)]
pub struct Parameters<'a> {
    entries: Vec<NameValue<'a>>,
    /// One bit per name inserted, by [`name_bit`]: a name whose bit is not set is new.
    seen: u128,
    /// Positions by name, once there are many.
    index: Option<HashMap<&'a str, usize>>,
    /// More than four names were present at some time.
    hashed: bool,
}

/// Scala's maps keep insertion order up to this size.
const SMALL_MAP: usize = 4;
/// Most maps stay small enough for a linear search to win over hashing; larger ones are indexed.
const INDEX_FROM: usize = 64;

/// One of 128 bits, from the length and the ends of a name; parameters of the tracker protocol rarely share one.
fn name_bit(name: &str) -> u128 {
    let bytes = name.as_bytes();
    let first = bytes.first().copied().unwrap_or_default();
    let second = bytes.get(1).copied().unwrap_or_default();
    let last = bytes.last().copied().unwrap_or_default();
    let mixed = u32::from_le_bytes([first, second, last, bytes.len() as u8]).wrapping_mul(0x9E37_79B1);
    1 << (mixed >> 25)
}

impl<'a> Parameters<'a> {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The map of a list of pairs.
    pub fn from_pairs(pairs: &[NameValue<'a>]) -> Self {
        let mut map = Parameters::with_capacity(pairs.len());
        for &(name, value) in pairs {
            map.insert(name, value);
        }
        map
    }

    /// An empty map with room for that many parameters.
    pub fn with_capacity(capacity: usize) -> Self {
        Parameters { entries: Vec::with_capacity(capacity), seen: 0, index: None, hashed: false }
    }

    /// Adds a parameter whose name is known to be new, without looking for it.
    pub fn push_new(&mut self, name: &'a str, value: Option<&'a str>) {
        if let Some(index) = &mut self.index {
            index.insert(name, self.entries.len());
        }
        self.seen |= name_bit(name);
        self.entries.push((name, value));
        self.hashed |= self.entries.len() > SMALL_MAP;
    }

    fn position(&self, name: &str) -> Option<usize> {
        if self.seen & name_bit(name) == 0 {
            return None;
        }
        match &self.index {
            Some(index) => index.get(name).copied(),
            None => self.entries.iter().position(|(known, _)| *known == name),
        }
    }

    /// Sets a parameter, keeping the position of an earlier one with the same name.
    pub fn insert(&mut self, name: &'a str, value: Option<&'a str>) {
        if self.index.is_none() && self.entries.len() >= INDEX_FROM {
            let names = self.entries.iter().enumerate();
            self.index = Some(names.map(|(at, (name, _))| (*name, at)).collect());
        }
        match self.position(name) {
            Some(at) => self.entries[at].1 = value,
            None => self.push_new(name, value),
        }
    }

    /// Removes a parameter and returns its value.
    pub fn remove(&mut self, name: &str) -> Option<Option<&'a str>> {
        let at = self.position(name)?;
        self.index = None;
        Some(self.entries.remove(at).1)
    }

    /// The parameter's value; outer `None` if it is absent, inner `None` if it has no value.
    pub fn entry(&self, name: &str) -> Option<Option<&'a str>> {
        self.position(name).map(|at| self.entries[at].1)
    }

    /// The parameter's value, if it is present with one.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.entry(name).flatten()
    }

    /// Whether the parameter is present, with or without a value.
    pub fn contains(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Number of parameters.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The parameters in insertion order: cheap, for work whose result does not depend on order.
    pub fn iter(&self) -> impl Iterator<Item = NameValue<'a>> + '_ {
        self.entries.iter().copied()
    }

    /// Whether iteration in the reference is in hash order rather than insertion order.
    pub fn is_hashed(&self) -> bool {
        self.hashed
    }

    /// The parameters in the reference's iteration order. Sorts when there are more than four.
    pub fn in_reference_order(&self) -> Vec<NameValue<'a>> {
        let mut entries = self.entries.clone();
        if self.hashed {
            entries.sort_by_cached_key(|(name, _)| hash_order_key(name));
        }
        entries
    }
}

/// Sort key of a name in a Scala 2.12 hash trie: its improved hash, five bits at a time, least significant first.
pub fn hash_order_key(name: &str) -> u64 {
    trie_order_key(java_string_hash(name))
}

/// Java's `String.hashCode`.
pub fn java_string_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

/// Sort key of a 32-bit hash in a Scala 2.12 hash trie.
pub fn trie_order_key(hash: u32) -> u64 {
    let mut mixed = hash;
    mixed = mixed.wrapping_add(!(mixed << 9));
    mixed ^= mixed >> 14;
    mixed = mixed.wrapping_add(mixed << 4);
    mixed ^= mixed >> 10;
    (0..7).fold(0u64, |key, group| (key << 5) | u64::from((mixed >> (5 * group)) & 31))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_order_of_one_letter_keys() {
        let expected = "e ip n co eid url refr aid j f a m tv i ue_pr cv nuid b g l p ttm c h k o d";
        let mut names: Vec<&str> = expected.split(' ').collect();
        names.sort_unstable();
        let map = Parameters::from_pairs(&names.iter().map(|name| (*name, None)).collect::<Vec<_>>());
        let order: Vec<&str> = map.in_reference_order().into_iter().map(|(name, _)| name).collect();
        assert_eq!(order.join(" "), expected);
    }

    #[test]
    fn small_maps_keep_insertion_order_and_first_position() {
        let mut map = Parameters::from_pairs(&[("z", Some("1")), ("a", None), ("z", Some("2"))]);
        assert_eq!(map.in_reference_order(), [("z", Some("2")), ("a", None)]);
        assert!(!map.is_hashed());
        for name in ["b", "c", "d"] {
            map.insert(name, None);
        }
        assert!(map.is_hashed());
        map.remove("d");
        assert!(map.is_hashed(), "removing entries does not bring insertion order back");
    }

    #[test]
    fn large_maps_behave_like_small_ones() {
        let names: Vec<String> = (0..200).map(|number| format!("n{}", number % 150)).collect();
        let values: Vec<String> = (0..200).map(|number| number.to_string()).collect();
        let pairs: Vec<_> =
            names.iter().zip(&values).map(|(name, value)| (name.as_str(), Some(value.as_str()))).collect();
        let mut map = Parameters::from_pairs(&pairs);
        assert_eq!(
            (map.len(), map.get("n0"), map.get("n49"), map.get("n50")),
            (150, Some("150"), Some("199"), Some("50"))
        );
        assert_eq!(map.remove("n7"), Some(Some("157")));
        assert_eq!((map.len(), map.contains("n7"), map.get("n8")), (149, false, Some("158")));
        map.insert("n7", None);
        assert_eq!((map.len(), map.entry("n7"), map.iter().last()), (150, Some(None), Some(("n7", None))));
    }

    #[test]
    fn visiting_order_of_the_worked_example() {
        let names = ["tid", "uid", "lang", "cookie", "res", "page", "refr", "vid", "p", "e"];
        let map = Parameters::from_pairs(&names.map(|name| (name, Some(""))));
        let order: Vec<&str> = map.in_reference_order().into_iter().map(|(name, _)| name).collect();
        assert_eq!(order, ["e", "vid", "refr", "page", "res", "cookie", "p", "uid", "lang", "tid"]);
    }
}
