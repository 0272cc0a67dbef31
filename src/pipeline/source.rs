//! [`Source`]: the objects of one split as chunks.

use std::io::{Cursor, Read};
use std::ops::Range;

use super::cancel::Cancel;
use super::chunk::{Chunk, Item};
use super::object::{Filled, Limits, ObjectStream, reason};
use super::stage::Stage;
use crate::report::Meter;
use crate::run::FailedInput;
use crate::storage::codec::Decoder;
use crate::storage::{ObjectMeta, ReadAhead, Storage, StorageError};

/// Objects of at most this size, as stored, are fetched whole and inflated by the worker, outside of the source's lock.
const SMALL_OBJECT: u64 = 1 << 20;

/// Objects of at most this size are held in memory while they are read, which inflates faster.
const HELD_OBJECT: u64 = 16 << 20;

/// A gzip member that says it is larger cannot be inflated at once.
const HELD_MEMBER: u32 = 16 << 20;

/// What logs shrink by when they are compressed, roughly: to guess how much a small object will give.
const USUAL_RATIO: usize = 8;

/// At most this many small objects in a chunk.
const MAX_ITEMS: usize = 1000;

/// Remote objects on their way at once, in one split: requests for small ones are nothing but waiting, 15 to 30 ms each,
/// so their number must follow from their size, not from the number of processors.
const AHEAD_OBJECTS: usize = 128;
const AHEAD_BYTES: u64 = 32 << 20;

/// What all sources of a run share.
pub(super) struct Inputs<'e, S: Stage> {
    pub stage: &'e S,
    pub storage: &'e Storage,
    pub objects: &'e [ObjectMeta],
    pub limits: Limits,
    pub cancel: &'e Cancel,
    pub meter: &'e Meter,
}

/// The objects of a split, in order.
pub(super) struct Source<'e, S: Stage> {
    inputs: &'e Inputs<'e, S>,
    range: Range<usize>,
    opened: Option<ReadAhead>,
    current: Option<ObjectStream<'e, S>>,
    issued: u64,
    told: bool,
}

impl<'e, S: Stage> Source<'e, S> {
    /// The objects in `range`. Nothing is opened yet.
    pub(super) fn new(inputs: &'e Inputs<'e, S>, range: Range<usize>) -> Self {
        Source { inputs, range, opened: None, current: None, issued: 0, told: false }
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
        let Some(index) = self.range.next() else { return false };
        let inputs = self.inputs;
        let object = &inputs.objects[index];
        let opened = self.opened.get_or_insert_with(|| {
            let all = inputs.objects[index..self.range.end].to_vec();
            inputs.storage.read_ahead(all, AHEAD_BYTES, AHEAD_OBJECTS)
        });
        let (_, stored) = opened.next().expect("as many objects as indices");
        let begun = stored.and_then(|stored| {
            if (1..=SMALL_OBJECT).contains(&object.size) {
                let bytes = read_stored(stored, object)?;
                Meter::add(&inputs.meter.bytes, bytes.len() as u64);
                chunk.expected += bytes.len() * USUAL_RATIO;
                chunk.items.push(Item::Stored { object: index, bytes });
            } else {
                let (limits, decoder) = (inputs.limits, decoder(stored, object)?);
                let stream = ObjectStream::new(inputs.stage, inputs.cancel, (index, object), limits, decoder);
                self.current = Some(stream);
            }
            Ok(())
        });
        if let Err(error) = begun {
            chunk.failures.push(FailedInput { input: index, reason: reason(&error), left_out_bytes: 0 });
        }
        true
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

/// All bytes of an object as stored.
fn read_stored(mut stored: impl Read, object: &ObjectMeta) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::with_capacity(object.size as usize);
    stored.read_to_end(&mut bytes).map_err(|error| StorageError::from_io(&object.location, error))?;
    Ok(bytes)
}

/// The way to decode an object that pays for its size.
fn decoder(stored: Box<dyn Read + Send>, object: &ObjectMeta) -> Result<Decoder, StorageError> {
    let failed = |error| StorageError::from_io(&object.location, error);
    if object.size == 0 || object.size > HELD_OBJECT {
        return Decoder::new(stored, &object.relative).map_err(failed);
    }
    let bytes = read_stored(stored, object)?;
    let last_member = bytes.last_chunk().map_or(0, |size| u32::from_le_bytes(*size));
    if last_member > HELD_MEMBER {
        return Decoder::new(Box::new(Cursor::new(bytes)), &object.relative).map_err(failed);
    }
    Decoder::whole(bytes, &object.relative).map_err(|error| failed(error.into()))
}
