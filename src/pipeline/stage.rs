//! What a command brings to the engine.

use crate::report::Counters;
use crate::storage::ObjectMeta;

/// A transformation of records. Shared by all threads.
pub trait Stage: Sync {
    /// What a worker must know of an object to read its records.
    type Format: Clone + Send + Sync;
    /// What output goes into, see [`crate::pipeline::Sink::Buffers`].
    type Buffers;
    /// State of one thread. It is made on that thread and never leaves it.
    type Worker: Worker<Self::Format, Self::Buffers>;

    /// Says how to read an object. `head` are its first plain bytes: at least 64 KiB, unless there are no more. An
    /// error is why the object cannot be read; it is reported as a broken object.
    fn open(&self, object: &ObjectMeta, head: &[u8]) -> Result<Framing<Self::Format>, String>;

    /// Makes the state of one thread. An error ends the run.
    fn worker(&self) -> Result<Self::Worker, String>;
}

/// How to read one object.
pub struct Framing<F> {
    /// Passed on to the worker.
    pub format: F,
    /// Finds the ends of records.
    pub framer: Box<dyn Framer>,
}

/// Finds the ends of records in one object. Calls follow the object's bytes in order.
pub trait Framer: Send {
    /// How many bytes at the front of `bytes` are whole records; 0 if more are needed. `bytes` begins where a record
    /// begins. With `last`, no more bytes follow: what is not taken then is [`Unusable::Incomplete`].
    fn cut(&mut self, bytes: &[u8], last: bool) -> usize;

    /// Finds the end of a record that is too large to be held: `prefix` is its beginning, `passed` bytes of it came
    /// before `bytes`. `Some(n)` says that it ends after n bytes, `None` that all of `bytes` belongs to it.
    fn skip(&mut self, prefix: &[u8], passed: u64, bytes: &[u8]) -> Option<usize>;

    /// How many bytes may be held to find the end of what [`Framer::cut`] calls a record: more than the limit of the
    /// run if that is a container of many records.
    fn limit(&self, max_record: usize) -> usize {
        max_record
    }
}

/// Whole records of one object.
#[derive(Clone, Debug)]
pub struct Segment<'c, F> {
    /// The object.
    pub object: &'c ObjectMeta,
    /// What [`Stage::open`] said.
    pub format: F,
    /// The records, as the framer cut them.
    pub bytes: &'c [u8],
}

/// Why a piece of an object is no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// A record larger than the limit; the segment is its beginning.
    Oversized {
        /// All of its bytes.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// The object ends within a record; the segment is what there is of it.
    Incomplete,
}

/// Works through records. One instance per thread.
pub trait Worker<F, B> {
    /// Transforms all records of a segment. Every record is counted: once in `records_in` and once by its fate.
    /// Nothing may panic outside of [`crate::pipeline::guard`].
    fn process(&mut self, segment: &Segment<'_, F>, out: &mut B, counters: &mut Counters);

    /// Accounts for a piece that is no whole record: it is counted as one, and as bad or ignored.
    fn unusable(&mut self, segment: &Segment<'_, F>, why: Unusable, out: &mut B, counters: &mut Counters);

    /// What the latest segment showed to be wrong with its object as a whole. It is then reported as a broken object.
    fn take_damage(&mut self) -> Option<Damage> {
        None
    }
}

/// Bytes of an object that are no records and no part of its format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What is wrong, in words that are the same for every place of the object.
    pub reason: String,
    /// Bytes that were left out.
    pub bytes: u64,
}
