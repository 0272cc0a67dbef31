//! `pii_enrichment_config`: replaces personal data by salted digests, and tells which ones if asked to.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/pii/*.scala` and
//! `.../utils/ConversionUtils.scala` (the identification event); snowplow/iglu-central,
//! `com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0`. Elements of arrays that a path names one by
//! one are replaced too; the reference leaves them in clear text.

mod columns;
mod event;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::config::{ConfigItem, Cursor, EnrichmentConfig, Reader};
use super::digest::HashFunction;
use super::jsonpath::{JsonPath, parse_jayway};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::text::text_in;
use super::{Enrichment, Step, StepContext};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::event::Column;
use crate::iglu::SchemaCriterion;
use columns::{JsonColumn, Replacement};

/// Columns that hold one text.
const SCALARS: [Column; 18] = [
    Column::user_id,
    Column::user_ipaddress,
    Column::user_fingerprint,
    Column::domain_userid,
    Column::network_userid,
    Column::ip_organization,
    Column::ip_domain,
    Column::tr_orderid,
    Column::ti_orderid,
    Column::mkt_term,
    Column::mkt_content,
    Column::se_category,
    Column::se_action,
    Column::se_label,
    Column::se_property,
    Column::mkt_clickid,
    Column::refr_domain_userid,
    Column::domain_sessionid,
];

/// Columns that hold JSON.
const JSON_COLUMNS: [Column; 3] = [Column::contexts, Column::derived_contexts, Column::unstruct_event];

/// What to replace, and how.
#[derive(Clone, Debug)]
pub struct Pii {
    schema_key: String,
    rules: Vec<Rule>,
    hash: Hash,
    emit_event: bool,
    strict_parity: bool,
}

/// One thing to replace.
#[derive(Clone, Debug)]
enum Rule {
    /// A whole column.
    Scalar(Column),
    /// Values inside a JSON column.
    Json(JsonRule),
}

#[derive(Clone, Debug)]
struct JsonRule {
    column: Column,
    criterion: SchemaCriterion,
    path: JsonPath,
    /// The path as configured.
    path_text: String,
}

/// A digest with its salt.
#[derive(Clone)]
pub struct Hash {
    function: HashFunction,
    /// As the configuration names it.
    name: String,
    salt: String,
}

impl std::fmt::Debug for Hash {
    /// The salt is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash({})", self.name)
    }
}

impl Hash {
    /// The replacement of a text.
    pub fn replace(&self, text: &str) -> String {
        let mut salted = Vec::with_capacity(text.len() + self.salt.len());
        salted.extend_from_slice(text.as_bytes());
        salted.extend_from_slice(self.salt.as_bytes());
        self.function.hex(&salted)
    }
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let parameters = &item.parameters;
    if item.data.field("anonymousOnly").value().is_some_and(|value| value.as_bool() != Some(false)) {
        reader.error("anonymousOnly came after enrich 3.9.0 and cannot be used");
    }
    // As in the reference, anything but true means no.
    let emit_event = item.data.field("emitEvent").value().and_then(|value| value.as_bool()).unwrap_or(false);
    let rules = reader.list(&parameters.field("pii"));
    let rules: Vec<Option<Rule>> = rules?.iter().map(|rule| read_rule(rule, reader)).collect();
    let strategy = parameters.field("strategy").field("pseudonymize");
    let salt = reader.required(&strategy.field("salt"));
    let hash = reader.parsed(&strategy.field("hashFunction"), |name| {
        let function = match name {
            "MD2" => HashFunction::Md2,
            "MD5" => HashFunction::Md5,
            "SHA-1" => HashFunction::Sha1,
            "SHA-256" => HashFunction::Sha256,
            "SHA-384" => HashFunction::Sha384,
            "SHA-512" => HashFunction::Sha512,
            _ => return Err(format!("Unknown function {name}")),
        };
        Ok((function, name.to_owned()))
    });
    let (function, name) = hash?;
    Some(Box::new(Pii {
        schema_key: item.schema_key.to_owned(),
        rules: rules.into_iter().collect::<Option<Vec<Rule>>>()?,
        hash: Hash { function, name, salt: salt? },
        emit_event,
        strict_parity: item.options.strict_parity,
    }))
}

