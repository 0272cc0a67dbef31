//! [`Source`]: the objects of one split as chunks.

use std::io::Read;
use std::ops::Range;

use super::cancel::Cancel;
use super::chunk::{Chunk, Item};
use super::object::{Filled, Limits, ObjectStream, reason};
use super::prefetch::Prefetch;
use super::stage::Stage;
use crate::report::Meter;
use crate::run::FailedInput;
use crate::storage::{ObjectMeta, Storage, StorageError};

/// Objects of at most this size, as stored, are fetched whole and inflated by the worker, outside of the source's lock.
pub(super) const SMALL_OBJECT: u64 = 1 << 20;

/// What logs shrink by when they are compressed, roughly: to guess how much a small object will give.
const USUAL_RATIO: usize = 8;

/// At most this many small objects in a chunk.
const MAX_ITEMS: usize = 1000;

/// What all sources of a run share.
pub(super) struct Inputs<'e, S: Stage> {
    pub stage: &'e S,
    pub storage: &'e Storage,
    pub objects: &'e [ObjectMeta],
    pub limits: Limits,
    pub cancel: &'e Cancel,
    pub meter: &'e Meter,
    pub prefetch: Prefetch,
}

/// The objects of a split, in order.
pub(super) struct Source<'e, S: Stage> {
    inputs: &'e Inputs<'e, S>,
    next: usize,
    end: usize,
    current: Option<ObjectStream<'e, S>>,
    /// How far ahead small objects were asked for.
    asked: usize,
    issued: u64,
    told: bool,
}

impl<'e, S: Stage> Source<'e, S> {
    pub(super) fn new(inputs: &'e Inputs<'e, S>, range: Range<usize>) -> Self {
        Source { inputs, next: range.start, end: range.end, current: None, asked: range.start, issued: 0, told: false }
    }

    /// Fills the chunk; `false` if nothing is left.
    pub(super) fn fill(&mut self, chunk: &mut Chunk<S::Format>) -> bool {
        chunk.clear();
        while chunk.weight() < self.inputs.limits.chunk_size && chunk.items.len() < MAX_ITEMS {
            let more = if self.current.is_some() { self.read_on(chunk) } else { self.next_object(chunk) };
            if !more || self.inputs.cancel.is_set() {
                break;
            }
        }
        if chunk.items.is_empty() && chunk.failures.is_empty() {
            return false;
        }
        chunk.seq = self.issued;
        self.issued += 1;
        true
    }

    /// How many chunks there were in all; only the first call gets the answer.
    pub(super) fn total(&mut self) -> Option<u64> {
        (!std::mem::replace(&mut self.told, true)).then_some(self.issued)
    }

    fn next_object(&mut self, chunk: &mut Chunk<S::Format>) -> bool {
        if self.next == self.end {
            return false;
        }
        let inputs = self.inputs;
        self.asked = inputs.prefetch.ask_ahead(inputs.objects, self.asked.max(self.next)..self.end, self.next);
        let index = self.next;
        self.next += 1;
        let object = &inputs.objects[index];
        let opened = if (1..=SMALL_OBJECT).contains(&object.size) {
            self.fetch(index).map(|bytes| {
                chunk.expected += bytes.len() * USUAL_RATIO;
                chunk.items.push(Item::Stored { object: index, bytes });
            })
        } else {
            inputs.storage.open_decoded(object).map(|decoder| {
                let limits = inputs.limits;
                self.current = Some(ObjectStream::new(inputs.stage, inputs.cancel, (index, object), limits, decoder));
            })
        };
        if let Err(error) = opened {
            chunk.failures.push(FailedInput { input: index, reason: reason(&error), unfinished_bytes: 0 });
        }
        true
    }

    fn fetch(&self, index: usize) -> Result<Vec<u8>, StorageError> {
        let inputs = self.inputs;
        let object = &inputs.objects[index];
        let fetched = match inputs.prefetch.take(index, inputs.cancel) {
            Some(fetched) => fetched,
            None => read_stored(inputs.storage, object),
        };
        Meter::add(&inputs.meter.bytes, object.size);
        fetched
    }

    /// Reads on in the current object.
    fn read_on(&mut self, chunk: &mut Chunk<S::Format>) -> bool {
        let Some(stream) = &mut self.current else { return false };
        let before = stream.stored_position();
        let filled = stream.fill(chunk);
        Meter::add(&self.inputs.meter.bytes, stream.stored_position() - before);
        match filled {
            Filled::Full => return false,
            Filled::Done => {}
            Filled::Broken(failed) => chunk.failures.push(failed),
        }
        self.current = None;
        true
    }
}

/// The bytes of a small object as stored.
pub(super) fn read_stored(storage: &Storage, object: &ObjectMeta) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::with_capacity(object.size as usize);
    let mut reader = storage.open(object)?;
    reader.read_to_end(&mut bytes).map_err(|error| StorageError::from_io(&object.location, error))?;
    Ok(bytes)
}
