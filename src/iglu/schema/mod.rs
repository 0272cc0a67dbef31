//! JSON schemas: checked, compiled once, applied to events without copying them.
//!
//! Facts: networknt/json-schema-validator 1.0.70 as configured by snowplow/iglu-scala-client 1.5.0, which is draft 4
//! with peculiarities that decide what is accepted: `nullable`, names that start with `#`, exact decimals, the formats,
//! Java's regular expressions. A general validator would have to be corrected in most keywords, and the wording and
//! order of the reports are the library's own, so this is a validator of just that dialect. Its verdicts are compared
//! with the `jsonschema` crate where both speak the same language.

mod build;
mod canonical;
mod dates;
mod decimal;
mod formats;
mod java_map;
mod model;
mod names;
mod pattern;
mod references;
mod report;
#[cfg(test)]
mod tests;
mod valid;

use std::sync::LazyLock;

use super::{Report, SchemaIssue};
use crate::json::Value;
use model::Model;

/// The only `$schema` an Iglu schema names.
const IGLU_META_SCHEMA: &str =
    "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#";
/// The other one that the reference knows, in just this spelling.
const DRAFT_4_META_SCHEMA: &str = "https://json-schema.org/draft-04/schema";

/// A schema, ready to validate.
#[derive(Debug)]
pub struct CompiledSchema {
    model: Model,
}

impl CompiledSchema {
    /// Checks a schema document and compiles it.
    pub fn compile(document: &serde_json::Value) -> Result<CompiledSchema, Vec<SchemaIssue>> {
        let issues = check_document(document);
        if !issues.is_empty() {
            return Err(issues);
        }
        let unusable = |message| vec![SchemaIssue { path: "$".to_owned(), message }];
        if let Some(meta_schema) = document.get("$schema").and_then(serde_json::Value::as_str)
            && meta_schema != IGLU_META_SCHEMA
            && meta_schema != DRAFT_4_META_SCHEMA
        {
            return Err(unusable(format!("Unknown MetaSchema: {meta_schema}")));
        }
        build::build(document).map(|model| CompiledSchema { model }).map_err(unusable)
    }

    /// Whether a value fits.
    pub fn is_valid(&self, value: Value<'_>) -> bool {
        match self.needs_room(value) {
            false => self.model.is_valid(value),
            true => with_room(|| self.model.is_valid(value)),
        }
    }

    /// What does not fit, in the reference's words and order; nothing if everything does.
    pub fn reports(&self, value: Value<'_>) -> Vec<Report> {
        match self.needs_room(value) {
            false => self.model.reports(value),
            true => with_room(|| self.model.reports(value)),
        }
    }

    /// Only a schema that refers to itself goes as deep as the value does.
    fn needs_room(&self, value: Value<'_>) -> bool {
        self.model.is_recursive && is_deeper_than(SAFE_DEPTH, value)
    }
}

/// Nesting of values that every thread's stack has room for, whatever the schema.
const SAFE_DEPTH: usize = 24;
/// Room for the deepest value times the deepest schema. The system only backs what is touched.
const LARGE_STACK: usize = 256 << 20;

fn is_deeper_than(depth: usize, value: Value<'_>) -> bool {
    let mut children = value.elements().chain(value.members().map(|(_, member)| member));
    if depth == 0 { children.next().is_some() } else { children.any(|child| is_deeper_than(depth - 1, child)) }
}

/// Runs on a thread with a large stack: a value made to overflow the stack must not end the process.
fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(LARGE_STACK).spawn_scoped(scope, work);
        let thread = thread.expect("the system can start a thread");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The schema of schemas: draft 4 with the two rules on `exclusiveMinimum` gone and zero allowed in `multipleOf`.
static META_SCHEMA: LazyLock<Model> = LazyLock::new(|| {
    let document = serde_json::from_str(include_str!("meta.json")).expect("the meta-schema is JSON");
    build::build(&document).expect("the meta-schema compiles")
});

fn check_document(document: &serde_json::Value) -> Vec<SchemaIssue> {
    let arena = bumpalo::Bump::new();
    let text = document.to_string();
    let unreadable = |message| vec![SchemaIssue { path: "$".to_owned(), message }];
    let value = match crate::json::parse(&text, &arena) {
        Ok(value) => value,
        Err(error) => return unreadable(error.to_string()),
    };
    if META_SCHEMA.is_valid(value) {
        return Vec::new();
    }
    let issue = |report: Report| SchemaIssue { path: report.path.unwrap_or_default(), message: report.message };
    META_SCHEMA.reports(value).into_iter().map(issue).collect()
}
