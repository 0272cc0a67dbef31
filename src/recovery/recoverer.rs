//! One bad row in, one outcome out: flows and scenarios applied.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../execute.scala` and `.../package.scala`.

use bumpalo::Bump;
use serde_json::Value;

use super::coerce::{PayloadKind, RecoveredPayload, clean_querystring, coerce, thrift_of_base64};
use super::config::{Flow, RecoveryConfig};
use super::rows::{BadRow, Row};
use super::scenario::Editable;
use crate::badrow::{BadRowConfig, BadRowWriter, LoaderMessage, RecordSource};
use crate::event::time::{joda_text, now_millis};
use crate::iglu::SchemaKey;
use crate::json;
use crate::payload::CollectorPayload;
use crate::raw::{Loaded, RawFormat, ThriftContainer};

/// Under this key flows can name legacy rows, which have no schema of their own. An invention of thresh.
pub const LEGACY_ROW_KEY: &str = "iglu:com.snowplowanalytics.snowplow.badrows/legacy_bad_row/jsonschema/1-0-0";

/// Where a bad row ends: in exactly one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its payload was recovered.
    Recovered,
    /// Its line was recovered as text, for rows about text records.
    RecoveredLine,
    /// No flow is for it.
    Unmatched,
    /// A flow is for it, but failed.
    Failed,
    /// Nothing can bring it back.
    Unrecoverable,
}

/// What a row became, in buffers that are reused.
#[derive(Debug, Default)]
pub struct Recovery {
    /// A Thrift record ([`Fate::Recovered`]) or a line ([`Fate::RecoveredLine`]).
    pub record: Vec<u8>,
    /// A `recovery_error`, or the row itself, as a line ([`Fate::Unmatched`], [`Fate::Failed`], [`Fate::Unrecoverable`]).
    pub row: Vec<u8>,
    /// Names of the flows that were applied.
    pub flows: Vec<String>,
}

/// Kinds of rows from which nothing can be recovered.
const UNRECOVERABLE: [&str; 9] = [
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

/// Applies one configuration to bad rows. One per worker.
pub struct Recoverer<'c> {
    config: &'c RecoveryConfig,
    bad_rows: &'c BadRowConfig,
    arena: Bump,
}

/// Why a row was not recovered.
enum Refusal {
    Unmatched(String),
    Failed(String),
    Unrecoverable(String),
}

