//! Local paths and S3 behind one interface; codecs by content.
//!
//! The interface is synchronous: stages and the engine are plain threads. What is asynchronous (S3) runs on a runtime
//! of its own inside the S3 store.
//!
//! # What a location means as an input
//! A file or key is that object, whatever its name. A folder, or a key with something below `key/`, is everything
//! below it in byte order, without hidden names (last segment `_…` or `.…`) and folder markers. On S3 `*` and `?` in a
//! key select by name across folders; the beginning of a name alone (`run=1` for `run=10`) selects nothing.
//!
//! # Errors while reading
//! Readers give [`std::io::Error`]s; [`StorageError::from_io`] turns them back into typed ones. Whatever was readable
//! was given before.

pub mod codec;
mod error;
mod handle;
mod local;
mod location;
mod names;
mod options;
mod read_ahead;
mod s3;
mod stdio;

use std::io::{Read, Write};
use std::ops::Range;

pub use error::StorageError;
pub use handle::Storage;
pub use local::LocalStore;
pub use location::{Location, LocationError};
pub use names::{Names, TEMPORARY_PREFIX};
pub use options::{Checksums, Encryption, S3Keys, StorageOptions};
pub use read_ahead::ReadAhead;
pub use s3::S3Store;
pub use stdio::StdioStore;

/// What a listing says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Where it is.
    pub location: Location,
    /// Its path below the input it was listed from, `/` between segments; the file name for a single file.
    pub relative: String,
    /// Size in bytes, as stored.
    pub size: u64,
    /// Entity tag without quotes (S3 only).
    pub etag: Option<String>,
    /// Last modification, milliseconds since 1970.
    pub modified: Option<i64>,
}

/// When a write may take place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Always; replaces what is there.
    #[default]
    None,
    /// Only if nothing is there (`If-None-Match: *`; `link` on local disks).
    Absent,
    /// Only if what is there still has this entity tag (S3).
    Etag(String),
}

/// What a finished write left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size in bytes, as stored.
    pub size: u64,
    /// CRC32C of the bytes as stored.
    pub crc32c: u32,
    /// Entity tag (S3 only).
    pub etag: Option<String>,
}

/// An object being written. It appears when [`ObjectWriter::finish`] returns, whole, or not at all.
pub trait ObjectWriter: Write + Send {
    /// Makes the object visible. Dropping the writer instead leaves nothing behind.
    fn finish(self: Box<Self>) -> Result<Written, StorageError>;
}

/// One kind of storage. Implemented by local disks and by S3; nothing else needs to know which it is.
pub trait ObjectStore: Send + Sync {
    /// Visits the objects below a location in key order, a page at a time; stops when `visit` returns `false`. A
    /// location that names a file or a key visits just that one, whatever its name.
    fn list(&self, at: &Location, names: Names, visit: &mut dyn FnMut(ObjectMeta) -> bool) -> Result<(), StorageError>;

    /// The names of the folders directly below a location, in byte order, without walking into them.
    fn folders(&self, at: &Location) -> Result<Vec<String>, StorageError>;

    /// What is stored at exactly this location; `None` if nothing is.
    fn head(&self, at: &Location) -> Result<Option<ObjectMeta>, StorageError>;

    /// The bytes as stored, read ahead where that pays.
    fn open(&self, object: &ObjectMeta) -> Result<Box<dyn Read + Send>, StorageError>;

    /// A range of the bytes as stored, cut at the object's end.
    fn open_range(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError>;

    /// Starts a write. `expected_size` (0 if unknown) helps to choose part sizes.
    fn create(
        &self,
        at: &Location,
        precondition: Precondition,
        expected_size: u64,
    ) -> Result<Box<dyn ObjectWriter>, StorageError>;

    /// Deletes exactly this object, if `etag` is given only in that version. Deleting what is not there succeeds.
    fn delete(&self, at: &Location, etag: Option<&str>) -> Result<(), StorageError>;
}

#[cfg(test)]
mod local_tests;
