//! The stage itself: the bytes of one collector record in; lines of enriched TSV and bad rows out.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../EtlPipeline.scala`. Bad rows carry the run's time, so that two runs
//! with the same `etl_tstamp` write the same rows.

use std::sync::Arc;

use bumpalo::Bump;

use super::manager::{Failure, Manager, ManagerConfig, RunTexts};
use crate::adapter::{Adapter, AdapterError, AdapterResult, Registry, Tools, is_tracker_protocol};
use crate::badrow::{BadRowConfig, BadRowWriter, RecordSource};
use crate::enrichment::Enrichment;
use crate::event::EnrichedEvent;
use crate::event::time::column_timestamp;
use crate::iglu::Validator;
use crate::payload::decode::utf8_text;
use crate::payload::{CollectorPayload, RawEvent, base64_bytes};
use crate::raw::{Loaded, RawFormat, ThriftContainer, load};

/// What is the same for all records of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrichConfig {
    /// Who enriches, and the form of bad rows.
    pub bad_rows: BadRowConfig,
    /// The time of the run in milliseconds: `etl_tstamp`, and the time of every failure.
    pub etl_millis: i64,
    /// Emit events whose texts are too long for their columns all the same.
    pub accept_invalid: bool,
    /// URL-decode the user agents of log formats, as the batch jobs did.
    pub decode_useragents: bool,
    /// Largest record in bytes; a larger one becomes a `size_violation` unread.
    pub max_record_size: Option<usize>,
    /// Largest enriched line in bytes, line feed included; a larger one becomes a `size_violation`.
    pub max_event_size: Option<usize>,
}

impl EnrichConfig {
    /// The defaults for a writer of bad rows and a time.
    pub fn new(bad_rows: BadRowConfig, etl_millis: i64) -> EnrichConfig {
        EnrichConfig {
            bad_rows,
            etl_millis,
            accept_invalid: false,
            decode_useragents: true,
            max_record_size: None,
            max_event_size: None,
        }
    }
}

/// What became of a record. A record with several events is good only if all of them are: one bad row makes it bad,
/// whatever else it gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// At least one event, and no bad row.
    Good,
    /// At least one bad row.
    Bad,
    /// Neither: a header or an empty line.
    Ignored,
}

/// What one record gave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordOutcome {
    /// Lines of enriched TSV.
    pub events: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// Lines of PII events.
    pub pii_events: u64,
}

/// Where the results of records go.
pub struct EnrichOutputs<'o> {
    /// Lines of enriched TSV.
    pub good: &'o mut Vec<u8>,
    /// Bad rows.
    pub bad: &'o mut Vec<u8>,
    /// Lines of the events that tell which personal data were pseudonymised; they are dropped if there is no place for
    /// them. They hold those data in clear text: the batch jobs never wrote them.
    pub pii_events: Option<&'o mut Vec<u8>>,
}

impl RecordOutcome {
    /// What became of the record.
    pub fn fate(&self) -> Fate {
        match (self.events, self.bad_rows) {
            (_, 1..) => Fate::Bad,
            (1.., 0) => Fate::Good,
            (0, 0) => Fate::Ignored,
        }
    }
}

/// The registry is the adapter for every payload: it routes to the one that a payload names.
impl Adapter for Registry {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        Registry::to_raw_events(self, payload, tools)
    }
}

/// The stage of a run: shared by all workers.
pub struct EnrichStage {
    config: EnrichConfig,
    adapters: Arc<dyn Adapter>,
    v_etl: String,
    etl_tstamp: String,
}

impl EnrichStage {
    /// A stage with an adapter for all payloads: the run's [`Registry`].
    pub fn new(config: EnrichConfig, adapters: Arc<dyn Adapter>) -> EnrichStage {
        let processor = &config.bad_rows.processor;
        EnrichStage {
            v_etl: format!("{}-{}", processor.artifact, processor.version),
            etl_tstamp: column_timestamp(config.etl_millis),
            adapters,
            config,
        }
    }