impl<'c> Recoverer<'c> {
    /// A recoverer for a configuration; `bad_rows` says how rows are written.
    pub fn new(config: &'c RecoveryConfig, bad_rows: &'c BadRowConfig) -> Recoverer<'c> {
        Recoverer { config, bad_rows, arena: Bump::new() }
    }

    /// Recovers one line; the buffers of `out` are cleared first.
    pub fn recover(&mut self, line: &str, out: &mut Recovery) -> Fate {
        out.record.clear();
        out.row.clear();
        out.flows.clear();
        let mut arena = std::mem::take(&mut self.arena);
        let fate = self.recover_in(line, &arena, out);
        arena.reset();
        self.arena = arena;
        fate
    }

    fn recover_in(&self, line: &str, arena: &Bump, out: &mut Recovery) -> Fate {
        let line = arena.alloc_str(line);
        match BadRow::parse(line, arena) {
            BadRow::SelfDescribing(row) => match self.self_describing(&row, arena, out) {
                Ok(fate) => fate,
                Err(refusal) => self.refuse(refusal, &row, arena, out),
            },
            BadRow::Legacy { line: record, messages, .. } => match self.legacy(record, &messages, arena, out) {
                Ok(fate) => fate,
                // A legacy row has no schema that a recovery_error could carry: it stays as it is.
                Err(refusal) => {
                    out.row.extend_from_slice(line.as_bytes());
                    out.row.push(b'\n');
                    match refusal {
                        Refusal::Unmatched(_) => Fate::Unmatched,
                        Refusal::Failed(_) => Fate::Failed,
                        Refusal::Unrecoverable(_) => Fate::Unrecoverable,
                    }
                }
            },
            BadRow::LegacyOversized => {
                out.row.extend_from_slice(line.as_bytes());
                out.row.push(b'\n');
                Fate::Unrecoverable
            }
            BadRow::Foreign(reason) => {
                let mut writer = BadRowWriter::new(self.bad_rows, RecordSource::Line(line), now_millis(), &mut out.row);
                writer.collector_payload_format_violation("", &[LoaderMessage::Fallback { error: reason.into() }]);
                Fate::Failed
            }
        }
    }

    /// The flows of a row: every one whose conditions hold, in document order.
    fn matching(&self, key: &SchemaKey<'_>, data: json::Value<'_>) -> Vec<&'c Flow> {
        let fits = |flow: &&Flow| flow.conditions.iter().all(|condition| condition.holds(data));
        self.config.flows_for(key).filter(fits).collect()
    }

    fn self_describing(&self, row: &Row<'_>, arena: &Bump, out: &mut Recovery) -> Result<Fate, Refusal> {
        if UNRECOVERABLE.contains(&row.key.name) {
            return Err(Refusal::Unrecoverable(format!("Failed to recover bad row of type {}.", row.key.name)));
        }
        let flows = self.matching(&row.key, row.data);
        if flows.is_empty() {
            return Err(Refusal::Unmatched(format!(
                "Failed to load recovery configuration for {}. No schema-configuration mapping found.",
                row.key
            )));
        }
        out.flows.extend(flows.iter().map(|flow| flow.name.clone()));
        let Some(payload) = row.data.get("payload") else {
            return Err(Refusal::Failed("payload: missing".to_owned()));
        };
        let kind = match row.key.name {
            "adapter_failures" | "tracker_protocol_violations" => PayloadKind::Collector,
            "schema_violations" | "enrichment_failures" => PayloadKind::RawEvent,
            "collector_payload_format_violation" => return recover_format_violation(payload, &flows, arena, out),
            other => {
                return Err(Refusal::Unrecoverable(format!("Failed to recover bad row of type {other}.")));
            }
        };
        // Steps on the enriched event cannot show in the output: copy just what is needed.
        let needs_enriched = flows.iter().flat_map(|flow| &flow.steps).any(|step| step.path.starts_with("enriched"));
        let mut edited = match (kind, payload.get("raw")) {
            (PayloadKind::RawEvent, Some(raw)) if !needs_enriched => {
                Value::Object([("raw".to_owned(), raw.to_serde())].into_iter().collect())
            }
            _ => payload.to_serde(),
        };
        apply_steps(&flows, &mut edited)?;
        coerce(&edited, kind).map_err(|reason| uncoercible(&row.key, &reason))?.write_thrift(&mut out.record);
        Ok(Fate::Recovered)
    }

    fn legacy(&self, line: &str, messages: &[String], arena: &Bump, out: &mut Recovery) -> Result<Fate, Refusal> {
        match self.config {
            RecoveryConfig::Scenarios(scenarios) => {
                let fitting: Vec<_> = scenarios.iter().filter(|scenario| scenario.applies(messages)).collect();
                if fitting.is_empty() {
                    return Err(Refusal::Unmatched("no scenario names one of its errors".to_owned()));
                }
                let mut payload = thrift_of_base64(line, arena).map_err(Refusal::Failed)?;
                for scenario in fitting {
                    let RecoveredPayload { path, querystring, body, .. } = &mut payload;
                    scenario.apply(&mut Editable { path, querystring, body });
                }
                payload.write_thrift(&mut out.record);
                Ok(Fate::Recovered)
            }
            RecoveryConfig::Flows(_) => self.lifted(line, messages, arena, out),
        }
    }

    /// A legacy row, lifted into the shape that flows know: its request as `payload`, its errors as
    /// `failure.messages`.
    fn lifted(&self, line: &str, messages: &[String], arena: &Bump, out: &mut Recovery) -> Result<Fate, Refusal> {
        let payload = lift(line, arena).map_err(Refusal::Unrecoverable)?;
        let data = serde_json::json!({"failure": {"messages": messages}, "payload": payload});
        let text = arena.alloc_str(&data.to_string());
        let parsed = json::parse(text, arena).map_err(|error| Refusal::Failed(error.to_string()))?;
        let key = SchemaKey::parse(LEGACY_ROW_KEY).map_err(|error| Refusal::Failed(error.to_string()))?;
        let flows = self.matching(&key, parsed);
        if flows.is_empty() {
            return Err(Refusal::Unmatched("no flow is for it".to_owned()));
        }
        out.flows.extend(flows.iter().map(|flow| flow.name.clone()));
        let mut edited = payload;
        apply_steps(&flows, &mut edited)?;
        coerce(&edited, PayloadKind::Collector)
            .map_err(|reason| uncoercible(&key, &reason))?
            .write_thrift(&mut out.record);
        Ok(Fate::Recovered)
    }

    fn refuse<'a>(&self, refusal: Refusal, row: &Row<'a>, arena: &'a Bump, out: &mut Recovery) -> Fate {
        let (fate, reason) = match refusal {
            Refusal::Unmatched(reason) => (Fate::Unmatched, reason),
            Refusal::Failed(reason) => (Fate::Failed, reason),
            Refusal::Unrecoverable(reason) => (Fate::Unrecoverable, reason),
        };
        let whole = row.whole.compact_in(arena);
        let mut writer = BadRowWriter::new(self.bad_rows, RecordSource::Line(whole), now_millis(), &mut out.row);
        writer.recovery_error(&reason, None, whole, row.recoveries + 1);
        fate
    }
}