fn read_rule(rule: &Cursor<'_>, reader: &mut Reader) -> Option<Rule> {
    let one_of = |name: &str, columns: &[Column]| {
        let column = columns.iter().copied().find(|column| column.info().name == name);
        column.ok_or_else(|| format!("The specified field {name} is not supported"))
    };
    let (pojo, json) = (rule.field("pojo"), rule.field("json"));
    if pojo.is_present() {
        return reader.parsed(&pojo.field("field"), |name| one_of(name, &SCALARS)).map(Rule::Scalar);
    }
    if !json.is_present() {
        reader.error(format!("PII Configuration: {} does not include 'pojo' nor 'json' fields", rule.path()));
        return None;
    }
    let column = reader.parsed(&json.field("field"), |name| one_of(name, &JSON_COLUMNS));
    let criterion = reader.parsed(&json.field("schemaCriterion"), |text| {
        SchemaCriterion::parse(text).ok_or_else(|| format!("Could not parse schema criterion {text}"))
    });
    let path = reader.parsed(&json.field("jsonPath"), |text| {
        parse_jayway(text)
            .map(|path| (path, text.to_owned()))
            .map_err(|error| format!("[{text}] is no JSONPath: {error}"))
    });
    let (path, path_text) = path?;
    Some(Rule::Json(JsonRule { column: column?, criterion: criterion?, path, path_text }))
}

impl EnrichmentConfig for Pii {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(self.clone()))
    }
}

impl SharedEnrichment for Pii {
    fn step(&self) -> Step {
        Step::Pii
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance(self))
    }
}

struct Instance(Arc<Pii>);

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Pii
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let pii = &*self.0;
        let mut log = pii.emit_event.then(Vec::new);
        let mut documents: [Option<JsonColumn<'a>>; JSON_COLUMNS.len()] = [const { None }; JSON_COLUMNS.len()];
        for rule in &pii.rules {
            match rule {
                Rule::Scalar(column) => pii.replace_scalar(*column, cx, log.as_mut()),
                Rule::Json(rule) => {
                    let slot = JSON_COLUMNS.iter().position(|column| *column == rule.column).unwrap_or_default();
                    if documents[slot].is_none() {
                        documents[slot] = pii.open(rule.column, cx);
                    }
                    if let Some(document) = &mut documents[slot] {
                        document.apply(rule, &pii.hash, pii.strict_parity, log.as_mut(), cx.arena);
                    }
                }
            }
        }
        for (document, column) in documents.iter().zip(JSON_COLUMNS) {
            if let Some(text) = document.as_ref().and_then(|document| document.finished(cx.arena)) {
                cx.event.set(column, Some(text));
            }
        }
        if let Some(log) = log.filter(|log| !log.is_empty()) {
            cx.pii_event = Some(event::identification_event(cx.event, &log, &pii.hash.name, cx.arena));
        }
    }
}

impl Pii {
    fn replace_scalar<'a>(&self, column: Column, cx: &mut StepContext<'a, '_>, log: Option<&mut Vec<Replacement<'a>>>) {
        let Some(original) = cx.event.get(column) else { return };
        let modified = text_in(self.hash.replace(original).as_bytes(), cx.arena);
        cx.event.set(column, Some(modified));
        if let Some(log) = log {
            log.push(Replacement { column, original, modified, json: None });
        }
    }

    /// Parses a JSON column. One that is no JSON, which only a script can write, must not go out as if it were masked.
    fn open<'a>(&self, column: Column, cx: &mut StepContext<'a, '_>) -> Option<JsonColumn<'a>> {
        let text = cx.event.get(column)?;
        match crate::json::parse(text, cx.arena) {
            Ok(document) => Some(JsonColumn::new(document)),
            Err(error) => {
                cx.failures.push(EnrichmentFailure {
                    enrichment: Some(EnrichmentInfo {
                        schema_key: self.schema_key.clone().into(),
                        identifier: "pii-pseudonymization",
                    }),
                    message: Message::not_json(column.info().name, Some(text), &error),
                });
                None
            }
        }
    }
}
