//! The two structs: `CollectorPayload` and the older `SnowplowRawEvent`.
//!
//! Field ids: snowplow/snowplow r117, `2-collectors/thrift-schemas/*/src/main/thrift/*.thrift`. The ids of the two
//! structs do not overlap, so one pass reads whichever it is.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;

use super::binary::{Reader, ThriftError, kind};
use crate::payload::decode::utf8_text;

/// The schema a `CollectorPayload` names in its field 31337.
pub(super) const COLLECTOR_PAYLOAD_SCHEMA: &str = "iglu:com.snowplowanalytics.snowplow/CollectorPayload/thrift/1-0-0";

/// A `CollectorPayload` as it lies on the wire, but for the schema it names; `None` is a field that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThriftPayload<'a> {
    /// Field 100: the address the request came from.
    pub ip_address: Option<&'a str>,
    /// Field 200: milliseconds since 1970.
    pub timestamp: i64,
    /// Field 210: character set of the querystring.
    pub encoding: Option<&'a str>,
    /// Field 220: the collector's name and version.
    pub collector: Option<&'a str>,
    /// Field 300
    pub user_agent: Option<&'a str>,
    /// Field 310: the Referer header.
    pub referer_uri: Option<&'a str>,
    /// Field 320: the request's path.
    pub path: Option<&'a str>,
    /// Field 330
    pub querystring: Option<&'a str>,
    /// Field 340
    pub body: Option<&'a str>,
    /// Field 350: `Name: value` lines.
    pub headers: Option<&'a [&'a str]>,
    /// Field 360
    pub content_type: Option<&'a str>,
    /// Field 400: the host that took the request.
    pub hostname: Option<&'a str>,
    /// Field 410
    pub network_user_id: Option<&'a str>,
}

/// A `SnowplowRawEvent`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RawEventRecord<'a> {
    pub timestamp: i64,
    pub collector: Option<&'a str>,
    pub encoding: Option<&'a str>,
    pub ip_address: Option<&'a str>,
    pub payload: Option<TrackerPayload<'a>>,
    pub hostname: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub referer_uri: Option<&'a str>,
    pub headers: Option<&'a [&'a str]>,
    pub network_user_id: Option<&'a str>,
}

/// The querystring inside a `SnowplowRawEvent`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TrackerPayload<'a> {
    pub data: Option<&'a str>,
}

/// Whichever struct a record is: a `CollectorPayload` if it names a schema.
pub(super) enum ThriftRecord<'a> {
    Payload { schema: &'a str, payload: ThriftPayload<'a> },
    RawEvent(RawEventRecord<'a>),
}

pub(super) fn read_record<'a>(record: &'a [u8], arena: &'a Bump) -> Result<ThriftRecord<'a>, ThriftError> {
    let fields = Fields::read(record, arena)?;
    Ok(match fields.schema {
        Some(schema) => ThriftRecord::Payload { schema, payload: fields.payload },
        None => ThriftRecord::RawEvent(fields.event),
    })
}

/// Reads a `CollectorPayload`, whatever schema it names or does not name.
pub fn read_collector_payload<'a>(record: &'a [u8], arena: &'a Bump) -> Result<ThriftPayload<'a>, ThriftError> {
    Ok(Fields::read(record, arena)?.payload)
}

/// The fields of both structs.
#[derive(Default)]
struct Fields<'a> {
    payload: ThriftPayload<'a>,
    event: RawEventRecord<'a>,
    /// Field 31337, which only a `CollectorPayload` has.
    schema: Option<&'a str>,
}

