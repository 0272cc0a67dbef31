//! Where rows go: few, well-sized files for each kind of rows, however many kinds and workers there are.
//!
//! The unit of commit is a *wave*, a split of the engine that is much larger than those of other commands. Rows of all
//! workers are put back into input order, gathered by kind until there is enough to compress well, compressed by
//! whichever worker is at hand, and appended to the kind's current file, in order. Besides the files a wave leaves, in
//! the run's journal, what the end of the run needs: events set aside, hashes for a store of seen events, a report.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::files::PartPlace;
use super::output::{ShredOutput, ShredReport};
use super::types::{TypeId, TypeRegistry};
use super::wave::Wave;
use crate::pipeline::{Block, BlockEncoder, Buffers, Encoding};
use crate::run::{JOURNAL, Run};
use crate::storage::codec::GzipMembers;
use crate::storage::{Location, Storage, StorageError};

/// Plain bytes of one kind that are compressed at once.
pub(super) const BLOCK: usize = 1 << 20;
/// Plain bytes that a worker holds before it compresses some on its own.
const MOST_HELD: usize = 8 << 20;
/// Plain bytes of all kinds together that wait for more of their kind.
pub(super) const MOST_GATHERED: usize = 48 << 20;
/// How events set aside are stored; they live for minutes.
pub(super) const ASIDE: Encoding = Encoding::Gzip { members: GzipMembers::Many, level: 1 };

/// How files are written.
#[derive(Clone, Copy, Debug)]
pub struct SinkOptions {
    /// Compression.
    pub encoding: Encoding,
    /// Stored bytes of one file, about.
    pub target_size: u64,
    /// Worker threads.
    pub threads: usize,
    /// Bytes of files that may wait in memory for a remote store to take them.
    pub upload_memory: usize,
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
    pub(super) encoder: BlockEncoder,
    pub(super) aside_encoder: BlockEncoder,
    pub(super) sealed: Vec<(TypeId, Block)>,
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
            sealed.push((id, encoder.block(&block.bytes, block.rows)));
            Ok(())
        });
        done.unwrap_or_else(|never| match never {});
    }
}

/// Where all waves of a run write to.
pub struct TypeSink {
    shared: Arc<Shared>,
}

/// What all waves share.
pub(super) struct Shared {
    pub(super) storage: Storage,
    folders: Vec<Location>,
    types: Arc<TypeRegistry>,
    pub(super) options: SinkOptions,
    /// The next part's number, by folder.
    numbers: Mutex<HashMap<String, u32>>,
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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
            encoder: BlockEncoder::new(self.shared.options.encoding),
            aside_encoder: BlockEncoder::new(ASIDE),
            sealed: Vec::new(),
            mark: (0, 0),
        }
    }

    /// Begins a wave.
    pub fn begin(&self, number: usize) -> Wave {
        Wave::new(Arc::clone(&self.shared), number)
    }

    /// The folder of good rows.
    pub fn folder(&self) -> Location {
        self.shared.folders[0].clone()
    }

    /// Where a wave keeps the events it has set aside.
    pub fn aside(&self, wave: usize) -> Location {
        self.shared.aside(wave)
    }

    /// Where a wave keeps the hashes of its new events.
    pub fn hashes(&self, wave: usize) -> Location {
        self.shared.hashes(wave)
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

    pub(super) fn report(&self, wave: usize) -> Location {
        self.journal(&format!("shred-{wave:05}.json"))
    }

    pub(super) fn aside(&self, wave: usize) -> Location {
        self.journal(&format!("aside-{wave:05}.gz"))
    }

    pub(super) fn hashes(&self, wave: usize) -> Location {
        self.journal(&format!("hashes-{wave:05}"))
    }

    pub(super) fn place(&self, id: TypeId) -> PartPlace {
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

    pub(super) fn next_number(&self, path: &str) -> u32 {
        let mut numbers = lock(&self.numbers);
        let next = numbers.entry(path.to_owned()).or_default();
        *next += 1;
        *next - 1
    }
}
