//! [`ObjectStream`]: one object as chunks of whole records.

use std::io::{self, Read};

use super::cancel::Cancel;
use super::chunk::{Chunk, Item};
use super::stage::{Framing, Stage, Unusable};
use crate::run::FailedInput;
use crate::storage::codec::Decoder;
use crate::storage::{ObjectMeta, StorageError};

/// First bytes that a stage gets to see, unless the object is shorter.
const HEAD: usize = 64 << 10;

/// Of a record that is too large, this much is kept for its bad row.
const KEPT_PREFIX: usize = 128 << 10;

/// Limits of reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Plain bytes of a chunk.
    pub chunk_size: usize,
    /// Bytes of the largest record that is worked on.
    pub max_record: usize,
}

/// What [`ObjectStream::fill`] came to.
pub(super) enum Filled {
    /// The chunk is full; there is more.
    Full,
    /// The object is at its end.
    Done,
    /// The object cannot be read on.
    Broken(FailedInput),
}

/// An object being read.
pub(super) struct ObjectStream<'e, S: Stage> {
    stage: &'e S,
    cancel: &'e Cancel,
    object: &'e ObjectMeta,
    index: usize,
    limits: Limits,
    decoder: Decoder,
    framing: Option<Framing<S::Format>>,
    /// The beginning of a record that goes on in the next chunk.
    carry: Vec<u8>,
}

