//! From the payload of a bad row back to a collector payload.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../domain` and `.../util/payload.scala`. Its two
//! defects (values encoded twice, paths rebuilt wrongly) are not reproduced.

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::Value;

use super::query::querystring;
use crate::payload::decode::url_decode;
use crate::raw::ThriftPayload;

/// A collector payload that owns its texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RecoveredPayload {
    pub ip_address: Option<String>,
    pub timestamp: i64,
    pub encoding: Option<String>,
    pub collector: Option<String>,
    pub user_agent: Option<String>,
    pub referer_uri: Option<String>,
    pub path: Option<String>,
    pub querystring: Option<String>,
    pub body: Option<String>,
    pub headers: Option<Vec<String>>,
    pub content_type: Option<String>,
    pub hostname: Option<String>,
    pub network_user_id: Option<String>,
}

impl RecoveredPayload {
    /// Appends the payload as a Thrift record.
    pub fn write_thrift(&self, out: &mut Vec<u8>) {
        let headers: Option<Vec<&str>> = self.headers.as_ref().map(|list| list.iter().map(String::as_str).collect());
        let payload = ThriftPayload {
            ip_address: self.ip_address.as_deref(),
            timestamp: self.timestamp,
            encoding: self.encoding.as_deref(),
            collector: self.collector.as_deref(),
            user_agent: self.user_agent.as_deref(),
            referer_uri: self.referer_uri.as_deref(),
            path: self.path.as_deref(),
            querystring: self.querystring.as_deref(),
            body: self.body.as_deref(),
            headers: headers.as_deref(),
            content_type: self.content_type.as_deref(),
            hostname: self.hostname.as_deref(),
            network_user_id: self.network_user_id.as_deref(),
        };
        crate::raw::write_collector_payload(&payload, out);
    }

    /// The payload as JSON, to be shown.
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "ipAddress": self.ip_address,
            "timestamp": self.timestamp,
            "encoding": self.encoding,
            "collector": self.collector,
            "useragent": self.user_agent,
            "refererUri": self.referer_uri,
            "path": self.path,
            "querystring": self.querystring,
            "body": self.body,
            "headers": self.headers,
            "contentType": self.content_type,
            "hostname": self.hostname,
            "networkUserId": self.network_user_id,
        })
    }

    /// A copy of a Thrift record's fields.
    pub fn from_thrift(payload: &ThriftPayload<'_>) -> RecoveredPayload {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        RecoveredPayload {
            ip_address: owned(payload.ip_address),
            timestamp: payload.timestamp,
            encoding: owned(payload.encoding),
            collector: owned(payload.collector),
            user_agent: owned(payload.user_agent),
            referer_uri: owned(payload.referer_uri),
            path: owned(payload.path),
            querystring: owned(payload.querystring),
            body: owned(payload.body),
            headers: payload.headers.map(|list| list.iter().map(|header| (*header).to_owned()).collect()),
            content_type: owned(payload.content_type),
            hostname: owned(payload.hostname),
            network_user_id: owned(payload.network_user_id),
        }
    }
}

/// What a bad row's payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// A whole request: `adapter_failures`, `tracker_protocol_violations`, lifted legacy rows.
    Collector,
    /// One event as parameters: `schema_violations`, `enrichment_failures`.
    RawEvent,
}

/// What bad rows call the collectors whose logs are text.
const LOG_LOADERS: [&str; 2] = ["cloudfront", "clj-tomcat"];

impl PayloadKind {
    /// The name of its list of name-value pairs.
    pub(super) fn list(self) -> &'static str {
        match self {
            PayloadKind::Collector => "querystring",
            PayloadKind::RawEvent => "parameters",
        }
    }
}

/// Typed access to a payload that steps may have bent.
pub(super) trait PayloadFields {
    /// What it is.
    fn kind(&self) -> PayloadKind;
    /// A text or null.
    fn text(&self, name: &str) -> Result<Option<Cow<'_, str>>, String>;
    /// A list of texts.
    fn texts(&self, name: &str) -> Result<Vec<String>, String>;
    /// The name-value pairs.
    fn pairs(&self) -> Result<Vec<Pair<'_>>, String>;
}

/// Turns the edited payload into a collector payload. `payload` is the collector payload itself, or the object with
/// `raw`.
pub fn coerce(payload: &Value, kind: PayloadKind) -> Result<RecoveredPayload, String> {
    let object = match kind {
        PayloadKind::Collector => payload,
        PayloadKind::RawEvent => payload.get("raw").unwrap_or(&Value::Null),
    };
    coerce_fields(&ObjectFields { kind, object })
}

