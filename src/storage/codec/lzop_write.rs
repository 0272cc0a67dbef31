//! Writes lzop files as the S3 loader's LZO library did: version 1010, no checksums, blocks of at most 245,693 bytes,
//! and the `.lzo.index` that lets Hadoop split them.
//!
//! Sources: twitter/hadoop-lzo `LzopOutputStream`, `LzoIndex`; snowplow/snowplow-s3-loader 0.6 `LzoSerializer`.

use super::LZOP_MAGIC;
use super::lzop_blocks::LzopBlock;
use super::lzop_read::{ADLER_PLAIN, ADLER_STORED, CHECKSUMS, CRC_PLAIN, CRC_STORED, adler32};

/// Largest block: what hadoop-lzo's 256 KiB buffer leaves after the worst-case growth of LZO1X.
const MAX_BLOCK: usize = 262_144 - 262_144 / 16 - 67;

/// Two lengths and up to four checksums, which stand before each block.
const BLOCK_HEAD: usize = 24;

/// Builds one lzop file piece by piece: [`LzopEncoder::new`] writes the header, [`LzopEncoder::append`] any number of
/// blocks, [`LzopEncoder::finish`] the end.
pub struct LzopEncoder {
    dictionary: Option<Box<lzokay::compress::Dict>>,
    scratch: Vec<u8>,
    offset: u64,
    blocks: Vec<u64>,
    checksums: u32,
}

impl LzopEncoder {
    /// Writes the header. `modified` is the time recorded in it, in seconds since 1970. Blocks are stored as they are
    /// unless `compress` is set: LZO compression is slow here (about 20 MB/s) and no reader needs it.
    pub fn new(compress: bool, modified: u32, out: &mut Vec<u8>) -> LzopEncoder {
        LzopEncoder::with_checksums(0, compress, modified, out)
    }

    /// The same with checksums in each block: those of [`LzopBlock::checksums`].
    pub fn with_checksums(checksums: u32, compress: bool, modified: u32, out: &mut Vec<u8>) -> LzopEncoder {
        let checksums = checksums & CHECKSUMS;
        let start = out.len();
        out.extend_from_slice(&LZOP_MAGIC);
        let fields = out.len();
        out.extend_from_slice(&[0x10, 0x10, 0x20, 0x60, 0x09, 0x40, 1, 5]);
        out.extend_from_slice(&checksums.to_be_bytes());
        out.extend_from_slice(&0o100_644_u32.to_be_bytes());
        out.extend_from_slice(&modified.to_be_bytes());
        out.extend_from_slice(&0_u32.to_be_bytes());
        out.push(0);
        let checksum = adler32(&out[fields..]);
        out.extend_from_slice(&checksum.to_be_bytes());
        let dictionary = compress.then(lzokay::compress::Dict::new);
        let offset = (out.len() - start) as u64;
        LzopEncoder { dictionary, scratch: Vec::new(), offset, blocks: Vec::new(), checksums }
    }

    /// Appends data as blocks. Small pieces make small blocks: give about 1 MiB at a time.
    pub fn append(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        if self.dictionary.is_none() {
            // At once: to grow would copy what is there, again and again.
            out.reserve(plain.len() + plain.len().div_ceil(MAX_BLOCK) * BLOCK_HEAD);
        }
        for block in plain.chunks(MAX_BLOCK) {
            let mut scratch = std::mem::take(&mut self.scratch);
            let compressed = self.compressed(block, &mut scratch);
            self.append_block(LzopBlock { plain: block, compressed, checksums: self.checksums }, out);
            self.scratch = scratch;
        }
    }

    /// Appends a block as it was stored in another file, with this file's checksums.
    pub fn append_block(&mut self, block: LzopBlock<'_>, out: &mut Vec<u8>) {
        self.blocks.push(self.offset);
        let start = out.len();
        let stored = block.compressed.unwrap_or(block.plain);
        out.extend_from_slice(&(block.plain.len() as u32).to_be_bytes());
        out.extend_from_slice(&(stored.len() as u32).to_be_bytes());
        self.append_checksums(ADLER_PLAIN, CRC_PLAIN, block.plain, out);
        if block.compressed.is_some() {
            self.append_checksums(ADLER_STORED, CRC_STORED, stored, out);
        }
        out.extend_from_slice(stored);
        self.offset += (out.len() - start) as u64;
    }

    fn append_checksums(&self, adler: u32, crc: u32, data: &[u8], out: &mut Vec<u8>) {
        if self.checksums & adler != 0 {
            out.extend_from_slice(&adler32(data).to_be_bytes());
        }
        if self.checksums & crc != 0 {
            out.extend_from_slice(&crc32fast::hash(data).to_be_bytes());
        }
    }

    /// The compressed form, if there is one and it is smaller.
    fn compressed<'s>(&mut self, block: &[u8], scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
        let dictionary = self.dictionary.as_mut()?;
        scratch.resize(lzokay::compress::compress_worst_size(block.len()), 0);
        let size = lzokay::compress::compress_no_alloc(block, scratch, dictionary).ok()?;
        (size < block.len()).then(|| &scratch[..size])
    }

    /// Writes the end and returns the content of the `.lzo.index` that belongs beside the file.
    pub fn finish(self, out: &mut Vec<u8>) -> Vec<u8> {
        out.extend_from_slice(&0_u32.to_be_bytes());
        self.blocks.iter().flat_map(|offset| offset.to_be_bytes()).collect()
    }
}
