//! Raw formats: from the bytes of one collector record to a collector payload, one file per format.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders`; each file names its own.
//!
//! A stream of decoded bytes goes through three steps: [`RawFormat::settle`] looks at its first bytes, a [`Framer`] cuts
//! it into chunks of whole records, [`records()`] walks a chunk. Then [`load`] turns each record into a payload.

mod cloudfront;
mod columns;
mod detect;
mod format;
mod framing;
mod lines;
mod logged;
mod ndjson;
mod records;
mod serialized_block;
mod thrift;
mod timestamp;
mod tomcat;
mod tsv;

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;

pub use detect::detect;
pub use format::{RawFormat, ThriftContainer, UnknownFormat};
pub use framing::Framer;
pub use logged::{LoggedRequest, logged_request};
pub use records::{Records, records};
pub(crate) use serialized_block::MARKER;
pub use serialized_block::SerializedBlockWriter;
pub use thrift::{ThriftError, ThriftPayload, normalise_uuid, read_collector_payload, write_collector_payload};
pub use timestamp::parse_timestamp;

use crate::badrow::LoaderMessage;
use crate::payload::decode::utf8_text;
use crate::payload::{
    CollectorPayload, Context, NameValue, PATH_EXPECTATION, Source, base64_bytes, parse_path, parse_querystring,
};

/// What a record is.
#[derive(Debug)]
// One at a time, on the stack: a box would cost an allocation per record.
#[allow(clippy::large_enum_variant)]
pub enum Loaded<'a> {
    /// Nothing: a header or an empty line.
    Ignored,
    /// A request to the collector.
    Payload(CollectorPayload<'a>),
    /// Neither: each message gives a bad row of its own (see [`record_text`] for its payload).
    Bad(Vec<LoaderMessage<'a>>),
}

/// Loads one record of a settled format.
// A stage of its own in profiles (benches/instructions.py).
#[inline(never)]
pub fn load<'a>(format: &RawFormat, record: &'a [u8], arena: &'a Bump) -> Loaded<'a> {
    match format {
        RawFormat::CloudFront => cloudfront::load(utf8_text(record, arena), arena),
        RawFormat::Tomcat => tomcat::load(utf8_text(record, arena), arena),
        RawFormat::Thrift(ThriftContainer::Lines) => thrift::load(base64_bytes(record, arena), arena),
        RawFormat::Thrift(_) => thrift::load(record, arena),
        RawFormat::Tsv(api) => tsv::load(api, utf8_text(record, arena), arena),
        RawFormat::Ndjson(api) => ndjson::load(api, utf8_text(record, arena), arena),
    }
}

/// A record as the payload of a bad row: the line with malformed UTF-8 repaired, or the standard base64 of a Thrift
/// record. Not for the hot path.
pub fn record_text(format: &RawFormat, record: &[u8]) -> String {
    let arena = Bump::new();
    match format {
        RawFormat::Thrift(ThriftContainer::Lines) => {
            let decoded = base64_bytes(record, &arena);
            // A line that holds no base64 at all would be lost otherwise.
            if decoded.is_empty() { utf8_text(record, &arena).to_owned() } else { STANDARD.encode(decoded) }
        }
        RawFormat::Thrift(_) => STANDARD.encode(record),
        _ => utf8_text(record, &arena).to_owned(),
    }
}

/// "-" and "" stand for nothing in both log formats.
fn unless_dash(column: &str) -> Option<&str> {
    (!matches!(column, "" | "-")).then_some(column)
}

/// The timestamp of a date and a time column.
fn parse_timestamp_columns(date: &str, time: &str, messages: &mut Vec<LoaderMessage<'_>>) -> Option<i64> {
    match parse_timestamp(date, time) {
        Ok(millis) => Some(millis),
        Err(cause) => {
            messages.push(LoaderMessage::InputData {
                payload_field: "dateTime",
                value: Some(format!("{date} {time}").into()),
                expectation: format!("could not convert timestamp: {cause}").into(),
            });
            None
        }
    }
}

/// The parameters of a querystring column.
fn parse_querystring_column<'a>(
    column: &'a str,
    messages: &mut Vec<LoaderMessage<'a>>,
    arena: &'a Bump,
) -> &'a [NameValue<'a>] {
    let Some(text) = unless_dash(column) else { return &[] };
    parse_querystring(text, "UTF-8", arena).unwrap_or_else(|error| {
        messages.push(input_data("querystring", Some(text), error.expectation("UTF-8")));
        &[]
    })
}

/// The payload of a line that an adapter reads: only the line and whom it is for.
fn line_payload<'a>(loader: &'static str, api: &str, line: &'a str, arena: &'a Bump) -> Loaded<'a> {
    let path = arena.alloc_str(api);
    let Some(api) = parse_path(path) else {
        return Loaded::Bad(vec![input_data("path", Some(path), PATH_EXPECTATION)]);
    };
    Loaded::Payload(CollectorPayload {
        api,
        querystring: &[],
        content_type: None,
        body: Some(line),
        source: Source { name: loader, encoding: "UTF-8", hostname: None },
        context: Context::default(),
    })
}

fn input_data<'a>(
    payload_field: &'static str,
    value: Option<&'a str>,
    expectation: impl Into<Cow<'a, str>>,
) -> LoaderMessage<'a> {
    LoaderMessage::InputData { payload_field, value: value.map(Cow::Borrowed), expectation: expectation.into() }
}

fn fallback<'a>(error: impl Into<Cow<'a, str>>) -> LoaderMessage<'a> {
    LoaderMessage::Fallback { error: error.into() }
}

#[cfg(test)]
mod tests;
