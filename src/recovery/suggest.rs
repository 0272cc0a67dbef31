//! What went wrong, in groups: bad rows by kind, normalised reason and field, and a skeleton of a configuration.
//!
//! Where reasons stand in each kind of row: snowplow/snowplow-badrows 2.2.0 `Failure.scala`, `FailureDetails.scala`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use bumpalo::Bump;
use regex::Regex;
use serde_json::{Value, json};

use super::recoverer::{LEGACY_ROW_KEY, UNRECOVERABLE};
use super::rows::BadRow;

/// Groups are not counted apart beyond so many.
const MAX_GROUPS: usize = 10_000;
const MAX_SAMPLES: usize = 3;
/// What rows say whose schema no registry has.
const MISSING_SCHEMA: &str = "the schema was not found";
/// Characters of a sample that are kept.
const SAMPLE_LENGTH: usize = 120;

/// Rows that failed for the same reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name of the rows' schema, or `legacy`.
    pub kind: String,
    /// Their schema as a criterion, `iglu:…/1-*-*`.
    pub criterion: String,
    /// The reason without what differs from row to row.
    pub reason: String,
    /// The field that is wrong, if the rows say which.
    pub field: Option<String>,
    /// The schema that was not met, if any.
    pub schema: Option<String>,
    /// How many reasons of this kind there were.
    pub count: u64,
    /// Some of the offending values or texts.
    pub samples: Vec<String>,
}

/// One reason of one row.
#[derive(Debug, Default)]
struct Reason {
    text: String,
    field: Option<String>,
    schema: Option<String>,
    sample: Option<String>,
}

/// Collects groups.
#[derive(Debug, Default)]
pub struct Suggestions {
    groups: HashMap<(String, String, Option<String>, Option<String>), Group>,
    /// Rows seen.
    pub rows: u64,
    /// Lines that are no bad rows.
    pub foreign: u64,
    arena: Bump,
}

impl Suggestions {
    /// Adds a line.
    pub fn add(&mut self, line: &str) {
        self.rows += 1;
        let mut arena = std::mem::take(&mut self.arena);
        let (kind, criterion, reasons) = describe(line, &arena);
        arena.reset();
        self.arena = arena;
        self.foreign += u64::from(kind == "no bad row");
        for reason in reasons {
            self.enter(&kind, &criterion, reason);
        }
    }

    fn enter(&mut self, kind: &str, criterion: &str, reason: Reason) {
        let mut text = normalise(&reason.text);
        let mut key = (kind.to_owned(), text.clone(), reason.field.clone(), reason.schema.clone());
        if self.groups.len() >= MAX_GROUPS && !self.groups.contains_key(&key) {
            "others".clone_into(&mut text);
            key = (kind.to_owned(), text.clone(), None, None);
        }
        let group = self.groups.entry(key).or_insert_with(|| Group {
            kind: kind.to_owned(),
            criterion: criterion.to_owned(),
            reason: text,
            field: reason.field,
            schema: reason.schema,
            count: 0,
            samples: Vec::new(),
        });
        group.count += 1;
        let sample: String = reason.sample.unwrap_or(reason.text).chars().take(SAMPLE_LENGTH).collect();
        let is_news = sample != group.reason && !group.samples.contains(&sample);
        if group.samples.len() < MAX_SAMPLES && is_news {
            group.samples.push(sample);
        }
    }

    /// All groups, the largest first.
    pub fn groups(&self) -> Vec<&Group> {
        let mut groups: Vec<&Group> = self.groups.values().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| (&a.kind, &a.reason).cmp(&(&b.kind, &b.reason))));
        groups
    }

    /// A configuration with a flow for each of the largest groups that a flow can mend: values are to be filled in.
    pub fn skeleton(&self, largest: usize) -> Value {
        let mut data = serde_json::Map::new();
        let groups = self.groups().into_iter().filter(|group| is_recoverable(group)).take(largest);
        for (index, group) in groups.enumerate() {
            let flows = data.entry(group.criterion.clone()).or_insert_with(|| json!([]));
            if let Some(flows) = flows.as_array_mut() {
                flows.push(flow(group, index + 1));
            }
        }
        json!({"schema": "iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/4-0-0", "data": data})
    }
}

fn is_recoverable(group: &Group) -> bool {
    group.kind != "no bad row" && !UNRECOVERABLE.contains(&group.kind.as_str())
}

