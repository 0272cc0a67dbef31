//! The first look at a batch: which ids may occur more than once, and when the batch was enriched.
//!
//! Only the first seven columns of each line are looked at, where they were decoded, and ids are kept in a [`Filter`], so memory does not grow
//! with the batch. An id wrongly taken for a repeated one costs a detour, no more.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hashbrown::HashSet;

use super::filter::Filter;
use super::key::{MissingFingerprint, fingerprint, id_hash, pair_hash};
use crate::event::Column;
use crate::event::normal::Moment;
use crate::event::read::split_tsv;
use crate::pipeline::{Cancel, lines};
use crate::shred::check::id_value;
use crate::storage::{ObjectMeta, Storage};

/// Repeated ids kept one by one; beyond that they go into a filter too.
const MOST_IDS: usize = 4 << 20;
/// Plain bytes after which the rest of a line is passed over.
const LONGEST_LINE: usize = 64 << 20;
/// A guess at the stored bytes of an event.
const STORED_EVENT: u64 = 300;

/// What a scan looks for, and how much memory it may take.
#[derive(Clone, Copy, Debug)]
pub struct ScanOptions {
    /// Threads that read.
    pub threads: usize,
    /// Bytes of each filter.
    pub filter_bytes: usize,
    /// Whether events of earlier batches will be asked for, so that pairs of id and fingerprint are needed.
    pub pairs: bool,
    /// What counts as the fingerprint of an event without one.
    pub missing: MissingFingerprint,
}

/// What a scan has found.
pub struct BatchScan {
    repeated: Repeated,
    pairs: Option<Filter>,
    /// Smallest `etl_tstamp`, milliseconds since 1970.
    pub first_etl: Option<i64>,
    /// Lines that may be events.
    pub events: u64,
}

enum Repeated {
    Ids(HashSet<u64, foldhash::fast::FixedState>),
    Filter(Filter),
}

impl Repeated {
    fn insert(&mut self, hash: u64, most: usize, filter_bytes: usize) {
        match self {
            Repeated::Ids(ids) if ids.len() < most => {
                ids.insert(hash);
            }
            Repeated::Ids(ids) => {
                let filter = Filter::new(u64::MAX, filter_bytes);
                ids.iter().for_each(|id| {
                    filter.insert(*id);
                });
                filter.insert(hash);
                *self = Repeated::Filter(filter);
            }
            Repeated::Filter(filter) => {
                filter.insert(hash);
            }
        }
    }
}

impl BatchScan {
    /// Reads all objects once. Objects that cannot be read are left to the run itself to report.
    pub fn run(storage: &Storage, objects: &[ObjectMeta], options: ScanOptions, cancel: &Cancel) -> BatchScan {
        let stored: u64 = objects.iter().map(|object| object.size).sum();
        let scan = Scan::new(stored / STORED_EVENT, options);
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..options.threads.clamp(1, objects.len().max(1)) {
                scope.spawn(|| {
                    while let Some(object) = objects.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if cancel.is_set() {
                            return;
                        }
                        scan.object(storage, object, cancel);
                    }
                });
            }
        });
        scan.finish()
    }

    /// Whether other events of the batch may have the same id.
    pub fn may_repeat(&self, id: u128) -> bool {
        match &self.repeated {
            Repeated::Ids(ids) => ids.contains(&id_hash(id)),
            Repeated::Filter(filter) => filter.contains(id_hash(id)),
        }
    }

    /// Whether the batch may hold an event with this [`pair_hash`].
    pub fn may_hold(&self, hash: u128) -> bool {
        self.pairs.as_ref().is_none_or(|pairs| pairs.contains(hash as u64))
    }
}

struct Scan {
    options: ScanOptions,
    once: Filter,
    repeated: Mutex<Repeated>,
    pairs: Option<Filter>,
    first_etl: AtomicI64,
    events: AtomicU64,
}

impl Scan {
    fn new(expected: u64, options: ScanOptions) -> Scan {
        Scan {
            options,
            once: Filter::new(expected, options.filter_bytes),
            repeated: Mutex::new(Repeated::Ids(HashSet::default())),
            pairs: options.pairs.then(|| Filter::new(expected, options.filter_bytes)),
            first_etl: AtomicI64::new(i64::MAX),
            events: AtomicU64::new(0),
        }
    }

    fn finish(self) -> BatchScan {
        let first_etl = self.first_etl.into_inner();
        BatchScan {
            repeated: self.repeated.into_inner().unwrap_or_else(PoisonError::into_inner),
            pairs: self.pairs,
            first_etl: (first_etl != i64::MAX).then_some(first_etl),
            events: self.events.into_inner(),
        }
    }

    fn object(&self, storage: &Storage, object: &ObjectMeta, cancel: &Cancel) {
        let Ok(mut decoder) = storage.open_decoded(object) else { return };
        let mut buffer = Vec::new();
        // The beginning of a line whose end is in the next block.
        let mut begun = Vec::new();
        let mut last_etl = String::new();
        while !cancel.is_set() {
            let block = match decoder.next_block(&mut buffer) {
                Ok(block) if !block.is_empty() => block,
                Ok(_) | Err(_) => break,
            };
            let first = match memchr::memchr2(b'\n', b'\r', block) {
                Some(at) => at + 1,
                // A line this long becomes a bad row anyway.
                None if begun.len() > LONGEST_LINE => continue,
                None => block.len(),
            };
            let whole = memchr::memrchr2(b'\n', b'\r', block).map_or(0, |at| at + 1);
            begun.extend_from_slice(&block[..first]);
            if whole == 0 {
                continue;
            }
            lines(&begun).for_each(|line| self.line(line, &mut last_etl));
            lines(&block[first..whole]).for_each(|line| self.line(line, &mut last_etl));
            begun.clear();
            begun.extend_from_slice(&block[whole..]);
        }
        lines(&begun).for_each(|line| self.line(line, &mut last_etl));
    }

