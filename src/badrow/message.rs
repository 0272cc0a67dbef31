//! The failure objects that bad rows share.
//!
//! Shapes: snowplow/snowplow-badrows 2.2.1, `modules/core/.../badrows/FailureDetails.scala`.

use std::borrow::Cow;

use crate::iglu::{ClientError, ParseError, SchemaCriterion};
use crate::json::{Value, write_string};

/// One thing that went wrong with a payload or an event. Built only when something failed, so it may allocate.
#[derive(Clone, Debug)]
pub enum Message<'a> {
    /// A field holds something else than expected.
    InputData {
        /// The field or parameter.
        field: Cow<'a, str>,
        /// What it holds.
        value: Option<Cow<'a, str>>,
        /// What was expected.
        expectation: Cow<'a, str>,
    },
    /// A field is not JSON.
    NotJson {
        /// The field or parameter.
        field: Cow<'a, str>,
        /// What it holds.
        value: Option<Cow<'a, str>>,
        /// The parser's text, `invalid json: ` included where the reference writes it.
        error: Cow<'a, str>,
    },
    /// A JSON is not self-describing.
    NotIglu {
        /// The JSON.
        json: Value<'a>,
        /// Why.
        error: ParseError,
    },
    /// A webhook's event type has no schema.
    SchemaMapping {
        /// The event type found.
        actual: Option<Cow<'a, str>>,
        /// Every type known, with its schema URI, in the reference's order.
        expected_mapping: Vec<(Cow<'a, str>, Cow<'a, str>)>,
        /// What was expected.
        expectation: Cow<'a, str>,
    },
    /// A self-describing JSON has a schema that does not fit here.
    CriterionMismatch {
        /// The schema URI found.
        schema_key: Cow<'a, str>,
        /// What fits.
        criterion: SchemaCriterion,
    },
    /// Validation failed.
    IgluError {
        /// The schema URI.
        schema_key: Cow<'a, str>,
        /// Why.
        error: Box<ClientError>,
    },
    /// Just a text (enrichment failures only).
    Simple {
        /// The text.
        error: Cow<'a, str>,
    },
}

impl<'a> Message<'a> {
    /// A field that holds something else than expected.
    pub fn input(field: impl Into<Cow<'a, str>>, value: Option<&'a str>, expectation: impl Into<Cow<'a, str>>) -> Self {
        Message::InputData { field: field.into(), value: value.map(Cow::Borrowed), expectation: expectation.into() }
    }

    /// A field that is not JSON; `error` is the parser's text without a prefix.
    pub fn not_json(field: impl Into<Cow<'a, str>>, value: Option<&'a str>, error: &crate::json::ParseError) -> Self {
        let error = format!("invalid json: {error}").into();
        Message::NotJson { field: field.into(), value: value.map(Cow::Borrowed), error }
    }

    /// A plain text.
    pub fn simple(error: impl Into<Cow<'a, str>>) -> Self {
        Message::Simple { error: error.into() }
    }

    /// Appends the message as JSON, keys in the reference's order.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Message::InputData { field, value, expectation } => {
                write_three(["field", "value", "expectation"], field, value.as_deref(), expectation, out);
            }
            Message::NotJson { field, value, error } => {
                write_three(["field", "value", "error"], field, value.as_deref(), error, out);
            }
            Message::NotIglu { json, error } => {
                out.extend_from_slice(br#"{"json":"#);
                crate::json::write_compact(*json, out);
                out.extend_from_slice(format!(r#","error":"{error}"}}"#).as_bytes());
            }
            Message::SchemaMapping { actual, expected_mapping, expectation } => {
                out.extend_from_slice(br#"{"actual":"#);
                write_optional(actual.as_deref(), out);
                out.extend_from_slice(br#","expectedMapping":{"#);
                for (index, (name, uri)) in expected_mapping.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    write_string(name, out);
                    out.push(b':');
                    write_string(uri, out);
                }
                out.extend_from_slice(br#"},"expectation":"#);
                write_string(expectation, out);
                out.push(b'}');
            }
            Message::CriterionMismatch { schema_key, criterion } => {
                out.extend_from_slice(br#"{"schemaKey":"#);
                write_string(schema_key, out);
                out.extend_from_slice(br#","schemaCriterion":"#);
                write_string(&criterion.to_string(), out);
                out.push(b'}');
            }
            Message::IgluError { schema_key, error } => {
                out.extend_from_slice(br#"{"schemaKey":"#);
                write_string(schema_key, out);
                out.extend_from_slice(br#","error":"#);
                error.write_json(out);
                out.push(b'}');
            }
            Message::Simple { error } => {
                out.extend_from_slice(br#"{"error":"#);
                write_string(error, out);
                out.push(b'}');
            }
        }
    }
}

fn write_three(keys: [&str; 3], field: &str, value: Option<&str>, last: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(r#"{{"{}":"#, keys[0]).as_bytes());
    write_string(field, out);
    out.extend_from_slice(format!(r#","{}":"#, keys[1]).as_bytes());
    write_optional(value, out);
    out.extend_from_slice(format!(r#","{}":"#, keys[2]).as_bytes());
    write_string(last, out);
    out.push(b'}');
}

/// Appends items as an array.
pub(super) fn write_list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Appends a string, or `null`.
pub(super) fn write_optional(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => write_string(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Which enrichment failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrichmentInfo<'a> {
    /// Schema URI of its configuration, or of the entity that failed validation.
    pub schema_key: Cow<'a, str>,
    /// For example `ua-parser`.
    pub identifier: &'static str,
}

/// One message of an `enrichment_failures` row.
#[derive(Clone, Debug)]
pub struct EnrichmentFailure<'a> {
    /// The enrichment, or `None` for the steps that always run.
    pub enrichment: Option<EnrichmentInfo<'a>>,
    /// What went wrong.
    pub message: Message<'a>,
}

impl<'a> EnrichmentFailure<'a> {
    /// A failure of a step that always runs.
    pub fn unconditional(message: Message<'a>) -> Self {
        EnrichmentFailure { enrichment: None, message }
    }

    /// Appends the failure as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(br#"{"enrichment":"#);
        match &self.enrichment {
            None => out.extend_from_slice(b"null"),
            Some(info) => {
                out.extend_from_slice(br#"{"schemaKey":"#);
                write_string(&info.schema_key, out);
                out.extend_from_slice(br#","identifier":"#);
                write_string(info.identifier, out);
                out.push(b'}');
            }
        }
        out.extend_from_slice(br#","message":"#);
        self.message.write_json(out);
        out.push(b'}');
    }
}

/// One message of a `collector_payload_format_violation` row; each message gives a row of its own.
#[derive(Clone, Debug)]
pub enum LoaderMessage<'a> {
    /// A part of the record holds something else than expected.
    InputData {
        /// For example `querystring`.
        payload_field: &'static str,
        /// What it holds.
        value: Option<Cow<'a, str>>,
        /// What was expected.
        expectation: Cow<'a, str>,
    },
    /// Just a text.
    Fallback {
        /// The text.
        error: Cow<'a, str>,
    },
}

impl LoaderMessage<'_> {
    /// Appends the message as JSON, keys in the reference's order.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            LoaderMessage::InputData { payload_field, value, expectation } => {
                let keys = ["payloadField", "value", "expectation"];
                write_three(keys, payload_field, value.as_deref(), expectation, out);
            }
            LoaderMessage::Fallback { error } => {
                out.extend_from_slice(br#"{"error":"#);
                write_string(error, out);
                out.push(b'}');
            }
        }
    }
}
