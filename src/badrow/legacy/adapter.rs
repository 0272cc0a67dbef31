//! R117 wordings of adapter failures.
//!
//! Facts: snowplow/snowplow r117, `3-enrich/scala-common-enrich/.../adapters/**` and the tests beside it.

use super::event::{as_json, not_json_text};
use crate::badrow::Message;
use crate::payload::{CollectorPayload, SNOWPLOW_VENDOR};

/// The text of one message of this payload's adapter.
pub(super) fn text(message: &Message<'_>, payload: &CollectorPayload<'_>) -> String {
    let (vendor, version) = (payload.api.vendor, payload.api.version);
    match message {
        Message::InputData { field, .. } if field == "vendor/version" => {
            format!(
                "Payload with vendor {vendor} and version {version} not supported by this version of Scala Common Enrich"
            )
        }
        Message::InputData { field, value, expectation } => {
            let value = value.as_deref();
            match (vendor, version) {
                (SNOWPLOW_VENDOR, _) => tracker_text(field, value, expectation, payload),
                ("r", "tp2") => redirect_text(field, value, expectation),
                ("com.snowplowanalytics.iglu", _) => iglu_text(value, expectation),
                ("com.amazon.aws.cloudfront", _) => access_log_text(field, value, expectation),
                ("com.google.analytics", _) => analytics_text(field, value, expectation),
                _ => input_text(display_name(vendor), payload, field, value, expectation),
            }
        }
        Message::SchemaMapping { actual, expectation, .. } => {
            event_type_text(display_name(vendor), actual.as_deref(), expectation)
        }
        Message::NotJson { field, value, error } if field == "co|cx" => {
            not_json_text(field, value.as_deref().unwrap_or("null"), error)
        }
        Message::NotJson { error, .. } => json_text(display_name(vendor), error),
        Message::NotIglu { .. } if vendor == "com.snowplowanalytics.iglu" => {
            "Iglu event failed: detected SelfDescribingJson but schema key is missing".to_owned()
        }
        Message::CriterionMismatch { schema_key, criterion } => {
            format!("Verifying schema as {criterion} failed: found {schema_key}")
        }
        other => as_json(other),
    }
}

fn display_name(vendor: &str) -> &str {
    match vendor {
        "com.callrail" => "CallRail",
        "com.getvero" => "Vero",
        "com.google.analytics" => "GoogleAnalytics",
        "com.hubspot" => "HubSpot",
        "com.mailchimp" => "MailChimp",
        "com.mailgun" => "Mailgun",
        "com.mandrill" => "Mandrill",
        "com.marketo" => "Marketo",
        "com.olark" => "Olark",
        "com.pagerduty" => "PagerDuty",
        "com.pingdom" => "Pingdom",
        "com.sendgrid" => "Sendgrid",
        "com.snowplowanalytics.iglu" => "Iglu",
        "com.statusgator" => "StatusGator",
        "com.unbounce" => "Unbounce",
        "com.urbanairship.connect" => "UrbanAirship",
        other => other,
    }
}

fn event_type_text(name: &str, actual: Option<&str>, expectation: &str) -> String {
    let place = match expectation.rsplit_once(" at index ") {
        Some((_, index)) => format!(" at index [{index}]"),
        None => String::new(),
    };
    match actual {
        None => format!("{name} event{place} failed: type parameter not provided - cannot determine event type"),
        Some("") => format!("{name} event{place} failed: type parameter is empty - cannot determine event type"),
        Some(actual) => format!("{name} event{place} failed: type parameter [{actual}] not recognized"),
    }
}

fn json_text(name: &str, error: &str) -> String {
    let reason = error.strip_prefix("invalid json: ").unwrap_or(error);
    let what = match name {
        "HubSpot" | "PagerDuty" => "payload",
        "Mailgun" | "Olark" | "StatusGator" | "Unbounce" => "event string",
        "Mandrill" => "events string",
        _ => "event",
    };
    format!("{name} {what} failed to parse into JSON: [{reason}]")
}

