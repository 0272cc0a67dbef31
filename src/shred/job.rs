//! The stage and the sink as the engine wants them, and the end of a run: events set aside, the store of seen events,
//! the completion message.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::check::CheckedEvent;
use super::complete::{COMPLETE_FILE, Completion};
use super::dedupe::{BatchScan, MissingFingerprint, Resolution, ResolvedLines, SeenManifest, SeenStore};
use super::output::ShredReport;
use super::shredder::{ShredConfig, Shredder};
use super::sink::{TypeBuffers, TypeSink};
use super::wave::Wave;
use super::worker::{ShredWorker, add_counters, push_hash};
use crate::iglu::Validator;
use crate::pipeline::{Cancel, Framing, LineFramer, Sink, SplitSink, Stage, guard};
use crate::report::Counters;
use crate::run::{Part, Run, now_millis};
use crate::storage::{Precondition, Storage, StorageError};

/// How duplicates are treated.
pub struct Dedupe {
    /// What the first look at the batch has found.
    pub scan: BatchScan,
    /// Whether duplicates within the batch are dropped or renamed.
    pub in_batch: bool,
    /// What counts as the fingerprint of an event without one.
    pub missing: MissingFingerprint,
    /// Knows the events of earlier batches.
    pub seen: Option<Arc<dyn SeenStore>>,
    /// The same store, if it wants to be told of new events at the end.
    pub manifest: Option<Arc<SeenManifest>>,
    /// Folder for temporary files.
    pub temporary: PathBuf,
}

/// What else a job must know.
#[derive(Clone, Copy, Debug)]
pub struct JobOptions {
    /// Worker threads.
    pub threads: usize,
    /// Whether files are gzipped, for the completion message.
    pub gzip: bool,
    /// Whether there is to be a completion message.
    pub message: bool,
}

/// Makes the validator of one worker.
pub type Validators = Box<dyn Fn() -> Box<dyn Validator> + Send + Sync>;

/// A run of the shredder.
pub struct ShredJob {
    shared: Arc<Shared>,
    sink: TypeSink,
    late: Mutex<Counters>,
    run_id: String,
    started: i64,
    waves: usize,
    base: String,
    options: JobOptions,
    storage: Storage,
    cancel: Cancel,
}

/// What all workers of a run share.
pub(super) struct Shared {
    config: Arc<ShredConfig>,
    validators: Validators,
    pub(super) dedupe: Option<Dedupe>,
    /// Why the run must end, if it must.
    failure: Mutex<Option<String>>,
    cancel: Cancel,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ShredJob {
    /// A job that fills the folders of `run` through `sink`.
    pub fn new(
        run: &Run,
        config: Arc<ShredConfig>,
        validators: Validators,
        dedupe: Option<Dedupe>,
        sink: TypeSink,
        options: JobOptions,
        cancel: &Cancel,
    ) -> ShredJob {
        let shared = Shared { config, validators, dedupe, failure: Mutex::default(), cancel: cancel.clone() };
        ShredJob {
            shared: Arc::new(shared),
            sink,
            late: Mutex::default(),
            run_id: run.id().to_owned(),
            started: run.started(),
            waves: run.split_count(),
            base: run.folders()[0].to_string(),
            options,
            storage: run.storage().clone(),
            cancel: cancel.clone(),
        }
    }

    /// Why the job has stopped the run, if it has.
    pub fn failure(&self) -> Option<String> {
        lock(&self.shared.failure).clone()
    }

    fn failed(&self, what: impl std::fmt::Display) -> StorageError {
        StorageError::failed(&self.sink.folder(), what.to_string())
    }

    /// Decides about the events that were set aside and writes them.
    fn settle(&self, reports: &[ShredReport]) -> Result<(Vec<Part>, ShredReport), StorageError> {
        let waiting: u64 = reports.iter().map(|report| report.counters.deferred_events).sum();
        let Some(dedupe) = self.shared.dedupe.as_ref().filter(|_| waiting > 0) else {
            return Ok((Vec::new(), ShredReport::default()));
        };
        let with_events = (0..self.waves).filter(|wave| reports[*wave].counters.deferred_events > 0);
        let sources = with_events.map(|wave| self.open_aside(wave));
        let seen = dedupe.seen.as_deref();
        let begun = Resolution::begin(sources, waiting, &dedupe.temporary, dedupe.missing, seen, &self.run_id);
        let state = Mutex::new((begun.map_err(|error| self.failed(error))?, 0));
        let wave = self.sink.begin(self.waves);
        let results = std::thread::scope(|scope| {
            let work = |worker| self.settle_guarded(worker, &state, &wave);
            let threads: Vec<_> = (0..self.options.threads).map(|worker| scope.spawn(move || work(worker))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|_| Err(self.failed("a thread panicked")))
            };
            threads.into_iter().map(join).collect::<Vec<_>>()
        });
        results.into_iter().collect::<Result<(), _>>()?;
        Ok((wave.commit()?, wave.done()))
    }

