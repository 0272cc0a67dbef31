//! Where rows go: few, well-sized files for each kind of rows, however many kinds and workers there are.
//!
//! The unit of commit is a *wave*, a split of the engine that is much larger than those of other commands. Rows of all
//! workers are put back into input order, gathered by kind until there is enough to compress well, compressed by
//! whichever worker is at hand, and appended to the kind's current file, in order. Besides the files a wave leaves, in
//! the run's journal, what the end of the run needs: events set aside, hashes for a store of seen events, a report.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::{Encoded, Encoder, GzipOptions, OpenFile, PartPlace, RollingFile};
use super::output::{ShredOutput, ShredReport};
use super::types::{TypeId, TypeRegistry};
use crate::pipeline::{Buffers, Cancel, Ordered, SplitSink};
use crate::run::{JOURNAL, Part, Run};
use crate::storage::codec::GzipMembers;
use crate::storage::{Location, Precondition, Storage, StorageError};

/// Plain bytes of one kind that are compressed at once.
const BLOCK: usize = 1 << 20;
/// Plain bytes that a worker holds before it compresses some on its own.
const MOST_HELD: usize = 8 << 20;
/// How events set aside are stored; they live for minutes.
const ASIDE: Option<GzipOptions> = Some(GzipOptions { members: GzipMembers::Many, level: 1 });

/// How files are written.
#[derive(Clone, Copy, Debug)]
pub struct SinkOptions {
    /// Compression, if there is to be any.
    pub gzip: Option<GzipOptions>,
    /// Stored bytes of one file, about.
    pub target_size: u64,
    /// Worker threads.
    pub threads: usize,
}

/// What a worker writes to.
pub struct TypeBuffers {
    /// Rows.
    pub output: ShredOutput,
    /// Lines of events set aside.
    pub aside: Vec<u8>,
    /// Hashes for a store of seen events.
    pub hashes: Vec<u8>,
    /// What was done since the last time.
    pub report: ShredReport,
    encoder: Encoder,
    aside_encoder: Encoder,
    sealed: Vec<(TypeId, Encoded)>,
    mark: (usize, usize),
}

impl Buffers for TypeBuffers {
    fn mark(&mut self) {
        self.output.mark();
        self.mark = (self.aside.len(), self.hashes.len());
    }

    fn rewind(&mut self) {
        self.output.rewind();
        self.aside.truncate(self.mark.0);
        self.hashes.truncate(self.mark.1);
    }

    fn relieve(&mut self) {
        if self.output.size() < MOST_HELD {
            return;
        }
        let (encoder, sealed) = (&mut self.encoder, &mut self.sealed);
        let done: Result<(), std::convert::Infallible> = self.output.drain(BLOCK / 4, |id, block| {
            sealed.push((id, encoder.encode(block.bytes.clone(), block.rows)));
            Ok(())
        });
        done.unwrap_or_else(|never| match never {});
    }
}

/// Where all waves of a run write to.
pub struct TypeSink {
    shared: Arc<Shared>,
}

struct Shared {
    storage: Storage,
    folders: Vec<Location>,
    types: Arc<TypeRegistry>,
    options: SinkOptions,
    /// The next part's number, by folder.
    numbers: Mutex<HashMap<String, u32>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TypeSink {
    /// A sink into the folders of a run: the first takes good rows, the last one bad rows.
    pub fn new(run: &Run, types: Arc<TypeRegistry>, options: SinkOptions) -> TypeSink {
        let mut numbers: HashMap<String, u32> = HashMap::new();
        for part in run.parts() {
            let Some((folder, file)) = part.name.rsplit_once('/') else { continue };
            let digits = file.trim_start_matches("part-").split('.').next().unwrap_or_default();
            let next = numbers.entry(folder.to_owned()).or_default();
            *next = (*next).max(digits.parse().map_or(0, |number: u32| number + 1));
        }
        let (storage, folders) = (run.storage().clone(), run.folders().to_vec());
        TypeSink { shared: Arc::new(Shared { storage, folders, types, options, numbers: Mutex::new(numbers) }) }
    }

    /// The buffers of one worker.
    pub fn buffers(&self) -> TypeBuffers {
        TypeBuffers {
            output: ShredOutput::default(),
            aside: Vec::new(),
            hashes: Vec::new(),
            report: ShredReport::default(),
            encoder: Encoder::new(self.shared.options.gzip),
            aside_encoder: Encoder::new(ASIDE),
            sealed: Vec::new(),
            mark: (0, 0),
        }
    }

    /// Begins a wave.
    pub fn begin(&self, number: usize) -> Wave {
        let window = 2 * self.shared.options.threads as u64 + 2;
        Wave {
            shared: Arc::clone(&self.shared),
            number,
            ordered: Ordered::new(window),
            gathered: Mutex::default(),
            ready: Mutex::default(),
            files: Mutex::default(),
        }
    }

    /// The folder of good rows.
    pub fn folder(&self) -> Location {
        self.shared.folders[0].clone()
    }

    /// Where a wave keeps the events it has set aside.
    pub fn aside(&self, wave: usize) -> Location {
        self.shared.journal(&format!("aside-{wave:05}.gz"))
    }

    /// Where a wave keeps the hashes of its new events.
    pub fn hashes(&self, wave: usize) -> Location {
        self.shared.journal(&format!("hashes-{wave:05}"))
    }

    /// What a committed wave has done.
    pub fn report(&self, wave: usize) -> Result<ShredReport, StorageError> {
        let location = self.shared.report(wave);
        let bytes = self.shared.storage.read_all(&location)?;
        ShredReport::from_json(&bytes).ok_or_else(|| StorageError::failed(&location, "is no report of a wave"))
    }
}

impl Shared {
    fn journal(&self, name: &str) -> Location {
        self.folders[0].join(JOURNAL).join(name)
    }

