//! Which files become one: groups, then files of the target size in each.
//!
//! The plan follows from the list of files and the options alone, so that it is the same whenever it is made.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::CompactionError;
use super::group::{GroupKey, Keys};
use super::names;
use crate::run::Skipped;
use crate::storage::codec::{Codec, DETECT_BYTES};
use crate::storage::{ObjectMeta, Storage, StorageError};

/// What becomes of files that have no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmatched {
    /// Nothing is done at all.
    Fail,
    /// They are a group of their own.
    Group,
    /// They are left out, with a reason.
    Leave,
}

/// What the plan depends on besides the files.
#[derive(Clone, Copy, Debug)]
pub struct PlanOptions<'o> {
    /// What files of a group have in common.
    pub keys: &'o [GroupKey],
    /// What becomes of files without a key.
    pub unmatched: Unmatched,
    /// Size of an output, in bytes of its inputs as stored.
    pub target_size: u64,
    /// The codec of all outputs; `None` keeps each file's own.
    pub codec: Option<Codec>,
}

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// All inputs, those of an output side by side.
    pub objects: Vec<ObjectMeta>,
    /// The object below the run folder that each goes to.
    pub targets: Vec<String>,
    /// The inputs that are worked on at once: for merging, those of one output.
    pub splits: Vec<Range<usize>>,
    /// What was found and is no input.
    pub skipped: Vec<Skipped>,
}

/// Codec and keys: what files of one output share. A codec that cannot be read makes each file a group of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    matched: bool,
    keys: Keys,
    codec: &'static str,
    alone: Option<usize>,
}

/// Groups the files, each of which is stored in the codec given beside it (`None`: one that cannot be merged), and packs
/// each group.
pub fn plan(objects: Vec<(ObjectMeta, Option<Codec>)>, options: &PlanOptions<'_>) -> Result<Planned, CompactionError> {
    let mut planned = Planned::default();
    let mut groups: BTreeMap<Group, Vec<(ObjectMeta, Option<Codec>)>> = BTreeMap::new();
    let mut unmatched: Option<(&GroupKey, usize, ObjectMeta)> = None;
    for (index, (object, codec)) in objects.into_iter().enumerate() {
        let written = options.codec.or(codec);
        // A zlib stream cannot be continued.
        let mergeable = written.is_some() && codec.is_some() && !(written == codec && codec == Some(Codec::Deflate));
        let (matched, keys) = match Keys::of(&object, options.keys) {
            Ok(keys) => (true, keys),
            Err(key) => {
                if options.unmatched == Unmatched::Leave {
                    let reason = format!("has no `{key}` to be grouped by");
                    planned.skipped.push(Skipped { location: object.location.to_string(), reason });
                    continue;
                }
                let (_, count, _) = unmatched.get_or_insert_with(|| (key, 0, object.clone()));
                *count += 1;
                (false, Keys::default())
            }
        };
        let codec_name = if mergeable { written.map_or("", Codec::name) } else { "" };
        let group = Group { matched, keys, codec: codec_name, alone: (!mergeable).then_some(index) };
        groups.entry(group).or_default().push((object, codec));
    }
    if let Some((key, count, object)) = unmatched
        && options.unmatched == Unmatched::Fail
    {
        return Err(CompactionError::NoKey { key: key.to_string(), count, first: object.location });
    }
    let mut numbers: HashMap<(String, Vec<String>), usize> = HashMap::new();
    for (group, mut members) in groups {
        members.sort_by(|(left, _), (right, _)| left.location.cmp(&right.location));
        for range in pack(&members, options.target_size) {
            let number = numbers.entry((group.keys.folder.clone(), group.keys.texts.clone())).or_default();
            planned.add(&group.keys, *number, &members[range], options.codec);
            *number += 1;
        }
    }
    Ok(planned)
}

