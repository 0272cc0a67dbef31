//! One wave: rows of all workers, put back into order, gathered by kind, compressed by whoever is at hand.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use super::files::{Encoded, Encoder, OpenFile, RollingFile};
use super::output::ShredReport;
use super::sink::{ASIDE, BLOCK, Shared, TypeBuffers, lock};
use super::types::TypeId;
use crate::pipeline::{Cancel, Ordered, SplitSink};
use crate::run::Part;
use crate::storage::{Precondition, StorageError};

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
    pub(super) fn new(shared: Arc<Shared>, number: usize) -> Wave {
        let window = 2 * shared.options.threads as u64 + 2;
        Wave {
            shared,
            number,
            ordered: Ordered::new(window),
            gathered: Mutex::default(),
            ready: Mutex::default(),
            files: Mutex::default(),
        }
    }

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
                        let location = shared.aside(self.number);
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
            let location = self.shared.hashes(self.number);
            storage.write_all(&location, &hashes, Precondition::None)?;
        }
        storage.write_all(&self.shared.report(self.number), &report.to_json(), Precondition::None)?;
        Ok(parts)
    }
}