    fn report(&self, wave: usize) -> Location {
        self.journal(&format!("shred-{wave:05}.json"))
    }

    fn place(&self, id: TypeId) -> PartPlace {
        let key = self.types.key(id).expect("every kind of rows is registered before it is written");
        let folder_index = if key.bad { self.folders.len() - 1 } else { 0 };
        let output = if key.bad {
            "bad"
        } else if id == TypeId::ATOMIC {
            "atomic"
        } else {
            "entities"
        };
        PartPlace { folder_index, root: self.folders[folder_index].clone(), path: key.folder(), output }
    }

    fn next_number(&self, path: &str) -> u32 {
        let mut numbers = lock(&self.numbers);
        let next = numbers.entry(path.to_owned()).or_default();
        *next += 1;
        *next - 1
    }
}

/// What one chunk of input gave.
struct ChunkRows {
    plain: Vec<(TypeId, Vec<u8>, u64)>,
    sealed: Vec<(TypeId, Encoded)>,
    aside: Vec<u8>,
    hashes: Vec<u8>,
    report: ShredReport,
}

/// What is on its way into files.
#[derive(Default)]
struct Gathered {
    kinds: Vec<Kind>,
    aside: Vec<u8>,
    hashes: Vec<u8>,
    aside_blocks: u64,
    report: ShredReport,
}

#[derive(Default)]
struct Kind {
    bytes: Vec<u8>,
    rows: u64,
    blocks: u64,
}

/// Rows that wait to be compressed and written, as number `seq` of their kind.
struct Job {
    channel: Channel,
    seq: u64,
    payload: Payload,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Channel {
    Rows(TypeId),
    Aside,
}

enum Payload {
    Plain(Vec<u8>, u64),
    Encoded(Encoded),
}

struct ChannelFile {
    ordered: Ordered<Encoded>,
    writer: Mutex<Writer>,
}

enum Writer {
    Parts(RollingFile),
    Aside(Option<OpenFile>),
}

/// The output of one wave.
pub struct Wave {
    shared: Arc<Shared>,
    number: usize,
    ordered: Ordered<ChunkRows>,
    gathered: Mutex<Gathered>,
    ready: Mutex<VecDeque<Job>>,
    files: Mutex<HashMap<Channel, Arc<ChannelFile>>>,
}

impl Gathered {
    fn kind(&mut self, id: TypeId) -> &mut Kind {
        if self.kinds.len() <= id.index() {
            self.kinds.resize_with(id.index() + 1, Kind::default);
        }
        &mut self.kinds[id.index()]
    }

    fn add(&mut self, chunk: ChunkRows, jobs: &mut VecDeque<Job>) {
        for (id, encoded) in chunk.sealed {
            let kind = self.kind(id);
            kind.flush(id, 1, jobs);
            jobs.push_back(Job { channel: Channel::Rows(id), seq: kind.blocks, payload: Payload::Encoded(encoded) });
            kind.blocks += 1;
        }
        for (id, bytes, rows) in chunk.plain {
            let kind = self.kind(id);
            kind.bytes.extend_from_slice(&bytes);
            kind.rows += rows;
            kind.flush(id, BLOCK, jobs);
        }
        self.aside.extend_from_slice(&chunk.aside);
        self.flush_aside(BLOCK, jobs);
        self.hashes.extend_from_slice(&chunk.hashes);
        self.report.merge(chunk.report);
    }

    fn flush_aside(&mut self, least: usize, jobs: &mut VecDeque<Job>) {
        if self.aside.len() >= least {
            let payload = Payload::Plain(std::mem::take(&mut self.aside), 0);
            jobs.push_back(Job { channel: Channel::Aside, seq: self.aside_blocks, payload });
            self.aside_blocks += 1;
        }
    }

