//! Steps: what a flow changes in a payload.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../steps.scala`.

use serde_json::{Map, Number, Value};

use super::path::{Path, WalkError};
use super::pattern::Pattern;

/// A type that `Cast` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastType {
    /// A JSON string
    String,
    /// A JSON number
    Numeric,
    /// A JSON boolean
    Boolean,
    /// A JSON array
    Array,
}

/// What a step does at its path.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Puts a value there, or replaces what matches. `Remove` is a replacement by the empty string.
    Replace {
        /// What to replace; everything if absent.
        pattern: Option<Pattern>,
        /// What to put there.
        value: Value,
    },
    /// Turns a value into another type.
    Cast {
        /// The type found.
        from: CastType,
        /// The type wanted.
        to: CastType,
    },
    /// Adds to what is there.
    Add {
        /// What to add.
        value: Value,
    },
}

/// One step of a flow.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where, below the bad row's payload.
    pub path: Path,
    /// What.
    pub operation: Operation,
}

impl Step {
    /// Applies the step to a payload. On an error the payload may be half changed: the caller drops it.
    pub fn apply(&self, payload: &mut Value) -> Result<(), String> {
        self.apply_from(0, payload)
    }

    /// The same to what the path's first `from` tokens lead to; they are plain fields.
    pub(super) fn apply_from(&self, from: usize, value: &mut Value) -> Result<(), String> {
        self.path.walk(from, value, &mut |value| self.change(value)).map_err(|error| self.describe(&error))
    }

    /// The same to the value of the name-value pair that token `at` names.
    pub(super) fn apply_to_pair(&self, at: usize, value: &mut Value) -> Result<(), String> {
        self.path.walk_pair(at, value, &mut |value| self.change(value)).map_err(|error| self.describe(&error))
    }

    fn change(&self, value: &mut Value) -> Result<(), WalkError> {
        match &self.operation {
            Operation::Replace { pattern, value: new } => replace(value, pattern.as_ref(), new),
            Operation::Cast { from, to } => cast(value, *from, *to),
            Operation::Add { value: more } => add(value, more),
        }
    }

    fn describe(&self, error: &WalkError) -> String {
        let path = &self.path.source;
        match (error, &self.operation) {
            (WalkError::Encoded(data), _) => format!(
                "Failed to properly transform to/from Base64 string: {data}. Data is not properly base64-encoded: {path}"
            ),
            (WalkError::Refused(data), Operation::Cast { from, to }) => {
                format!("Failed to cast {data} from {from:?} to {to:?}")
            }
            (WalkError::Missing(what) | WalkError::Refused(what), Operation::Replace { pattern, value }) => {
                let pattern = pattern.as_ref().map_or("full field contents", Pattern::as_str);
                format!("Failed to replace {pattern} with {value} in {path} ({what})")
            }
            (WalkError::Missing(what) | WalkError::Refused(what), _) => {
                format!("Failed to apply a step in {path} ({what})")
            }
        }
    }
}

fn refused(value: &Value) -> WalkError {
    WalkError::Refused(value.to_string())
}

/// Replaces inside a text, or all of it.
fn replaced_text(text: &str, pattern: Option<&Pattern>, new: &Value) -> Result<String, WalkError> {
    match (pattern, new) {
        (Some(pattern), Value::String(new)) => match pattern.replace_all(text, new) {
            Some(replaced) => Ok(replaced.into_owned()),
            None => Err(WalkError::Refused(format!("{} on {text}", pattern.as_str()))),
        },
        (_, Value::String(new)) => Ok(new.clone()),
        (_, other) => Ok(other.to_string()),
    }
}

fn replace(value: &mut Value, pattern: Option<&Pattern>, new: &Value) -> Result<(), WalkError> {
    *value = match &*value {
        Value::Null => Value::String(replaced_text("", pattern, new)?),
        Value::String(text) => Value::String(replaced_text(text, pattern, new)?),
        Value::Number(_) if new.is_number() => new.clone(),
        Value::Bool(_) if new.is_boolean() => new.clone(),
        Value::Array(items) => Value::Array(replaced_array(items, pattern, new)?),
        Value::Object(_) => {
            let text = replaced_text(&value.to_string(), pattern, new)?;
            match serde_json::from_str(&text) {
                Ok(object @ Value::Object(_)) => object,
                _ => return Err(WalkError::Refused(text)),
            }
        }
        other => return Err(refused(other)),
    };
    Ok(())
}

fn replaced_array(items: &[Value], pattern: Option<&Pattern>, new: &Value) -> Result<Vec<Value>, WalkError> {
    match (pattern, new) {
        (None, Value::Array(new)) => Ok(new.clone()),
        (None, other) => Ok(vec![other.clone()]),
        (Some(pattern), Value::Array(more)) => {
            let kept = items.iter().filter(|item| !pattern.is_found(&item.to_string()));
            Ok(kept.chain(more).cloned().collect())
        }
        // `Remove` with a pattern empties the array but for one empty string in the reference.
        (Some(pattern), other) => {
            let text = replaced_text(&Value::Array(items.to_vec()).to_string(), Some(pattern), other)?;
            match serde_json::from_str(&text) {
                Ok(Value::Array(items)) => Ok(items),
                _ => Err(WalkError::Refused(text)),
            }
        }
    }
}

