//! lzop files: header, blocks and their checksums. The LZO1X data inside is decoded by lzokay.
//!
//! Sources: lzop 1.04 (file format), twitter/hadoop-lzo `LzopInputStream` and `LzopDecompressor` (what readers of the
//! pipeline refused). Concatenated lzop files are read to the end, as lzop does and hadoop-lzo does not.

use std::io;

use super::lzop_blocks::LzopBlock;
use super::source::{Source, Stop};
use super::{CodecError, LZOP_MAGIC};

pub(super) const ADLER_PLAIN: u32 = 0x1;
pub(super) const ADLER_STORED: u32 = 0x2;
const EXTRA_FIELD: u32 = 0x40;
pub(super) const CRC_PLAIN: u32 = 0x100;
pub(super) const CRC_STORED: u32 = 0x200;
/// The flags about checksums of blocks.
pub(super) const CHECKSUMS: u32 = ADLER_PLAIN | ADLER_STORED | CRC_PLAIN | CRC_STORED;
const MULTIPART: u32 = 0x400;
const FILTER: u32 = 0x800;
const HEADER_CRC: u32 = 0x1000;
const RESERVED: u32 = 0xFC000;

/// Newest format that is understood, and oldest library whose output is.
const NEWEST_NEEDED: u16 = 0x1010;
const OLDEST_LIBRARY: u16 = 0x0100;
/// The format version that brought level, "version needed" and the high word of the time.
const WITH_LEVEL: u16 = 0x0940;

/// Largest block that is believed; lzop itself writes 256 KiB.
const MAX_BLOCK: u32 = 64 << 20;

/// Decodes lzop from a [`Source`].
pub(super) struct LzopReader {
    source: Source,
    flags: u32,
    state: State,
    stored: Vec<u8>,
    block: Vec<u8>,
    block_read: usize,
    plain: u64,
}

enum State {
    Header { first: bool },
    Blocks,
    Done,
    Failed(CodecError),
}

impl LzopReader {
    pub(super) fn new(source: Source) -> LzopReader {
        let state = State::Header { first: true };
        LzopReader { source, flags: 0, state, stored: Vec::new(), block: Vec::new(), block_read: 0, plain: 0 }
    }

