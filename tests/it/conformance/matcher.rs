//! Matching an answer against a case's expectation: the matchers of the case format.

use serde_json::Value;

use super::Answer;

/// What differs between an expectation and an answer; nothing if it holds.
pub fn compare(expect: &Value, answer: &Answer) -> Vec<String> {
    let shown = match answer {
        Answer::Value(value) => format!("{value}"),
        Answer::Ok(value) => format!("ok {value}"),
        Answer::Error(value) => format!("error {value}"),
        Answer::Unmapped(reason) => format!("unmapped: {reason}"),
        Answer::Met => return Vec::new(),
        Answer::Differs(differences) => return differences.clone(),
    };
    let key = |name: &str| expect.get(name);
    if let Some(wanted) = key("ok") {
        return match answer {
            Answer::Ok(value) | Answer::Value(value) => matched(wanted, value, "ok"),
            _ => vec![format!("{shown} instead of success {wanted}")],
        };
    }
    if let Some(wanted) = key("error") {
        return match answer {
            Answer::Error(value) => matched(wanted, value, "error"),
            _ => vec![format!("{shown} instead of failure {wanted}")],
        };
    }
    if let Some(wanted) = key("equals") {
        return match answer {
            Answer::Value(value) | Answer::Ok(value) | Answer::Error(value) => matched(wanted, value, "value"),
            Answer::Unmapped(_) | Answer::Met | Answer::Differs(_) => vec![shown],
        };
    }
    if let Some(wanted) = key("not") {
        return if compare(wanted, answer).is_empty() { vec![format!("{shown} should differ")] } else { Vec::new() };
    }
    if let Some(wanted) = key("empty") {
        let empty = match answer {
            Answer::Value(Value::Array(items)) | Answer::Ok(Value::Array(items)) => items.is_empty(),
            Answer::Value(Value::Null) | Answer::Ok(Value::Null) => true,
            _ => false,
        };
        return if Value::Bool(empty) == *wanted { Vec::new() } else { vec![format!("{shown}: empty is {empty}")] };
    }
    if let Some(wanted) = key("matches") {
        return match (wanted.get("$type").and_then(Value::as_str), answer) {
            (Some(kind), Answer::Error(value)) if value.get("$type").is_some() => {
                matched(&Value::from(kind), &value["$type"], "type")
            }
            _ => matched(wanted, &as_value(answer), "pattern"),
        };
    }
    vec![format!("expectation not understood: {expect}")]
}

fn as_value(answer: &Answer) -> Value {
    match answer {
        Answer::Value(value) | Answer::Ok(value) | Answer::Error(value) => value.clone(),
        Answer::Unmapped(_) | Answer::Met | Answer::Differs(_) => Value::Null,
    }
}

/// Differences between a matcher and a value. `_type` keys name classes of the reference and are not compared.
pub fn matched(wanted: &Value, value: &Value, path: &str) -> Vec<String> {
    if let Value::Object(keys) = wanted {
        if keys.contains_key("$any") {
            return Vec::new();
        }
        if let Some(pattern) = keys.get("$regex").and_then(Value::as_str) {
            let regex = fancy_regex::Regex::new(&format!("(?s)^(?:{pattern})$")).unwrap();
            let fits = value.as_str().is_some_and(|text| regex.is_match(text).unwrap_or(false));
            return if fits { Vec::new() } else { vec![format!("{path}: {value} does not match /{pattern}/")] };
        }
        if let Some(json) = keys.get("$json") {
            let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
            return matched(json, parsed.as_ref().unwrap_or(value), path);
        }
        let Value::Object(found) = value else { return vec![format!("{path}: {value} is no object; wanted {wanted}")] };
        let mut differences = Vec::new();
        for (key, inner) in keys.iter().filter(|(key, _)| *key != "_type") {
            match found.get(key) {
                Some(item) => differences.extend(matched(inner, item, &format!("{path}.{key}"))),
                None => differences.push(format!("{path}.{key}: missing")),
            }
        }
        for key in found.keys().filter(|key| *key != "_type" && !keys.contains_key(*key)) {
            differences.push(format!("{path}.{key}: unexpected {}", found[key]));
        }
        return differences;
    }
    if let (Value::Array(wanted), Value::Array(found)) = (wanted, value) {
        if wanted.len() != found.len() {
            return vec![format!("{path}: {} items, expected {}", found.len(), wanted.len())];
        }
        let pairs = wanted.iter().zip(found).enumerate();
        return pairs.flat_map(|(index, (w, f))| matched(w, f, &format!("{path}[{index}]"))).collect();
    }
    let same = match (wanted, value) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => wanted == value,
    };
    if same { Vec::new() } else { vec![format!("{path}: {value} instead of {wanted}")] }
}
