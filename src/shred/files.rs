//! Part files of one kind of rows: one after the other, each about as large as wanted.

use std::io::Write;

use crate::pipeline::{Block, Encoding, Frame};
use crate::run::Part;
use crate::storage::{Location, ObjectWriter, Precondition, Storage, StorageError, Written};

/// An object being written.
pub(super) struct OpenFile {
    object: Box<dyn ObjectWriter>,
    location: Location,
    frame: Frame,
    /// Bytes as stored so far.
    pub stored: u64,
    /// Rows so far.
    pub rows: u64,
}

impl OpenFile {
    pub(super) fn create(storage: &Storage, location: Location, encoding: Encoding) -> Result<OpenFile, StorageError> {
        let object = storage.create(&location, Precondition::None, 0)?;
        let mut head = Vec::new();
        let frame = Frame::begin(encoding, &mut head);
        let mut file = OpenFile { object, location, frame, stored: 0, rows: 0 };
        file.write(&head)?;
        Ok(file)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.stored += bytes.len() as u64;
        self.object.write_all(bytes).map_err(|error| StorageError::from_io(&self.location, error))
    }

    pub(super) fn append(&mut self, block: &Block) -> Result<(), StorageError> {
        self.frame.add(block);
        self.rows += block.records;
        self.write(&block.bytes)
    }

    pub(super) fn finish(mut self) -> Result<Written, StorageError> {
        let mut tail = Vec::new();
        std::mem::take(&mut self.frame).finish(&mut tail);
        self.write(&tail)?;
        self.object.finish()
    }
}

/// Where the parts of one kind go.
#[derive(Clone, Debug)]
pub(super) struct PartPlace {
    /// Which of the run's folders.
    pub folder_index: usize,
    /// That folder.
    pub root: Location,
    /// The path below it.
    pub path: String,
    /// The output's name in manifests.
    pub output: &'static str,
}

/// The parts of one kind, as far as one wave has written them.
pub(super) struct RollingFile {
    place: PartPlace,
    encoding: Encoding,
    target_size: u64,
    open: Option<(String, OpenFile)>,
    parts: Vec<Part>,
}

impl RollingFile {
    pub(super) fn new(place: PartPlace, encoding: Encoding, target_size: u64) -> RollingFile {
        RollingFile { place, encoding, target_size, open: None, parts: Vec::new() }
    }

    /// The path below the run folder.
    pub(super) fn path(&self) -> &str {
        &self.place.path
    }

    /// Appends rows; `number` gives the next part's number when one is begun.
    pub(super) fn append(
        &mut self,
        block: &Block,
        storage: &Storage,
        number: impl FnOnce() -> u32,
    ) -> Result<(), StorageError> {
        let size = block.bytes.len() as u64;
        if self.open.as_ref().is_some_and(|(_, file)| file.stored + size > self.target_size && file.rows > 0) {
            self.close()?;
        }
        let (_, file) = match &mut self.open {
            Some(open) => open,
            empty => {
                let suffix = if self.encoding == Encoding::Plain { "" } else { ".gz" };
                let name = format!("{}/part-{:05}.txt{suffix}", self.place.path, number());
                let location = name.split('/').fold(self.place.root.clone(), |at, part| at.join(part));
                empty.insert((name, OpenFile::create(storage, location, self.encoding)?))
            }
        };
        file.append(block)
    }

    fn close(&mut self) -> Result<(), StorageError> {
        let Some((name, file)) = self.open.take() else { return Ok(()) };
        let records = file.rows;
        let written = file.finish()?;
        self.parts.push(Part {
            folder: self.place.folder_index,
            output: self.place.output.to_owned(),
            name,
            size: written.size,
            crc32c: format!("{:08x}", written.crc32c),
            records,
        });
        Ok(())
    }

    /// Makes the last part visible; all parts.
    pub(super) fn finish(&mut self) -> Result<Vec<Part>, StorageError> {
        self.close()?;
        Ok(std::mem::take(&mut self.parts))
    }
}
