//! The recovery configuration document, schema versions 1 to 4.
//!
//! Facts: `iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema`, versions 1-0-0 (scenarios) and 2-0-0 to 4-0-0
//! (flows). Read leniently: what the code of event recovery accepts is accepted, even where its published schema is
//! stricter (`Add`, comparisons with null or booleans, names with spaces).

use serde_json::Value;

use super::condition::{Condition, Matcher, SizeMatcher};
use super::path::Path;
use super::pattern::Pattern;
use super::scenario::Scenario;
use super::step::{CastType, Operation, Step};
use crate::iglu::{SchemaCriterion, SchemaKey};

/// A named set of steps and the rows it is for.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Its name.
    pub name: String,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// Applied in order.
    pub steps: Vec<Step>,
}

/// What to do with bad rows.
#[derive(Clone, Debug)]
pub enum RecoveryConfig {
    /// Versions 2 to 4: flows by the schema of the bad row, in document order.
    Flows(Vec<(String, Option<SchemaCriterion>, Vec<Flow>)>),
    /// Version 1: scenarios by error text, for legacy rows.
    Scenarios(Vec<Scenario>),
}

/// Why a configuration cannot be used: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ConfigError {
    /// Path of the offending part, for example `data.iglu:….[0].steps[1].op`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl ConfigError {
    pub(super) fn new(path: &str, problem: impl Into<String>) -> Self {
        ConfigError { path: path.to_owned(), problem: problem.into() }
    }
}

impl RecoveryConfig {
    /// Reads a configuration document.
    pub fn parse(text: &str) -> Result<RecoveryConfig, ConfigError> {
        let document: Value =
            serde_json::from_str(text).map_err(|e| ConfigError::new("the document", format!("is not JSON: {e}")))?;
        let uri = document.get("schema").and_then(Value::as_str).ok_or_else(|| {
            let wanted = "iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/4-0-0";
            ConfigError::new(
                "schema",
                format!("missing; a recovery configuration names its schema, for example {wanted}"),
            )
        })?;
        let key = SchemaKey::parse(uri).map_err(|e| ConfigError::new("schema", format!("`{uri}`: {e}")))?;
        if (key.vendor, key.name) != ("com.snowplowanalytics.snowplow", "recoveries") {
            return Err(ConfigError::new(
                "schema",
                format!("`{uri}` is not a recovery configuration (…/recoveries/…)"),
            ));
        }
        let data = document.get("data").ok_or_else(|| ConfigError::new("data", "missing"))?;
        match (key.version.model, data) {
            (1, Value::Array(items)) => Scenario::parse_all(items).map(RecoveryConfig::Scenarios),
            (1, _) => Err(ConfigError::new("data", "version 1-0-0 holds an array of scenarios")),
            (2..=4, Value::Object(map)) => {
                let flows = map.iter().map(|(criterion, flows)| {
                    let path = format!("data.{criterion}");
                    let parsed = parse_flows(flows, &path)?;
                    Ok((criterion.clone(), SchemaCriterion::parse(criterion), parsed))
                });
                flows.collect::<Result<_, _>>().map(RecoveryConfig::Flows)
            }
            (2..=4, _) => {
                Err(ConfigError::new("data", "an object from schema criteria to arrays of flows is expected"))
            }
            (other, _) => Err(ConfigError::new("schema", format!("version {other}-*-* is not known; 1 to 4 are"))),
        }
    }

    /// Criteria that can never match, because they are no criteria: worth a warning.
    pub fn dead_criteria(&self) -> Vec<&str> {
        match self {
            RecoveryConfig::Flows(flows) => {
                flows.iter().filter(|(_, criterion, _)| criterion.is_none()).map(|(text, ..)| text.as_str()).collect()
            }
            RecoveryConfig::Scenarios(_) => Vec::new(),
        }
    }

