//! Why an instance could not be validated, in the shape that bad rows carry.
//!
//! Shape: snowplow/iglu-scala-client 1.5.0, `ClientError.scala`.

use super::SchemaVer;
use crate::json::write_string;

/// A failed look-up or validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// No registry has the schema.
    Resolution {
        /// One entry per registry asked, sorted by its name.
        lookup_history: Vec<LookupHistory>,
    },
    /// The instance does not fit its schema.
    Data {
        /// The version that was used instead of the one named, if any.
        superseded_by: Option<SchemaVer>,
        /// What does not fit, at least one.
        reports: Vec<Report>,
    },
    /// The schema itself cannot be used.
    Schema {
        /// The version that was used instead of the one named, if any.
        superseded_by: Option<SchemaVer>,
        /// What is wrong with it, at least one.
        issues: Vec<SchemaIssue>,
    },
}

/// What one registry answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupHistory {
    /// The registry's name.
    pub repository: String,
    /// Distinct answers.
    pub errors: Vec<RegistryError>,
    /// How often it was asked.
    pub attempts: u32,
    /// Last question, milliseconds since 1970, UTC.
    pub last_attempt: i64,
}

/// Why a registry gave no schema.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RegistryError {
    /// It does not have it.
    NotFound,
    /// It failed; asking again may help.
    RepoFailure(String),
    /// The question or the answer was unusable.
    ClientFailure(String),
}

/// One violation, in the words of networknt/json-schema-validator 1.0.70.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Path and violation.
    pub message: String,
    /// JSONPath of the value checked.
    pub path: Option<String>,
    /// For example `required`, `unionType`, `dateTime`.
    pub keyword: Option<String>,
    /// The message's arguments.
    pub targets: Vec<String>,
}

/// One defect of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaIssue {
    /// JSONPath inside the schema.
    pub path: String,
    /// The defect.
    pub message: String,
}

impl ClientError {
    /// Whether every registry said that it does not have the schema.
    pub fn is_not_found(&self) -> bool {
        matches!(self, ClientError::Resolution { lookup_history }
            if lookup_history.iter().all(|entry| entry.errors.iter().all(|e| *e == RegistryError::NotFound)))
    }

    /// Appends the error as JSON, keys in the reference's order.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        match self {
            ClientError::Resolution { lookup_history } => {
                out.extend_from_slice(br#""error":"ResolutionError","lookupHistory":"#);
                write_list(lookup_history, out, write_history);
            }
            ClientError::Data { superseded_by, reports } => {
                write_validation_head(*superseded_by, out);
                out.extend_from_slice(br#""dataReports":"#);
                write_list(reports, out, write_report);
            }
            ClientError::Schema { superseded_by, issues } => {
                write_validation_head(*superseded_by, out);
                out.extend_from_slice(br#""schemaIssues":"#);
                write_list(issues, out, |issue, out| {
                    out.extend_from_slice(br#"{"path":"#);
                    write_string(&issue.path, out);
                    out.extend_from_slice(br#","message":"#);
                    write_string(&issue.message, out);
                    out.push(b'}');
                });
            }
        }
        out.push(b'}');
    }
}

fn write_validation_head(superseded_by: Option<SchemaVer>, out: &mut Vec<u8>) {
    if let Some(version) = superseded_by {
        out.extend_from_slice(format!(r#""supersededBy":"{version}","#).as_bytes());
    }
    out.extend_from_slice(br#""error":"ValidationError","#);
}

fn write_history(entry: &LookupHistory, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"repository":"#);
    write_string(&entry.repository, out);
    out.extend_from_slice(br#","errors":"#);
    write_list(&entry.errors, out, |error, out| {
        let (kind, message) = match error {
            RegistryError::NotFound => ("NotFound", None),
            RegistryError::RepoFailure(message) => ("RepoFailure", Some(message)),
            RegistryError::ClientFailure(message) => ("ClientFailure", Some(message)),
        };
        out.extend_from_slice(format!(r#"{{"error":"{kind}""#).as_bytes());
        if let Some(message) = message {
            out.extend_from_slice(br#","message":"#);
            write_string(message, out);
        }
        out.push(b'}');
    });
    let asked_at = crate::event::time::instant_text(entry.last_attempt);
    out.extend_from_slice(format!(r#","attempts":{},"lastAttempt":"{asked_at}"}}"#, entry.attempts).as_bytes());
}

fn write_report(report: &Report, out: &mut Vec<u8>) {
    let optional = |text: &Option<String>, out: &mut Vec<u8>| match text {
        Some(text) => write_string(text, out),
        None => out.extend_from_slice(b"null"),
    };
    out.extend_from_slice(br#"{"message":"#);
    write_string(&report.message, out);
    out.extend_from_slice(br#","path":"#);
    optional(&report.path, out);
    out.extend_from_slice(br#","keyword":"#);
    optional(&report.keyword, out);
    out.extend_from_slice(br#","targets":"#);
    write_list(&report.targets, out, |target, out| write_string(target, out));
    out.push(b'}');
}

fn write_list<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}
