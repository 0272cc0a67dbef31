//! One wave: rows of all workers, put back into order, gathered by kind, compressed by whoever is at hand.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::files::RollingFile;
use super::output::{ShredOutput, ShredReport};
use super::sink::{ASIDE, BLOCK, MOST_GATHERED, Shared, TypeBuffers, lock};
use super::types::TypeId;
use crate::pipeline::{Block, BlockEncoder, Cancel, Ordered, PartWriter, SplitSink};
use crate::run::Part;
use crate::storage::{Precondition, StorageError};

/// What one chunk of input gave.
struct ChunkRows {
    output: ShredOutput,
    sealed: Vec<(TypeId, Block)>,
    aside: Vec<u8>,
    hashes: Vec<u8>,
    report: ShredReport,
}

/// What is on its way into files.
#[derive(Default)]
struct Gathered {
    kinds: Vec<Kind>,
    /// Bytes of all kinds.
    size: usize,
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
    Encoded(Block),
}

/// Memory that was used and will be used again.
#[derive(Default)]
struct Spare {
    outputs: Vec<ShredOutput>,
    blocks: Vec<Vec<u8>>,
}

struct ChannelFile {
    ordered: Ordered<Block>,
    writer: Mutex<Writer>,
}

enum Writer {
    Parts(RollingFile),
    Aside(Option<PartWriter>),
}

impl Writer {
    fn held(&self) -> usize {
        match self {
            Writer::Parts(parts) => parts.held(),
            Writer::Aside(open) => open.as_ref().map_or(0, PartWriter::held),
        }
    }

    fn relieve(&mut self) -> Result<(), StorageError> {
        match self {
            Writer::Parts(parts) => parts.relieve(),
            Writer::Aside(open) => open.as_mut().map_or(Ok(()), PartWriter::relieve),
        }
    }

    /// Ends the open part; events set aside have a single file.
    fn end(&mut self) -> Result<(), StorageError> {
        match self {
            Writer::Parts(parts) => parts.close(),
            Writer::Aside(_) => Ok(()),
        }
    }
}

/// The output of one wave.
pub struct Wave {
    shared: Arc<Shared>,
    number: usize,
    ordered: Ordered<ChunkRows>,
    gathered: Mutex<Gathered>,
    ready: Mutex<VecDeque<Job>>,
    spare: Mutex<Spare>,
    files: Mutex<HashMap<Channel, Arc<ChannelFile>>>,
    /// Bytes of all files that wait in memory for the store to take them.
    held: AtomicUsize,
}

impl Gathered {
    fn kind(&mut self, id: TypeId) -> &mut Kind {
        if self.kinds.len() <= id.index() {
            self.kinds.resize_with(id.index() + 1, Kind::default);
        }
        &mut self.kinds[id.index()]
    }

    /// Takes over what a chunk gave, but for the buffers.
    fn add(&mut self, chunk: &mut ChunkRows, spare: &mut Spare, jobs: &mut VecDeque<Job>) {
        for (id, block) in chunk.sealed.drain(..) {
            self.flush(id, 1, jobs);
            let kind = self.kind(id);
            jobs.push_back(Job { channel: Channel::Rows(id), seq: kind.blocks, payload: Payload::Encoded(block) });
            kind.blocks += 1;
        }
        for (id, rows) in chunk.output.blocks() {
            let kind = self.kind(id);
            if kind.bytes.len() + rows.bytes.len() > kind.bytes.capacity() {
                kind.grow(rows.bytes.len(), spare);
            }
            kind.bytes.extend_from_slice(&rows.bytes);
            kind.rows += rows.rows;
            self.size += rows.bytes.len();
            self.flush(id, BLOCK, jobs);
        }
        if self.size > MOST_GATHERED {
            self.relieve(jobs);
        }
        self.aside.extend_from_slice(&chunk.aside);
        self.flush_aside(BLOCK, jobs);
        self.hashes.extend_from_slice(&chunk.hashes);
        self.report.merge(std::mem::take(&mut chunk.report));
    }

    fn flush(&mut self, id: TypeId, least: usize, jobs: &mut VecDeque<Job>) {
        let kind = self.kind(id);
        if kind.bytes.len() < least {
            return;
        }
        let size = kind.bytes.len();
        let payload = Payload::Plain(std::mem::take(&mut kind.bytes), std::mem::take(&mut kind.rows));
        jobs.push_back(Job { channel: Channel::Rows(id), seq: kind.blocks, payload });
        kind.blocks += 1;
        self.size -= size;
    }

    /// Too many kinds for all of them to wait for a whole block: those that have the most go first.
    fn relieve(&mut self, jobs: &mut VecDeque<Job>) {
        let mut least = BLOCK / 2;
        while self.size > MOST_GATHERED / 2 {
            (0..self.kinds.len()).for_each(|index| self.flush(TypeId(index as u32), least.max(1), jobs));
            least /= 2;
        }
    }

    fn flush_aside(&mut self, least: usize, jobs: &mut VecDeque<Job>) {
        if self.aside.len() >= least {
            let payload = Payload::Plain(std::mem::take(&mut self.aside), 0);
            jobs.push_back(Job { channel: Channel::Aside, seq: self.aside_blocks, payload });
            self.aside_blocks += 1;
        }
    }

    fn flush_all(&mut self, jobs: &mut VecDeque<Job>) {
        (0..self.kinds.len()).for_each(|index| self.flush(TypeId(index as u32), 1, jobs));
        self.flush_aside(1, jobs);
    }
}

