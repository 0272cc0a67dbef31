//! Reading another run's output: only if it is whole.

use std::collections::BTreeSet;
use std::path::{Component, PathBuf};

use super::{RunError, SUCCESS};
use crate::storage::{Location, ObjectMeta, Storage};

/// Fails if one of the objects lies in a folder `run=…` that has no `_SUCCESS`, nor has any `run=…` around it: what a
/// complete run staged or merged is whole, whatever its folders are called.
pub fn require_complete(storage: &Storage, objects: &[ObjectMeta]) -> Result<(), RunError> {
    let folders: BTreeSet<Location> = objects.iter().filter_map(|object| run_folder(&object.location)).collect();
    for folder in folders {
        if !is_complete(storage, &folder)? {
            return Err(RunError::Incomplete { location: folder });
        }
    }
    Ok(())
}

/// Fails if this run folder has no `_SUCCESS`.
pub fn require_run(storage: &Storage, folder: &Location) -> Result<(), RunError> {
    match storage.head(&folder.join(SUCCESS))? {
        Some(_) => Ok(()),
        None => Err(RunError::Incomplete { location: folder.clone() }),
    }
}

fn is_complete(storage: &Storage, innermost: &Location) -> Result<bool, RunError> {
    let mut next = Some(innermost.clone());
    while let Some(folder) = next {
        if storage.head(&folder.join(SUCCESS))?.is_some() {
            return Ok(true);
        }
        next = run_folder(&folder);
    }
    Ok(false)
}

/// The innermost folder above the object whose name begins with `run=`.
fn run_folder(at: &Location) -> Option<Location> {
    match at {
        Location::Local(path) => {
            let folders: Vec<Component<'_>> = path.parent()?.components().collect();
            let is_run = |part: &Component<'_>| part.as_os_str().to_string_lossy().starts_with("run=");
            let innermost = folders.iter().rposition(is_run)?;
            Some(Location::Local(folders[..=innermost].iter().collect::<PathBuf>()))
        }
        Location::S3 { bucket, key } => {
            let (folders, _) = key.rsplit_once('/')?;
            let start = match folders.rfind("/run=") {
                Some(slash) => slash + 1,
                None if folders.starts_with("run=") => 0,
                None => return None,
            };
            let end = folders[start..].find('/').map_or(folders.len(), |length| start + length);
            Some(Location::S3 { bucket: bucket.clone(), key: folders[..end].to_owned() })
        }
        Location::Stdio => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_run_folder() {
        let of = |text: &str| run_folder(&Location::parse(text).unwrap()).map(|found| found.to_string());
        assert_eq!(of("/data/run=1/good/part-0").as_deref(), Some("/data/run=1"));
        assert_eq!(of("/run=1/x/run=2/part-0").as_deref(), Some("/run=1/x/run=2"));
        assert_eq!(of("/data/run=1"), None, "a file of that name is no folder");
        assert_eq!(of("s3://b/run=1/part-0").as_deref(), Some("s3://b/run=1"));
        assert_eq!(of("s3://b/x/run=1/run=2/y/part-0").as_deref(), Some("s3://b/x/run=1/run=2"));
        assert_eq!(of("s3://b/x/prerun=1/part-0"), None);
        assert_eq!(of("s3://b/part-0"), None);
        assert_eq!(of("-"), None);
    }
}
