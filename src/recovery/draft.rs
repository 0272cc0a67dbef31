//! A payload under its steps, without taking it apart: what no step touches stays where the row has it.
//!
//! A step walks over the value of the pair that its path names, or over a small document that holds just the field that
//! its path begins with. That is what it would find in the whole payload: paths only ever descend.

mod list;

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::{Map, Value};

use super::coerce::{PayloadFields, PayloadKind, expected_text, text_of, texts_of, timestamp_of};
use super::field::FieldName;
use super::path::Token;
use super::request::Request;
use super::shape;
use super::splice::value_of;
use super::step::Step;
use crate::event::time::joda_text;
use crate::json;
use list::List;

/// The payload of a row and what steps changed in it.
pub(super) struct Draft<'a> {
    kind: PayloadKind,
    arena: &'a Bump,
    /// The fields that coercion asks for, by their numbers.
    known: Known<'a>,
    /// The object that holds the fields: the payload, or its `raw`. A lifted request has no other fields than the known.
    object: Option<json::Value<'a>>,
    /// Fields that steps changed.
    changed: Vec<(String, Value)>,
    list: List<'a>,
}

type Known<'a> = [Field<'a>; FieldName::ALL.len()];

/// A field as the row has it.
#[derive(Clone, Copy)]
enum Field<'a> {
    Absent,
    Text(&'a str),
    Texts(&'a [&'a str]),
    /// A timestamp that is not text yet.
    Millis(i64),
    Other(json::Value<'a>),
}

impl<'a> Field<'a> {
    fn of(value: json::Value<'a>, arena: &'a Bump) -> Field<'a> {
        value.as_str_in(arena).map_or(Field::Other(value), Field::Text)
    }
}

/// Timestamps from 1970 to the year 9999.
const USUAL_MILLIS: std::ops::Range<i64> = 0..253_402_300_800_000;

impl<'a> Draft<'a> {
    /// A draft of a payload in the usual shape; `None` for the odd ones, which need more care.
    pub(super) fn of(payload: json::Value<'a>, kind: PayloadKind, arena: &'a Bump) -> Option<Draft<'a>> {
        let object = match kind {
            PayloadKind::Collector => payload,
            PayloadKind::RawEvent => payload.get("raw")?,
        };
        if !object.is_object() {
            return None;
        }
        let mut known = [Field::Absent; FieldName::ALL.len()];
        let mut list = None;
        for (name, value) in object.members() {
            if let Some(field) = FieldName::of(&name) {
                known[field as usize] = Field::of(value, arena);
            } else if name == kind.list() {
                list = Some(value).filter(|list| !list.is_null());
            }
        }
        let list = List::of(list, arena)?;
        Some(Draft { kind, arena, known, object: Some(object), changed: Vec::new(), list })
    }

    /// A draft of a lifted request.
    pub(super) fn of_request(request: &Request<'a>) -> Draft<'a> {
        let mut known = [Field::Absent; FieldName::ALL.len()];
        for (field, text) in request.texts_with(None) {
            if let Some(text) = text {
                known[field as usize] = Field::Text(text);
            }
        }
        if let Some(millis) = request.timestamp() {
            known[FieldName::Timestamp as usize] = Field::Millis(millis);
        }
        known[FieldName::Headers as usize] = Field::Texts(request.headers());
        let list = List::Encoded(request.query(), Vec::new());
        Draft { kind: PayloadKind::Collector, arena: request.arena(), known, object: None, changed: Vec::new(), list }
    }

    /// Where its texts are.
    pub(super) fn arena(&self) -> &'a Bump {
        self.arena
    }

    /// The token of a step's path that names a field of the draft, if it begins with one.
    fn field_token(&self, step: &Step) -> Option<usize> {
        let at = match self.kind {
            PayloadKind::Collector => 0,
            PayloadKind::RawEvent => 1,
        };
        let in_draft = at == 0 || step.path.starts_with("raw");
        (in_draft && matches!(step.path.tokens.get(at), Some(Token::Field(_)))).then_some(at)
    }

    /// Whether a step can be applied to a draft.
    pub(super) fn takes(&self, step: &Step) -> bool {
        self.field_token(step).is_some()
    }

    /// Applies a step that it takes. After an error the draft is of no use.
    pub(super) fn apply(&mut self, step: &Step) -> Result<(), String> {
        let Some(at) = self.field_token(step) else { return Err("a step outside of the payload".to_owned()) };
        let Some(Token::Field(name)) = step.path.tokens.get(at) else { return Ok(()) };
        if name != self.kind.list() {
            let mut small = Map::new();
            if let Some(value) = self.field(name) {
                small.insert(name.clone(), value);
            }
            let mut small = Value::Object(small);
            step.apply_from(at, &mut small)?;
            if let Some(value) = small.get_mut(name) {
                self.set(name, value.take());
            }
            return Ok(());
        }
        if let Some(Token::Field(wanted)) = step.path.tokens.get(at + 1)
            && let Some(pair) = self.list.pair(wanted)
        {
            let mut value = self.list.value(pair, self.arena);
            step.apply_to_pair(at + 1, &mut value)?;
            self.list.set(pair, value);
            return Ok(());
        }
        let whole = std::mem::replace(&mut self.list, List::Whole(Value::Null)).into_whole(self.arena);
        let mut small = Value::Object([(name.clone(), whole)].into_iter().collect());
        step.apply_from(at, &mut small)?;
        self.list = List::Whole(small[name.as_str()].take());
        Ok(())
    }

    /// A field as steps find it: optional ones are null if they are absent.
    fn field(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.changed(name) {
            return Some(value.clone());
        }
        let found = match (FieldName::of(name), self.object) {
            (Some(field), _) => self.known[field as usize],
            (None, Some(object)) => object.get(name).map_or(Field::Absent, Field::Other),
            (None, None) => Field::Absent,
        };
        match found {
            Field::Text(text) => Some(Value::from(text)),
            Field::Texts(texts) => Some(Value::from(texts)),
            Field::Millis(millis) => Some(Value::from(joda_text(millis))),
            Field::Other(value) if !(value.is_null() && name == "headers") => Some(value_of(value)),
            _ if name == "headers" => Some(Value::Array(Vec::new())),
            _ => shape::optional(self.kind).contains(&name).then_some(Value::Null),
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.changed.iter_mut().find(|(changed, _)| changed == name) {
            Some((_, old)) => *old = value,
            None => self.changed.push((name.to_owned(), value)),
        }
    }

    fn changed(&self, name: &str) -> Option<&Value> {
        self.changed.iter().find(|(changed, _)| changed == name).map(|(_, value)| value)
    }
}

