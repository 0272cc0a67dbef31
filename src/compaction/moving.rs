//! Copies files one by one, to be deleted where they were.

use std::ops::Range;

use super::error::CompactionError;
use super::jobs::Limits;
use super::{OUTPUT, Planned};
use crate::report::Meter;
use crate::run::{FailedInput, Part, SplitRecord};
use crate::storage::{Location, ObjectMeta, Storage, StorageError, Written};

/// Files that are committed at once, at most.
const MOST_FILES: usize = 250;
/// Bytes that are committed at once, about.
const MOST_BYTES: u64 = 1 << 30;

/// Packs files, in their order, so that each thread gets several lots and none holds too much uncommitted work.
pub fn batches(objects: &[ObjectMeta], threads: usize) -> Vec<Range<usize>> {
    let most = objects.len().div_ceil(threads.max(1) * 4).clamp(1, MOST_FILES);
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (index, object) in objects.iter().enumerate() {
        if index > start && (index - start >= most || bytes.saturating_add(object.size) > MOST_BYTES) {
            ranges.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(object.size);
    }
    if start < objects.len() {
        ranges.push(start..objects.len());
    }
    ranges
}

/// Copies files to their targets.
pub struct Mover<'m> {
    /// All storage.
    pub storage: &'m Storage,
    /// What goes where.
    pub planned: &'m Planned,
    /// The run folder.
    pub folder: &'m Location,
    /// Whether a file that cannot be taken ends the run.
    pub fail_fast: bool,
    /// Targets that the run makes itself and that are not copied.
    pub not_copied: &'m [&'m str],
}

impl Mover<'_> {
    /// Copies the files of a split and looks at each copy.
    pub fn copy(&self, split: usize, range: Range<usize>, limits: Limits<'_>) -> Result<SplitRecord, CompactionError> {
        let mut record = SplitRecord { split, ..SplitRecord::default() };
        for index in range {
            limits.check()?;
            let (object, target) = (&self.planned.objects[index], &self.planned.targets[index]);
            record.counters.count("files", 1);
            if self.not_copied.contains(&target.as_str()) {
                continue;
            }
            match self.copy_one(object, &self.folder.join(target)) {
                Ok(written) => record.parts.push(part(target.clone(), &written)),
                Err(CompactionError::Storage(error)) if is_about(&error, object) => {
                    let reason = left_in_place(&error);
                    self.leave(object, index, reason, &mut record)?;
                }
                Err(error) => return Err(error),
            }
            Meter::add(&limits.meter.bytes, object.size);
        }
        Ok(record)
    }

    fn copy_one(&self, object: &ObjectMeta, target: &Location) -> Result<Written, CompactionError> {
        check_unchanged(self.storage, object)?;
        let written = self.storage.copy(object, target)?;
        check_unchanged(self.storage, object)?;
        check_stored(self.storage, target, object.size)?;
        Ok(written)
    }

    fn leave(
        &self,
        object: &ObjectMeta,
        input: usize,
        reason: &str,
        record: &mut SplitRecord,
    ) -> Result<(), CompactionError> {
        if self.fail_fast {
            return Err(CompactionError::Input { location: object.location.clone(), reason: reason.to_owned() });
        }
        // A copy of what changed meanwhile may be there; it belongs to no part and must not be read as data.
        self.storage.delete(&self.folder.join(&self.planned.targets[input]), None)?;
        record.failed_inputs.push(FailedInput { input, reason: reason.to_owned(), left_out_bytes: 0 });
        record.elsewhere.insert(input, None);
        record.counters.count("files_left", 1);
        Ok(())
    }
}

/// A part as the journal has it.
pub(super) fn part(name: String, written: &Written) -> Part {
    Part { folder: 0, output: OUTPUT.to_owned(), name, size: written.size, crc32c: written.crc32c_text(), records: 0 }
}

/// Whether an error says that an input is not, or no longer, what was listed.
pub(super) fn is_about(error: &StorageError, object: &ObjectMeta) -> bool {
    let gone = matches!(error, StorageError::NotFound { .. } | StorageError::PreconditionFailed { .. });
    gone && *error.location() == object.location
}

/// The same in words.
pub(super) fn left_in_place(error: &StorageError) -> &'static str {
    match error {
        StorageError::NotFound { .. } => "gone since it was listed",
        _ => "changed since it was listed; left in place",
    }
}

/// Local files have no entity tags to be read by, so they are looked at again. S3 compares the tag with every read.
pub(super) fn check_unchanged(storage: &Storage, object: &ObjectMeta) -> Result<(), StorageError> {
    if !matches!(object.location, Location::Local(_)) {
        return Ok(());
    }
    let location = object.location.clone();
    match storage.head(&location)? {
        Some(now) if now.size == object.size && now.modified == object.modified => Ok(()),
        Some(_) => Err(StorageError::PreconditionFailed { location }),
        None => Err(StorageError::NotFound { location }),
    }
}

/// What is stored must be as long as what was written.
pub(super) fn check_stored(storage: &Storage, target: &Location, expected: u64) -> Result<(), CompactionError> {
    let stored = storage.head(target)?.map(|object| object.size);
    if stored == Some(expected) {
        return Ok(());
    }
    let detail = match stored {
        Some(size) => format!("{size} bytes are stored, {expected} were written"),
        None => "it is not there after it was written".to_owned(),
    };
    Err(CompactionError::Unverified { location: target.clone(), detail })
}
