//! gzip member by member, held in memory: libdeflate decodes them at twice the speed of a streaming inflate. Whatever it
//! cannot do (a huge member, damage) is left to [`GzipReader`], which gives the readable part and names the place.

use std::io::{self, BufRead, Cursor, Read};
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

/// Decodes members from the beginning of `stored` until there are `enough` bytes of output, or one does not fit in
/// `limit` bytes, or something is wrong. If there is more to come after `stored`, a member that may be cut off is not
/// tried. Returns how much of `stored` is done.
// A stage of its own in profiles (benches/instructions.py).
#[inline(never)]
fn decode_members(
    decoder: &mut MemberDecoder,
    stored: &[u8],
    more_to_come: bool,
    (enough, limit): (usize, usize),
    plain: &mut Vec<u8>,
) -> usize {
    let mut done = 0;
    let mut room = size_hint(stored).max(4 << 10);
    let (mut most_stored, mut most_plain) = (0, 0);
    while stored[done..].starts_with(&GZIP_MAGIC) {
        let left = limit.saturating_sub(plain.len());
        let wanted = room.min(left);
        let before = plain.len();
        match decoder.decode(&stored[done..], wanted, plain) {
            Member::Decoded { stored: consumed } => {
                done += consumed;
                most_stored = most_stored.max(consumed);
                most_plain = most_plain.max(plain.len() - before);
            }
            Member::Full if wanted < left => room = room.saturating_mul(2),
            Member::Full | Member::Bad => break,
        }
        let is_full = limit.saturating_sub(plain.len()) < most_plain.max(1);
        if more_to_come && (is_full || stored.len() - done < 2 * most_stored) || plain.len() >= enough.min(limit) {
            break;
        }
    }
    done
}

/// Decodes a whole gzip object of at most `cap` decoded bytes, appending to `plain` all that is readable even if an
/// error follows. Returns where the last member ended.
pub(super) fn decode_whole(stored: &[u8], cap: usize, plain: &mut Vec<u8>) -> Result<usize, CodecError> {
    let before = plain.len();
    let done =
        decode_members(&mut MemberDecoder::new(), stored, false, (usize::MAX, before.saturating_add(cap)), plain);
    if done == stored.len() {
        return Ok(done);
    }
    let rest = Source::new(Box::new(Cursor::new(stored[done..].to_vec())), done as u64);
    let mut reader = GzipReader::resume(rest, (plain.len() - before) as u64, done > 0);
    super::decoder::append_up_to(&mut |target| reader.read(target), "gzip", before, cap, plain)?;
    Ok(reader.data_end() as usize)
}

/// Decoded bytes of a member that are held at most, of an object in memory and of a stream.
const LARGEST_MEMBERS: [usize; 2] = [16 << 20, 4 << 20];
/// Decoded bytes after which what there is is handed out: what was just decoded is still in the processor's cache.
const ENOUGH: usize = 256 << 10;
/// Stored bytes of a stream that are held in memory, so that there are whole members among them.
const WINDOW: usize = 4 << 20;

/// Reads gzip member by member: from memory, or through a window that is moved over a stream.
pub(super) struct MemberReader {
    /// What is held.
    stored: Vec<u8>,
    done: usize,
    /// Offset of what is held.
    offset: u64,
    /// What comes after it.
    source: Option<Source>,
    decoder: MemberDecoder,
    chunk: Vec<u8>,
    chunk_read: usize,
    plain: u64,
    /// Takes over when members are too large, or something is wrong.
    rest: Option<Box<GzipReader>>,
}

impl MemberReader {
    /// Reads an object held in memory.
    pub(super) fn whole(stored: Vec<u8>) -> MemberReader {
        MemberReader {
            stored,
            done: 0,
            offset: 0,
            source: None,
            decoder: MemberDecoder::new(),
            chunk: Vec::new(),
            chunk_read: 0,
            plain: 0,
            rest: None,
        }
    }

    /// Reads a stream from its beginning.
    pub(super) fn streamed(source: Source) -> MemberReader {
        MemberReader { source: Some(source), ..MemberReader::whole(Vec::new()) }
    }

    pub(super) fn position(&self) -> u64 {
        self.rest.as_ref().map_or(self.offset + self.done as u64, |rest| rest.position())
    }

    /// Where the last whole member ended; what follows is padding.
    pub(super) fn data_end(&self) -> u64 {
        self.rest.as_ref().map_or(self.offset + self.done as u64, |rest| rest.data_end())
    }

    pub(super) fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() {
            return Ok(0);
        }
        self.fill();
        if let Some(rest) = &mut self.rest {
            return rest.read(target);
        }
        let count = target.len().min(self.chunk.len() - self.chunk_read);
        target[..count].copy_from_slice(&self.chunk[self.chunk_read..][..count]);
        self.chunk_read += count;
        Ok(count)
    }

    /// Decodes until there is something to hand out, unless it has to be read as a stream.
    fn fill(&mut self) {
        while self.rest.is_none() && self.chunk_read == self.chunk.len() {
            self.next_chunk();
        }
    }

    /// Whether [`MemberReader::take_block`] has something; if not, the rest is for [`MemberReader::read`].
    pub(super) fn has_block(&mut self) -> bool {
        self.fill();
        self.rest.is_none()
    }

    /// What is decoded and was not read yet.
    pub(super) fn take_block(&mut self) -> &[u8] {
        let start = std::mem::replace(&mut self.chunk_read, self.chunk.len());
        &self.chunk[start..]
    }

    fn next_chunk(&mut self) {
        self.chunk.clear();
        self.chunk_read = 0;
        if let Err(error) = self.move_window() {
            return self.leave_to_streaming(Some(error));
        }
        let more_to_come = self.source.is_some();
        let limits = (ENOUGH, LARGEST_MEMBERS[usize::from(more_to_come)]);
        let done = decode_members(&mut self.decoder, &self.stored[self.done..], more_to_come, limits, &mut self.chunk);
        self.done += done;
        self.plain += self.chunk.len() as u64;
        if done == 0 {
            self.leave_to_streaming(None);
        }
    }

    /// Reads on as soon as half of the window is done.
    fn move_window(&mut self) -> io::Result<()> {
        let left = self.stored.len() - self.done;
        let Some(source) = self.source.as_mut().filter(|_| left < WINDOW / 2) else { return Ok(()) };
        self.stored.drain(..self.done);
        self.offset += self.done as u64;
        self.done = 0;
        let wanted = (WINDOW - left) as u64;
        if source.take(wanted).read_to_end(&mut self.stored)? < wanted as usize {
            self.source = None;
        }
        Ok(())
    }

    /// `error` is what the stream gave in place of more bytes; those before it are decoded first.
    fn leave_to_streaming(&mut self, error: Option<io::Error>) {
        let mut held = Cursor::new(std::mem::take(&mut self.stored));
        held.set_position(self.done as u64);
        let position = self.offset + self.done as u64;
        let failing = Failing(error);
        let bytes: Box<dyn BufRead + Send> = match self.source.take() {
            Some(source) => Box::new(held.chain(failing).chain(source.into_inner())),
            None => Box::new(held.chain(failing)),
        };
        self.rest = Some(Box::new(GzipReader::resume(Source::new(bytes, position), self.plain, position > 0)));
        self.chunk = Vec::new();
        self.chunk_read = 0;
    }
}

/// Gives an error, once.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

impl BufRead for Failing {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.take().map_or(Ok(&[]), Err)
    }

    fn consume(&mut self, _: usize) {}
}
