//! [`Storage`]: one handle for every kind of location.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::codec::Decoder;
use super::local::LocalStore;
use super::read_ahead::ReadAhead;
use super::s3::S3Store;
use super::stdio::StdioStore;
use super::{
    Location, Names, ObjectMeta, ObjectStore, ObjectWriter, Precondition, StorageError, StorageOptions, Written,
};

/// All storage there is, behind one cheap handle: clone it into every thread. S3 is set up when it is first needed, so
/// local work needs no credentials and pays nothing for it.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

struct Shared {
    local: LocalStore,
    stdio: StdioStore,
    s3: OnceLock<Result<S3Store, String>>,
    options: StorageOptions,
}

/// Objects up to this size are read into memory before they are decoded.
const WHOLE_OBJECT: u64 = 16 << 20;
const COPY_BUFFER: u64 = 1 << 20;

impl Storage {
    /// Storage with these knobs. Touches nothing yet.
    pub fn new(options: StorageOptions) -> Storage {
        let shared = Shared { local: LocalStore, stdio: StdioStore, s3: OnceLock::new(), options };
        Storage { shared: Arc::new(shared) }
    }

    /// The knobs it was made with.
    pub fn options(&self) -> &StorageOptions {
        &self.shared.options
    }

    fn store(&self, at: &Location) -> Result<&dyn ObjectStore, StorageError> {
        match at {
            Location::Local(_) => Ok(&self.shared.local),
            Location::Stdio => Ok(&self.shared.stdio),
            Location::S3 { .. } => {
                let start = || S3Store::new(self.options().clone()).map_err(|error| error.to_string());
                match self.shared.s3.get_or_init(start) {
                    Ok(store) => Ok(store),
                    Err(detail) => Err(StorageError::failed(at, format!("S3 cannot be used: {detail}"))),
                }
            }
        }
    }

    /// The data objects of all inputs: inputs in the order given, objects of one input in key order. An object that
    /// several inputs name is given once, where it is named first.
    ///
    /// A local path that does not exist is [`StorageError::NotFound`]; an S3 prefix without objects gives nothing.
    pub fn list(&self, inputs: &[Location]) -> Result<Vec<ObjectMeta>, StorageError> {
        let mut objects = Vec::new();
        if let [input] = inputs {
            self.visit(input, Names::Data, &mut |object| {
                objects.push(object);
                true
            })?;
            return Ok(objects);
        }
        let mut seen = HashSet::new();
        for input in inputs {
            self.visit(input, Names::Data, &mut |object| {
                if seen.insert(identity(&object.location)) {
                    objects.push(object);
                }
                true
            })?;
        }
        Ok(objects)
    }

    /// Everything stored at or below a location, hidden names included, in key order. Nothing there: nothing given.
    pub fn list_all(&self, at: &Location) -> Result<Vec<ObjectMeta>, StorageError> {
        let mut objects = Vec::new();
        let listed = self.visit(at, Names::All, &mut |object| {
            objects.push(object);
            true
        });
        match listed {
            Ok(()) | Err(StorageError::NotFound { .. }) => Ok(objects),
            Err(error) => Err(error),
        }
    }

    /// Whether anything, even hidden, is stored at or below a location.
    pub fn any(&self, at: &Location) -> Result<bool, StorageError> {
        let mut found = false;
        let listed = self.visit(at, Names::All, &mut |_| {
            found = true;
            false
        });
        match listed {
            Ok(()) | Err(StorageError::NotFound { .. }) => Ok(found),
            Err(error) => Err(error),
        }
    }

    /// [`ObjectStore::list`], for listings too long to hold.
    pub fn visit(
        &self,
        at: &Location,
        names: Names,
        visit: &mut dyn FnMut(ObjectMeta) -> bool,
    ) -> Result<(), StorageError> {
        self.store(at)?.list(at, names, visit)
    }

    /// The names of the folders directly below a location, in byte order, without walking into them.
    pub fn folders(&self, at: &Location) -> Result<Vec<String>, StorageError> {
        self.store(at)?.folders(at)
    }

    /// What is stored at exactly this location; `None` if nothing is.
    pub fn head(&self, at: &Location) -> Result<Option<ObjectMeta>, StorageError> {
        self.store(at)?.head(at)
    }

    /// The bytes as stored of an object that was listed.
    pub fn open(&self, object: &ObjectMeta) -> Result<Box<dyn Read + Send>, StorageError> {
        self.store(&object.location)?.open(object)
    }

    /// A range of the bytes as stored, cut at the object's end.
    pub fn open_range(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        self.store(&object.location)?.open_range(object, range)
    }

    /// Starts a write; the object appears when the writer is finished. `expected_size` may be 0.
    pub fn create(
        &self,
        at: &Location,
        precondition: Precondition,
        expected_size: u64,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.store(at)?.create(at, precondition, expected_size)
    }

    /// Copies an object that was listed, by the cheapest way there is: the store's own copy, parts copied by the store,
    /// or through this process. The copy appears whole or not at all.
    pub fn copy(&self, source: &ObjectMeta, target: &Location) -> Result<Written, StorageError> {
        let same_store = std::mem::discriminant(&source.location) == std::mem::discriminant(target);
        if same_store && let Some(written) = self.store(target)?.copy(source, target)? {
            return Ok(written);
        }
        let mut writer = self.create(target, Precondition::None, source.size)?;
        self.append(writer.as_mut(), source, 0..source.size)?;
        writer.finish()
    }

