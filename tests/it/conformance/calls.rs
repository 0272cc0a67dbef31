//! From a call tree to one of our functions.

use bumpalo::Bump;
use serde_json::{Value, json};
use thresh::badrow::Message;
use thresh::badrow::legacy::{Origin, legacy_text};
use thresh::event::{Column, EnrichedEvent};
use thresh::json as tape;
use thresh::payload;
use thresh::protocol::{convert, crossdomain, decimal, derived, ip, schema_fields, uri::Uri};

use super::Answer;

/// Answers a case.
pub fn answer(case: &Value) -> Answer {
    let input = &case["input"];
    if case["area"] == "adapter" {
        return super::adapter::answer(case);
    }
    if case["area"] == "recover" {
        return super::recover::answer(case);
    }
    if case["area"] == "load-sql" {
        return super::load::answer(case);
    }
    if case["area"] == "enrichment" {
        if let Some(answer) = super::enrichments::answer(case) {
            return answer;
        }
        return in_words_of(case, call(input));
    }
    if case["profile"] != "current" {
        return Answer::Unmapped("describes an older or newer release");
    }
    if let Some(answer) = super::ddl::answer(&input["call"]) {
        return answer;
    }
    call(input)
}

/// An answer in the words of the release that a case describes.
fn in_words_of(case: &Value, answer: Answer) -> Answer {
    let is_legacy = case["profile"] == "legacy-bad-rows";
    if let (true, Answer::Ok(value), wanted @ Value::Object(_)) = (is_legacy, &answer, &case["expect"]["equals"]) {
        // Success, but compared as a whole.
        let differences =
            wanted.get("ok").map_or(vec![wanted.to_string()], |ok| super::matcher::matched(ok, value, "ok"));
        return if differences.is_empty() { Answer::Met } else { Answer::Differs(differences) };
    }
    match (case["profile"].as_str(), answer) {
        (Some("legacy-bad-rows"), Answer::Ok(Value::String(uri))) if case["expect"]["ok"]["_type"] == "SchemaKey" => {
            let parts: Vec<&str> = uri.trim_start_matches("iglu:").split('/').collect();
            Answer::Ok(json!({"_args": parts}))
        }
        (Some("legacy-bad-rows"), Answer::Error(error)) if error["message"].is_object() => {
            let message = &error["message"];
            let text = |name: &str| message[name].as_str().map(str::to_owned);
            let message = Message::InputData {
                field: text("field").unwrap_or_default().into(),
                value: text("value").map(Into::into),
                expectation: text("expectation").unwrap_or_default().into(),
            };
            Answer::Error(legacy_text(&message, Origin::Event).concat().into())
        }
        (_, answer) => answer,
    }
}

fn call(input: &Value) -> Answer {
    match &input["call"] {
        Value::Object(call) => match (call.get("call").and_then(Value::as_str), call.get("on")) {
            (Some(name), None) => {
                let arguments = call.get("args").and_then(Value::as_array).cloned().unwrap_or_default();
                if !arguments.iter().all(is_literal) {
                    return Answer::Unmapped("arguments are not literals");
                }
                function(name, &arguments)
            }
            (Some("parseQuerystring"), Some(_)) => {
                let text = call["args"][0].as_str().unwrap_or_default();
                let arena = Bump::new();
                match payload::parse_querystring(text, "UTF-8", &arena) {
                    Ok(pairs) => Answer::Ok(pairs.iter().map(|(name, value)| json!([name, value])).collect()),
                    Err(error) => Answer::Error(error.expectation("UTF-8").into()),
                }
            }
            (Some(_), Some(object)) => super::methods::answer(input, object),
            (None, Some(object)) => super::methods::answer(input, object),
            _ => Answer::Unmapped("no call"),
        },
        _ => Answer::Unmapped("a sequence of calls"),
    }
}

/// Whether an argument is plain data, without calls or constants of the reference in it.
fn is_literal(argument: &Value) -> bool {
    match argument {
        Value::Object(map) => {
            !map.contains_key("call")
                && !map.contains_key("on")
                && !map.contains_key("$regex")
                && map.values().all(is_literal)
        }
        Value::Array(items) => items.iter().all(is_literal),
        _ => true,
    }
}

fn input_data(field: &Value, value: &Value, expectation: &str) -> Answer {
    let message = json!({"field": field, "value": value, "expectation": expectation});
    Answer::Error(json!({"enrichment": null, "message": message}))
}

