//! Part files of one kind of rows: one after the other, each about as large as wanted.

use std::io::Write;

use crate::run::Part;
use crate::storage::codec::{GzipBlock, GzipEncoder, GzipFrame, GzipMembers};
use crate::storage::{Location, ObjectWriter, Precondition, Storage, StorageError, Written};

/// How gzip files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GzipOptions {
    /// How many members a file gets.
    pub members: GzipMembers,
    /// 0 to 12.
    pub level: u32,
}

/// Rows as they will be stored.
pub(super) struct Encoded {
    pub bytes: Vec<u8>,
    pub gzip: Option<GzipBlock>,
    pub rows: u64,
}

/// Compresses rows, or leaves them as they are.
pub(super) struct Encoder(Option<GzipEncoder>);

impl Encoder {
    pub(super) fn new(gzip: Option<GzipOptions>) -> Encoder {
        Encoder(gzip.map(|options| GzipEncoder::new(options.members, options.level)))
    }

    pub(super) fn encode(&mut self, plain: Vec<u8>, rows: u64) -> Encoded {
        match &mut self.0 {
            None => Encoded { bytes: plain, gzip: None, rows },
            Some(encoder) => {
                let mut bytes = Vec::new();
                let gzip = Some(encoder.block(&plain, &mut bytes));
                bytes.shrink_to_fit();
                Encoded { bytes, gzip, rows }
            }
        }
    }
}

/// An object being written.
pub(super) struct OpenFile {
    object: Box<dyn ObjectWriter>,
    location: Location,
    frame: Option<GzipFrame>,
    /// Bytes as stored so far.
    pub stored: u64,
    /// Rows so far.
    pub rows: u64,
}

impl OpenFile {
    pub(super) fn create(
        storage: &Storage,
        location: Location,
        gzip: Option<GzipOptions>,
    ) -> Result<OpenFile, StorageError> {
        let object = storage.create(&location, Precondition::None, 0)?;
        let mut head = Vec::new();
        let frame = gzip.map(|options| GzipFrame::begin(options.members, &mut head));
        let mut file = OpenFile { object, location, frame, stored: 0, rows: 0 };
        file.write(&head)?;
        Ok(file)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.stored += bytes.len() as u64;
        self.object.write_all(bytes).map_err(|error| StorageError::from_io(&self.location, error))
    }

    pub(super) fn append(&mut self, block: &Encoded) -> Result<(), StorageError> {
        if let (Some(frame), Some(gzip)) = (&mut self.frame, block.gzip) {
            frame.add(gzip);
        }
        self.rows += block.rows;
        self.write(&block.bytes)
    }

    pub(super) fn finish(mut self) -> Result<Written, StorageError> {
        if let Some(frame) = self.frame.take() {
            let mut tail = Vec::new();
            frame.finish(&mut tail);
            self.write(&tail)?;
        }
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
    gzip: Option<GzipOptions>,
    target_size: u64,
    open: Option<(String, OpenFile)>,
    parts: Vec<Part>,
}

impl RollingFile {
    pub(super) fn new(place: PartPlace, gzip: Option<GzipOptions>, target_size: u64) -> RollingFile {
        RollingFile { place, gzip, target_size, open: None, parts: Vec::new() }
    }

    /// The path below the run folder.
    pub(super) fn path(&self) -> &str {
        &self.place.path
    }

    /// Appends rows; `number` gives the next part's number when one is begun.
    pub(super) fn append(
        &mut self,
        block: &Encoded,
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
                let suffix = if self.gzip.is_some() { ".gz" } else { "" };
                let name = format!("{}/part-{:05}.txt{suffix}", self.place.path, number());
                let location = name.split('/').fold(self.place.root.clone(), |at, part| at.join(part));
                empty.insert((name, OpenFile::create(storage, location, self.gzip)?))
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
