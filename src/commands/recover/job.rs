//! The recover stage as the engine wants it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::OUTPUTS;
use super::args::run_time;
use super::setup::{AnyRecoverer, Setup};
use crate::badrow::{BadRowWriter, RecordSource};
use crate::commands::enrich::EnrichJob;
use crate::enrich::EnrichOutputs;
use crate::enrich::{Enricher, RecordOutcome};
use crate::event::time::now_millis;
use crate::payload::decode::utf8_text;
use crate::pipeline::{Framing, LineFramer, OutputBuffer, PartBuffers, Segment, Stage, Unusable, Worker, guard, lines};
use crate::raw::{self, RawFormat, SerializedBlockWriter, ThriftContainer};
use crate::recovery::{Discard, Extras, Fate, Recovery};
use crate::report::Counters;
use crate::storage::ObjectMeta;

/// The recover stage.
pub(super) struct RecoverJob<'s> {
    pub setup: &'s Setup,
    pub extras: Extras<'s>,
    /// Whether records are written as lines of base64.
    pub base64_records: bool,
    pub reenrich: Option<EnrichJob>,
}

/// What a worker knows of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Its run is of another time: none of its rows are wanted.
    OutsideTime,
    /// Its run is of the time that was asked for: all of its rows are.
    WithinTime,
    /// Its rows say when they failed.
    AskRows,
}

/// The run folder decides over all rows of an object, if its name is a time.
pub(super) fn origin(object: &ObjectMeta, extras: &Extras<'_>) -> Origin {
    let Some(window) = extras.window else { return Origin::AskRows };
    let location = object.location.to_string();
    let run = location.split('/').rev().find_map(|part| part.strip_prefix("run="));
    match run.and_then(run_time).map(|millis| window.contains(millis)) {
        Some(true) => Origin::WithinTime,
        Some(false) => Origin::OutsideTime,
        None => Origin::AskRows,
    }
}

impl<'s> Stage for RecoverJob<'s> {
    type Format = Origin;
    type Buffers = PartBuffers;
    type Worker = RecoverWorker<'s>;

    fn open(&self, object: &ObjectMeta, _head: &[u8]) -> Result<Framing<Origin>, String> {
        Ok(Framing { format: origin(object, &self.extras), framer: Box::new(LineFramer::default()) })
    }

    fn worker(&self) -> Result<RecoverWorker<'s>, String> {
        let enricher = match &self.reenrich {
            Some(job) => Some(job.worker()?.into_enricher()),
            None => None,
        };
        Ok(RecoverWorker {
            setup: self.setup,
            within: self.setup.recoverer(Extras { window: None, ..self.extras }),
            asking: self.setup.recoverer(self.extras),
            extras: self.extras,
            base64_records: self.base64_records,
            enricher,
            recovery: Recovery::default(),
            blocks: SerializedBlockWriter::new(),
            flows: BTreeMap::new(),
            reasons: 0,
        })
    }
}

/// One thread's part of the stage.
pub(super) struct RecoverWorker<'s> {
    setup: &'s Setup,
    /// For objects whose run is of the right time.
    within: AnyRecoverer<'s>,
    /// For rows that say when they failed.
    asking: AnyRecoverer<'s>,
    extras: Extras<'s>,
    base64_records: bool,
    enricher: Option<Enricher>,
    recovery: Recovery,
    blocks: SerializedBlockWriter,
    /// How often each flow was applied, since the counters were told last.
    flows: BTreeMap<String, u64>,
    /// Reasons that were logged.
    reasons: u32,
}

/// A log shows what goes wrong by a few examples; all of it is in the rows.
const LOGGED_REASONS: u32 = 5;

impl Worker<Origin, PartBuffers> for RecoverWorker<'_> {
    fn process(&mut self, segment: &Segment<'_, Origin>, out: &mut PartBuffers, counters: &mut Counters) {
        let arena = bumpalo::Bump::new();
        for line in lines(segment.bytes) {
            counters.records_in += 1;
            if line.is_empty() || segment.format == Origin::OutsideTime {
                counters.records_ignored += 1;
                if !line.is_empty() {
                    counters.count("outside_time", 1);
                }
                continue;
            }
            let line = utf8_text(line, &arena);
            let recoverer = if segment.format == Origin::WithinTime { &mut self.within } else { &mut self.asking };
            let recovery = &mut self.recovery;
            let fate = guard(out, |_| recoverer.recover(line, recovery)).unwrap_or_else(|message| {
                counters.count("panics", 1);
                tracing::error!(%message, "a row panicked");
                self.within = self.setup.recoverer(Extras { window: None, ..self.extras });
                self.asking = self.setup.recoverer(self.extras);
                self.recovery.clear();
                self.recovery.keep_row(line);
                Fate::Failed
            });
            self.place(fate, line, out, counters);
        }
        let [recovered, ..] = out.all::<OUTPUTS>();
        // Parts are cut between segments: no block may be open then.
        self.blocks.flush(&mut recovered.bytes);
        for (flow, count) in std::mem::take(&mut self.flows) {
            *counters.named.entry(Cow::Owned(format!("flow: {flow}"))).or_default() += count;
        }
    }

    fn unusable(
        &mut self,
        segment: &Segment<'_, Origin>,
        why: Unusable,
        out: &mut PartBuffers,
        counters: &mut Counters,
    ) {
        let Unusable::Oversized { length, limit } = why else { return self.process(segment, out, counters) };
        let (length, limit) = (length as usize, limit as usize);
        let [_, _, _, _, unrecoverable, _] = out.all::<OUTPUTS>();
        let shown = String::from_utf8_lossy(&segment.bytes[..segment.bytes.len().min(limit / 10)]);
        let source = RecordSource::Line("");
        let mut writer = BadRowWriter::new(&self.setup.bad_rows, source, now_millis(), &mut unrecoverable.bytes);
        let expectation = format!("bad row exceeded the maximum size {limit} bytes");
        writer.size_violation(limit, length, &expectation, &shown);
        unrecoverable.records += 1;
        counters.records_in += 1;
        counters.records_bad_source += 1;
        counters.bad_rows += 1;
        counters.count("unrecoverable", 1);
    }
}

