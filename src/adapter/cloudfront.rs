//! CloudFront web-distribution access logs, one line per payload.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/CloudfrontAccessLogAdapter.scala`. The number of fields tells which
//! version of the format a line has; the first two, date and time, become one.

use super::helpers::event_types::{EventType, event_type};
use super::helpers::number::{java_double, java_int};
use super::helpers::standard::{Webhook, unstruct_event};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, SchemaOverrides, SchemaTable, Tools};
use crate::badrow::Message;
use crate::event::joda::parse_joda;
use crate::json::{write_java_double, write_string};
use crate::payload::decode::{undouble, url_decode};
use crate::payload::{CollectorPayload, Context, Parameters, RawEvent};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "CloudFront access log",
    vendor: "com.amazon.aws.cloudfront",
    version: "wd_access_log",
    tracker: Some(WEBHOOK.tracker),
    block: Some(BLOCK),
    input: "one line of the log (`--format tsv/com.amazon.aws.cloudfront/wd_access_log`)",
    content_type: "ignored",
    events: "one",
    schemas: &[SchemaTable { selector: "fields of the line", rows: &SCHEMAS }],
    notes: &[
        "Time, address and user agent of the event are the line's, not the collector's.",
        "The referer becomes the page URL. `-` is a value like any other.",
        "Lines with 33 fields (real-time metrics columns) are not known.",
    ],
    build: |schemas| Box::new(AccessLog::new(schemas)),
};

const BLOCK: &str = "cloudfrontAccessLog";
const WEBHOOK: Webhook = Webhook::server("com.amazon.aws.cloudfront/wd_access_log");

static SCHEMAS: [EventType; 7] = [
    event_type("12", "with_12_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-0"),
    event_type("15", "with_15_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-1"),
    event_type("18", "with_18_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-2"),
    event_type("19", "with_19_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-3"),
    event_type("23", "with_23_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-4"),
    event_type("24", "with_24_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-5"),
    event_type("26", "with_26_fields", "iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-6"),
];
/// Numbers of fields, one for each schema.
const LENGTHS: [usize; 7] = [12, 15, 18, 19, 23, 24, 26];

/// How a field becomes JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Double,
    /// Decoded once or twice.
    Encoded,
    /// Without its second encoding.
    Doubled,
}

/// The fields after date and time.
static FIELDS: [(&str, Kind); 24] = [
    ("xEdgeLocation", Kind::Text),
    ("scBytes", Kind::Integer),
    ("cIp", Kind::Text),
    ("csMethod", Kind::Text),
    ("csHost", Kind::Text),
    ("csUriStem", Kind::Text),
    ("scStatus", Kind::Text),
    ("csReferer", Kind::Encoded),
    ("csUserAgent", Kind::Encoded),
    ("csUriQuery", Kind::Doubled),
    ("csCookie", Kind::Text),
    ("xEdgeResultType", Kind::Text),
    ("xEdgeRequestId", Kind::Text),
    ("xHostHeader", Kind::Text),
    ("csProtocol", Kind::Text),
    ("csBytes", Kind::Integer),
    ("timeTaken", Kind::Double),
    ("xForwardedFor", Kind::Text),
    ("sslProtocol", Kind::Text),
    ("sslCipher", Kind::Text),
    ("xEdgeResponseResultType", Kind::Text),
    ("csProtocolVersion", Kind::Text),
    ("fleStatus", Kind::Text),
    ("fleEncryptedFields", Kind::Text),
];
/// Positions among the fields after date and time.
const ADDRESS: usize = 2;
const REFERER: usize = 7;
const USER_AGENT: usize = 8;

struct AccessLog {
    schemas: Vec<String>,
}

impl AccessLog {
    fn new(schemas: &SchemaOverrides) -> AccessLog {
        AccessLog { schemas: SCHEMAS.iter().map(|row| schemas.schema(BLOCK, row.key, row.schema)).collect() }
    }
}

impl Adapter for AccessLog {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let Some(line) = payload.body else { return Err(Message::input("body", None, "empty body").into()) };
        let columns: Vec<&'a str> = line.split('\t').collect();
        let Some(version) = LENGTHS.iter().position(|length| *length == columns.len()) else {
            let expectation =
                format!("access log contained {} fields, expected 12, 15, 18, 19, 23, 24 or 26", columns.len());
            return Err(Message::input("body", Some(line), expectation).into());
        };
        let (date, time, values) = (columns[0], columns[1], &columns[2..]);
        let mut failures = Vec::new();
        let timestamp = parse_joda(&format!("{date}T{time}+00:00")).map_err(|reason| {
            let shown = tools.arena.alloc_str(&format!("{date} {time}"));
            let expectation = format!("could not convert access log timestamp: {reason}");
            failures.push(Message::input("dateTime", Some(shown), expectation));
        });
        let mut field_failures = Vec::new();
        let json = unstruct_event(tools.arena, &self.schemas[version], |out| {
            write_data(date, time, values, tools, &mut field_failures, out);
        });
        // The reference reports the last field first.
        failures.extend(field_failures.into_iter().rev());
        if !failures.is_empty() {
            return Err(AdapterError::Failures(failures));
        }
        Ok(vec![event(payload, json, timestamp.ok(), values, tools)])
    }
}

