//! Copies files one by one, to be deleted where they were.

use std::io;
use std::ops::Range;
use std::sync::atomic::Ordering;

use super::error::CompactionError;
use super::jobs::Limits;
use super::source::Summing;
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
        let written = copy_unchanged(self.storage, object, target)?;
        check_content(self.storage, target, &written)?;
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

/// Copies an object that is, before and after, the one that was listed; what is stored is as long.
pub(super) fn copy_unchanged(
    storage: &Storage,
    object: &ObjectMeta,
    target: &Location,
) -> Result<Written, CompactionError> {
    check_unchanged(storage, object)?;
    let written = storage.copy(object, target)?;
    check_unchanged(storage, object)?;
    check_stored(storage, target, object.size)?;
    Ok(written)
}

/// A part as the journal has it.
pub(super) fn part(name: String, written: &Written) -> Part {
    Part { folder: 0, output: OUTPUT.to_owned(), name, size: written.size, crc32c: written.crc32c_text(), records: 0 }
}

/// Whether an error says that an input cannot be had as it was listed, and nothing else is wrong.
pub(super) fn is_about(error: &StorageError, object: &ObjectMeta) -> bool {
    let about = match error {
        StorageError::NotFound { .. } | StorageError::PreconditionFailed { .. } => true,
        StorageError::Denied { detail, .. } => detail.contains(NOT_RESTORED),
        StorageError::Corrupt { .. } | StorageError::Failed { .. } => false,
    };
    about && *error.location() == object.location
}

/// The code with which S3 refuses to read an object in an archive storage class.
const NOT_RESTORED: &str = "InvalidObjectState";

/// The same in words.
pub(super) fn left_in_place(error: &StorageError) -> &'static str {
    match error {
        StorageError::NotFound { .. } => "gone since it was listed",
        StorageError::Denied { .. } => "in an archive storage class; restore it first; left in place",
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

/// What is stored on a local disk must be what was written. S3 checks what it is given by itself.
pub(super) fn check_content(storage: &Storage, target: &Location, written: &Written) -> Result<(), CompactionError> {
    let (Location::Local(_), Some(expected)) = (target, written.crc32c) else { return Ok(()) };
    let failed = |error| StorageError::from_io(target, error);
    let object = storage.head(target)?.ok_or_else(|| StorageError::NotFound { location: target.clone() })?;
    let (mut reader, crc) = Summing::new(storage.open(&object)?);
    io::copy(&mut reader, &mut io::sink()).map_err(failed)?;
    if crc.load(Ordering::Relaxed) == expected {
        return Ok(());
    }
    let detail = "the CRC32C of what is stored is not that of what was copied".to_owned();
    Err(CompactionError::Unverified { location: target.clone(), detail })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Precondition, StorageOptions};

    #[test]
    fn lots_are_small_enough_to_be_shared() {
        let object = |size: u64| ObjectMeta {
            location: Location::Stdio,
            relative: String::new(),
            size,
            etag: None,
            modified: None,
        };
        let lengths = |objects: &[ObjectMeta], threads: usize| -> Vec<usize> {
            batches(objects, threads).iter().map(std::iter::ExactSizeIterator::len).collect()
        };
        assert_eq!(lengths(&[], 4), [0_usize; 0]);
        assert_eq!(lengths(&vec![object(1); 16], 2), [2; 8]);
        assert_eq!(lengths(&vec![object(1); 10_000], 1), [250; 40]);
        assert_eq!(lengths(&[object(1), object(2 << 30), object(1)], 1), [1, 1, 1]);
    }

    #[test]
    fn a_copy_that_went_wrong_is_noticed() {
        let temporary = tempfile::tempdir().unwrap();
        let storage = Storage::new(StorageOptions::default());
        let at = Location::Local(temporary.path().join("x"));
        let written = storage.write_all(&at, b"content", Precondition::None).unwrap();
        check_stored(&storage, &at, 7).unwrap();
        check_content(&storage, &at, &written).unwrap();
        let error = check_stored(&storage, &at, 8).unwrap_err().to_string();
        assert!(error.contains("7 bytes are stored, 8 were written"), "{error}");
        let other = Written { crc32c: written.crc32c.map(|crc| crc ^ 1), ..written };
        let error = check_content(&storage, &at, &other).unwrap_err().to_string();
        assert!(error.contains("CRC32C"), "{error}");
        std::fs::remove_file(temporary.path().join("x")).unwrap();
        assert!(check_stored(&storage, &at, 7).unwrap_err().to_string().contains("not there"));
    }
}
