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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::recovery::coerce::{RecoveredPayload, coerce, coerce_fields};
    use crate::recovery::path::Path;
    use crate::recovery::pattern::Pattern;
    use crate::recovery::step::{CastType, Operation};

    /// The way by way of the whole payload.
    fn whole(payload: &Value, kind: PayloadKind, steps: &[Step]) -> Result<RecoveredPayload, String> {
        let mut payload = payload.clone();
        shape::complete(&mut payload, kind);
        steps.iter().try_for_each(|step| step.apply(&mut payload))?;
        coerce(&payload, kind)
    }

    /// The way by way of a draft, if it takes the steps.
    fn drafted(payload: &Value, kind: PayloadKind, steps: &[Step]) -> Option<Result<RecoveredPayload, String>> {
        let arena = Bump::new();
        let text = payload.to_string();
        let mut draft = Draft::of(json::parse(&text, &arena).unwrap(), kind, &arena)?;
        if !steps.iter().all(|step| draft.takes(step)) {
            return None;
        }
        Some(steps.iter().try_for_each(|step| draft.apply(step)).and_then(|()| coerce_fields(&draft)))
    }

    fn payloads() -> impl Strategy<Value = (PayloadKind, Value)> {
        let value = prop_oneof![
            Just(json!("pv")),
            Just(json!(null)),
            Just(json!(5)),
            Just(json!(true)),
            Just(json!("{\"a\":{\"b\":[1,2]}}")),
            Just(json!("eyJhIjoxfQ")),
            Just(json!("ä \"x\" %&=")),
        ];
        let name = prop::sample::select(vec!["e", "p", "cx", "co", "ue_pr", "a b", "e"]);
        let pairs = prop::collection::vec((name, value), 0..5);
        (pairs, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(pairs, is_raw, is_sparse, is_null)| {
            let mut list: Value =
                pairs.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
            if is_sparse {
                list.as_array_mut().unwrap().push(json!({"name": "flag"}));
            }
            let (kind, list_name, collector) = match is_raw {
                true => (PayloadKind::RawEvent, "parameters", "loaderName"),
                false => (PayloadKind::Collector, "querystring", "collector"),
            };
            let mut fields = json!({"vendor": "com.snowplowanalytics.snowplow", "version": "tp2", collector: "cloudfront",
                "encoding": "UTF-8", "useragent": "Mozilla%2F5.0", "body": "{\"e\":\"pv\"}", "timestamp": null});
            if !is_sparse {
                fields[list_name] = list;
                fields["headers"] = json!(["Host: x"]);
            }
            if is_null {
                fields["headers"] = Value::Null;
                fields["refererUri"] = json!("http://x");
            }
            (kind, if is_raw { json!({"raw": fields}) } else { fields })
        })
    }

    fn steps() -> impl Strategy<Value = Step> {
        let list = prop::sample::select(vec!["raw.parameters", "querystring", "raw.Parameters", "parameters"]);
        let tail = prop::sample::select(vec![
            "",
            ".e",
            ".p",
            ".cx",
            ".cx.a",
            ".co.a.b",
            ".co.a.b[1]",
            ".zz",
            ".flag",
            "[0]",
            "[0].value",
            "[?(@.name=~e)].value",
            "[?(@.name=~co)].value.a.b",
            ".ue_pr.a",
        ]);
        let field = prop::sample::select(vec![
            "raw.body",
            "body",
            "raw.headers",
            "headers",
            "headers[0]",
            "raw.refererUri",
            "refererUri",
            "raw",
            "vendor",
            "raw.vendor",
            "raw.nothing",
            "nothing",
            "raw.timestamp",
            "timestamp",
            "raw.version.x",
        ]);
        let path =
            prop_oneof![(list, tail).prop_map(|(list, tail)| format!("$.{list}{tail}")), field.prop_map(str::to_owned)];
        let new = prop::sample::select(vec![
            json!("x"),
            json!(""),
            json!(7),
            json!(null),
            json!(false),
            json!([]),
            json!({"a": 1}),
            json!([{"name": "e", "value": "pp"}]),
            json!([{"name": 1}]),
        ]);
        let pattern = prop::option::of(prop::sample::select(vec!["p", "^.*$", "\\d", "\\{"]));
        let cast = prop::sample::select(vec![CastType::String, CastType::Numeric, CastType::Boolean, CastType::Array]);
        let operation = prop_oneof![
            4 => (pattern, new.clone()).prop_map(|(pattern, value)| {
                Operation::Replace { pattern: pattern.map(|text| Pattern::new(text).unwrap()), value }
            }),
            1 => (cast.clone(), cast).prop_map(|(from, to)| Operation::Cast { from, to }),
            1 => new.prop_map(|value| Operation::Add { value }),
        ];
        (path, operation).prop_map(|(path, operation)| Step { path: Path::parse(&path), operation })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn a_draft_gives_what_the_whole_payload_gives(
            (kind, payload) in payloads(),
            steps in prop::collection::vec(steps(), 0..4),
        ) {
            if let Some(found) = drafted(&payload, kind, &steps) {
                prop_assert_eq!(found, whole(&payload, kind, &steps));
            }
        }
    }
}
