//! Blocks of lzop files as they are stored, to move them into another lzop file without compressing them again.
//!
//! Appending whole lzop files byte by byte is no safe merge: lzop reads the result, hadoop-lzo stops at the first end mark
//! and rejects what follows. One header, the blocks of all files and one end mark are read by both.

use std::io::{self, BufReader, Read};

use super::lzop_read::LzopReader;
use super::source::Source;

const BUFFER: usize = 256 << 10;

/// A block that was decoded, and whose checksums agree.
#[derive(Clone, Copy, Debug)]
pub struct LzopBlock<'b> {
    /// Its content.
    pub plain: &'b [u8],
    /// The compressed form it was stored in, if it was compressed.
    pub compressed: Option<&'b [u8]>,
    /// The flags that say which checksums it was stored with; see [`super::LzopEncoder::with_checksums`].
    pub checksums: u32,
}

/// Reads an lzop file, or several in a row, block by block.
pub struct LzopBlocks {
    reader: LzopReader,
}

impl LzopBlocks {
    /// Reads bytes as stored.
    pub fn new(stored: Box<dyn Read + Send>) -> LzopBlocks {
        let source = Source::new(Box::new(BufReader::with_capacity(BUFFER, stored)), 0);
        LzopBlocks { reader: LzopReader::new(source) }
    }

    /// The next block; `None` at the end. Damage comes as an error that holds a [`super::CodecError`].
    pub fn next_block(&mut self) -> io::Result<Option<LzopBlock<'_>>> {
        self.reader.whole_block()
    }
}
