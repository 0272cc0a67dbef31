//! The writer of bad rows: one method per kind, one line per row.
//!
//! Kinds, versions and key orders: snowplow/snowplow-badrows 2.2.1, `BadRow.scala`, `Schemas.scala`, `Failure.scala`.
//! Size limits: snowplow/enrich 3.9.0, `modules/common-fs2/.../Enrich.scala`; the batch jobs had none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::legacy::{self, Origin};
use super::message::{write_list, write_optional};
use super::{EnrichmentFailure, LoaderIgluFailure, LoaderMessage, Message, ParsingFailure};
use super::{write_collector_payload, write_loader_event, write_partial_event, write_raw_event};
use crate::event::EnrichedEvent;
use crate::event::time::instant_text;
use crate::iglu::ClientError;
use crate::json::write_string;
use crate::payload::{CollectorPayload, RawEvent};

/// Who writes the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processor {
    /// For example `thresh-enrich`.
    pub artifact: String,
    /// A version number with three parts.
    pub version: String,
}

/// The form of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRowFormat {
    /// Self-describing JSON.
    #[default]
    V2,
    /// `line`, `errors`, `failure_tstamp`, as batch enrich wrote it up to R117.
    Legacy,
}

/// What is the same for all rows of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRowConfig {
    /// Who writes the rows.
    pub processor: Processor,
    /// The form of the rows.
    pub format: BadRowFormat,
    /// Largest row in bytes; a larger one becomes a `size_violation`. The batch jobs had no limit.
    pub max_size: Option<usize>,
}

/// The input record that a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordSource<'a> {
    /// A line of text, without its line feed.
    Line(&'a str),
    /// A binary record; rows hold it in base64.
    Binary(&'a [u8]),
}

impl RecordSource<'_> {
    /// Appends the record as a JSON string.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            RecordSource::Line(line) => write_string(line, out),
            RecordSource::Binary(bytes) => {
                out.push(b'"');
                out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
                out.push(b'"');
            }
        }
    }
}

/// Appends the bad rows of one record to an output buffer.
pub struct BadRowWriter<'w> {
    config: &'w BadRowConfig,
    record: RecordSource<'w>,
    timestamp_millis: i64,
    out: &'w mut Vec<u8>,
    rows: u64,
}

const SCHEMA_PREFIX: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/"#;