impl RecoverWorker<'_> {
    /// Writes what became of a row to its one place, and counts it.
    fn place(&mut self, fate: Fate, line: &str, out: &mut PartBuffers, counters: &mut Counters) {
        for flow in &self.recovery.flows {
            match self.flows.get_mut(flow) {
                Some(count) => *count += 1,
                None => drop(self.flows.insert(flow.clone(), 1)),
            }
        }
        if self.enricher.is_some() && matches!(fate, Fate::Recovered | Fate::RecoveredLine) {
            return self.enrich(fate, line, out, counters);
        }
        let [recovered, text, failed, unmatched, unrecoverable, discarded] = out.all::<OUTPUTS>();
        let bad = match fate {
            Fate::Recovered => {
                self.write_record(recovered);
                counters.count("recovered", 1);
                counters.records_good_source += 1;
                counters.events_good += 1;
                return;
            }
            Fate::RecoveredLine => {
                text.bytes.extend_from_slice(&self.recovery.record);
                text.bytes.push(b'\n');
                text.records += 1;
                counters.count("recovered_lines", 1);
                counters.records_good_source += 1;
                counters.events_good += 1;
                return;
            }
            Fate::OutsideTime => {
                counters.count("outside_time", 1);
                counters.records_ignored += 1;
                return;
            }
            Fate::Discarded(why) => {
                discarded.bytes.extend_from_slice(&self.recovery.row);
                discarded.records += 1;
                counters.count(discard_name(why), 1);
                counters.records_ignored += 1;
                return;
            }
            Fate::Failed => (failed, "failed"),
            Fate::Unmatched => (unmatched, "unmatched"),
            Fate::Unrecoverable => (unrecoverable, "unrecoverable"),
        };
        bad.0.bytes.extend_from_slice(&self.recovery.row);
        bad.0.records += 1;
        counters.count(bad.1, 1);
        counters.records_bad_source += 1;
        counters.bad_rows += 1;
        if fate == Fate::Failed {
            self.log_reason();
        }
    }

    fn write_record(&mut self, out: &mut OutputBuffer) {
        out.records += 1;
        if self.base64_records {
            out.bytes.extend_from_slice(STANDARD.encode(&self.recovery.record).as_bytes());
            out.bytes.push(b'\n');
        } else {
            self.blocks.push(&self.recovery.record, &mut out.bytes);
        }
    }

    /// Hands a record straight to enrichment.
    fn enrich(&mut self, fate: Fate, line: &str, out: &mut PartBuffers, counters: &mut Counters) {
        let record = self.recovery.record.as_slice();
        let format = match fate {
            Fate::Recovered => Some(RawFormat::Thrift(ThriftContainer::Structs)),
            _ => raw::detect(record, ""),
        };
        let (Some(format), Some(enricher)) = (format, &mut self.enricher) else {
            let [_, _, failed, ..] = out.all::<OUTPUTS>();
            failed.bytes.extend_from_slice(line.as_bytes());
            failed.bytes.push(b'\n');
            failed.records += 1;
            counters.count("failed", 1);
            counters.records_bad_source += 1;
            counters.bad_rows += 1;
            self.recovery.reason = "the recovered line is in no known raw format".to_owned();
            return self.log_reason();
        };
        let enriched = guard(out, |out| {
            let [good, bad, ..] = out.all::<OUTPUTS>();
            let outputs = EnrichOutputs { good: &mut good.bytes, bad: &mut bad.bytes, pii_events: None };
            let outcome = enricher.process(&format, record, outputs);
            note(outcome, good, bad);
            outcome
        });
        let outcome = enriched.unwrap_or_else(|message| {
            counters.count("panics", 1);
            let [good, bad, ..] = out.all::<OUTPUTS>();
            let outcome = enricher.on_panic(&format, record, &message, &mut bad.bytes);
            note(outcome, good, bad);
            outcome
        });
        counters.count("recovered", 1);
        counters.events_good += outcome.events;
        counters.bad_rows += outcome.bad_rows;
        match outcome.fate() {
            crate::enrich::Fate::Good => counters.records_good_source += 1,
            crate::enrich::Fate::Bad => counters.records_bad_source += 1,
            crate::enrich::Fate::Ignored => counters.records_ignored += 1,
        }
    }

    fn log_reason(&mut self) {
        if self.reasons < LOGGED_REASONS {
            self.reasons += 1;
            let reason: String = self.recovery.reason.chars().take(300).collect();
            tracing::warn!(%reason, "a row failed to recover");
        }
    }
}

fn note(outcome: RecordOutcome, good: &mut OutputBuffer, bad: &mut OutputBuffer) {
    good.records += outcome.events;
    bad.records += outcome.bad_rows;
}

/// What the summary calls a discarded row.
pub(super) fn discard_name(why: Discard) -> &'static str {
    match why {
        Discard::ByScript => "discarded_by_script",
        Discard::AlreadyGood => "already_good",
        Discard::Duplicate => "duplicates",
    }
}
