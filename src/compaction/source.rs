//! What is found in a file before it is merged.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::storage::codec::{Codec, Decoder};

/// First bytes that decide whether content is made of lines.
pub(super) const HEAD: usize = 1024;

/// Reads at once.
pub(super) const CHUNK: usize = 1 << 20;

/// What is noticed of content that passes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    seen: u64,
    line_ends: u64,
    last: u8,
    binary: bool,
}

impl Look {
    /// Content that is here as a whole.
    pub(super) fn at(content: &[u8]) -> Look {
        let mut look = Look::default();
        look.add(content);
        look
    }

    /// Only the ends of content that is not looked at: its first bytes and its last one.
    pub(super) fn at_ends(head: &[u8], last: u8) -> Look {
        Look { seen: 1, line_ends: 0, last, binary: is_binary(head) }
    }

    pub(super) fn add(&mut self, piece: &[u8]) {
        let Some(&last) = piece.last() else { return };
        if self.seen == 0 {
            self.binary = is_binary(piece);
        }
        self.seen += piece.len() as u64;
        self.last = last;
        if !self.binary {
            self.line_ends += memchr::memchr_iter(b'\n', piece).count() as u64;
        }
    }

    /// Whether a line is without its end.
    pub(super) fn is_open(&self) -> bool {
        self.seen > 0 && !self.binary && self.last != b'\n'
    }

    /// How many lines there are; unknown for binary content.
    pub(super) fn lines(&self) -> Option<u64> {
        (!self.binary).then(|| self.line_ends + u64::from(self.is_open()))
    }
}

/// Thrift has zero bytes in each record, text has none. A line end put into binary content would be damage.
fn is_binary(head: &[u8]) -> bool {
    memchr::memchr(0, &head[..head.len().min(HEAD)]).is_some()
}

/// What is known of a file that is to be merged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub codec: Codec,
    /// Where its data ends; what follows is padding.
    pub data_end: u64,
    /// Its content has a last line without an end.
    pub is_open: bool,
    /// Lines, where they were counted.
    pub lines: Option<u64>,
}

/// Reads a decoder to its end.
pub(super) fn look_at_all(decoder: &mut Decoder) -> io::Result<Look> {
    let mut look = Look::default();
    for_each_chunk(decoder, &mut |piece| {
        look.add(piece);
        Ok(())
    })?;
    Ok(look)
}

/// Gives what a reader has in pieces of about a MiB.
pub(super) fn for_each_chunk(reader: &mut dyn Read, visit: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if filled == 0 {
            return Ok(());
        }
        visit(&buffer[..filled])?;
    }
}

/// A reader that sums up what passes through it.
pub(super) struct Summing {
    inner: Box<dyn Read + Send>,
    crc: Arc<AtomicU32>,
}

impl Summing {
    /// The reader, and where its CRC32C is found.
    pub(super) fn new(inner: Box<dyn Read + Send>) -> (Summing, Arc<AtomicU32>) {
        let crc = Arc::new(AtomicU32::new(0));
        (Summing { inner, crc: Arc::clone(&crc) }, crc)
    }
}

impl Read for Summing {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(target)?;
        let crc = crc32c::crc32c_append(self.crc.load(Ordering::Relaxed), &target[..count]);
        self.crc.store(crc, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_what_is_not_made_of_them() {
        let look = |content: &[u8]| {
            let look = Look::at(content);
            (look.lines(), look.is_open())
        };
        assert_eq!(look(b""), (Some(0), false));
        assert_eq!(look(b"a\nb\n"), (Some(2), false));
        assert_eq!(look(b"a\nb"), (Some(2), true));
        assert_eq!(look(b"\n"), (Some(1), false));
        assert_eq!(look(b"\x0b\x00\x01a"), (None, false));
        let mut pieces = Look::default();
        for piece in [&b"a\nb"[..], b"", b"c\nd"] {
            pieces.add(piece);
        }
        assert_eq!(pieces.lines(), Some(3));
        assert!(Look::at_ends(b"abc", b'c').is_open());
        assert!(!Look::at_ends(b"abc", b'\n').is_open());
        assert!(!Look::at_ends(b"a\0c", b'c').is_open());
    }
}
