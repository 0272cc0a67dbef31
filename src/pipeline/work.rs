//! [`WorkerState`]: how one thread works through a chunk.

use super::chunk::{Chunk, Item};
use super::error::EngineError;
use super::object::{Filled, ObjectStream};
use super::sink::Buffers;
use super::source::Inputs;
use super::stage::{Segment, Stage, Worker};
use crate::report::Counters;
use crate::run::FailedInput;
use crate::storage::codec::Decoder;

/// What became of a chunk.
#[derive(Default)]
pub(super) struct Done {
    pub counters: Counters,
    /// Records by input, by its position in the list.
    pub inputs: Vec<(usize, u64)>,
    pub failures: Vec<FailedInput>,
}

impl Done {
    fn add_records(&mut self, input: usize, records: u64) {
        match self.inputs.last_mut() {
            Some((last, count)) if *last == input => *count += records,
            _ => self.inputs.push((input, records)),
        }
    }
}

/// What one thread keeps from chunk to chunk.
pub(super) struct WorkerState<'e, S: Stage> {
    inputs: &'e Inputs<'e, S>,
    worker: S::Worker,
    pub out: S::Buffers,
    /// For what small objects inflate to.
    inner: Chunk<S::Format>,
}

impl<'e, S: Stage> WorkerState<'e, S>
where
    S::Buffers: Buffers,
{
    pub(super) fn new(inputs: &'e Inputs<'e, S>, out: S::Buffers) -> Result<Self, EngineError> {
        let worker = inputs.stage.worker().map_err(EngineError::Worker)?;
        Ok(WorkerState { inputs, worker, out, inner: Chunk::new() })
    }

    pub(super) fn work_through(&mut self, chunk: &mut Chunk<S::Format>) -> Done {
        let mut done = Done { failures: std::mem::take(&mut chunk.failures), ..Done::default() };
        for item in std::mem::take(&mut chunk.items) {
            match item {
                Item::Stored { object, bytes } => self.stored(object, bytes, &mut done),
                other => self.piece(other, &chunk.data, &mut done),
            }
        }
        done
    }

    /// A whole small object as stored.
    fn stored(&mut self, index: usize, bytes: Vec<u8>, done: &mut Done) {
        let inputs = self.inputs;
        let object = &inputs.objects[index];
        let decoder = match Decoder::whole(bytes, &object.relative) {
            Ok(decoder) => decoder,
            Err(error) => {
                let reason = error.to_string();
                return done.failures.push(FailedInput { input: index, reason, left_out_bytes: 0 });
            }
        };
        let mut stream = ObjectStream::new(inputs.stage, inputs.cancel, (index, object), inputs.limits, decoder);
        let mut inner = std::mem::replace(&mut self.inner, Chunk::new());
        loop {
            inner.clear();
            let filled = stream.fill(&mut inner);
            for item in std::mem::take(&mut inner.items) {
                self.piece(item, &inner.data, done);
            }
            match filled {
                Filled::Full if inputs.cancel.is_set() => break,
                Filled::Full => {}
                Filled::Done => break,
                Filled::Broken(failed) => {
                    done.failures.push(failed);
                    break;
                }
            }
        }
        self.inner = inner;
    }

    fn piece(&mut self, item: Item<S::Format>, data: &[u8], done: &mut Done) {
        let before = done.counters.records_in;
        let objects = self.inputs.objects;
        let index = match item {
            Item::Records { object, format, range } => {
                let segment = Segment { object: &objects[object], format, bytes: &data[range] };
                self.worker.process(&segment, &mut self.out, &mut done.counters);
                object
            }
            Item::Unusable { object, format, range, why } => {
                let segment = Segment { object: &objects[object], format, bytes: &data[range] };
                self.worker.unusable(&segment, why, &mut self.out, &mut done.counters);
                object
            }
            Item::Stored { .. } => return,
        };
        self.out.relieve();
        if let Some(damage) = self.worker.take_damage() {
            let (reason, left_out_bytes) = (damage.reason, damage.bytes);
            done.failures.push(FailedInput { input: index, reason, left_out_bytes });
        }
        done.add_records(index, done.counters.records_in - before);
    }
}
