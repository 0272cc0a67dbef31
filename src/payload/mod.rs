//! The collector payload: what one collector record says, whatever its raw format.
//!
//! Shapes: snowplow/enrich 3.9.0, `modules/common/.../loaders/CollectorPayload.scala` and `.../adapters/RawEvent.scala`.

mod base64;
mod charset;
mod client_ip;
pub mod decode;
mod encode;
mod parameters;
mod path;
mod querystring;

pub use base64::{base64_bytes, base64_text};
pub use charset::Charset;
pub use client_ip::{client_ip, ip_of};
pub use encode::{encode_component, push_escaped};
pub use parameters::{Parameters, hash_order_key, java_string_hash, trie_order_key};
pub use path::{PATH_EXPECTATION, parse_path};
pub use querystring::{
    QuerystringError, decode_component, is_plain_in_query, parse_querystring, split_query, split_uri_query,
};

/// A name and its value, both decoded; a name without `=` has no value.
pub type NameValue<'a> = (&'a str, Option<&'a str>);

/// Which adapter a payload is for: the two segments of the request path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api<'a> {
    /// For example `com.snowplowanalytics.snowplow`.
    pub vendor: &'a str,
    /// For example `tp2`.
    pub version: &'a str,
}

/// The vendor of the native protocols.
pub const SNOWPLOW_VENDOR: &str = "com.snowplowanalytics.snowplow";

impl Api<'static> {
    /// Where `/i` and `/ice.png` lead.
    pub const TP1: Api<'static> = Api { vendor: SNOWPLOW_VENDOR, version: "tp1" };
}

/// Which collector wrote the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// `cloudfront`, `clj-tomcat`, `tsv`, `ndjson`, or the Thrift record's collector field.
    pub name: &'a str,
    /// Character set of the querystring, for example `UTF-8`.
    pub encoding: &'a str,
    /// The host that took the request.
    pub hostname: Option<&'a str>,
}

/// What the collector knew about the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Milliseconds since 1970, UTC.
    pub timestamp: Option<i64>,
    /// The client's address, after forwarding headers were looked at.
    pub ip_address: Option<&'a str>,
    /// The user agent as bad rows show it: still percent-encoded for log formats.
    pub useragent: Option<&'a str>,
    /// Whether `useragent` is percent-encoded and is to be decoded before it becomes a column (log formats only).
    pub useragent_encoded: bool,
    /// The Referer header.
    pub referer_uri: Option<&'a str>,
    /// `Name: value` lines, in order.
    pub headers: &'a [&'a str],
    /// The network user id, a UUID text.
    pub user_id: Option<&'a str>,
}

/// One collector record, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct CollectorPayload<'a> {
    /// Which adapter it is for.
    pub api: Api<'a>,
    /// Decoded parameters in request order, repeated names included.
    pub querystring: &'a [NameValue<'a>],
    /// The content type of the body.
    pub content_type: Option<&'a str>,
    /// The decoded body.
    pub body: Option<&'a str>,
    /// Which collector wrote it.
    pub source: Source<'a>,
    /// What the collector knew.
    pub context: Context<'a>,
}

/// One event as tracker-protocol parameters: what an adapter makes of a payload.
#[derive(Clone, Debug)]
pub struct RawEvent<'a> {
    /// Copied from the payload.
    pub api: Api<'a>,
    /// Tracker-protocol parameters; a parameter can be present without a value.
    pub parameters: Parameters<'a>,
    /// Copied from the payload.
    pub content_type: Option<&'a str>,
    /// Copied from the payload.
    pub source: Source<'a>,
    /// Copied from the payload, but for the few adapters that know better.
    pub context: Context<'a>,
}

impl<'a> RawEvent<'a> {
    /// A raw event with the payload's surroundings.
    pub fn from_payload(payload: &CollectorPayload<'a>, parameters: Parameters<'a>) -> RawEvent<'a> {
        RawEvent {
            api: payload.api,
            parameters,
            content_type: payload.content_type,
            source: payload.source,
            context: payload.context,
        }
    }
}
