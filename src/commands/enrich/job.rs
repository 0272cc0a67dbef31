//! The enrich stage as the engine wants it.

use std::sync::Arc;

use memchr::memmem;

use super::FormatArg;
use crate::enrich::{EnrichOutputs, EnrichStage, Enricher, Fate, RecordOutcome};
use crate::enrichment::Enrichment;
use crate::iglu::Validator;
use crate::pipeline::{
    Damage, Framer, Framing, LineFramer, OutputBuffer, PartBuffers, Segment, Stage, Unusable, Worker, guard,
};

use crate::raw::{self, MARKER, RawFormat, ThriftContainer, records};
use crate::report::Counters;
use crate::storage::ObjectMeta;

/// Makes the parts of a worker that are its own.
pub(in crate::commands) type WorkerParts =
    Box<dyn Fn() -> (Vec<Box<dyn Enrichment>>, Box<dyn Validator>) + Send + Sync>;

/// The enrich stage with what it needs to know of the run.
pub(in crate::commands) struct EnrichJob {
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
            RawFormat::Thrift(container @ (ThriftContainer::Blocks | ThriftContainer::Structs)) => {
                Box::new(ThriftFramer { inner: raw::Framer::new(&format), container })
            }
            _ => Box::new(LineFramer::default()),
        };
        Ok(Framing { format, framer })
    }

    fn worker(&self) -> Result<EnrichWorker, String> {
        let (enrichments, validator) = (self.parts)();
        Ok(EnrichWorker { enricher: self.stage.worker(enrichments, validator), skipped: 0 })
    }
}

/// Binary Thrift.
struct ThriftFramer {
    inner: raw::Framer,
    container: ThriftContainer,
}

/// Blocks hold a hundred records; more than this and the length is nonsense.
const MAX_BLOCK: usize = 64 << 20;

impl Framer for ThriftFramer {
    fn cut(&mut self, bytes: &[u8], last: bool) -> usize {
        self.inner.cut(bytes, last)
    }

    fn skip(&mut self, _prefix: &[u8], _passed: u64, bytes: &[u8]) -> Option<usize> {
        if self.container == ThriftContainer::Structs {
            // A line feed and the first field of either struct.
            let next = |start: &[u8]| memmem::find(bytes, start).map(|at| at + 1);
            return next(b"\n\x0B\x00\x64").into_iter().chain(next(b"\n\x0A\x00\x01")).min();
        }
        // Only a block whose length is nonsense is too large to be held: what counts is where the next one begins.
        memmem::find(bytes, &MARKER)
    }

    fn limit(&self, max_record: usize) -> usize {
        match self.container {
            ThriftContainer::Blocks => max_record.max(MAX_BLOCK),
            ThriftContainer::Structs | ThriftContainer::Lines => max_record,
        }
    }
}

/// One thread's part of the stage.
pub(in crate::commands) struct EnrichWorker {
    enricher: Enricher,
    /// Bytes passed over in the latest segment.
    skipped: u64,
}

impl EnrichWorker {
    /// The enricher, for records that come another way.
    pub(in crate::commands) fn into_enricher(self) -> Enricher {
        self.enricher
    }
}

impl Worker<RawFormat, PartBuffers> for EnrichWorker {
    fn process(&mut self, segment: &Segment<'_, RawFormat>, out: &mut PartBuffers, counters: &mut Counters) {
        let format = &segment.format;
        let mut all = records(format, segment.bytes);
        for record in &mut all {
            let enriched = guard(out, |out| {
                let (good, bad, mut pii) = outputs(out);
                let pii_events = pii.as_deref_mut().map(|pii| &mut pii.bytes);
                let to = EnrichOutputs { good: &mut good.bytes, bad: &mut bad.bytes, pii_events };
                let outcome = self.enricher.process(format, record, to);
                good.records += outcome.events;
                bad.records += outcome.bad_rows;
                if let Some(pii) = pii {
                    pii.records += outcome.pii_events;
                }
                outcome
            });
            let outcome = enriched.unwrap_or_else(|message| {
                counters.count("panics", 1);
                let (_, bad, _) = outputs(out);
                let outcome = self.enricher.on_panic(format, record, &message, &mut bad.bytes);
                bad.records += outcome.bad_rows;
                outcome
            });
            count(outcome, counters);
        }
        self.skipped += all.skipped();
        self.enricher.take_counts(|name, number| counters.count(name, number));
    }

