//! The enrichment manager: from one raw event to one enriched event, stage by stage.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/EnrichmentManager.scala`. Each stage runs only if those
//! before it found nothing wrong; within the enrichment stage every step runs, and the latest step's failures come
//! first.

use bumpalo::Bump;

use super::ids::EventIds;
use super::steps::{FixedStep, LATE_ORDER, ORDER, Place, Progress};
use super::validate::{CONTEXTS_HEAD, InputJsons, InputValidator};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::enrichment::{Enrichment, Entity, Lookups, Step, StepContext};
use crate::event::{ALL_COLUMNS, Column, EnrichedEvent};
use crate::iglu::{SchemaKey, SelfDescribing, Validator};
use crate::json;
use crate::payload::RawEvent;
use crate::payload::decode::{header_user_agent, tsv_safe, url_decode};
use crate::protocol::convert::collector_timestamp;
use crate::protocol::ip::first_ip;
use crate::protocol::lengths::check_lengths;
use crate::protocol::parameters::{self, Parsed};

/// What distinguishes one way to run the manager from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ManagerConfig {
    /// Emit events whose texts are too long for their columns all the same.
    pub accept_invalid: bool,
}

/// The column texts that all events of a run share.
#[derive(Clone, Copy, Debug)]
pub struct RunTexts<'a> {
    /// `v_etl`
    pub v_etl: &'a str,
    /// `etl_tstamp`, as a column.
    pub etl_tstamp: &'a str,
}