impl Planned {
    fn add(&mut self, keys: &Keys, number: usize, members: &[(ObjectMeta, Option<Codec>)], codec: Option<Codec>) {
        let start = self.objects.len();
        self.objects.extend(members.iter().map(|(object, _)| object.clone()));
        let first = members.first().and_then(|(_, codec)| *codec);
        let written = codec.or(first).unwrap_or(Codec::Plain);
        let target = match first {
            Some(_) => names::merged(keys, number, &self.objects[start..], written),
            None => names::alone(&names::merged(keys, number, &[], Codec::Plain), &self.objects[start]),
        };
        self.targets.extend(std::iter::repeat_n(target, members.len()));
        self.splits.push(start..self.objects.len());
    }
}

/// Fills until the next file would pass the target; a file above the target goes alone.
fn pack(members: &[(ObjectMeta, Option<Codec>)], target: u64) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (index, (object, _)) in members.iter().enumerate() {
        if index > start && bytes.saturating_add(object.size) > target {
            ranges.push(start..index);
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(object.size);
    }
    ranges.push(start..members.len());
    ranges
}

/// Endings of names whose content is what they say, as far as planning goes; a file that turns out to be something else
/// is converted when it is read.
const PLAIN_ENDINGS: [&str; 8] = [".txt", ".tsv", ".csv", ".json", ".jsonl", ".ndjson", ".log", ".xml"];

