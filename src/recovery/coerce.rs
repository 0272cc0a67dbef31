//! From the payload of a bad row back to a collector payload.
//!
//! Facts: snowplow-incubator/snowplow-event-recovery 0.7.2, `core/.../domain` and `.../util/payload.scala`. Its two
//! defects (values encoded twice, paths rebuilt wrongly) are not reproduced.

use std::borrow::Cow;

use bumpalo::Bump;
use serde_json::Value;

use super::field::FieldName;
use super::query::querystring;
use super::recovered::RecoveredPayload;
use crate::event::time::parse_column_timestamp;
use crate::payload::decode::url_decode;

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

/// Typed access to a payload that steps may have bent; texts are lent for `'f`.
pub(super) trait PayloadFields<'f> {
    /// What it is.
    fn kind(&self) -> PayloadKind;
    /// A text or null.
    fn text(&self, field: FieldName) -> Result<Option<Cow<'f, str>>, String>;
    /// Milliseconds since 1970: 0 if there is no timestamp, as the reference has it.
    fn timestamp(&self) -> Result<i64, String> {
        timestamp_of(self.text(FieldName::Timestamp)?)
    }
    /// A list of texts.
    fn texts(&self, field: FieldName) -> Result<Vec<Cow<'f, str>>, String>;
    /// The name-value pairs, form-encoded.
    fn querystring(&self) -> Result<Cow<'f, str>, String>;
    /// The value of the first pair of a name.
    fn pair(&self, name: &str) -> Result<Option<Cow<'f, str>>, String>;
}

/// Turns the edited payload into a collector payload. `payload` is the collector payload itself, or the object with
/// `raw`.
pub fn coerce<'v>(payload: &'v Value, kind: PayloadKind, arena: &'v Bump) -> Result<RecoveredPayload<'v>, String> {
    let object = match kind {
        PayloadKind::Collector => payload,
        PayloadKind::RawEvent => payload.get("raw").unwrap_or(&Value::Null),
    };
    coerce_fields(ObjectFields { kind, object }, arena)
}

/// Turns fields into a collector payload.
pub(super) fn coerce_fields<'f>(
    fields: impl PayloadFields<'f>,
    arena: &'f Bump,
) -> Result<RecoveredPayload<'f>, String> {
    let kind = fields.kind();
    let (collector, user_id) = match kind {
        PayloadKind::Collector => (FieldName::Collector, FieldName::NetworkUserId),
        PayloadKind::RawEvent => (FieldName::LoaderName, FieldName::UserId),
    };
    let required =
        |field: FieldName| fields.text(field)?.ok_or_else(|| format!("{name}: missing", name = field.name()));
    let querystring = fields.querystring()?;
    let vendor = required(FieldName::Vendor)?;
    let path = match fields.text(FieldName::Path)? {
        Some(path) => path,
        None => {
            let version = required(FieldName::Version)?;
            let mut path = bumpalo::collections::String::with_capacity_in(vendor.len() + version.len() + 2, arena);
            ["/", &vendor, "/", &version].into_iter().for_each(|part| path.push_str(part));
            Cow::Borrowed(path.into_bump_str())
        }
    };
    let timestamp = fields.timestamp()?;
    let mut recovered = RecoveredPayload {
        ip_address: fields.text(FieldName::IpAddress)?,
        timestamp,
        encoding: Some(required(FieldName::Encoding)?),
        collector: Some(required(collector)?),
        user_agent: fields.text(FieldName::Useragent)?,
        referer_uri: fields.text(FieldName::RefererUri)?,
        path: Some(path),
        querystring: Some(querystring),
        body: fields.text(FieldName::Body)?,
        headers: None,
        content_type: fields.text(FieldName::ContentType)?,
        hostname: fields.text(FieldName::Hostname)?,
        network_user_id: fields.text(user_id)?,
    };
    // Logs hold user agents encoded, and enrich decodes those of logs: Thrift records hold them decoded.
    if recovered.collector.as_deref().is_some_and(|name| LOG_LOADERS.contains(&name)) {
        recovered.user_agent = recovered.user_agent.map(|agent| decoded_agent(agent, arena));
    }
    match kind {
        PayloadKind::Collector => recovered.headers = Some(fields.texts(FieldName::Headers)?),
        PayloadKind::RawEvent => {
            recovered.body = None;
            recovered.content_type = None;
            rebuild_body(&vendor, &fields, &mut recovered)?;
        }
    }
    Ok(recovered)
}

