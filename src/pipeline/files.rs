//! Files of output: how they are encoded, what workers make, and what appends it.

use std::fmt;
use std::io::Write;

use crate::storage::codec::{GzipBlock, GzipEncoder, GzipFrame, GzipMembers, LzopEncoder};
use crate::storage::{Location, ObjectWriter, Precondition, Storage, StorageError, Written};

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// Compressed by gzip.
    Gzip {
        /// How many members a file gets.
        members: GzipMembers,
        /// 0 to 12.
        level: u32,
    },
    /// In the container of the S3 loader's library, blocks stored as they are.
    Lzop,
}

impl Encoding {
    /// What names end in: nothing, `.gz` or `.lzo`.
    pub fn suffix(self) -> &'static str {
        match self {
            Encoding::Plain => "",
            Encoding::Gzip { .. } => ".gz",
            Encoding::Lzop => ".lzo",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Encoding::Plain => f.write_str("none"),
            Encoding::Lzop => f.write_str("lzop"),
            Encoding::Gzip { members: GzipMembers::Many, level } => write!(f, "gzip level {level}"),
            Encoding::Gzip { members: GzipMembers::Single, level } => write!(f, "gzip level {level}, one member"),
        }
    }
}

/// Whole records as they will be stored.
pub struct Block {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Records in them.
    pub records: u64,
    gzip: Option<GzipBlock>,
}

/// One thread's encoder; keep it, it is expensive to make.
#[derive(Default)]
pub struct BlockEncoder {
    kind: Kind,
    scratch: Vec<u8>,
}

#[derive(Default)]
enum Kind {
    #[default]
    Plain,
    Gzip(GzipEncoder),
    Lzop(LzopEncoder),
}

impl BlockEncoder {
    /// An encoder.
    pub fn new(encoding: Encoding) -> BlockEncoder {
        let kind = match encoding {
            Encoding::Plain => Kind::Plain,
            Encoding::Gzip { members, level } => Kind::Gzip(GzipEncoder::new(members, level)),
            // The file's own header comes from its writer.
            Encoding::Lzop => Kind::Lzop(LzopEncoder::new(false, 0, &mut Vec::new())),
        };
        BlockEncoder { kind, scratch: Vec::new() }
    }

    /// Encodes whole records, the last of which ends in a newline. Blocks of one file may be made by different threads.
    pub fn encode(&mut self, plain: &[u8], records: u64) -> Block {
        self.scratch.clear();
        let gzip = match &mut self.kind {
            Kind::Plain => return Block { bytes: plain.to_vec(), records, gzip: None },
            Kind::Gzip(encoder) => Some(encoder.block(plain, &mut self.scratch)),
            Kind::Lzop(encoder) => {
                encoder.append(plain, &mut self.scratch);
                None
            }
        };
        // The scratch memory is as large as the worst case; a block is kept for a while.
        Block { bytes: self.scratch.as_slice().to_vec(), records, gzip }
    }
}

/// What stands before and after a file's blocks.
enum Frame {
    Plain,
    Gzip(GzipFrame),
    Lzop(LzopEncoder),
}

/// A file being written. It appears when it is finished; dropped before, it leaves nothing behind.
pub struct PartFile {
    object: Box<dyn ObjectWriter>,
    location: Location,
    frame: Frame,
    stored: u64,
    records: u64,
}

impl PartFile {
    /// Begins a file.
    pub fn create(storage: &Storage, location: Location, encoding: Encoding) -> Result<PartFile, StorageError> {
        let object = storage.create(&location, Precondition::None, 0)?;
        let mut begin = Vec::new();
        let frame = match encoding {
            Encoding::Plain => Frame::Plain,
            Encoding::Gzip { members, .. } => Frame::Gzip(GzipFrame::begin(members, &mut begin)),
            Encoding::Lzop => Frame::Lzop(LzopEncoder::new(false, 0, &mut begin)),
        };
        let mut file = PartFile { object, location, frame, stored: 0, records: 0 };
        file.write(&begin)?;
        Ok(file)
    }

    /// Bytes as stored so far.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Records so far.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Appends a block that was encoded like the file.
    pub fn append(&mut self, block: &Block) -> Result<(), StorageError> {
        if let (Frame::Gzip(frame), Some(gzip)) = (&mut self.frame, block.gzip) {
            frame.add(gzip);
        }
        self.records += block.records;
        self.write(&block.bytes)
    }

    /// Makes the file visible.
    pub fn finish(mut self) -> Result<Written, StorageError> {
        let mut end = Vec::new();
        match std::mem::replace(&mut self.frame, Frame::Plain) {
            Frame::Plain => {}
            Frame::Gzip(frame) => frame.finish(&mut end),
            Frame::Lzop(frame) => drop(frame.finish(&mut end)),
        }
        self.write(&end)?;
        self.object.finish()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.stored += bytes.len() as u64;
        self.object.write_all(bytes).map_err(|error| StorageError::from_io(&self.location, error))
    }
}
