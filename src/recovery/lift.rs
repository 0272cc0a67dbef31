//! Legacy rows in the shape that flows know: the request that the row's record holds, as `adapter_failures` would show
//! it, plus its path. New behaviour, not the reference's: its flows know self-describing rows only.

use bumpalo::Bump;
use serde_json::Value;

use super::coerce::thrift_of_base64;
use super::encoded::EncodedQuery;
use super::query::{clean_querystring, decode_leniently};
use super::recovered::RecoveredPayload;
use super::request::Request;
use crate::event::time::joda_text;
use crate::raw::{Loaded, LoggedRequest, RawFormat, ThriftContainer};

/// Why a legacy row has no request to show.
pub(super) enum NotLifted {
    /// Its line is an event that was enriched already: input to shredding, not to enrichment.
    Enriched,
    /// Its line is in no format that is known, or broken.
    Unreadable(String),
}

/// Fields of an enriched line, at least.
const ENRICHED_FIELDS: usize = 108;

/// A legacy row's request.
// One at a time, on the stack.
#[allow(clippy::large_enum_variant)]
pub(super) enum Lifted<'a> {
    /// As enrich's own loaders read it.
    Request(Request<'a>),
    /// Repaired, as a document.
    Repaired(Value),
}

impl Lifted<'_> {
    /// Appends the request as JSON.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Lifted::Request(request) => request.write_json(out),
            Lifted::Repaired(value) => out.extend_from_slice(value.to_string().as_bytes()),
        }
    }
}

/// The request of a legacy row's line.
pub(super) fn lift<'a>(line: &'a str, arena: &'a Bump) -> Result<Lifted<'a>, NotLifted> {
    if memchr::memchr_iter(b'\t', line.as_bytes()).count() + 1 >= ENRICHED_FIELDS {
        return Err(NotLifted::Enriched);
    }
    if let Some(request) = logged(line, arena) {
        return Ok(Lifted::Request(request));
    }
    if let Some(bytes) = super::decode_base64(line).filter(|bytes| !bytes.is_empty()) {
        return lift_thrift(line, arena.alloc_slice_copy(&bytes), arena);
    }
    let unknown = || NotLifted::Unreadable("its line is in no known raw format".to_owned());
    let format = crate::raw::detect(line.as_bytes(), "").ok_or_else(unknown)?;
    match crate::raw::load(&format, line.as_bytes(), arena) {
        Loaded::Payload(payload) => Ok(Lifted::Request(Request::new(payload, None, arena))),
        Loaded::Ignored => Err(NotLifted::Unreadable("its line is a header".to_owned())),
        Loaded::Bad(_) => Err(NotLifted::Unreadable(format!("its line is no readable record of format {format}"))),
    }
}

/// The request of a line of a CloudFront log, which never is base64, without parsing its querystring; `None` for other
/// lines, and where that is not to be had without parsing.
fn logged<'a>(line: &'a str, arena: &'a Bump) -> Option<Request<'a>> {
    let LoggedRequest { payload, query } = crate::raw::logged_request(line, arena)?;
    Some(Request::with_query(payload, EncodedQuery::of_column(query, arena)?, None, arena))
}

fn lift_thrift<'a>(line: &str, record: &'a [u8], arena: &'a Bump) -> Result<Lifted<'a>, NotLifted> {
    if let Loaded::Payload(payload) = crate::raw::load(&RawFormat::Thrift(ThriftContainer::Structs), record, arena) {
        let path = crate::raw::read_collector_payload(record, arena).ok().and_then(|record| record.path);
        return Ok(Lifted::Request(Request::new(payload, path, arena)));
    }
    // What the loader refuses may be repaired: illegal characters in the querystring, mostly.
    match thrift_of_base64(line, arena) {
        Ok(payload) => Ok(Lifted::Repaired(repaired(&payload))),
        Err(reason) => Err(NotLifted::Unreadable(format!("its record cannot be read: {reason}"))),
    }
}

fn repaired(payload: &RecoveredPayload<'_>) -> Value {
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
        let arena = Bump::new();
        let mut out = Vec::new();
        lift(line, &arena).ok().unwrap().write_json(&mut out);
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
    fn lines_of_logs_are_lifted_as_they_are_parsed() {
        let line = "2013-08-29\t00:18:48\tL\t8\t1.2.3.4\tGET\th\t/i\t200\t-\tM%2520\te=pv&p=%2541b&page=";
        let arena = Bump::new();
        assert!(logged(line, &arena).is_some());
        assert_eq!(lifted(line)["querystring"][1], serde_json::json!({"name":"p","value":"Ab"}));
        let title = format!("{line}a^b");
        assert!(lift(&title, &arena).is_err(), "an illegal character");
        let title = format!("{line}%C3");
        assert!(logged(&title, &arena).is_none());
        assert_eq!(lifted(&title)["querystring"][2], serde_json::json!({"name":"page","value":"\u{fffd}"}));
    }

    #[test]
    fn what_cannot_be_lifted_says_why() {
        let arena = Bump::new();
        let tabs = "\t".repeat(130);
        assert!(matches!(lift(&tabs, &arena), Err(NotLifted::Enriched)));
        assert!(matches!(lift("nonsense of no kind", &arena), Err(NotLifted::Unreadable(_))));
    }
}
