//! A payload under its steps, without taking it apart: what no step touches stays where the row has it.
//!
//! A step walks over the value of the pair that its path names, or over a small document that holds just the field that
//! its path begins with. That is what it would find in the whole payload: paths only ever descend.

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::{Map, Value};

use super::coerce::{PayloadFields, PayloadKind, expected_text, pair_of, pair_value, pairs_of, text_of, texts_of};
use super::encoded::EncodedQuery;
use super::encoder::with_encoder;
use super::field::FieldName;
use super::path::Token;
use super::query::{encode_pair, querystring};
use super::request::Request;
use super::shape;
use super::splice::value_of;
use super::step::Step;
use crate::json;

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
    Other(json::Value<'a>),
}

impl<'a> Field<'a> {
    fn of(value: json::Value<'a>, arena: &'a Bump) -> Field<'a> {
        value.as_str_in(arena).map_or(Field::Other(value), Field::Text)
    }
}

/// Nearly all events have fewer parameters.
const USUAL_PAIRS: usize = 32;

/// The name-value pairs.
enum List<'a> {
    Pairs(Vec<(&'a str, PairValue<'a>)>),
    /// Those of a request, and the values of some that steps changed, in the order of the pairs.
    Encoded(EncodedQuery<'a>, Vec<(usize, Value)>),
    /// A step went through the list itself.
    Whole(Value),
}

enum PairValue<'a> {
    /// As the row has it; null if it has none.
    Text(Option<&'a str>),
    /// A number or a boolean, or what a step made of the value.
    Other(Value),
}

