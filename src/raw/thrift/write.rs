//! `CollectorPayload` bytes as the stream collectors write them: ascending field ids, absent fields left out.

use super::binary::kind;
use super::record::{COLLECTOR_PAYLOAD_SCHEMA, ThriftPayload};

/// Appends a payload as one bare struct that names `CollectorPayload` 1-0-0 as its schema.
pub fn write_collector_payload(payload: &ThriftPayload<'_>, out: &mut Vec<u8>) {
    write_text(100, payload.ip_address, out);
    write_field(kind::I64, 200, out);
    out.extend_from_slice(&payload.timestamp.to_be_bytes());
    write_text(210, payload.encoding, out);
    write_text(220, payload.collector, out);
    write_text(300, payload.user_agent, out);
    write_text(310, payload.referer_uri, out);
    write_text(320, payload.path, out);
    write_text(330, payload.querystring, out);
    write_text(340, payload.body, out);
    if let Some(headers) = payload.headers {
        write_field(kind::LIST, 350, out);
        out.push(kind::STRING);
        out.extend_from_slice(&length(headers.len()));
        for header in headers {
            write_string(header, out);
        }
    }
    write_text(360, payload.content_type, out);
    write_text(400, payload.hostname, out);
    write_text(410, payload.network_user_id, out);
    write_text(31337, Some(COLLECTOR_PAYLOAD_SCHEMA), out);
    out.push(kind::STOP);
}

fn write_field(field_type: u8, id: i16, out: &mut Vec<u8>) {
    out.push(field_type);
    out.extend_from_slice(&id.to_be_bytes());
}

fn write_text(id: i16, text: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        // Type, id and length at once.
        let ([high, low], [a, b, c, d]) = (id.to_be_bytes(), length(text.len()));
        out.extend_from_slice(&[kind::STRING, high, low, a, b, c, d]);
        out.extend_from_slice(text.as_bytes());
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&length(text.len()));
    out.extend_from_slice(text.as_bytes());
}

/// Records stay far below 2 GiB: collectors refuse requests of more than some megabytes.
fn length(length: usize) -> [u8; 4] {
    (length as u32).to_be_bytes()
}