fn flow(group: &Group, number: usize) -> Value {
    let (at, sought) = match (&group.schema, &group.field) {
        (Some(schema), _) => ("$.failure.messages", json_text(schema)),
        (None, Some(field)) if group.kind == "legacy" => ("$.failure.messages", json_text(&format!("Field [{field}]"))),
        (None, Some(field)) => {
            let key = if group.kind == "collector_payload_format_violation" { "payloadField" } else { "field" };
            ("$.failure", format!("\"{key}\":\"{}\"", json_text(field)))
        }
        (None, None) if group.kind == "legacy" => ("$.failure.messages", json_text(stable_part(&group.reason))),
        (None, None) => ("$.failure", json_text(stable_part(&group.reason))),
    };
    let path = match (group.kind.as_str(), &group.field, &group.schema) {
        ("schema_violations", field, Some(_)) => {
            let property = field.as_deref().and_then(|path| path.strip_prefix("$.")).unwrap_or("PROPERTY");
            format!("$.raw.parameters.ue_px.data.data.{property}")
        }
        ("schema_violations" | "enrichment_failures", Some(field), _) => format!("$.raw.parameters.{field}"),
        ("schema_violations" | "enrichment_failures", None, _) => "$.raw.parameters.NAME".to_owned(),
        ("collector_payload_format_violation", ..) => "$".to_owned(),
        (_, Some(field), _) if field == "body" || field == "contentType" => format!("$.{field}"),
        _ => "$.querystring.NAME".to_owned(),
    };
    // Once the schema is published, such rows only need another try.
    let steps = match group.reason == MISSING_SCHEMA {
        true => json!([]),
        false => json!([{"op": "Replace", "path": path, "value": "TO BE FILLED IN"}]),
    };
    json!({
        "name": format!("{}-{number}", group.kind.replace('_', "-")),
        "conditions": [{"op": "Test", "path": at, "value": {"regex": literal(&sought)}}],
        "steps": steps,
    })
}

/// A pattern that finds just this text.
fn literal(text: &str) -> String {
    format!("\\Q{}\\E", text.replace("\\E", "\\E\\\\E\\Q"))
}