impl Kind {
    /// Makes room for `more` bytes: kinds with many rows fill a whole block soon.
    fn grow(&mut self, more: usize, spare: &mut Spare) {
        let needed = self.bytes.len() + more;
        if needed < BLOCK / 8 {
            return;
        }
        let mut larger = spare.blocks.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK + BLOCK / 2));
        larger.extend_from_slice(&self.bytes);
        self.bytes = larger;
    }
}

impl Wave {
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Wave {
        let window = 2 * shared.options.threads as u64 + 2;
        Wave {
            shared,
            number,
            ordered: Ordered::new(window),
            gathered: Mutex::default(),
            ready: Mutex::default(),
            spare: Mutex::default(),
            files: Mutex::default(),
            held: AtomicUsize::new(0),
        }
    }

    fn file(&self, channel: Channel) -> Arc<ChannelFile> {
        let mut files = lock(&self.files);
        let file = files.entry(channel).or_insert_with(|| {
            let writer = match channel {
                Channel::Aside => Writer::Aside(None),
                Channel::Rows(id) => {
                    let options = self.shared.options;
                    Writer::Parts(RollingFile::new(self.shared.place(id), options.encoding, options.target_size))
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
        encoder: &mut BlockEncoder,
        aside_encoder: &mut BlockEncoder,
        cancel: &Cancel,
    ) -> Result<(), StorageError> {
        loop {
            let job = lock(&self.ready).pop_front();
            let Some(Job { channel, seq, payload }) = job else { return Ok(()) };
            let block = match payload {
                Payload::Encoded(block) => block,
                Payload::Plain(plain, rows) => {
                    let encoder = if channel == Channel::Aside { &mut *aside_encoder } else { &mut *encoder };
                    let block = encoder.block(&plain, rows);
                    self.recycle(plain);
                    block
                }
            };
            let file = self.file(channel);
            file.ordered.submit(seq, block, cancel, |block| self.append(&file, &block))?;
            if self.held.load(Relaxed) > self.shared.options.upload_memory {
                self.relieve_files()?;
            }
        }
    }

    fn recycle(&self, mut plain: Vec<u8>) {
        let mut spare = lock(&self.spare);
        // What one large record took is given back.
        if (BLOCK..=2 * BLOCK).contains(&plain.capacity()) && spare.blocks.len() < 2 * self.shared.options.threads {
            plain.clear();
            spare.blocks.push(plain);
        }
    }

    fn append(&self, file: &ChannelFile, block: &Block) -> Result<(), StorageError> {
        let shared = &self.shared;
        self.with_writer(file, |writer| match writer {
            Writer::Parts(parts) => {
                let path = parts.path().to_owned();
                parts.append(block, &shared.storage, || shared.next_number(&path))
            }
            Writer::Aside(open) => {
                let file = match open {
                    Some(file) => file,
                    empty => {
                        let location = shared.aside(self.number);
                        empty.insert(PartWriter::create(&shared.storage, location, ASIDE)?)
                    }
                };
                file.append(block)
            }
        })
    }

    /// Uses a file's writer, and notes how much more or less waits in memory after it.
    fn with_writer(
        &self,
        file: &ChannelFile,
        work: impl FnOnce(&mut Writer) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut writer = lock(&file.writer);
        let before = writer.held();
        let done = work(&mut writer);
        // Atomic addition wraps, so that it can take away as well.
        self.held.fetch_add(writer.held().wrapping_sub(before), Relaxed);
        done
    }

    /// Too much waits for the store: parts that are large enough are sent, then files are ended early.
    fn relieve_files(&self) -> Result<(), StorageError> {
        let files: Vec<_> = lock(&self.files).values().cloned().collect();
        let mut by_size: Vec<_> = files.iter().map(|file| (lock(&file.writer).held(), file)).collect();
        by_size.sort_by_key(|(held, _)| std::cmp::Reverse(*held));
        for step in [Writer::relieve, Writer::end] {
            for (_, file) in &by_size {
                if self.held.load(Relaxed) <= self.shared.options.upload_memory / 2 {
                    return Ok(());
                }
                self.with_writer(file, step)?;
            }
        }
        Ok(())
    }

    /// What the wave has done so far.
    pub fn done(&self) -> ShredReport {
        lock(&self.gathered).report.clone()
    }
}

impl SplitSink<TypeBuffers> for Wave {
    fn write(&self, _worker: usize, seq: u64, out: &mut TypeBuffers, cancel: &Cancel) -> Result<(), StorageError> {
        let empty = lock(&self.spare).outputs.pop().unwrap_or_default();
        let chunk = ChunkRows {
            output: std::mem::replace(&mut out.output, empty),
            sealed: std::mem::take(&mut out.sealed),
            aside: std::mem::take(&mut out.aside),
            hashes: std::mem::take(&mut out.hashes),
            report: std::mem::take(&mut out.report),
        };
        self.ordered.submit(seq, chunk, cancel, |mut chunk| -> Result<(), StorageError> {
            let mut jobs = VecDeque::new();
            let mut spare = lock(&self.spare);
            lock(&self.gathered).add(&mut chunk, &mut spare, &mut jobs);
            chunk.output.clear();
            spare.outputs.push(chunk.output);
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
        let mut encoder = BlockEncoder::new(self.shared.options.encoding);
        self.work_off(&mut encoder, &mut BlockEncoder::new(ASIDE), &Cancel::default())?;
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
            let location = self.shared.hashes(self.number);
            storage.write_all(&location, &hashes, Precondition::None)?;
        }
        storage.write_all(&self.shared.report(self.number), &report.to_json(), Precondition::None)?;
        Ok(parts)
    }
}
