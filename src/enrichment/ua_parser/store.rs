//! What is known of user agents: a store for each worker without locks, and one for all behind sharded locks that is
//! asked on a miss only.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Most user agents that one worker remembers.
const WORKER_SIZE: usize = 50_000;
/// Shards of the common store, and most user agents in each.
const SHARDS: usize = 16;
const SHARD_SIZE: usize = 16_384;
/// Longer texts are not worth remembering.
const LONGEST: usize = 2048;

/// A user agent and its entity.
#[derive(Debug)]
pub(super) struct Known {
    pub user_agent: Box<str>,
    pub json: Box<str>,
    /// For the entity's `cache_id`.
    pub id: u64,
}

/// Two generations of known user agents, see the module `cache`: values are shared, keys are inside the values.
#[derive(Default)]
struct Table {
    young: HashTable<Arc<Known>>,
    old: HashTable<Arc<Known>>,
}

impl Table {
    fn find(&mut self, hash: u64, user_agent: &str, half: usize) -> Option<&Arc<Known>> {
        let same = |known: &Arc<Known>| *known.user_agent == *user_agent;
        if self.young.find(hash, same).is_none() {
            let known = self.old.find_entry(hash, same).ok()?.remove().0;
            self.insert(hash, known, half);
        }
        self.young.find(hash, same)
    }

    fn insert(&mut self, hash: u64, known: Arc<Known>, half: usize) {
        if self.young.len() >= half {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert_unique(hash, known, |known| hash_of(&known.user_agent));
    }
}

fn hash_of(user_agent: &str) -> u64 {
    FixedState::default().hash_one(user_agent)
}

/// One worker's store.
#[derive(Default)]
pub(super) struct WorkerStore {
    table: Table,
    /// The last one that was too long to remember.
    passing: Option<Arc<Known>>,
}

impl WorkerStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known, or else learned.
    pub fn get(&mut self, user_agent: &str, learn: impl FnOnce() -> Arc<Known>) -> &Known {
        if user_agent.len() > LONGEST {
            return self.passing.insert(learn());
        }
        let hash = hash_of(user_agent);
        if self.table.find(hash, user_agent, WORKER_SIZE / 2).is_none() {
            self.table.insert(hash, learn(), WORKER_SIZE / 2);
        }
        self.table.find(hash, user_agent, WORKER_SIZE / 2).expect("it was just inserted")
    }
}

/// The store that all workers share.
pub(super) struct SharedStore {
    shards: [Mutex<Table>; SHARDS],
}

impl SharedStore {
    pub fn new() -> Self {
        SharedStore { shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// What is known, or else learned. No lock is held while learning, so two workers may learn the same.
    pub fn get(&self, user_agent: &str, learn: impl FnOnce() -> Known) -> Arc<Known> {
        if user_agent.len() > LONGEST {
            return Arc::new(learn());
        }
        let hash = hash_of(user_agent);
        let shard = &self.shards[(hash >> 60) as usize % SHARDS];
        let lock = || shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().find(hash, user_agent, SHARD_SIZE / 2) {
            return Arc::clone(known);
        }
        let known = Arc::new(learn());
        let mut table = lock();
        if let Some(other) = table.find(hash, user_agent, SHARD_SIZE / 2) {
            return Arc::clone(other);
        }
        table.insert(hash, Arc::clone(&known), SHARD_SIZE / 2);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(user_agent: &str) -> Known {
        Known { user_agent: user_agent.into(), json: format!("\"{user_agent}\"").into(), id: 1 }
    }

    #[test]
    fn each_user_agent_is_learned_once() {
        let shared = SharedStore::new();
        let mut learned = 0;
        for worker in 0..2 {
            let mut store = WorkerStore::new();
            for _ in 0..2 {
                for number in 0..100 {
                    let text = format!("agent {number}");
                    let found = store.get(&text, || {
                        shared.get(&text, || {
                            learned += 1;
                            known(&text)
                        })
                    });
                    assert_eq!(*found.json, format!("\"{text}\""), "worker {worker}");
                }
            }
        }
        assert_eq!(learned, 100);
    }

    #[test]
    fn stores_stay_bounded() {
        let mut table = Table::default();
        for number in 0..1000 {
            let text = number.to_string();
            table.insert(hash_of(&text), Arc::new(known(&text)), 10);
            assert!(table.young.len() + table.old.len() <= 20);
        }
        assert!(table.find(hash_of("999"), "999", 10).is_some());
        assert!(table.find(hash_of("1"), "1", 10).is_none());
        let long = "x".repeat(LONGEST + 1);
        let mut store = WorkerStore::new();
        assert_eq!(*store.get(&long, || Arc::new(known(&long))).user_agent, *long);
        assert!(store.table.young.is_empty());
    }
}