    fn flush_all(&mut self, jobs: &mut VecDeque<Job>) {
        for (index, kind) in self.kinds.iter_mut().enumerate() {
            kind.flush(TypeId(index as u32), 1, jobs);
        }
        self.flush_aside(1, jobs);
    }
}

impl Kind {
    fn flush(&mut self, id: TypeId, least: usize, jobs: &mut VecDeque<Job>) {
        if self.bytes.len() >= least {
            let payload = Payload::Plain(std::mem::take(&mut self.bytes), std::mem::take(&mut self.rows));
            jobs.push_back(Job { channel: Channel::Rows(id), seq: self.blocks, payload });
            self.blocks += 1;
        }
    }
}

impl Wave {
    fn file(&self, channel: Channel) -> Arc<ChannelFile> {
        let mut files = lock(&self.files);
        let file = files.entry(channel).or_insert_with(|| {
            let writer = match channel {
                Channel::Aside => Writer::Aside(None),
                Channel::Rows(id) => {
                    let options = self.shared.options;
                    Writer::Parts(RollingFile::new(self.shared.place(id), options.gzip, options.target_size))
                }
            };
            // Whoever holds the next block of a kind never waits, so those that wait for it do not wait for long.
            Arc::new(ChannelFile { ordered: Ordered::new(u64::MAX), writer: Mutex::new(writer) })
        });
        Arc::clone(file)
    }

    /// Compresses and writes what is ready, together with all other workers that come along.
    fn work_off(
        &self,
        encoder: &mut Encoder,
        aside_encoder: &mut Encoder,
        cancel: &Cancel,
    ) -> Result<(), StorageError> {
        loop {
            let job = lock(&self.ready).pop_front();
            let Some(Job { channel, seq, payload }) = job else { return Ok(()) };
            let encoded = match (payload, channel) {
                (Payload::Encoded(encoded), _) => encoded,
                (Payload::Plain(plain, rows), Channel::Rows(_)) => encoder.encode(plain, rows),
                (Payload::Plain(plain, rows), Channel::Aside) => aside_encoder.encode(plain, rows),
            };
            let file = self.file(channel);
            file.ordered.submit(seq, encoded, cancel, |block| self.append(&file, &block))?;
        }
    }

    fn append(&self, file: &ChannelFile, block: &Encoded) -> Result<(), StorageError> {
        let shared = &self.shared;
        match &mut *lock(&file.writer) {
            Writer::Parts(parts) => {
                let path = parts.path().to_owned();
                parts.append(block, &shared.storage, || shared.next_number(&path))
            }
            Writer::Aside(open) => {
                let file = match open {
                    Some(file) => file,
                    empty => {
                        let location = shared.journal(&format!("aside-{:05}.gz", self.number));
                        empty.insert(OpenFile::create(&shared.storage, location, ASIDE)?)
                    }
                };
                file.append(block)
            }
        }
    }

    /// What the wave has done so far.
    pub fn done(&self) -> ShredReport {
        lock(&self.gathered).report.clone()
    }
}

impl SplitSink<TypeBuffers> for Wave {
    fn write(&self, _worker: usize, seq: u64, out: &mut TypeBuffers, cancel: &Cancel) -> Result<(), StorageError> {
        let mut plain = Vec::new();
        let taken: Result<(), std::convert::Infallible> = out.output.drain(0, |id, block| {
            plain.push((id, block.bytes.clone(), block.rows));
            Ok(())
        });
        taken.unwrap_or_else(|never| match never {});
        let chunk = ChunkRows {
            plain,
            sealed: std::mem::take(&mut out.sealed),
            aside: std::mem::take(&mut out.aside),
            hashes: std::mem::take(&mut out.hashes),
            report: std::mem::take(&mut out.report),
        };
        self.ordered.submit(seq, chunk, cancel, |chunk| -> Result<(), StorageError> {
            let mut jobs = VecDeque::new();
            lock(&self.gathered).add(chunk, &mut jobs);
            lock(&self.ready).append(&mut jobs);
            Ok(())
        })?;
        self.work_off(&mut out.encoder, &mut out.aside_encoder, cancel)
    }

    fn commit(&self) -> Result<Vec<Part>, StorageError> {
        let (hashes, report) = {
            let mut gathered = lock(&self.gathered);
            let mut jobs = VecDeque::new();
            gathered.flush_all(&mut jobs);
            lock(&self.ready).append(&mut jobs);
            (std::mem::take(&mut gathered.hashes), gathered.report.clone())
        };
        let mut encoder = Encoder::new(self.shared.options.gzip);
        self.work_off(&mut encoder, &mut Encoder::new(ASIDE), &Cancel::default())?;
        let mut parts = Vec::new();
        let files = std::mem::take(&mut *lock(&self.files));
        for file in files.into_values() {
            match &mut *lock(&file.writer) {
                Writer::Parts(rolling) => parts.extend(rolling.finish()?),
                Writer::Aside(open) => {
                    if let Some(open) = open.take() {
                        open.finish()?;
                    }
                }
            }
        }
        parts.sort_by(|a, b| (a.folder, &a.name).cmp(&(b.folder, &b.name)));
        let storage = &self.shared.storage;
        if !hashes.is_empty() {
            let location = self.shared.journal(&format!("hashes-{:05}", self.number));
            storage.write_all(&location, &hashes, Precondition::None)?;
        }
        storage.write_all(&self.shared.report(self.number), &report.to_json(), Precondition::None)?;
        Ok(parts)
    }
}
