//! Legacy rows in the shape that flows know: the request that the row's record holds, as `adapter_failures` would show
//! it, plus its path. New behaviour, not the reference's: its flows know self-describing rows only.

use bumpalo::Bump;
use serde_json::Value;

use super::coerce::{RecoveredPayload, thrift_of_base64};
use super::query::{clean_querystring, decode_leniently};
use crate::event::time::joda_text;
use crate::json::write_string;
use crate::payload::CollectorPayload;
use crate::raw::{Loaded, RawFormat, ThriftContainer};

/// Why a legacy row has no request to show.
pub(super) enum NotLifted {
    /// Its line is an event that was enriched already: input to shredding, not to enrichment.
    Enriched,
    /// Its line is in no format that is known, or broken.
    Unreadable(String),
}

/// Fields of an enriched line, at least.
const ENRICHED_FIELDS: usize = 108;

/// Appends the request of a legacy row's line, as JSON.
pub(super) fn lift(line: &str, arena: &Bump, out: &mut Vec<u8>) -> Result<(), NotLifted> {
    if memchr::memchr_iter(b'\t', line.as_bytes()).count() + 1 >= ENRICHED_FIELDS {
        return Err(NotLifted::Enriched);
    }
    if let Some(bytes) = super::decode_base64(line).filter(|bytes| !bytes.is_empty()) {
        let record = arena.alloc_slice_copy(&bytes);
        return lift_thrift(line, record, arena, out);
    }
    let unknown = || NotLifted::Unreadable("its line is in no known raw format".to_owned());
    let format = crate::raw::detect(line.as_bytes(), "").ok_or_else(unknown)?;
    match crate::raw::load(&format, arena.alloc_slice_copy(line.as_bytes()), arena) {
        Loaded::Payload(payload) => {
            write_lifted(&payload, None, out);
            Ok(())
        }
        Loaded::Ignored => Err(NotLifted::Unreadable("its line is a header".to_owned())),
        Loaded::Bad(_) => Err(NotLifted::Unreadable(format!("its line is no readable record of format {format}"))),
    }
}

fn lift_thrift(line: &str, record: &[u8], arena: &Bump, out: &mut Vec<u8>) -> Result<(), NotLifted> {
    if let Loaded::Payload(payload) = crate::raw::load(&RawFormat::Thrift(ThriftContainer::Structs), record, arena) {
        let path = crate::raw::read_collector_payload(record, arena).ok().and_then(|record| record.path);
        write_lifted(&payload, path, out);
        return Ok(());
    }
    // What the loader refuses may be repaired: illegal characters in the querystring, mostly.
    match thrift_of_base64(line, arena) {
        Ok(payload) => {
            out.extend_from_slice(repaired(&payload).to_string().as_bytes());
            Ok(())
        }
        Err(reason) => Err(NotLifted::Unreadable(format!("its record cannot be read: {reason}"))),
    }
}

fn repaired(payload: &RecoveredPayload) -> Value {
    let query = clean_querystring(payload.querystring.as_deref().unwrap_or_default());
    let pairs: Vec<Value> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => {
                serde_json::json!({"name": decode_leniently(name), "value": decode_leniently(value)})
            }
            None => serde_json::json!({"name": decode_leniently(pair), "value": null}),
        })
        .collect();
    let mut value = payload.to_value();
    value["querystring"] = Value::Array(pairs);
    value["timestamp"] = Value::String(joda_text(payload.timestamp));
    let mut segments = payload.path.as_deref().unwrap_or_default().trim_start_matches('/').splitn(2, '/');
    value["vendor"] = Value::from(segments.next().unwrap_or_default());
    value["version"] = Value::from(segments.next().unwrap_or_default());
    value
}

fn write_lifted(payload: &CollectorPayload<'_>, path: Option<&str>, out: &mut Vec<u8>) {
    let timestamp = payload.context.timestamp.map(joda_text);
    out.extend_from_slice(b"{\"querystring\":[");
    for (index, (name, value)) in payload.querystring.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\"name\":" } else { b",{\"name\":" });
        write_string(name, out);
        out.extend_from_slice(b",\"value\":");
        write_text(*value, out);
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"headers\":[");
    for (index, header) in payload.context.headers.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(header, out);
    }
    out.push(b']');
    let source = &payload.source;
    for (name, value) in [
        ("vendor", Some(payload.api.vendor)),
        ("version", Some(payload.api.version)),
        ("contentType", payload.content_type),
        ("body", payload.body),
        ("collector", Some(source.name)),
        ("encoding", Some(source.encoding)),
        ("hostname", source.hostname),
        ("timestamp", timestamp.as_deref()),
        ("ipAddress", payload.context.ip_address),
        ("useragent", payload.context.useragent),
        ("refererUri", payload.context.referer_uri),
        ("networkUserId", payload.context.user_id),
        ("path", path),
    ] {
        if name == "path" && value.is_none() {
            continue;
        }
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        write_text(value, out);
    }
    out.push(b'}');
}

fn write_text(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => write_string(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn thrift(path: &str, query: &str) -> String {
        let payload = RecoveredPayload {
            collector: Some("c".into()),
            encoding: Some("UTF-8".into()),
            path: Some(path.into()),
            querystring: Some(query.into()),
            ..RecoveredPayload::default()
        };
        let mut out = Vec::new();
        payload.write_thrift(&mut out);
        STANDARD.encode(out)
    }

    fn lifted(line: &str) -> Value {
        let mut out = Vec::new();
        assert!(lift(line, &Bump::new(), &mut out).is_ok());
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn thrift_lines_keep_their_path_and_are_repaired() {
        let value = lifted(&thrift("/i", "e=pv&page=x"));
        assert_eq!((&value["path"], &value["version"]), (&Value::from("/i"), &Value::from("tp1")));
        assert_eq!(value["querystring"][1], serde_json::json!({"name":"page","value":"x"}));
        let value = lifted(&thrift("/i", "e=pv&page=%zz{x}"));
        assert_eq!(value["querystring"][1]["value"], Value::from("%zz{x}"));
    }

    #[test]
    fn what_cannot_be_lifted_says_why() {
        let arena = Bump::new();
        assert!(matches!(lift(&"\t".repeat(130), &arena, &mut Vec::new()), Err(NotLifted::Enriched)));
        assert!(matches!(lift("nonsense of no kind", &arena, &mut Vec::new()), Err(NotLifted::Unreadable(_))));
    }
}
