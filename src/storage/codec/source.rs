//! The stored side of a decoder: buffered bytes that know their offset.

use std::io::{self, BufRead, Read};

use super::CodecError;

/// Bytes as stored, with the offset of the next one.
pub(super) struct Source {
    bytes: Box<dyn BufRead + Send>,
    position: u64,
}

impl Source {
    pub(super) fn new(bytes: Box<dyn BufRead + Send>, position: u64) -> Source {
        Source { bytes, position }
    }

    pub(super) fn into_inner(self) -> Box<dyn BufRead + Send> {
        self.bytes
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// What is buffered, read on if nothing is; empty only at the end.
    pub(super) fn buffer(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.bytes.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Asked again because of the borrow; what is buffered stays buffered.
        self.bytes.fill_buf()
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.bytes.consume(count);
        self.position += count as u64;
    }

    /// Fills `target` as far as the input reaches and says how far that was.
    pub(super) fn read_up_to(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < target.len() {
            match self.read(&mut target[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Passes over zero bytes and says whether anything follows them.
    pub(super) fn skip_zeros(&mut self) -> io::Result<bool> {
        loop {
            let buffered = self.buffer()?;
            if buffered.is_empty() {
                return Ok(false);
            }
            let zeros = buffered.iter().take_while(|&&byte| byte == 0).count();
            let more = zeros < buffered.len();
            self.consume(zeros);
            if more {
                return Ok(true);
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(target)?;
        self.position += count as u64;
        Ok(count)
    }
}

/// Why a decoder stops: the format is violated, or the input below it fails.
pub(super) enum Stop {
    Codec(CodecError),
    Io(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Stop {
        Stop::Io(error)
    }
}

impl From<CodecError> for Stop {
    fn from(error: CodecError) -> Stop {
        Stop::Codec(error)
    }
}
