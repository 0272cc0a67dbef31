//! The events of earlier batches in plain objects, local or in S3: no database needed.
//!
//! Each run leaves one object `seen-<batch>-<run>`: a line that names the batch, then 10 bytes of hash for each event
//! that it was the first to have. A batch is known by its smallest `etl_tstamp`, like in the reference's table, so what a
//! batch wrote itself never counts against it, however often it is repeated.
//!
//! # Scale
//! Nothing is sorted, indexed or compacted. A run reads all objects within the window once, front to back and several at
//! a time, and asks of each hash whether the batch may hold it ([`BatchScan::may_hold`], a filter of fixed size); the few
//! that pass are kept. 1,000,000,000 events are 10 GB to read, and for a batch of ten million events about one million
//! kept hashes, 30 MB. Two events that differ have the same 80 bits with a probability of 10⁻¹⁵ for a store that large.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashSet;

use super::scan::BatchScan;
use super::seen::{Claim, Pair, SeenStore, StoreError};
use crate::storage::{Location, ObjectMeta, Precondition, Storage, StorageError};

/// Bytes kept of each hash.
pub const HASH_BYTES: usize = 10;

const PREFIX: &str = "seen-";
const MAGIC: &str = "thresh-seen 1";
/// Objects read at the same time.
const READERS: usize = 4;

/// A store of seen events in a folder or under a prefix.
pub struct SeenManifest {
    root: Location,
    batch: i64,
    seen: HashSet<[u8; HASH_BYTES], foldhash::fast::RandomState>,
}

/// The bytes that are kept of a hash.
fn kept(hash: u128) -> [u8; HASH_BYTES] {
    let mut bytes = [0; HASH_BYTES];
    bytes.copy_from_slice(&hash.to_le_bytes()[..HASH_BYTES]);
    bytes
}

fn failed(at: &Location, what: impl std::fmt::Display) -> StoreError {
    StoreError { message: format!("{at}: cannot be used as a store of seen events: {what}") }
}

impl SeenManifest {
    /// Reads what earlier batches left. `batch` is the batch's own time; batches more than `window_millis` older are
    /// passed over.
    pub fn open(
        storage: &Storage,
        root: &Location,
        batch: i64,
        window_millis: i64,
        scan: &BatchScan,
    ) -> Result<SeenManifest, StoreError> {
        let objects = storage.list_all(&root.join("")).map_err(|error| failed(root, error))?;
        let objects: Vec<ObjectMeta> =
            objects.into_iter().filter(|object| object.location.file_name().starts_with(PREFIX)).collect();
        let (next, oldest) = (AtomicUsize::new(0), batch.saturating_sub(window_millis));
        let seen = Mutex::new((HashSet::default(), None));
        std::thread::scope(|scope| {
            for _ in 0..READERS.min(objects.len()) {
                scope.spawn(|| {
                    while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let found = read_run(storage, object, batch, oldest, scan);
                        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                        match found {
                            Ok(hashes) => seen.0.extend(hashes),
                            Err(error) => seen.1 = Some(failed(&object.location, error)),
                        }
                    }
                });
            }
        });
        let (seen, error) = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        match error {
            Some(error) => Err(error),
            None => Ok(SeenManifest { root: root.clone(), batch, seen }),
        }
    }

    /// Writes what this run has claimed: the hashes in `sources`, objects of [`HASH_BYTES`] bytes each, one after the
    /// other. Replaces what an earlier attempt at the same run has written.
    pub fn commit(&self, storage: &Storage, run_id: &str, sources: &[Location]) -> Result<(), StorageError> {
        let target = self.root.join(&format!("{PREFIX}{}-{run_id}", self.batch));
        let mut writer = storage.create(&target, Precondition::None, 0)?;
        let io = |error| StorageError::from_io(&target, error);
        writeln!(writer, "{MAGIC} {}", self.batch).map_err(io)?;
        for source in sources {
            let Some(object) = storage.head(source)? else { continue };
            let mut reader = storage.open_decoded(&object)?;
            std::io::copy(&mut reader, &mut writer).map_err(|error| StorageError::from_io(source, error))?;
        }
        writer.finish()?;
        Ok(())
    }
}

fn read_run(
    storage: &Storage,
    object: &ObjectMeta,
    batch: i64,
    oldest: i64,
    scan: &BatchScan,
) -> Result<Vec<[u8; HASH_BYTES]>, String> {
    let opened = storage.open(object).map_err(|error| error.to_string())?;
    let mut reader = BufReader::with_capacity(1 << 20, opened);
    let mut header = Vec::new();
    reader.by_ref().take(200).read_until(b'\n', &mut header).map_err(|error| error.to_string())?;
    let time = std::str::from_utf8(&header).ok().and_then(|text| text.strip_prefix(MAGIC)?.trim().parse::<i64>().ok());
    let time = time.ok_or("it does not begin like an object of such a store")?;
    if time == batch || time < oldest {
        return Ok(Vec::new());
    }
    let mut hashes = Vec::new();
    let mut hash = [0; HASH_BYTES];
    loop {
        if reader.fill_buf().map_err(|error| error.to_string())?.is_empty() {
            return Ok(hashes);
        }
        reader.read_exact(&mut hash).map_err(|_| "it ends within a hash".to_owned())?;
        let mut wide = [0; 16];
        wide[..HASH_BYTES].copy_from_slice(&hash);
        if scan.may_hold(u128::from_le_bytes(wide)) {
            hashes.push(hash);
        }
    }
}

