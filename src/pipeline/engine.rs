//! [`Engine`]: worker threads pull chunks from the sources of open splits until everything is committed.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use super::cancel::Cancel;
use super::chunk::{CHUNK_SIZE, Chunk};
use super::error::EngineError;
use super::ledger::Ledger;
use super::object::Limits;
use super::panics;
use super::sink::{Sink, SplitSink};
use super::source::{Inputs, Source};
use super::stage::Stage;
use super::work::{Done, WorkerState};
use crate::report::Meter;
use crate::run::{Manifest, Run, Status};
use crate::storage::{ObjectMeta, Storage};

/// How the engine runs.
#[derive(Clone, Copy, Debug)]
pub struct EngineOptions {
    /// Worker threads.
    pub threads: usize,
    /// Bytes of a record that are held; larger records go to [`super::Worker::unusable`], unless one ends before it is
    /// noticed. A stage that needs an exact limit checks for itself.
    pub max_record: usize,
    /// Whether a broken input object ends the run.
    pub fail_fast: bool,
    /// Plain bytes that a worker takes at once.
    pub chunk_size: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        EngineOptions { threads, max_record: 10 << 20, fail_fast: false, chunk_size: CHUNK_SIZE }
    }
}

/// What a finished run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The manifest as written.
    pub manifest: Manifest,
    /// Splits that were in place before this process began.
    pub resumed: usize,
}

/// A stage, a sink and inputs, ready to run.
pub struct Engine<'e, S, K> {
    /// The transformation.
    pub stage: &'e S,
    /// Where output goes.
    pub sink: &'e K,
    /// All storage.
    pub storage: &'e Storage,
    /// The inputs that the run was opened with.
    pub objects: &'e [ObjectMeta],
    /// How to run.
    pub options: EngineOptions,
    /// The wish to stop. The engine sets it too, when something fails.
    pub cancel: &'e Cancel,
    /// Where progress is noted.
    pub meter: &'e Meter,
}

/// A split to work on, if there is one.
type TakenSplit<'e, S, K> = Result<Option<Arc<Active<'e, S, <K as Sink>::Split>>>, EngineError>;

impl<S, K> Engine<'_, S, K>
where
    K: Sink,
    S: Stage<Buffers = K::Buffers>,
{
    /// Does all splits of the run that are not done yet, then ends the run.
    pub fn execute(&self, run: Run) -> Result<Outcome, EngineError> {
        let resumed = run.resumed();
        self.announce(&run);
        let ended = self.run_splits(&run).and_then(|()| {
            let extra = self.sink.complete(&run.parts()).map_err(EngineError::Output)?;
            // The last moment to stop: from here on the run is complete.
            if self.cancel.is_set() { Err(EngineError::Interrupted) } else { Ok(extra) }
        });
        match ended {
            Ok(extra) => Ok(Outcome { manifest: run.finish_with(&extra, &self.sink.late_counters())?, resumed }),
            Err(error) => {
                let interrupted = matches!(error, EngineError::Interrupted);
                let status = if interrupted { Status::Interrupted } else { Status::Failed };
                run.abandon(status, (!interrupted).then(|| error.to_string()));
                Err(error)
            }
        }
    }

    fn announce(&self, run: &Run) {
        let open = run.open_splits();
        let bytes = open.iter().flat_map(|(_, range)| &self.objects[range.clone()]).map(|object| object.size).sum();
        Meter::add(&self.meter.bytes_total, bytes);
        Meter::add(&self.meter.splits_total, open.len() as u64);
    }

    fn run_splits(&self, run: &Run) -> Result<(), EngineError> {
        let limits = Limits { chunk_size: self.options.chunk_size.max(1), max_record: self.options.max_record.max(1) };
        let inputs = Inputs {
            stage: self.stage,
            storage: self.storage,
            objects: self.objects,
            limits,
            cancel: self.cancel,
            meter: self.meter,
        };
        let threads = self.options.threads.max(1);
        let schedule = Schedule {
            pending: Mutex::new(run.open_splits().into()),
            active: Mutex::new(Vec::new()),
            most_active: threads.div_ceil(4) + 1,
        };
        let shared = Shared { engine: self, run, inputs: &inputs, schedule, failure: Mutex::new(None) };
        thread::scope(|scope| {
            let spawn = |worker| {
                thread::Builder::new().name(format!("worker-{worker}")).spawn_scoped(scope, {
                    let shared = &shared;
                    move || shared.work_guarded(worker)
                })
            };
            let workers: Vec<_> =
                (0..threads).map(|worker| spawn(worker).expect("the system gives a thread")).collect();
            for worker in workers {
                // Panics were caught inside.
                let _ = worker.join();
            }
        });
        let failure = shared.failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        match failure {
            Some(error) => Err(error),
            None if self.cancel.is_set() => Err(EngineError::Interrupted),
            None => Ok(()),
        }
    }
}

/// Splits that are to be done and those that are being read.
struct Schedule<A> {
    pending: Mutex<VecDeque<(usize, Range<usize>)>>,
    active: Mutex<Vec<Arc<A>>>,
    /// So many sources are open at once that workers seldom wait for each other's inflating.
    most_active: usize,
}