    fn line(&self, line: &[u8], last_etl: &mut String) {
        let mut columns = memchr::memchr_iter(b'\t', line).scan(0, |start, tab| {
            let column = &line[*start..tab];
            *start = tab + 1;
            Some(column)
        });
        let etl_tstamp = text(columns.nth(Column::etl_tstamp as usize));
        let between = Column::event_id as usize - Column::etl_tstamp as usize - 1;
        let Some(id) = id_value(text(columns.nth(between))) else { return };
        self.events.fetch_add(1, Ordering::Relaxed);
        // Events of a batch have one time, or few.
        if etl_tstamp != last_etl {
            etl_tstamp.clone_into(last_etl);
            if let Some(etl) = Moment::parse(etl_tstamp) {
                self.first_etl.fetch_min(etl.millis, Ordering::Relaxed);
            }
        }
        let hash = id_hash(id);
        if self.once.insert(hash) {
            let mut repeated = self.repeated.lock().unwrap_or_else(PoisonError::into_inner);
            repeated.insert(hash, MOST_IDS, self.options.filter_bytes);
        }
        if let Some(pairs) = &self.pairs
            && let Ok(line) = std::str::from_utf8(line)
            && let Ok(event) = split_tsv(line)
            && let Some(fingerprint) = fingerprint(&event, self.options.missing)
        {
            pairs.insert(pair_hash(id, &fingerprint) as u64);
        }
    }
}

fn text(bytes: Option<&[u8]>) -> &str {
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shred::check::id_text;
    use crate::shred::tests::line;
    use crate::storage::{Location, StorageOptions};

    fn scan(files: &[Vec<String>], options: ScanOptions) -> BatchScan {
        let folder = tempfile::tempdir().unwrap();
        for (number, lines) in files.iter().enumerate() {
            std::fs::write(folder.path().join(format!("part-{number}")), lines.join("\n")).unwrap();
        }
        let storage = Storage::new(StorageOptions::default());
        let objects = storage.list(&[Location::Local(folder.path().to_owned())]).unwrap();
        BatchScan::run(&storage, &objects, options, &Cancel::default())
    }

    fn event(id: u128, etl: &str) -> String {
        line(&[(Column::event_id, &id_text(id)), (Column::etl_tstamp, etl), (Column::event_fingerprint, "f")])
    }

    const OPTIONS: ScanOptions =
        ScanOptions { threads: 3, filter_bytes: 1 << 20, pairs: true, missing: MissingFingerprint::Computed };

    #[test]
    fn repeated_ids_are_found_across_objects() {
        let first: Vec<String> = (0..3000).map(|id| event(id, "2020-01-01 00:00:02.000")).collect();
        let second = vec![
            event(7, "2020-01-01 00:00:01.500"),
            event(9999, ""),
            "no event".to_owned(),
            event(8, "2020-01-01 00:00:03.000"),
        ];
        let found = scan(&[first, second], OPTIONS);
        assert!(found.may_repeat(7) && found.may_repeat(8));
        let wrong = (0..3000).filter(|id| found.may_repeat(*id)).count();
        assert!(wrong < 30, "{wrong}");
        assert!(!found.may_repeat(9999));
        assert_eq!(found.first_etl, Some(1_577_836_801_500));
        assert_eq!(found.events, 3003);
        assert!(found.may_hold(pair_hash(9999, "f")));
        assert!(!found.may_hold(pair_hash(9999, "g")));
    }

    #[test]
    fn too_many_repeated_ids_go_into_a_filter() {
        let mut repeated = Repeated::Ids((0..100).collect());
        repeated.insert(u64::MAX, 101, 1 << 20);
        assert!(matches!(repeated, Repeated::Ids(_)));
        repeated.insert(200, 101, 1 << 20);
        let Repeated::Filter(filter) = &repeated else { panic!("still one by one") };
        assert!(filter.contains(u64::MAX) && filter.contains(5) && filter.contains(200));
    }

    #[test]
    fn lines_may_end_in_another_block() {
        // Members of 40 bytes, so that most lines lie in many blocks.
        let plain: Vec<String> = (0..200).map(|id| event(id % 150, "2020-01-01 00:00:02.000")).collect();
        let folder = tempfile::tempdir().unwrap();
        let mut stored = Vec::new();
        for piece in plain.join("\n").into_bytes().chunks(40) {
            let mut encoder = flate2::write::GzEncoder::new(&mut stored, flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, piece).unwrap();
            encoder.finish().unwrap();
        }
        std::fs::write(folder.path().join("part.gz"), stored).unwrap();
        let storage = Storage::new(StorageOptions::default());
        let objects = storage.list(&[Location::Local(folder.path().to_owned())]).unwrap();
        let found = BatchScan::run(&storage, &objects, OPTIONS, &Cancel::default());
        assert_eq!(found.events, 200);
        assert!((0..50).all(|id| found.may_repeat(id)));
    }

    #[test]
    fn an_empty_batch_has_no_time() {
        let found = scan(&[vec![]], OPTIONS);
        assert_eq!((found.first_etl, found.events), (None, 0));
    }
}