    fn unusable(
        &mut self,
        segment: &Segment<'_, RawFormat>,
        why: Unusable,
        out: &mut PartBuffers,
        counters: &mut Counters,
    ) {
        let Unusable::Oversized { length, limit } = why else {
            // The walk over records knows what to do with a struct that does not end.
            return self.process(segment, out, counters);
        };
        let (format, length, limit) = (&segment.format, length as usize, limit as usize);
        let (_, bad, _) = outputs(out);
        let outcome = self.enricher.oversized_record(format, segment.bytes, length, limit, &mut bad.bytes);
        bad.records += outcome.bad_rows;
        count(outcome, counters);
    }

    fn take_damage(&mut self) -> Option<Damage> {
        match std::mem::take(&mut self.skipped) {
            0 => None,
            bytes => Some(Damage { reason: "holds bytes that belong to no serialized block".to_owned(), bytes }),
        }
    }
}

/// Events, bad rows and, if they are wanted, PII events.
fn outputs(out: &mut PartBuffers) -> (&mut OutputBuffer, &mut OutputBuffer, Option<&mut OutputBuffer>) {
    match out.each() {
        [good, bad] => (good, bad, None),
        [good, bad, pii] => (good, bad, Some(pii)),
        other => panic!("{} outputs instead of 2 or 3", other.len()),
    }
}

fn count(outcome: RecordOutcome, counters: &mut Counters) {
    counters.records_in += 1;
    counters.events_good += outcome.events;
    counters.bad_rows += outcome.bad_rows;
    if outcome.pii_events > 0 {
        counters.count("pii_events", outcome.pii_events);
    }
    match outcome.fate() {
        Fate::Good => counters.records_good_source += 1,
        Fate::Bad => counters.records_bad_source += 1,
        Fate::Ignored => counters.records_ignored += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn framer(container: ThriftContainer) -> ThriftFramer {
        ThriftFramer { inner: raw::Framer::new(&RawFormat::Thrift(container)), container }
    }

    /// Skips the record that begins at 0 in pieces; returns where it ends.
    fn skip_in_pieces(framer: &mut ThriftFramer, bytes: &[u8], prefix: usize, step: usize) -> usize {
        let mut at = prefix;
        while at < bytes.len() {
            let piece = &bytes[at..(at + step).min(bytes.len())];
            match framer.skip(&bytes[..prefix], at as u64, piece) {
                Some(count) => return at + count,
                None => at += piece.len(),
            }
        }
        at
    }

    proptest! {
        #[test]
        fn skipping_nonsense_never_panics(bytes in prop::collection::vec(any::<u8>(), 21..200), step in 1_usize..40) {
            for container in [ThriftContainer::Blocks, ThriftContainer::Structs] {
                let end = skip_in_pieces(&mut framer(container), &bytes, 20, step);
                prop_assert!(end <= bytes.len());
            }
        }
    }

    #[test]
    fn nonsense_ends_where_a_record_begins() {
        let bytes = [&[0xAA; 40][..], &MARKER, &[1, 0, 0, 0, 0]].concat();
        assert_eq!(skip_in_pieces(&mut framer(ThriftContainer::Blocks), &bytes, 20, 100), 40);
        let bytes = [&[0xAA; 40][..], b"\n\x0B\x00\x64\x00\x00\x00\x01x"].concat();
        assert_eq!(skip_in_pieces(&mut framer(ThriftContainer::Structs), &bytes, 20, 100), 41);
    }
}