    fn open_aside(&self, wave: usize) -> std::io::Result<Box<dyn Read + Send>> {
        let location = self.sink.aside(wave);
        let open = || -> Result<Box<dyn Read + Send>, StorageError> {
            let object = self.storage.head(&location)?;
            let object = object.ok_or_else(|| StorageError::NotFound { location: location.clone() })?;
            Ok(Box::new(self.storage.open_decoded(&object)?))
        };
        open().map_err(std::io::Error::other)
    }

    /// A thread that fails takes the others along: they would wait for its rows.
    fn settle_guarded(
        &self,
        worker: usize,
        state: &Mutex<(Resolution<'_>, u64)>,
        wave: &Wave,
    ) -> Result<(), StorageError> {
        struct StopOthers<'c>(Option<&'c Cancel>);
        impl Drop for StopOthers<'_> {
            fn drop(&mut self) {
                if let Some(cancel) = self.0 {
                    cancel.set();
                }
            }
        }
        let mut stop = StopOthers(Some(&self.cancel));
        let result = self.settle_some(worker, state, wave);
        if result.is_ok() {
            stop.0 = None;
        }
        result
    }

    fn settle_some(
        &self,
        worker: usize,
        state: &Mutex<(Resolution<'_>, u64)>,
        wave: &Wave,
    ) -> Result<(), StorageError> {
        let mut shredder = self.shared.shredder();
        let mut out = self.sink.buffers();
        let mut resolved = ResolvedLines::default();
        loop {
            let seq = {
                let mut state = lock(state);
                if self.cancel.is_set() || !state.0.next(&mut resolved).map_err(|error| self.failed(error))? {
                    return Ok(());
                }
                if self.shared.wants_hashes() {
                    state.0.take_hashes().into_iter().for_each(|hash| push_hash(hash, &mut out.hashes));
                }
                state.1 += 1;
                state.1 - 1
            };
            for (range, fate) in &resolved.lines {
                let line = &resolved.bytes[range.clone()];
                let before = shredder.report().counters;
                let done = guard(&mut out, |out| shredder.settle(line, fate, &mut out.output));
                if let Err(message) = done {
                    shredder.failed(before, line, &message, true, &mut out.output);
                }
            }
            out.report.merge(shredder.take_report());
            wave.write(worker, seq, &mut out, &self.cancel)?;
        }
    }

    /// Lists only what has files: a loader stops at a listed type without any.
    fn complete_message(&self, mut report: ShredReport, parts: &[Part]) -> Result<Part, StorageError> {
        report.types.retain(|key, format| {
            let folder = format!(
                "vendor={}/name={}/format={}/model={}/",
                key.vendor,
                key.name,
                format.folder(),
                key.version.model
            );
            parts.iter().any(|part| part.name.contains(&folder))
        });
        let message = Completion {
            base: &self.base,
            report: &report,
            started: self.started,
            completed: now_millis(),
            gzip: self.options.gzip,
            processor: &self.shared.config.bad_rows.processor,
        };
        let location = self.sink.folder().join(COMPLETE_FILE);
        let written = self.storage.write_all(&location, &message.to_json(), Precondition::None)?;
        Ok(Part {
            folder: 0,
            output: "message".to_owned(),
            name: COMPLETE_FILE.to_owned(),
            size: written.size,
            crc32c: written.crc32c_text(),
            records: 1,
        })
    }
}