    /// A worker with enrichments and a validator of its own.
    pub fn worker(self: &Arc<Self>, enrichments: Vec<Box<dyn Enrichment>>, validator: Box<dyn Validator>) -> Enricher {
        let config = ManagerConfig { accept_invalid: self.config.accept_invalid };
        Enricher { stage: Arc::clone(self), manager: Manager::new(config, enrichments), validator, arena: Bump::new() }
    }

    /// Writes the bad rows of one record; returns their number.
    fn bad_rows(
        &self,
        format: &RawFormat,
        record: &[u8],
        bad: &mut Vec<u8>,
        write: impl FnOnce(&mut BadRowWriter<'_>),
    ) -> u64 {
        let arena = Bump::new();
        let source = record_source(format, record, &arena);
        let mut writer = BadRowWriter::new(&self.config.bad_rows, source, self.config.etl_millis, bad);
        write(&mut writer);
        writer.rows()
    }
}

/// A record as bad rows show it.
fn record_source<'a>(format: &RawFormat, record: &'a [u8], arena: &'a Bump) -> RecordSource<'a> {
    match format {
        RawFormat::Thrift(ThriftContainer::Lines) => match base64_bytes(record, arena) {
            // A line that holds no base64 at all would be lost otherwise.
            [] => RecordSource::Line(utf8_text(record, arena)),
            decoded => RecordSource::Binary(decoded),
        },
        RawFormat::Thrift(_) => RecordSource::Binary(record),
        _ => RecordSource::Line(utf8_text(record, arena)),
    }
}

/// Memory of an arena that is kept from one record to the next.
const KEPT_MEMORY: usize = 16 << 20;

/// One worker's part of the stage.
pub struct Enricher {
    stage: Arc<EnrichStage>,
    manager: Manager,
    validator: Box<dyn Validator>,
    arena: Bump,
}

impl Enricher {
    /// Enriches one record: appends what becomes of it to `out`.
    pub fn process(&mut self, format: &RawFormat, record: &[u8], out: EnrichOutputs<'_>) -> RecordOutcome {
        if let Some(max_size) = self.stage.config.max_record_size
            && record.len() > max_size
        {
            return self.oversized_record(format, record, record.len(), max_size, out.bad);
        }
        if self.arena.allocated_bytes() > KEPT_MEMORY {
            self.arena = Bump::new();
        } else {
            self.arena.reset();
        }
        let Enricher { stage, manager, validator, arena } = self;
        let mut job = Job { stage, format, record, validator: &mut **validator, arena, out };
        match load(format, record, arena) {
            Loaded::Ignored => RecordOutcome::default(),
            Loaded::Bad(messages) => {
                let loader = format.loader();
                job.bad(|rows| rows.collector_payload_format_violation(loader, &messages))
            }
            Loaded::Payload(payload) => job.payload(&payload, manager),
        }
    }

    /// The bad row of a record on which something panicked. The worker goes on as if nothing had happened.
    pub fn on_panic(&mut self, format: &RawFormat, record: &[u8], message: &str, bad: &mut Vec<u8>) -> RecordOutcome {
        let bad_rows = self.stage.bad_rows(format, record, bad, |rows| rows.generic_error(&[message]));
        RecordOutcome { bad_rows, ..RecordOutcome::default() }
    }

    /// The bad row of a record that is too large to be read: `beginning` is what is known of its `size` bytes.
    pub fn oversized_record(
        &mut self,
        format: &RawFormat,
        beginning: &[u8],
        size: usize,
        max_size: usize,
        bad: &mut Vec<u8>,
    ) -> RecordOutcome {
        let shown = String::from_utf8_lossy(&beginning[..beginning.len().min(max_size / 10)]);
        let expectation = format!("collector record exceeded the maximum allowed size {max_size} bytes");
        let bad_rows = self.stage.bad_rows(format, b"", bad, |rows| {
            rows.size_violation(max_size, size, &expectation, &shown);
        });
        RecordOutcome { bad_rows, ..RecordOutcome::default() }
    }

