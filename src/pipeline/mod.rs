//! The engine: many objects in, whole records to worker threads, ordered part files out. It knows bytes and threads,
//! but no format.
//!
//! # Flow
//! Inputs are packed into *splits* ([`pack`]); a split gives one part per output and is the unit of commit. Workers
//! pull: one takes the lock of a split's source for as long as it takes to read and inflate about 1 MiB of whole records,
//! then works through it on its own — transforms it and compresses what comes out — and hands the result to the
//! split's [`SplitSink`], which appends in input order. Objects small enough are fetched as they are and inflated
//! outside the lock. With N threads N threads use the CPU, and memory is threads × chunk × a small constant, whatever
//! the input.
//!
//! # What a command brings
//! * a [`Stage`]: says how an object is cut into records ([`Framer`]), and makes one [`Worker`] a thread;
//! * a [`Sink`]: where output goes. [`PartSink`] is the usual one: fixed outputs, one part per split and output.
//!
//! [`Engine::execute`] does the rest: broken objects, panics, resumption, balance of counters, the manifest.

mod cancel;
mod chunk;
mod encoding;
mod engine;
mod error;
mod ledger;
mod lines;
mod object;
mod ordered;
mod panics;
mod part_writer;
mod parts;
mod sink;
mod source;
mod split;
mod stage;
mod work;

pub use cancel::Cancel;
pub use encoding::{Block, BlockEncoder, Encoding};
pub use engine::{Engine, EngineOptions, Outcome};
pub use error::EngineError;
pub use lines::{LineFramer, lines};
pub use ordered::Ordered;
pub use panics::guard;
pub use part_writer::PartWriter;
pub use parts::{Counted, OutputBuffer, OutputSpec, PartBuffers, PartSink};
pub use sink::{Buffers, Sink, SplitSink};
pub use split::pack;
pub use stage::{Damage, Framer, Framing, Segment, Stage, Unusable, Worker};
