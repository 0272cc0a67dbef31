//! The stage: a line of enriched TSV becomes an atomic row and a row per entity, or one bad row.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/shredder/.../batch/ShredJob.scala` and
//! `modules/common/.../transformation/{EventUtils,Transformed}.scala`. An event whose entities do not all pass gives a
//! bad row and nothing else; all reasons are listed, where 1.2.3 stops at the first that concerns a table.

use std::sync::Arc;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

use super::check::{CheckedEvent, id_text};
use super::dedupe::Fate;
use super::formats::RowFormat;
use super::members::MemberOrder;
use super::output::{ShredCounters, ShredOutput, ShredReport};
use super::plan::{DUPLICATE_NAME, DUPLICATE_VENDOR, Plan, Plans};
use super::row::{Root, RowFrame, write_atomic, write_json, write_tsv};
use super::types::TypeId;
use crate::badrow::{
    BadRowConfig, BadRowFormat, BadRowWriter, LoaderIgluFailure, ParsingFailure, Processor, RecordSource,
};
use crate::ddl::DdlError;
use crate::event::time::now_millis;
use crate::iglu::{SchemaKey, SchemaVer, SelfDescribing, Validator};

/// What is the same for all workers of a run.
pub struct ShredConfig {
    /// The shapes of rows.
    pub plans: Plans,
    /// How bad rows are written.
    pub bad_rows: BadRowConfig,
    /// Whether texts are cut to the width of their column.
    pub cut_texts: bool,
}

impl ShredConfig {
    /// The usual configuration: bad rows are self-describing and texts are cut.
    pub fn new(plans: Plans, processor: Processor) -> ShredConfig {
        let bad_rows = BadRowConfig { processor, format: BadRowFormat::V2, max_size: None };
        ShredConfig { plans, bad_rows, cut_texts: true }
    }
}

/// One worker's shredder.
pub struct Shredder {
    config: Arc<ShredConfig>,
    validator: Box<dyn Validator>,
    known: KnownSchemas,
    report: ShredReport,
    arena: Bump,
}

/// What a worker knows of schemas: no lock is taken for a schema seen before.
#[derive(Default)]
struct KnownSchemas {
    /// Places in the list, by URI.
    places: hashbrown::HashMap<Box<str>, usize, foldhash::fast::RandomState>,
    list: Vec<Known>,
}

struct Known {
    plan: Plan,
    frame: RowFrame,
    order: MemberOrder,
    /// Whether the schema is in the report.
    reported: bool,
}

impl KnownSchemas {
    fn place(&mut self, plans: &Plans, entity: &SelfDescribing<'_>) -> usize {
        if let Some(place) = self.places.get(entity.uri) {
            return *place;
        }
        let plan = plans.plan(&entity.key);
        let frame = match plan {
            Plan::Json(_) => RowFrame::json(&entity.key),
            _ => RowFrame::tsv(&entity.key),
        };
        self.places.insert(entity.uri.into(), self.list.len());
        self.list.push(Known { plan, frame, order: MemberOrder::default(), reported: false });
        self.list.len() - 1
    }
}

/// The id under which an event is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity<'a> {
    /// Its own.
    Own,
    /// A new one, because others of the batch have the same; a `duplicate` entity names the old one.
    New(&'a str),
}

impl Shredder {
    /// A shredder for one worker.
    pub fn new(config: Arc<ShredConfig>, validator: Box<dyn Validator>) -> Shredder {
        Shredder {
            config,
            validator,
            known: KnownSchemas::default(),
            report: ShredReport::default(),
            arena: Bump::new(),
        }
    }

    /// Shreds a line without its line feed, whatever it holds.
    pub fn process(&mut self, line: &[u8], out: &mut ShredOutput) {
        let mut arena = std::mem::take(&mut self.arena);
        if let Some(checked) = self.check(line, &arena, out) {
            self.emit(&checked, Identity::Own, &arena, out);
        }
        arena.reset();
        self.arena = arena;
    }