/// The codec that each object is stored in: by its name if that is clear, else by its first bytes. `None` for what cannot
/// be read.
pub fn stored_codecs(
    storage: &Storage,
    objects: Vec<ObjectMeta>,
    threads: usize,
) -> Result<Vec<(ObjectMeta, Option<Codec>)>, StorageError> {
    let found: Vec<Mutex<Option<Codec>>> = objects.iter().map(|_| Mutex::new(None)).collect();
    let failed: Mutex<Option<StorageError>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let look = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(object) = objects.get(index) else { return };
            match stored_codec(storage, object) {
                Ok(codec) => *found[index].lock().unwrap_or_else(PoisonError::into_inner) = codec,
                Err(error) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                    return;
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(look);
        }
        look();
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let codecs = found.into_iter().map(|codec| codec.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(objects.into_iter().zip(codecs).collect())
}

fn stored_codec(storage: &Storage, object: &ObjectMeta) -> Result<Option<Codec>, StorageError> {
    let name = object.location.file_name();
    let by_name = Codec::detect(b"?", name);
    match by_name {
        Err(_) => return Ok(None),
        Ok(codec) if codec != Codec::Plain => return Ok(Some(codec)),
        Ok(_) if PLAIN_ENDINGS.iter().any(|ending| name.ends_with(ending)) => return Ok(Some(Codec::Plain)),
        Ok(_) => {}
    }
    let mut first = Vec::with_capacity(DETECT_BYTES);
    let read = storage.open_range(object, 0..DETECT_BYTES as u64).and_then(|mut stored| {
        stored.read_to_end(&mut first).map_err(|error| StorageError::from_io(&object.location, error))
    });
    match read {
        Ok(_) => Ok(Codec::detect(&first, name).ok()),
        // It is found missing again, and reported, when its turn comes.
        Err(StorageError::NotFound { .. } | StorageError::PreconditionFailed { .. }) => Ok(Some(Codec::Plain)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Location;
    use proptest::prelude::*;

    fn object(key: &str, size: u64) -> (ObjectMeta, Option<Codec>) {
        let meta = ObjectMeta {
            location: Location::S3 { bucket: "b".into(), key: key.to_owned() },
            relative: key.to_owned(),
            size,
            etag: Some(format!("{size}")),
            modified: None,
        };
        let codec = Codec::detect(b"?", key).ok();
        (meta, codec)
    }

    fn options(keys: &[GroupKey], target_size: u64) -> PlanOptions<'_> {
        PlanOptions { keys, unmatched: Unmatched::Fail, target_size, codec: None }
    }

    #[test]
    fn first_fit_in_order() {
        let sizes = [10, 9, 8, 30, 2];
        let objects =
            sizes.iter().enumerate().map(|(index, &size)| object(&format!("{index}.gz"), size << 20)).collect();
        let planned = plan(objects, &options(&[GroupKey::All], 24 << 20)).unwrap();
        assert_eq!(planned.splits, [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(planned.targets[0], planned.targets[1]);
        assert!(planned.targets[4].starts_with("part-00003."), "{:?}", planned.targets);
    }

    #[test]
    fn codecs_and_folders_are_not_mixed() {
        let names = ["a/1.gz", "a/2.txt", "a/3.gz", "b/4.gz", "a/5.zst", "a/6.zst", "a/7.lzo"];
        let planned =
            plan(names.iter().map(|name| object(name, 1)).collect(), &options(&[GroupKey::Folder], 100)).unwrap();
        let mut groups: Vec<Vec<&str>> = Vec::new();
        for range in &planned.splits {
            groups.push(planned.objects[range.clone()].iter().map(|object| object.relative.as_str()).collect());
        }
        groups.sort();
        let expected: [&[&str]; 6] =
            [&["a/1.gz", "a/3.gz"], &["a/2.txt"], &["a/5.zst"], &["a/6.zst"], &["a/7.lzo"], &["b/4.gz"]];
        assert_eq!(groups, expected);
        let distinct: std::collections::HashSet<&String> = planned.targets.iter().collect();
        assert_eq!(distinct.len(), 6);
        let zstd = planned.targets.iter().find(|target| target.ends_with("5.zst")).unwrap();
        assert!(zstd.starts_with("a/alone-"), "{zstd}");
        let to_gzip = PlanOptions { codec: Some(Codec::Gzip), ..options(&[GroupKey::Folder], 100) };
        let planned = plan(names.iter().map(|name| object(name, 1)).collect(), &to_gzip).unwrap();
        assert_eq!(planned.splits.len(), 4, "one for a, one for b, two that cannot be read");
    }

    #[test]
    fn nothing_without_a_key_is_passed_over() {
        let names = ["in/run=1/x.gz", "in/y.gz", "in/z.gz"];
        let objects = || names.iter().map(|name| object(name, 1)).collect();
        let keys = [GroupKey::Run];
        let error = plan(objects(), &options(&keys, 100)).unwrap_err();
        assert_eq!(error.to_string(), "2 files have no `run` to be grouped by, the first of them s3://b/in/y.gz");
        let left = plan(objects(), &PlanOptions { unmatched: Unmatched::Leave, ..options(&keys, 100) }).unwrap();
        assert_eq!((left.objects.len(), left.skipped.len()), (1, 2));
        let grouped = plan(objects(), &PlanOptions { unmatched: Unmatched::Group, ..options(&keys, 100) }).unwrap();
        assert_eq!((grouped.splits.len(), grouped.objects.len()), (2, 3));
    }

    proptest! {
        #[test]
        fn every_file_is_in_exactly_one_output(
            files in prop::collection::btree_map("[ab]/[a-c]{1,2}\\.(gz|txt|zst)", 0_u64..40, 1..20), target in 1_u64..60
        ) {
            let objects: Vec<_> = files.iter().map(|(name, &size)| object(name, size)).collect();
            let planned = plan(objects.clone(), &options(&[GroupKey::Folder], target)).unwrap();
            let mut reversed = objects;
            reversed.reverse();
            let mut again = plan(reversed, &options(&[GroupKey::Folder], target)).unwrap();
            prop_assert_eq!(planned.objects.len(), files.len());
            let mut next = 0;
            for range in &planned.splits {
                prop_assert_eq!(range.start, next);
                next = range.end;
                let size: u64 = planned.objects[range.clone()].iter().map(|object| object.size).sum();
                prop_assert!(size <= target || range.len() == 1);
            }
            prop_assert_eq!(next, planned.objects.len());
            let mut names = planned.targets.clone();
            names.sort();
            again.targets.sort();
            prop_assert_eq!(names, again.targets, "the order of the list does not matter");
        }
    }
}
