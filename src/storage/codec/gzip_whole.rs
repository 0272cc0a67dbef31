//! gzip held in memory: libdeflate decodes member by member at twice the speed of a streaming inflate. Whatever it
//! cannot do (a huge member, damage) is left to [`GzipReader`], which gives the readable part and names the place.

use std::io::{self, Cursor};
use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_free_decompressor,
    libdeflate_gzip_decompress_ex, libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE,
    libdeflate_result_LIBDEFLATE_SUCCESS,
};

use super::gzip_read::GzipReader;
use super::source::Source;
use super::{CodecError, GZIP_MAGIC};

/// A libdeflate decompressor. The safe bindings do not say how much of the input a member took, which is what
/// multi-member files need.
struct MemberDecoder {
    raw: NonNull<libdeflate_decompressor>,
}

// SAFETY: the decompressor is plain memory without ties to a thread; it is only used through `&mut self`.
unsafe impl Send for MemberDecoder {}

enum Member {
    Decoded {
        stored: usize,
    },
    /// The member does not fit.
    Full,
    Bad,
}

impl MemberDecoder {
    fn new() -> MemberDecoder {
        // SAFETY: no preconditions; null means out of memory.
        let raw = unsafe { libdeflate_alloc_decompressor() };
        MemberDecoder { raw: NonNull::new(raw).expect("out of memory for a decompressor") }
    }

    /// Decodes the member at the beginning of `stored`, appending at most `room` bytes to `plain`.
    fn decode(&mut self, stored: &[u8], room: usize, plain: &mut Vec<u8>) -> Member {
        let (mut consumed, mut produced) = (0, 0);
        plain.reserve(room);
        let spare = &mut plain.spare_capacity_mut()[..room];
        // SAFETY: both buffers are valid for the lengths given, and the output is only written to.
        let result = unsafe {
            libdeflate_gzip_decompress_ex(
                self.raw.as_ptr(),
                stored.as_ptr().cast(),
                stored.len(),
                spare.as_mut_ptr().cast(),
                spare.len(),
                &mut consumed,
                &mut produced,
            )
        };
        if result == libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE {
            return Member::Full;
        }
        if result != libdeflate_result_LIBDEFLATE_SUCCESS {
            return Member::Bad;
        }
        // SAFETY: on success libdeflate has written `produced` bytes, never more than the spare capacity.
        unsafe { plain.set_len(plain.len() + produced) };
        Member::Decoded { stored: consumed }
    }
}

impl Drop for MemberDecoder {
    fn drop(&mut self) {
        // SAFETY: allocated by `libdeflate_alloc_decompressor` and freed once.
        unsafe { libdeflate_free_decompressor(self.raw.as_ptr()) }
    }
}

/// Deflate cannot shrink data further than this, so a larger claim is a lie.
const MAX_RATIO: usize = 1032;

/// A guess at the decoded size of a single member: its last four bytes, if they are believable.
fn size_hint(stored: &[u8]) -> usize {
    let tail = stored.last_chunk::<4>().copied().unwrap_or_default();
    let claimed = u32::from_le_bytes(tail) as usize;
    let usual = stored.len().saturating_mul(4);
    if claimed <= stored.len().saturating_mul(MAX_RATIO) { claimed.max(usual) } else { usual }
}

/// Decodes members from the beginning of `stored` until one does not fit in `limit` bytes of output, or something is
/// wrong. Returns how much of `stored` is done.
fn decode_members(decoder: &mut MemberDecoder, stored: &[u8], limit: usize, plain: &mut Vec<u8>) -> usize {
    let mut done = 0;
    let mut room = size_hint(stored).max(4 << 10);
    while stored[done..].starts_with(&GZIP_MAGIC) {
        let left = limit.saturating_sub(plain.len());
        let wanted = room.min(left);
        match decoder.decode(&stored[done..], wanted, plain) {
            Member::Decoded { stored: consumed } => done += consumed,
            Member::Full if wanted < left => room = room.saturating_mul(2),
            Member::Full | Member::Bad => break,
        }
        if plain.len() >= limit {
            break;
        }
    }
    done
}

/// Decodes a whole gzip object of at most `cap` decoded bytes, appending to `plain` all that is readable even if an
/// error follows. Returns where the last member ended.
pub(super) fn decode_whole(stored: &[u8], cap: usize, plain: &mut Vec<u8>) -> Result<usize, CodecError> {
    let before = plain.len();
    let done = decode_members(&mut MemberDecoder::new(), stored, before.saturating_add(cap), plain);
    if done == stored.len() {
        return Ok(done);
    }
    let rest = Source::new(Box::new(Cursor::new(stored[done..].to_vec())), done as u64);
    let mut reader = GzipReader::resume(rest, (plain.len() - before) as u64, done > 0);
    super::decoder::append_up_to(&mut |target| reader.read(target), "gzip", before, cap, plain)?;
    Ok(reader.data_end() as usize)
}

/// Decoded bytes handed out at a time.
const CHUNK: usize = 16 << 20;

/// Reads gzip that is held in memory.
pub(super) struct WholeGzipReader {
    stored: Vec<u8>,
    done: usize,
    decoder: MemberDecoder,
    chunk: Vec<u8>,
    chunk_read: usize,
    plain: u64,
    rest: Option<Box<GzipReader>>,
}

impl WholeGzipReader {
    pub(super) fn new(stored: Vec<u8>) -> WholeGzipReader {
        let decoder = MemberDecoder::new();
        WholeGzipReader { stored, done: 0, decoder, chunk: Vec::new(), chunk_read: 0, plain: 0, rest: None }
    }

    pub(super) fn position(&self) -> u64 {
        self.rest.as_ref().map_or(self.done as u64, |rest| rest.position())
    }

    /// Where the last whole member ended; what follows is padding.
    pub(super) fn data_end(&self) -> u64 {
        self.rest.as_ref().map_or(self.done as u64, |rest| rest.data_end())
    }

    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if let Some(rest) = &mut self.rest {
            return rest.read(target);
        }
        if self.chunk_read == self.chunk.len() {
            self.chunk.clear();
            self.chunk_read = 0;
            let before = self.done;
            self.done += decode_members(&mut self.decoder, &self.stored[before..], CHUNK, &mut self.chunk);
            self.plain += self.chunk.len() as u64;
            if self.done == before {
                return self.leave_to_streaming().read(target);
            }
        }
        let count = target.len().min(self.chunk.len() - self.chunk_read);
        if count == 0 && !target.is_empty() {
            // A member without content.
            return self.read(target);
        }
        target[..count].copy_from_slice(&self.chunk[self.chunk_read..][..count]);
        self.chunk_read += count;
        Ok(count)
    }

    fn leave_to_streaming(&mut self) -> &mut GzipReader {
        self.chunk = Vec::new();
        let mut rest = Cursor::new(std::mem::take(&mut self.stored));
        rest.set_position(self.done as u64);
        let source = Source::new(Box::new(rest), self.done as u64);
        self.rest.insert(Box::new(GzipReader::resume(source, self.plain, self.done > 0)))
    }
}