impl<'a> PairValue<'a> {
    /// What the row has; `None` if it is no scalar.
    fn of(value: Option<json::Value<'a>>, arena: &'a Bump) -> Option<PairValue<'a>> {
        match value {
            None => Some(PairValue::Text(None)),
            Some(value) if value.is_null() => Some(PairValue::Text(None)),
            Some(value) if value.is_object() || value.is_array() => None,
            Some(value) => Some(match value.as_str_in(arena) {
                Some(text) => PairValue::Text(Some(text)),
                None => PairValue::Other(value.to_serde()),
            }),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            PairValue::Text(text) => text.map_or(Value::Null, Value::from),
            PairValue::Other(value) => value.clone(),
        }
    }

    /// How long it is as a text, at most.
    fn most(&self) -> usize {
        match self {
            PairValue::Text(text) => text.map_or(0, str::len),
            PairValue::Other(Value::String(text)) => text.len(),
            PairValue::Other(value) => value.to_string().len(),
        }
    }
}

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
        let mut pairs = Vec::new();
        if let Some(list) = list {
            if !list.is_array() {
                return None;
            }
            pairs.reserve(USUAL_PAIRS);
            for pair in list.elements() {
                pairs.push(usual_pair(pair, arena)?);
            }
        }
        Some(Draft { kind, arena, known, object: Some(object), changed: Vec::new(), list: List::Pairs(pairs) })
    }

    /// A draft of a lifted request.
    pub(super) fn of_request(request: &Request<'a>) -> Draft<'a> {
        let mut known = [Field::Absent; FieldName::ALL.len()];
        for (field, text) in request.texts() {
            if let Some(text) = text {
                known[field as usize] = Field::Text(text);
            }
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
        let whole = match std::mem::replace(&mut self.list, List::Whole(Value::Null)) {
            List::Whole(whole) => whole,
            List::Pairs(pairs) => pairs.iter().map(|(name, value)| pair(name, value.to_value())).collect(),
            List::Encoded(query, changed) => {
                let mut pairs: Vec<Value> = query
                    .pairs(self.arena)
                    .map(|(name, value)| pair(name, value.map_or(Value::Null, Value::from)))
                    .collect();
                for (index, value) in changed {
                    pairs[index]["value"] = value;
                }
                Value::Array(pairs)
            }
        };
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

impl<'a> List<'a> {
    /// The first pair of a name, if pairs are still by themselves.
    fn pair(&self, wanted: &str) -> Option<usize> {
        match self {
            List::Pairs(pairs) => pairs.iter().position(|(name, _)| *name == wanted),
            List::Encoded(query, _) => query.find(wanted),
            List::Whole(_) => None,
        }
    }

    /// What a step finds as the value of a pair.
    fn value(&self, pair: usize, arena: &'a Bump) -> Value {
        match self {
            List::Pairs(pairs) => pairs[pair].1.to_value(),
            List::Encoded(query, changed) => match changed.iter().find(|(index, _)| *index == pair) {
                Some((_, value)) => value.clone(),
                None => query.value(pair, arena).map_or(Value::Null, Value::from),
            },
            List::Whole(_) => Value::Null,
        }
    }

    fn set(&mut self, pair: usize, value: Value) {
        match self {
            List::Pairs(pairs) => pairs[pair].1 = PairValue::Other(value),
            List::Encoded(_, changed) => match changed.binary_search_by_key(&pair, |(index, _)| *index) {
                Ok(at) => changed[at].1 = value,
                Err(at) => changed.insert(at, (pair, value)),
            },
            List::Whole(_) => {}
        }
    }
}

/// A pair in the usual shape.
fn usual_pair<'a>(pair: json::Value<'a>, arena: &'a Bump) -> Option<(&'a str, PairValue<'a>)> {
    let (mut name, mut value) = (None, None);
    for (key, found) in pair.members() {
        match &*key {
            "name" => name = Some(found),
            "value" => value = Some(found),
            _ => {}
        }
    }
    Some((name?.as_str_in(arena)?, PairValue::of(value, arena)?))
}

fn pair(name: &str, value: Value) -> Value {
    let mut pair = Map::new();
    pair.insert("name".to_owned(), Value::String(name.to_owned()));
    pair.insert("value".to_owned(), value);
    Value::Object(pair)
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
            Field::Other(value) if value.is_null() => Ok(None),
            Field::Other(value) => Err(expected_text(name, &value.to_serde())),
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
            Field::Other(list) if list.is_array() && list.elements().all(|item| item.raw_str().is_some()) => {
                Ok(list.elements().filter_map(|item| item.as_str()).collect())
            }
            Field::Other(other) => owned(other.to_serde()),
        }
    }

    fn querystring(&self) -> Result<Cow<'d, str>, String> {
        let (draft, list): (&'d Draft<'a>, _) = (self, self.kind.list());
        let pairs = match &draft.list {
            List::Whole(whole) => return Ok(querystring(&pairs_of(Some(whole), list)?).into()),
            List::Encoded(query, changed) => return query.edited(changed, list, draft.arena).map(Cow::Borrowed),
            List::Pairs(pairs) => pairs,
        };
        let length = pairs.iter().map(|(name, value)| name.len() + value.most() + 2).sum();
        with_encoder(length, |out| {
            for (name, found) in pairs {
                let text = match found {
                    PairValue::Text(text) => text.map(Cow::Borrowed),
                    PairValue::Other(value) => pair_value(Some(value), list)?,
                };
                encode_pair(name, text.as_deref(), out);
            }
            Ok(Cow::Borrowed(&*draft.arena.alloc_str(out.text())))
        })
    }

    fn pair(&self, name: &str) -> Result<Option<Cow<'d, str>>, String> {
        let (draft, list): (&'d Draft<'a>, _) = (self, self.kind.list());
        if let List::Whole(whole) = &draft.list {
            return pair_of(Some(whole), name, list);
        }
        let Some(pair) = draft.list.pair(name) else { return Ok(None) };
        let value = draft.list.value(pair, draft.arena);
        Ok(pair_value(Some(&value), list)?.map(|text| Cow::Owned(text.into_owned())))
    }
}

fn owned_texts(texts: Vec<Cow<'_, str>>) -> Vec<Cow<'static, str>> {
    texts.into_iter().map(|text| Cow::Owned(text.into_owned())).collect()
}

#[cfg(test)]
mod tests;
