//! The name-value pairs of a draft.

use std::borrow::Cow;

use bumpalo::Bump;
use memchr::memchr2;
use serde_json::{Map, Value};

use crate::json;
use crate::recovery::coerce::{pair_of, pair_value, pairs_of};
use crate::recovery::encoded::EncodedQuery;
use crate::recovery::encoder::with_encoder;
use crate::recovery::query::{encode_pair, querystring};

/// Nearly all events have fewer parameters.
const USUAL_PAIRS: usize = 32;

/// The name-value pairs.
pub(super) enum List<'a> {
    Pairs(Vec<(&'a str, PairValue<'a>)>),
    /// Those of a request, and the values of some that steps changed, in the order of the pairs.
    Encoded(EncodedQuery<'a>, Vec<(usize, Value)>),
    /// A step went through the list itself.
    Whole(Value),
}

pub(super) enum PairValue<'a> {
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

impl<'a> List<'a> {
    /// The pairs of a row in their usual shape; `None` for the odd ones.
    pub(super) fn of(list: Option<json::Value<'a>>, arena: &'a Bump) -> Option<List<'a>> {
        let mut pairs = Vec::new();
        if let Some(list) = list {
            if !list.is_array() {
                return None;
            }
            pairs.reserve(USUAL_PAIRS);
            for pair in list.elements() {
                pairs.push(match spelled_as_usual(pair) {
                    Some((name, value)) => (name, PairValue::Text(Some(value))),
                    None => usual_pair(pair, arena)?,
                });
            }
        }
        Some(List::Pairs(pairs))
    }

    /// The first pair of a name, if pairs are still by themselves.
    pub(super) fn pair(&self, wanted: &str) -> Option<usize> {
        match self {
            List::Pairs(pairs) => pairs.iter().position(|(name, _)| *name == wanted),
            List::Encoded(query, _) => query.find(wanted),
            List::Whole(_) => None,
        }
    }

    /// What a step finds as the value of a pair.
    pub(super) fn value(&self, pair: usize, arena: &'a Bump) -> Value {
        match self {
            List::Pairs(pairs) => pairs[pair].1.to_value(),
            List::Encoded(query, changed) => match changed.iter().find(|(index, _)| *index == pair) {
                Some((_, value)) => value.clone(),
                None => query.value(pair, arena).map_or(Value::Null, Value::from),
            },
            List::Whole(_) => Value::Null,
        }
    }

    pub(super) fn set(&mut self, pair: usize, value: Value) {
        match self {
            List::Pairs(pairs) => pairs[pair].1 = PairValue::Other(value),
            List::Encoded(_, changed) => match changed.binary_search_by_key(&pair, |(index, _)| *index) {
                Ok(at) => changed[at].1 = value,
                Err(at) => changed.insert(at, (pair, value)),
            },
            List::Whole(_) => {}
        }
    }

    /// The list as steps find it.
    pub(super) fn into_whole(self, arena: &'a Bump) -> Value {
        match self {
            List::Whole(whole) => whole,
            List::Pairs(pairs) => pairs.iter().map(|(name, value)| pair(name, value.to_value())).collect(),
            List::Encoded(query, changed) => {
                let decoded =
                    query.pairs(arena).map(|(name, value)| pair(name, value.map_or(Value::Null, Value::from)));
                let mut pairs: Vec<Value> = decoded.collect();
                for (index, value) in changed {
                    pairs[index]["value"] = value;
                }
                Value::Array(pairs)
            }
        }
    }

    /// The pairs, form-encoded; `list` is what the payload calls them.
    pub(super) fn querystring<'d>(&'d self, list: &str, arena: &'a Bump) -> Result<Cow<'d, str>, String> {
        let pairs = match self {
            List::Whole(whole) => return Ok(querystring(&pairs_of(Some(whole), list)?).into()),
            List::Encoded(query, changed) => return query.edited(changed, list, arena).map(Cow::Borrowed),
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
            Ok(Cow::Borrowed(&*arena.alloc_str(out.text())))
        })
    }

    /// The value of the first pair of a name.
    pub(super) fn named<'d>(&'d self, name: &str, list: &str, arena: &'a Bump) -> Result<Option<Cow<'d, str>>, String> {
        if let List::Whole(whole) = self {
            return pair_of(Some(whole), name, list);
        }
        let Some(pair) = self.pair(name) else { return Ok(None) };
        let value = self.value(pair, arena);
        Ok(pair_value(Some(&value), list)?.map(|text| Cow::Owned(text.into_owned())))
    }
}

/// A pair in the spelling of nearly all: `{"name":"e","value":"pv"}`, without white space and escapes.
pub(super) fn spelled_as_usual<'a>(pair: json::Value<'a>) -> Option<(&'a str, &'a str)> {
    const BEFORE_NAME: &[u8; 9] = b"{\"name\":\"";
    const BEFORE_VALUE: &[u8; 11] = b"\",\"value\":\"";
    let source = pair.source();
    let (before, rest) = source.as_bytes().split_first_chunk()?;
    // Names are short: what searches long texts would spend its time beginning.
    let name = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let (between, rest) = rest[name..].split_first_chunk()?;
    let (value, after) = rest.split_last_chunk()?;
    let is_usual = before == BEFORE_NAME && between == BEFORE_VALUE && after == b"\"}";
    if !is_usual || memchr2(b'"', b'\\', value).is_some() {
        return None;
    }
    let (name, rest) = source[BEFORE_NAME.len()..].split_at(name);
    Some((name, &rest[BEFORE_VALUE.len()..][..value.len()]))
}

/// A pair in the usual shape.
pub(super) fn usual_pair<'a>(pair: json::Value<'a>, arena: &'a Bump) -> Option<(&'a str, PairValue<'a>)> {
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
