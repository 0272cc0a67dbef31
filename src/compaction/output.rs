//! One merged file while it is written.

use std::ops::Range;

use super::error::CompactionError;
use crate::storage::codec::{Codec, GzipEncoder, GzipMembers, LzopBlock, LzopEncoder};
use crate::storage::{Location, ObjectMeta, ObjectWriter, Precondition, Storage, StorageError, Written};

/// Content that is compressed at once.
const MEMBER: usize = 1 << 20;
/// Smallest object that S3 appends by itself.
const SMALLEST_COPY: u64 = 5 << 20;

/// A file in one codec, to which stored bytes, blocks and content are appended.
pub(super) struct Output<'o> {
    storage: &'o Storage,
    target: Location,
    writer: Box<dyn ObjectWriter>,
    is_remote: bool,
    codec: Codec,
    gzip_level: u32,
    gzip: Option<GzipEncoder>,
    lzop: Option<LzopEncoder>,
    /// Content that is not compressed yet.
    pending: Vec<u8>,
    scratch: Vec<u8>,
    size: u64,
}

/// A merged file that is in place.
pub(super) struct Finished {
    pub written: Written,
    /// The index that belongs to an lzop file.
    pub index: Option<Vec<u8>>,
}

impl<'o> Output<'o> {
    pub(super) fn create(
        storage: &'o Storage,
        target: Location,
        codec: Codec,
        gzip_level: u32,
        expected_size: u64,
    ) -> Result<Output<'o>, StorageError> {
        let writer = storage.create(&target, Precondition::None, expected_size)?;
        let (pending, scratch) = (Vec::new(), Vec::new());
        let is_remote = matches!(target, Location::S3 { .. });
        Ok(Output {
            storage,
            target,
            writer,
            is_remote,
            codec,
            gzip_level,
            gzip: None,
            lzop: None,
            pending,
            scratch,
            size: 0,
        })
    }

    pub(super) fn codec(&self) -> Codec {
        self.codec
    }

    /// Whether the store can append the object by itself, but for its beginning perhaps.
    pub(super) fn can_copy(&self, object: &ObjectMeta) -> bool {
        self.writer.copy_lead(object, &(0..object.size)).is_some()
    }

    /// The same, if nothing else were in the file yet.
    pub(super) fn could_copy(&self, object: &ObjectMeta) -> bool {
        self.is_remote && object.size >= SMALLEST_COPY && matches!(object.location, Location::S3 { .. })
    }

    /// Appends bytes that are in the file's codec.
    pub(super) fn stored(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.compress_pending(0)?;
        self.write(bytes)
    }

    /// Appends a range of a stored object that is in the file's codec.
    pub(super) fn stored_object(&mut self, object: &ObjectMeta, range: Range<u64>) -> Result<(), StorageError> {
        self.compress_pending(0)?;
        self.size += range.end - range.start;
        self.storage.append(self.writer.as_mut(), object, range)
    }

    /// Appends a block of another lzop file. The first one decides which checksums this file has.
    pub(super) fn block(&mut self, block: LzopBlock<'_>) -> Result<(), StorageError> {
        self.compress_pending(0)?;
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let begin = |out: &mut Vec<u8>| LzopEncoder::with_checksums(block.checksums, true, 0, out);
        self.lzop.get_or_insert_with(|| begin(&mut out)).append_block(block, &mut out);
        let written = self.write(&out);
        self.scratch = out;
        written
    }

    /// Appends content, in the file's codec.
    pub(super) fn content(&mut self, plain: &[u8]) -> Result<(), StorageError> {
        if self.codec == Codec::Plain {
            return self.write(plain);
        }
        self.pending.extend_from_slice(plain);
        self.compress_pending(MEMBER)
    }

    /// Compresses what is pending, in pieces that end with a line where there are lines, until less than `least` is left;
    /// all of it if `least` is 0.
    fn compress_pending(&mut self, least: usize) -> Result<(), StorageError> {
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !rest.is_empty() && rest.len() >= least {
            let most = rest.len().min(MEMBER);
            let line_end = memchr::memrchr(b'\n', &rest[..most]).map(|at| at + 1);
            let end = if most < MEMBER { most } else { line_end.unwrap_or(most) };
            let mut out = std::mem::take(&mut self.scratch);
            out.clear();
            self.compress(&rest[..end], &mut out);
            rest = &rest[end..];
            let written = self.write(&out);
            self.scratch = out;
            written?;
        }
        let done = pending.len() - rest.len();
        self.pending = pending;
        self.pending.drain(..done);
        Ok(())
    }

    fn compress(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        if self.codec == Codec::Lzop {
            let begin = |out: &mut Vec<u8>| LzopEncoder::new(true, 0, out);
            self.lzop.get_or_insert_with(|| begin(out)).append(plain, out);
        } else {
            let level = self.gzip_level;
            self.gzip.get_or_insert_with(|| GzipEncoder::new(GzipMembers::Many, level)).block(plain, out);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.size += bytes.len() as u64;
        self.writer.write_all(bytes).map_err(|error| StorageError::from_io(&self.target, error))
    }

    /// Makes the file visible. One without content is a valid empty file of its codec.
    pub(super) fn finish(mut self) -> Result<Finished, CompactionError> {
        self.compress_pending(0)?;
        let mut end = Vec::new();
        let mut index = None;
        match self.codec {
            Codec::Gzip if self.size == 0 => {
                GzipEncoder::new(GzipMembers::Many, self.gzip_level).block(&[], &mut end);
            }
            Codec::Lzop => {
                let lzop = self.lzop.take().unwrap_or_else(|| LzopEncoder::new(true, 0, &mut end));
                index = Some(lzop.finish(&mut end));
            }
            _ => {}
        }
        self.write(&end)?;
        let Output { writer, size, target, .. } = self;
        let written = writer.finish()?;
        if written.size != size {
            let detail = format!("{} bytes were written, {size} were given", written.size);
            return Err(CompactionError::Unverified { location: target, detail });
        }
        Ok(Finished { written, index })
    }
}
