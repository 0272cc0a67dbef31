//! Sets of hashes in fixed memory, filled by many threads at once. A set may say "yes" to what was never added, but
//! never "no" to what was: whoever asks must be able to live with a few false answers.
//!
//! A blocked Bloom filter: all bits of a hash lie in one machine word, so that adding is one atomic operation and of two
//! threads that add the same hash exactly one is told that it was there before.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bits set for each hash.
const PROBES: u32 = 3;

/// A set of 64-bit hashes.
pub(super) struct Filter {
    words: Vec<AtomicU64>,
    mask: u64,
}

impl Filter {
    /// A set for about `expected` hashes that takes at most `max_bytes` of memory. Beyond that, false answers become
    /// frequent: 0.1 % as expected, 2 % at three times, 25 % at ten times as many.
    pub(super) fn new(expected: u64, max_bytes: usize) -> Filter {
        let most = (max_bytes / 8).max(1);
        let words = usize::try_from(expected / 2).unwrap_or(most).clamp(1 << 10, most.max(1 << 10)).next_power_of_two();
        let words = if words > most.max(1 << 10) { words / 2 } else { words };
        Filter { words: (0..words).map(|_| AtomicU64::new(0)).collect(), mask: words as u64 - 1 }
    }

    fn place(&self, hash: u64) -> (&AtomicU64, u64) {
        let mut bits = 0;
        for probe in 0..PROBES {
            bits |= 1 << (hash >> (6 * probe) & 63);
        }
        (&self.words[(hash >> (6 * PROBES) & self.mask) as usize], bits)
    }

    /// Adds a hash; whether it (or others that look the same) was there before.
    pub(super) fn insert(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        word.fetch_or(bits, Ordering::Relaxed) & bits == bits
    }

    /// Whether a hash may have been added.
    pub(super) fn contains(&self, hash: u64) -> bool {
        let (word, bits) = self.place(hash);
        word.load(Ordering::Relaxed) & bits == bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn never_forgets_and_seldom_errs() {
        let filter = Filter::new(100_000, 64 << 20);
        let hash = |number: u64| xxh3_64(&number.to_le_bytes());
        let repeated = (0..100_000).filter(|number| filter.insert(hash(*number))).count();
        assert!(repeated < 500, "{repeated} of 100,000 taken for repeated");
        assert!((0..100_000).all(|number| filter.contains(hash(number))));
        assert!((0..100_000).all(|number| filter.insert(hash(number))));
        let wrong = (100_000..200_000).filter(|number| filter.contains(hash(*number))).count();
        assert!(wrong < 500, "{wrong} of 100,000 false answers");
    }

    #[test]
    fn memory_is_bounded() {
        assert_eq!(Filter::new(u64::MAX, 1 << 20).words.len(), 1 << 17);
        assert_eq!(Filter::new(0, 1 << 20).words.len(), 1 << 10);
        assert_eq!(Filter::new(1_000_000, 1 << 30).words.len(), 1 << 19);
        assert_eq!(Filter::new(u64::MAX, 3 << 20).words.len(), 1 << 18, "rounded down to what is allowed");
    }

    #[test]
    fn of_two_threads_exactly_one_is_told() {
        let filter = Filter::new(1000, 1 << 20);
        let hash = xxh3_64(b"contended");
        let told: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| usize::from(filter.insert(hash)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(told, 7);
    }
}
