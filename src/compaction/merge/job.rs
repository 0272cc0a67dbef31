//! One output and the files that go into it, each looked at before any of it is written.

use std::io::{self, Cursor, Read};
use std::ops::Range;

use super::{Merger, Verify};
use crate::compaction::error::CompactionError;
use crate::compaction::moving::{
    check_content, check_stored, check_unchanged, copy_unchanged, is_about, left_in_place, part,
};
use crate::compaction::names;
use crate::compaction::output::{Finished, Output};
use crate::compaction::source::{Facts, HEAD, Look, for_each_chunk, look_at_all};
use crate::run::{InputRecords, SplitRecord};
use crate::storage::codec::{Codec, CodecError, LzopBlocks, decode_whole};
use crate::storage::{ObjectMeta, Precondition, StorageError};

/// Files up to this size are held in memory while they are looked at.
const SMALL: u64 = 8 << 20;
/// Their content up to this size as well.
const SMALL_CONTENT: usize = 64 << 20;
/// One output, with what is noted of it.
pub(super) struct Job<'j> {
    merger: &'j Merger<'j>,
    output: Output<'j>,
    target: &'j str,
    record: SplitRecord,
    /// Lines in the output; unknown as soon as those of one file are.
    lines: Option<u64>,
    merged: usize,
    stored: Vec<u8>,
    plain: Vec<u8>,
}

impl<'j> Job<'j> {
    pub(super) fn new(merger: &'j Merger<'j>, output: Output<'j>, target: &'j str, record: SplitRecord) -> Job<'j> {
        let (stored, plain) = (Vec::new(), Vec::new());
        Job { merger, output, target, record, lines: Some(0), merged: 0, stored, plain }
    }
}