    /// Counts what has happened since the last call besides events and bad rows.
    pub fn take_counts(&mut self, count: impl FnMut(&'static str, u64)) {
        self.manager.take_counts(count);
    }
}

/// One record at work.
struct Job<'a, 'w> {
    stage: &'a EnrichStage,
    format: &'a RawFormat,
    record: &'a [u8],
    validator: &'w mut dyn Validator,
    arena: &'a Bump,
    out: EnrichOutputs<'w>,
}

impl<'a> Job<'a, '_> {
    fn bad(&mut self, write: impl FnOnce(&mut BadRowWriter<'_>)) -> RecordOutcome {
        {
            let bad_rows = self.stage.bad_rows(self.format, self.record, self.out.bad, write);
            RecordOutcome { bad_rows, ..RecordOutcome::default() }
        }
    }

    fn payload(&mut self, payload: &CollectorPayload<'a>, manager: &mut Manager) -> RecordOutcome {
        let mut tools = Tools { arena: self.arena, validator: &mut *self.validator };
        match self.stage.adapters.to_raw_events(payload, &mut tools) {
            Ok(events) if events.is_empty() => self.bad(|rows| rows.generic_error(&["the adapter gave no events"])),
            Ok(events) => {
                let mut outcome = RecordOutcome::default();
                for raw in events {
                    let one = self.event(raw, manager);
                    outcome.events += one.events;
                    outcome.bad_rows += one.bad_rows;
                    outcome.pii_events += one.pii_events;
                }
                outcome
            }
            Err(AdapterError::Failures(messages)) if is_tracker_protocol(payload.api) => {
                self.bad(|rows| rows.tracker_protocol_violations(payload, &messages))
            }
            Err(AdapterError::Failures(messages)) => self.bad(|rows| rows.adapter_failures(payload, &messages)),
            Err(AdapterError::Unexpected(error)) => self.bad(|rows| rows.generic_error(&[&error])),
        }
    }

    fn event(&mut self, mut raw: RawEvent<'a>, manager: &mut Manager) -> RecordOutcome {
        raw.context.useragent_encoded &= self.stage.config.decode_useragents;
        let texts = RunTexts { v_etl: &self.stage.v_etl, etl_tstamp: &self.stage.etl_tstamp };
        let mut event = EnrichedEvent::default();
        match manager.enrich(&raw, texts, &mut event, self.validator, self.arena) {
            Ok(pii_event) => self.emit(&event, pii_event),
            Err(Failure::Schema(messages)) => self.bad(|rows| rows.schema_violations(&event, &raw, &messages)),
            Err(Failure::Enrichment(failures)) => self.bad(|rows| rows.enrichment_failures(&event, &raw, &failures)),
        }
    }

    fn emit(&mut self, event: &EnrichedEvent<'a>, pii_event: Option<&EnrichedEvent<'a>>) -> RecordOutcome {
        let start = self.out.good.len();
        event.write_tsv(self.out.good);
        if let Some(max_size) = self.stage.config.max_event_size
            && self.out.good.len() - start > max_size
        {
            let line = String::from_utf8_lossy(&self.out.good[start..self.out.good.len() - 1]).into_owned();
            self.out.good.truncate(start);
            return self.bad(|rows| rows.oversized_event(max_size, &line));
        }
        let mut pii_events = 0;
        if let (Some(pii_event), Some(out)) = (pii_event, self.out.pii_events.as_deref_mut()) {
            pii_event.write_tsv(out);
            pii_events = 1;
        }
        RecordOutcome { events: 1, bad_rows: 0, pii_events }
    }
}

#[cfg(test)]
mod tests;