/// The way enrich decodes user agents of logs: all of it or nothing.
fn decoded_agent<'f>(encoded: Cow<'f, str>, arena: &'f Bump) -> Cow<'f, str> {
    let text = match encoded {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => arena.alloc_str(&text),
    };
    Cow::Borrowed(url_decode(text, arena).unwrap_or(text))
}

/// Two vendors' events need their body again: it was taken apart into `ue_pr`.
fn rebuild_body<'f>(
    vendor: &str,
    fields: &impl PayloadFields<'f>,
    out: &mut RecoveredPayload<'f>,
) -> Result<(), String> {
    if vendor != "com.sendgrid" && vendor != "com.snowplowanalytics.iglu" {
        return Ok(());
    }
    let unstruct = fields.pair("ue_pr")?.ok_or("no parameter ue_pr to rebuild the body from")?;
    let unstruct: Value = serde_json::from_str(&unstruct).map_err(|e| format!("ue_pr is not JSON: {e}"))?;
    let inner = unstruct.get("data").ok_or("ue_pr has no data")?;
    let uri = inner.get("schema").and_then(Value::as_str).ok_or("ue_pr has no schema inside its data")?;
    let data = inner.get("data").ok_or("ue_pr has no data inside its data")?;
    if vendor == "com.sendgrid" {
        let mut event = data.as_object().cloned().ok_or("the event inside ue_pr is no object")?;
        let name = uri.split('/').nth(1).unwrap_or_default();
        event.insert("event".into(), Value::from(name));
        out.body = Some(Value::Array(vec![Value::Object(event)]).to_string().into());
    } else {
        out.body = Some(data.to_string().into());
        out.querystring = Some(format!("schema={uri}").into());
    }
    out.content_type = Some("application/json".into());
    Ok(())
}

/// A name and its value.
pub(super) type Pair<'v> = (Cow<'v, str>, Option<Cow<'v, str>>);

/// A payload that was taken apart whole.
struct ObjectFields<'v> {
    kind: PayloadKind,
    object: &'v Value,
}

impl<'v> PayloadFields<'v> for ObjectFields<'v> {
    fn kind(&self) -> PayloadKind {
        self.kind
    }

    fn text(&self, field: FieldName) -> Result<Option<Cow<'v, str>>, String> {
        text_of(self.object.get(field.name()), field.name())
    }

    fn texts(&self, field: FieldName) -> Result<Vec<Cow<'v, str>>, String> {
        texts_of(self.object.get(field.name()), field.name())
    }

    fn querystring(&self) -> Result<Cow<'v, str>, String> {
        Ok(querystring(&pairs_of(self.object.get(self.kind.list()), self.kind.list())?).into())
    }

    fn pair(&self, name: &str) -> Result<Option<Cow<'v, str>>, String> {
        pair_of(self.object.get(self.kind.list()), name, self.kind.list())
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

pub(super) fn timestamp_of(text: Option<Cow<'_, str>>) -> Result<i64, String> {
    match text {
        None => Ok(0),
        Some(text) => parse_instant(&text).ok_or_else(|| format!("timestamp: {text}: not an ISO 8601 instant")),
    }
}

pub(super) fn texts_of<'v>(value: Option<&'v Value>, name: &str) -> Result<Vec<Cow<'v, str>>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(Cow::Borrowed).ok_or_else(|| format!("{name}: {item} is no string")))
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

/// The value of the first pair of a name.
pub(super) fn pair_of<'v>(list: Option<&'v Value>, name: &str, kind: &str) -> Result<Option<Cow<'v, str>>, String> {
    Ok(pairs_of(list, kind)?.into_iter().find(|(found, _)| found == name).and_then(|(_, value)| value))
}

/// Milliseconds since 1970 of an ISO 8601 instant; without an offset it is taken for UTC.
pub fn parse_instant(text: &str) -> Option<i64> {
    if let Some(millis) = parse_usual_instant(text) {
        return Some(millis);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| at.timestamp().as_millisecond())
}

/// `2020-06-08T11:26:50.123Z`, the way that nearly all bad rows write it.
fn parse_usual_instant(text: &str) -> Option<i64> {
    let mut column = *text.as_bytes().first_chunk::<23>().filter(|_| text.len() == 24 && text.ends_with('Z'))?;
    if column[10] != b'T' || column[19] != b'.' {
        return None;
    }
    column[10] = b' ';
    parse_column_timestamp(std::str::from_utf8(&column).ok()?)
}

/// Decodes a Thrift record out of base64, also when it was encoded twice.
pub fn thrift_of_base64<'a>(text: &str, arena: &'a Bump) -> Result<RecoveredPayload<'a>, String> {
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
mod tests;