/// A split that is being worked on.
struct Active<'e, S: Stage, W> {
    split: usize,
    source: Mutex<Source<'e, S>>,
    sink: W,
    ledger: Mutex<Ledger>,
}

struct Shared<'e, S: Stage, K: Sink> {
    engine: &'e Engine<'e, S, K>,
    run: &'e Run,
    inputs: &'e Inputs<'e, S>,
    schedule: Schedule<Active<'e, S, K::Split>>,
    failure: Mutex<Option<EngineError>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'e, S, K> Shared<'e, S, K>
where
    K: Sink,
    S: Stage<Buffers = K::Buffers>,
{
    fn work_guarded(&self, worker: usize) {
        let result = panics::catch(|| self.work(worker)).unwrap_or_else(|text| Err(EngineError::Panicked(text)));
        if let Err(error) = result {
            lock(&self.failure).get_or_insert(error);
            self.engine.cancel.set();
        }
    }

    fn work(&self, worker: usize) -> Result<(), EngineError> {
        let cancel = self.engine.cancel;
        let mut chunk = Chunk::new();
        let mut state = WorkerState::new(self.inputs, self.engine.sink.buffers())?;
        while let Some(active) = self.next_chunk(&mut chunk)? {
            let done = state.work_through(&mut chunk);
            self.check_failures(&done)?;
            let written = active.sink.write(worker, chunk.seq, &mut state.out, cancel);
            written.map_err(EngineError::Output)?;
            if cancel.is_set() {
                // The write may have been given up.
                return Ok(());
            }
            self.note(&active, done)?;
        }
        Ok(())
    }

    /// The next chunk of the oldest split whose source is free; `None` if nothing is left to take.
    fn next_chunk(&self, chunk: &mut Chunk<S::Format>) -> TakenSplit<'e, S, K> {
        loop {
            let candidates = self.candidates();
            if candidates.is_empty() || self.engine.cancel.is_set() {
                return Ok(None);
            }
            let (active, mut source) = free_source(&candidates);
            if source.fill(chunk) {
                drop(source);
                return Ok(Some(Arc::clone(active)));
            }
            if self.engine.cancel.is_set() {
                // An empty chunk does not mean that the source is at its end.
                return Ok(None);
            }
            let total = source.total();
            drop(source);
            lock(&self.schedule.active).retain(|other| other.split != active.split);
            if let Some(total) = total
                && lock(&active.ledger).expect(total)
            {
                self.commit(active)?;
            }
        }
    }

    /// The open splits, oldest first; opens more if there may be more.
    fn candidates(&self) -> Vec<Arc<Active<'e, S, K::Split>>> {
        let mut active = lock(&self.schedule.active);
        while active.len() < self.schedule.most_active {
            let Some((split, range)) = lock(&self.schedule.pending).pop_front() else { break };
            active.push(Arc::new(Active {
                split,
                source: Mutex::new(Source::new(self.inputs, range.clone())),
                sink: self.engine.sink.begin(split),
                ledger: Mutex::new(Ledger::new(split, range)),
            }));
        }
        active.clone()
    }

    fn check_failures(&self, done: &Done) -> Result<(), EngineError> {
        for failed in &done.failures {
            let location = self.engine.objects[failed.input].location.clone();
            tracing::debug!(%location, reason = %failed.reason, "input could not be read whole");
            if self.engine.options.fail_fast {
                return Err(EngineError::Input { location, reason: failed.reason.clone() });
            }
        }
        Ok(())
    }

    fn note(&self, active: &Active<'e, S, K::Split>, done: Done) -> Result<(), EngineError> {
        Meter::add(&self.engine.meter.records, done.counters.records_in);
        Meter::add(&self.engine.meter.bad_rows, done.counters.bad_rows);
        if lock(&active.ledger).enter(done) {
            self.commit(active)?;
        }
        Ok(())
    }

    fn commit(&self, active: &Active<'e, S, K::Split>) -> Result<(), EngineError> {
        let split = active.split;
        let mut record = lock(&active.ledger).close();
        record.counters.check_balance().map_err(|imbalance| EngineError::Unbalanced { split, imbalance })?;
        record.parts = active.sink.commit().map_err(EngineError::Output)?;
        for (output, counted) in self.engine.sink.expected_records(&record.counters) {
            let of_output = record.parts.iter().filter(|part| part.output == output);
            let written: u64 = of_output.map(|part| part.records).sum();
            if written != counted {
                return Err(EngineError::Miscounted { split, output: output.to_owned(), counted, written });
            }
        }
        self.run.commit_split(record)?;
        Meter::add(&self.engine.meter.splits, 1);
        Ok(())
    }
}

/// The first source that nobody reads from; if there is none, the first one, once it is free.
fn free_source<'c, 'e, S: Stage, W>(
    candidates: &'c [Arc<Active<'e, S, W>>],
) -> (&'c Arc<Active<'e, S, W>>, MutexGuard<'c, Source<'e, S>>) {
    for active in candidates {
        match active.source.try_lock() {
            Ok(source) => return (active, source),
            Err(TryLockError::Poisoned(poisoned)) => return (active, poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    (&candidates[0], lock(&candidates[0].source))
}
