//! Legacy rows in the shape that flows know: the request that the row's record holds, as `adapter_failures` would show
//! it, plus its path. New behaviour, not the reference's: its flows know self-describing rows only.

use bumpalo::Bump;
use serde_json::Value;

use super::coerce::{RecoveredPayload, thrift_of_base64};
use super::query::{clean_querystring, decode_leniently};
use crate::event::time::joda_text;
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

/// The request of a legacy row's line.
pub(super) fn lift(line: &str, arena: &Bump) -> Result<Value, NotLifted> {
    if line.bytes().filter(|byte| *byte == b'\t').count() + 1 >= ENRICHED_FIELDS {
        return Err(NotLifted::Enriched);
    }
    if let Some(bytes) = super::decode_base64(line).filter(|bytes| !bytes.is_empty()) {
        let record = arena.alloc_slice_copy(&bytes);
        return lift_thrift(line, record, arena);
    }
    let unknown = || NotLifted::Unreadable("its line is in no known raw format".to_owned());
    let format = crate::raw::detect(line.as_bytes(), "").ok_or_else(unknown)?;
    match crate::raw::load(&format, arena.alloc_slice_copy(line.as_bytes()), arena) {
        Loaded::Payload(payload) => Ok(lifted(&payload)),
        Loaded::Ignored => Err(NotLifted::Unreadable("its line is a header".to_owned())),
        Loaded::Bad(_) => Err(NotLifted::Unreadable(format!("its line is no readable record of format {format}"))),
    }
}

fn lift_thrift(line: &str, record: &[u8], arena: &Bump) -> Result<Value, NotLifted> {
    let whole = thrift_of_base64(line, arena);
    if let Loaded::Payload(payload) = crate::raw::load(&RawFormat::Thrift(ThriftContainer::Structs), record, arena) {
        let mut value = lifted(&payload);
        if let Ok(RecoveredPayload { path: Some(path), .. }) = whole {
            value["path"] = Value::String(path);
        }
        return Ok(value);
    }
    // What the loader refuses may be repaired: illegal characters in the querystring, mostly.
    let repaired = whole.map(|payload| repaired(&payload));
    repaired.map_err(|reason| NotLifted::Unreadable(format!("its record cannot be read: {reason}")))
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

fn lifted(payload: &CollectorPayload<'_>) -> Value {
    let pairs: Vec<Value> =
        payload.querystring.iter().map(|(name, value)| serde_json::json!({"name": name, "value": value})).collect();
    serde_json::json!({
        "vendor": payload.api.vendor,
        "version": payload.api.version,
        "querystring": pairs,
        "contentType": payload.content_type,
        "body": payload.body,
        "collector": payload.source.name,
        "encoding": payload.source.encoding,
        "hostname": payload.source.hostname,
        "timestamp": payload.context.timestamp.map(joda_text),
        "ipAddress": payload.context.ip_address,
        "useragent": payload.context.useragent,
        "refererUri": payload.context.referer_uri,
        "headers": payload.context.headers,
        "networkUserId": payload.context.user_id,
    })
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

    #[test]
    fn thrift_lines_keep_their_path_and_are_repaired() {
        let arena = Bump::new();
        let value = lift(&thrift("/i", "e=pv&page=x"), &arena).ok().unwrap();
        assert_eq!((&value["path"], &value["version"]), (&Value::from("/i"), &Value::from("tp1")));
        assert_eq!(value["querystring"][1], serde_json::json!({"name":"page","value":"x"}));
        let value = lift(&thrift("/i", "e=pv&page=%zz{x}"), &arena).ok().unwrap();
        assert_eq!(value["querystring"][1]["value"], Value::from("%zz{x}"));
    }

    #[test]
    fn what_cannot_be_lifted_says_why() {
        let arena = Bump::new();
        assert!(matches!(lift(&"\t".repeat(130), &arena), Err(NotLifted::Enriched)));
        assert!(matches!(lift("nonsense of no kind", &arena), Err(NotLifted::Unreadable(_))));
    }
}
