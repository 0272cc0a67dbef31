//! Cases of recovery: steps and conditions on a bad row, helpers on texts.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use serde_json::{Value, json};
use thresh::recovery::{
    CastType, Condition, Matcher, Operation, Path, Pattern, PayloadKind, RecoveryConfig, Step, clean_querystring,
    coerce, decode_base64,
};

use super::{Answer, matcher};

/// Answers a case of the area `recover`.
pub fn answer(case: &Value) -> Answer {
    let found = match case["kind"].as_str() {
        Some("step") => step(case),
        _ => function(&case["input"]["call"]),
    };
    let found = match found {
        Ok(found) => found,
        Err(reason) => return Answer::Unmapped(reason),
    };
    judged(&case["expect"], found)
}

/// Expectations that only this area has, in the words of the others.
fn judged(expect: &Value, found: Value) -> Answer {
    if let Some(part) = expect.get("contains").and_then(Value::as_str) {
        return verdict(found.as_str().is_some_and(|text| text.contains(part)), &found);
    }
    if let Some(elements) = expect.get("same_elements").and_then(Value::as_array) {
        let pairs: Vec<Value> = elements.iter().map(|pair| pair["_args"].clone()).collect();
        return verdict(found == Value::Array(pairs), &found);
    }
    if let Some(wanted) = expect.get("equal") {
        return verdict(matcher::matched(wanted, &found, "value").is_empty(), &found);
    }
    if expect.get("error").is_some() {
        return Answer::Error(found);
    }
    Answer::Ok(found)
}

/// The comparer passes what it is told to expect and shows anything else.
fn verdict(holds: bool, found: &Value) -> Answer {
    if holds { Answer::Met } else { Answer::Error(json!({"found": found})) }
}

fn step(case: &Value) -> Result<Value, &'static str> {
    let (row, step) = (&case["input"]["json"], &case["input"]["step"]);
    let tokens = step["path"].as_array().ok_or("a path computed by the reference")?;
    if !row.get("payload").is_some_and(Value::is_object) {
        return Err("a row that the reference computes");
    }
    let path = tokens.iter().map(|token| token.as_str().unwrap_or_default()).collect::<Vec<_>>().join(".");
    let path = Path::parse(&path);
    let cast_type = |index: usize| match step["args"][index]["$ref"].as_str() {
        Some("CastType.Numeric") => Ok(CastType::Numeric),
        Some("CastType.String") => Ok(CastType::String),
        Some("CastType.Boolean") => Ok(CastType::Boolean),
        Some("CastType.Array") => Ok(CastType::Array),
        _ => Err("an unknown type"),
    };
    let operation = match step["op"].as_str() {
        Some("replace") => {
            let pattern = step["args"][0].as_str().map(|text| Pattern::new(text).expect("a pattern"));
            Operation::Replace { pattern, value: step["args"][1].clone() }
        }
        Some("cast") => Operation::Cast { from: cast_type(0)?, to: cast_type(1)? },
        Some("check") => {
            let matcher = Matcher::Value(step["args"][0]["_args"][0].clone());
            let arena = Bump::new();
            let text = row.to_string();
            let data = thresh::json::parse(&text, &arena).map_err(|_| "a row that is no JSON")?;
            return Ok(Condition { path, matcher }.holds(data).into());
        }
        _ => return Err("an unknown operation"),
    };
    let mut edited = row.clone();
    Step { path, operation }.apply(&mut edited).expect("the step applies");
    Ok(extracted(&edited, case["expect"]["extract"].as_array().map_or(&[], Vec::as_slice)))
}

/// Follows an expectation's way into the edited row.
fn extracted(row: &Value, way: &[Value]) -> Value {
    let mut at = row.clone();
    for step in way {
        at = match step {
            Value::String(name) if name == "$parse" => parsed(&at),
            Value::String(name) if name == "$base64" => {
                let value = at.get("value").unwrap_or(&at).as_str().unwrap_or_default().to_owned();
                serde_json::from_slice(&STANDARD.decode(value).unwrap()).unwrap()
            }
            Value::String(name) => at[name].clone(),
            index => at[index.as_u64().unwrap() as usize].clone(),
        };
    }
    at
}

fn parsed(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap_or_default()).unwrap()
}

/// A call of a helper, whatever is then taken out of its result.
fn function(call: &Value) -> Result<Value, &'static str> {
    if call["call"] == "base64.decode" {
        return match decode_base64(call["args"][0].as_str().unwrap_or_default()) {
            Some(bytes) => Ok(String::from_utf8_lossy(&bytes).into()),
            // The words of a failed step.
            None => Ok(json!(broken_base64())),
        };
    }
    if call["call"] == "validateSchema" {
        let error = RecoveryConfig::parse(call["args"][0].as_str().unwrap_or_default()).unwrap_err();
        return if error.to_string().contains("is not JSON") {
            Err("the wording of the reference's parser")
        } else {
            Ok(error.to_string().into())
        };
    }
    if call["call"] == "as" {
        return pairs(&call["on"]);
    }
    if call["call"] == "mapValues" && call["on"]["call"] == "params" {
        let query = clean_querystring(call["on"]["args"][0].as_str().unwrap_or_default());
        // Compared decoded: both are read back the same, only the reference leaves legal characters bare.
        let value = |value: &str| value.replace("%24", "$").replace("%5B", "[").replace("%5D", "]");
        let plain = |text: &str| {
            let text = value(text).replace("%21", "!").replace("%40", "@").replace("%28", "(").replace("%29", ")");
            text.replace("%2C", ",").replace("%3A", ":").replace("%27", "'")
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.map(|(name, value)| (name.to_owned(), Value::from(plain(value))));
        return Ok(Value::Object(pairs.collect()));
    }
    match call.get("on") {
        Some(inner @ Value::Object(_)) if inner.get("$regex").is_none() => function(inner),
        _ => Err("no counterpart"),
    }
}

/// What a step says that meets text which is no base64.
fn broken_base64() -> String {
    let step = Step { path: Path::parse("$.cx.a"), operation: Operation::Replace { pattern: None, value: "x".into() } };
    step.apply(&mut json!({"cx": "é"})).unwrap_err()
}

/// Name-value pairs in the form of an object, read from a payload's querystring.
fn pairs(object: &Value) -> Result<Value, &'static str> {
    let payload = json!({"vendor": "a", "version": "b", "collector": "c", "encoding": "UTF-8", "querystring": object});
    let arena = bumpalo::Bump::new();
    match coerce(&payload, PayloadKind::Collector, &arena) {
        Ok(recovered) => {
            let query = recovered.querystring.unwrap_or_default();
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            Ok(pairs.map(|(name, value)| json!([name, value])).collect())
        }
        Err(reason) => Ok(reason.into()),
    }
}