impl SeenStore for SeenManifest {
    fn claim(&self, pairs: &[Pair<'_>]) -> Result<Vec<Claim>, StoreError> {
        let claim = |pair: &Pair<'_>| if self.seen.contains(&kept(pair.hash)) { Claim::Seen } else { Claim::New };
        Ok(pairs.iter().map(claim).collect())
    }

    fn wants_hashes(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Column;
    use crate::pipeline::Cancel;
    use crate::shred::check::id_text;
    use crate::shred::dedupe::{MissingFingerprint, ScanOptions, pair_hash};
    use crate::shred::tests::line;
    use crate::storage::StorageOptions;

    struct World {
        folder: tempfile::TempDir,
        storage: Storage,
    }

    impl World {
        fn new() -> World {
            World { folder: tempfile::tempdir().unwrap(), storage: Storage::new(StorageOptions::default()) }
        }

        fn at(&self, name: &str) -> Location {
            Location::Local(self.folder.path().join(name))
        }

        /// One run over events with these ids: which of them were seen before.
        fn run(&self, batch: i64, run_id: &str, ids: &[u128]) -> Result<Vec<u128>, StoreError> {
            let event = |id: &u128| line(&[(Column::event_id, &id_text(*id)), (Column::event_fingerprint, "f")]);
            let text: Vec<String> = ids.iter().map(event).collect();
            self.storage.write_all(&self.at("input"), text.join("\n").as_bytes(), Precondition::None).unwrap();
            let objects = self.storage.list(&[self.at("input")]).unwrap();
            let missing = MissingFingerprint::Computed;
            let options = ScanOptions { threads: 1, filter_bytes: 1 << 20, pairs: true, missing };
            let scan = BatchScan::run(&self.storage, &objects, options, &Cancel::default());
            let store = SeenManifest::open(&self.storage, &self.at("store"), batch, 1000, &scan)?;
            let mut seen = Vec::new();
            let mut hashes = Vec::new();
            for id in ids {
                let hash = pair_hash(*id, "f");
                let pair = Pair { event_id: id_text(*id).into(), fingerprint: "f".into(), hash };
                match store.claim(&[pair])?.remove(0) {
                    Claim::New => hashes.extend(kept(hash)),
                    Claim::Seen => seen.push(*id),
                    Claim::Failed(text) => panic!("{text}"),
                }
            }
            self.storage.write_all(&self.at("hashes"), &hashes, Precondition::None).unwrap();
            store.commit(&self.storage, run_id, &[self.at("hashes"), self.at("missing")]).unwrap();
            Ok(seen)
        }
    }

    #[test]
    fn events_of_other_batches_count_and_those_of_the_same_do_not() {
        let world = World::new();
        assert_eq!(world.run(5000, "a", &[1, 2, 3]).unwrap(), []);
        assert_eq!(world.run(5000, "a", &[1, 2, 3]).unwrap(), [], "the same run again");
        assert_eq!(world.run(5000, "b", &[1, 2, 3]).unwrap(), [], "the same batch in another run");
        assert_eq!(world.run(5500, "c", &[2, 3, 4]).unwrap(), [2, 3]);
        assert_eq!(world.run(5600, "d", &[4, 5]).unwrap(), [4]);
        assert_eq!(world.run(5500, "c", &[2, 3, 4]).unwrap(), [2, 3], "a repeated run gives the same");
    }

    #[test]
    fn old_batches_are_forgotten() {
        let world = World::new();
        assert_eq!(world.run(1000, "a", &[1]).unwrap(), []);
        assert_eq!(world.run(2000, "b", &[1]).unwrap(), [1]);
        assert_eq!(world.run(2001, "c", &[1]).unwrap(), []);
    }

    #[test]
    fn damage_is_an_error() {
        let world = World::new();
        world.run(1000, "a", &[1]).unwrap();
        let at = world.at("store").join("seen-1000-a");
        let mut bytes = world.storage.read_all(&at).unwrap();
        bytes.pop();
        world.storage.write_all(&at, &bytes, Precondition::None).unwrap();
        assert!(world.run(1001, "b", &[1]).unwrap_err().message.contains("ends within a hash"));
        world.storage.write_all(&at, b"something else", Precondition::None).unwrap();
        assert!(world.run(1001, "b", &[1]).unwrap_err().message.contains("does not begin like"));
    }
}
