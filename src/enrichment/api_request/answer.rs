//! From an answer to entities.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../registry/apirequest/{Output,Errors}.scala` and
//! `.../utils/{JsonPath,CirceUtils}.scala`.

use bumpalo::Bump;

use super::super::decimal::stripped_text;
use super::super::jsonpath::{JsonPath, Wrapped};
use super::super::{Entity, next_entity_id};
use crate::iglu::SchemaKey;
use crate::json::{self, Kind, Value, fits_i64, write_compact, write_string};

/// What to take out of an answer.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub schema: String,
    pub path: JsonPath,
    /// As configured.
    pub path_text: String,
}

/// An entity that is kept in the memo.
#[derive(Clone, Debug)]
pub(super) struct FinishedEntity {
    schema: String,
    data: String,
    id: u64,
}

/// An output's entity, or why there is none.
pub(super) type Finished = Result<FinishedEntity, String>;

impl FinishedEntity {
    pub fn in_arena<'a>(&self, arena: &'a Bump) -> Entity<'a> {
        Entity { schema: arena.alloc_str(&self.schema), data: arena.alloc_str(&self.data), cache_id: self.id }
    }
}

/// Takes every output out of an answer; fails if the answer is not JSON.
pub(super) fn take_outputs(body: &str, outputs: &[Output]) -> Result<Vec<Finished>, String> {
    let arena = Bump::new();
    let answer = json::parse(body, &arena).map_err(|error| error.to_string())?;
    check_integers(answer)?;
    Ok(outputs.iter().map(|output| output.take(answer)).collect())
}

/// Integers beyond 64 bits cannot be read.
fn check_integers(value: Value<'_>) -> Result<(), String> {
    match value.kind() {
        Kind::Number => {
            let text = value.source();
            let integer = !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
            if integer && !fits_i64(text) { Err(format!("{text} does not fit 64 bits")) } else { Ok(()) }
        }
        Kind::Array => value.elements().try_for_each(check_integers),
        Kind::Object => value.members().try_for_each(|(_, member)| check_integers(member)),
        _ => Ok(()),
    }
}

impl Output {
    fn take(&self, answer: Value<'_>) -> Finished {
        let mut data = Vec::new();
        let found = match self.path.find_wrapped(answer) {
            Wrapped::One(value) if value.is_array() && value.is_empty() => false,
            Wrapped::One(value) => {
                write_normalised(value, &mut data);
                true
            }
            Wrapped::Many(values) => {
                write_list(values.into_iter(), &mut data);
                true
            }
            Wrapped::Nothing => false,
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if !found {
            let mut shown = Vec::new();
            write_compact(answer, &mut shown);
            return Err(format!(
                "API Request enrichment:Value not found Error: no values were found by JSON Path [{}] in [{}]",
                self.path_text,
                text(&shown)
            ));
        }
        if let Err(code) = SchemaKey::parse(&self.schema) {
            let mut shown = br#"{"schema":"#.to_vec();
            write_string(&self.schema, &mut shown);
            return Err(format!("{},\"data\":{}}} is not self-describing JSON, {code}", text(&shown), text(&data)));
        }
        Ok(FinishedEntity { schema: self.schema.clone(), data: text(&data), id: next_entity_id() })
    }
}

/// Appends the compact form with decimals as the reference's libraries leave them: no trailing zeros, no positive
/// exponents.
fn write_normalised(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Number if !fits_i64(value.source()) => {
            let text = value.source();
            out.extend_from_slice(stripped_text(text).as_deref().unwrap_or(text).as_bytes());
        }
        Kind::Array => write_list(value.elements(), out),
        Kind::Object => {
            out.push(b'{');
            for (index, (key, member)) in value.members().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                write_string(&key, out);
                out.push(b':');
                write_normalised(member, out);
            }
            out.push(b'}');
        }
        _ => write_compact(value, out),
    }
}

fn write_list<'a>(values: impl Iterator<Item = Value<'a>>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, value) in values.enumerate() {
        out.extend_from_slice(if index > 0 { b"," } else { b"" });
        write_normalised(value, out);
    }
    out.push(b']');
}
