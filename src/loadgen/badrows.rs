//! Bad rows of both generations, for recovery: what enriching spoilt requests would have left.

use super::entities;
use super::event::next_event;
use super::plan::Plan;
use super::random::Random;
use super::records::{Request, post_body, write_cloudfront};
use super::world::World;
use crate::badrow::{BadRowConfig, BadRowFormat, BadRowWriter, EnrichmentFailure, Message, Processor, RecordSource};
use crate::event::time::column_timestamp;
use crate::event::{Column, EnrichedEvent};
use crate::iglu::{ClientError, LookupHistory, RegistryError};
use crate::payload::{Api, CollectorPayload, Context, NameValue, Parameters, RawEvent, SNOWPLOW_VENDOR, Source};

/// Between a request and its failure, milliseconds.
const FAILED_AFTER: i64 = 3_600_000;
const UNKNOWN: &str = "iglu:com.acme/nobody_has_this/jsonschema/1-0-0";

/// A stream of bad rows.
pub struct BadRows {
    modern: BadRowConfig,
    legacy: BadRowConfig,
    /// Self-describing rows written so far.
    pub modern_rows: u64,
    /// Rows of the older form written so far.
    pub legacy_rows: u64,
}

impl Default for BadRows {
    fn default() -> BadRows {
        let config = |format| BadRowConfig {
            processor: Processor { artifact: "thresh-loadgen".to_owned(), version: "1.0.0".to_owned() },
            format,
            max_size: None,
        };
        let (modern, legacy) = (config(BadRowFormat::V2), config(BadRowFormat::Legacy));
        BadRows { modern, legacy, modern_rows: 0, legacy_rows: 0 }
    }
}

impl BadRows {
    /// Appends the next row: half of them self-describing, half legacy; an unknown schema (60 %), an id that is no UUID
    /// (20 %) or a body that is no JSON (20 %, self-describing only).
    pub fn next(&mut self, plan: &Plan, world: &World, millis: i64, random: &mut Random, out: &mut Vec<u8>) {
        let mut event = next_event(world, &plan.mix, millis, random);
        let is_legacy = random.chance(0.5);
        let kind = random.below(if is_legacy { 8 } else { 10 });
        let contexts = entities::contexts(&[
            entities::web_page(random),
            format!(r#"{{"schema":"{UNKNOWN}","data":{{"a":{}}}}}"#, random.below(1000)),
        ]);
        match kind {
            0..6 => event.params.push(("co", contexts)),
            6..8 => event.params.iter_mut().filter(|(name, _)| *name == "eid").for_each(|(_, id)| id.push_str("-x")),
            _ => {}
        }
        let request = Request::new(world, vec![event], millis, kind >= 8, None, random);
        let mut line = Vec::new();
        write_cloudfront(&request, random, &mut line);
        let line = String::from_utf8_lossy(&line);
        let config = if is_legacy { &self.legacy } else { &self.modern };
        let record = RecordSource::Line(line.trim_end());
        let mut writer = BadRowWriter::new(config, record, millis + FAILED_AFTER, out);
        write_row(kind, &request, &mut writer);
        if is_legacy {
            self.legacy_rows += writer.rows();
        } else {
            self.modern_rows += writer.rows();
        }
    }
}

fn write_row(kind: u64, request: &Request<'_>, writer: &mut BadRowWriter<'_>) {
    let event = &request.events[0];
    let pairs: Vec<NameValue<'_>> = event.params.iter().map(|(name, value)| (*name, Some(value.as_str()))).collect();
    let source = Source { name: "cloudfront", encoding: "UTF-8", hostname: None };
    let context = Context {
        timestamp: Some(request.millis),
        ip_address: Some(&request.ip),
        useragent: Some(request.agent),
        referer_uri: Some(&event.page_url),
        ..Context::default()
    };
    if kind >= 8 {
        let body = post_body(&request.events);
        let api = Api { vendor: SNOWPLOW_VENDOR, version: "tp2" };
        let cut = &body[..body.floor_char_boundary(body.len() / 2)];
        let content_type = Some("application/json");
        let payload = CollectorPayload { api, querystring: &[], content_type, body: Some(cut), source, context };
        return writer.adapter_failures(
            &payload,
            &[Message::NotJson {
                field: "body".into(),
                value: Some(cut.into()),
                error: "invalid json: exhausted input".into(),
            }],
        );
    }
    let parameters = Parameters::from_pairs(&pairs);
    let raw = RawEvent { api: Api::TP1, parameters, content_type: None, source, context };
    let mut enriched = EnrichedEvent::default();
    let collected = column_timestamp(request.millis);
    enriched.set(Column::collector_tstamp, Some(&collected));
    enriched.set(Column::v_collector, Some("cloudfront"));
    enriched.set(Column::v_etl, Some("thresh-loadgen-1.0.0"));
    enriched.set(Column::page_url, Some(&event.page_url));
    if kind >= 6 {
        let id = event.params.iter().find(|(name, _)| *name == "eid").map_or("", |(_, id)| id.as_str());
        let message = Message::input("eid", Some(id), "not a valid UUID");
        return writer.enrichment_failures(&enriched, &raw, &[EnrichmentFailure::unconditional(message)]);
    }
    let lookup_history = vec![LookupHistory {
        repository: "Iglu Central".to_owned(),
        errors: vec![RegistryError::NotFound],
        attempts: 1,
        last_attempt: request.millis + FAILED_AFTER,
    }];
    let error = Box::new(ClientError::Resolution { lookup_history });
    writer.schema_violations(&enriched, &raw, &[Message::IgluError { schema_key: UNKNOWN.into(), error }]);
}
