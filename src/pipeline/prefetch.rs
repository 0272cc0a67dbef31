//! [`Prefetch`]: small remote objects fetched ahead, many at a time.
//!
//! A request for a small object is nothing but waiting, 15 to 30 ms of it; a collector writes thousands of them. How many
//! are on their way must follow from their size, not from the number of processors.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::cancel::Cancel;
use super::source::{SMALL_OBJECT, read_stored};
use crate::storage::{Location, ObjectMeta, Storage, StorageError};

/// Requests on their way, at most.
const MAX_THREADS: usize = 128;
/// How far ahead one split asks, in objects and in bytes.
const AHEAD_OBJECTS: usize = 128;
const AHEAD_BYTES: u64 = 16 << 20;

type Fetched = Result<Vec<u8>, StorageError>;

/// Objects on their way or waiting to be taken. Without remote inputs it does nothing.
pub(super) struct Prefetch {
    threads: usize,
    queue: Option<Sender<usize>>,
    jobs: Receiver<usize>,
    /// `None`: on its way.
    slots: Mutex<HashMap<usize, Option<Fetched>>>,
    arrived: Condvar,
}

fn is_worth_it(object: &ObjectMeta) -> bool {
    matches!(object.location, Location::S3 { .. }) && (1..=SMALL_OBJECT).contains(&object.size)
}

impl Prefetch {
    pub(super) fn new(objects: &[ObjectMeta]) -> Prefetch {
        let threads = objects.iter().filter(|object| is_worth_it(object)).take(MAX_THREADS).count();
        Prefetch::with_threads(threads)
    }

    fn with_threads(threads: usize) -> Prefetch {
        let (queue, jobs) = unbounded();
        let queue = (threads > 0).then_some(queue);
        Prefetch { threads, queue, jobs, slots: Mutex::default(), arrived: Condvar::new() }
    }

    /// How many threads are to call [`Prefetch::work`].
    pub(super) fn threads(&self) -> usize {
        self.threads
    }

    /// Fetches until `cancel` is set or the work is over.
    pub(super) fn work(&self, storage: &Storage, objects: &[ObjectMeta], cancel: &Cancel, over: &Cancel) {
        while !cancel.is_set() && !over.is_set() {
            let Ok(index) = self.jobs.recv_timeout(Duration::from_millis(50)) else { continue };
            let fetched = read_stored(storage, &objects[index]);
            self.slots().insert(index, Some(fetched));
            self.arrived.notify_all();
        }
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<usize, Option<Fetched>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for the small objects in `range`, not too far beyond `next`; returns up to where it has asked.
    pub(super) fn ask_ahead(&self, objects: &[ObjectMeta], range: Range<usize>, next: usize) -> usize {
        let Some(queue) = &self.queue else { return range.end };
        let mut bytes: u64 =
            objects[next..range.start].iter().filter(|object| is_worth_it(object)).map(|object| object.size).sum();
        for index in range.clone() {
            let object = &objects[index];
            if index >= next + AHEAD_OBJECTS || bytes >= AHEAD_BYTES {
                return index;
            }
            if is_worth_it(object) {
                bytes += object.size;
                self.slots().insert(index, None);
                // The receiver lives as long as self.
                let _ = queue.send(index);
            }
        }
        range.end
    }

    /// Waits for an object that was asked for; `None` if it was not, or if work is to stop.
    pub(super) fn take(&self, index: usize, cancel: &Cancel) -> Option<Fetched> {
        self.queue.as_ref()?;
        let mut slots = self.slots();
        loop {
            match slots.get(&index) {
                None => return None,
                Some(Some(_)) => return slots.remove(&index).flatten(),
                Some(None) if cancel.is_set() => return None,
                Some(None) => {}
            }
            slots =
                self.arrived.wait_timeout(slots, Duration::from_millis(50)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_small_remote_objects_within_bounds() {
        let object = |size: u64, remote: bool| {
            let key = "k".to_owned();
            let location = if remote { Location::S3 { bucket: "b".into(), key } } else { Location::Local(key.into()) };
            ObjectMeta { location, relative: String::new(), size, etag: None, modified: None }
        };
        let many: Vec<ObjectMeta> = (0..1000).map(|_| object(1000, true)).collect();
        let prefetch = Prefetch::new(&many);
        assert_eq!(prefetch.threads(), MAX_THREADS);
        assert_eq!(prefetch.ask_ahead(&many, 0..1000, 0), AHEAD_OBJECTS);
        assert_eq!(prefetch.ask_ahead(&many, AHEAD_OBJECTS..1000, 10), AHEAD_OBJECTS + 10);
        assert_eq!(prefetch.jobs.len(), AHEAD_OBJECTS + 10);
        let large: Vec<ObjectMeta> = (0..100).map(|_| object(1 << 20, true)).collect();
        assert_eq!(Prefetch::new(&large).ask_ahead(&large, 0..100, 0), 16);
        let local = [object(1000, false), object(0, true), object(2 << 20, true)];
        assert_eq!(Prefetch::new(&local).threads(), 0);
    }

    #[test]
    fn gives_what_was_fetched() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        let location = Location::Local(path);
        let objects = [ObjectMeta { location, relative: "x".into(), size: 3, etag: None, modified: None }];
        let prefetch = Prefetch::with_threads(1);
        let (cancel, over) = (Cancel::default(), Cancel::default());
        assert!(prefetch.take(0, &cancel).is_none(), "never asked for");
        prefetch.slots().insert(0, None);
        prefetch.queue.as_ref().unwrap().send(0).unwrap();
        std::thread::scope(|scope| {
            let storage = Storage::new(crate::storage::StorageOptions::default());
            let (prefetch, objects, cancel, over) = (&prefetch, &objects, &cancel, &over);
            scope.spawn(move || prefetch.work(&storage, objects, cancel, over));
            assert_eq!(prefetch.take(0, cancel).unwrap().unwrap(), b"abc");
            over.set();
        });
        assert!(prefetch.slots().is_empty());
    }
}
