//! Cases of enrichments: a configuration, an event, and what is added to it.
//!
//! A call tree wraps the function that matters into accessors of the reference (`get value`, `each`, `render`); they are
//! looked through. Cases of older releases are put through the same functions; those whose behaviour has changed are
//! listed as known differences.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use serde_json::{Value, json};
use thresh::badrow::write_partial_event;
use thresh::enrichment::jsonpath::parse_gatling;
use thresh::event::Column;
use thresh::iglu::SchemaKey;

use super::calls::event_of;
use super::one_event::{Given, Made, instances, run};
use super::{Answer, matcher};

const SNOWPLOW: &str = "com.snowplowanalytics.snowplow";
const ENRICHMENTS: &str = "com.snowplowanalytics.snowplow.enrichments";

/// Answers a case, if it calls an enrichment that we have.
pub fn answer(case: &Value) -> Option<Answer> {
    let call = case["input"].get("call")?;
    let (name, core) = core(call)?;
    let (on, args) = (&core["on"], &core["args"]);
    let found = match name {
        "anonymizeIp" => masked(on, args)?,
        "extractMarketingFields" => campaign(on, args)?,
        "getEventFingerprint" => fingerprint(on, &args[0])?,
        "extract" if on["headersPattern"].is_string() => headers(on, args),
        "process" => return script(on, &args[0], &case["expect"]),
        "JsonPath.query" => return Some(path(args)),
        "extractRefererDetails" => referer(on, args)?,
        "JsonUtils.toJson" => formatted(args)?,
        "toPartiallyEnrichedEvent" => partial(&args[0], call["get"].as_str()?)?,
        "parse" if core == call => return parsed(core, &case["expect"]),
        "parse" => return Some(Answer::Unmapped("an enrichment whose service or data the reference's test makes")),
        "getYauaaContext" | "analyzeUserAgent" | "parseUserAgent" | "decapitalize" => {
            return Some(Answer::Unmapped("YAUAA, which has no counterpart"));
        }
        "convertCurrencies" => return Some(Answer::Unmapped("needs the rates of a service")),
        _ => return None,
    };
    let found = if call["call"] == "length" { json!(found.as_str()?.len()) } else { found };
    let expect = &case["expect"];
    if let Some(wanted) = expect.get("not") {
        let differs = !matcher::matched(&bare(&wanted["equals"]), &found, "value").is_empty();
        return Some(if differs { Answer::Met } else { Answer::Differs(vec![format!("{found} should differ")]) });
    }
    let mut wanted = expect.get("equals").or(expect.get("ok"))?.clone();
    // The result of another call of the same function.
    if let Some((other, inner)) = self::core(&wanted)
        && other == name
        && name == "getEventFingerprint"
    {
        wanted = fingerprint(&inner["on"], &inner["args"][0])?;
    }
    let differences = matcher::matched(&bare(&wanted), &found, "value");
    Some(if differences.is_empty() { Answer::Met } else { Answer::Differs(differences) })
}

const FUNCTIONS: [&str; 14] = [
    "JsonUtils.toJson",
    "anonymizeIp",
    "extractMarketingFields",
    "getEventFingerprint",
    "extract",
    "process",
    "JsonPath.query",
    "extractRefererDetails",
    "toPartiallyEnrichedEvent",
    "getYauaaContext",
    "analyzeUserAgent",
    "parseUserAgent",
    "decapitalize",
    "convertCurrencies",
];

/// The call that matters inside its accessors.
fn core(tree: &Value) -> Option<(&str, &Value)> {
    let members = tree.as_object()?;
    if let Some(name) = members.get("call").and_then(Value::as_str) {
        if name.ends_with(".parse") && name.contains("Enrichment") {
            return Some(("parse", tree));
        }
        let last = name.rsplit('.').next().unwrap_or(name);
        if let Some(known) = FUNCTIONS.iter().find(|known| **known == name || **known == last) {
            return Some((known, tree));
        }
    }
    let arguments = members.get("args").and_then(Value::as_array).into_iter().flatten();
    members.get("on").into_iter().chain(arguments).find_map(core)
}

/// An expectation without the accessors around it.
fn bare(wanted: &Value) -> Value {
    match wanted {
        Value::Object(members) => match members.get("call").and_then(Value::as_str) {
            Some("compact" | "render") => bare(&members["args"][0]),
            _ if members.len() == 1 && members.contains_key("ok") => bare(&members["ok"]),
            _ => members.iter().map(|(name, value)| (name.clone(), bare_member(name, value))).collect(),
        },
        Value::Array(items) => items.iter().map(bare).collect(),
        other => other.clone(),
    }
}

/// Arguments that are nothing at the end of a list say nothing.
fn bare_member(name: &str, value: &Value) -> Value {
    let mut value = bare(value);
    if let (true, Value::Array(arguments)) = (name == "_args", &mut value) {
        while arguments.last() == Some(&Value::Null) {
            arguments.pop();
        }
    }
    value
}