/// Why a raw event did not become an enriched event: each gives one bad row.
#[derive(Debug)]
pub enum Failure<'a> {
    /// The event's own JSON does not fit its schemas.
    Schema(Vec<Message<'a>>),
    /// Anything else.
    Enrichment(Vec<EnrichmentFailure<'a>>),
}

/// What is to be done, in order.
enum Planned {
    Fixed(FixedStep),
    /// The position of an enrichment, and its step.
    Enrichment(usize, Step),
}

/// Most entities whose validation is remembered. Beyond it the memory starts anew.
const REMEMBERED_ENTITIES: usize = 100_000;

/// Enriches events; one per worker.
pub struct Manager {
    config: ManagerConfig,
    enrichments: Vec<Box<dyn Enrichment>>,
    plan: Vec<Planned>,
    /// Positions of the enrichments that work on the finished event.
    late: Vec<usize>,
    /// An enrichment may have written any text into any column.
    sanitise: bool,
    input: InputValidator,
    ids: EventIds,
    valid_entities: hashbrown::HashSet<u64, foldhash::fast::RandomState>,
    too_long_accepted: u64,
}

impl Manager {
    /// A manager that runs these enrichments, in the order of their steps.
    pub fn new(config: ManagerConfig, enrichments: Vec<Box<dyn Enrichment>>) -> Manager {
        let at_step =
            |step: Step| enrichments.iter().enumerate().filter(move |(_, e)| e.step() == step).map(|(at, _)| at);
        let mut plan = Vec::new();
        for place in ORDER {
            match place {
                Place::Fixed(step) => plan.push(Planned::Fixed(step)),
                Place::Configured(step) => plan.extend(at_step(step).map(|at| Planned::Enrichment(at, step))),
            }
        }
        let late = LATE_ORDER.into_iter().flat_map(at_step).collect();
        let sanitise = at_step(Step::JavaScript).next().is_some();
        Manager {
            config,
            plan,
            late,
            sanitise,
            enrichments,
            input: InputValidator::default(),
            ids: EventIds::new(),
            valid_entities: hashbrown::HashSet::default(),
            too_long_accepted: 0,
        }
    }

    /// Counts what has happened since the last call: look-ups of enrichments, events emitted although a text was too
    /// long.
    pub fn take_counts(&mut self, mut count: impl FnMut(&'static str, u64)) {
        match std::mem::take(&mut self.too_long_accepted) {
            0 => {}
            events => count("too_long_accepted", events),
        }
        for enrichment in &mut self.enrichments {
            let Some(names) = enrichment.step().lookup_counters() else { continue };
            let Lookups { hits, misses, errors } = enrichment.take_lookups();
            for (name, number) in names.into_iter().zip([hits, misses, errors]) {
                count(name, number);
            }
        }
    }

    /// Enriches one raw event into `event`, which starts empty; gives the PII event if there is one. On a failure `event`
    /// is what bad rows show.
    // A stage of its own in profiles (benches/instructions.py).
    #[inline(never)]
    pub fn enrich<'a>(
        &mut self,
        raw: &RawEvent<'a>,
        texts: RunTexts<'a>,
        event: &mut EnrichedEvent<'a>,
        validator: &mut dyn Validator,
        arena: &'a Bump,
    ) -> Result<Option<&'a EnrichedEvent<'a>>, Failure<'a>> {
        let (parsed, collector_millis) = self.set_up(raw, texts, event, arena).map_err(Failure::Enrichment)?;
        let input = self.input.validate(&parsed, validator, arena).map_err(Failure::Schema)?;
        for (column, text) in
            [(Column::contexts, input.contexts_column), (Column::unstruct_event, input.unstruct_column)]
        {
            if text.is_some() {
                event.set(column, text);
            }
        }
        let mut derived = Vec::new();
        let mut failures = Vec::new();
        let mut cx = StepContext {
            arena,
            raw,
            event,
            collector_millis,
            derived_millis: None,
            page_query: None,
            referrer: None,
            contexts: input.contexts,
            unstruct_event: input.unstruct_event,
            derived: &mut derived,
            failures: &mut failures,
            pii_event: None,
        };
        self.run_steps(&mut cx, parsed).map_err(Failure::Enrichment)?;
        self.check_entities(&mut cx, &input, validator).map_err(Failure::Enrichment)?;
        self.run_late_steps(&mut cx).map_err(Failure::Enrichment)?;
        let pii_event = cx.pii_event;
        if self.sanitise {
            sanitise(event, arena);
        }
        let too_long = check_lengths(event);
        if too_long.is_empty() {
            return Ok(pii_event);
        }
        if self.config.accept_invalid {
            self.too_long_accepted += 1;
            tracing::debug!(event_id = event.get(Column::event_id), "texts longer than their columns");
            return Ok(pii_event);
        }
        Err(Failure::Enrichment(too_long))
    }

    /// Initial values, then the parameters.
    fn set_up<'a>(
        &mut self,
        raw: &RawEvent<'a>,
        texts: RunTexts<'a>,
        event: &mut EnrichedEvent<'a>,
        arena: &'a Bump,
    ) -> Result<(Parsed<'a>, Option<i64>), Vec<EnrichmentFailure<'a>>> {
        let mut failures = Vec::new();
        let context = &raw.context;
        // Unlike the reference, which would write a tab in a collector's name into the line.
        event.set(Column::v_collector, tsv_safe(raw.source.name, arena));
        event.set(Column::v_etl, Some(texts.v_etl));
        event.set(Column::etl_tstamp, Some(texts.etl_tstamp));
        event.set(Column::network_userid, context.user_id.and_then(|id| tsv_safe(id, arena)));
        event.set(Column::user_ipaddress, context.ip_address.and_then(|ip| first_ip(ip, arena)));
        event.set(Column::useragent, context.useragent.map(|text| useragent(text, context.useragent_encoded, arena)));
        let mut collector_millis = None;
        match collector_timestamp(context.timestamp, arena) {
            Ok((millis, text)) => {
                collector_millis = Some(millis);
                event.set(Column::collector_tstamp, Some(text));
            }
            Err((value, expectation)) => failures.push(EnrichmentFailure::unconditional(Message::InputData {
                field: "collector_tstamp".into(),
                value: value.map(Into::into),
                expectation,
            })),
        }
        let parsed = parameters::apply(&raw.parameters, event, &mut failures, arena);
        if event.get(Column::event_id).is_none() {
            event.set(Column::event_id, Some(self.ids.next(arena)));
        }
        if failures.is_empty() { Ok((parsed, collector_millis)) } else { Err(failures) }
    }

    /// All steps up to the derived contexts. The latest step's failures come first.
    fn run_steps<'a>(
        &mut self,
        cx: &mut StepContext<'a, '_>,
        parsed: Parsed<'a>,
    ) -> Result<(), Vec<EnrichmentFailure<'a>>> {
        let mut progress = Progress { parsed, page: None };
        let mut collected = Vec::new();
        for planned in &self.plan {
            match planned {
                Planned::Fixed(step) => step.run(cx, &mut progress),
                Planned::Enrichment(at, step) => {
                    if *step == Step::JavaScript && !cx.derived.is_empty() {
                        // A script may read what the other enrichments have found so far.
                        cx.event.set(Column::derived_contexts, Some(contexts_text(cx.derived, &[], cx.arena)));
                    }
                    self.enrichments[*at].run(cx);
                }
            }
            if !cx.failures.is_empty() {
                collected.splice(0..0, cx.failures.drain(..));
            }
        }
        if collected.is_empty() { Ok(()) } else { Err(collected) }
    }

    /// Fills `derived_contexts` and validates the enrichments' entities.
    fn check_entities<'a>(
        &mut self,
        cx: &mut StepContext<'a, '_>,
        input: &InputJsons<'a>,
        validator: &mut dyn Validator,
    ) -> Result<(), Vec<EnrichmentFailure<'a>>> {
        if !cx.derived.is_empty() || !input.validation_infos.is_empty() {
            let text = contexts_text(cx.derived, &input.validation_infos, cx.arena);
            cx.event.set(Column::derived_contexts, Some(text));
        }
        let mut failures = Vec::new();
        for entity in cx.derived.iter() {
            if entity.cache_id != 0 && self.valid_entities.contains(&entity.cache_id) {
                continue;
            }
            match check_entity(entity, validator, cx.arena) {
                Ok(()) if entity.cache_id != 0 => {
                    if self.valid_entities.len() >= REMEMBERED_ENTITIES {
                        self.valid_entities.clear();
                    }
                    self.valid_entities.insert(entity.cache_id);
                }
                Ok(()) => {}
                Err(message) => failures.push(EnrichmentFailure {
                    enrichment: Some(EnrichmentInfo {
                        schema_key: entity.schema.into(),
                        identifier: "enrichments-contexts-validation",
                    }),
                    message,
                }),
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// Anonymisation of the address, then pseudonymisation. These cannot fail; should one report something all the
    /// same, the event must not go out as if it were masked.
    fn run_late_steps<'a>(&mut self, cx: &mut StepContext<'a, '_>) -> Result<(), Vec<EnrichmentFailure<'a>>> {
        for at in &self.late {
            self.enrichments[*at].run(cx);
        }
        if cx.failures.is_empty() { Ok(()) } else { Err(cx.failures.drain(..).collect()) }
    }
}

/// The User-Agent header as a column. One that cannot be decoded stays as it is.
fn useragent<'a>(text: &'a str, encoded: bool, arena: &'a Bump) -> &'a str {
    let decoded = if encoded { url_decode(text, arena).unwrap_or(text) } else { text };
    header_user_agent(decoded, arena)
}

/// Entities in the envelope of contexts.
fn contexts_text<'a>(entities: &[Entity<'_>], more: &[Entity<'_>], arena: &'a Bump) -> &'a str {
    let all = || entities.iter().chain(more);
    let length = all().map(|entity| entity.schema.len() + entity.data.len() + 24).sum::<usize>();
    let mut text = bumpalo::collections::String::with_capacity_in(CONTEXTS_HEAD.len() + length + 3, arena);
    text.push_str(CONTEXTS_HEAD);
    for (index, entity) in all().enumerate() {
        text.push_str(if index == 0 { r#"[{"schema":""# } else { r#",{"schema":""# });
        text.push_str(entity.schema);
        text.push_str(r#"","data":"#);
        text.push_str(entity.data);
        text.push('}');
    }
    text.push_str("]}");
    text.into_bump_str()
}

fn check_entity<'a>(entity: &Entity<'a>, validator: &mut dyn Validator, arena: &'a Bump) -> Result<(), Message<'a>> {
    let unusable = |error: String| Message::simple(format!("unusable entity {}: {error}", entity.schema));
    let key = SchemaKey::parse(entity.schema).map_err(|error| unusable(error.to_string()))?;
    let data = json::parse(entity.data, arena).map_err(|error| unusable(format!("invalid json: {error}")))?;
    match validator.check(&SelfDescribing { uri: entity.schema, key, data }) {
        Ok(_) => Ok(()),
        Err(error) => Err(Message::IgluError { schema_key: entity.schema.into(), error }),
    }
}

/// A tab or line feed in a column would break the line, so whatever scripts have written is made safe.
fn sanitise<'a>(event: &mut EnrichedEvent<'a>, arena: &'a Bump) {
    for column in ALL_COLUMNS {
        if let Some(text) = event.get(column) {
            event.set(column, tsv_safe(text, arena));
        }
    }
}

#[cfg(test)]
mod tests;