fn cast(value: &mut Value, from: CastType, to: CastType) -> Result<(), WalkError> {
    let is_from = match from {
        CastType::String => value.is_string(),
        CastType::Numeric => value.is_number(),
        CastType::Boolean => value.is_boolean(),
        CastType::Array => value.is_array(),
    };
    *value = match (from, to) {
        (_, CastType::Array) if !value.is_array() => Value::Array(vec![value.take()]),
        (_, CastType::String) => Value::String(value.to_string()),
        // Zero becomes true as well in the reference, whatever its documentation says; here it becomes false.
        (CastType::Numeric, CastType::Boolean) if is_from => Value::Bool(value.as_f64() != Some(0.0)),
        (CastType::Boolean, CastType::Numeric) if is_from => Value::from(i32::from(*value == Value::Bool(true))),
        (CastType::String, CastType::Numeric) if is_from => {
            let number: f64 = value.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| refused(value))?;
            Number::from_f64(number).map_or(Value::Null, Value::Number)
        }
        _ => return Err(refused(value)),
    };
    Ok(())
}

fn add(value: &mut Value, more: &Value) -> Result<(), WalkError> {
    *value = match (&*value, more) {
        (Value::Null, more) => more.clone(),
        (Value::Bool(a), Value::Bool(b)) => Value::Bool(*a && *b),
        (Value::Number(a), Value::Number(b)) => {
            let sum = a.as_f64().unwrap_or_default() + b.as_f64().unwrap_or_default();
            Number::from_f64(sum).map_or(Value::Null, Value::Number)
        }
        (Value::String(a), Value::String(b)) => Value::String(format!("{a}{b}")),
        // A value that is no text adds the text of an empty JSON string.
        (Value::String(a), _) => Value::String(format!("{a}\"\"")),
        (Value::Array(a), Value::Array(b)) => Value::Array(a.iter().chain(b).cloned().collect()),
        (Value::Object(a), Value::Object(b)) => {
            let mut merged: Map<String, Value> = a.clone();
            merged.extend(b.clone());
            Value::Object(merged)
        }
        (other, _) => return Err(refused(other)),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(step: (&str, Operation), mut payload: Value) -> Result<Value, String> {
        Step { path: Path::parse(step.0), operation: step.1 }.apply(&mut payload).map(|()| payload)
    }

    fn replace_with(pattern: Option<&str>, value: Value) -> Operation {
        Operation::Replace { pattern: pattern.map(|p| Pattern::new(p).unwrap()), value }
    }

    #[test]
    fn replacing() {
        let page = json!({"page":"x"});
        let object = json!({"value":"FixedQueryParams"});
        assert_eq!(
            applied(("$.page", replace_with(None, object.clone())), page).unwrap(),
            json!({"page":object.to_string()})
        );
        let referer = json!({"raw":{"refererUri":null}});
        let fixed = applied(("$.raw.refererUri", replace_with(Some("(?U)^.*$"), json!("https://x.com/"))), referer);
        assert_eq!(fixed.unwrap(), json!({"raw":{"refererUri":"https://x.com/"}}));
        let list = json!({"querystring":[{"name":"e","value":"pv"}]});
        let new = json!([{"name":"e","value":"pp"}]);
        assert_eq!(
            applied(("$.querystring", replace_with(None, new.clone())), list).unwrap(),
            json!({"querystring":new})
        );
        assert!(applied(("$.n", replace_with(None, json!("x"))), json!({"n":1})).is_err());
        assert!(applied(("$.zz", replace_with(None, json!("x"))), json!({"n":1})).is_err());
        let tags = applied(("$.a", replace_with(Some("b"), json!(["d"]))), json!({"a":["a","b","c"]}));
        assert_eq!(tags.unwrap(), json!({"a":["a","c","d"]}));
    }

    #[test]
    fn adding_a_key_inside_encoded_json() {
        let payload = json!({"parameters":[{"name":"ue_pr","value":"{\"data\":{\"data\":{\"a\":1}}}"}]});
        let path = "$.parameters.[?(@.name=~ue_pr)].value.data.data";
        let step = (path, replace_with(Some("^(.*)}$"), json!("$1,\"event\":\"open\"}")));
        let fixed = applied(step, payload).unwrap();
        assert_eq!(fixed["parameters"][0]["value"], json!("{\"data\":{\"data\":{\"a\":1,\"event\":\"open\"}}}"));
    }

    #[test]
    fn casting_and_adding() {
        let cast = |from, to, value| applied(("$.v", Operation::Cast { from, to }), json!({"v":value}));
        assert_eq!(cast(CastType::Boolean, CastType::Numeric, json!(true)).unwrap(), json!({"v":1}));
        assert_eq!(cast(CastType::Numeric, CastType::Boolean, json!(0)).unwrap(), json!({"v":false}));
        assert_eq!(cast(CastType::String, CastType::String, json!("a")).unwrap(), json!({"v":"\"a\""}));
        assert_eq!(cast(CastType::String, CastType::Array, json!("a")).unwrap(), json!({"v":["a"]}));
        assert!(cast(CastType::Array, CastType::Array, json!([])).is_err());
        assert_eq!(cast(CastType::String, CastType::Numeric, json!("24")).unwrap().to_string(), "{\"v\":24.0}");
        let add = |value, more| applied(("$.v", Operation::Add { value: more }), json!({"v":value}));
        assert_eq!(add(json!("a"), json!("b")).unwrap(), json!({"v":"ab"}));
        assert_eq!(add(json!("a"), json!(1)).unwrap(), json!({"v":"a\"\""}));
        assert_eq!(add(json!({"a":1}), json!({"a":2,"b":3})).unwrap(), json!({"v":{"a":2,"b":3}}));
    }
}
