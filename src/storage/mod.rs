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
#[cfg(target_os = "linux")]
mod reflink;
mod s3;
mod stdio;

use std::io::{Read, Write};
use std::ops::Range;

pub use error::StorageError;
pub use handle::{Storage, identity};
pub use local::LocalStore;
pub use location::{Location, LocationError};
pub use names::{Names, TEMPORARY_PREFIX, is_folder_marker, is_hidden};
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
    /// CRC32C of the bytes as stored; unknown if some of them were copied by the store itself.
    pub crc32c: Option<u32>,
    /// Entity tag (S3 only).
    pub etag: Option<String>,
}

impl Written {
    /// The checksum as manifests have it: 8 hexadecimal digits, nothing if it is unknown.
    pub fn crc32c_text(&self) -> String {
        self.crc32c.map_or_else(String::new, |crc| format!("{crc:08x}"))
    }
}

/// An object being written. It appears when [`ObjectWriter::finish`] returns, whole, or not at all.
pub trait ObjectWriter: Write + Send {
    /// Whether the store itself can append this range of a stored object: `Some(n)` if it can as soon as the first `n`
    /// bytes of the range have been written in the usual way.
    fn copy_lead(&self, _object: &ObjectMeta, _range: &Range<u64>) -> Option<u64> {
        None
    }

    /// Lets the store append a range of a stored object, the object being still the one that was listed. Only after
    /// [`ObjectWriter::copy_lead`] gave `Some(0)` for it.
    fn copy_range(&mut self, object: &ObjectMeta, _range: Range<u64>) -> Result<(), StorageError> {
        Err(StorageError::failed(&object.location, "cannot be appended without being read"))
    }

    /// Bytes held in memory: too few to be sent yet, or on their way.
    fn held(&self) -> usize {
        0
    }

    /// Sends what is held, unless the store does not take so little, and waits until it is there.
    fn relieve(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

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

    /// Copies an object that was listed, if the store can do so without its bytes passing through this process; `None`
    /// if it cannot. The copy appears whole or not at all.
    fn copy(&self, _source: &ObjectMeta, _target: &Location) -> Result<Option<Written>, StorageError> {
        Ok(None)
    }

    /// Deletes exactly this object, if `etag` is given only in that version. Deleting what is not there succeeds.
    fn delete(&self, at: &Location, etag: Option<&str>) -> Result<(), StorageError>;

    /// Deletes an object if it is still the one that was listed; [`StorageError::PreconditionFailed`] if it is not.
    /// Deleting what is not there succeeds.
    fn delete_listed(&self, object: &ObjectMeta) -> Result<(), StorageError> {
        self.delete(&object.location, object.etag.as_deref())
    }
}

#[cfg(test)]
mod local_tests;