impl<'w> BadRowWriter<'w> {
    /// A writer for one record; `timestamp_millis` is the time of the failure.
    pub fn new(
        config: &'w BadRowConfig,
        record: RecordSource<'w>,
        timestamp_millis: i64,
        out: &'w mut Vec<u8>,
    ) -> BadRowWriter<'w> {
        BadRowWriter { config, record, timestamp_millis, out, rows: 0 }
    }

    /// How many rows were written so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The record is not a collector payload. Every message gives a row (one row with all of them in legacy form).
    pub fn collector_payload_format_violation(&mut self, loader: &str, messages: &[LoaderMessage<'_>]) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(messages.iter().map(|message| legacy::loader_text(message, loader)).collect());
        }
        for message in messages {
            let timestamp = self.timestamp();
            let record = self.record;
            self.row("collector_payload_format_violation/jsonschema/1-0-0", |out| {
                out.extend_from_slice(format!(r#"{{"timestamp":"{timestamp}","loader":"#).as_bytes());
                write_string(loader, out);
                out.extend_from_slice(br#","message":"#);
                message.write_json(out);
                out.extend_from_slice(br#"},"payload":"#);
                record.write_json(out);
            });
        }
    }

    /// The payload gave no events.
    pub fn adapter_failures(&mut self, payload: &CollectorPayload<'_>, messages: &[Message<'_>]) {
        self.payload_failures("adapter_failures/jsonschema/1-0-0", payload, messages);
    }

    /// A tracker's payload (tp2, or the redirect) gave no events.
    pub fn tracker_protocol_violations(&mut self, payload: &CollectorPayload<'_>, messages: &[Message<'_>]) {
        self.payload_failures("tracker_protocol_violations/jsonschema/1-0-1", payload, messages);
    }

    fn payload_failures(&mut self, schema: &str, payload: &CollectorPayload<'_>, messages: &[Message<'_>]) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(legacy::texts(messages, Origin::Adapter(payload)));
        }
        let timestamp = self.timestamp();
        self.row(schema, |out| {
            out.extend_from_slice(format!(r#"{{"timestamp":"{timestamp}","vendor":"#).as_bytes());
            write_string(payload.api.vendor, out);
            out.extend_from_slice(br#","version":"#);
            write_string(payload.api.version, out);
            out.extend_from_slice(br#","messages":"#);
            write_list(messages, out, Message::write_json);
            out.extend_from_slice(br#"},"payload":"#);
            write_collector_payload(payload, out);
        });
    }

    /// The event's own JSON does not fit its schemas.
    pub fn schema_violations(&mut self, event: &EnrichedEvent<'_>, raw: &RawEvent<'_>, messages: &[Message<'_>]) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(legacy::texts(messages, Origin::Event));
        }
        self.event_failures("schema_violations/jsonschema/2-0-1", event, raw, |out| {
            write_list(messages, out, Message::write_json);
        });
    }

    /// The event could not be enriched.
    pub fn enrichment_failures(
        &mut self,
        event: &EnrichedEvent<'_>,
        raw: &RawEvent<'_>,
        failures: &[EnrichmentFailure<'_>],
    ) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(legacy::texts(failures.iter().map(|failure| &failure.message), Origin::Event));
        }
        self.event_failures("enrichment_failures/jsonschema/2-0-1", event, raw, |out| {
            write_list(failures, out, EnrichmentFailure::write_json);
        });
    }

    fn event_failures(
        &mut self,
        schema: &str,
        event: &EnrichedEvent<'_>,
        raw: &RawEvent<'_>,
        write_messages: impl FnOnce(&mut Vec<u8>),
    ) {
        let timestamp = self.timestamp();
        self.row(schema, |out| {
            out.extend_from_slice(format!(r#"{{"timestamp":"{timestamp}","messages":"#).as_bytes());
            write_messages(out);
            out.extend_from_slice(br#"},"payload":{"enriched":"#);
            write_partial_event(event, out);
            out.extend_from_slice(br#","raw":"#);
            write_raw_event(raw, out);
            out.push(b'}');
        });
    }

    /// An enriched event is longer than `max_size`; the row keeps the first eight tenths of `max_size` characters.
    pub fn oversized_event(&mut self, max_size: usize, tsv: &str) {
        let expectation =
            format!("event passed enrichment but then exceeded the maximum allowed size {max_size} bytes");
        self.size_violation(max_size, tsv.len(), &expectation, cut(tsv, max_size.saturating_mul(8) / 10));
    }

    /// Something is too large.
    pub fn size_violation(&mut self, max_size: usize, actual_size: usize, expectation: &str, payload: &str) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(vec![expectation.to_owned()]);
        }
        let start = self.out.len();
        self.write_size_violation(max_size, actual_size, expectation, payload);
        self.finish_row(start);
    }

    fn write_size_violation(&mut self, max_size: usize, actual_size: usize, expectation: &str, payload: &str) {
        let timestamp = self.timestamp();
        self.row_unchecked("size_violation/jsonschema/1-0-0", |out| {
            let sizes = format!(r#""maximumAllowedSizeBytes":{max_size},"actualSizeBytes":{actual_size}"#);
            out.extend_from_slice(format!(r#"{{"timestamp":"{timestamp}",{sizes},"expectation":"#).as_bytes());
            write_string(expectation, out);
            out.extend_from_slice(br#"},"payload":"#);
            write_string(payload, out);
        });
    }

    /// Something unexpected happened to the record.
    pub fn generic_error(&mut self, errors: &[&str]) {
        if self.config.format == BadRowFormat::Legacy {
            let text = |error: &&str| format!("Unexpected error processing events: {error}");
            return self.legacy(errors.iter().map(text).collect());
        }
        let timestamp = self.timestamp();
        let record = self.record;
        self.row("generic_error/jsonschema/1-0-0", |out| {
            out.extend_from_slice(format!(r#"{{"timestamp":"{timestamp}","errors":"#).as_bytes());
            write_list(errors, out, |error, out| write_string(error, out));
            out.extend_from_slice(br#"},"payload":"#);
            record.write_json(out);
        });
    }

    /// The line is not an enriched event.
    pub fn loader_parsing_error(&mut self, failure: &ParsingFailure<'_>) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(legacy::parsing_texts(failure));
        }
        let record = self.record;
        self.row("loader_parsing_error/jsonschema/2-0-0", |out| {
            failure.write_json(out);
            out.extend_from_slice(br#","payload":"#);
            record.write_json(out);
        });
    }

    /// Entities of the enriched event do not fit their schemas, or these cannot be used.
    pub fn loader_iglu_error(&mut self, event: &EnrichedEvent<'_>, failures: &[LoaderIgluFailure<'_>]) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(failures.iter().map(legacy::loader_iglu_text).collect());
        }
        self.row(loader_iglu_schema(failures), |out| {
            write_list(failures, out, LoaderIgluFailure::write_json);
            out.extend_from_slice(br#","payload":"#);
            write_loader_event(event, out);
        });
    }

    /// Something outside the data failed while an enriched event was processed.
    pub fn loader_runtime_error(&mut self, event: &EnrichedEvent<'_>, failure: &str) {
        if self.config.format == BadRowFormat::Legacy {
            return self.legacy(vec![failure.to_owned()]);
        }
        self.row("loader_runtime_error/jsonschema/1-0-1", |out| {
            write_string(failure, out);
            out.extend_from_slice(br#","payload":"#);
            write_loader_event(event, out);
        });
    }

    /// A bad row could not be recovered; `bad_row` is that row as compact JSON, innermost one.
    pub fn recovery_error(&mut self, error: &str, config_name: Option<&str>, bad_row: &str, recoveries: u32) {
        self.row("recovery_error/jsonschema/1-0-1", |out| {
            out.extend_from_slice(br#"{"error":"#);
            write_string(error, out);
            out.extend_from_slice(br#","configName":"#);
            write_optional(config_name, out);
            out.extend_from_slice(br#"},"payload":"#);
            out.extend_from_slice(bad_row.as_bytes());
            out.extend_from_slice(format!(r#","recoveries":{recoveries}"#).as_bytes());
        });
    }

    /// Writes a row; `write` appends the failure, and from the payload on what follows in `data`.
    fn row(&mut self, schema: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.out.len();
        self.row_unchecked(schema, write);
        if let Some(max_size) = self.config.max_size {
            let size = self.out.len() - start;
            if size > max_size {
                let row = String::from_utf8_lossy(&self.out[start..]).into_owned();
                self.out.truncate(start);
                let expectation =
                    format!("event failed enrichment, but resulting bad row exceeds allowed size {max_size}");
                self.write_size_violation(max_size, size, &expectation, cut(&row, max_size / 10));
            }
        }
        self.finish_row(start);
    }

    fn row_unchecked(&mut self, schema: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let out = &mut *self.out;
        out.extend_from_slice(SCHEMA_PREFIX.as_bytes());
        out.extend_from_slice(schema.as_bytes());
        out.extend_from_slice(br#"","data":{"processor":{"artifact":"#);
        write_string(&self.config.processor.artifact, out);
        out.extend_from_slice(br#","version":"#);
        write_string(&self.config.processor.version, out);
        out.extend_from_slice(br#"},"failure":"#);
        write(out);
        out.extend_from_slice(b"}}");
    }

    fn finish_row(&mut self, start: usize) {
        debug_assert!(!self.out[start..].contains(&b'\n'), "a bad row is one line");
        self.out.push(b'\n');
        self.rows += 1;
    }

    fn legacy(&mut self, errors: Vec<String>) {
        legacy::write_row(self.record, &errors, self.timestamp_millis, self.out);
        self.rows += 1;
    }

    fn timestamp(&self) -> String {
        instant_text(self.timestamp_millis)
    }
}

/// Version 2-0-1 only adds `supersededBy`; rows without it go out as 2-0-0, which is what shredders have always written.
fn loader_iglu_schema(failures: &[LoaderIgluFailure<'_>]) -> &'static str {
    let superseded = failures.iter().any(|failure| match failure {
        LoaderIgluFailure::IgluError { error, .. } | LoaderIgluFailure::SchemaListNotFound { error, .. } => matches!(
            **error,
            ClientError::Data { superseded_by: Some(_), .. } | ClientError::Schema { superseded_by: Some(_), .. }
        ),
        LoaderIgluFailure::InvalidSchema { .. } => false,
    });
    if superseded { "loader_iglu_error/jsonschema/2-0-1" } else { "loader_iglu_error/jsonschema/2-0-0" }
}

/// The first `units` UTF-16 code units of a text; a character that would be cut in half is left out.
fn cut(text: &str, units: usize) -> &str {
    let mut left = units;
    for (at, character) in text.char_indices() {
        if character.len_utf16() > left {
            return &text[..at];
        }
        left -= character.len_utf16();
    }
    text
}
