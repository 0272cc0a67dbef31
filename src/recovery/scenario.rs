//! Scenarios: the rule language of event recovery 0.1.x for legacy bad rows whose line is a Thrift record.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.1.1, `core/.../RecoveryScenario.scala`.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::config::ConfigError;
use super::path::decode_base64;
use super::pattern::Pattern;

/// Which part of a payload a scenario changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing
    Nothing,
    /// The raw querystring
    QueryString,
    /// The body
    Body,
    /// The path
    Path,
    /// A base64 field of the querystring
    Base64InQueryString(String),
    /// A base64 field of every event of a POST body
    Base64InBody(String),
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is called, for example `RemoveFromQueryString`.
    pub name: String,
    /// It applies when any error message contains this text.
    pub error: String,
    /// What it changes.
    pub target: Target,
    /// What is replaced by what.
    pub replacement: Option<(Pattern, String)>,
}

/// The parts of a payload that scenarios see.
pub struct Editable<'p, 'a> {
    /// Request path
    pub path: &'p mut Option<Cow<'a, str>>,
    /// Raw querystring
    pub querystring: &'p mut Option<Cow<'a, str>>,
    /// Body
    pub body: &'p mut Option<Cow<'a, str>>,
}

impl Scenario {
    /// Reads a list of scenarios.
    pub(super) fn parse_all(items: &[Value]) -> Result<Vec<Scenario>, ConfigError> {
        items.iter().enumerate().map(|(index, item)| parse(item, &format!("data[{index}]"))).collect()
    }

    /// Its name and the error it is for.
    pub fn label(&self) -> String {
        format!("{} ({})", self.name, self.error)
    }

    /// Whether it is for a row with these error messages.
    pub fn applies(&self, messages: &[String]) -> bool {
        messages.iter().any(|message| message.contains(&self.error))
    }

    /// Changes a payload; leaves it as it is where the scenario does not fit.
    pub fn apply(&self, payload: &mut Editable<'_, '_>) {
        let Some((pattern, replacement)) = &self.replacement else { return };
        let replace = |text: &str| pattern.replace_all(text, replacement).map(|text| text.into_owned());
        let in_place = |text: &mut Option<Cow<'_, str>>| {
            if let Some(replaced) = text.as_deref().and_then(replace) {
                *text = Some(Cow::Owned(replaced));
            }
        };
        match &self.target {
            Target::Nothing => {}
            Target::QueryString => in_place(payload.querystring),
            Target::Body => in_place(payload.body),
            Target::Path => in_place(payload.path),
            Target::Base64InQueryString(field) => {
                let edited = payload.querystring.as_deref().and_then(|text| edit_query(text, field, replace));
                if edited.is_some() {
                    *payload.querystring = edited.map(Cow::Owned);
                }
            }
            Target::Base64InBody(field) => {
                let edited = payload.body.as_deref().and_then(|text| edit_body(text, field, replace));
                if edited.is_some() {
                    *payload.body = edited.map(Cow::Owned);
                }
            }
        }
    }
}

fn parse(item: &Value, path: &str) -> Result<Scenario, ConfigError> {
    let text = |key: &str| {
        let found = item.get(key).and_then(Value::as_str).map(str::to_owned);
        found.ok_or_else(|| ConfigError::new(&format!("{path}.{key}"), "a string is expected"))
    };
    let name = text("name")?;
    let target = match name.as_str() {
        "PassThrough" => Target::Nothing,
        "ReplaceInQueryString" | "RemoveFromQueryString" => Target::QueryString,
        "ReplaceInBody" | "RemoveFromBody" => Target::Body,
        "ReplaceInPath" => Target::Path,
        "ReplaceInBase64FieldInQueryString" => Target::Base64InQueryString(text("base64Field")?),
        "ReplaceInBase64FieldInBody" => Target::Base64InBody(text("base64Field")?),
        other => return Err(ConfigError::new(&format!("{path}.name"), format!("`{other}` is not a known scenario"))),
    };
    let replacement = match (&target, name.starts_with("Remove")) {
        (Target::Nothing, _) => None,
        (_, true) => Some(("toRemove", text("toRemove")?, String::new())),
        (_, false) => Some(("toReplace", text("toReplace")?, text("replacement")?)),
    };
    let replacement = match replacement {
        None => None,
        Some((key, source, new)) => {
            let bad = |e: super::pattern::PatternError| ConfigError::new(&format!("{path}.{key}"), e.to_string());
            Some((Pattern::new(&source).map_err(bad)?, new))
        }
    };
    Ok(Scenario { name: name.clone(), error: text("error")?, target, replacement })
}