    /// Appends a range of an object that was listed to one that is being written, without moving its bytes through this
    /// process as far as the store can do that. An object that is shorter than it was listed is an error.
    pub fn append(
        &self,
        writer: &mut dyn ObjectWriter,
        object: &ObjectMeta,
        range: Range<u64>,
    ) -> Result<(), StorageError> {
        let Some(lead) = writer.copy_lead(object, &range) else {
            return self.append_bytes(writer, object, range);
        };
        let rest = range.start + lead;
        self.append_bytes(writer, object, range.start..rest)?;
        writer.copy_range(object, rest..range.end)
    }

    fn append_bytes(
        &self,
        writer: &mut dyn ObjectWriter,
        object: &ObjectMeta,
        range: Range<u64>,
    ) -> Result<(), StorageError> {
        let wanted = range.end - range.start;
        if wanted == 0 {
            return Ok(());
        }
        let failed = |error| StorageError::from_io(&object.location, error);
        let mut stored = if range == (0..object.size) { self.open(object)? } else { self.open_range(object, range)? };
        let mut buffer = vec![0; wanted.min(COPY_BUFFER) as usize];
        let mut copied = 0;
        while copied < wanted {
            let room = buffer.len().min((wanted - copied) as usize);
            let count = match stored.read(&mut buffer[..room]) {
                Ok(0) => return Err(StorageError::PreconditionFailed { location: object.location.clone() }),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            writer.write_all(&buffer[..count]).map_err(|error| cannot_copy(object, error))?;
            copied += count as u64;
        }
        Ok(())
    }

    /// Deletes an object if it is still the one that was listed; [`StorageError::PreconditionFailed`] if it is not.
    pub fn delete_listed(&self, object: &ObjectMeta) -> Result<(), StorageError> {
        self.store(&object.location)?.delete_listed(object)
    }

    /// Deletes exactly this object, if `etag` is given only in that version.
    pub fn delete(&self, at: &Location, etag: Option<&str>) -> Result<(), StorageError> {
        self.store(at)?.delete(at, etag)
    }

    /// The whole object as stored, for configuration, manifests and journals.
    pub fn read_all(&self, at: &Location) -> Result<Vec<u8>, StorageError> {
        let object = self.head(at)?.ok_or_else(|| StorageError::NotFound { location: at.clone() })?;
        let mut bytes = Vec::with_capacity(object.size.min(64 << 20) as usize);
        self.open(&object)?.read_to_end(&mut bytes).map_err(|error| StorageError::from_io(at, error))?;
        Ok(bytes)
    }

    /// The plain bytes of an object that was listed. Objects small enough are fetched whole first, which decodes
    /// faster. Errors while reading: see [`Decoder`].
    pub fn open_decoded(&self, object: &ObjectMeta) -> Result<Decoder, StorageError> {
        self.decode(object, self.open(object)?)
    }

    /// Decodes an object that is open already.
    pub(super) fn decode(
        &self,
        object: &ObjectMeta,
        mut stored: Box<dyn Read + Send>,
    ) -> Result<Decoder, StorageError> {
        let failed = |error| StorageError::from_io(&object.location, error);
        if object.size == 0 || object.size > WHOLE_OBJECT {
            return Decoder::new(stored, &object.relative).map_err(failed);
        }
        let mut bytes = Vec::with_capacity(object.size as usize);
        stored.read_to_end(&mut bytes).map_err(failed)?;
        Decoder::whole(bytes, &object.relative).map_err(|error| failed(error.into()))
    }

    /// Opens objects in order, those on S3 ahead of use: up to `max_in_flight` of them, holding at most about
    /// `budget_bytes`. Small ones are then in memory before they are asked for, large ones are streamed.
    /// [`ReadAhead::decoded`] gives plain bytes.
    pub fn read_ahead(&self, objects: Vec<ObjectMeta>, budget_bytes: u64, max_in_flight: usize) -> ReadAhead {
        ReadAhead::new(self.clone(), objects, budget_bytes, max_in_flight)
    }

    /// Writes a whole object.
    pub fn write_all(&self, at: &Location, bytes: &[u8], precondition: Precondition) -> Result<Written, StorageError> {
        let mut writer = self.create(at, precondition, bytes.len() as u64)?;
        writer.write_all(bytes).map_err(|error| StorageError::from_io(at, error))?;
        writer.finish()
    }
}

/// The fault is on the other side; storage that says so itself is believed.
fn cannot_copy(object: &ObjectMeta, error: std::io::Error) -> StorageError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<StorageError>()) {
        Some(known) => known.clone(),
        None => StorageError::failed(&object.location, format!("what it is appended to cannot be written: {error}")),
    }
}

/// Two spellings of one local path are one object.
pub fn identity(at: &Location) -> Location {
    match at {
        Location::Local(path) => Location::Local(path.canonicalize().unwrap_or_else(|_| path.clone())),
        other => other.clone(),
    }
}
