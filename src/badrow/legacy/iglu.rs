//! Validation failures as R117 printed them: the text block of the validator it used.
//!
//! Wordings: java-json-tools/json-schema-validator 2.2.3 (`validation.properties`), seen in the test data of
//! snowplow/snowplow r117. The old validator grouped missing and unwanted properties of one object, and named places
//! by JSON pointers; both are rebuilt from today's reports. Attributes that today's reports lack (`required`, `value`)
//! are left out.

use crate::iglu::{ClientError, LookupHistory, Report};
use crate::json::write_string;

/// One text per finding.
pub(super) fn texts(schema_key: &str, error: &ClientError) -> Vec<String> {
    match error {
        ClientError::Resolution { lookup_history } => vec![not_found(schema_key, lookup_history)],
        ClientError::Data { reports, .. } => report_texts(reports),
        ClientError::Schema { issues, .. } => issues
            .iter()
            .map(|issue| {
                format!(
                    "error: {}\n    level: \"error\"\n    schema: {{\"pointer\":{}}}\n",
                    issue.message,
                    quoted(&issue.path)
                )
            })
            .collect(),
    }
}

fn not_found(schema_key: &str, history: &[LookupHistory]) -> String {
    let repositories: Vec<String> = history
        .iter()
        .map(|entry| {
            let kind = if entry.repository == "Iglu Client Embedded" { "embedded" } else { "HTTP" };
            quoted(&format!("{} [{kind}]", entry.repository))
        })
        .collect();
    format!(
        "error: Could not find schema with key {schema_key} in any repository, tried:\n    level: \"error\"\n    \
         repositories: [{}]\n",
        repositories.join(",")
    )
}

/// A finding of the old validator: reports of one keyword on one object together.
struct Finding<'r> {
    path: &'r str,
    keyword: &'r str,
    reports: Vec<&'r Report>,
}

fn report_texts(reports: &[Report]) -> Vec<String> {
    let mut findings: Vec<Finding<'_>> = Vec::new();
    for report in reports {
        let path = report.path.as_deref().unwrap_or("$");
        let keyword = report.keyword.as_deref().unwrap_or("");
        let groups = matches!(keyword, "required" | "additionalProperties");
        match findings.iter_mut().find(|finding| groups && finding.path == path && finding.keyword == keyword) {
            Some(finding) => finding.reports.push(report),
            None => findings.push(Finding { path, keyword, reports: vec![report] }),
        }
    }
    findings.iter().map(finding_text).collect()
}

fn finding_text(finding: &Finding<'_>) -> String {
    let report = finding.reports[0];
    let keyword = match finding.keyword {
        "unionType" => "type",
        "dateTime" | "uuid" => "format",
        other => other,
    };
    let mut properties: Vec<&str> = finding.reports.iter().filter_map(|r| r.targets.first()).map(|t| &**t).collect();
    properties.sort_unstable();
    let list = format!("[{}]", properties.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","));
    let (text, attributes) = match keyword {
        "required" => (format!("object has missing required properties ({list})"), format!("    missing: {list}\n")),
        "additionalProperties" => {
            let text = format!("object instance has properties which are not allowed by the schema: {list}");
            (text, format!("    unwanted: {list}\n"))
        }
        "type" => type_text(report),
        _ => (without_path(report).to_owned(), String::new()),
    };
    let (schema, instance) = pointers(finding.path);
    format!(
        "error: {text}\n    level: \"error\"\n    schema: {{\"loadingURI\":\"#\",\"pointer\":{}}}\n    instance: \
         {{\"pointer\":{}}}\n    domain: \"validation\"\n    keyword: {}\n{attributes}",
        quoted(&schema),
        quoted(&instance),
        quoted(keyword)
    )
}

fn type_text(report: &Report) -> (String, String) {
    let found = report.targets.first().map_or("", |found| found);
    let expected = report.targets.get(1).map_or("", |expected| expected);
    let names: Vec<String> = expected.trim_matches(['[', ']']).split(", ").map(quoted).collect();
    let allowed = format!("[{}]", names.join(","));
    (
        format!("instance type ({found}) does not match any allowed primitive type (allowed: {allowed})"),
        format!("    found: {}\n    expected: {allowed}\n", quoted(found)),
    )
}

fn without_path(report: &Report) -> &str {
    let path = report.path.as_deref().unwrap_or("");
    report.message.strip_prefix(path).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&report.message)
}

/// The schema and instance pointers of a JSONPath such as `$.a[0].b`.
fn pointers(path: &str) -> (String, String) {
    let (mut schema, mut instance) = (String::new(), String::new());
    for step in path.trim_start_matches('$').split(['.', '[']).filter(|step| !step.is_empty()) {
        match step.strip_suffix(']') {
            Some(index) => {
                schema.push_str("/items");
                instance.push_str(&format!("/{index}"));
            }
            None => {
                schema.push_str(&format!("/properties/{step}"));
                instance.push_str(&format!("/{step}"));
            }
        }
    }
    (schema, instance)
}

fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}
