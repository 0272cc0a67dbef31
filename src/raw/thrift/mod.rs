//! Thrift records of the stream collectors: one bare TBinaryProtocol struct each.
//!
//! Structs: snowplow/snowplow r117, `2-collectors/thrift-schemas/{collector-payload-1,snowplow-raw-event}`. Steps and
//! failure texts: snowplow/enrich 3.9.0, `modules/common/.../loaders/ThriftLoader.scala`.

mod binary;
mod record;
mod user_id;
mod write;

use bumpalo::Bump;

pub use binary::ThriftError;
pub(super) use binary::struct_length;
pub(super) use record::looks_like_record;
use record::{COLLECTOR_PAYLOAD_SCHEMA, RawEventRecord, ThriftRecord};
pub use record::{ThriftPayload, read_collector_payload};
pub use user_id::normalise_uuid;
pub use write::write_collector_payload;

use super::Loaded;
use crate::badrow::LoaderMessage;
use crate::iglu::{SchemaCriterion, SchemaKey};
use crate::payload::{
    Api, Charset, CollectorPayload, Context, NameValue, PATH_EXPECTATION, Source, client_ip, parse_path,
    parse_querystring,
};

/// Loads one record.
pub(super) fn load<'a>(record: &'a [u8], arena: &'a Bump) -> Loaded<'a> {
    let loaded = match record::read_record(record, arena) {
        Ok(ThriftRecord::Payload { schema, payload }) => match check_schema(schema) {
            Ok(()) => load_payload(&payload, arena),
            Err(message) => return Loaded::Bad(vec![message]),
        },
        Ok(ThriftRecord::RawEvent(event)) => load_raw_event(&event, arena),
        Err(error) => Err(error.to_string()),
    };
    loaded.unwrap_or_else(|cause| {
        Loaded::Bad(vec![LoaderMessage::Fallback { error: format!("error deserializing raw event: {cause}").into() }])
    })
}

fn check_schema<'a>(uri: &str) -> Result<(), LoaderMessage<'a>> {
    let fallback = |error: String| Err(LoaderMessage::Fallback { error: error.into() });
    let key = match SchemaKey::parse(uri) {
        Ok(key) => key,
        Err(code) => return fallback(format!("could not parse schema: {code}")),
    };
    let expected = SchemaKey::parse(COLLECTOR_PAYLOAD_SCHEMA);
    let same_model = expected.is_ok_and(|expected| {
        let version = key.version;
        key.with_version(expected.version) == expected && (version.model, version.revision) == (1, 0)
    });
    if same_model {
        return Ok(());
    }
    let criterion = SchemaCriterion {
        vendor: "com.snowplowanalytics.snowplow".into(),
        name: "CollectorPayload".into(),
        format: "thrift".into(),
        model: Some(1),
        revision: Some(0),
        addition: None,
    };
    fallback(format!("verifying record as {criterion} failed: found {key}"))
}

/// What both structs say the same way.
struct Common<'a, 's> {
    querystring: Option<&'a str>,
    encoding: Option<&'a str>,
    collector: Option<&'a str>,
    hostname: Option<&'a str>,
    headers: &'a [&'a str],
    ip_address: Option<&'a str>,
    network_user_id: Option<&'a str>,
    arena: &'a Bump,
    messages: &'s mut Vec<LoaderMessage<'a>>,
}

impl<'a> Common<'a, '_> {
    /// The querystring, or why the record cannot be read at all.
    fn querystring(&mut self) -> Result<&'a [NameValue<'a>], String> {
        let encoding = self.encoding.ok_or("Null charset name")?;
        let charset = Charset::from_name(encoding).ok_or(encoding)?;
        let Some(text) = self.querystring else { return Ok(&[]) };
        Ok(parse_querystring(text, encoding, self.arena).unwrap_or_else(|error| {
            self.messages.push(super::input_data("querystring", Some(text), error.expectation(charset.name())));
            &[]
        }))
    }

    fn user_id(&mut self) -> Option<&'a str> {
        let given = self.network_user_id?;
        let normalised = normalise_uuid(given, self.arena);
        if normalised.is_none() {
            self.messages.push(super::input_data("networkUserId", Some(given), "not valid UUID"));
        }
        normalised
    }

    fn source(&self) -> Source<'a> {
        Source {
            name: self.collector.unwrap_or_default(),
            encoding: self.encoding.unwrap_or_default(),
            hostname: self.hostname,
        }
    }

    fn ip_address(&self) -> Option<&'a str> {
        client_ip(self.headers, self.ip_address, self.arena)
    }
}

fn load_payload<'a>(record: &ThriftPayload<'a>, arena: &'a Bump) -> Result<Loaded<'a>, String> {
    let mut messages = Vec::new();
    let headers = record.headers.unwrap_or_default();
    let mut common = Common {
        querystring: record.querystring,
        encoding: record.encoding,
        collector: record.collector,
        hostname: record.hostname,
        headers,
        ip_address: record.ip_address,
        network_user_id: record.network_user_id,
        arena,
        messages: &mut messages,
    };
    let querystring = common.querystring()?;
    let api = match record.path {
        None => {
            common.messages.push(super::input_data("path", None, "request does not contain a path"));
            None
        }
        Some(path) => {
            let api = parse_path(path);
            if api.is_none() {
                common.messages.push(super::input_data("path", Some(path), PATH_EXPECTATION));
            }
            api
        }
    };
    let user_id = common.user_id();
    let (source, ip_address) = (common.source(), common.ip_address());
    let Some(api) = api.filter(|_| messages.is_empty()) else {
        return Ok(Loaded::Bad(messages));
    };
    Ok(Loaded::Payload(CollectorPayload {
        api,
        querystring,
        content_type: record.content_type,
        body: record.body,
        source,
        context: Context {
            timestamp: Some(record.timestamp),
            ip_address,
            useragent: record.user_agent,
            useragent_encoded: false,
            referer_uri: record.referer_uri,
            headers,
            user_id,
        },
    }))
}

fn load_raw_event<'a>(record: &RawEventRecord<'a>, arena: &'a Bump) -> Result<Loaded<'a>, String> {
    // The reference dereferences the absent struct; this is its message on the Java platforms it ran on.
    let payload = record.payload.ok_or("null")?;
    let mut messages = Vec::new();
    let headers = record.headers.unwrap_or_default();
    let mut common = Common {
        querystring: payload.data,
        encoding: record.encoding,
        collector: record.collector,
        hostname: record.hostname,
        headers,
        ip_address: record.ip_address,
        network_user_id: record.network_user_id,
        arena,
        messages: &mut messages,
    };
    let querystring = common.querystring()?;
    let user_id = common.user_id();
    let (source, ip_address) = (common.source(), common.ip_address());
    if !messages.is_empty() {
        return Ok(Loaded::Bad(messages));
    }
    Ok(Loaded::Payload(CollectorPayload {
        api: Api::TP1,
        querystring,
        content_type: None,
        body: None,
        source,
        context: Context {
            timestamp: Some(record.timestamp),
            ip_address,
            useragent: record.user_agent,
            useragent_encoded: false,
            referer_uri: record.referer_uri,
            headers,
            user_id,
        },
    }))
}

#[cfg(test)]
mod tests;
