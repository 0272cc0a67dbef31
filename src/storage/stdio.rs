//! Standard input and output as one object named `-`.

use std::io::{self, Read, Write};
use std::ops::Range;

use super::{Location, Names, ObjectMeta, ObjectStore, ObjectWriter, Precondition, StorageError, Written};

/// The standard streams. A writer here cannot take back what it wrote: dropping it leaves the bytes in the pipe.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdioStore;

fn stream() -> ObjectMeta {
    ObjectMeta { location: Location::Stdio, relative: "-".to_owned(), size: 0, etag: None, modified: None }
}

impl ObjectStore for StdioStore {
    fn list(&self, _: &Location, _: Names, visit: &mut dyn FnMut(ObjectMeta) -> bool) -> Result<(), StorageError> {
        visit(stream());
        Ok(())
    }

    fn folders(&self, _: &Location) -> Result<Vec<String>, StorageError> {
        Ok(Vec::new())
    }

    fn head(&self, _: &Location) -> Result<Option<ObjectMeta>, StorageError> {
        Ok(Some(stream()))
    }

    fn open(&self, _: &ObjectMeta) -> Result<Box<dyn Read + Send>, StorageError> {
        Ok(Box::new(io::stdin()))
    }

    fn open_range(&self, _: &ObjectMeta, _: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        Err(StorageError::failed(&Location::Stdio, "a stream cannot be read in pieces"))
    }

    fn create(&self, _: &Location, _: Precondition, _: u64) -> Result<Box<dyn ObjectWriter>, StorageError> {
        Ok(Box::new(StdoutWriter { size: 0, crc: 0 }))
    }

    fn delete(&self, _: &Location, _: Option<&str>) -> Result<(), StorageError> {
        Err(StorageError::failed(&Location::Stdio, "a stream cannot be deleted"))
    }
}

struct StdoutWriter {
    size: u64,
    crc: u32,
}

impl Write for StdoutWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, &bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl ObjectWriter for StdoutWriter {
    fn finish(mut self: Box<Self>) -> Result<Written, StorageError> {
        self.flush().map_err(|error| StorageError::from_io(&Location::Stdio, error))?;
        Ok(Written { size: self.size, crc32c: Some(self.crc), etag: None })
    }
}
