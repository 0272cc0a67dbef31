//! What SQL and API enrichments take out of an event: a column, or a value inside an entity.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../registry/{sqlquery,apirequest}/Input.scala` and
//! `.../utils/JsonPath.scala`. An input that can never work (an unknown column, a broken path) is refused at the start,
//! not for every event.

use super::StepContext;
use super::config::{Cursor, Reader};
use super::jsonpath::{JsonPath, Wrapped, parse_gatling};
use crate::event::Column;
use crate::iglu::{SchemaCriterion, SchemaKey};
use crate::json::{Kind, Value, fits_i64, write_compact, write_string};

/// Where an input comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Column(Column),
    Json(JsonSource),
}

/// A value inside the first entity that fits.
#[derive(Clone, Debug)]
pub(crate) struct JsonSource {
    field: JsonField,
    criterion: SchemaCriterion,
    path: JsonPath,
}

#[derive(Clone, Copy, Debug)]
enum JsonField {
    UnstructEvent,
    Contexts,
    DerivedContexts,
}

/// Reads the `pojo` or `json` of an input. A column may also be named by its getter.
pub(crate) fn read_source(input: &Cursor<'_>, reader: &mut Reader) -> Option<Source> {
    let (pojo, json) = (input.field("pojo"), input.field("json"));
    if pojo.is_present() {
        let column = reader.parsed(&pojo.field("field"), |name| {
            let bean = name.strip_prefix("get").map(|rest| rest.to_lowercase());
            let column = Column::by_name(name).or_else(|| Column::by_name(&bean?));
            column.ok_or_else(|| format!("[{name}] is no column of the enriched event"))
        });
        return column.map(Source::Column);
    }
    if !json.is_present() {
        reader.error(format!("{}: Either json or pojo input must be specified", input.path()));
        return None;
    }
    let field = reader.parsed(&json.field("field"), |name| match name {
        "unstruct_event" => Ok(JsonField::UnstructEvent),
        "contexts" => Ok(JsonField::Contexts),
        "derived_contexts" => Ok(JsonField::DerivedContexts),
        _ => Err(format!("[{name}] is not one of unstruct_event, contexts and derived_contexts")),
    });
    let criterion = reader.parsed(&json.field("schemaCriterion"), |text| {
        SchemaCriterion::parse(text).ok_or_else(|| format!("Could not parse schema criterion {text}"))
    });
    let path = reader.parsed(&json.field("jsonPath"), parse_gatling);
    Some(Source::Json(JsonSource { field: field?, criterion: criterion?, path: path? }))
}

impl JsonSource {
    /// What the path leads to in the data of the first entity that fits; `None` if none does.
    pub fn find<'a>(&self, cx: &StepContext<'a, '_>) -> Option<Wrapped<'a>> {
        let data = match self.field {
            JsonField::UnstructEvent => cx.unstruct_event.filter(|event| self.criterion.matches(&event.key))?.data,
            JsonField::Contexts => cx.contexts.iter().find(|entity| self.criterion.matches(&entity.key))?.data,
            JsonField::DerivedContexts => {
                let fits = |schema: &str| SchemaKey::parse(schema).is_ok_and(|key| self.criterion.matches(&key));
                let entity = cx.derived.iter().find(|entity| fits(entity.schema))?;
                crate::json::parse(entity.data, cx.arena).ok()?
            }
        };
        Some(self.path.find_wrapped(data))
    }
}

/// A number with fraction or exponent, or too large for 64 bits: such numbers are handed on as texts.
pub(crate) fn is_texted_number(value: Value<'_>) -> bool {
    value.as_number().is_some_and(|text| !fits_i64(text))
}

/// Appends the compact form of an input with such numbers as strings.
pub(crate) fn write_input(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Number if is_texted_number(value) => write_string(value.source(), out),
        Kind::Array => {
            out.push(b'[');
            for (index, element) in value.elements().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                write_input(element, out);
            }
            out.push(b']');
        }
        Kind::Object => {
            out.push(b'{');
            for (index, (key, member)) in value.members().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                write_string(&key, out);
                out.push(b':');
                write_input(member, out);
            }
            out.push(b'}');
        }
        _ => write_compact(value, out),
    }
}
