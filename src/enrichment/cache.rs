//! A bounded cache for one worker: two generations of a hash map.
//!
//! New values go into the young generation; when it is full it becomes the old one and the former old one is dropped.
//! A value that is asked for again moves back to the young one. That keeps what is used often, like an LRU, without
//! a list to maintain on every hit.

use std::borrow::Borrow;
use std::hash::Hash;

type Map<K, V> = hashbrown::HashMap<K, V, foldhash::fast::RandomState>;

pub(crate) struct Cache<K, V> {
    young: Map<K, V>,
    old: Map<K, V>,
    half: usize,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    /// A cache for at most `capacity` values; 0 keeps nothing.
    pub fn new(capacity: usize) -> Self {
        Cache { young: Map::default(), old: Map::default(), half: capacity.div_ceil(2) }
    }

    /// The value kept for this key.
    pub fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.insert(key, value);
        }
        self.young.get(key)
    }

    /// Keeps a value.
    pub fn insert(&mut self, key: K, value: V) {
        if self.half == 0 {
            return;
        }
        if self.young.len() >= self.half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_bounded_and_keeps_what_is_used() {
        let mut cache: Cache<u32, u32> = Cache::new(10);
        for number in 0..1000 {
            cache.insert(number, number * 2);
            assert_eq!(cache.get(&0), Some(&0), "{number}");
            assert_eq!(cache.get(&number), Some(&(number * 2)));
            assert!(cache.len() <= 11);
        }
        assert_eq!(cache.get(&500), None);
    }

    #[test]
    fn capacity_zero_keeps_nothing() {
        let mut cache: Cache<u32, u32> = Cache::new(0);
        cache.insert(1, 1);
        assert_eq!(cache.get(&1), None);
    }
}
