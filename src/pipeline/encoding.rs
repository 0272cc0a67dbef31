//! [`Encoding`]: how parts are stored. Workers make blocks, the part's writer puts a frame around them.

use std::fmt;

use crate::storage::codec::{GzipBlock, GzipEncoder, GzipFrame, GzipMembers, LzopEncoder};

/// How parts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// Compressed by gzip.
    Gzip {
        /// How many members a part gets.
        members: GzipMembers,
        /// 0 to 12.
        level: u32,
    },
    /// In the container of the S3 loader's library, blocks stored as they are.
    Lzop,
}

impl Encoding {
    /// What the names of files get at their end.
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

/// Bytes as they will be stored.
pub struct Block {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Records in them.
    pub records: u64,
    gzip: Option<GzipBlock>,
}

/// Turns plain bytes into blocks; one per worker and output.
#[derive(Default)]
pub enum BlockEncoder {
    /// Leaves them as they are.
    #[default]
    Plain,
    /// Compresses them.
    Gzip(GzipEncoder),
    /// Puts them into blocks of the lzop container.
    Lzop(LzopEncoder),
}

impl BlockEncoder {
    /// An encoder for parts stored like this.
    pub fn new(encoding: Encoding) -> BlockEncoder {
        match encoding {
            Encoding::Plain => BlockEncoder::Plain,
            Encoding::Gzip { members, level } => BlockEncoder::Gzip(GzipEncoder::new(members, level)),
            // The header of the file is its frame's business.
            Encoding::Lzop => BlockEncoder::Lzop(LzopEncoder::new(false, 0, &mut Vec::new())),
        }
    }

    /// Encodes whole records.
    pub fn block(&mut self, plain: &[u8], records: u64) -> Block {
        let mut bytes = Vec::new();
        let mut gzip = None;
        match self {
            BlockEncoder::Plain => bytes.extend_from_slice(plain),
            BlockEncoder::Gzip(encoder) => gzip = Some(encoder.block(plain, &mut bytes)),
            BlockEncoder::Lzop(encoder) => encoder.append(plain, &mut bytes),
        }
        bytes.shrink_to_fit();
        Block { bytes, records, gzip }
    }
}

/// What stands before and after the blocks of a part.
#[derive(Default)]
pub enum Frame {
    /// Nothing.
    #[default]
    Plain,
    /// gzip's header and trailer, unless every block is a member of its own.
    Gzip(GzipFrame),
    /// The header and the end of an lzop file.
    Lzop(LzopEncoder),
}

impl Frame {
    /// Writes what stands before the blocks.
    pub fn begin(encoding: Encoding, out: &mut Vec<u8>) -> Frame {
        match encoding {
            Encoding::Plain => Frame::Plain,
            Encoding::Gzip { members, .. } => Frame::Gzip(GzipFrame::begin(members, out)),
            Encoding::Lzop => Frame::Lzop(LzopEncoder::new(false, 0, out)),
        }
    }

    /// Takes note of a block that is appended.
    pub fn add(&mut self, block: &Block) {
        if let (Frame::Gzip(frame), Some(gzip)) = (self, block.gzip) {
            frame.add(gzip);
        }
    }

    /// Writes what stands after the blocks.
    pub fn finish(self, out: &mut Vec<u8>) {
        match self {
            Frame::Plain => {}
            Frame::Gzip(frame) => frame.finish(out),
            Frame::Lzop(encoder) => drop(encoder.finish(out)),
        }
    }
}