    pub(super) fn position(&self) -> u64 {
        self.source.position()
    }

    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        loop {
            if self.block_read < self.block.len() {
                let count = target.len().min(self.block.len() - self.block_read);
                target[..count].copy_from_slice(&self.block[self.block_read..][..count]);
                self.block_read += count;
                return Ok(count);
            }
            if matches!(self.state, State::Done) {
                return Ok(0);
            }
            self.advance()?;
        }
    }

    /// The next block, both ways; `None` at the end.
    pub(super) fn whole_block(&mut self) -> io::Result<Option<LzopBlock<'_>>> {
        self.block.clear();
        while self.block.is_empty() {
            if matches!(self.state, State::Done) {
                return Ok(None);
            }
            self.advance()?;
        }
        self.block_read = self.block.len();
        let compressed = (!self.stored.is_empty()).then_some(self.stored.as_slice());
        Ok(Some(LzopBlock { plain: &self.block, compressed, checksums: self.flags & CHECKSUMS }))
    }

    /// Goes one step on: a header, or a block.
    fn advance(&mut self) -> io::Result<()> {
        let outcome = match &self.state {
            State::Done => return Ok(()),
            State::Failed(error) => return Err(error.clone().into()),
            State::Header { first } => self.begin(*first),
            State::Blocks => self.next_block(),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Codec(error)) => {
                self.state = State::Failed(error);
                Ok(())
            }
            Err(Stop::Io(error)) => Err(error),
        }
    }

    fn begin(&mut self, first: bool) -> Result<(), Stop> {
        let more = if first { !self.source.buffer()?.is_empty() } else { self.source.skip_zeros()? };
        if !more {
            self.state = State::Done;
            return Ok(());
        }
        let mut magic = [0; LZOP_MAGIC.len()];
        let present = self.source.read_up_to(&mut magic)?;
        if magic[..present] != LZOP_MAGIC[..present] {
            let what = if first { "it is not lzop" } else { "bytes after the last block are no lzop file" };
            return Err(self.damaged(what).into());
        }
        if present < magic.len() {
            return Err(self.truncated().into());
        }
        self.read_header()?;
        self.state = State::Blocks;
        Ok(())
    }

    fn read_header(&mut self) -> Result<(), Stop> {
        let mut header = Vec::with_capacity(64);
        let version = self.header_u16(&mut header)?;
        let library = self.header_u16(&mut header)?;
        let needed = if version >= WITH_LEVEL { self.header_u16(&mut header)? } else { version };
        if needed > NEWEST_NEEDED || library < OLDEST_LIBRARY {
            let detail = format!("lzop format {needed:04x} written with LZO library {library:04x}");
            return Err(CodecError::Unsupported { detail }.into());
        }
        let [method] = self.header_bytes(&mut header)?;
        if !(1..=3).contains(&method) {
            return Err(CodecError::Unsupported { detail: format!("lzop method {method}") }.into());
        }
        if version >= WITH_LEVEL {
            self.header_bytes::<1>(&mut header)?;
        }
        self.flags = u32::from_be_bytes(self.header_bytes(&mut header)?);
        self.check_flags()?;
        let mode_and_time = if version >= WITH_LEVEL { 3 } else { 2 };
        for _ in 0..mode_and_time {
            self.header_bytes::<4>(&mut header)?;
        }
        let [name_length] = self.header_bytes(&mut header)?;
        for _ in 0..name_length {
            self.header_bytes::<1>(&mut header)?;
        }
        self.check_header(&header)?;
        if self.flags & EXTRA_FIELD != 0 {
            self.read_extra_field()?;
        }
        Ok(())
    }

    fn check_flags(&self) -> Result<(), CodecError> {
        for (flag, what) in [(MULTIPART, "a multi-part archive"), (FILTER, "a filter"), (RESERVED, "reserved flags")] {
            if self.flags & flag != 0 {
                return Err(CodecError::Unsupported { detail: format!("lzop with {what} (flags {:08x})", self.flags) });
            }
        }
        Ok(())
    }

    fn check_header(&mut self, header: &[u8]) -> Result<(), Stop> {
        let expected = self.u32()?;
        let actual = if self.flags & HEADER_CRC != 0 { crc32fast::hash(header) } else { adler32(header) };
        if expected != actual {
            return Err(self.damaged("the checksum of the header disagrees").into());
        }
        Ok(())
    }

    /// A field for other programs: checked and passed over.
    fn read_extra_field(&mut self) -> Result<(), Stop> {
        let mut field = Vec::new();
        let length = u32::from_be_bytes(self.header_bytes(&mut field)?);
        if length > MAX_BLOCK {
            return Err(self.damaged("the header's extra field is too long").into());
        }
        self.append_exactly(length as usize, &mut field)?;
        self.check_header(&field)
    }

    fn next_block(&mut self) -> Result<(), Stop> {
        self.block.clear();
        self.block_read = 0;
        if self.source.buffer()?.is_empty() {
            // The terminator is missing but nothing else: writers that died at a block's end.
            self.state = State::Done;
            return Ok(());
        }
        let plain_size = self.u32()?;
        if plain_size == 0 {
            self.state = State::Header { first: false };
            return Ok(());
        }
        let stored_size = self.u32()?;
        if plain_size > MAX_BLOCK || stored_size > plain_size {
            let detail = format!("a block claims {stored_size} stored for {plain_size} plain bytes");
            return Err(self.damaged(&detail).into());
        }
        let compressed = stored_size < plain_size;
        let plain_sums = self.checksums(ADLER_PLAIN, CRC_PLAIN)?;
        let stored_sums = if compressed { self.checksums(ADLER_STORED, CRC_STORED)? } else { Checksums::default() };
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        let decoded = self.decode_block(stored_size as usize, plain_size as usize, &mut stored, &stored_sums);
        self.stored = stored;
        decoded?;
        if let Err(detail) = plain_sums.check(&self.block) {
            self.block.clear();
            return Err(self.damaged(&format!("{detail} of a block's plain data disagrees")).into());
        }
        self.plain += self.block.len() as u64;
        Ok(())
    }

    fn decode_block(
        &mut self,
        stored_size: usize,
        plain_size: usize,
        stored: &mut Vec<u8>,
        sums: &Checksums,
    ) -> Result<(), Stop> {
        if stored_size == plain_size {
            let mut block = std::mem::take(&mut self.block);
            let read = self.append_exactly(stored_size, &mut block);
            self.block = block;
            if let Err(stop) = read {
                self.block.clear();
                return Err(stop);
            }
            return Ok(());
        }
        self.append_exactly(stored_size, stored)?;
        if let Err(detail) = sums.check(stored) {
            return Err(self.damaged(&format!("{detail} of a block's stored data disagrees")).into());
        }
        self.block.resize(plain_size, 0);
        match lzokay::decompress::decompress(stored, &mut self.block) {
            Ok(size) if size == plain_size => Ok(()),
            other => {
                self.block.clear();
                let detail = match other {
                    Ok(size) => format!("a block of {plain_size} plain bytes holds {size}"),
                    Err(error) => format!("a block cannot be decompressed ({error})"),
                };
                Err(self.damaged(&detail).into())
            }
        }
    }

    fn checksums(&mut self, adler_flag: u32, crc_flag: u32) -> Result<Checksums, Stop> {
        let adler = if self.flags & adler_flag != 0 { Some(self.u32()?) } else { None };
        let crc = if self.flags & crc_flag != 0 { Some(self.u32()?) } else { None };
        Ok(Checksums { adler, crc })
    }

    /// Appends as the bytes come, so that a false length costs no memory.
    fn append_exactly(&mut self, count: usize, target: &mut Vec<u8>) -> Result<(), Stop> {
        let mut left = count;
        while left > 0 {
            let buffered = self.source.buffer()?;
            if buffered.is_empty() {
                return Err(self.truncated().into());
            }
            let taken = buffered.len().min(left);
            target.extend_from_slice(&buffered[..taken]);
            self.source.consume(taken);
            left -= taken;
        }
        Ok(())
    }

    fn u32(&mut self) -> Result<u32, Stop> {
        let mut bytes = [0; 4];
        if self.source.read_up_to(&mut bytes)? < bytes.len() {
            return Err(self.truncated().into());
        }
        Ok(u32::from_be_bytes(bytes))
    }

    fn header_u16(&mut self, header: &mut Vec<u8>) -> Result<u16, Stop> {
        Ok(u16::from_be_bytes(self.header_bytes(header)?))
    }

    fn header_bytes<const N: usize>(&mut self, header: &mut Vec<u8>) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        if self.source.read_up_to(&mut bytes)? < N {
            return Err(self.truncated().into());
        }
        header.extend_from_slice(&bytes);
        Ok(bytes)
    }

    fn truncated(&self) -> CodecError {
        CodecError::Truncated { codec: "lzop", stored: self.source.position(), plain: self.plain }
    }

    fn damaged(&self, detail: &str) -> CodecError {
        let stored = self.source.position();
        CodecError::Damaged { codec: "lzop", stored, plain: self.plain, detail: detail.to_owned() }
    }
}

#[derive(Default)]
struct Checksums {
    adler: Option<u32>,
    crc: Option<u32>,
}

impl Checksums {
    fn check(&self, data: &[u8]) -> Result<(), &'static str> {
        if self.adler.is_some_and(|expected| expected != adler32(data)) {
            return Err("the Adler-32");
        }
        if self.crc.is_some_and(|expected| expected != crc32fast::hash(data)) {
            return Err("the CRC-32");
        }
        Ok(())
    }
}

pub(super) fn adler32(data: &[u8]) -> u32 {
    libdeflater::adler32(data)
}
