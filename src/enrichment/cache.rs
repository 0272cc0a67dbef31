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
    /// A cache for about `capacity` values, at least one.
    pub fn new(capacity: usize) -> Self {
        Cache { young: Map::default(), old: Map::default(), half: capacity.div_ceil(2).max(1) }
    }

    /// The value kept for this key.
    fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.insert(key, value);
        }
        self.young.get(key)
    }

    /// The value kept for this key, or else the one that is made now together with an owned key.
    pub fn get_or_insert_with<'c, Q>(&'c mut self, key: &Q, make: impl FnOnce() -> (K, V)) -> &'c V
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if self.get(key).is_none() {
            let (key, value) = make();
            self.insert(key, value);
        }
        self.young.get(key).expect("it was moved or inserted into the young generation")
    }

    /// Keeps a value.
    fn insert(&mut self, key: K, value: V) {
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
        let mut cache: Cache<Box<str>, String> = Cache::new(10);
        let mut made = 0;
        for number in 0..1000 {
            for key in ["always", &number.to_string()] {
                let value = cache.get_or_insert_with(key, || {
                    made += 1;
                    (key.into(), format!("value of {key}"))
                });
                assert_eq!(*value, format!("value of {key}"));
            }
            assert!(cache.len() <= 10);
        }
        assert_eq!(made, 1001, "what is used again and again is made once");
        assert!(cache.get("500").is_none());
    }
}
