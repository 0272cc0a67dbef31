//! [`Chunk`]: what a worker takes from a source at once.

use std::ops::Range;

use super::stage::Unusable;
use crate::run::FailedInput;

/// Plain bytes of a chunk, as a rule: enough to compress well, few enough to stay in the processor's cache.
pub(super) const CHUNK_SIZE: usize = 1 << 20;

/// A piece of an object.
pub(super) enum Item<F> {
    /// Whole records.
    Records { object: usize, format: F, range: Range<usize> },
    /// No whole record.
    Unusable { object: usize, format: F, range: Range<usize>, why: Unusable },
    /// A whole small object as stored: inflating and cutting it is left to the worker.
    Stored { object: usize, bytes: Vec<u8> },
}

/// Pieces of one or more objects, in order, and the memory they lie in. A worker keeps one and fills it again and
/// again.
pub(super) struct Chunk<F> {
    /// Initialised memory; the first `filled` bytes are in use.
    pub data: Vec<u8>,
    pub filled: usize,
    pub items: Vec<Item<F>>,
    /// Objects that turned out to be broken.
    pub failures: Vec<FailedInput>,
    /// Number in the split.
    pub seq: u64,
    /// Bytes that the stored items are expected to inflate to.
    pub expected: usize,
}

impl<F> Chunk<F> {
    pub(super) fn new() -> Chunk<F> {
        Chunk { data: Vec::new(), filled: 0, items: Vec::new(), failures: Vec::new(), seq: 0, expected: 0 }
    }

    /// Empties the chunk; memory that one large record took is given back.
    pub(super) fn clear(&mut self) {
        if self.data.len() > 2 * CHUNK_SIZE {
            self.data.truncate(CHUNK_SIZE);
            self.data.shrink_to_fit();
        }
        self.filled = 0;
        self.expected = 0;
        self.items.clear();
        self.failures.clear();
    }

    /// Appends bytes.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.reserve(self.filled + bytes.len());
        self.data[self.filled..][..bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Makes sure that `end` bytes are there to be written to.
    pub(super) fn reserve(&mut self, end: usize) {
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
    }

    /// What decides whether more fits in.
    pub(super) fn weight(&self) -> usize {
        self.filled + self.expected
    }
}
