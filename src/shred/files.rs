//! Part files of one kind of rows: one after the other, each about as large as wanted.

use crate::pipeline::{Block, Encoding, PartWriter};
use crate::run::Part;
use crate::storage::{Location, Storage, StorageError};

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
    open: Option<(String, PartWriter)>,
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
        if self.open.as_ref().is_some_and(|(_, file)| file.stored() + size > self.target_size && file.records() > 0) {
            self.close()?;
        }
        let (_, file) = match &mut self.open {
            Some(open) => open,
            empty => {
                let name = format!("{}/part-{:05}.txt{}", self.place.path, number(), self.encoding.suffix());
                let location = name.split('/').fold(self.place.root.clone(), |at, part| at.join(part));
                empty.insert((name, PartWriter::create(storage, location, self.encoding)?))
            }
        };
        file.append(block)
    }

    /// Bytes of the open part that wait in memory for the store to take them.
    pub(super) fn held(&self) -> usize {
        self.open.as_ref().map_or(0, |(_, file)| file.held())
    }

    /// Sends what waits, unless it is too little.
    pub(super) fn relieve(&mut self) -> Result<(), StorageError> {
        self.open.as_mut().map_or(Ok(()), |(_, file)| file.relieve())
    }

    /// Ends the open part; what comes goes into another.
    pub(super) fn close(&mut self) -> Result<(), StorageError> {
        let Some((name, file)) = self.open.take() else { return Ok(()) };
        let records = file.records();
        let written = file.finish()?;
        self.parts.push(Part {
            folder: self.place.folder_index,
            output: self.place.output.to_owned(),
            name,
            size: written.size,
            crc32c: written.crc32c_text(),
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
