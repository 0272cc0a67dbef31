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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Meter;
    use crate::storage::{Precondition, StorageOptions};

    /// Objects in a folder, and a manifest that has a target for those that it should.
    fn world(names: &[(&str, bool)]) -> (tempfile::TempDir, Storage, Vec<ObjectMeta>, Manifest) {
        let temporary = tempfile::tempdir().unwrap();
        let storage = Storage::new(StorageOptions::default());
        let mut objects = Vec::new();
        let mut inputs = Vec::new();
        for (name, taken) in names {
            let at = Location::Local(temporary.path().join(name));
            storage.write_all(&at, b"content", Precondition::None).unwrap();
            objects.push(storage.head(&at).unwrap().unwrap());
            let target = if *taken { serde_json::json!(name) } else { serde_json::Value::Null };
            inputs.push(serde_json::json!({"location": at.to_string(), "size": 7, "target": target}));
        }
        let manifest = serde_json::json!({
            "command": "stage", "version": "0", "run_id": "1", "status": "complete", "arguments": [],
            "configuration": {}, "started": "", "ended": "", "inputs": inputs, "outputs": [],
            "counters": crate::report::Counters::default(), "failed_inputs": [],
        });
        (temporary, storage, objects, serde_json::from_value(manifest).unwrap())
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_what_was_taken_and_is_still_the_same_goes() {
        let all =
            [("a", true), ("b.lzo", true), ("b.lzo.index", false), ("c", false), ("changed", true), ("gone", true)];
        let (folder, storage, mut objects, manifest) = world(&all);
        std::fs::write(folder.path().join("late"), "late").unwrap();
        std::fs::remove_file(folder.path().join("gone")).unwrap();
        objects[4].modified = objects[4].modified.map(|modified| modified - 1);
        let limits = Limits { threads: 3, stop: &|| false, meter: &Meter::default() };
        let removal = remove_sources(&storage, &objects, &manifest, limits).unwrap();
        assert_eq!(names(&folder), ["c", "changed", "late"]);
        assert_eq!(removal.counters.named["files_deleted"], 3, "what is gone already is as good as deleted");
        assert_eq!(removal.failed.len(), 1);
        assert_eq!(removal.failed[0].input, 4);
    }

    #[test]
    fn a_wish_to_stop_is_heard() {
        let (folder, storage, objects, manifest) = world(&[("a", true), ("_SUCCESS", true)]);
        let limits = Limits { threads: 1, stop: &|| true, meter: &Meter::default() };
        let error = remove_sources(&storage, &objects, &manifest, limits).unwrap_err();
        assert!(matches!(error, CompactionError::Interrupted));
        assert_eq!(names(&folder).len(), 2);
    }
}