/// Turns fields into a collector payload.
pub(super) fn coerce_fields(fields: &impl PayloadFields) -> Result<RecoveredPayload, String> {
    let kind = fields.kind();
    let (collector, user_id) = match kind {
        PayloadKind::Collector => ("collector", "networkUserId"),
        PayloadKind::RawEvent => ("loaderName", "userId"),
    };
    let owned = |name: &str| fields.text(name).map(|text| text.map(Cow::into_owned));
    let required = |name: &str| owned(name)?.ok_or_else(|| format!("{name}: missing"));
    let pairs = fields.pairs()?;
    let vendor = required("vendor")?;
    let path = match owned("path")? {
        Some(path) => path,
        None => format!("/{vendor}/{}", required("version")?),
    };
    // 0 if absent, as the reference has it.
    let timestamp = match fields.text("timestamp")? {
        None => 0,
        Some(text) => parse_instant(&text).ok_or_else(|| format!("timestamp: {text}: not an ISO 8601 instant"))?,
    };
    let mut recovered = RecoveredPayload {
        ip_address: owned("ipAddress")?,
        timestamp,
        encoding: Some(required("encoding")?),
        collector: Some(required(collector)?),
        user_agent: owned("useragent")?,
        referer_uri: owned("refererUri")?,
        path: Some(path),
        querystring: Some(querystring(&pairs)),
        body: owned("body")?,
        headers: None,
        content_type: owned("contentType")?,
        hostname: owned("hostname")?,
        network_user_id: owned(user_id)?,
    };
    // Logs hold user agents encoded, and enrich decodes those of logs: Thrift records hold them decoded.
    if recovered.collector.as_deref().is_some_and(|name| LOG_LOADERS.contains(&name)) {
        recovered.user_agent = recovered.user_agent.as_deref().map(decoded_agent);
    }
    match kind {
        PayloadKind::Collector => recovered.headers = Some(fields.texts("headers")?),
        PayloadKind::RawEvent => {
            recovered.body = None;
            recovered.content_type = None;
            rebuild_body(&vendor, &pairs, &mut recovered)?;
        }
    }
    Ok(recovered)
}

/// The way enrich decodes user agents of logs: all of it or nothing.
fn decoded_agent(encoded: &str) -> String {
    let arena = Bump::new();
    url_decode(arena.alloc_str(encoded), &arena).unwrap_or(encoded).to_owned()
}

/// Two vendors' events need their body again: it was taken apart into `ue_pr`.
fn rebuild_body(vendor: &str, pairs: &[Pair<'_>], out: &mut RecoveredPayload) -> Result<(), String> {
    if vendor != "com.sendgrid" && vendor != "com.snowplowanalytics.iglu" {
        return Ok(());
    }
    let unstruct = pairs.iter().find(|(name, _)| name == "ue_pr").and_then(|(_, value)| value.as_deref());
    let unstruct: Value = serde_json::from_str(unstruct.ok_or("no parameter ue_pr to rebuild the body from")?)
        .map_err(|e| format!("ue_pr is not JSON: {e}"))?;
    let inner = unstruct.get("data").ok_or("ue_pr has no data")?;
    let uri = inner.get("schema").and_then(Value::as_str).ok_or("ue_pr has no schema inside its data")?;
    let data = inner.get("data").ok_or("ue_pr has no data inside its data")?;
    if vendor == "com.sendgrid" {
        let mut event = data.as_object().cloned().ok_or("the event inside ue_pr is no object")?;
        let name = uri.split('/').nth(1).unwrap_or_default();
        event.insert("event".into(), Value::from(name));
        out.body = Some(Value::Array(vec![Value::Object(event)]).to_string());
    } else {
        out.body = Some(data.to_string());
        out.querystring = Some(format!("schema={uri}"));
    }
    out.content_type = Some("application/json".to_owned());
    Ok(())
}

/// A name and its value.
pub(super) type Pair<'v> = (Cow<'v, str>, Option<Cow<'v, str>>);

/// A payload that was taken apart whole.
struct ObjectFields<'v> {
    kind: PayloadKind,
    object: &'v Value,
}

