//! A memo for look-ups that leave the machine, shared by all workers.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/CachingEvaluator.scala`: errors live a tenth as
//! long as values, and an error is answered with the last value that was good, if there ever was one. Ours besides: of
//! several workers that ask for the same thing at once, one does the work and the others wait for it.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, Mutex, PoisonError};

use super::cache::Cache;

/// Above this size, locks are spread over so many shards.
const SHARDS: usize = 16;

pub(crate) struct Evaluator<K, V> {
    shards: Vec<Mutex<Shard<K, V>>>,
    /// Seconds that a value lives.
    value_lives: u64,
    /// Seconds that an error lives.
    error_lives: u64,
    hasher: foldhash::fast::RandomState,
}

/// How look-ups were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lookups {
    /// From memory, failures that are remembered included.
    pub hits: u64,
    /// By asking.
    pub misses: u64,
    /// Those of the asked that failed.
    pub errors: u64,
}

type Slot<V> = Arc<Mutex<Option<Entry<V>>>>;
type Shard<K, V> = Cache<K, Slot<V>>;

struct Entry<V> {
    outcome: Result<V, String>,
    last_good: Option<V>,
    stored: u64,
}

impl<V: Clone> Entry<V> {
    fn answer(&self) -> Result<V, String> {
        match (&self.outcome, &self.last_good) {
            (Err(_), Some(good)) => Ok(good.clone()),
            (outcome, _) => outcome.clone(),
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Evaluator<K, V> {
    /// A memo for `size` keys; with 0 nothing is kept.
    pub fn new(size: usize, value_lives: u64, error_lives: u64) -> Self {
        let shards = if size >= 64 * SHARDS { SHARDS } else { size.min(1) };
        let shard = |_| Mutex::new(Cache::new(size.div_ceil(shards.max(1))));
        Evaluator { shards: (0..shards).map(shard).collect(), value_lives, error_lives, hasher: Default::default() }
    }

    /// The memo of a configuration with `cache.size` and `cache.ttl`.
    pub fn with_ttl(size: usize, ttl: u64) -> Self {
        Self::new(size, ttl, ttl / 10)
    }

    /// What is remembered, or else what `evaluate` says. Counts which of the two it was.
    pub fn get(
        &self,
        key: &K,
        lookups: &mut Lookups,
        evaluate: impl FnOnce() -> Result<V, String>,
    ) -> Result<V, String> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut is_asked = false;
        let answer = self.get_at(key, now, || {
            is_asked = true;
            let outcome = evaluate();
            lookups.errors += u64::from(outcome.is_err());
            outcome
        });
        lookups.misses += u64::from(is_asked);
        lookups.hits += u64::from(!is_asked);
        answer
    }

    fn get_at(&self, key: &K, now: u64, evaluate: impl FnOnce() -> Result<V, String>) -> Result<V, String> {
        let Some(shard) = self.shard(key) else { return evaluate() };
        let slot = {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(shard.get_or_insert_with(key, || (key.clone(), Slot::default())))
        };
        let mut entry = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = &*entry {
            let lives = if entry.outcome.is_ok() { self.value_lives } else { self.error_lives };
            if now.saturating_sub(entry.stored) <= lives {
                return entry.answer();
            }
        }
        let outcome = evaluate();
        let last_good = match &outcome {
            Ok(value) => Some(value.clone()),
            Err(_) => entry.take().and_then(|earlier| earlier.last_good),
        };
        entry.insert(Entry { outcome, last_good, stored: now }).answer()
    }

    fn shard(&self, key: &K) -> Option<&Mutex<Shard<K, V>>> {
        if self.shards.len() < 2 {
            return self.shards.first();
        }
        self.shards.get(self.hasher.hash_one(key) as usize % self.shards.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_live_longer_than_errors_and_good_ones_are_answered_in_their_place() {
        let memo: Evaluator<&str, u32> = Evaluator::new(100, 5, 2);
        let good = |value: u32| move || Ok::<u32, String>(value);
        let bad = || Err::<u32, String>("bad".into());
        assert_eq!(memo.get_at(&"k", 0, good(1)), Ok(1));
        assert_eq!(memo.get_at(&"k", 4, bad), Ok(1), "still fresh");
        assert_eq!(memo.get_at(&"k", 6, bad), Ok(1), "the last good one");
        assert_eq!(memo.get_at(&"k", 8, good(2)), Ok(1), "the error is still fresh");
        assert_eq!(memo.get_at(&"k", 9, good(2)), Ok(2));
        assert_eq!(memo.get_at(&"other", 0, bad), Err("bad".into()));
        assert_eq!(memo.get_at(&"other", 2, good(3)), Err("bad".into()));
        assert_eq!(memo.get_at(&"other", 3, good(3)), Ok(3));
    }

    #[test]
    fn size_zero_keeps_nothing_and_ttl_zero_keeps_for_the_second() {
        let none: Evaluator<u8, u32> = Evaluator::with_ttl(0, 60);
        let mut lookups = Lookups::default();
        assert_eq!(none.get(&1, &mut lookups, || Ok(1)), Ok(1));
        assert_eq!(none.get(&1, &mut lookups, || Ok(2)), Ok(2));
        assert_eq!(lookups, Lookups { hits: 0, misses: 2, errors: 0 });
        let second: Evaluator<u8, u32> = Evaluator::with_ttl(1, 0);
        assert_eq!(second.get_at(&1, 7, || Ok(1)), Ok(1));
        assert_eq!(second.get_at(&1, 7, || Ok(2)), Ok(1));
        assert_eq!(second.get_at(&1, 8, || Ok(2)), Ok(2));
    }

    #[test]
    fn look_ups_are_counted_by_how_they_were_answered() {
        let memo: Evaluator<u8, u32> = Evaluator::new(100, u64::MAX, u64::MAX);
        let mut lookups = Lookups::default();
        let failing = || Err::<u32, String>("no".into());
        for _ in 0..3 {
            assert!(memo.get(&1, &mut lookups, failing).is_err());
            assert_eq!(memo.get(&2, &mut lookups, || Ok(7)), Ok(7));
        }
        assert_eq!(lookups, Lookups { hits: 4, misses: 2, errors: 1 });
    }

    #[test]
    fn several_workers_do_the_work_once() {
        let memo: Evaluator<u32, u32> = Evaluator::with_ttl(10_000, 60);
        let evaluations = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut lookups = Lookups::default();
                    for key in 0..50 {
                        let value = memo.get(&key, &mut lookups, || {
                            evaluations.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                            Ok(key * 2)
                        });
                        assert_eq!(value, Ok(key * 2));
                    }
                });
            }
        });
        assert_eq!(evaluations.into_inner(), 50);
    }
}
