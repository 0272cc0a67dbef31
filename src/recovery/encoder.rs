//! Form-encoding, Java's `URLEncoder`, into memory that is kept from one text to the next.

use std::cell::RefCell;

use crate::scan::{BLOCK, special};

thread_local! {
    /// Where texts are encoded.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// More memory than that is not kept.
const KEPT_ROOM: usize = 1 << 20;

/// Lends an encoder with room for texts that are `most` bytes long before they are encoded.
pub(super) fn with_encoder<R>(most: usize, write: impl FnOnce(&mut Encoder<'_>) -> R) -> R {
    ROOM.with_borrow_mut(|room| {
        // Every byte may become three; the last block may not count.
        let length = 3 * most + BLOCK;
        if room.len() < length {
            room.resize(length, 0);
        }
        let result = write(&mut Encoder { out: room, length: 0 });
        if room.len() > KEPT_ROOM {
            *room = Vec::new();
        }
        result
    })
}

/// What is neither letter nor digit and stays as it is.
const BARE: [u8; 4] = *b".-*_";

/// What a byte becomes, and in the last place how many bytes that are.
static ENCODED: [u32; 256] = {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let byte = index as u8;
        table[index] = match byte {
            b' ' => u32::from_le_bytes([b'+', 0, 0, 1]),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => u32::from_le_bytes([byte, 0, 0, 1]),
            _ => u32::from_le_bytes([b'%', HEX[index >> 4], HEX[index & 15], 3]),
        };
        index += 1;
    }
    table
};

/// Encodes into memory that is large enough from the beginning.
pub(super) struct Encoder<'r> {
    out: &'r mut [u8],
    length: usize,
}

impl Encoder<'_> {
    /// The same by itself, which the compiler can keep in registers; what it writes is not known here.
    #[inline]
    pub(super) fn by_itself(&mut self) -> Encoder<'_> {
        Encoder { out: self.out, length: self.length }
    }

    /// How much there is so far.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Takes back what was written after the first `length` bytes.
    #[inline]
    pub(super) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// What was written so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.out[..self.length]
    }

    /// The same as a text: what is written is ASCII.
    pub(super) fn text(&self) -> &str {
        simdutf8::basic::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// Puts bytes at the end, without going on: all of them may not count.
    #[inline]
    fn place<const N: usize>(&mut self, bytes: &[u8; N]) {
        if let Some(room) = self.out.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut) {
            *room = *bytes;
        }
    }

    /// Writes bytes as they are.
    #[inline]
    pub(super) fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.place(bytes);
        self.length += N;
    }

    /// Writes a text that is encoded already.
    pub(super) fn copy(&mut self, encoded: &str) {
        self.out[self.length..self.length + encoded.len()].copy_from_slice(encoded.as_bytes());
        self.length += encoded.len();
    }

    /// Encodes one byte.
    #[inline]
    pub(super) fn encode_byte(&mut self, byte: u8) {
        let entry = ENCODED[usize::from(byte)];
        self.place(&entry.to_le_bytes());
        self.length += (entry >> 24) as usize;
    }

    /// Copies some bytes of a block.
    #[inline]
    pub(super) fn copy_of_block(&mut self, block: &[u8; BLOCK], from: usize, to: usize) {
        // All that follows, whatever of it counts: there is room.
        let moved = u128::from_le_bytes(*block) >> (8 * from);
        self.place(&moved.to_le_bytes());
        self.length += to - from;
    }

    /// Encodes a text.
    #[inline]
    pub(super) fn encode(&mut self, text: &[u8]) {
        let mut encoder = self.by_itself();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for block in blocks {
            let mut special = special_bytes(block);
            if special == 0 {
                encoder.put(block);
                continue;
            }
            let mut at = 0;
            while special != 0 {
                let next = special.trailing_zeros() as usize;
                if next > at {
                    encoder.copy_of_block(block, at, next);
                }
                encoder.encode_byte(block[next % BLOCK]);
                special &= special - 1;
                at = next + 1;
            }
            if at < BLOCK {
                encoder.copy_of_block(block, at, BLOCK);
            }
        }
        for byte in rest {
            encoder.encode_byte(*byte);
        }
        self.length = encoder.length;
    }
}

/// One bit for each byte of a block that does not stay as it is, the first byte's lowest.
#[inline]
pub(super) fn special_bytes(block: &[u8; BLOCK]) -> u32 {
    special(block, BARE)
}

/// Whether a byte stays as it is.
#[inline]
pub(super) fn is_bare(byte: u8) -> bool {
    ENCODED[usize::from(byte)] == u32::from_le_bytes([byte, 0, 0, 1])
}