impl<'a> Fields<'a> {
    /// Fields may stand in any order; the last of two with one id wins; bytes after the struct do not matter.
    fn read(record: &'a [u8], arena: &'a Bump) -> Result<Self, ThriftError> {
        let mut fields = Fields::default();
        let mut reader = Reader::new(record);
        while let Some((field_type, id)) = reader.field()? {
            let Fields { payload, event, .. } = &mut fields;
            match field_type {
                kind::STRING => {
                    let bytes = reader.string()?;
                    if let Some(field) = fields.text(id) {
                        *field = Some(utf8_text(bytes, arena));
                    }
                }
                kind::I64 if id == 200 => payload.timestamp = reader.i64()?,
                kind::I64 if id == 1 => event.timestamp = reader.i64()?,
                kind::LIST if id == 350 => payload.headers = read_texts(&mut reader, arena)?.or(payload.headers),
                kind::LIST if id == 70 => event.headers = read_texts(&mut reader, arena)?.or(event.headers),
                kind::STRUCT if id == 41 => event.payload = Some(read_tracker_payload(&mut reader, arena)?),
                other => reader.skip(other)?,
            }
        }
        Ok(fields)
    }

    /// The text field of this id.
    fn text(&mut self, id: i16) -> Option<&mut Option<&'a str>> {
        let Fields { payload, event, schema } = self;
        Some(match id {
            100 => &mut payload.ip_address,
            210 => &mut payload.encoding,
            220 => &mut payload.collector,
            300 => &mut payload.user_agent,
            310 => &mut payload.referer_uri,
            320 => &mut payload.path,
            330 => &mut payload.querystring,
            340 => &mut payload.body,
            360 => &mut payload.content_type,
            400 => &mut payload.hostname,
            410 => &mut payload.network_user_id,
            31337 => schema,
            20 => &mut event.collector,
            30 => &mut event.encoding,
            40 => &mut event.ip_address,
            45 => &mut event.hostname,
            50 => &mut event.user_agent,
            60 => &mut event.referer_uri,
            80 => &mut event.network_user_id,
            _ => return None,
        })
    }
}

/// Whether bytes start like a record of one of the structs: at least one of their fields, and no other ones. The bytes
/// may end anywhere.
pub(in crate::raw) fn looks_like_record(bytes: &[u8]) -> bool {
    let mut fields = Fields::default();
    let mut reader = Reader::new(bytes);
    let mut known_fields = 0;
    loop {
        let skipped = match reader.field() {
            Ok(None) => return known_fields > 0,
            Ok(Some((field_type, id))) => {
                let is_known = match field_type {
                    kind::STRING => fields.text(id).is_some(),
                    kind::I64 => matches!(id, 1 | 200),
                    kind::LIST => matches!(id, 70 | 350),
                    kind::STRUCT => id == 41,
                    _ => false,
                };
                if !is_known {
                    return false;
                }
                known_fields += 1;
                reader.skip(field_type)
            }
            Err(error) => Err(error),
        };
        match skipped {
            Ok(()) => {}
            Err(ThriftError::Ended { .. }) => return known_fields > 0,
            Err(_) => return false,
        }
    }
}

/// A list of texts; `None` for a list of something else.
fn read_texts<'a>(reader: &mut Reader<'a>, arena: &'a Bump) -> Result<Option<&'a [&'a str]>, ThriftError> {
    let (element, count) = reader.list()?;
    if element != kind::STRING {
        for _ in 0..count {
            reader.skip(element)?;
        }
        return Ok(None);
    }
    // Not with the count's capacity: a damaged record may name any number.
    let mut texts = ArenaVec::new_in(arena);
    for _ in 0..count {
        texts.push(utf8_text(reader.string()?, arena));
    }
    Ok(Some(texts.into_bump_slice()))
}

fn read_tracker_payload<'a>(reader: &mut Reader<'a>, arena: &'a Bump) -> Result<TrackerPayload<'a>, ThriftError> {
    let mut payload = TrackerPayload::default();
    while let Some((field_type, id)) = reader.field()? {
        match (field_type, id) {
            (kind::STRING, 3) => payload.data = Some(utf8_text(reader.string()?, arena)),
            (other, _) => reader.skip(other)?,
        }
    }
    Ok(payload)
}
