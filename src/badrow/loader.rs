//! What can be wrong with a line that is to be shredded.
//!
//! Shapes: snowplow/snowplow-badrows 2.2.1, `Failure.scala` and `FailureDetails.scala`; the parsing failures:
//! snowplow/snowplow-scala-analytics-sdk 3.0.0, `ParsingError.scala`.

use std::borrow::Cow;

use super::message::write_list;
use crate::iglu::{ClientError, SchemaCriterion};
use crate::json::write_string;

/// Why a line is not an enriched event (`loader_parsing_error`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsingFailure<'a> {
    /// There is no tab in it.
    NotTsv,
    /// It has another number of columns than an enriched event.
    FieldNumberMismatch {
        /// How many it has.
        field_count: usize,
    },
    /// Columns hold something else than their types allow; in column order, at least one.
    RowDecodingError(Vec<RowDecodingFailure<'a>>),
}

/// What is wrong with one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowDecodingFailure<'a> {
    /// The text does not fit the column.
    InvalidValue {
        /// The column.
        key: Cow<'a, str>,
        /// Its text.
        value: Cow<'a, str>,
        /// Why it does not fit.
        message: Cow<'a, str>,
    },
    /// Anything else.
    Unhandled {
        /// What.
        message: Cow<'a, str>,
    },
}

impl ParsingFailure<'_> {
    /// Appends the failure as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            ParsingFailure::NotTsv => out.extend_from_slice(br#"{"type":"NotTSV"}"#),
            ParsingFailure::FieldNumberMismatch { field_count } => {
                let text = format!(r#"{{"type":"FieldNumberMismatch","fieldCount":{field_count}}}"#);
                out.extend_from_slice(text.as_bytes());
            }
            ParsingFailure::RowDecodingError(failures) => {
                out.extend_from_slice(br#"{"type":"RowDecodingError","errors":"#);
                write_list(failures, out, RowDecodingFailure::write_json);
                out.push(b'}');
            }
        }
    }
}

impl RowDecodingFailure<'_> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            RowDecodingFailure::InvalidValue { key, value, message } => {
                out.extend_from_slice(br#"{"type":"InvalidValue","key":"#);
                write_string(key, out);
                out.extend_from_slice(br#","value":"#);
                write_string(value, out);
                out.extend_from_slice(br#","message":"#);
                write_string(message, out);
            }
            RowDecodingFailure::Unhandled { message } => {
                out.extend_from_slice(br#"{"type":"UnhandledRowDecodingError","message":"#);
                write_string(message, out);
            }
        }
        out.push(b'}');
    }
}

/// Why an enriched event cannot be shredded (`loader_iglu_error`).
#[derive(Clone, Debug)]
pub enum LoaderIgluFailure<'a> {
    /// An entity does not validate, or its schema cannot be fetched.
    IgluError {
        /// The entity's schema URI.
        schema_key: Cow<'a, str>,
        /// Why.
        error: Box<ClientError>,
    },
    /// A schema cannot be understood.
    InvalidSchema {
        /// The schema URI.
        schema_key: Cow<'a, str>,
        /// Why.
        message: Cow<'a, str>,
    },
    /// The list of a schema's versions cannot be fetched.
    SchemaListNotFound {
        /// Which versions.
        criterion: SchemaCriterion,
        /// Why.
        error: Box<ClientError>,
    },
}

impl LoaderIgluFailure<'_> {
    /// Appends the failure as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            LoaderIgluFailure::IgluError { schema_key, error } => {
                out.extend_from_slice(br#"{"schemaKey":"#);
                write_string(schema_key, out);
                out.extend_from_slice(br#","error":"#);
                error.write_json(out);
            }
            LoaderIgluFailure::InvalidSchema { schema_key, message } => {
                out.extend_from_slice(br#"{"schemaKey":"#);
                write_string(schema_key, out);
                out.extend_from_slice(br#","message":"#);
                write_string(message, out);
            }
            LoaderIgluFailure::SchemaListNotFound { criterion, error } => {
                out.extend_from_slice(br#"{"schemaCriterion":"#);
                write_string(&criterion.to_string(), out);
                out.extend_from_slice(br#","error":"#);
                error.write_json(out);
            }
        }
        out.push(b'}');
    }
}
