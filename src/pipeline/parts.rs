//! [`PartSink`]: a fixed number of outputs, one part file per split and output, in input order.
//!
//! Names: `part-NNNNN.EXT[.gz]`, numbered like the splits, without holes: if any split gave an output something, those
//! that gave nothing get an empty part in the end.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::cancel::Cancel;
use super::encoding::{Block, BlockEncoder, Encoding};
use super::ordered::Ordered;
use super::part_writer::PartWriter;
use super::sink::{Buffers, Sink, SplitSink};
use crate::report::Counters;
use crate::run::{Part, Run};
use crate::storage::{Location, Storage, StorageError};

/// Plain bytes that a worker collects before it compresses them, within one chunk of input.
const BLOCK: usize = 2 << 20;

/// Which counter an output's records must agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// [`Counters::events_good`].
    EventsGood,
    /// [`Counters::bad_rows`].
    BadRows,
    /// None.
    Uncounted,
}

/// An output.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// Its name in manifests, for example `good`.
    pub name: &'static str,
    /// Which of the run's folders it goes to.
    pub folder: usize,
    /// The parts' extension without a dot, before `.gz`.
    pub extension: &'static str,
    /// Which counter it must agree with.
    pub counted: Counted,
    /// How its parts are written, if not as the run's other outputs.
    pub encoding: Option<Encoding>,
}

impl OutputSpec {
    /// An output written like the run's others.
    pub fn new(name: &'static str, folder: usize, extension: &'static str, counted: Counted) -> OutputSpec {
        OutputSpec { name, folder, extension, counted, encoding: None }
    }
}

/// What one worker writes to one output. Records must end in a newline.
#[derive(Default)]
pub struct OutputBuffer {
    /// Append records here.
    pub bytes: Vec<u8>,
    /// Add one for each record appended.
    pub records: u64,
    mark: (usize, u64),
    sealed: Vec<Block>,
    encoder: BlockEncoder,
}

/// What one worker writes to, an [`OutputBuffer`] per output.
pub struct PartBuffers {
    outputs: Vec<OutputBuffer>,
}

impl PartBuffers {
    /// Buffers outside of a run, for a stage's own tests: what is appended stays plain.
    pub fn plain(outputs: usize) -> PartBuffers {
        let outputs = (0..outputs).map(|_| OutputBuffer::default()).collect();
        PartBuffers { outputs }
    }

    /// All outputs, in the order of their specifications: `let [good, bad] = out.all();`.
    ///
    /// # Panics
    /// If there are not N outputs.
    pub fn all<const N: usize>(&mut self) -> [&mut OutputBuffer; N] {
        let outputs: &mut [OutputBuffer; N] = self.outputs.as_mut_slice().try_into().expect("as many as declared");
        outputs.each_mut()
    }

    /// All outputs, when their number is not known beforehand.
    pub fn each(&mut self) -> &mut [OutputBuffer] {
        &mut self.outputs
    }

    fn seal(&mut self, at_least: usize) {
        for output in &mut self.outputs {
            if output.bytes.is_empty() || output.bytes.len() < at_least {
                continue;
            }
            let records = std::mem::take(&mut output.records);
            let block = output.encoder.block(&output.bytes, records);
            output.sealed.push(block);
            output.bytes.clear();
            output.bytes.shrink_to(2 * BLOCK);
        }
    }
}

impl Buffers for PartBuffers {
    fn mark(&mut self) {
        for output in &mut self.outputs {
            output.mark = (output.bytes.len(), output.records);
        }
    }

    fn rewind(&mut self) {
        for output in &mut self.outputs {
            output.bytes.truncate(output.mark.0);
            output.records = output.mark.1;
        }
    }

    fn relieve(&mut self) {
        if self.outputs.iter().any(|output| output.bytes.len() >= BLOCK) {
            self.seal(BLOCK);
        }
    }
}

/// See the module's description.
pub struct PartSink {
    shared: Arc<Shared>,
}

struct Shared {
    storage: Storage,
    folders: Vec<Location>,
    splits: usize,
    specs: Vec<OutputSpec>,
    encoding: Encoding,
    window: u64,
}

impl PartSink {
    /// A sink into the folders of a run.
    pub fn new(run: &Run, specs: Vec<OutputSpec>, encoding: Encoding, threads: usize) -> PartSink {
        let (storage, folders) = (run.storage().clone(), run.folders().to_vec());
        let window = 2 * threads as u64 + 2;
        let shared = Shared { storage, folders, splits: run.split_count(), specs, encoding, window };
        PartSink { shared: Arc::new(shared) }
    }
}