    /// Every flow for rows of this schema, in document order.
    pub fn flows_for<'c, 'k>(&'c self, key: &'k SchemaKey<'k>) -> impl Iterator<Item = &'c Flow> + use<'c, 'k> {
        let all = match self {
            RecoveryConfig::Flows(flows) => flows.as_slice(),
            RecoveryConfig::Scenarios(_) => &[],
        };
        all.iter()
            .filter(move |(_, criterion, _)| criterion.as_ref().is_some_and(|c| c.matches(key)))
            .flat_map(|(_, _, flows)| flows)
    }

    /// The conditions of all flows.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let groups = match self {
            RecoveryConfig::Flows(groups) => groups.as_slice(),
            RecoveryConfig::Scenarios(_) => &[],
        };
        groups.iter().flat_map(|(_, _, flows)| flows).flat_map(|flow| &flow.conditions)
    }

    /// Names of everything that can be applied: flows by name, scenarios by what they do.
    pub fn names(&self) -> Vec<String> {
        match self {
            RecoveryConfig::Flows(groups) => {
                groups.iter().flat_map(|(_, _, flows)| flows).map(|flow| flow.name.clone()).collect()
            }
            RecoveryConfig::Scenarios(scenarios) => scenarios.iter().map(Scenario::label).collect(),
        }
    }
}

fn parse_flows(value: &Value, path: &str) -> Result<Vec<Flow>, ConfigError> {
    let items = value.as_array().ok_or_else(|| ConfigError::new(path, "an array of flows is expected"))?;
    let flow = |(index, item): (usize, &Value)| {
        let path = format!("{path}[{index}]");
        let name = text(item, "name", &path)?.to_owned();
        let conditions = list(item, "conditions", &path)?
            .iter()
            .enumerate()
            .map(|(n, condition)| parse_condition(condition, &format!("{path}.conditions[{n}]")))
            .collect::<Result<_, _>>()?;
        let steps = list(item, "steps", &path)?
            .iter()
            .enumerate()
            .map(|(n, step)| parse_step(step, &format!("{path}.steps[{n}]")))
            .collect::<Result<_, _>>()?;
        Ok(Flow { name, conditions, steps })
    };
    items.iter().enumerate().map(flow).collect()
}

fn text<'v>(value: &'v Value, key: &str, path: &str) -> Result<&'v str, ConfigError> {
    let found = value.get(key).ok_or_else(|| ConfigError::new(&format!("{path}.{key}"), "missing"))?;
    found
        .as_str()
        .ok_or_else(|| ConfigError::new(&format!("{path}.{key}"), format!("a string is expected, found {found}")))
}

fn list<'v>(value: &'v Value, key: &str, path: &str) -> Result<&'v [Value], ConfigError> {
    let found =
        value.get(key).ok_or_else(|| ConfigError::new(&format!("{path}.{key}"), "missing (may be empty: [])"))?;
    let items = found.as_array();
    items.map(Vec::as_slice).ok_or_else(|| ConfigError::new(&format!("{path}.{key}"), "an array is expected"))
}

fn pattern(source: &str, path: &str) -> Result<Pattern, ConfigError> {
    Pattern::new(source).map_err(|e| ConfigError::new(path, e.to_string()))
}

fn parse_condition(value: &Value, path: &str) -> Result<Condition, ConfigError> {
    let op = text(value, "op", path)?;
    if op != "Test" {
        return Err(ConfigError::new(&format!("{path}.op"), format!("`{op}` is not known; conditions have op Test")));
    }
    let at = Path::parse(text(value, "path", path)?);
    let matcher = value.get("value").ok_or_else(|| ConfigError::new(&format!("{path}.value"), "missing"))?;
    let matcher = parse_matcher(matcher, &format!("{path}.value"))?;
    Ok(Condition { path: at, matcher })
}

fn parse_matcher(value: &Value, path: &str) -> Result<Matcher, ConfigError> {
    let Value::Object(keys) = value else { return Ok(Matcher::Value(value.clone())) };
    if let Some(regex) = keys.get("regex") {
        let source =
            regex.as_str().ok_or_else(|| ConfigError::new(&format!("{path}.regex"), "a string is expected"))?;
        return Ok(Matcher::Regex(pattern(source, &format!("{path}.regex"))?));
    }
    if let Some(wanted) = keys.get("value") {
        return Ok(Matcher::Value(wanted.clone()));
    }
    let size = keys.get("size").ok_or_else(|| ConfigError::new(path, "one of regex, value, size is expected"))?;
    let number = |key: &str| size.get(key).and_then(Value::as_i64);
    let matcher = number("eq").map(SizeMatcher::Equal).or_else(|| number("gt").map(SizeMatcher::Greater));
    let matcher = matcher.or_else(|| number("lt").map(SizeMatcher::Less));
    matcher.map(Matcher::Size).ok_or_else(|| ConfigError::new(&format!("{path}.size"), "one integer of eq, gt, lt"))
}

