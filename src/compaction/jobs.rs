//! Threads that work on the splits of a run side by side.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::error::CompactionError;
use crate::report::Meter;
use crate::run::{Run, SplitRecord};

/// How a run is worked on.
#[derive(Clone, Copy)]
pub struct Limits<'l> {
    /// Splits worked on at once.
    pub threads: usize,
    /// Whether to stop.
    pub stop: &'l (dyn Fn() -> bool + Sync),
    /// Where progress is noted.
    pub meter: &'l Meter,
}

impl Limits<'_> {
    /// Ends the work if it is to be stopped.
    pub fn check(&self) -> Result<(), CompactionError> {
        if (self.stop)() { Err(CompactionError::Interrupted) } else { Ok(()) }
    }
}

/// Does these splits of the run, and notes each in the journal when it is done. The first failure ends it; splits that are
/// under way are given up.
pub fn each_split<W>(
    run: &Run,
    open: &[(usize, Range<usize>)],
    limits: Limits<'_>,
    work: W,
) -> Result<(), CompactionError>
where
    W: Fn(usize, Range<usize>, Limits<'_>) -> Result<SplitRecord, CompactionError> + Sync,
{
    let failed = AtomicBool::new(false);
    let failure: Mutex<Option<CompactionError>> = Mutex::new(None);
    let stop = || failed.load(Ordering::Relaxed) || (limits.stop)();
    let inner = Limits { stop: &stop, ..limits };
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some((split, range)) = open.get(next.fetch_add(1, Ordering::Relaxed)).cloned() {
            let outcome = inner.check().and_then(|()| {
                let record = work(split, range, inner)?;
                Ok(run.commit_split(record)?)
            });
            if let Err(error) = outcome {
                let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                // Others stop because of the first failure; what they say of it is not news.
                if !failed.swap(true, Ordering::Relaxed) {
                    *first = Some(error);
                }
                return;
            }
            Meter::add(&limits.meter.splits, 1);
        }
    };
    let panicked = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..limits.threads.min(open.len()).max(1)).map(|_| scope.spawn(worker)).collect();
        worker();
        helpers.into_iter().any(|helper| helper.join().is_err())
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None if panicked => Err(CompactionError::Panicked),
        None => Ok(()),
    }
}