impl<'d, 'a: 'd> PayloadFields<'d> for &'d Draft<'a> {
    fn kind(&self) -> PayloadKind {
        self.kind
    }

    fn text(&self, field: FieldName) -> Result<Option<Cow<'d, str>>, String> {
        let (draft, name): (&'d Draft<'a>, _) = (self, field.name());
        if let Some(value) = draft.changed(name) {
            return text_of(Some(value), name);
        }
        match draft.known[field as usize] {
            Field::Absent => Ok(None),
            Field::Text(text) => Ok(Some(Cow::Borrowed(text))),
            Field::Texts(texts) => Err(expected_text(name, &Value::from(texts))),
            Field::Millis(millis) => Ok(Some(joda_text(millis).into())),
            Field::Other(value) if value.is_null() => Ok(None),
            Field::Other(value) => Err(expected_text(name, &value.to_serde())),
        }
    }

    fn timestamp(&self) -> Result<i64, String> {
        match self.known[FieldName::Timestamp as usize] {
            // What its text would give back.
            Field::Millis(millis) if USUAL_MILLIS.contains(&millis) && self.changed.is_empty() => Ok(millis),
            _ => timestamp_of(self.text(FieldName::Timestamp)?),
        }
    }

    fn texts(&self, field: FieldName) -> Result<Vec<Cow<'d, str>>, String> {
        let (draft, name): (&'d Draft<'a>, _) = (self, field.name());
        if let Some(value) = draft.changed(name) {
            return texts_of(Some(value), name);
        }
        let owned = |value: Value| texts_of(Some(&value), name).map(owned_texts);
        match draft.known[field as usize] {
            Field::Absent => Ok(Vec::new()),
            Field::Texts(texts) => Ok(texts.iter().copied().map(Cow::Borrowed).collect()),
            Field::Text(text) => owned(Value::from(text)),
            Field::Millis(millis) => owned(Value::from(joda_text(millis))),
            Field::Other(list) if list.is_array() && list.elements().all(|item| item.raw_str().is_some()) => {
                Ok(list.elements().filter_map(|item| item.as_str()).collect())
            }
            Field::Other(other) => owned(other.to_serde()),
        }
    }

    fn querystring(&self) -> Result<Cow<'d, str>, String> {
        let draft: &'d Draft<'a> = self;
        draft.list.querystring(draft.kind.list(), draft.arena)
    }

    fn pair(&self, name: &str) -> Result<Option<Cow<'d, str>>, String> {
        let draft: &'d Draft<'a> = self;
        draft.list.named(name, draft.kind.list(), draft.arena)
    }
}

fn owned_texts(texts: Vec<Cow<'_, str>>) -> Vec<Cow<'static, str>> {
    texts.into_iter().map(|text| Cow::Owned(text.into_owned())).collect()
}

#[cfg(test)]
mod tests;
