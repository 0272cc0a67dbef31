//! One bad row in, one outcome out: flows and scenarios applied.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../execute.scala` and `.../package.scala`.

use std::cell::OnceCell;

use bumpalo::Bump;
use serde_json::Value;

use super::coerce::{PayloadKind, coerce, coerce_fields, thrift_of_base64};
use super::condition::Condition;
use super::config::{Flow, RecoveryConfig};
use super::draft::Draft;
use super::lift::{Lifted, NotLifted, lift};
use super::outcome::{Discard, Extras, Fate, Recovery};
use super::query::clean_querystring;
use super::recovered::RecoveredPayload;
use super::request::write_texts;
use super::rows::{BadRow, Row};
use super::scenario::Editable;
use super::shape;
use crate::badrow::{BadRowConfig, BadRowWriter, LoaderMessage, RecordSource};
use crate::event::time::now_millis;
use crate::iglu::SchemaKey;
use crate::json;

/// Under this key flows can name legacy rows, which have no schema of their own. An invention of thresh.
pub const LEGACY_ROW_KEY: &str = "iglu:com.snowplowanalytics.snowplow.badrows/legacy_bad_row/jsonschema/1-0-0";

/// What messages call such rows.
const LEGACY_ROW: &str = "legacy_bad_row";

/// Kinds of rows from which nothing can be recovered.
pub(super) const UNRECOVERABLE: [&str; 9] = [
    "size_violation",
    "generic_error",
    "loader_parsing_error",
    "loader_iglu_error",
    "loader_runtime_error",
    "loader_recovery_error",
    "relay_failure",
    "snowflake_error",
    "event_forwarding_error",
];

/// Memory of an arena that is kept from one row to the next.
const KEPT_MEMORY: usize = 16 << 20;

/// Applies one configuration to bad rows. One per worker.
pub struct Recoverer<'c> {
    config: &'c RecoveryConfig,
    bad_rows: &'c BadRowConfig,
    extras: Extras<'c>,
    /// The flows for legacy rows.
    legacy: Vec<&'c Flow>,
    /// Whether a condition may look into the enriched event of a row.
    looks_into_enriched: bool,
    arena: Bump,
}

/// Why a row was not recovered.
enum Refusal {
    Unmatched(String),
    Failed(String),
    Unrecoverable(String),
}

impl Refusal {
    fn parts(self) -> (Fate, String) {
        match self {
            Refusal::Unmatched(reason) => (Fate::Unmatched, reason),
            Refusal::Failed(reason) => (Fate::Failed, reason),
            Refusal::Unrecoverable(reason) => (Fate::Unrecoverable, reason),
        }
    }
}

impl<'c> Recoverer<'c> {
    /// A recoverer for a configuration; `bad_rows` says how rows are written.
    pub fn new(config: &'c RecoveryConfig, bad_rows: &'c BadRowConfig, extras: Extras<'c>) -> Recoverer<'c> {
        let legacy =
            SchemaKey::parse(LEGACY_ROW_KEY).map_or_else(|_| Vec::new(), |key| config.flows_for(&key).collect());
        let looks_into_enriched =
            config.conditions().any(|condition| condition.path.may_touch(&["payload", "enriched"]));
        Recoverer { config, bad_rows, extras, legacy, looks_into_enriched, arena: Bump::new() }
    }

    /// Recovers one line; the buffers of `out` are cleared first.
    pub fn recover(&mut self, line: &str, out: &mut Recovery) -> Fate {
        out.clear();
        let mut arena = std::mem::take(&mut self.arena);
        let fate = self.recover_in(line, &arena, out);
        if arena.allocated_bytes() > KEPT_MEMORY {
            arena = Bump::new();
        } else {
            arena.reset();
        }
        self.arena = arena;
        fate
    }

    fn recover_in<'a>(&self, line: &'a str, arena: &'a Bump, out: &mut Recovery) -> Fate {
        let row = match self.looks_into_enriched {
            true => BadRow::parse(line, arena),
            false => BadRow::parse_but_enriched(line, arena),
        };
        if self.extras.is_outside(&row) {
            return Fate::OutsideTime;
        }
        let result = match &row {
            BadRow::SelfDescribing(row) => self.self_describing(row, arena, out),
            BadRow::Legacy { line: record, messages, .. } => self.legacy(record, messages, arena, out),
            BadRow::LegacyOversized => Err(Refusal::Unrecoverable("an oversized row holds no record".to_owned())),
            BadRow::Foreign(reason) => {
                let mut writer = BadRowWriter::new(self.bad_rows, RecordSource::Line(line), now_millis(), &mut out.row);
                writer.collector_payload_format_violation("", &[LoaderMessage::Fallback { error: reason.into() }]);
                out.reason.clone_from(reason);
                return Fate::Failed;
            }
        };
        match (result, &row) {
            (Ok(fate @ Fate::Discarded(_)), _) => {
                out.keep_row(line);
                fate
            }
            (Ok(fate), _) => fate,
            (Err(refusal), BadRow::SelfDescribing(row)) => self.refuse(refusal, row, arena, out),
            // A legacy row has no schema that a recovery_error could carry: it stays as it is.
            (Err(refusal), _) => {
                let (fate, reason) = refusal.parts();
                out.record.clear();
                out.keep_row(line);
                out.reason = reason;
                fate
            }
        }
    }