fn event<'a>(
    payload: &CollectorPayload<'a>,
    json: &'a str,
    timestamp: Option<i64>,
    values: &[&'a str],
    tools: &Tools<'a, '_>,
) -> RawEvent<'a> {
    let filled = |at: usize| Some(values[at]).filter(|value| !value.is_empty());
    let mut query = Parameters::new();
    if let Some(referer) = filled(REFERER) {
        query.insert("url", Some(referer));
    }
    let mut event = RawEvent::from_payload(payload, WEBHOOK.parameters(&query, json));
    event.context = Context {
        timestamp,
        ip_address: filled(ADDRESS),
        useragent: filled(USER_AGENT).map(|agent| undouble(agent, tools.arena)),
        useragent_encoded: true,
        ..Context::default()
    };
    event
}

fn write_data<'a>(
    date: &str,
    time: &str,
    values: &[&'a str],
    tools: &Tools<'a, '_>,
    failures: &mut Vec<Message<'a>>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(br#"{"dateTime":"#);
    write_string(&format!("{date}T{time}Z"), out);
    for ((name, kind), value) in FIELDS.iter().zip(values) {
        out.extend_from_slice(format!(r#","{name}":"#).as_bytes());
        if let Err(expectation) = write_field(*kind, value, tools, out) {
            failures.push(Message::input(*name, Some(value), expectation));
        }
    }
    out.push(b'}');
}

fn write_field<'a>(kind: Kind, value: &'a str, tools: &Tools<'a, '_>, out: &mut Vec<u8>) -> Result<(), String> {
    if value.is_empty() {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match kind {
        Kind::Text => write_string(value, out),
        Kind::Doubled => write_string(undouble(value, tools.arena), out),
        Kind::Encoded => {
            let decoded = url_decode(undouble(value, tools.arena), tools.arena).map_err(|error| error.to_string())?;
            write_string(decoded, out);
        }
        Kind::Integer => {
            let number = java_int(value).ok_or("cannot be converted to Int")?;
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Kind::Double => {
            let number = java_double(value).filter(|number| number.is_finite());
            write_java_double(number.ok_or("cannot be converted to Double")?, out);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;
    use proptest::prelude::*;

    use crate::adapter::testing::{Request, data, events, failures, mutations, payload, run, with_result};
    use crate::adapter::{AdapterConfig, Registry};

    fn line(text: &str) -> Request {
        payload("com.amazon.aws.cloudfront", "wd_access_log").body(text)
    }

    const TWELVE: &str = "2013-10-07\t23:35:30\tLHR3\t100\t255.255.255.255\tGET\td1.cloudfront.net\t/i\t200\thttp://acme.com/a%2520b\tMoz/5.0%2520(X)\ta=b%2520c";
    const TWENTY_FOUR: &str = "2016-10-07\t23:35:30\tLHR3\t100\t10.0.0.1\tGET\td1.cloudfront.net\t/i\t304\t\t-\t-\t-\tHit\tReqId==\tacme.com\thttps\t90\t0.001\t-\tTLSv1.2\tECDHE\tHit\tHTTP/2.0";

    #[test]
    fn twelve_fields() {
        let expected = concat!(
            "e = ue\nurl = http://acme.com/a%2520b\ntv = com.amazon.aws.cloudfront/wd_access_log\n",
            r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.amazon.aws.cloudfront/wd_access_log/jsonschema/1-0-0","data":{"dateTime":"2013-10-07T23:35:30Z","xEdgeLocation":"LHR3","scBytes":100,"cIp":"255.255.255.255","csMethod":"GET","csHost":"d1.cloudfront.net","csUriStem":"/i","scStatus":"200","csReferer":"http://acme.com/a b","csUserAgent":"Moz/5.0 (X)","csUriQuery":"a=b%20c"}}}"#,
            "\np = srv\n"
        );
        assert_eq!(events(line(TWELVE)), [expected]);
        let registry = Registry::new(&AdapterConfig::default(), None);
        with_result(&registry, &line(TWELVE), |result| {
            let context = result.unwrap()[0].context;
            assert_eq!(context.timestamp, Some(1_381_188_930_000));
            assert_eq!((context.ip_address, context.useragent), (Some("255.255.255.255"), Some("Moz/5.0%20(X)")));
            assert_eq!((context.referer_uri, context.headers.len(), context.user_id), (None, 0, None));
        });
    }

    #[test]
    fn twenty_four_fields_with_an_empty_referer() {
        assert_eq!(
            data(line(TWENTY_FOUR)),
            [
                r#"{"dateTime":"2016-10-07T23:35:30Z","xEdgeLocation":"LHR3","scBytes":100,"cIp":"10.0.0.1","csMethod":"GET","csHost":"d1.cloudfront.net","csUriStem":"/i","scStatus":"304","csReferer":null,"csUserAgent":"-","csUriQuery":"-","csCookie":"-","xEdgeResultType":"Hit","xEdgeRequestId":"ReqId==","xHostHeader":"acme.com","csProtocol":"https","csBytes":90,"timeTaken":0.001,"xForwardedFor":"-","sslProtocol":"TLSv1.2","sslCipher":"ECDHE","xEdgeResponseResultType":"Hit","csProtocolVersion":"HTTP/2.0"}"#
            ]
        );
        assert!(
            events(line(TWENTY_FOUR))[0].starts_with("tv = com.amazon.aws.cloudfront/wd_access_log\ne = ue\np = srv\n")
        );
    }

    #[test]
    fn each_length_has_its_schema() {
        for (length, schema) in [(12, 0), (15, 1), (18, 2), (19, 3), (23, 4), (24, 5), (26, 6)] {
            let columns: Vec<&str> =
                ["2013-10-07", "23:35"].into_iter().chain(std::iter::repeat_n("", length - 2)).collect();
            let event = events(line(&columns.join("\t"))).remove(0);
            assert!(event.contains(&format!("wd_access_log/jsonschema/1-0-{schema}\"")), "{event}");
        }
        for length in [1, 11, 13, 14, 20, 25, 27, 33] {
            let failure = failures(line(&"\t".repeat(length - 1))).remove(0);
            let expected = format!("access log contained {length} fields, expected 12, 15, 18, 19, 23, 24 or 26");
            assert!(failure.contains(&expected), "{failure}");
        }
        assert_eq!(
            failures(payload("com.amazon.aws.cloudfront", "wd_access_log")),
            [r#"{"field":"body","value":null,"expectation":"empty body"}"#]
        );
    }

    #[test]
    fn failures_of_fields_come_last_field_first_behind_the_timestamp() {
        let text = "a\tb\tc\t3000000000\te\tf\tg\th\ti\t%zz\t%\tl\tm\tn\to\tp\tq\tmany\tNaN";
        assert_eq!(
            failures(line(text)),
            [
                r#"{"field":"dateTime","value":"a b","expectation":"could not convert access log timestamp: Invalid format: \"aTb+00:00\""}"#,
                r#"{"field":"timeTaken","value":"NaN","expectation":"cannot be converted to Double"}"#,
                r#"{"field":"csBytes","value":"many","expectation":"cannot be converted to Int"}"#,
                r#"{"field":"csUserAgent","value":"%","expectation":"exception URL-decoding (encoding UTF-8): URLDecoder: Incomplete trailing escape (%) pattern"}"#,
                r#"{"field":"csReferer","value":"%zz","expectation":"exception URL-decoding (encoding UTF-8): URLDecoder: Illegal hex characters in escape (%) pattern - Error at index 0 in: \"zz\""}"#,
                r#"{"field":"scBytes","value":"3000000000","expectation":"cannot be converted to Int"}"#,
            ]
        );
        for (date, reason) in [
            ("2013-10-07\tb", "Invalid format: \\\"2013-10-07Tb+00:00\\\" is malformed at \\\"b+00:00\\\""),
            (
                "2013-13-07\t10:00",
                "Cannot parse \\\"2013-13-07T10:00+00:00\\\": Value 13 for monthOfYear must be in the range [1,12]",
            ),
        ] {
            let failure = failures(line(&format!("{date}{}", "\t".repeat(10)))).remove(0);
            assert!(failure.contains(reason), "{failure}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics(any in any::<String>(), mutated in mutations(TWENTY_FOUR), field in any::<String>()) {
            let fields: Vec<&str> = std::iter::repeat_n(field.as_str(), 26).collect();
            for text in [any, mutated, fields.join("\t")] {
                run(&line(&text));
            }
            let arena = Bump::new();
            prop_assert!(crate::json::parse(&data(line(TWELVE))[0], &arena).is_ok());
        }
    }
}
