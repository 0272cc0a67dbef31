//! Compressed streams: what an object is wrapped in, decided by its first bytes, then by its name.

mod error;

pub use error::CodecError;