/// A text as it stands inside of JSON.
fn json_text(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The longest piece of a normalised reason that is the same in all rows.
fn stable_part(reason: &str) -> &str {
    let pieces = reason.split(['<', '>']).enumerate().filter(|(index, _)| index % 2 == 0);
    pieces.map(|(_, piece)| piece.trim()).max_by_key(|piece| piece.len()).unwrap_or(reason)
}

fn describe(line: &str, arena: &Bump) -> (String, String, Vec<Reason>) {
    match BadRow::parse(arena.alloc_str(line), arena) {
        BadRow::SelfDescribing(row) => {
            let key = &row.key;
            let criterion = format!("iglu:{}/{}/{}/{}-*-*", key.vendor, key.name, key.format, key.version.model);
            let failure = row.data.get("failure").map(|failure| failure.to_serde()).unwrap_or_default();
            (key.name.to_owned(), criterion, reasons(&failure))
        }
        BadRow::Legacy { messages, .. } => {
            let reason = |text: String| Reason { field: bracketed_field(&text), text, ..Reason::default() };
            ("legacy".to_owned(), LEGACY_ROW_KEY.to_owned(), messages.into_iter().map(reason).collect())
        }
        BadRow::LegacyOversized => {
            let reason = Reason { text: "oversized: nothing is left of it".to_owned(), ..Reason::default() };
            ("size_violation".to_owned(), String::new(), vec![reason])
        }
        BadRow::Foreign(text) => {
            let reason = Reason { text, sample: Some(line.to_owned()), ..Reason::default() };
            ("no bad row".to_owned(), String::new(), vec![reason])
        }
    }
}

/// `Field [e]: …` names its field.
fn bracketed_field(text: &str) -> Option<String> {
    let (field, _) = text.split_once("Field [")?.1.split_once(']')?;
    Some(field.to_owned())
}

fn reasons(failure: &Value) -> Vec<Reason> {
    let found = match failure {
        Value::Array(items) => items.iter().flat_map(reasons_of).collect(),
        _ => match (failure.get("messages"), failure.get("message")) {
            (Some(Value::Array(messages)), _) => messages.iter().flat_map(reasons_of).collect(),
            (_, Some(message)) => reasons_of(message),
            _ => reasons_of(failure),
        },
    };
    match found.is_empty() {
        true => vec![Reason { text: "no reason given".to_owned(), ..Reason::default() }],
        false => found,
    }
}

/// The reasons in one message, whatever its shape.
fn reasons_of(message: &Value) -> Vec<Reason> {
    let text = |key: &str| message.get(key).and_then(Value::as_str).map(str::to_owned);
    if let Some(inner) = message.get("message").filter(|inner| inner.is_object()) {
        return reasons_of(inner);
    }
    let schema = text("schemaKey");
    let field = text("field").or_else(|| text("payloadField"));
    let sample = text("value");
    if let Some(expectation) = text("expectation").or_else(|| text("schemaCriterion")) {
        return vec![Reason { text: expectation, field, schema, sample }];
    }
    match message.get("error") {
        Some(Value::String(error)) => vec![Reason { text: error.clone(), field, schema, sample }],
        Some(error @ Value::Object(_)) => client_error(error, schema),
        _ => {
            let whole = text("text").or_else(|| text("type")).unwrap_or_else(|| message.to_string());
            vec![Reason { text: whole, field, schema, sample }]
        }
    }
}

/// An error of the Iglu client: a schema that is missing, or data that does not meet it.
fn client_error(error: &Value, schema: Option<String>) -> Vec<Reason> {
    let Some(reports) = error.get("dataReports").and_then(Value::as_array) else {
        let kind = error.get("error").and_then(Value::as_str).unwrap_or("error");
        let text = if kind == "ResolutionError" { MISSING_SCHEMA.to_owned() } else { kind.to_owned() };
        return vec![Reason { text, schema, ..Reason::default() }];
    };
    let report = |report: &Value| {
        let text = |key: &str| report.get(key).and_then(Value::as_str).map(str::to_owned);
        Reason { text: text("message").unwrap_or_default(), field: text("path"), schema: schema.clone(), sample: None }
    };
    reports.iter().map(report).collect()
}

/// A reason without what differs from row to row.
fn normalise(text: &str) -> String {
    static RULES: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
        let rule = |pattern: &str, name| (Regex::new(pattern).expect("a pattern of our own"), name);
        [
            rule(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "<uuid>"),
            rule(r"https?://[^\s\]'\x22)]*", "<url>"),
            rule(r"(: |with |string |URI |decoding )\[[^\]]*\]", "${1}<value>"),
            rule(r"'[^']*'", "<value>"),
            rule(r"\b\d+\b", "<n>"),
        ]
    });
    let first_line = text.lines().next().unwrap_or_default();
    let mut out = Cow::Borrowed(first_line);
    for (pattern, name) in RULES.iter() {
        // Versions of schemas tell reasons apart.
        if *name == "<n>" && first_line.contains("iglu:") {
            continue;
        }
        if let Cow::Owned(replaced) = pattern.replace_all(&out, *name) {
            out = Cow::Owned(replaced);
        }
    }
    out.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::RecoveryConfig;

    fn row(name: &str, failure: &str) -> String {
        format!(
            r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/{name}/jsonschema/2-0-1","data":{{"failure":{failure},"payload":{{}}}}}}"#
        )
    }

    #[test]
    fn rows_are_grouped_by_what_they_have_in_common() {
        let mut suggestions = Suggestions::default();
        for url in ["http://a{", "http://b{", "http://c{"] {
            let failure = format!(
                r#"{{"messages":[{{"enrichment":null,"message":{{"field":"page_url","value":"{url}","expectation":"Provided URI [{url}] could not be parsed"}}}}]}}"#
            );
            suggestions.add(&row("enrichment_failures", &failure));
        }
        suggestions.add(&row(
            "schema_violations",
            r#"{"messages":[{"schemaKey":"iglu:com.acme/x/jsonschema/1-0-0","error":{"error":"ValidationError","dataReports":[{"message":"$.n: string found, integer expected","path":"$.n","keyword":"type","targets":["string","integer"]}]}}]}"#,
        ));
        suggestions.add(r#"{"line":"x","errors":["Field [e]: [zz] is not a recognised event code"]}"#);
        suggestions.add("nonsense");
        let groups = suggestions.groups();
        assert_eq!((groups[0].count, groups[0].field.as_deref()), (3, Some("page_url")));
        assert_eq!(groups[0].reason, "Provided URI <value> could not be parsed");
        assert_eq!(groups[0].samples, ["http://a{", "http://b{", "http://c{"]);
        let violation = groups.iter().find(|group| group.kind == "schema_violations").unwrap();
        assert_eq!(violation.schema.as_deref(), Some("iglu:com.acme/x/jsonschema/1-0-0"));
        assert_eq!((suggestions.rows, suggestions.foreign), (6, 1));
    }

    #[test]
    fn the_skeleton_is_a_configuration_that_selects_its_rows() {
        let mut suggestions = Suggestions::default();
        let failure =
            r#"{"messages":[{"field":"body","value":"x","error":"invalid json: expected json value got 'x'"}]}"#;
        let bad = row("tracker_protocol_violations", failure);
        suggestions.add(&bad);
        suggestions.add(r#"{"line":"x","errors":["Field [e]: [zz] is not a recognised event code"]}"#);
        let skeleton = suggestions.skeleton(5);
        let config = RecoveryConfig::parse(&skeleton.to_string()).unwrap();
        assert_eq!(config.names(), ["legacy-1", "tracker-protocol-violations-2"]);
        let arena = Bump::new();
        let BadRow::SelfDescribing(row) = BadRow::parse(&bad, &arena) else { panic!("a bad row") };
        let flows: Vec<_> = config.flows_for(&row.key).collect();
        assert!(flows[0].conditions.iter().all(|condition| condition.holds(row.data)));
    }
}
