//! One JSON column while rules are applied to it.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../registry/pii/PiiPseudonymizerEnrichment.scala`. The reference reads
//! every column that a rule names into another JSON library and prints it again, which changes the spelling of numbers
//! even if nothing was replaced.

use bumpalo::Bump;
use hashbrown::HashMap;

use super::super::decimal;
use super::super::text::text_in;
use super::{Hash, JsonRule};
use crate::event::Column;
use crate::iglu::SchemaKey;
use crate::json::{Kind, Value, write_compact, write_string};

/// A replacement that was made.
pub(super) struct Replacement<'a> {
    pub column: Column,
    pub original: &'a str,
    pub modified: &'a str,
    /// The rule's path and the entity's schema URI, for values inside JSON.
    pub json: Option<(&'a str, &'a str)>,
}

/// A parsed column.
pub(super) struct JsonColumn<'a> {
    document: Value<'a>,
    /// Positions of the entities that some rule's criterion fits.
    fitting: Vec<usize>,
    changed: bool,
}

/// Replaced strings by the number of their value.
type Replaced<'a> = HashMap<u32, &'a str, foldhash::fast::RandomState>;

impl<'a> JsonColumn<'a> {
    pub fn new(document: Value<'a>) -> Self {
        JsonColumn { document, fitting: Vec::new(), changed: false }
    }

    /// The entities: the elements of `data`, or `data` itself.
    fn entities(&self) -> Vec<Value<'a>> {
        match self.document.get("data") {
            Some(data) if data.is_array() => data.elements().collect(),
            Some(data) => vec![data],
            None => Vec::new(),
        }
    }

    /// Applies one rule.
    pub fn apply(
        &mut self,
        rule: &JsonRule,
        hash: &Hash,
        strict_parity: bool,
        mut log: Option<&mut Vec<Replacement<'a>>>,
        arena: &'a Bump,
    ) {
        let mut replaced = Replaced::default();
        for (position, entity) in self.entities().into_iter().enumerate() {
            let Some(schema) = entity.get("schema").and_then(|schema| schema.as_str_in(arena)) else { continue };
            let fits = SchemaKey::parse(schema).is_ok_and(|key| rule.criterion.matches(&key));
            let Some(data) = entity.get("data").filter(|_| fits) else { continue };
            if !self.fitting.contains(&position) {
                self.fitting.push(position);
            }
            for hit in rule.path.find(data) {
                let strings: &mut dyn Iterator<Item = Value<'a>> = match hit.value.kind() {
                    Kind::String if hit.is_element && strict_parity => continue,
                    Kind::String => &mut std::iter::once(hit.value),
                    Kind::Array => &mut hit.value.elements(),
                    _ => continue,
                };
                for string in strings {
                    let Some(original) = string.as_str_in(arena) else { continue };
                    if replaced.contains_key(&string.id()) {
                        continue;
                    }
                    let modified = text_in(hash.replace(original).as_bytes(), arena);
                    replaced.insert(string.id(), modified);
                    if let Some(log) = &mut log {
                        let json = Some((&*arena.alloc_str(&rule.path_text), schema));
                        log.push(Replacement { column: rule.column, original, modified, json });
                    }
                }
            }
        }
        if !replaced.is_empty() {
            self.changed = true;
            let mut text = Vec::with_capacity(self.document.source().len() + 64 * replaced.len());
            write_replaced(self.document, &replaced, &mut text);
            let text = text_in(&text, arena);
            // What was just written from a parsed document can be parsed.
            if let Ok(document) = crate::json::parse(text, arena) {
                self.document = document;
            }
        }
    }

    /// The column's new text, if it differs.
    pub fn finished(&self, arena: &'a Bump) -> Option<&'a str> {
        let respell = has_decimals(self.document);
        if !respell {
            return self.changed.then(|| self.document.compact_in(arena));
        }
        let fitting: Vec<u32> = self
            .entities()
            .iter()
            .enumerate()
            .filter(|(position, _)| self.fitting.contains(position))
            .filter_map(|(_, entity)| entity.get("data").map(|data| data.id()))
            .collect();
        let mut text = Vec::with_capacity(self.document.source().len());
        write_respelled(self.document, &fitting, false, &mut text);
        Some(text_in(&text, arena))
    }
}

/// Writes a document with some of its strings replaced.
fn write_replaced(value: Value<'_>, replaced: &Replaced<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::String => match replaced.get(&value.id()) {
            Some(modified) => write_string(modified, out),
            None => write_compact(value, out),
        },
        Kind::Array | Kind::Object => write_parts(value, out, &mut |part, out| write_replaced(part, replaced, out)),
        _ => write_compact(value, out),
    }
}

/// Writes a document with its decimals in the spelling of Java's `BigDecimal`; below the values numbered in `plain`
/// without exponents and trailing zeros.
fn write_respelled(value: Value<'_>, plain: &[u32], in_plain: bool, out: &mut Vec<u8>) {
    let in_plain = in_plain || plain.contains(&value.id());
    match value.as_number() {
        Some(text) if is_decimal(text) => {
            let spelled = if in_plain { decimal::stripped_text(text) } else { decimal::big_decimal_text(text) };
            out.extend_from_slice(spelled.as_deref().unwrap_or(text).as_bytes());
        }
        _ if value.is_array() || value.is_object() => {
            write_parts(value, out, &mut |part, out| write_respelled(part, plain, in_plain, out));
        }
        _ => write_compact(value, out),
    }
}

/// Writes an array or object; `write` writes its values.
fn write_parts(value: Value<'_>, out: &mut Vec<u8>, write: &mut dyn FnMut(Value<'_>, &mut Vec<u8>)) {
    let object = value.is_object();
    out.push(if object { b'{' } else { b'[' });
    for (index, (key, member)) in value.members().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(&key, out);
        out.push(b':');
        write(member, out);
    }
    for (index, element) in value.elements().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(element, out);
    }
    out.push(if object { b'}' } else { b']' });
}

fn is_decimal(number: &str) -> bool {
    number.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn has_decimals(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Number => is_decimal(value.source()),
        Kind::Array => value.elements().any(has_decimals),
        Kind::Object => value.members().any(|(_, member)| has_decimals(member)),
        _ => false,
    }
}
