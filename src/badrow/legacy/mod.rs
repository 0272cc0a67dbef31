//! Legacy bad rows: `{"line":…,"errors":[{"level":"error","message":…}],"failure_tstamp":…}` with the wordings of R117.
//!
//! Shape: snowplow/snowplow r117, `3-enrich/scala-common-enrich/.../outputs/BadRow.scala`. Wordings: the same release's
//! `loaders`, `adapters`, `enrichments` and `utils`. Texts that came out of JVM libraries (JSON parser, date parser)
//! keep the wording of today's failure inside the old frame.

mod adapter;
mod event;
mod iglu;
mod loader;

pub use loader::loader_text;

use super::{LoaderIgluFailure, Message, ParsingFailure, RecordSource, RowDecodingFailure};
use crate::event::time::joda_text;
use crate::json::write_string;
use crate::payload::CollectorPayload;

/// Where a message came from, which decides its wording.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'o> {
    /// The adapter of this payload.
    Adapter(&'o CollectorPayload<'o>),
    /// A step after the adapter.
    Event,
}

/// Appends a legacy row as one line, line feed included.
pub fn write_row(record: RecordSource<'_>, errors: &[String], failure_millis: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"line":"#);
    record.write_json(out);
    out.extend_from_slice(br#","errors":["#);
    for (index, error) in errors.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(br#"{"level":"error","message":"#);
        write_string(error, out);
        out.push(b'}');
    }
    out.extend_from_slice(format!(r#"],"failure_tstamp":"{}"}}"#, joda_text(failure_millis)).as_bytes());
    out.push(b'\n');
}

/// The R117 texts of the messages of one row.
pub fn texts<'m>(messages: impl IntoIterator<Item = &'m Message<'m>>, origin: Origin<'_>) -> Vec<String> {
    let mut all = Vec::new();
    let mut unknown_event = false;
    for message in messages {
        let mut texts = legacy_text(message, origin);
        // A failed adapter check that today takes two messages took one then.
        texts.retain(|text| !all.contains(text));
        all.append(&mut texts);
        unknown_event |= event::is_unknown_event(message);
    }
    if unknown_event {
        all.push(event::NO_EVENT.to_owned());
    }
    all
}

/// The R117 text of one message; several for a failed validation.
pub fn legacy_text(message: &Message<'_>, origin: Origin<'_>) -> Vec<String> {
    if let Message::IgluError { schema_key, error } = message {
        return iglu::texts(schema_key, error);
    }
    vec![match origin {
        Origin::Adapter(payload) => adapter::text(message, payload),
        Origin::Event => event::text(message),
    }]
}

/// The texts of a line that is no enriched event.
pub fn parsing_texts(failure: &ParsingFailure<'_>) -> Vec<String> {
    let fields = |found: usize| {
        vec![format!("Line does not match Snowplow enriched event (expected 108+ fields; found {found})")]
    };
    match failure {
        ParsingFailure::NotTsv => fields(1),
        ParsingFailure::FieldNumberMismatch { field_count } => fields(*field_count),
        ParsingFailure::RowDecodingError(failures) => failures
            .iter()
            .map(|failure| match failure {
                RowDecodingFailure::Unhandled { message } => message.to_string(),
                RowDecodingFailure::InvalidValue { key, value, .. } if key == "event_id" => {
                    format!("Field [event_id]: [{value}] is not a valid UUID")
                }
                RowDecodingFailure::InvalidValue { key, value, .. } if key == "collector_tstamp" => {
                    format!("Field [{key}]: [{value}] is not in the expected Redshift/Postgres timestamp format")
                }
                RowDecodingFailure::InvalidValue { message, .. } => message.to_string(),
            })
            .collect(),
    }
}

/// The text of an entity that cannot be shredded.
pub fn loader_iglu_text(failure: &LoaderIgluFailure<'_>) -> String {
    match failure {
        LoaderIgluFailure::IgluError { schema_key, error } => iglu::texts(schema_key, error).join(""),
        LoaderIgluFailure::InvalidSchema { schema_key, message } => format!("{schema_key}: {message}"),
        LoaderIgluFailure::SchemaListNotFound { criterion, .. } => {
            format!("Could not find schemas with criterion {criterion} in any repository")
        }
    }
}
