//! Collector records: one request in the three raw formats.

use super::event::{Event, Params};
use super::faults::Fault;
use super::random::Random;
use super::world::World;
use crate::event::time::Civil;
use crate::payload::encode_component;
use crate::raw::ThriftPayload;

/// One request to the collector.
pub struct Request<'w> {
    /// When, milliseconds since 1970.
    pub millis: i64,
    /// The events it carries: one for a GET, up to ten for a POST.
    pub events: Vec<Event>,
    /// Sent as a `tp2` POST.
    pub post: bool,
    /// Client address.
    pub ip: String,
    /// User agent as the browser sends it.
    pub agent: &'w str,
    /// Third-party cookie.
    pub network_userid: &'w str,
    /// What is wrong with it.
    pub fault: Option<Fault>,
}

impl<'w> Request<'w> {
    /// A request of these events, sent by the first one's user.
    pub fn new(
        world: &'w World,
        events: Vec<Event>,
        millis: i64,
        post: bool,
        fault: Option<Fault>,
        random: &mut Random,
    ) -> Request<'w> {
        let user = &world.users[events[0].user];
        let ip = fault.and_then(|fault| fault.address(random)).unwrap_or_else(|| user.ip.clone());
        let (agent, network_userid) = (world.agents[user.agent].as_str(), user.network_userid.as_str());
        Request { millis, events, post, ip, agent, network_userid, fault }
    }

    fn referer(&self) -> &str {
        &self.events[0].page_url
    }
}

/// The parameters as a querystring.
pub fn querystring(params: &Params) -> String {
    let mut out = String::with_capacity(1500);
    for (index, (name, value)) in params.iter().enumerate() {
        if index > 0 {
            out.push('&');
        }
        out.push_str(name);
        out.push('=');
        encode_component(value, &mut out);
    }
    out
}

/// The events as the body of a `tp2` POST.
pub fn post_body(events: &[Event]) -> String {
    let mut out =
        String::from(r#"{"schema":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4","data":["#);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('{');
        for (position, (name, value)) in event.params.iter().enumerate() {
            if position > 0 {
                out.push(',');
            }
            let mut text = Vec::with_capacity(value.len() + 2);
            crate::json::write_string(value, &mut text);
            out.push_str(&format!("\"{name}\":{}", String::from_utf8_lossy(&text)));
        }
        out.push('}');
    }
    out.push_str("]}");
    out
}

fn date_and_time(millis: i64) -> (String, String) {
    let at = Civil::from_millis(millis);
    let date = format!("{:04}-{:02}-{:02}", at.year, at.month, at.day);
    (date, format!("{:02}:{:02}:{:02}", at.hour, at.minute, at.second))
}

/// A line of a CloudFront access log with 24 columns, percent signs encoded twice as since September 2013.
pub fn write_cloudfront(request: &Request<'_>, random: &mut Random, out: &mut Vec<u8>) {
    let (date, time) = date_and_time(request.millis);
    let query = querystring(&request.events[0].params).replace('%', "%25");
    let agent = request.agent.replace(' ', "%2520");
    let referer = request.referer().replace('%', "%25");
    let id = random.next();
    let line = format!(
        "{date}\t{time}\tFRA56-C1\t{}\t{}\tGET\td3rkrsqld9gmqf.cloudfront.net\t/i\t200\t{referer}\t{agent}\t{query}\t-\tHit\t{id:016x}==\tc.shop.example.com\thttps\t{}\t0.00{}\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\tHit\tHTTP/2.0",
        300 + id % 200,
        request.ip,
        query.len() + 400,
        id % 10
    );
    write_line(line, request, out);
}

/// A line of a Clojure collector's access log with 17 columns.
pub fn write_tomcat(request: &Request<'_>, out: &mut Vec<u8>) {
    use base64::Engine;
    let (date, time) = date_and_time(request.millis);
    let form_encoded = |text: &str| {
        let mut encoded = String::new();
        encode_component(text, &mut encoded);
        encoded.replace("%20", "+")
    };
    let agent = form_encoded(request.agent);
    let suffix = format!("&cv=clj-1.1.0-tom-0.2.0&nuid={}", request.network_userid);
    let (ip, referer) = (&request.ip, request.referer());
    let line = if request.post {
        let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(post_body(&request.events));
        let content_type = form_encoded("application/json; charset=UTF-8");
        format!(
            "{date}\t{time}\t-\t37\t{ip}\tPOST\t{ip}\t/com.snowplowanalytics.snowplow/tp2\t200\t{referer}\t{agent}\t{suffix}\t-\t-\t-\t{content_type}\t{body}"
        )
    } else {
        let query = querystring(&request.events[0].params);
        format!("{date}\t{time}\t-\t37\t{ip}\tGET\t{ip}\t/i\t200\t{referer}\t{agent}\t{query}{suffix}\t-\t-\t-\t-\t-")
    };
    write_line(line, request, out);
}

fn write_line(line: String, request: &Request<'_>, out: &mut Vec<u8>) {
    let mut record = line.into_bytes();
    if let Some(fault) = request.fault {
        fault.spoil_record(&mut record);
    }
    out.extend_from_slice(&record);
    out.push(b'\n');
}

/// A Thrift `CollectorPayload` as a stream collector writes it.
pub fn write_thrift(request: &Request<'_>, out: &mut Vec<u8>) {
    let body = request.post.then(|| post_body(&request.events));
    let query = if request.post { None } else { Some(querystring(&request.events[0].params)) };
    let path = if request.post { "/com.snowplowanalytics.snowplow/tp2" } else { "/i" };
    let agent_header = format!("User-Agent: {}", request.agent);
    let referer_header = format!("Referer: {}", request.referer());
    let headers =
        ["Host: c.shop.example.com", agent_header.as_str(), referer_header.as_str(), "Timeout-Access: <function1>"];
    let payload = ThriftPayload {
        ip_address: Some(&request.ip),
        timestamp: request.millis,
        encoding: Some("UTF-8"),
        collector: Some("ssc-2.10.0-kinesis"),
        user_agent: Some(request.agent),
        referer_uri: Some(request.referer()),
        path: Some(path),
        querystring: query.as_deref(),
        body: body.as_deref(),
        headers: Some(&headers),
        content_type: request.post.then_some("application/json; charset=utf-8"),
        hostname: Some("c.shop.example.com"),
        network_user_id: Some(request.network_userid),
    };
    let start = out.len();
    crate::raw::write_collector_payload(&payload, out);
    if request.fault == Some(Fault::Truncated) {
        out.truncate(start + (out.len() - start) / 3);
    }
}