impl PayloadFields for ObjectFields<'_> {
    fn kind(&self) -> PayloadKind {
        self.kind
    }

    fn text(&self, name: &str) -> Result<Option<Cow<'_, str>>, String> {
        text_of(self.object.get(name), name)
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        texts_of(self.object.get(name), name)
    }

    fn pairs(&self) -> Result<Vec<Pair<'_>>, String> {
        pairs_of(self.object.get(self.kind.list()), self.kind.list())
    }
}

pub(super) fn expected_text(name: &str, found: &Value) -> String {
    format!("{name}: a string is expected, found {found}")
}

pub(super) fn text_of<'v>(value: Option<&'v Value>, name: &str) -> Result<Option<Cow<'v, str>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Cow::Borrowed(text))),
        Some(other) => Err(expected_text(name, other)),
    }
}

pub(super) fn texts_of(value: Option<&Value>, name: &str) -> Result<Vec<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| format!("{name}: {item} is no string")))
            .collect(),
        Some(other) => Err(format!("{name}: an array is expected, found {other}")),
    }
}

/// The value of a pair: numbers and booleans are taken as their text.
pub(super) fn pair_value<'v>(value: Option<&'v Value>, list: &str) -> Result<Option<Cow<'v, str>>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(Cow::Borrowed(text))),
        Some(Value::Number(number)) => Ok(Some(Cow::Owned(number.to_string()))),
        Some(Value::Bool(flag)) => Ok(Some(Cow::Owned(flag.to_string()))),
        Some(other) => Err(format!("{list}: {other} is no value of a parameter")),
    }
}

/// Name-value pairs in either form: a list of objects, or one object.
pub(super) fn pairs_of<'v>(list: Option<&'v Value>, name: &str) -> Result<Vec<Pair<'v>>, String> {
    match list {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Object(map)) => {
            map.iter().map(|(key, item)| Ok((Cow::Borrowed(key.as_str()), pair_value(Some(item), name)?))).collect()
        }
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| {
                let key = item.get("name").and_then(Value::as_str);
                let key = key.ok_or_else(|| format!("{name}: {item} has no name"))?;
                Ok((Cow::Borrowed(key), pair_value(item.get("value"), name)?))
            })
            .collect(),
        Some(other) => Err(format!("{name}: a list of pairs is expected, found {other}")),
    }
}

/// Milliseconds since 1970 of an ISO 8601 instant; without an offset it is taken for UTC.
pub fn parse_instant(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp().as_millisecond())
}