/// A converter applied to (field, value).
fn converter<T: Into<Value>>(
    arguments: &[Value],
    convert: impl FnOnce(&str) -> Result<T, convert::Expectation>,
) -> Answer {
    let (field, value) = (&arguments[0], &arguments[1]);
    match convert(value.as_str().unwrap_or_default()) {
        Ok(converted) => Answer::Ok(converted.into()),
        Err(expectation) => input_data(field, value, &expectation),
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str()
}

fn millis(value: &Value) -> Option<i64> {
    text(value).and_then(thresh::event::time::parse_column_timestamp)
}

fn function(name: &str, arguments: &[Value]) -> Answer {
    let arena = &Bump::new();
    let first = arguments.first().unwrap_or(&Value::Null);
    match name {
        "ClientEnrichments.extractViewDimensions" => converter(arguments, |value| {
            let number = |text: &str| text.parse::<i32>().unwrap_or_default();
            convert::dimensions(value, arena).map(|(width, height)| json!([number(width), number(height)]))
        }),
        "EventEnrichments.extractEventType" => converter(arguments, convert::event_type),
        "EventEnrichments.extractTimestamp" => {
            converter(arguments, |value| convert::timestamp(value, arena).map(|(_, text)| text))
        }
        "EventEnrichments.formatCollectorTstamp" => collector_timestamp(first, arena),
        "EventEnrichments.getDerivedTimestamp" => {
            let [sent, created, collector, true_tstamp] = arguments else { return Answer::Unmapped("four timestamps") };
            let derived =
                derived::derived_timestamp(millis(true_tstamp), millis(created), millis(sent), millis(collector));
            Answer::Ok(derived.map(thresh::event::time::column_timestamp).into())
        }
        "MiscEnrichments.extractPlatform" => {
            converter(arguments, |value| convert::platform(value).map(|text| json!(text)))
        }
        "MiscEnrichments.extractIp" => {
            Answer::Ok(text(&arguments[1]).and_then(|value| ip::first_ip(value, arena)).into())
        }
        "SchemaEnrichment.extractSchema" => schema_of(arguments, arena),
        "PageEnrichments.extractPageUri" => {
            let page = text(&arguments[1]).or(text(first));
            let page = if first.is_string() { text(first).or(page) } else { page };
            match page.map(|page| Uri::parse(page, arena)) {
                None => Answer::Ok(Value::Null),
                Some(Ok(uri)) => Answer::Ok(uri.text.into()),
                Some(Err(error)) => Answer::Error(error.into()),
            }
        }
        "PageEnrichments.parseCrossDomain" => cross_domain(first, arena),
        "ConversionUtils.stringToUri" => match Uri::parse(text(first).unwrap_or_default(), arena) {
            Ok(uri) => Answer::Ok(uri.text.into()),
            Err(error) => Answer::Error(error.into()),
        },
        "ConversionUtils.explodeUri" => match Uri::parse(text(first).unwrap_or_default(), arena) {
            Ok(uri) => Answer::Value(exploded(&uri, arena)),
            Err(error) => Answer::Error(error.into()),
        },
        "ConversionUtils.fixTabsNewlines" => {
            Answer::Value(payload::decode::tsv_safe(text(first).unwrap_or_default(), arena).into())
        }
        "ConversionUtils.decodeBase64Url" => {
            // Releases up to r117 also pass the field's name.
            let encoded = arguments.last().and_then(text).unwrap_or_default();
            Answer::Ok(payload::base64_text(encoded, arena).into())
        }
        "ConversionUtils.validateUuid" => {
            converter(arguments, |value| convert::uuid(value, arena).map(|text| json!(text)))
        }
        "ConversionUtils.stringToJInteger" if arguments.len() == 2 && arguments[1].is_string() => {
            converter(arguments, |value| {
                convert::integer(value, arena).map(|number| number.and_then(|text| text.parse::<i32>().ok()))
            })
        }
        "ConversionUtils.stringToJInteger" if arguments.len() == 2 || first.is_null() => {
            Answer::Unmapped("null instead of a text")
        }
        "ConversionUtils.stringToJInteger" => match convert::integer(text(first).unwrap_or_default(), arena) {
            Ok(number) => Answer::Ok(number.and_then(|text| text.parse::<i32>().ok()).into()),
            Err(expectation) => Answer::Error(expectation.into()),
        },
        "ConversionUtils.stringToJBigDecimal"
        | "ConversionUtils.stringToJBigDecimal2"
        | "ConversionUtils.stringToDoublelike" => {
            converter(arguments, |value| decimal::decimal(value, arena).map(|text| json!(text)))
        }
        "ConversionUtils.stringToBooleanLikeJByte" | "ConversionUtils.stringToBooleanlikeJByte" => {
            converter(arguments, |value| {
                convert::boolean_digit(value).map(|digit| json!(digit.parse::<i32>().unwrap_or(9)))
            })
        }
        "ConversionUtils.singleEncodePcts" => {
            Answer::Value(payload::decode::undouble(text(first).unwrap_or_default(), arena).into())
        }
        "IpAddressExtractor.extractIpAddress" => {
            if let Some(column) = text(first) {
                // The column of a CloudFront log.
                return Answer::Value(payload::ip_of(column).or(text(&arguments[1])).into());
            }
            let headers: Vec<&str> = first.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            Answer::Value(payload::client_ip(&headers, text(&arguments[1]), arena).into())
        }
        "JsonUtils.validateAndReformatJson" => match tape::parse(json_argument(arguments), arena) {
            Ok(value) => Answer::Ok(value.compact_in(arena).into()),
            Err(error) => Answer::Error(format!("invalid json: {error}").into()),
        },
        "CollectorPayload.isIceRequest" => {
            let path = text(first).unwrap_or_default();
            Answer::Value((payload::parse_path(path) == Some(payload::Api::TP1)).into())
        }
        "CloudfrontLoader.toTimestamp" => {
            match thresh::raw::parse_timestamp(text(first).unwrap_or_default(), text(&arguments[1]).unwrap_or_default())
            {
                Ok(millis) => Answer::Ok(thresh::event::time::instant_text(millis).replace('Z', "+00:00").into()),
                Err(error) => Answer::Error(error.into()),
            }
        }
        _ => super::methods::function(name, arguments),
    }
}

/// The JSON text: releases up to r117 pass the field's name before it.
fn json_argument(arguments: &[Value]) -> &str {
    let at = usize::from(arguments.len() > 1 && arguments[1].is_string());
    arguments.get(at).and_then(text).unwrap_or_default()
}

fn collector_timestamp(argument: &Value, arena: &Bump) -> Answer {
    let millis = match argument {
        Value::Null => None,
        // new DateTime(millis, zone)
        date => match date["_args"][0].as_i64() {
            Some(millis) => Some(millis),
            None => return Answer::Unmapped("a date of the JVM"),
        },
    };
    match convert::collector_timestamp(millis, arena) {
        Ok((_, text)) => Answer::Ok(text.into()),
        Err((value, expectation)) => input_data(&"collector_tstamp".into(), &value.into(), &expectation),
    }
}

/// The event's columns as the case gives them.
pub fn event_of<'a>(columns: &Value, arena: &'a Bump) -> Option<EnrichedEvent<'a>> {
    let mut event = EnrichedEvent::default();
    for (name, value) in columns.as_object()?.iter().filter(|(name, _)| *name != "_type") {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => arena.alloc_str(text),
            other => arena.alloc_str(&other.to_string()),
        };
        event.set(Column::by_name(name)?, Some(text));
    }
    Some(event)
}