fn parse_step(value: &Value, path: &str) -> Result<Step, ConfigError> {
    let at = Path::parse(text(value, "path", path)?);
    let matched = match value.get("match") {
        None | Some(Value::Null) => None,
        Some(_) => Some(pattern(text(value, "match", path)?, &format!("{path}.match"))?),
    };
    let new = || value.get("value").cloned().ok_or_else(|| ConfigError::new(&format!("{path}.value"), "missing"));
    let operation = match text(value, "op", path)? {
        "Replace" => Operation::Replace { pattern: matched, value: new()? },
        "Remove" => Operation::Replace { pattern: matched, value: Value::String(String::new()) },
        "Add" => Operation::Add { value: new()? },
        "Cast" => Operation::Cast { from: cast_type(value, "from", path)?, to: cast_type(value, "to", path)? },
        other => {
            let problem = format!("`{other}` is not known; steps have op Replace, Remove, Cast or Add");
            return Err(ConfigError::new(&format!("{path}.op"), problem));
        }
    };
    Ok(Step { path: at, operation })
}

fn cast_type(value: &Value, key: &str, path: &str) -> Result<CastType, ConfigError> {
    match text(value, key, path)? {
        "String" => Ok(CastType::String),
        "Numeric" => Ok(CastType::Numeric),
        "Boolean" => Ok(CastType::Boolean),
        "Array" => Ok(CastType::Array),
        other => {
            let problem = format!("`{other}` is not known; String, Numeric, Boolean and Array are");
            Err(ConfigError::new(&format!("{path}.{key}"), problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(version: &str, data: &str) -> String {
        format!(r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/{version}","data":{data}}}"#)
    }

    #[test]
    fn flows_are_found_by_criterion_in_document_order() {
        let data = r#"{
            "iglu:com.acme/a/jsonschema/1-*-*":[{"name":"x","conditions":[],"steps":[]}],
            "not a criterion":[],
            "iglu:com.acme/a/jsonschema/*-*-*":[{"name":"y","conditions":[],"steps":[
                {"op":"Replace","path":"$.a","match":"b","value":1},{"op":"Remove","path":"$.a"},
                {"op":"Cast","path":"$.a","from":"String","to":"Array"},{"op":"Add","path":"$.a","value":null}]}]}"#;
        let config = RecoveryConfig::parse(&document("4-0-0", data)).unwrap();
        let key = SchemaKey::parse("iglu:com.acme/a/jsonschema/1-0-1").unwrap();
        let names: Vec<&str> = config.flows_for(&key).map(|flow| flow.name.as_str()).collect();
        assert_eq!(names, ["x", "y"]);
        assert_eq!(config.dead_criteria(), ["not a criterion"]);
    }

    #[test]
    fn errors_name_the_place() {
        let flow = |steps: &str| {
            document("4-0-0", &format!(r#"{{"iglu:a/b/c/*-*-*":[{{"name":"x","conditions":[],"steps":{steps}}}]}}"#))
        };
        for (text, path) in [
            ("{}".to_owned(), "schema"),
            (document("9-0-0", "{}"), "schema"),
            (document("4-0-0", "[]"), "data"),
            (flow(r#"[{"op":"Rename","path":"$.a"}]"#), "data.iglu:a/b/c/*-*-*[0].steps[0].op"),
            (
                flow(r#"[{"op":"Replace","path":"$.a","match":"(","value":""}]"#),
                "data.iglu:a/b/c/*-*-*[0].steps[0].match",
            ),
            (flow("{}"), "data.iglu:a/b/c/*-*-*[0].steps"),
        ] {
            assert_eq!(RecoveryConfig::parse(&text).unwrap_err().path, path);
        }
    }
}