/// Replaces inside the first occurrence of a base64 field.
fn edit_query(query: &str, field: &str, replace: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut edited = false;
    let parts: Vec<String> = query
        .split('&')
        .map(|part| match part.split_once('=') {
            Some((name, value)) if name == field && !edited => {
                let inner = decode_base64(&value.replace("%3D", "").replace("%3d", ""));
                match inner.and_then(|bytes| replace(&String::from_utf8_lossy(&bytes))) {
                    Some(text) => {
                        edited = true;
                        format!("{name}={}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text))
                    }
                    None => part.to_owned(),
                }
            }
            _ => part.to_owned(),
        })
        .collect();
    edited.then(|| parts.join("&"))
}

/// Replaces inside a base64 field of every item of `data`.
fn edit_body(body: &str, field: &str, replace: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut document: Value = serde_json::from_str(body).ok()?;
    for item in document.get_mut("data")?.as_array_mut()? {
        let Some(value) = item.get_mut(field) else { continue };
        let text = decode_base64(value.as_str()?)?;
        *value = Value::String(STANDARD.encode(replace(&String::from_utf8_lossy(&text))?));
    }
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(scenario: Value, query: &str, body: Option<&str>) -> (Option<String>, Option<String>) {
        let scenario = &Scenario::parse_all(&[scenario]).unwrap()[0];
        let (mut path, mut querystring, mut body) = (None, Some(query.into()), body.map(Cow::Borrowed));
        scenario.apply(&mut Editable { path: &mut path, querystring: &mut querystring, body: &mut body });
        (querystring.map(Cow::into_owned), body.map(Cow::into_owned))
    }

    #[test]
    fn removing_from_the_querystring() {
        let scenario = json!({"name":"RemoveFromQueryString","error":"x","toRemove":"\\{.*\\}"});
        assert_eq!(applied(scenario, "e=pv&page={DemoPageTitle}", None).0.unwrap(), "e=pv&page=");
    }

    #[test]
    fn base64_fields() {
        let cx = STANDARD.encode(r#"{"v":"1-0-3"}"#);
        let scenario = json!({"name":"ReplaceInBase64FieldInQueryString","error":"x","base64Field":"cx","toReplace":"1-0-3","replacement":"1-0-4"});
        let query = applied(scenario.clone(), &format!("e=pv&cx={cx}"), None).0.unwrap();
        let value = decode_base64(query.strip_prefix("e=pv&cx=").unwrap()).unwrap();
        assert_eq!(value, br#"{"v":"1-0-4"}"#);
        assert_eq!(applied(scenario, "e=pv&cx=%", None).0.unwrap(), "e=pv&cx=%");
        let scenario = json!({"name":"ReplaceInBase64FieldInBody","error":"x","base64Field":"cx","toReplace":"1-0-3","replacement":"1-0-4"});
        let body = applied(scenario, "", Some(&json!({"data":[{"cx":cx},{"e":"pv"}]}).to_string())).1.unwrap();
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(decode_base64(body["data"][0]["cx"].as_str().unwrap()).unwrap(), br#"{"v":"1-0-4"}"#);
    }

    #[test]
    fn any_message_may_contain_the_error() {
        let scenario = &Scenario::parse_all(&[json!({"name":"PassThrough","error":"pairs"})]).unwrap()[0];
        assert!(scenario.applies(&["other".into(), "extracting name-value pairs from".into()]));
        assert!(!scenario.applies(&[]));
        assert!(Scenario::parse_all(&[json!({"name":"Custom","error":""})]).is_err());
    }
}