fn schema_of(arguments: &[Value], arena: &Bump) -> Answer {
    let Some(mut event) = event_of(&arguments[0], arena) else { return Answer::Unmapped("unknown columns") };
    if arguments.len() == 1 && event.get(Column::unstruct_event).is_some() {
        return Answer::Unmapped("an event that r117 parsed in this function");
    }
    if arguments.get(1).is_some_and(|schema| !schema.is_null()) {
        return Answer::Unmapped("an event parsed by the reference");
    }
    match schema_fields::set_schema_fields(&mut event, None, arena) {
        Err(expectation) => Answer::Error(expectation.into()),
        Ok(()) => {
            let part = |column| event.get(column).unwrap_or_default();
            let [vendor, name] = [part(Column::event_vendor), part(Column::event_name)];
            let [format, version] = [part(Column::event_format), part(Column::event_version)];
            if vendor.is_empty() {
                return Answer::Ok(Value::Null);
            }
            Answer::Ok(format!("iglu:{vendor}/{name}/{format}/{version}").into())
        }
    }
}

fn cross_domain(pairs: &Value, arena: &Bump) -> Answer {
    let pairs: Vec<(&str, Option<&str>)> = match pairs {
        Value::Object(members) => members.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        _ => {
            let pairs = pairs.as_array().into_iter().flatten();
            pairs.map(|pair| (pair[0].as_str().unwrap_or_default(), pair[1].as_str())).collect()
        }
    };
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (&*arena.alloc_str(n), v.map(|v| &*arena.alloc_str(v)))).collect();
    match crossdomain::cross_domain(&pairs, arena) {
        Ok(found) => Answer::Ok(json!([found.domain_userid, found.tstamp])),
        Err((value, expectation)) => input_data(&"sp_dtm".into(), &value.into(), &expectation),
    }
}

fn exploded(uri: &Uri<'_>, arena: &Bump) -> Value {
    let safe = |part: Option<&str>| part.and_then(|part| payload::decode::tsv_safe(arena.alloc_str(part), arena));
    json!({
        "scheme": uri.scheme, "host": uri.host, "port": uri.column_port(),
        "path": safe(uri.path), "query": safe(uri.query), "fragment": safe(uri.fragment),
    })
}
