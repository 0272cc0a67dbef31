//! Random event ids without a system call per event.

use bumpalo::Bump;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A source of version 4 UUIDs: SHA-256 over a seed from the system's random source and a counter.
pub struct EventIds {
    seed: [u8; 64],
    counter: u64,
    spare: Option<[u8; 16]>,
}

impl Default for EventIds {
    fn default() -> Self {
        EventIds::new()
    }
}

impl EventIds {
    /// A source with a seed of its own.
    pub fn new() -> EventIds {
        let mut seed = [0; 64];
        for part in seed.chunks_exact_mut(16) {
            part.copy_from_slice(Uuid::new_v4().as_bytes());
        }
        EventIds { seed, counter: 0, spare: None }
    }

    /// The next id, in lower case.
    pub fn next<'a>(&mut self, arena: &'a Bump) -> &'a str {
        let bytes = self.spare.take().unwrap_or_else(|| self.refill());
        let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
        arena.alloc_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
    }

    /// A digest gives two ids.
    fn refill(&mut self) -> [u8; 16] {
        self.counter += 1;
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.counter.to_le_bytes()).finalize();
        let (mut first, mut second) = ([0; 16], [0; 16]);
        first.copy_from_slice(&digest[..16]);
        second.copy_from_slice(&digest[16..]);
        self.spare = Some(second);
        first
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_version_4_uuids() {
        let arena = Bump::new();
        let mut sources = [EventIds::new(), EventIds::new()];
        let mut seen = HashSet::new();
        for _ in 0..100 {
            for source in &mut sources {
                let id = source.next(&arena);
                let parsed = Uuid::parse_str(id).unwrap();
                assert_eq!((parsed.get_version_num(), parsed.get_variant()), (4, uuid::Variant::RFC4122));
                assert_eq!(parsed.hyphenated().to_string(), id);
                assert!(seen.insert(id));
            }
        }
    }
}