fn tracker_text(field: &str, value: Option<&str>, expectation: &str, payload: &CollectorPayload<'_>) -> String {
    const CONTENT_TYPES: &str = "application/json, application/json; charset=utf-8, application/json; charset=UTF-8";
    let given = payload.content_type.unwrap_or("null");
    match (payload.api.version, field, expectation) {
        ("tp1", "querystring", _) => "Querystring is empty: no raw event to process".to_owned(),
        (_, "body" | "querystring", text) if text.ends_with("not a valid tracker protocol event") => {
            "Request body and querystring parameters empty, expected at least one populated".to_owned()
        }
        (_, "body", text) if text.starts_with("empty body") => {
            format!("Content type of {given} provided but request body empty")
        }
        (_, "contentType", _) if value.is_none() => {
            format!("Request body provided but content type empty, expected one of: {CONTENT_TYPES}")
        }
        (_, "contentType", _) => format!("Content type of {given} provided, expected one of: {CONTENT_TYPES}"),
        (_, _, "empty list of events") => EMPTY_LIST.to_owned(),
        _ => format!("Field [{field}]: [{}] {expectation}", value.unwrap_or("null")),
    }
}

fn redirect_text(field: &str, value: Option<&str>, expectation: &str) -> String {
    match (field, value) {
        ("querystring", None) => "Querystring is empty: cannot be a valid URI redirect".to_owned(),
        ("querystring", Some(_)) => "Querystring does not contain u parameter: not a valid URI redirect".to_owned(),
        (_, value) => format!("Field [{field}]: [{}] {expectation}", value.unwrap_or("null")),
    }
}

fn iglu_text(value: Option<&str>, expectation: &str) -> String {
    match (expectation, value) {
        ("empty `schema` field" | "empty body", _) => {
            "Iglu event failed: is not a sd-json or a valid GET or POST request".to_owned()
        }
        ("empty array of events", _) => {
            "Iglu event failed json sanity check: array of events cannot be empty".to_owned()
        }
        ("has no key-value pairs", _) => "Iglu event failed json sanity check: has no key-value pairs".to_owned(),
        ("INVALID_IGLUURI" | "INVALID_SCHEMAVER", Some(uri)) => {
            format!("{uri} is not a valid Iglu-format schema URI")
        }
        (text, None) if text.starts_with("expected one of") => {
            "Iglu event failed: ContentType must be set for a POST payload".to_owned()
        }
        (text, Some(_)) if text.starts_with("expected one of") => "Content type not supported".to_owned(),
        (text, _) => format!("Iglu event failed: {text}"),
    }
}

fn access_log_text(field: &str, value: Option<&str>, expectation: &str) -> String {
    let value = value.unwrap_or("");
    match field {
        "body" if expectation == "empty body" => "Cloudfront TSV has no body - this should be impossible".to_owned(),
        "body" => match expectation.strip_prefix("access log contained") {
            Some(rest) => format!("Access log TSV line contained{rest}"),
            None => expectation.to_owned(),
        },
        "dateTime" => {
            let (date, time) = value.split_once(' ').unwrap_or((value, ""));
            let reason = expectation.split_once(": ").map_or(expectation, |(_, reason)| reason);
            format!(
                "Unexpected exception converting Cloudfront web distribution access log date [{date}] and time [{time}] \
                 to timestamp: [{reason}]"
            )
        }
        _ => match expectation.strip_prefix("cannot be converted to ") {
            Some(kind) => format!("Field [{field}]: cannot convert [{value}] to {kind}"),
            None => format!("Field [{field}]: [{value}] {expectation}"),
        },
    }
}

fn analytics_text(field: &str, value: Option<&str>, expectation: &str) -> String {
    let given = value.unwrap_or("");
    match expectation {
        "empty body" => "Request body is empty: no GoogleAnalytics events to process".to_owned(),
        "no t parameter provided: cannot determine hit type" => {
            "No GoogleAnalytics t parameter provided: cannot determine hit type".to_owned()
        }
        "no matching hit type" => format!("No matching GoogleAnalytics hit type for hit type {given}"),
        _ => match expectation.strip_prefix("composite field name has to conform to regex ") {
            Some(regex) => format!(
                "Cannot parse field name {field}, it doesn't conform to the expected composite field regex: {regex}"
            ),
            None => format!("Field [{field}]: [{given}] {expectation}"),
        },
    }
}

const EMPTY_LIST: &str = "List of events is empty (should never happen, not catching empty list properly)";