    /// Reads a line and validates its entities. A line that does not pass becomes a bad row.
    pub fn check<'a>(&mut self, line: &'a [u8], arena: &'a Bump, out: &mut ShredOutput) -> Option<CheckedEvent<'a>> {
        self.report.counters.events_in += 1;
        let text = self.text(line, arena);
        let checked = match CheckedEvent::read(text, arena) {
            Ok(checked) => checked,
            Err(failure) => {
                self.parsing_error(text, &failure, out);
                return None;
            }
        };
        self.report.counters.entities_in += checked.entity_count();
        let mut failures = Vec::new();
        for entity in checked.all_entities() {
            if let Err(error) = self.validator.check(entity) {
                failures.push(LoaderIgluFailure::IgluError { schema_key: entity.uri.into(), error });
            }
        }
        if failures.is_empty() {
            return Some(checked);
        }
        self.iglu_error(&checked, &failures, out);
        None
    }

    /// Writes the rows of an event that [`Shredder::check`] has passed, or one bad row if an entity has no table.
    pub fn emit<'a>(
        &mut self,
        checked: &CheckedEvent<'a>,
        identity: Identity<'a>,
        arena: &'a Bump,
        out: &mut ShredOutput,
    ) {
        let (known, plans) = (&mut self.known, &self.config.plans);
        let places = checked.all_entities().map(|entity| known.place(plans, entity));
        let places: BumpVec<'_, usize> = BumpVec::from_iter_in(places, arena);
        let failures = self.refusals(&places);
        if !failures.is_empty() {
            return self.iglu_error(checked, &failures, out);
        }
        let event_id = match identity {
            Identity::Own => checked.event_id,
            Identity::New(id) => id,
        };
        let root = Root::new(event_id, checked.collector_tstamp, arena);
        let cut_texts = self.config.cut_texts;
        let mut cuts = 0;
        out.row(TypeId::ATOMIC, |out| cuts = write_atomic(checked, root, cut_texts, arena, out));
        self.report.counters.cut_values += cuts;
        self.report.counters.atomic_rows += 1;
        self.report.collected_at(checked.collector_millis);
        let mut placed = checked.all_entities().zip(places);
        for (event, place) in placed.by_ref().take(usize::from(checked.entities.unstruct_event.is_some())) {
            self.emit_entity(event, place, root, arena, out);
        }
        if identity != Identity::Own {
            self.emit_duplicate(checked.event_id, root, arena, out);
        }
        for (entity, place) in placed {
            self.emit_entity(entity, place, root, arena, out);
        }
    }

    /// Counts an event that is not written because it was written before.
    pub fn dropped(&mut self, checked: &CheckedEvent<'_>, by_earlier_batch: bool) {
        let counters = &mut self.report.counters;
        counters.dropped_entities += checked.entity_count();
        if by_earlier_batch {
            counters.cross_batch_duplicates += 1;
        } else {
            counters.natural_duplicates += 1;
        }
    }

    /// Writes a bad row for an event that could not be looked up among earlier ones.
    pub fn runtime_error(&mut self, checked: &CheckedEvent<'_>, message: &str, out: &mut ShredOutput) {
        self.report.counters.bad_entities += checked.entity_count();
        self.bad_row(TypeId::RUNTIME_ERROR, checked.line, out, |writer| {
            writer.loader_runtime_error(checked.event, message);
        });
    }

    /// Counts an event whose fate is decided at the end of the run.
    pub fn deferred(&mut self, checked: &CheckedEvent<'_>) {
        self.report.counters.deferred_events += 1;
        self.report.counters.deferred_entities += checked.entity_count();
    }

    /// Takes up an event that was set aside after it had passed [`Shredder::check`].
    pub fn settle(&mut self, line: &[u8], fate: &Fate, out: &mut ShredOutput) {
        let mut arena = std::mem::take(&mut self.arena);
        self.settle_in(line, fate, &arena, out);
        arena.reset();
        self.arena = arena;
    }

    fn settle_in(&mut self, line: &[u8], fate: &Fate, arena: &Bump, out: &mut ShredOutput) {
        let text: &str = arena.alloc_str(&String::from_utf8_lossy(line));
        let checked = CheckedEvent::read(text, arena).unwrap_or_else(|failure| {
            panic!("an event that was set aside cannot be read again: {failure:?}");
        });
        self.report.counters.settled_events += 1;
        self.report.counters.settled_entities += checked.entity_count();
        match fate {
            Fate::Keep => self.emit(&checked, Identity::Own, arena, out),
            Fate::Rename(id) => self.emit(&checked, Identity::New(arena.alloc_str(&id_text(*id))), arena, out),
            Fate::DropCopy => self.dropped(&checked, false),
            Fate::DropSeen => self.dropped(&checked, true),
            Fate::Fail(message) => self.runtime_error(&checked, message, out),
        }
    }

    /// Accounts for a line at which thresh itself failed half-way. `before` are the figures before the line;
    /// `was_aside` says that it was counted before it was set aside.
    pub fn failed(
        &mut self,
        before: ShredCounters,
        line: &[u8],
        message: &str,
        was_aside: bool,
        out: &mut ShredOutput,
    ) {
        self.arena = Bump::new();
        self.report.counters = before;
        let text = String::from_utf8_lossy(line);
        if was_aside {
            let arena = Bump::new();
            let entities = CheckedEvent::read(&text, &arena).map_or(0, |checked| checked.entity_count());
            self.report.counters.settled_events += 1;
            self.report.counters.settled_entities += entities;
            self.report.counters.bad_entities += entities;
        } else {
            self.report.counters.events_in += 1;
        }
        self.bad_row(TypeId::GENERIC_ERROR, &text, out, |writer| writer.generic_error(&[message]));
    }

    /// Accounts for a line that is too long to be held; `line` is its beginning.
    pub fn oversized(&mut self, line: &[u8], length: u64, limit: u64, out: &mut ShredOutput) {
        let shown = String::from_utf8_lossy(&line[..line.len().min(limit as usize / 10)]);
        let expectation = format!("line exceeded the maximum allowed size {limit} bytes");
        self.report.counters.events_in += 1;
        self.bad_row(TypeId::SIZE_VIOLATION, &shown, out, |writer| {
            writer.size_violation(limit as usize, length as usize, &expectation, &shown);
        });
    }

    /// What was done so far.
    pub fn report(&self) -> &ShredReport {
        &self.report
    }

    /// Hands the report over and begins a new one.
    pub fn take_report(&mut self) -> ShredReport {
        for known in &mut self.known.list {
            known.reported = false;
        }
        std::mem::take(&mut self.report)
    }

    fn text<'a>(&mut self, line: &'a [u8], arena: &'a Bump) -> &'a str {
        match simdutf8::basic::from_utf8(line) {
            Ok(text) => text,
            Err(_) => {
                self.report.counters.repaired_lines += 1;
                arena.alloc_str(&String::from_utf8_lossy(line))
            }
        }
    }

    /// Why the event's entities cannot all have rows; each schema is named once.
    fn refusals(&self, places: &[usize]) -> Vec<LoaderIgluFailure<'static>> {
        let mut failures = Vec::new();
        let mut named: Vec<*const DdlError> = Vec::new();
        for place in places {
            if let Plan::Refused(error) = &self.known.list[*place].plan
                && !named.contains(&Arc::as_ptr(error))
            {
                named.push(Arc::as_ptr(error));
                failures.push(failure_of(error));
            }
        }
        failures
    }

    fn emit_entity<'a>(
        &mut self,
        entity: &SelfDescribing<'a>,
        place: usize,
        root: Root<'_>,
        arena: &'a Bump,
        out: &mut ShredOutput,
    ) {
        let cut_texts = self.config.cut_texts;
        let Known { plan, frame, order, reported } = &mut self.known.list[place];
        let counters = &mut self.report.counters;
        let format = match plan {
            Plan::Skip | Plan::Refused(_) => {
                counters.skipped_entities += 1;
                return;
            }
            Plan::Json(id) => {
                out.row(*id, |out| write_json(frame, entity.data, root, out));
                RowFormat::Json
            }
            Plan::Tsv(id, plan) => {
                let cuts = &mut counters.cut_values;
                out.row(*id, |out| *cuts += write_tsv(frame, entity.data, root, (plan, order), cut_texts, arena, out));
                RowFormat::Tsv
            }
        };
        counters.entity_rows += 1;
        if !std::mem::replace(reported, true) {
            self.report.types.insert(entity.key.to_owned(), format);
        }
    }

    /// The reference notes the types before it adds these entities, so that its loader never sees them.
    fn emit_duplicate(&mut self, original: &str, root: Root<'_>, arena: &Bump, out: &mut ShredOutput) {
        let json = arena.alloc_str(&format!(r#"{{"originalEventId":"{original}"}}"#));
        let data = crate::json::parse(json, arena).expect("an id needs no escapes");
        let key = SchemaKey {
            vendor: DUPLICATE_VENDOR,
            name: DUPLICATE_NAME,
            format: "jsonschema",
            version: SchemaVer::new(1, 0, 0),
        };
        let uri = "iglu:com.snowplowanalytics.snowplow/duplicate/jsonschema/1-0-0";
        self.report.counters.renamed_events += 1;
        self.report.counters.duplicate_entities += 1;
        let entity = SelfDescribing { uri, key, data };
        let place = self.known.place(&self.config.plans, &entity);
        self.emit_entity(&entity, place, root, arena, out);
    }

    fn parsing_error(&mut self, line: &str, failure: &ParsingFailure<'_>, out: &mut ShredOutput) {
        self.bad_row(TypeId::PARSING_ERROR, line, out, |writer| writer.loader_parsing_error(failure));
    }

    fn iglu_error(&mut self, checked: &CheckedEvent<'_>, failures: &[LoaderIgluFailure<'_>], out: &mut ShredOutput) {
        self.report.counters.bad_entities += checked.entity_count();
        self.bad_row(TypeId::IGLU_ERROR, checked.line, out, |writer| writer.loader_iglu_error(checked.event, failures));
    }

    fn bad_row(&mut self, id: TypeId, line: &str, out: &mut ShredOutput, write: impl FnOnce(&mut BadRowWriter<'_>)) {
        let config = &self.config.bad_rows;
        out.row(id, |out| {
            write(&mut BadRowWriter::new(config, RecordSource::Line(line), now_millis(), out));
        });
        self.report.counters.bad_rows += 1;
    }
}

fn failure_of(error: &DdlError) -> LoaderIgluFailure<'static> {
    match error {
        DdlError::List { criterion, error } => {
            LoaderIgluFailure::SchemaListNotFound { criterion: criterion.clone(), error: error.clone() }
        }
        DdlError::Schema { key, error } => {
            LoaderIgluFailure::IgluError { schema_key: key.to_string().into(), error: error.clone() }
        }
        DdlError::Unusable { key, error } => LoaderIgluFailure::InvalidSchema {
            schema_key: key.to_string().into(),
            message: format!("Cannot be parsed as JSON Schema AST: {error}").into(),
        },
        DdlError::NoFirstVersion { first: key }
        | DdlError::SameName { key, .. }
        | DdlError::BadName { key, .. }
        | DdlError::TooManyColumns { key, .. }
        | DdlError::UnknownVersion { key } => {
            let text = error.to_string();
            let message = text.strip_prefix(&format!("{key}: ")).unwrap_or(&text).to_owned();
            LoaderIgluFailure::InvalidSchema { schema_key: key.to_string().into(), message: message.into() }
        }
    }
}