/// Decodes a Thrift record out of base64, also when it was encoded twice.
pub fn thrift_of_base64(text: &str, arena: &Bump) -> Result<RecoveredPayload, String> {
    let once = super::decode_base64(text).ok_or("not base64")?;
    let bytes = arena.alloc_slice_copy(&once);
    let error = match crate::raw::read_collector_payload(bytes, arena) {
        Ok(payload) if payload.collector.is_some() => return Ok(RecoveredPayload::from_thrift(&payload)),
        Ok(_) => "no CollectorPayload (it names no collector)".to_owned(),
        Err(error) => error.to_string(),
    };
    let twice = std::str::from_utf8(bytes).ok().and_then(super::decode_base64);
    if let Some(inner) = twice {
        let inner = arena.alloc_slice_copy(&inner);
        if let Ok(payload) = crate::raw::read_collector_payload(inner, arena)
            && payload.collector.is_some()
        {
            return Ok(RecoveredPayload::from_thrift(&payload));
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    fn thrift(payload: &Value, kind: PayloadKind) -> String {
        let mut out = Vec::new();
        coerce(payload, kind).unwrap().write_thrift(&mut out);
        STANDARD.encode(out)
    }

    #[test]
    fn a_raw_event_becomes_a_get() {
        let raw = json!({"vendor":"com.snowplowanalytics.snowplow","version":"tp2",
            "parameters":{"e":"pv","page":"DemoPageTitle"},"loaderName":"c","encoding":"UTF-8"});
        assert_eq!(
            thrift(&json!({"raw": raw}), PayloadKind::RawEvent),
            "CgDIAAAAAAAAAAALANIAAAAFVVRGLTgLANwAAAABYwsBQAAAACMvY29tLnNub3dwbG93YW5hbHl0aWNzLnNub3dwbG93L3RwMgsBSgAAABdlPXB2JnBhZ2U9RGVtb1BhZ2VUaXRsZQt6aQAAAEFpZ2x1OmNvbS5zbm93cGxvd2FuYWx5dGljcy5zbm93cGxvdy9Db2xsZWN0b3JQYXlsb2FkL3RocmlmdC8xLTAtMAA="
        );
    }

    #[test]
    fn a_request_keeps_body_and_headers() {
        let payload = json!({"vendor":"com.snowplowanalytics.snowplow","version":"tp2","querystring":[],
            "contentType":"application/json","body":"{\"a\":1}","collector":"ssc-1.0.1-kinesis","encoding":"UTF-8",
            "hostname":null,"timestamp":"2020-06-08T11:26:50.123Z","ipAddress":"192.0.2.7","useragent":null,
            "refererUri":null,"headers":["Host: x.acme.com"],"networkUserId":null});
        assert_eq!(
            thrift(&payload, PayloadKind::Collector),
            "CwBkAAAACTE5Mi4wLjIuNwoAyAAAAXKTrt0LCwDSAAAABVVURi04CwDcAAAAEXNzYy0xLjAuMS1raW5lc2lzCwFAAAAAIy9jb20uc25vd3Bsb3dhbmFseXRpY3Muc25vd3Bsb3cvdHAyCwFKAAAAAAsBVAAAAAd7ImEiOjF9DwFeCwAAAAEAAAAQSG9zdDogeC5hY21lLmNvbQsBaAAAABBhcHBsaWNhdGlvbi9qc29uC3ppAAAAQWlnbHU6Y29tLnNub3dwbG93YW5hbHl0aWNzLnNub3dwbG93L0NvbGxlY3RvclBheWxvYWQvdGhyaWZ0LzEtMC0wAA=="
        );
    }

    #[test]
    fn user_agents_of_logs_are_decoded() {
        let payload = |collector: &str, agent: &str| {
            let payload =
                json!({"vendor":"a","version":"b","collector":collector,"encoding":"UTF-8","useragent":agent});
            coerce(&payload, PayloadKind::Collector).unwrap().user_agent.unwrap()
        };
        assert_eq!(payload("cloudfront", "Mozilla/5.0%20(X11)"), "Mozilla/5.0 (X11)");
        assert_eq!(payload("cloudfront", "100%"), "100%");
        assert_eq!(payload("ssc-1.0.0-kinesis", "Mozilla/5.0%20(X11)"), "Mozilla/5.0%20(X11)");
    }

    #[test]
    fn webhook_bodies_are_rebuilt() {
        let event = |vendor: &str| {
            json!({"raw":{"vendor":vendor,"version":"v3","loaderName":"c","encoding":"UTF-8","parameters":[
                {"name":"ue_pr","value":"{\"schema\":\"iglu:x/y/jsonschema/1-0-0\",\"data\":{\"schema\":\"iglu:com.sendgrid/open/jsonschema/3-0-0\",\"data\":{\"ip\":\"1.2.3.4\"}}}"}]}})
        };
        let sendgrid = coerce(&event("com.sendgrid"), PayloadKind::RawEvent).unwrap();
        assert_eq!(sendgrid.body.as_deref(), Some(r#"[{"ip":"1.2.3.4","event":"open"}]"#));
        let iglu = coerce(&event("com.snowplowanalytics.iglu"), PayloadKind::RawEvent).unwrap();
        assert_eq!(iglu.body.as_deref(), Some(r#"{"ip":"1.2.3.4"}"#));
        assert_eq!(iglu.querystring.as_deref(), Some("schema=iglu:com.sendgrid/open/jsonschema/3-0-0"));
    }

    #[test]
    fn instants_in_every_form() {
        for text in ["2020-06-08T11:26:50.123Z", "2020-06-08T13:26:50.123+02:00", "2020-06-08T11:26:50.123"] {
            assert_eq!(parse_instant(text), Some(1_591_615_610_123), "{text}");
        }
        assert_eq!(parse_instant("2020-06-08T11:26:50Z"), Some(1_591_615_610_000));
        assert_eq!(parse_instant("yesterday"), None);
    }

    #[test]
    fn type_clashes_are_named() {
        let error = |payload: Value| coerce(&payload, PayloadKind::Collector).unwrap_err();
        let base = json!({"vendor":"a","version":"b","collector":"c","encoding":"UTF-8"});
        let with = |name: &str, value: Value| {
            let mut payload = base.clone();
            payload[name] = value;
            payload
        };
        assert!(error(with("body", json!(1))).starts_with("body:"));
        assert!(error(with("timestamp", json!("yesterday"))).starts_with("timestamp:"));
        assert!(error(with("querystring", json!([{"name":"a","value":[]}]))).starts_with("querystring:"));
        assert!(error(json!({"version":"b"})).starts_with("vendor:"));
    }
}
