//! A payload under its steps, without taking it apart: what no step touches stays where the row has it.
//!
//! A step walks over a small document that holds just the field, or the pair, that its path begins with. That is what it
//! would find in the whole payload: paths only ever descend.

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::{Map, Value};

use super::coerce::{Pair, PayloadFields, PayloadKind, expected_text, pair_value, pairs_of, text_of, texts_of};
use super::path::Token;
use super::shape;
use super::step::Step;
use crate::json;

/// The payload of a row and what steps changed in it.
pub(super) struct Draft<'a> {
    kind: PayloadKind,
    /// The object that holds the fields: the payload, or its `raw`.
    fields: json::Value<'a>,
    /// Fields that steps changed.
    changed: Vec<(String, Value)>,
    list: List<'a>,
    arena: &'a Bump,
}

/// The name-value pairs.
enum List<'a> {
    Pairs(Vec<(&'a str, PairValue<'a>)>),
    /// A step went through the list itself.
    Whole(Value),
}

enum PairValue<'a> {
    Unchanged(Option<json::Value<'a>>),
    Changed(Value),
}

impl PairValue<'_> {
    fn to_value(&self) -> Value {
        match self {
            PairValue::Unchanged(value) => value.map_or(Value::Null, |value| value.to_serde()),
            PairValue::Changed(value) => value.clone(),
        }
    }
}

impl<'a> Draft<'a> {
    /// A draft of a payload in the usual shape; `None` for the odd ones, which need more care.
    pub(super) fn of(payload: json::Value<'a>, kind: PayloadKind, arena: &'a Bump) -> Option<Draft<'a>> {
        let fields = match kind {
            PayloadKind::Collector => payload,
            PayloadKind::RawEvent => payload.get("raw")?,
        };
        if !fields.is_object() {
            return None;
        }
        let mut pairs = Vec::new();
        if let Some(list) = fields.get(kind.list()).filter(|list| !list.is_null()) {
            if !list.is_array() {
                return None;
            }
            for pair in list.elements() {
                let name = pair.get("name")?.as_str_in(arena)?;
                let value = pair.get("value");
                if value.is_some_and(|value| value.is_object() || value.is_array()) {
                    return None;
                }
                pairs.push((name, PairValue::Unchanged(value)));
            }
        }
        Some(Draft { kind, fields, changed: Vec::new(), list: List::Pairs(pairs), arena })
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
        if let (List::Pairs(pairs), Some(Token::Field(wanted))) = (&mut self.list, step.path.tokens.get(at + 1))
            && let Some((_, value)) = pairs.iter_mut().find(|(name, _)| name == wanted)
        {
            let mut small = document(name, vec![pair(wanted, value.to_value())]);
            step.apply_from(at, &mut small)?;
            *value = PairValue::Changed(small[name.as_str()][0]["value"].take());
            return Ok(());
        }
        let whole = match std::mem::replace(&mut self.list, List::Whole(Value::Null)) {
            List::Whole(whole) => whole,
            List::Pairs(pairs) => pairs.iter().map(|(name, value)| pair(name, value.to_value())).collect(),
        };
        let mut small = Value::Object([(name.clone(), whole)].into_iter().collect());
        step.apply_from(at, &mut small)?;
        self.list = List::Whole(small[name.as_str()].take());
        Ok(())
    }

    /// A field as steps find it: optional ones are null if they are absent.
    fn field(&self, name: &str) -> Option<Value> {
        if let Some((_, value)) = self.changed.iter().find(|(changed, _)| changed == name) {
            return Some(value.clone());
        }
        match self.fields.get(name) {
            Some(value) if !(value.is_null() && name == "headers") => Some(value.to_serde()),
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

fn document(list: &str, pairs: Vec<Value>) -> Value {
    Value::Object([(list.to_owned(), Value::Array(pairs))].into_iter().collect())
}

fn pair(name: &str, value: Value) -> Value {
    let mut pair = Map::new();
    pair.insert("name".to_owned(), Value::String(name.to_owned()));
    pair.insert("value".to_owned(), value);
    Value::Object(pair)
}

impl PayloadFields for Draft<'_> {
    fn kind(&self) -> PayloadKind {
        self.kind
    }

    fn text(&self, name: &str) -> Result<Option<Cow<'_, str>>, String> {
        if let Some(value) = self.changed(name) {
            return text_of(Some(value), name);
        }
        match self.fields.get(name) {
            None => Ok(None),
            Some(value) if value.is_null() => Ok(None),
            Some(value) => match value.as_str_in(self.arena) {
                Some(text) => Ok(Some(Cow::Borrowed(text))),
                None => Err(expected_text(name, &value.to_serde())),
            },
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        match (self.changed(name), self.fields.get(name)) {
            (Some(value), _) => texts_of(Some(value), name),
            (None, Some(list)) if list.is_array() && list.elements().all(|item| item.raw_str().is_some()) => {
                Ok(list.elements().filter_map(|item| item.as_str().map(Cow::into_owned)).collect())
            }
            (None, other) => texts_of(other.map(|value| value.to_serde()).as_ref(), name),
        }
    }

    fn pairs(&self) -> Result<Vec<Pair<'_>>, String> {
        let name = self.kind.list();
        let pairs = match &self.list {
            List::Whole(whole) => return pairs_of(Some(whole), name),
            List::Pairs(pairs) => pairs,
        };
        let value = |value: &'_ PairValue<'_>| match value {
            PairValue::Changed(value) => pair_value(Some(value), name).map(|value| value.map(Cow::into_owned)),
            PairValue::Unchanged(value) => match value {
                Some(value) if value.raw_str().is_none() => {
                    pair_value(Some(&value.to_serde()), name).map(|value| value.map(Cow::into_owned))
                }
                _ => Ok(None),
            },
        };
        pairs
            .iter()
            .map(|(name, found)| {
                let text = match found {
                    PairValue::Unchanged(Some(text)) => text.as_str_in(self.arena),
                    _ => None,
                };
                let text = match text {
                    Some(text) => Some(Cow::Borrowed(text)),
                    None => value(found)?.map(Cow::Owned),
                };
                Ok((Cow::Borrowed(*name), text))
            })
            .collect()
    }
}
