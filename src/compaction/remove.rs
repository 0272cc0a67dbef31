//! Deleting what is whole elsewhere: by exact name, and only the version that was taken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::CompactionError;
use super::jobs::Limits;
use crate::run::{FailedInput, Manifest, Removal, SUCCESS};
use crate::storage::codec::Codec;
use crate::storage::{Location, ObjectMeta, Storage, StorageError};

/// Deletes the sources that the manifest has a target for. Markers go first, so that a folder that is half empty does not
/// look complete. What changed since it was listed stays and is reported; what is gone already is as good as deleted.
pub fn remove_sources(
    storage: &Storage,
    objects: &[ObjectMeta],
    manifest: &Manifest,
    limits: Limits<'_>,
) -> Result<Removal, CompactionError> {
    let mut markers = Vec::new();
    let mut files = Vec::new();
    for (index, (object, input)) in objects.iter().zip(&manifest.inputs).enumerate() {
        if input.target.is_none() {
            continue;
        }
        if object.location.file_name() == SUCCESS { markers.push(index) } else { files.push(index) }
    }
    let mut removal = Removal::default();
    for indices in [markers, files] {
        remove_some(storage, objects, &indices, limits, &mut removal)?;
    }
    removal.failed.sort_by_key(|failed| failed.input);
    Ok(removal)
}

fn remove_some(
    storage: &Storage,
    objects: &[ObjectMeta],
    indices: &[usize],
    limits: Limits<'_>,
    removal: &mut Removal,
) -> Result<(), CompactionError> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let failure: Mutex<Option<CompactionError>> = Mutex::new(None);
    let changed: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let worker = || {
        while let Some(&index) = indices.get(next.fetch_add(1, Ordering::Relaxed)) {
            if failed.load(Ordering::Relaxed) {
                return;
            }
            let deleted = limits.check().and_then(|()| delete(storage, &objects[index]));
            match deleted {
                Ok(true) => {}
                Ok(false) => changed.lock().unwrap_or_else(PoisonError::into_inner).push(index),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..limits.threads.min(indices.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
    removal.counters.count("files_deleted", (indices.len() - changed.len()) as u64);
    let reason = "changed after it was taken; left in place";
    removal.failed.extend(changed.into_iter().map(|input| FailedInput {
        input,
        reason: reason.to_owned(),
        left_out_bytes: 0,
    }));
    Ok(())
}

/// Deletes a file; `false` if it is another one by now.
fn delete(storage: &Storage, object: &ObjectMeta) -> Result<bool, CompactionError> {
    match storage.delete_listed(object) {
        Ok(()) => {}
        Err(StorageError::PreconditionFailed { .. }) => return Ok(false),
        Err(error) => return Err(error.into()),
    }
    // An index is worth nothing without its file, and would be wrong beside another one of that name.
    if Codec::detect(b"?", object.location.file_name()) == Ok(Codec::Lzop)
        && let Some(index) = index_of(&object.location)
    {
        storage.delete(&index, None)?;
    }
    Ok(true)
}

fn index_of(file: &Location) -> Option<Location> {
    match file {
        Location::Local(path) => {
            let mut path = path.clone().into_os_string();
            path.push(".index");
            Some(Location::Local(path.into()))
        }
        Location::S3 { bucket, key } => Some(Location::S3 { bucket: bucket.clone(), key: format!("{key}.index") }),
        Location::Stdio => None,
    }
}