impl Sink for ShredJob {
    type Buffers = TypeBuffers;
    type Split = Wave;

    fn buffers(&self) -> TypeBuffers {
        self.sink.buffers()
    }

    fn begin(&self, split: usize) -> Wave {
        self.sink.begin(split)
    }

    fn expected_records(&self, counters: &Counters) -> Vec<(&'static str, u64)> {
        let entities = counters.named.get("entity_rows").copied().unwrap_or_default();
        vec![("atomic", counters.events_good), ("bad", counters.bad_rows), ("entities", entities)]
    }

    fn complete(&self, parts: &[Part]) -> Result<Vec<Part>, StorageError> {
        let reports = (0..self.waves).map(|wave| self.sink.report(wave)).collect::<Result<Vec<_>, _>>()?;
        let (mut extra, late) = self.settle(&reports)?;
        let mut total = late.clone();
        reports.into_iter().for_each(|report| total.merge(report));
        if !total.counters.balance() || !total.counters.settled() {
            return Err(self.failed(format!("the figures do not balance: {:?}", total.counters)));
        }
        if let Some(manifest) = self.shared.dedupe.as_ref().and_then(|dedupe| dedupe.manifest.as_ref()) {
            let sources: Vec<_> = (0..=self.waves).map(|wave| self.sink.hashes(wave)).collect();
            manifest.commit(&self.storage, &self.run_id, &sources)?;
        }
        let mut counted = Counters::default();
        add_counters(&late.counters, &mut counted);
        for (output, records) in self.expected_records(&counted) {
            let written: u64 = extra.iter().filter(|part| part.output == output).map(|part| part.records).sum();
            if written != records {
                return Err(self.failed(format!("{records} {output} rows were counted, but {written} written")));
            }
        }
        *lock(&self.late) = counted;
        let all: Vec<Part> = parts.iter().chain(&extra).cloned().collect();
        if self.options.message {
            extra.push(self.complete_message(total, &all)?);
        }
        Ok(extra)
    }

    fn late_counters(&self) -> Counters {
        lock(&self.late).clone()
    }
}

impl Stage for ShredJob {
    type Format = ();
    type Buffers = TypeBuffers;
    type Worker = ShredWorker;

    fn open(&self, _object: &crate::storage::ObjectMeta, _head: &[u8]) -> Result<Framing<()>, String> {
        Ok(Framing { format: (), framer: Box::new(LineFramer::default()) })
    }

    fn worker(&self) -> Result<ShredWorker, String> {
        Ok(ShredWorker::new(Arc::clone(&self.shared)))
    }
}

impl Shared {
    pub(super) fn shredder(&self) -> Shredder {
        Shredder::new(Arc::clone(&self.config), (self.validators)())
    }

    pub(super) fn is_suspect(&self, checked: &CheckedEvent<'_>) -> bool {
        self.dedupe.as_ref().is_some_and(|dedupe| dedupe.in_batch && dedupe.scan.may_repeat(checked.id))
    }

    pub(super) fn wants_hashes(&self) -> bool {
        let seen = self.dedupe.as_ref().and_then(|dedupe| dedupe.seen.as_ref());
        seen.is_some_and(|seen| seen.wants_hashes())
    }

    pub(super) fn stop(&self, message: String) {
        lock(&self.failure).get_or_insert(message);
        self.cancel.set();
    }
}