impl Job<'_> {
    /// Whether a file is not one of those that are fetched ahead and held in memory, or perhaps not: that is decided when
    /// its turn comes, because it depends on what was written before it.
    pub(super) fn may_be_large(&self, object: &ObjectMeta) -> bool {
        object.size > SMALL || (self.may_be_trusted() && self.output.could_copy(object))
    }

    /// Whether files are appended without a look at their content where the store can do it, if they are in the output's
    /// codec.
    fn may_be_trusted(&self) -> bool {
        let options = &self.merger.options;
        let as_it_is = matches!(self.output.codec(), Codec::Plain | Codec::Gzip) && options.codec.is_none();
        as_it_is && options.verify != Verify::Content
    }

    /// Takes a file that is not fetched ahead.
    pub(super) fn take_single(&mut self, input: usize, object: &ObjectMeta) -> Result<(), CompactionError> {
        if self.may_be_trusted() && self.output.can_copy(object) {
            return self.take_trusted(input, object);
        }
        if object.size <= SMALL {
            return self.take_small(input, object, self.merger.storage.open(object));
        }
        self.record.counters.count("files", 1);
        self.take_streamed(input, object)
    }

    pub(super) fn take_small(
        &mut self,
        input: usize,
        object: &ObjectMeta,
        opened: Result<Box<dyn Read + Send>, StorageError>,
    ) -> Result<(), CompactionError> {
        self.record.counters.count("files", 1);
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        let read = opened.and_then(|mut reader| {
            let read =
                reader.read_to_end(&mut stored).map_err(|error| StorageError::from_io(&object.location, error))?;
            if read as u64 != object.size {
                return Err(StorageError::PreconditionFailed { location: object.location.clone() });
            }
            check_unchanged(self.merger.storage, object)
        });
        let taken = match read {
            Ok(()) => self.take_bytes(input, object, &stored),
            Err(error) if is_about(&error, object) => {
                self.merger.leave(object, input, left_in_place(&error), &mut self.record)
            }
            Err(error) => Err(error.into()),
        };
        self.stored = stored;
        taken
    }

    fn take_bytes(&mut self, input: usize, object: &ObjectMeta, stored: &[u8]) -> Result<(), CompactionError> {
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        let taken = match self.facts(object, stored, &mut plain) {
            Ok(facts) => self.emit(&facts, stored, &plain).map(|()| self.note(input, &facts)),
            Err(CodecError::TooLarge { .. }) => self.take_streamed(input, object),
            Err(error) => self.set_aside(input, object, &error),
        };
        plain.clear();
        self.plain = plain;
        taken
    }

    /// What is in a file that is held in memory; its content goes to `plain` if it is compressed.
    fn facts(&self, object: &ObjectMeta, stored: &[u8], plain: &mut Vec<u8>) -> Result<Facts, CodecError> {
        let name = object.location.file_name();
        let codec = Codec::detect(stored, name)?;
        let believed = self.merger.options.verify == Verify::Stored && codec == self.output.codec();
        let mut data_end = stored.len();
        let look = match codec {
            Codec::Plain if believed => Look::at_ends(stored, stored.last().copied().unwrap_or(b'\n')),
            Codec::Plain => Look::at(stored),
            Codec::Gzip if believed => {
                return Ok(Facts { codec, data_end: data_end as u64, is_open: false, lines: None });
            }
            _ => {
                data_end = decode_whole(stored, name, SMALL_CONTENT, plain)?.data_end;
                Look::at(plain)
            }
        };
        let lines = if believed && codec == Codec::Plain { None } else { look.lines() };
        Ok(Facts { codec, data_end: data_end as u64, is_open: look.is_open(), lines })
    }

    /// Writes a file that is held in memory.
    fn emit(&mut self, facts: &Facts, stored: &[u8], plain: &[u8]) -> Result<(), CompactionError> {
        match (facts.codec, self.output.codec()) {
            (Codec::Plain, Codec::Plain) | (Codec::Gzip, Codec::Gzip) => {
                self.output.stored(&stored[..facts.data_end as usize])?;
            }
            (Codec::Lzop, Codec::Lzop) => self.emit_blocks(Box::new(Cursor::new(stored.to_vec())))?,
            (Codec::Plain, _) => self.output.content(stored)?,
            _ => self.output.content(plain)?,
        }
        self.end_line(facts)
    }

    fn emit_blocks(&mut self, stored: Box<dyn Read + Send>) -> Result<(), CompactionError> {
        let mut blocks = LzopBlocks::new(stored);
        let at = self.merger.folder.join(self.target);
        while let Some(block) = blocks.next_block().map_err(|error| StorageError::from_io(&at, error))? {
            self.output.block(block)?;
        }
        Ok(())
    }

    fn end_line(&mut self, facts: &Facts) -> Result<(), CompactionError> {
        if facts.is_open && self.merger.options.repair {
            self.output.content(b"\n")?;
            self.record.counters.count("line_ends_added", 1);
        }
        Ok(())
    }

    /// Notes a file that is in the output.
    fn note(&mut self, input: usize, facts: &Facts) {
        self.merged += 1;
        self.lines = self.lines.zip(facts.lines).map(|(all, more)| all + more);
        if let Some(records) = facts.lines {
            self.record.inputs.push(InputRecords { input, records });
            self.record.counters.records_in += records;
            self.record.counters.records_good_source += records;
        }
    }

    /// Copies a file that cannot be merged as it is, alone: whoever reads it next will say what is wrong with it, and
    /// nothing of it is lost.
    fn set_aside(
        &mut self,
        input: usize,
        object: &ObjectMeta,
        why: &dyn std::fmt::Display,
    ) -> Result<(), CompactionError> {
        let name = names::alone(self.target, object);
        match copy_unchanged(self.merger.storage, object, &self.merger.folder.join(&name)) {
            Ok(written) => {
                self.merger.fail(object, input, format!("{why}; copied as it is to {name}"), &mut self.record)?;
                self.record.parts.push(part(name.clone(), &written));
                self.record.elsewhere.insert(input, Some(name));
                self.record.counters.count("files_set_aside", 1);
                Ok(())
            }
            Err(CompactionError::Storage(error)) if is_about(&error, object) => {
                self.merger.leave(object, input, left_in_place(&error), &mut self.record)
            }
            Err(error) => Err(error),
        }
    }

    fn take_trusted(&mut self, input: usize, object: &ObjectMeta) -> Result<(), CompactionError> {
        self.record.counters.count("files", 1);
        match self.facts_of_ends(object) {
            Ok(Some(facts)) => {
                self.output.stored_object(object, 0..facts.data_end)?;
                self.end_line(&facts)?;
                self.record.counters.count("files_joined_by_store", 1);
                self.note(input, &facts);
                Ok(())
            }
            Ok(None) => self.take_streamed(input, object),
            Err(error) if is_about(&error, object) => {
                self.merger.leave(object, input, left_in_place(&error), &mut self.record)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the ends of a file tell; `None` if it is not in the output's codec.
    fn facts_of_ends(&self, object: &ObjectMeta) -> Result<Option<Facts>, StorageError> {
        let read = |range: Range<u64>| {
            let mut bytes = Vec::new();
            let mut reader = self.merger.storage.open_range(object, range)?;
            reader.read_to_end(&mut bytes).map_err(|error| StorageError::from_io(&object.location, error))?;
            Ok::<_, StorageError>(bytes)
        };
        let head = read(0..HEAD as u64)?;
        let codec = Codec::detect(&head, object.location.file_name()).ok();
        if codec != Some(self.output.codec()) {
            return Ok(None);
        }
        let is_open = match codec {
            Some(Codec::Plain) => {
                let last = read(object.size - 1..object.size)?;
                Look::at_ends(&head, last.last().copied().unwrap_or(b'\n')).is_open()
            }
            _ => false,
        };
        Ok(Some(Facts { codec: self.output.codec(), data_end: object.size, is_open, lines: None }))
    }

    /// Reads a file twice: once to see that it is whole, once to write it.
    fn take_streamed(&mut self, input: usize, object: &ObjectMeta) -> Result<(), CompactionError> {
        let facts = match self.facts_streamed(object) {
            Ok(facts) => facts,
            Err(StorageError::Corrupt { source, .. }) => return self.set_aside(input, object, &source),
            Err(error) if is_about(&error, object) => {
                return self.merger.leave(object, input, left_in_place(&error), &mut self.record);
            }
            Err(error) => return Err(error.into()),
        };
        match (facts.codec, self.output.codec()) {
            (Codec::Plain, Codec::Plain) | (Codec::Gzip, Codec::Gzip) => {
                self.output.stored_object(object, 0..facts.data_end)?;
            }
            (Codec::Lzop, Codec::Lzop) => self.emit_blocks(self.merger.storage.open(object)?)?,
            _ => {
                let mut decoder = self.merger.storage.open_decoded(object)?;
                let output = &mut self.output;
                for_each_chunk(&mut decoder, &mut |piece| output.content(piece).map_err(io::Error::from))
                    .map_err(|error| StorageError::from_io(&object.location, error))?;
            }
        }
        // Some of it is written, so there is no way back but to begin the output again.
        check_unchanged(self.merger.storage, object)?;
        self.end_line(&facts)?;
        self.note(input, &facts);
        Ok(())
    }

    fn facts_streamed(&self, object: &ObjectMeta) -> Result<Facts, StorageError> {
        let mut decoder = self.merger.storage.open_decoded(object)?;
        let look = look_at_all(&mut decoder).map_err(|error| StorageError::from_io(&object.location, error))?;
        check_unchanged(self.merger.storage, object)?;
        let data_end = decoder.data_end();
        Ok(Facts { codec: decoder.codec(), data_end, is_open: look.is_open(), lines: look.lines() })
    }

    pub(super) fn finish(self) -> Result<SplitRecord, CompactionError> {
        let Job { merger, output, target, mut record, lines, merged, .. } = self;
        if merged == 0 {
            return Ok(record);
        }
        let codec = output.codec();
        let Finished { written, index } = output.finish()?;
        let location = merger.folder.join(target);
        check_stored(merger.storage, &location, written.size)?;
        if merger.options.verify == Verify::Content {
            merger.read_back(&location, &written, lines)?;
        } else if merger.options.delete {
            check_content(merger.storage, &location, &written)?;
        }
        let mut merged_part = part(target.to_owned(), &written);
        merged_part.records = lines.unwrap_or(0);
        record.parts.push(merged_part);
        if let Some(index) = index.filter(|_| merger.options.index && codec == Codec::Lzop) {
            let name = format!("{target}.index");
            let written = merger.storage.write_all(&merger.folder.join(&name), &index, Precondition::None)?;
            record.parts.push(part(name, &written));
        }
        Ok(record)
    }
}
