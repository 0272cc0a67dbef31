//! [`PartWriter`]: one part file, from its first block to its end.

use std::io::Write;

use super::encoding::{Block, Encoding, Frame};
use crate::storage::{Location, ObjectWriter, Precondition, Storage, StorageError, Written};

/// A part being written. It appears under its name when it is finished, and not at all if it is dropped.
pub struct PartWriter {
    object: Box<dyn ObjectWriter>,
    location: Location,
    frame: Frame,
    stored: u64,
    records: u64,
}

impl PartWriter {
    /// Begins a part.
    pub fn create(storage: &Storage, location: Location, encoding: Encoding) -> Result<PartWriter, StorageError> {
        let object = storage.create(&location, Precondition::None, 0)?;
        let mut begin = Vec::new();
        let frame = Frame::begin(encoding, &mut begin);
        let mut writer = PartWriter { object, location, frame, stored: 0, records: 0 };
        writer.write(&begin)?;
        Ok(writer)
    }

    /// Appends a block.
    pub fn append(&mut self, block: &Block) -> Result<(), StorageError> {
        self.frame.add(block);
        self.records += block.records;
        self.write(&block.bytes)
    }

    /// Bytes so far, as stored.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes that wait in memory for the store to take them.
    pub fn held(&self) -> usize {
        self.object.held()
    }

    /// Sends what waits, unless it is too little.
    pub fn relieve(&mut self) -> Result<(), StorageError> {
        self.object.relieve()
    }

    /// Ends the part and makes it visible.
    pub fn finish(mut self) -> Result<Written, StorageError> {
        let mut end = Vec::new();
        std::mem::take(&mut self.frame).finish(&mut end);
        self.write(&end)?;
        self.object.finish()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.stored += bytes.len() as u64;
        self.object.write_all(bytes).map_err(|error| StorageError::from_io(&self.location, error))
    }
}
