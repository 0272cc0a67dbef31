//! The request of a legacy row's record, before it is a document: what most conditions and steps ask for can be had from
//! it as it is.

use bumpalo::Bump;

use super::encoded::EncodedQuery;
use super::field::FieldName;
use crate::event::time::joda_text;
use crate::json::write_string;
use crate::payload::CollectorPayload;

/// The request that a legacy row's record holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    /// The querystring is not in it.
    payload: CollectorPayload<'a>,
    query: EncodedQuery<'a>,
    arena: &'a Bump,
    /// The request path, of records that keep it.
    path: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// The request that a payload was made of.
    pub(super) fn new(payload: CollectorPayload<'a>, path: Option<&'a str>, arena: &'a Bump) -> Request<'a> {
        Request::with_query(payload, EncodedQuery::of_pairs(payload.querystring, arena), path, arena)
    }

    /// The same if the querystring is known by itself.
    pub(super) fn with_query(
        payload: CollectorPayload<'a>,
        query: EncodedQuery<'a>,
        path: Option<&'a str>,
        arena: &'a Bump,
    ) -> Request<'a> {
        Request { payload, query, arena, path }
    }

    /// The fields that are texts or null. The path is one only if it is known.
    pub(super) fn texts(&self) -> impl Iterator<Item = (FieldName, Option<&'a str>)> {
        let timestamp = self.timestamp().map(|millis| &*self.arena.alloc_str(&joda_text(millis)));
        self.texts_with(timestamp)
    }

    /// The same with a text for the timestamp, which takes long to write.
    #[inline]
    pub(super) fn texts_with(
        &self,
        timestamp: Option<&'a str>,
    ) -> impl Iterator<Item = (FieldName, Option<&'a str>)> + use<'a> {
        let CollectorPayload { api, source, context, content_type, body, .. } = self.payload;
        let fields = [
            (FieldName::Vendor, Some(api.vendor)),
            (FieldName::Version, Some(api.version)),
            (FieldName::ContentType, content_type),
            (FieldName::Body, body),
            (FieldName::Collector, Some(source.name)),
            (FieldName::Encoding, Some(source.encoding)),
            (FieldName::Hostname, source.hostname),
            (FieldName::Timestamp, timestamp),
            (FieldName::IpAddress, context.ip_address),
            (FieldName::Useragent, context.useragent),
            (FieldName::RefererUri, context.referer_uri),
            (FieldName::NetworkUserId, context.user_id),
        ];
        fields.into_iter().chain(self.path.map(|path| (FieldName::Path, Some(path))))
    }

    /// When the request came, in milliseconds since 1970.
    pub(super) fn timestamp(&self) -> Option<i64> {
        self.payload.context.timestamp
    }

    /// The querystring.
    pub(super) fn query(&self) -> EncodedQuery<'a> {
        self.query
    }

    /// Where texts are decoded.
    pub(super) fn arena(&self) -> &'a Bump {
        self.arena
    }

    /// The value of the first pair of a name that holds nothing to encode, if there is such a pair.
    pub(super) fn pair(&self, name: &str) -> Option<Option<&'a str>> {
        self.query.find(name).map(|index| self.query.value(index, self.arena))
    }

    /// The request's headers.
    pub(super) fn headers(&self) -> &'a [&'a str] {
        self.payload.context.headers
    }

    /// Appends the request as the document that flows know.
    pub(super) fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"querystring\":[");
        for (index, (name, value)) in self.query.pairs(self.arena).enumerate() {
            out.extend_from_slice(if index == 0 { b"{\"name\":" } else { b",{\"name\":" });
            write_string(name, out);
            out.extend_from_slice(b",\"value\":");
            write_text(value, out);
            out.push(b'}');
        }
        out.extend_from_slice(b"],\"headers\":");
        write_texts(self.headers(), out);
        for (name, value) in self.texts() {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.name().as_bytes());
            out.extend_from_slice(b"\":");
            write_text(value, out);
        }
        out.push(b'}');
    }
}

/// Appends a text, or null.
pub(super) fn write_text(text: Option<&str>, out: &mut Vec<u8>) {
    match text {
        Some(text) => write_string(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends texts as an array.
pub(super) fn write_texts(texts: &[impl AsRef<str>], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(text.as_ref(), out);
    }
    out.push(b']');
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::{Api, Context, Source};

    /// Requests of every kind, their texts chosen for what steps do to them.
    pub(in crate::recovery) fn requests() -> impl Strategy<Value = Request<'static>> {
        let value = prop::option::of(prop::sample::select(vec![
            "pv",
            "{\"a\":{\"b\":[1,2]}}",
            "eyJhIjoxfQ",
            "ä \"x\" %&=\n\u{7f}\u{85}",
            "",
        ]));
        let name = prop::sample::select(vec!["e", "p", "cx", "co", "ue_pr", "a b", "e"]);
        let text = prop::option::of(prop::sample::select(vec!["text/plain", "x\"\u{1}", "Mozilla%2F5.0%20%zz", ""]));
        let headers = prop::sample::select(vec![&[][..], &["Host: x", "A: \"b\""][..]]);
        let millis = prop::option::of(prop::sample::select(vec![0, 1_591_615_610_123, -1, 400_000_000_000_000]));
        let vendor = prop::sample::select(vec!["com.snowplowanalytics.snowplow", "com.acme"]);
        let source = prop::sample::select(vec!["cloudfront", "ssc-1.0.0-kinesis"]);
        let texts = (text.clone(), text.clone(), text.clone(), text.clone(), text);
        (prop::collection::vec((name, value), 0..5), texts, headers, millis, vendor, source).prop_map(
            |(pairs, (content_type, body, useragent, ip_address, path), headers, timestamp, vendor, name)| {
                let arena: &'static bumpalo::Bump = Box::leak(Box::default());
                let context = Context {
                    timestamp,
                    ip_address,
                    useragent,
                    useragent_encoded: false,
                    referer_uri: body,
                    headers,
                    user_id: path,
                };
                let payload = CollectorPayload {
                    api: Api { vendor, version: "tp2" },
                    querystring: arena.alloc_slice_copy(&pairs),
                    content_type,
                    body,
                    source: Source { name, encoding: "UTF-8", hostname: ip_address },
                    context,
                };
                Request::new(payload, path, arena)
            },
        )
    }
}