fn uncoercible(key: &SchemaKey<'_>, reason: &str) -> Refusal {
    Refusal::Failed(format!("Unable to coerce payload of type {} to CollectorPayload: {reason}.", key.name))
}

fn apply_steps(flows: &[&Flow], payload: &mut Value) -> Result<(), Refusal> {
    flows.iter().flat_map(|flow| &flow.steps).try_for_each(|step| step.apply(payload)).map_err(Refusal::Failed)
}

/// A record that no loader could read: a Thrift record is repaired where it can be, a line goes out as it is. Steps see
/// the payload, a string.
fn recover_format_violation(
    payload: json::Value<'_>,
    flows: &[&Flow],
    arena: &Bump,
    out: &mut Recovery,
) -> Result<Fate, Refusal> {
    let mut edited = payload.to_serde();
    apply_steps(flows, &mut edited)?;
    let Some(text) = edited.as_str() else { return Err(Refusal::Failed("payload: a string is expected".to_owned())) };
    match thrift_of_base64(text, arena) {
        Ok(mut recovered) => {
            recovered.querystring = recovered.querystring.as_deref().map(clean_querystring);
            recovered.write_thrift(&mut out.record);
            Ok(Fate::Recovered)
        }
        // Lines of text logs hold blanks or tabs; base64 never does.
        Err(_) if text.contains([' ', '\t', '{']) => {
            out.record.extend_from_slice(text.as_bytes());
            Ok(Fate::RecoveredLine)
        }
        Err(reason) => Err(Refusal::Failed(format!("error deserializing raw event: {reason}"))),
    }
}

/// The request that a legacy row's record holds, in the shape of `adapter_failures`' payload plus its path.
fn lift(line: &str, arena: &Bump) -> Result<Value, String> {
    let format = match super::decode_base64(line) {
        Some(bytes) if !line.contains(['\t', ' ']) && !bytes.is_empty() => {
            let record = arena.alloc_slice_copy(&bytes);
            return loaded(&RawFormat::Thrift(ThriftContainer::Blocks), record, arena);
        }
        _ => crate::raw::detect(line.as_bytes(), "").ok_or("its line is in no known raw format")?,
    };
    let record = arena.alloc_slice_copy(line.as_bytes());
    loaded(&format, record, arena)
}

fn loaded(format: &RawFormat, record: &[u8], arena: &Bump) -> Result<Value, String> {
    match crate::raw::load(format, record, arena) {
        Loaded::Payload(payload) => Ok(lifted_payload(&payload)),
        Loaded::Ignored => Err("its line is a header".to_owned()),
        Loaded::Bad(_) => Err("its record cannot be read".to_owned()),
    }
}

fn lifted_payload(payload: &CollectorPayload<'_>) -> Value {
    let pairs: Vec<Value> =
        payload.querystring.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
    serde_json::json!({
        "vendor": payload.api.vendor,
        "version": payload.api.version,
        "querystring": pairs,
        "contentType": payload.content_type,
        "body": payload.body,
        "collector": payload.source.name,
        "encoding": payload.source.encoding,
        "hostname": payload.source.hostname,
        "timestamp": payload.context.timestamp.map(joda_text),
        "ipAddress": payload.context.ip_address,
        "useragent": payload.context.useragent,
        "refererUri": payload.context.referer_uri,
        "headers": payload.context.headers,
        "networkUserId": payload.context.user_id,
    })
}
