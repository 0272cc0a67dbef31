//! Many objects, one after the other, the next ones already on their way.
//!
//! The time of small objects on S3 is the time of their requests, not of their bytes: N objects at L seconds with C
//! under way take N·L/C.

use std::collections::VecDeque;
use std::io::Read;

use super::codec::Decoder;
use super::{Location, ObjectMeta, Storage, StorageError};

type Opened = Result<Box<dyn Read + Send>, StorageError>;

/// Opens objects in the order given; see [`Storage::read_ahead`].
pub struct ReadAhead {
    storage: Storage,
    waiting: VecDeque<ObjectMeta>,
    opened: VecDeque<(ObjectMeta, Opened)>,
    budget: u64,
    max_in_flight: usize,
    /// Memory of what is opened, the object that the caller reads now included.
    held: u64,
    current: u64,
}

impl ReadAhead {
    pub(super) fn new(storage: Storage, objects: Vec<ObjectMeta>, budget: u64, max_in_flight: usize) -> ReadAhead {
        let waiting = objects.into();
        ReadAhead { storage, waiting, opened: VecDeque::new(), budget, max_in_flight, held: 0, current: 0 }
    }

    /// The same objects as plain bytes.
    pub fn decoded(self) -> impl Iterator<Item = (ObjectMeta, Result<Decoder, StorageError>)> + Send {
        let storage = self.storage.clone();
        self.map(move |(object, opened)| {
            let decoder = opened.and_then(|stored| storage.decode(&object, stored));
            (object, decoder)
        })
    }

    fn open_next(&mut self) {
        if let Some(object) = self.waiting.pop_front() {
            self.held += self.memory(&object);
            let opened = self.storage.open(&object);
            self.opened.push_back((object, opened));
        }
    }

    /// Opening an S3 object sends its first requests; local files gain nothing from it.
    fn open_ahead(&mut self) {
        while let Some(next) = self.waiting.front() {
            let remote = matches!(next.location, Location::S3 { .. });
            let in_flight = self.opened.len() + 1;
            if !remote || in_flight >= self.max_in_flight || self.held + self.memory(next) > self.budget {
                return;
            }
            self.open_next();
        }
    }

    /// What an open object holds in memory at most.
    fn memory(&self, object: &ObjectMeta) -> u64 {
        let options = self.storage.options();
        let window = options.s3_read_chunk.saturating_mul(options.s3_read_chunks_in_flight.max(1) as u64);
        match object.location {
            Location::S3 { .. } => object.size.min(window),
            _ => 0,
        }
    }
}

impl Iterator for ReadAhead {
    type Item = (ObjectMeta, Opened);

    fn next(&mut self) -> Option<Self::Item> {
        if self.opened.is_empty() {
            self.open_next();
        }
        let (object, opened) = self.opened.pop_front()?;
        self.held -= self.current;
        self.current = self.memory(&object);
        self.open_ahead();
        Some((object, opened))
    }
}
