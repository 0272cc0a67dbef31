//! What recovery gives: a collector payload.

use std::borrow::Cow;

use serde_json::Value;

use crate::raw::ThriftPayload;

/// A collector payload, with texts that are borrowed where nothing changed them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct RecoveredPayload<'a> {
    pub ip_address: Option<Cow<'a, str>>,
    pub timestamp: i64,
    pub encoding: Option<Cow<'a, str>>,
    pub collector: Option<Cow<'a, str>>,
    pub user_agent: Option<Cow<'a, str>>,
    pub referer_uri: Option<Cow<'a, str>>,
    pub path: Option<Cow<'a, str>>,
    pub querystring: Option<Cow<'a, str>>,
    pub body: Option<Cow<'a, str>>,
    pub headers: Option<Vec<Cow<'a, str>>>,
    pub content_type: Option<Cow<'a, str>>,
    pub hostname: Option<Cow<'a, str>>,
    pub network_user_id: Option<Cow<'a, str>>,
}

impl<'a> RecoveredPayload<'a> {
    /// Appends the payload as a Thrift record.
    pub fn write_thrift(&self, out: &mut Vec<u8>) {
        let headers: Option<Vec<&str>> = self.headers.as_ref().map(|list| list.iter().map(Cow::as_ref).collect());
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

    /// A Thrift record's fields.
    pub fn from_thrift(payload: &ThriftPayload<'a>) -> RecoveredPayload<'a> {
        let text = |text: Option<&'a str>| text.map(Cow::Borrowed);
        RecoveredPayload {
            ip_address: text(payload.ip_address),
            timestamp: payload.timestamp,
            encoding: text(payload.encoding),
            collector: text(payload.collector),
            user_agent: text(payload.user_agent),
            referer_uri: text(payload.referer_uri),
            path: text(payload.path),
            querystring: text(payload.querystring),
            body: text(payload.body),
            headers: payload.headers.map(|list| list.iter().copied().map(Cow::Borrowed).collect()),
            content_type: text(payload.content_type),
            hostname: text(payload.hostname),
            network_user_id: text(payload.network_user_id),
        }
    }
}
