//! The enrich stage as the engine wants it.

use std::sync::Arc;

use super::FormatArg;
use crate::enrich::{EnrichStage, Enricher, Fate, RecordOutcome};
use crate::enrichment::Enrichment;
use crate::iglu::Validator;
use crate::pipeline::{Framer, Framing, LineFramer, PartBuffers, Segment, Stage, Unusable, Worker, guard};
use crate::raw::{self, RawFormat, ThriftContainer, records};
use crate::report::Counters;
use crate::storage::ObjectMeta;

/// Makes the parts of a worker that are its own.
pub(super) type WorkerParts = Box<dyn Fn() -> (Vec<Box<dyn Enrichment>>, Box<dyn Validator>) + Send + Sync>;

/// The enrich stage with what it needs to know of the run.
pub(super) struct EnrichJob {
    pub stage: Arc<EnrichStage>,
    pub format: FormatArg,
    pub parts: WorkerParts,
}

impl Stage for EnrichJob {
    type Format = RawFormat;
    type Buffers = PartBuffers;
    type Worker = EnrichWorker;

    fn open(&self, object: &ObjectMeta, head: &[u8]) -> Result<Framing<RawFormat>, String> {
        let format = match &self.format {
            FormatArg::Fixed(format) => format.settle(head),
            FormatArg::Auto => raw::detect(head, &object.relative)
                .ok_or("its format cannot be told by its content; name it with --format")?,
        };
        let framer: Box<dyn Framer> = match format {
            RawFormat::Thrift(ThriftContainer::Lines) => Box::new(LineFramer::default()),
            RawFormat::Thrift(_) => Box::new(ThriftFramer { inner: raw::Framer::new(&format) }),
            _ => Box::new(LineFramer::default()),
        };
        Ok(Framing { format, framer })
    }

    fn worker(&self) -> Result<EnrichWorker, String> {
        let (enrichments, validator) = (self.parts)();
        Ok(EnrichWorker { enricher: self.stage.worker(enrichments, validator) })
    }
}

/// Binary Thrift: what is too large to be held is passed over up to where the next block or struct may begin.
struct ThriftFramer {
    inner: raw::Framer,
}

impl Framer for ThriftFramer {
    fn cut(&mut self, bytes: &[u8], last: bool) -> usize {
        self.inner.cut(bytes, last)
    }

    fn skip(&mut self, _prefix: &[u8], _passed: u64, bytes: &[u8]) -> Option<usize> {
        // The framer itself finds the beginning of what can be read again.
        memchr::memmem::find(bytes, &raw::serialized_block::MARKER)
    }
}

/// One thread's part of the stage.
pub(super) struct EnrichWorker {
    enricher: Enricher,
}

impl Worker<RawFormat, PartBuffers> for EnrichWorker {
    fn process(&mut self, segment: &Segment<'_, RawFormat>, out: &mut PartBuffers, counters: &mut Counters) {
        let format = &segment.format;
        let mut all = records(format, segment.bytes);
        for record in &mut all {
            let enriched = guard(out, |out| {
                let [good, bad] = out.all();
                let outcome = self.enricher.process(format, record, &mut good.bytes, &mut bad.bytes);
                good.records += outcome.events;
                bad.records += outcome.bad_rows;
                outcome
            });
            let outcome = enriched.unwrap_or_else(|message| {
                counters.count("panics", 1);
                let [_, bad] = out.all();
                let outcome = self.enricher.on_panic(format, record, &message, &mut bad.bytes);
                bad.records += outcome.bad_rows;
                outcome
            });
            count(outcome, counters);
        }
        if all.skipped() > 0 {
            counters.count("bytes_skipped", all.skipped());
            tracing::warn!(location = %segment.object.location, bytes = all.skipped(), "passed over damaged bytes");
        }
    }

    fn unusable(
        &mut self,
        segment: &Segment<'_, RawFormat>,
        why: Unusable,
        out: &mut PartBuffers,
        counters: &mut Counters,
    ) {
        let (length, limit) = match why {
            Unusable::Oversized { length, limit } => (length as usize, limit as usize),
            Unusable::Incomplete => (segment.bytes.len(), segment.bytes.len()),
        };
        let [_, bad] = out.all();
        let outcome = self.enricher.oversized_record(&segment.format, segment.bytes, length, limit, &mut bad.bytes);
        bad.records += outcome.bad_rows;
        count(outcome, counters);
    }
}

fn count(outcome: RecordOutcome, counters: &mut Counters) {
    counters.records_in += 1;
    counters.events_good += outcome.events;
    counters.bad_rows += outcome.bad_rows;
    match outcome.fate() {
        Fate::Good => counters.records_good_source += 1,
        Fate::Bad => counters.records_bad_source += 1,
        Fate::Ignored => counters.records_ignored += 1,
    }
}
