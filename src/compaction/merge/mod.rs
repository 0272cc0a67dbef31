//! Joins the files of a group.
//!
//! gzip files are joined member by member, lzop files block by block, text as it is: nothing is compressed anew unless a
//! change of codec is asked for. A line end that is missing between two files is put there, as a gzip member or an lzop
//! block of its own where they are compressed. A file is looked at before any of it is written, so that one that is
//! damaged costs nobody else: it is copied as it is, alone.

mod job;

use std::ops::Range;
use std::sync::atomic::Ordering;

use self::job::Job;
use super::error::CompactionError;
use super::jobs::Limits;
use super::moving::{copy_unchanged, is_about, left_in_place, part};
use super::names;
use super::output::Output;
use super::plan::Planned;
use super::source::{Summing, look_at_all};
use crate::report::Meter;
use crate::run::{FailedInput, SplitRecord};
use crate::storage::codec::{Codec, Decoder};
use crate::storage::{Location, ObjectMeta, Storage, StorageError, Written};

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    /// The content of everything but what the store joins by itself.
    Auto,
    /// All content; each output is read back.
    Content,
    /// Bytes as stored.
    Stored,
}

/// How files are joined.
#[derive(Clone, Copy, Debug)]
pub struct MergeOptions {
    /// The codec of all outputs; `None` keeps each group's own.
    pub codec: Option<Codec>,
    /// Level of gzip where it is written anew.
    pub gzip_level: u32,
    /// Whether missing line ends are added.
    pub repair: bool,
    /// How much is checked.
    pub verify: Verify,
    /// Whether sources go afterwards: local outputs are read back then, whatever `verify` says.
    pub delete: bool,
    /// Whether lzop files get an index.
    pub index: bool,
    /// Whether a file that cannot be merged ends the run.
    pub fail_fast: bool,
}

/// What is fetched from S3 ahead of use, for each output that is being written.
const AHEAD_BYTES: u64 = 64 << 20;
const AHEAD_OBJECTS: usize = 64;

/// Joins files.
pub struct Merger<'m> {
    /// All storage.
    pub storage: &'m Storage,
    /// What goes where.
    pub planned: &'m Planned,
    /// The run folder.
    pub folder: &'m Location,
    /// How.
    pub options: MergeOptions,
}

impl Merger<'_> {
    /// Writes the output of a split.
    pub fn merge(&self, split: usize, range: Range<usize>, limits: Limits<'_>) -> Result<SplitRecord, CompactionError> {
        let objects = &self.planned.objects[range.clone()];
        let target = self.planned.targets[range.start].as_str();
        let codec = Codec::detect(b"?", target);
        let record = SplitRecord { split, ..SplitRecord::default() };
        let (Ok(codec), false) = (codec, self.is_plain_copy(objects, target)) else {
            return self.copy(objects, range.start, record, limits);
        };
        let expected = objects.iter().map(|object| object.size).sum();
        let location = self.folder.join(target);
        let output = Output::create(self.storage, location, codec, self.options.gzip_level, expected)?;
        let mut job = Job::new(self, output, target, record);
        let mut at = 0;
        while at < objects.len() {
            if job.may_be_large(&objects[at]) {
                limits.check()?;
                job.take_single(range.start + at, &objects[at])?;
                Meter::add(&limits.meter.bytes, objects[at].size);
                at += 1;
                continue;
            }
            let end = objects[at..]
                .iter()
                .position(|object| job.may_be_large(object))
                .map_or(objects.len(), |next| at + next);
            let ahead = self.storage.read_ahead(objects[at..end].to_vec(), AHEAD_BYTES, AHEAD_OBJECTS);
            for (index, (object, opened)) in (at..end).zip(ahead) {
                limits.check()?;
                job.take_small(range.start + index, &object, opened)?;
                Meter::add(&limits.meter.bytes, object.size);
            }
            at = end;
        }
        let record = job.finish()?;
        Meter::add(&limits.meter.records, record.counters.records_in);
        Ok(record)
    }

    /// A single file that is to stay as it is needs no look at its content.
    fn is_plain_copy(&self, objects: &[ObjectMeta], target: &str) -> bool {
        let indexed = self.options.index && Codec::detect(b"?", target) == Ok(Codec::Lzop);
        let unchanged = self.options.codec.is_none() && self.options.verify != Verify::Content && !indexed;
        objects.len() == 1 && (unchanged || target == names::alone(target, &objects[0]))
    }

    /// Copies a single file as it is.
    fn copy(
        &self,
        objects: &[ObjectMeta],
        index: usize,
        mut record: SplitRecord,
        limits: Limits<'_>,
    ) -> Result<SplitRecord, CompactionError> {
        let (object, target) = (&objects[0], &self.planned.targets[index]);
        record.counters.count("files", 1);
        let copied = copy_unchanged(self.storage, object, &self.folder.join(target));
        match copied {
            Ok(written) => record.parts.push(part(target.clone(), &written)),
            Err(CompactionError::Storage(error)) if is_about(&error, object) => {
                self.storage.delete(&self.folder.join(target), None)?;
                self.leave(object, index, left_in_place(&error), &mut record)?;
            }
            Err(error) => return Err(error),
        }
        Meter::add(&limits.meter.bytes, object.size);
        Ok(record)
    }

    /// Notes a file that is not taken.
    fn leave(
        &self,
        object: &ObjectMeta,
        input: usize,
        reason: &str,
        record: &mut SplitRecord,
    ) -> Result<(), CompactionError> {
        self.fail(object, input, reason.to_owned(), record)?;
        record.elsewhere.insert(input, None);
        record.counters.count("files_left", 1);
        Ok(())
    }

    fn fail(
        &self,
        object: &ObjectMeta,
        input: usize,
        reason: String,
        record: &mut SplitRecord,
    ) -> Result<(), CompactionError> {
        if self.options.fail_fast {
            return Err(CompactionError::Input { location: object.location.clone(), reason });
        }
        record.failed_inputs.push(FailedInput { input, reason, left_out_bytes: 0 });
        Ok(())
    }
}

impl Merger<'_> {
    /// Reads an output again: its bytes, and the records in it.
    fn read_back(&self, location: &Location, written: &Written, lines: Option<u64>) -> Result<(), CompactionError> {
        let unverified = |detail: String| CompactionError::Unverified { location: location.clone(), detail };
        let object = self.storage.head(location)?.ok_or_else(|| unverified("it is gone".to_owned()))?;
        let (reader, crc) = Summing::new(self.storage.open(&object)?);
        let failed = |error| StorageError::from_io(location, error);
        let mut decoder = Decoder::new(Box::new(reader), location.file_name()).map_err(failed)?;
        let look = look_at_all(&mut decoder).map_err(failed)?;
        let crc = crc.load(Ordering::Relaxed);
        if written.crc32c.is_some_and(|expected| expected != crc) {
            return Err(unverified("the CRC32C of what is stored is not that of what was written".to_owned()));
        }
        match (lines, look.lines()) {
            (Some(expected), Some(found)) if expected != found && self.options.repair => {
                Err(unverified(format!("{found} lines are in it, {expected} went into it")))
            }
            _ => Ok(()),
        }
    }
}
