//! The payloads of bad rows: collector payload, raw event, partially enriched event, loader event.
//!
//! Shapes: snowplow/snowplow-badrows 2.2.1, `Payload.scala`; types of the partially enriched event: snowplow/enrich
//! 3.9.0, `modules/common/.../outputs/EnrichedEvent.scala`; loader event: snowplow/snowplow-scala-analytics-sdk 2.1.0,
//! `Event.scala`.

use bumpalo::Bump;

use super::message::{write_list, write_optional};
use crate::event::time::{instant_text, joda_text, parse_column_timestamp};
use crate::event::{ALL_COLUMNS, Column, ColumnType, EnrichedEvent};
use crate::json::{Value, parse, write_compact, write_java_double, write_string};
use crate::payload::{CollectorPayload, NameValue, RawEvent};

/// Appends the payload of `adapter_failures` and `tracker_protocol_violations`.
pub fn write_collector_payload(payload: &CollectorPayload<'_>, out: &mut Vec<u8>) {
    let mut keys = Keys::open(out);
    keys.string("vendor", payload.api.vendor);
    keys.string("version", payload.api.version);
    keys.key("querystring");
    write_list(payload.querystring, keys.out, write_name_value);
    keys.optional("contentType", payload.content_type);
    keys.optional("body", payload.body);
    keys.string("collector", payload.source.name);
    keys.string("encoding", payload.source.encoding);
    keys.optional("hostname", payload.source.hostname);
    keys.optional("timestamp", payload.context.timestamp.map(joda_text).as_deref());
    keys.optional("ipAddress", payload.context.ip_address);
    keys.optional("useragent", payload.context.useragent);
    keys.optional("refererUri", payload.context.referer_uri);
    keys.key("headers");
    write_list(payload.context.headers, keys.out, |header, out| write_string(header, out));
    keys.optional("networkUserId", payload.context.user_id);
    keys.close();
}

/// Appends the `raw` half of an enrichment payload.
pub fn write_raw_event(raw: &RawEvent<'_>, out: &mut Vec<u8>) {
    let mut keys = Keys::open(out);
    keys.string("vendor", raw.api.vendor);
    keys.string("version", raw.api.version);
    keys.key("parameters");
    write_list(&raw.parameters.in_reference_order(), keys.out, write_name_value);
    keys.optional("contentType", raw.content_type);
    keys.string("loaderName", raw.source.name);
    keys.string("encoding", raw.source.encoding);
    keys.optional("hostname", raw.source.hostname);
    keys.optional("timestamp", raw.context.timestamp.map(joda_text).as_deref());
    keys.optional("ipAddress", raw.context.ip_address);
    keys.optional("useragent", raw.context.useragent);
    keys.optional("refererUri", raw.context.referer_uri);
    keys.key("headers");
    write_list(raw.context.headers, keys.out, |header, out| write_string(header, out));
    keys.optional("userId", raw.context.user_id);
    keys.close();
}

/// Appends the `enriched` half of an enrichment payload: all columns in order, `null` where unset.
pub fn write_partial_event(event: &EnrichedEvent<'_>, out: &mut Vec<u8>) {
    let mut keys = Keys::open(out);
    for column in ALL_COLUMNS {
        let info = column.info();
        keys.key(info.name);
        let Some(text) = event.get(column) else {
            keys.out.extend_from_slice(b"null");
            continue;
        };
        let is_number = match info.kind {
            // A quirk of the reference: this one integer is kept as text.
            ColumnType::Integer => column != Column::txn_id,
            ColumnType::Float | ColumnType::Bool => true,
            _ => false,
        };
        if is_number { write_number(text, keys.out) } else { write_string(text, keys.out) }
    }
    keys.close();
}

/// Appends the payload of `loader_iglu_error` and `loader_runtime_error`: every column with its own JSON type.
pub fn write_loader_event(event: &EnrichedEvent<'_>, out: &mut Vec<u8>) {
    let arena = Bump::new();
    let mut keys = Keys::open(out);
    for column in ALL_COLUMNS {
        let info = column.info();
        keys.key(info.name);
        let text = event.get(column).filter(|text| !text.is_empty());
        match (info.kind, text) {
            (ColumnType::Json, text) => write_json_column(column, text, &arena, keys.out),
            (_, None) => keys.out.extend_from_slice(b"null"),
            (ColumnType::Integer, Some(text)) => write_number(text, keys.out),
            (ColumnType::Float | ColumnType::Decimal, Some(text)) => write_double(text, keys.out),
            (ColumnType::Bool, Some("1")) => keys.out.extend_from_slice(b"true"),
            (ColumnType::Bool, Some("0")) => keys.out.extend_from_slice(b"false"),
            (ColumnType::Timestamp, Some(text)) => match parse_column_timestamp(text) {
                Some(millis) => write_string(&instant_text(millis), keys.out),
                None => write_string(text, keys.out),
            },
            (_, Some(text)) => write_string(text, keys.out),
        }
    }
    keys.close();
}

/// Contexts come back in the one envelope the SDK writes; no contexts are an empty object.
fn write_json_column(column: Column, text: Option<&str>, arena: &Bump, out: &mut Vec<u8>) {
    const CONTEXTS: &[u8] = br#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":"#;
    let json = text.and_then(|text| parse(arena.alloc_str(text), arena).ok());
    let items = json.and_then(|json| json.get("data")).filter(Value::is_array);
    match (column, json, items) {
        (Column::unstruct_event, None, _) => match text {
            Some(text) => write_string(text, out),
            None => out.extend_from_slice(b"null"),
        },
        (Column::unstruct_event, Some(json), _) => write_compact(json, out),
        (_, _, Some(items)) if !items.is_empty() => {
            out.extend_from_slice(CONTEXTS);
            write_compact(items, out);
            out.push(b'}');
        }
        _ => out.extend_from_slice(b"{}"),
    }
}

fn write_name_value(pair: &NameValue<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"name":"#);
    write_string(pair.0, out);
    out.extend_from_slice(br#","value":"#);
    write_optional(pair.1, out);
    out.push(b'}');
}

/// Column texts are JSON numbers already; anything else (`NaN`) must not break the row.
fn write_number(text: &str, out: &mut Vec<u8>) {
    let is_json_number = parse(text, &Bump::new()).is_ok_and(|value| value.as_number().is_some());
    if is_json_number {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_string(text, out);
    }
}

fn write_double(text: &str, out: &mut Vec<u8>) {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => write_java_double(number, out),
        _ => write_string(text, out),
    }
}

/// An object that is being written.
struct Keys<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Keys<'o> {
    fn open(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Keys { out, first: true }
    }

    /// Appends a key that needs no escapes; its value comes next.
    fn key(&mut self, key: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    fn string(&mut self, key: &str, value: &str) {
        self.key(key);
        write_string(value, self.out);
    }

    fn optional(&mut self, key: &str, value: Option<&str>) {
        self.key(key);
        write_optional(value, self.out);
    }

    fn close(self) {
        self.out.push(b'}');
    }
}