impl Shared {
    fn part_name(&self, spec: &OutputSpec, split: usize) -> String {
        format!("part-{split:05}.{}{}", spec.extension, self.encoding(spec).suffix())
    }

    fn encoding(&self, spec: &OutputSpec) -> Encoding {
        spec.encoding.unwrap_or(self.encoding)
    }

    fn begin_part(&self, spec: &OutputSpec, split: usize) -> Result<PartWriter, StorageError> {
        let location = self.folders[spec.folder].join(&self.part_name(spec, split));
        PartWriter::create(&self.storage, location, self.encoding(spec))
    }

    fn part(&self, spec: &OutputSpec, split: usize, writer: PartWriter) -> Result<Part, StorageError> {
        let (records, name) = (writer.records(), self.part_name(spec, split));
        let written = writer.finish()?;
        let crc32c = written.crc32c_text();
        Ok(Part { folder: spec.folder, output: spec.name.to_owned(), name, size: written.size, crc32c, records })
    }
}

impl Sink for PartSink {
    type Buffers = PartBuffers;
    type Split = PartSplit;

    fn buffers(&self) -> PartBuffers {
        let mut buffers = PartBuffers::plain(self.shared.specs.len());
        for (buffer, spec) in buffers.outputs.iter_mut().zip(&self.shared.specs) {
            buffer.encoder = BlockEncoder::new(self.shared.encoding(spec));
        }
        buffers
    }

    fn begin(&self, split: usize) -> PartSplit {
        let writers = self.shared.specs.iter().map(|_| None).collect();
        let ordered = Ordered::new(self.shared.window);
        PartSplit { shared: Arc::clone(&self.shared), split, ordered, writers: Mutex::new(writers) }
    }

    fn complete(&self, parts: &[Part]) -> Result<Vec<Part>, StorageError> {
        let present: HashSet<(usize, &str)> = parts.iter().map(|part| (part.folder, part.name.as_str())).collect();
        let mut extra = Vec::new();
        for spec in &self.shared.specs {
            let names: Vec<String> = (0..self.shared.splits).map(|split| self.shared.part_name(spec, split)).collect();
            let is_there = |name: &String| present.contains(&(spec.folder, name.as_str()));
            if !names.iter().any(is_there) {
                continue;
            }
            for (split, _) in names.iter().enumerate().filter(|(_, name)| !is_there(name)) {
                let writer = self.shared.begin_part(spec, split)?;
                extra.push(self.shared.part(spec, split, writer)?);
            }
        }
        Ok(extra)
    }

    fn expected_records(&self, counters: &Counters) -> Vec<(&'static str, u64)> {
        let expected = |spec: &OutputSpec| match spec.counted {
            Counted::EventsGood => Some((spec.name, counters.events_good)),
            Counted::BadRows => Some((spec.name, counters.bad_rows)),
            Counted::Uncounted => None,
        };
        self.shared.specs.iter().filter_map(expected).collect()
    }
}

/// The parts of one split.
pub struct PartSplit {
    shared: Arc<Shared>,
    split: usize,
    ordered: Ordered<Vec<Vec<Block>>>,
    /// Created when there is something to write.
    writers: Mutex<Vec<Option<PartWriter>>>,
}

impl PartSplit {
    fn append(&self, blocks: &[Vec<Block>]) -> Result<(), StorageError> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, blocks) in blocks.iter().enumerate() {
            for block in blocks {
                let writer = match &mut writers[index] {
                    Some(writer) => writer,
                    empty => empty.insert(self.shared.begin_part(&self.shared.specs[index], self.split)?),
                };
                writer.append(block)?;
            }
        }
        Ok(())
    }
}

impl SplitSink<PartBuffers> for PartSplit {
    fn write(&self, _worker: usize, seq: u64, out: &mut PartBuffers, cancel: &Cancel) -> Result<(), StorageError> {
        out.seal(0);
        let blocks = out.outputs.iter_mut().map(|output| std::mem::take(&mut output.sealed)).collect();
        self.ordered.submit(seq, blocks, cancel, |blocks: Vec<Vec<Block>>| self.append(&blocks))
    }

    fn commit(&self) -> Result<Vec<Part>, StorageError> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = Vec::new();
        for (spec, writer) in self.shared.specs.iter().zip(writers.iter_mut()) {
            if let Some(writer) = writer.take() {
                parts.push(self.shared.part(spec, self.split, writer)?);
            }
        }
        Ok(parts)
    }
}