    /// The flows of a row: every one whose conditions hold, in document order.
    fn matching(&self, key: &SchemaKey<'_>, data: json::Value<'_>) -> Vec<&'c Flow> {
        let fits = |flow: &&Flow| flow.conditions.iter().all(|condition| condition.holds(data));
        self.config.flows_for(key).filter(fits).collect()
    }

    fn self_describing(&self, row: &Row<'_>, arena: &Bump, out: &mut Recovery) -> Result<Fate, Refusal> {
        let key = &row.key;
        let unrecoverable = || Refusal::Unrecoverable(format!("Failed to recover bad row of type {}.", key.name));
        let kind = match key.name {
            name if UNRECOVERABLE.contains(&name) => return Err(unrecoverable()),
            "schema_violations" | "enrichment_failures" => PayloadKind::RawEvent,
            _ => PayloadKind::Collector,
        };
        let flows = match shape::has_object_pairs(row.data) {
            false => self.matching(key, row.data),
            true => {
                let mut data = row.data.to_serde();
                shape::complete(&mut data["payload"], kind);
                let text = arena.alloc_str(&data.to_string());
                let data = json::parse(text, arena).map_err(|error| Refusal::Failed(error.to_string()))?;
                self.matching(key, data)
            }
        };
        if flows.is_empty() {
            return Err(Refusal::Unmatched(format!(
                "Failed to load recovery configuration for {key}. No schema-configuration mapping found."
            )));
        }
        out.flows.extend(flows.iter().map(|flow| flow.name.clone()));
        let payload = row.data.get("payload").ok_or_else(|| Refusal::Failed("payload: missing".to_owned()))?;
        match key.name {
            "adapter_failures" | "tracker_protocol_violations" | "schema_violations" | "enrichment_failures" => {}
            "collector_payload_format_violation" => {
                let loader = row.data.get("failure").and_then(|failure| failure.get("loader"));
                let loader = loader.and_then(|loader| loader.as_str_in(arena)).unwrap_or_default();
                return self.format_violation(payload, loader, &flows, arena, out);
            }
            _ => return Err(unrecoverable()),
        }
        let draft = if self.extras.trace { None } else { Draft::of(payload, kind, arena) };
        if let Some(result) = draft.and_then(|draft| self.drafted(draft, &flows, key.name, false, out)) {
            return result;
        }
        // Steps on the enriched event cannot show in the output: copy just what is needed.
        let needs_enriched = flows.iter().flat_map(|flow| &flow.steps).any(|step| step.path.starts_with("enriched"));
        let mut edited = match (kind, payload.get("raw")) {
            (PayloadKind::RawEvent, Some(raw)) if !needs_enriched => {
                Value::Object([("raw".to_owned(), raw.to_serde())].into_iter().collect())
            }
            _ => payload.to_serde(),
        };
        shape::complete(&mut edited, kind);
        self.trace_before(&edited, out);
        apply_steps(&flows, &mut edited)?;
        let recovered = coerce(&edited, kind, arena).map_err(|reason| uncoercible(key.name, &reason))?;
        let fate = self.finish(recovered, false, out);
        self.trace_after(edited, out);
        Ok(fate)
    }

    /// Recovers by way of a draft, without taking the payload apart whole; `None` if that takes more.
    fn drafted(
        &self,
        mut draft: Draft<'_>,
        flows: &[&Flow],
        kind_of_row: &str,
        is_legacy: bool,
        out: &mut Recovery,
    ) -> Option<Result<Fate, Refusal>> {
        let mut steps = flows.iter().flat_map(|flow| &flow.steps);
        if !steps.clone().all(|step| draft.takes(step)) {
            return None;
        }
        if let Err(reason) = steps.try_for_each(|step| draft.apply(step)) {
            return Some(Err(Refusal::Failed(reason)));
        }
        let recovered = coerce_fields(&draft, draft.arena()).map_err(|reason| uncoercible(kind_of_row, &reason));
        Some(recovered.map(|recovered| self.finish(recovered, is_legacy, out)))
    }

    /// A record that no loader could read: a Thrift record is repaired where it can be, a line goes out as it is. Steps
    /// see the payload, a string.
    fn format_violation(
        &self,
        payload: json::Value<'_>,
        loader: &str,
        flows: &[&Flow],
        arena: &Bump,
        out: &mut Recovery,
    ) -> Result<Fate, Refusal> {
        let mut edited = payload.to_serde();
        self.trace_before(&edited, out);
        apply_steps(flows, &mut edited)?;
        let Value::String(text) = &edited else { return Err(Refusal::Failed("payload: a string is expected".into())) };
        // Rows that name no loader: lines of text hold blanks, tabs or braces; base64 never does.
        let is_line = match loader {
            "thrift" => false,
            "" => text.contains([' ', '\t', '{']),
            _ => true,
        };
        if is_line {
            out.record.extend_from_slice(text.as_bytes());
            self.trace_after(edited, out);
            return Ok(Fate::RecoveredLine);
        }
        let mut recovered = thrift_of_base64(text, arena)
            .map_err(|reason| Refusal::Failed(format!("error deserializing raw event: {reason}")))?;
        recovered.querystring = recovered.querystring.as_deref().map(|query| clean_querystring(query).into());
        if self.extras.trace {
            let before = thrift_of_base64(text, arena).map_or(Value::Null, |payload| payload.to_value());
            out.trace = Some((before, recovered.to_value()));
        }
        Ok(self.finish(recovered, false, out))
    }

    fn legacy<'a>(
        &self,
        line: &'a str,
        messages: &[String],
        arena: &'a Bump,
        out: &mut Recovery,
    ) -> Result<Fate, Refusal> {
        let RecoveryConfig::Scenarios(scenarios) = self.config else {
            return self.lifted(line, messages, arena, out);
        };
        let fitting: Vec<_> = scenarios.iter().filter(|scenario| scenario.applies(messages)).collect();
        if fitting.is_empty() {
            return Err(Refusal::Unmatched("no scenario names one of its errors".to_owned()));
        }
        out.flows.extend(fitting.iter().map(|scenario| scenario.label()));
        let mut payload = match thrift_of_base64(line, arena) {
            Ok(payload) => payload,
            Err(_) if super::decode_base64(line).is_none() && lift(line, arena).is_ok() => {
                return Err(Refusal::Failed("scenarios are for Thrift records; use --script for lines of text".into()));
            }
            Err(reason) => return Err(Refusal::Failed(reason)),
        };
        self.trace_before_with(|| payload.to_value(), out);
        for scenario in fitting {
            let RecoveredPayload { path, querystring, body, .. } = &mut payload;
            scenario.apply(&mut Editable { path, querystring, body });
        }
        if self.extras.trace {
            self.trace_after(payload.to_value(), out);
        }
        Ok(self.finish(payload, true, out))
    }

    /// A legacy row, lifted into the shape that flows know: its request as `payload`, its errors as
    /// `failure.messages`.
    fn lifted<'a>(
        &self,
        line: &'a str,
        messages: &[String],
        arena: &'a Bump,
        out: &mut Recovery,
    ) -> Result<Fate, Refusal> {
        if self.legacy.is_empty() {
            return Err(Refusal::Unmatched("no flow is for legacy rows".to_owned()));
        }
        let lifted = lift(line, arena).map_err(|error| match error {
            NotLifted::Enriched => Refusal::Unrecoverable("its line is an enriched event".to_owned()),
            NotLifted::Unreadable(reason) => Refusal::Failed(reason),
        })?;
        let request = match &lifted {
            Lifted::Request(request) if !self.extras.trace => Some(request),
            _ => None,
        };
        // Most conditions and steps do not need it.
        let document = OnceCell::new();
        let document = || *document.get_or_init(|| document_of(messages, &lifted, arena));
        let holds = |condition: &Condition| match request.and_then(|it| condition.holds_for_request(messages, it)) {
            Some(holds) => holds,
            None => document().is_some_and(|data| condition.holds(data)),
        };
        let flows: Vec<&Flow> = self.legacy.iter().copied().filter(|flow| flow.conditions.iter().all(holds)).collect();
        if flows.is_empty() {
            return Err(Refusal::Unmatched("no flow is for it".to_owned()));
        }
        out.flows.extend(flows.iter().map(|flow| flow.name.clone()));
        let draft = request.map(Draft::of_request);
        if let Some(result) = draft.and_then(|draft| self.drafted(draft, &flows, LEGACY_ROW, true, out)) {
            return result;
        }
        let payload = document().and_then(|data| data.get("payload"));
        let mut payload = payload.ok_or_else(|| Refusal::Failed("payload: missing".to_owned()))?.to_serde();
        shape::complete(&mut payload, PayloadKind::Collector);
        self.trace_before(&payload, out);
        apply_steps(&flows, &mut payload)?;
        let recovered =
            coerce(&payload, PayloadKind::Collector, arena).map_err(|reason| uncoercible(LEGACY_ROW, &reason))?;
        let fate = self.finish(recovered, true, out);
        self.trace_after(payload, out);
        Ok(fate)
    }

    /// Writes what was recovered, unless it is good already. Only legacy rows repeat what others hold.
    fn finish(&self, mut payload: RecoveredPayload<'_>, legacy: bool, out: &mut Recovery) -> Fate {
        if self.extras.strip(&mut payload) {
            return Fate::Discarded(Discard::AlreadyGood);
        }
        payload.write_thrift(&mut out.record);
        if legacy && self.extras.is_repeated(&out.record) {
            out.record.clear();
            return Fate::Discarded(Discard::Duplicate);
        }
        Fate::Recovered
    }

    fn trace_before(&self, payload: &Value, out: &mut Recovery) {
        self.trace_before_with(|| payload.clone(), out);
    }

    fn trace_before_with(&self, payload: impl FnOnce() -> Value, out: &mut Recovery) {
        if self.extras.trace {
            out.trace = Some((payload(), Value::Null));
        }
    }

    fn trace_after(&self, payload: Value, out: &mut Recovery) {
        if let Some((_, after)) = &mut out.trace {
            *after = payload;
        }
    }

    fn refuse<'a>(&self, refusal: Refusal, row: &Row<'a>, arena: &'a Bump, out: &mut Recovery) -> Fate {
        let (fate, reason) = refusal.parts();
        out.record.clear();
        let whole = row.whole.compact_in(arena);
        let mut writer = BadRowWriter::new(self.bad_rows, RecordSource::Line(whole), now_millis(), &mut out.row);
        writer.recovery_error(&reason, None, whole, row.recoveries.saturating_add(1));
        out.reason = reason;
        fate
    }
}

fn uncoercible(kind_of_row: &str, reason: &str) -> Refusal {
    Refusal::Failed(format!("Unable to coerce payload of type {kind_of_row} to CollectorPayload: {reason}."))
}

/// A lifted row as the document that flows know; `None` if it is too long for one.
fn document_of<'a>(messages: &[String], lifted: &Lifted<'_>, arena: &'a Bump) -> Option<json::Value<'a>> {
    let mut text = b"{\"failure\":{\"messages\":".to_vec();
    write_texts(messages, &mut text);
    text.extend_from_slice(b"},\"payload\":");
    lifted.write_json(&mut text);
    text.push(b'}');
    json::parse(arena.alloc_str(&String::from_utf8_lossy(&text)), arena).ok()
}

fn apply_steps(flows: &[&Flow], payload: &mut Value) -> Result<(), Refusal> {
    flows.iter().flat_map(|flow| &flow.steps).try_for_each(|step| step.apply(payload)).map_err(Refusal::Failed)
}
