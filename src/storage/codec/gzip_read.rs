//! Streaming gzip: every member is read, each one's CRC-32 and length are checked, zeros after the last are padding.
//!
//! Source: RFC 1952. That all members count is what Hadoop's readers and `gzip -d` do, and what S3DistCp's byte-wise
//! concatenation relies on.

use std::io;

use flate2::Decompress;

use super::deflate_read::{StepEnd, step};
use super::source::{Source, Stop};
use super::{CodecError, GZIP_MAGIC};

const FLAG_HEADER_CRC: u8 = 0x02;
const FLAG_EXTRA: u8 = 0x04;
const FLAG_NAME: u8 = 0x08;
const FLAG_COMMENT: u8 = 0x10;
const FLAGS_RESERVED: u8 = 0xE0;

/// Decodes gzip from a [`Source`].
pub(super) struct GzipReader {
    source: Source,
    inflate: Decompress,
    state: State,
    crc: crc32fast::Hasher,
    member_length: u64,
    plain: u64,
    data_end: u64,
}

enum State {
    /// Before a member; whether one came before it.
    Between {
        any_before: bool,
    },
    Body,
    Done,
    Failed(CodecError),
}

impl GzipReader {
    /// Begins or goes on at the beginning of a member, after `plain` bytes were decoded by other means.
    pub(super) fn resume(source: Source, plain: u64, any_before: bool) -> GzipReader {
        let data_end = source.position();
        GzipReader {
            source,
            inflate: Decompress::new(false),
            state: State::Between { any_before },
            crc: crc32fast::Hasher::new(),
            member_length: 0,
            plain,
            data_end,
        }
    }

    /// Where the last whole member ended; what follows is padding.
    pub(super) fn data_end(&self) -> u64 {
        self.data_end
    }

    pub(super) fn position(&self) -> u64 {
        self.source.position()
    }

    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        loop {
            let outcome = match &self.state {
                State::Done => return Ok(0),
                State::Failed(error) => return Err(error.clone().into()),
                State::Between { any_before } => self.begin_member(*any_before).map(|()| 0),
                State::Body => self.inflate_some(target),
            };
            match outcome {
                Ok(0) => {}
                Ok(produced) => return Ok(produced),
                Err(Stop::Codec(error)) => self.state = State::Failed(error),
                Err(Stop::Io(error)) => return Err(error),
            }
        }
    }

    fn begin_member(&mut self, any_before: bool) -> Result<(), Stop> {
        let more = if any_before { self.source.skip_zeros()? } else { !self.source.buffer()?.is_empty() };
        if !more {
            self.state = State::Done;
            return Ok(());
        }
        let mut fixed = [0; 10];
        let present = self.source.read_up_to(&mut fixed)?;
        let magic = present.min(2);
        if fixed[..magic] != GZIP_MAGIC[..magic] {
            let what = if any_before { "bytes after the last member are no gzip member" } else { "it is not gzip" };
            return Err(self.damaged(what).into());
        }
        if present < fixed.len() {
            return Err(self.truncated().into());
        }
        let [_, _, method, flags, ..] = fixed;
        if method != 8 || flags & FLAGS_RESERVED != 0 {
            return Err(self.damaged("a member's header has an unknown method or flag").into());
        }
        self.skip_optional_fields(flags)?;
        self.inflate.reset(false);
        self.crc = crc32fast::Hasher::new();
        self.member_length = 0;
        self.state = State::Body;
        Ok(())
    }

    fn skip_optional_fields(&mut self, flags: u8) -> Result<(), Stop> {
        if flags & FLAG_EXTRA != 0 {
            let length = u16::from_le_bytes(self.bytes::<2>()?);
            self.skip(length.into())?;
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            if flags & flag != 0 {
                self.skip_text()?;
            }
        }
        if flags & FLAG_HEADER_CRC != 0 {
            // Not checked, as gzip does not: what matters is the CRC of the data.
            self.skip(2)?;
        }
        Ok(())
    }

    fn inflate_some(&mut self, target: &mut [u8]) -> Result<usize, Stop> {
        let done = step(&mut self.source, &mut self.inflate, target)?;
        self.crc.update(&target[..done.produced]);
        self.member_length += done.produced as u64;
        self.plain += done.produced as u64;
        match done.end {
            StepEnd::More => {}
            StepEnd::OutOfInput => self.state = State::Failed(self.truncated()),
            StepEnd::Damaged(detail) => self.state = State::Failed(self.damaged(detail)),
            StepEnd::Finished => match self.end_member() {
                Ok(()) => self.state = State::Between { any_before: true },
                Err(Stop::Codec(error)) => self.state = State::Failed(error),
                Err(Stop::Io(error)) => return Err(error.into()),
            },
        }
        Ok(done.produced)
    }

    fn end_member(&mut self) -> Result<(), Stop> {
        let crc = u32::from_le_bytes(self.bytes::<4>()?);
        let length = u32::from_le_bytes(self.bytes::<4>()?);
        if crc != self.crc.clone().finalize() {
            return Err(self.damaged("the CRC-32 of a member disagrees with its data").into());
        }
        if length != self.member_length as u32 {
            return Err(self.damaged("the length of a member disagrees with its data").into());
        }
        self.data_end = self.source.position();
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        if self.source.read_up_to(&mut bytes)? < N {
            return Err(self.truncated().into());
        }
        Ok(bytes)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), Stop> {
        while count > 0 {
            let available = self.source.buffer()?.len().min(count);
            if available == 0 {
                return Err(self.truncated().into());
            }
            self.source.consume(available);
            count -= available;
        }
        Ok(())
    }

    fn skip_text(&mut self) -> Result<(), Stop> {
        loop {
            let buffered = self.source.buffer()?;
            if buffered.is_empty() {
                return Err(self.truncated().into());
            }
            let end = memchr::memchr(0, buffered);
            let count = end.map_or(buffered.len(), |at| at + 1);
            self.source.consume(count);
            if end.is_some() {
                return Ok(());
            }
        }
    }

    fn truncated(&self) -> CodecError {
        CodecError::Truncated { codec: "gzip", stored: self.source.position(), plain: self.plain }
    }

    fn damaged(&self, detail: &str) -> CodecError {
        let stored = self.source.position();
        CodecError::Damaged { codec: "gzip", stored, plain: self.plain, detail: detail.to_owned() }
    }
}