/// A value formatted by the kind of its name: CallRail has names of every kind.
fn formatted(args: &Value) -> Option<Value> {
    let name = args[0].as_str()?;
    let is_one_of = |names: &Value| match names {
        Value::Array(names) => names.iter().any(|known| known == name),
        Value::Object(pair) => pair.values().any(|names| names.as_array().is_some_and(|n| n.iter().any(|k| k == name))),
        _ => false,
    };
    let dates = args[4].as_array().and_then(|pair| pair.first()).unwrap_or(&Value::Null);
    let field = match () {
        () if is_one_of(&args[2]) => "answered",
        () if is_one_of(&args[3]) => "duration",
        () if is_one_of(dates) => "datetime",
        () => "other",
    };
    let value = super::adapter::callrail_field(field, args[1].as_str());
    Some(json!([name, value]))
}

fn masked(on: &Value, args: &Value) -> Option<Value> {
    let parameters = json!({
        "anonOctets": on["ipv4Octets"]["_args"][0].as_u64()?, "anonSegments": on["ipv6Segments"]["_args"][0].as_u64()?,
    });
    let given = Given { columns: json!({"user_ipaddress": args[0].as_str()?}), ..Given::default() };
    Some(run(SNOWPLOW, "anon_ip", "1-0-1", parameters, &given).ok()?.column("user_ipaddress"))
}

fn campaign(on: &Value, args: &Value) -> Option<Value> {
    let click_ids = on["clickIdParameters"].as_array()?.iter();
    let click_ids: Value =
        click_ids.map(|pair| Some((pair[0].as_str()?.to_owned(), network(&pair[1])?))).collect::<Option<_>>()?;
    let parameters = json!({"mapping": "static", "fields": {
        "mktMedium": on["mediumParameters"], "mktSource": on["sourceParameters"], "mktTerm": on["termParameters"],
        "mktContent": on["contentParameters"], "mktCampaign": on["campaignParameters"], "mktClickId": click_ids,
    }});
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let query = match &args[0] {
        Value::Array(pairs) => {
            pairs.iter().map(|pair| Some((text(&pair[0])?, text(&pair[1])))).collect::<Option<_>>()?
        }
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        _ => return None,
    };
    let made =
        run(SNOWPLOW, "campaign_attribution", "1-0-1", parameters, &Given { query: Some(query), ..Given::default() });
    let made = made.ok()?;
    let members = ["medium", "source", "term", "content", "campaign"];
    let mut found: serde_json::Map<String, Value> =
        members.map(|name| (name.to_owned(), made.column(&format!("mkt_{name}")))).into_iter().collect();
    found.insert("clickId".to_owned(), made.column("mkt_clickid"));
    found.insert("network".to_owned(), made.column("mkt_network"));
    Some(Value::Object(found))
}

fn network(value: &Value) -> Option<Value> {
    value.is_string().then(|| value.clone())
}

/// The name of a digest, however deep in the call tree.
fn digest(tree: &Value) -> Option<&str> {
    match tree {
        Value::Object(members) => {
            if members.get("call").and_then(Value::as_str).is_some_and(|call| call.ends_with("getAlgorithm")) {
                return tree["args"][0].as_str();
            }
            if let Some(name) = members.get("$hash").and_then(Value::as_str) {
                return Some(name);
            }
            members.values().find_map(digest)
        }
        Value::Array(items) => items.iter().find_map(digest),
        _ => None,
    }
}

fn fingerprint(on: &Value, parameters: &Value) -> Option<Value> {
    let config = json!({"hashAlgorithm": digest(on)?.to_uppercase(), "excludeParameters": on["excludedParameters"]});
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let parameters = parameters.as_object()?.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    let given = Given { parameters, ..Given::default() };
    Some(run(SNOWPLOW, "event_fingerprint_config", "1-0-1", config, &given).ok()?.column("event_fingerprint"))
}

fn headers(on: &Value, args: &Value) -> Value {
    let texts = args[0].as_array().into_iter().flatten().filter_map(Value::as_str);
    let given = Given { headers: texts.map(str::to_owned).collect(), ..Given::default() };
    let parameters = json!({"headersPattern": on["headersPattern"]});
    run(ENRICHMENTS, "http_header_extractor_config", "1-0-0", parameters, &given)
        .map_or_else(Value::from, |made| made.entities.into())
}