impl<'e, S: Stage> ObjectStream<'e, S> {
    pub(super) fn new(
        stage: &'e S,
        cancel: &'e Cancel,
        (index, object): (usize, &'e ObjectMeta),
        limits: Limits,
        decoder: Decoder,
    ) -> Self {
        ObjectStream { stage, cancel, object, index, limits, decoder, framing: None, carry: Vec::new() }
    }

    /// Bytes as stored that were used so far.
    pub(super) fn stored_position(&self) -> u64 {
        self.decoder.stored_position()
    }

    /// Adds whole records to the chunk until it is full or the object ends.
    pub(super) fn fill(&mut self, chunk: &mut Chunk<S::Format>) -> Filled {
        let mut start = chunk.filled;
        chunk.append(&self.carry);
        self.carry.clear();
        let least = if self.framing.is_none() { HEAD.min(self.limits.chunk_size) } else { 1 };
        let mut target = self.limits.chunk_size.max(chunk.filled + least);
        loop {
            let last = match read_up_to(&mut self.decoder, chunk, target) {
                Ok(last) => last,
                Err(error) => return self.broken(chunk, start, error),
            };
            if chunk.filled == start && last {
                return Filled::Done;
            }
            if let Err(reason) = self.open(&chunk.data[start..chunk.filled]) {
                chunk.filled = start;
                return Filled::Broken(self.failure(reason, 0));
            }
            let before = start;
            start = self.cut(chunk, start, last);
            if last {
                self.incomplete(chunk, start);
                return Filled::Done;
            }
            if start > before || self.cancel.is_set() {
                return self.carry_over(chunk, start);
            }
            // Not one whole record yet.
            if chunk.filled - start > self.limit() {
                start = match self.skip(chunk, start) {
                    Ok(next) => next,
                    Err(failed) => return Filled::Broken(failed),
                };
            } else if start > 0 {
                // What is in front of it need not wait.
                return self.carry_over(chunk, start);
            }
            target = chunk.filled + self.limits.chunk_size;
        }
    }

    fn limit(&self) -> usize {
        let max_record = self.limits.max_record;
        self.framing.as_ref().map_or(max_record, |framing| framing.framer.limit(max_record))
    }

    fn open(&mut self, head: &[u8]) -> Result<(), String> {
        if self.framing.is_none() {
            self.framing = Some(self.stage.open(self.object, head)?);
        }
        Ok(())
    }

    /// Hands over the whole records from `start` on; returns where they end.
    fn cut(&mut self, chunk: &mut Chunk<S::Format>, mut start: usize, last: bool) -> usize {
        let Some(framing) = &mut self.framing else { return start };
        loop {
            let count = framing.framer.cut(&chunk.data[start..chunk.filled], last);
            if count == 0 {
                return start;
            }
            let range = start..start + count;
            start = range.end;
            chunk.items.push(Item::Records { object: self.index, format: framing.format.clone(), range });
            if !last || start == chunk.filled {
                return start;
            }
        }
    }

    /// The object's end: what is left is no whole record.
    fn incomplete(&mut self, chunk: &mut Chunk<S::Format>, start: usize) {
        if start < chunk.filled
            && let Some(framing) = &self.framing
        {
            let (range, why) = (start..chunk.filled, Unusable::Incomplete);
            chunk.items.push(Item::Unusable { object: self.index, format: framing.format.clone(), range, why });
        }
    }

    fn carry_over(&mut self, chunk: &mut Chunk<S::Format>, start: usize) -> Filled {
        self.carry.extend_from_slice(&chunk.data[start..chunk.filled]);
        chunk.filled = start;
        Filled::Full
    }

    /// Passes over a record that is too large; returns where in the chunk the bytes after it begin.
    fn skip(&mut self, chunk: &mut Chunk<S::Format>, start: usize) -> Result<usize, FailedInput> {
        let limit = self.limit();
        let framing = self.framing.as_mut().expect("opened before the first cut");
        let prefix_end = start + KEPT_PREFIX.min(limit);
        let mut passed = (prefix_end - start) as u64;
        loop {
            let (front, back) = chunk.data[..chunk.filled].split_at(prefix_end);
            if let Some(count) = framing.framer.skip(&front[start..], passed, back) {
                passed += count as u64;
                chunk.data.copy_within(prefix_end + count..chunk.filled, prefix_end);
                chunk.filled -= count;
                break;
            }
            passed += back.len() as u64;
            chunk.filled = prefix_end;
            match read_up_to(&mut self.decoder, chunk, prefix_end + self.limits.chunk_size) {
                Ok(last) if (last && chunk.filled == prefix_end) || self.cancel.is_set() => break,
                Ok(_) => {}
                Err(error) => {
                    chunk.filled = start;
                    let reason = reason(&StorageError::from_io(&self.object.location, error));
                    return Err(self.failure(reason, passed));
                }
            }
        }
        let why = Unusable::Oversized { length: passed, limit: limit as u64 };
        let range = start..prefix_end;
        chunk.items.push(Item::Unusable { object: self.index, format: framing.format.clone(), range, why });
        Ok(prefix_end)
    }

    /// Keeps what was readable before the damage.
    fn broken(&mut self, chunk: &mut Chunk<S::Format>, start: usize, error: io::Error) -> Filled {
        let mut reason = reason(&StorageError::from_io(&self.object.location, error));
        let mut end = start;
        if chunk.filled > start {
            match self.open(&chunk.data[start..chunk.filled]) {
                Ok(()) => end = self.cut(chunk, start, false),
                Err(unreadable) => reason = format!("{reason}; {unreadable}"),
            }
        }
        let unfinished = (chunk.filled - end) as u64;
        chunk.filled = end;
        Filled::Broken(self.failure(reason, unfinished))
    }

    fn failure(&self, reason: String, left_out_bytes: u64) -> FailedInput {
        FailedInput { input: self.index, reason, left_out_bytes }
    }
}

/// Reads until the chunk holds `target` bytes; says whether the object has ended.
fn read_up_to<F>(decoder: &mut Decoder, chunk: &mut Chunk<F>, target: usize) -> io::Result<bool> {
    chunk.reserve(target);
    while chunk.filled < target {
        match decoder.read(&mut chunk.data[chunk.filled..target]) {
            Ok(0) => return Ok(true),
            Ok(count) => chunk.filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// What an error says about an object that is named beside it.
pub(super) fn reason(error: &StorageError) -> String {
    match error {
        StorageError::NotFound { .. } => "it is not there any more".to_owned(),
        StorageError::PreconditionFailed { .. } => "it was changed while it was read".to_owned(),
        StorageError::Denied { detail, .. } => format!("access denied: {detail}"),
        StorageError::Corrupt { source, .. } => source.to_string(),
        StorageError::Failed { detail, .. } => detail.clone(),
    }
}