fn input_text(
    name: &str,
    payload: &CollectorPayload<'_>,
    field: &str,
    value: Option<&str>,
    expectation: &str,
) -> String {
    if let Some(text) = request_text(name, payload, expectation) {
        return text;
    }
    let quoted_reason = expectation.strip_prefix("could not parse body: ");
    match (name, field, expectation) {
        (_, _, "empty list of events") => EMPTY_LIST.to_owned(),
        ("MailChimp", _, text) if text.starts_with("no `type`") => {
            "No MailChimp type parameter provided: cannot determine event type".to_owned()
        }
        ("Mailgun", _, text) if text.starts_with("no `event`") => {
            "No Mailgun event parameter provided: cannot determine event type".to_owned()
        }
        ("Mailgun", _, text) if text.starts_with("missing '") => format!("Mailgun event data {text}"),
        ("Mailgun", _, _) if quoted_reason.is_some() => {
            format!("MailgunAdapter could not parse body: [{}]", quoted_reason.unwrap_or_default())
        }
        ("Olark", _, "missing 'data' field") => match value {
            Some("") => "Olark event data is empty: nothing to process".to_owned(),
            _ => "Olark event data does not have 'data' as a key".to_owned(),
        },
        ("Olark", _, _) if quoted_reason.is_some() => {
            format!("Olark could not parse body: [{}]", quoted_reason.unwrap_or_default())
        }
        ("Olark", "timestamp", text) => format!("Olark could not convert timestamps: [{text}]"),
        ("StatusGator" | "Unbounce", _, _) if quoted_reason.is_some() => {
            format!("{name} incorrect event string : [{}]", quoted_reason.unwrap_or_default())
        }
        ("Unbounce", "data.json", text) if text.starts_with("missing") => {
            "Unbounce event data does not have 'data.json' as a key".to_owned()
        }
        ("Unbounce", "data.json", _) => "Unbounce event data is empty: nothing to process".to_owned(),
        ("Unbounce", field, _) => format!("Unbounce context data missing '{field}'"),
        ("Mandrill", _, text) => mandrill_text(text),
        ("PagerDuty", "messages", _) => "PagerDuty payload does not contain the needed 'messages' key".to_owned(),
        ("HubSpot", _, "not a json array") => {
            "Could not resolve HubSpot payload into a JSON array of events".to_owned()
        }
        ("Pingdom", "querystring", _) => {
            "Pingdom payload querystring does not have 'message' as a key: no event to process".to_owned()
        }
        ("Pingdom", field, _) => format!(
            "Pingdom name-value pair [{field} -> {}]: Passed regex - Collector is not catching unicode wrappers anymore",
            value.unwrap_or("")
        ),
        ("Vero", "type", text) => {
            let reason = text.strip_prefix("could not extract 'type': ").unwrap_or(text);
            format!("Could not extract type from Vero event JSON: [{reason}]")
        }
        _ => format!("Field [{field}]: [{}] {expectation}", value.unwrap_or("null")),
    }
}

/// Body absent or empty, content type absent or wrong.
fn request_text(name: &str, payload: &CollectorPayload<'_>, expectation: &str) -> Option<String> {
    let content_type = |expected: &str| match name {
        "Mailgun" => "application/x-www-form-urlencoded or multipart/form-data".to_owned(),
        _ => expected.to_owned(),
    };
    if expectation.starts_with("empty body") {
        let singular = matches!(name, "MailChimp" | "Marketo" | "Sendgrid" | "UrbanAirship" | "Vero");
        let noun = if singular { "event" } else { "events" };
        return Some(match payload.body {
            Some(_) => format!("{name} event body is empty: nothing to process"),
            None => format!("Request body is empty: no {name} {noun} to process"),
        });
    }
    if expectation.starts_with("empty querystring") {
        return Some(match name {
            "Pingdom" => "Pingdom payload querystring is empty: nothing to process".to_owned(),
            _ => format!("Querystring is empty: no {name} event to process"),
        });
    }
    if expectation == "expected no content type" {
        let given = payload.content_type.unwrap_or("null");
        return Some(format!("Content type of {given} provided, expected None for {name}"));
    }
    if let Some(expected) = expectation.strip_prefix("no content type: expected ") {
        let expected = content_type(expected);
        return Some(format!("Request body provided but content type empty, expected {expected} for {name}"));
    }
    let expected = content_type(expectation.strip_prefix("expected ")?);
    let given = payload.content_type.unwrap_or("null");
    Some(format!("Content type of {given} provided, expected {expected} for {name}"))
}

fn mandrill_text(expectation: &str) -> String {
    match expectation {
        "not a json array" => "Could not resolve Mandrill payload into a JSON array of events".to_owned(),
        "no `mandrill_events` parameter provided" => {
            "Mapped Mandrill body does not have 'mandrill_events' as a key".to_owned()
        }
        "`mandrill_events` field is empty" => "Mandrill events string is empty: nothing to process".to_owned(),
        other => match other.rsplit_once("actual size ") {
            Some((_, size)) => format!("Mapped Mandrill body has invalid count of keys: {size}"),
            None => other.to_owned(),
        },
    }
}