/// A script and what it makes of an event: entities, or a failure.
fn script(on: &Value, event: &Value, expect: &Value) -> Option<Answer> {
    let source = on["rawFunction"].as_str().or(compiled(on))?;
    let given = Given { columns: event.clone(), ..Given::default() };
    let parameters = json!({"script": STANDARD.encode(source)});
    let made = match run(SNOWPLOW, "javascript_script_config", "1-0-0", parameters, &given) {
        Ok(made) => made,
        Err(error) => Made { failures: vec![error], ..Made::default() },
    };
    // Texts are those of another engine: what counts is whether there is a failure, or which entities there are.
    let text = expect.to_string();
    let patterns = expect["matches"]["args"].as_array().filter(|_| expect["matches"]["$ctor"] == "List");
    let wants_failure = expect.get("error").is_some() || text.contains("EnrichmentFailure");
    if wants_failure == made.failures.is_empty() {
        return Some(Answer::Differs(vec![format!("{made:?}")]));
    }
    let wanted = expect.get("equals").or(expect.get("ok")).map(bare);
    let differences = match wanted {
        Some(wanted @ Value::Array(_)) => matcher::matched(&wanted, &made.entities.into(), "entities"),
        Some(wanted @ Value::Object(_)) => matcher::matched(&json!([wanted]), &made.entities.into(), "entities"),
        // A list whose elements are looked at elsewhere.
        _ if patterns.is_some_and(|patterns| patterns.len() != made.entities.len()) => {
            vec![format!("{} entities", made.entities.len())]
        }
        _ => Vec::new(),
    };
    Some(if differences.is_empty() { Answer::Met } else { Answer::Differs(differences) })
}

/// The source inside `JavascriptScriptEnrichment.compile`.
fn compiled(tree: &Value) -> Option<&str> {
    match tree {
        Value::Object(members) if tree["call"].as_str().is_some_and(|call| call.ends_with("compile")) => {
            members["args"][0].as_str()
        }
        Value::Object(members) => members.values().find_map(compiled),
        _ => None,
    }
}

fn path(args: &Value) -> Answer {
    let Some(text) = args[0].as_str() else { return Answer::Unmapped("no path") };
    let arena = Bump::new();
    let document = bare(&args[1]).to_string();
    match parse_gatling(text) {
        Err(error) => Answer::Error(error.to_string().into()),
        Ok(path) => {
            let document = thresh::json::parse(&document, &arena).unwrap();
            let hits = path.find(document).into_iter();
            Answer::Ok(hits.map(|hit| serde_json::from_str::<Value>(hit.value.source()).unwrap()).collect())
        }
    }
}

/// What a referrer is, by the database of the reference's tests.
fn referer(on: &Value, args: &Value) -> Option<Value> {
    let folder = super::folder()?.join("../../data/referers").canonicalize().ok()?;
    let database = std::fs::read_dir(&folder).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.ends_with(".json").then_some(name)
    })?;
    let domains = find(on, "internalDomains").or(find(on, "domains"))?;
    let uri = format!("file://{}", folder.display());
    let parameters = json!({"internalDomains": domains, "uri": uri, "database": database});
    let given = Given {
        columns: json!({"page_urlhost": args[1].as_str()?}),
        referrer: args[0].as_str().map(str::to_owned),
        ..Given::default()
    };
    let made = run(SNOWPLOW, "referer_parser", "2-0-0", parameters, &given).ok()?;
    let medium = made.column("refr_medium").as_str().map(|medium| medium[..1].to_uppercase() + &medium[1..]);
    let medium = medium.map_or(Value::Null, |medium| json!({"$ref": format!("Medium.{medium}")}));
    let mut arguments = vec![medium];
    arguments.extend(["refr_source", "refr_term"].map(|name| made.column(name)));
    while arguments.last() == Some(&Value::Null) {
        arguments.pop();
    }
    Some(json!({"_args": arguments}))
}

fn find<'v>(tree: &'v Value, name: &str) -> Option<&'v Value> {
    match tree {
        Value::Object(members) => members.get(name).or_else(|| members.values().find_map(|member| find(member, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// One column of an event as bad rows show it.
fn partial(event: &Value, column: &str) -> Option<Value> {
    let plain = |value: &Value| match value {
        Value::Object(members) => {
            members.get("_args").or(members.get("args")).map_or(Value::Null, |args| args[0].clone())
        }
        other => other.clone(),
    };
    let columns: Value = event.as_object()?.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
    Column::by_name(column)?;
    let arena = Bump::new();
    let mut json = Vec::new();
    write_partial_event(&event_of(&columns, &arena)?, &mut json);
    serde_json::from_slice::<Value>(&json).ok()?.get(column).cloned()
}

/// Whether a configuration is accepted, as it is by the reference.
fn parsed(call: &Value, expect: &Value) -> Option<Answer> {
    let (data, key) = (bare(&call["args"][0]), bare(&call["args"][1]));
    let uri = match key["_args"].as_array() {
        Some(parts) => {
            let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
            format!("iglu:{}", parts.join("/"))
        }
        None => key.as_str()?.to_owned(),
    };
    let key = SchemaKey::parse(&uri).ok()?;
    if data.get("parameters").is_none() && data.get("enabled").is_none() {
        return Some(Answer::Unmapped("a configuration computed by the reference"));
    }
    let accepted = instances(key.vendor, key.name, &key.version.to_string(), &data);
    // Data files of such configurations lie nowhere; all else was understood.
    let refusal = accepted.err().filter(|error| !error.contains("cannot read data file"));
    let wants_refusal = expect.get("error").is_some() || expect["matcher"] == "throwA";
    Some(match (wants_refusal, refusal) {
        (false, None) | (true, Some(_)) => Answer::Met,
        (_, refusal) => Answer::Differs(vec![format!("refused: {refusal:?}")]),
    })
}
