//! The adapter cases of a folder of conformance cases, if there is one.
//!
//! `THRESH_CONFORMANCE_CASES` names the folder; without it the test has nothing to do. Cases are data of the
//! reference's own tests: an input payload, and the events or failures that it must give.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::testing::{Request, with_result};
use super::{AdapterConfig, AdapterError, Registry};
use crate::payload::RawEvent;

#[test]
fn cases_of_the_current_release() {
    let Some(folder) = std::env::var_os("THRESH_CONFORMANCE_CASES") else { return };
    let path = std::path::Path::new(&folder).join("common-3.9.0.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let registry = Registry::new(&AdapterConfig::default(), None);
    let (mut passed, mut failed, mut skipped) = (0, Vec::new(), 0);
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        if case["area"] != "adapter" {
            continue;
        }
        match (request(&case["input"]), is_supported(&case)) {
            (Some(request), true) => match with_result(&registry, &request, |result| check(&case["expect"], result)) {
                Ok(()) => passed += 1,
                Err(reason) => failed.push(format!("{}: {reason}", case["id"])),
            },
            _ => skipped += 1,
        }
    }
    eprintln!("adapter cases: {passed} passed, {} failed, {skipped} skipped", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed > 0, "no case in {} could be run", path.display());
}

/// Some cases bring adapters or schemas of their own, or need more schemas than the test's validator knows.
fn is_supported(case: &Json) -> bool {
    let id = case["id"].as_str().unwrap_or_default();
    let foreign = ["custom-schema", "RemoteAdapterSpec", "the-body-fails-payload_data-JSO"];
    !foreign.iter().any(|part| id.contains(part))
}

fn request(input: &Json) -> Option<Request> {
    if let Some(loader) = input["loader"].as_object() {
        let adapter = loader["on"]["adapter"].as_str()?;
        let (vendor, version) = adapter.split_once('/')?;
        let mut request = super::testing::payload(vendor, version);
        request.body = Some(loader["args"][0].as_str()?.to_owned());
        return Some(request);
    }
    let payload = input["payload"].as_object()?;
    let text = |value: &Json| value.as_str().map(str::to_owned);
    let pairs = payload["querystring"].as_array()?;
    if pairs.iter().any(|pair| pair[1].is_object()) {
        return None;
    }
    // The reference's tests call adapters directly, some with a path that leads elsewhere.
    let (vendor, version) = match input["adapter"].as_str()? {
        "GoogleAnalyticsAdapter" => ("com.google.analytics".to_owned(), "v1".to_owned()),
        "RedirectAdapter" => ("r".to_owned(), "tp2".to_owned()),
        _ => (text(&payload["api"]["vendor"])?, text(&payload["api"]["version"])?),
    };
    Some(Request {
        vendor,
        version,
        query: pairs.iter().map(|pair| Some((text(&pair[0])?, text(&pair[1])))).collect::<Option<_>>()?,
        content_type: text(&payload["contentType"]),
        body: text(&payload["body"]),
        headers: Vec::new(),
    })
}

fn check(expect: &Json, result: super::AdapterResult<'_>) -> Result<(), String> {
    match (result, &expect["events"], &expect["failures"], expect["outcome"].as_str()) {
        (Ok(events), Json::Array(expected), _, _) => {
            if events.len() != expected.len() {
                return Err(format!("{} events instead of {}", events.len(), expected.len()));
            }
            events.iter().zip(expected).try_for_each(|(event, expected)| check_event(event, expected))
        }
        (Err(AdapterError::Failures(failures)), _, Json::Array(expected), _) => {
            if failures.len() != expected.len() {
                return Err(format!("{} failures instead of {}", failures.len(), expected.len()));
            }
            failures.iter().zip(expected).try_for_each(|(failure, expected)| {
                let mut out = Vec::new();
                failure.write_json(&mut out);
                check_failure(&serde_json::from_slice(&out).unwrap(), expected)
            })
        }
        (Ok(_), Json::Null, Json::Null, None | Some("events")) => Ok(()),
        (Err(_), Json::Null, Json::Null, Some("failure")) => Ok(()),
        (Ok(events), ..) => Err(format!("{} events, expected {expect}", events.len())),
        (Err(error), ..) => Err(format!("{error:?}, expected {expect}")),
    }
}

fn check_event(event: &RawEvent<'_>, expected: &Json) -> Result<(), String> {
    let parameters = expected["parameters"].as_object().ok_or("no parameters in the case")?;
    if event.parameters.len() != parameters.len() {
        return Err(format!("{:?} instead of {parameters:?}", event.parameters));
    }
    for (name, value) in parameters {
        let found = event.parameters.entry(name).ok_or_else(|| format!("no {name}"))?;
        let same = match (found, value.as_str()) {
            (Some(found), Some(value)) => found == value || same_json(found, value),
            (found, value) => found == value,
        };
        if !same {
            return Err(format!("{name} = {found:?} instead of {value}"));
        }
    }
    Ok(())
}

fn same_json(one: &str, other: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Json>(text).ok();
    matches!((parse(one), parse(other)), (Some(one), Some(other)) if one == other)
}

/// Texts made by a parser are not compared; mappings only where they are spelt out.
fn check_failure(found: &Json, expected: &Json) -> Result<(), String> {
    for (key, value) in expected.as_object().ok_or("no object in the case")? {
        let is_plain = value.is_string() || value.is_null();
        if key != "_type" && is_plain && found[key] != *value {
            return Err(format!("{key} = {} instead of {value}", found[key]));
        }
    }
    let arena = Bump::new();
    let text = found.to_string();
    crate::json::parse(&text, &arena).map(|_| ()).map_err(|error| error.to_string())
}
