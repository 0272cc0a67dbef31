use super::*;
use crate::payload::base64_bytes;
use proptest::prelude::*;

const WORKED_EXAMPLE: &str = "0b0064000000083\
    1302e302e302e310a00c80000014194762a100b00d2000000055554462d380b00dc000000037373630b0140000000022f69\
    0b014a0000000a653d707626703d7765620f015e0b0000000100000007486f73743a20680b7a690000004169676c753a636f\
    6d2e736e6f77706c6f77616e616c79746963732e736e6f77706c6f772f436f6c6c6563746f725061796c6f61642f74687269\
    66742f312d302d3000";
const OLD_RECORD: &str = "CgABAAABQ7ds0AYLABQAAAAQc3NjLTAuMC4xLVN0ZG91dAsAHgAAAAVVVEYtOAsAKAAAAAkxMjcuMC4wLjEMACkI\
    AAEAAAABCAACAAAAAQsAAwAAAAplPXB2JnA9d2ViAAsALQAAAAlsb2NhbGhvc3QA";

fn worked_example() -> Vec<u8> {
    let digits = WORKED_EXAMPLE.as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn example_payload<'a>() -> ThriftPayload<'a> {
    ThriftPayload {
        ip_address: Some("10.0.0.1"),
        timestamp: 1_381_175_274_000,
        encoding: Some("UTF-8"),
        collector: Some("ssc"),
        path: Some("/i"),
        querystring: Some("e=pv&p=web"),
        headers: Some(&["Host: h"]),
        ..ThriftPayload::default()
    }
}

fn written(payload: &ThriftPayload<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_collector_payload(payload, &mut bytes);
    bytes
}

/// `field: value: expectation` or the text, one line a message.
fn messages(record: &[u8]) -> String {
    let arena = Bump::new();
    match load(record, &arena) {
        Loaded::Bad(messages) => {
            let lines = messages.iter().map(|message| match message {
                LoaderMessage::InputData { payload_field, value, expectation } => {
                    format!("{payload_field}: {}: {expectation}", value.as_deref().unwrap_or("null"))
                }
                LoaderMessage::Fallback { error } => error.clone().into_owned(),
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_worked_example_is_read_and_written() {
    let arena = Bump::new();
    let record = worked_example();
    assert_eq!(record.len(), 166);
    assert_eq!(written(&example_payload()), record);
    let Loaded::Payload(payload) = load(&record, &arena) else { panic!("not a payload") };
    assert_eq!(payload.api, Api::TP1);
    assert_eq!(payload.querystring, [("e", Some("pv")), ("p", Some("web"))]);
    assert_eq!(payload.source, Source { name: "ssc", encoding: "UTF-8", hostname: None });
    assert_eq!(payload.context.timestamp, Some(1_381_175_274_000));
    assert_eq!(payload.context.ip_address, Some("10.0.0.1"));
    assert_eq!(payload.context.headers, ["Host: h"]);
    assert!(!payload.context.useragent_encoded);
}

#[test]
fn bytes_after_the_struct_do_not_matter() {
    let mut record = worked_example();
    record.extend_from_slice(b"\nanything");
    assert!(matches!(load(&record, &Bump::new()), Loaded::Payload(_)));
    assert_eq!(struct_length(&record), Ok(166));
}

#[test]
fn old_records() {
    let arena = Bump::new();
    let record = base64_bytes(OLD_RECORD.as_bytes(), &arena);
    assert_eq!(record.len(), 114);
    let Loaded::Payload(payload) = load(record, &arena) else { panic!("not a payload") };
    assert_eq!(payload.api, Api::TP1);
    assert_eq!(payload.querystring, [("e", Some("pv")), ("p", Some("web"))]);
    assert_eq!(payload.source, Source { name: "ssc-0.0.1-Stdout", encoding: "UTF-8", hostname: Some("localhost") });
    assert_eq!(payload.context.timestamp, Some(1_390_351_798_278));
    assert_eq!(payload.context.ip_address, Some("127.0.0.1"));
    assert_eq!(messages(&[0]), "error deserializing raw event: null");
}

#[test]
fn libthrift_words_damage() {
    let ended = |wanted, got| {
        format!(
            "error deserializing raw event: Cannot read. Remote side has closed. Tried to read {wanted} bytes, but only \
             got {got} bytes. (This is often indicative of an internal error on the server side. Please check your \
             server logs.)"
        )
    };
    assert_eq!(messages(&[0x6D, 0xA7]), ended(2, 1));
    assert_eq!(messages(b""), ended(1, 0));
    assert_eq!(messages(&[11, 0, 100, 0, 0, 0, 9, b'x']), ended(9, 1));
    assert_eq!(messages(&[11, 0, 100, 0, 0]), ended(4, 2));
    assert_eq!(messages(&[99, 0, 1]), "error deserializing raw event: Unrecognized type 99");
    assert_eq!(messages(&[0xFF, 0, 1]), "error deserializing raw event: Unrecognized type -1");
    let negative = [11, 0, 100, 0xFF, 0xFF, 0xFF, 0xFF];
    assert_eq!(messages(&negative), "error deserializing raw event: Negative length: -1");
    let huge = [11, 0, 100, 0x7F, 0xFF, 0xFF, 0xFF];
    assert_eq!(messages(&huge), "error deserializing raw event: MaxMessageSize reached");
    let many = [15, 1, 0x5E, 11, 0x7F, 0xFF, 0xFF, 0xFF];
    assert_eq!(messages(&many), "error deserializing raw event: MaxMessageSize reached");
    let nested = [12, 0, 9].repeat(1000);
    assert_eq!(messages(&nested), "error deserializing raw event: Maximum skip depth exceeded");
}

/// The worked example with another schema.
fn with_schema(schema: &str) -> Vec<u8> {
    let mut record = written(&example_payload());
    record.truncate(record.len() - 1 - COLLECTOR_PAYLOAD_SCHEMA.len() - 4);
    record.extend_from_slice(&(schema.len() as u32).to_be_bytes());
    record.extend_from_slice(schema.as_bytes());
    record.push(0);
    record
}

#[test]
fn schemas_are_checked() {
    let with = |schema| messages(&with_schema(schema));
    assert_eq!(with("iglu:a"), "could not parse schema: INVALID_IGLUURI");
    assert_eq!(with(""), "could not parse schema: INVALID_IGLUURI");
    assert_eq!(
        with("iglu:com.snowplowanalytics.snowplow/CollectorPayload/thrift/1-1-0"),
        "verifying record as iglu:com.snowplowanalytics.snowplow/CollectorPayload/thrift/1-0-* failed: found \
         iglu:com.snowplowanalytics.snowplow/CollectorPayload/thrift/1-1-0"
    );
    let newer = with_schema("iglu:com.snowplowanalytics.snowplow/CollectorPayload/thrift/1-0-7");
    assert!(matches!(load(&newer, &Bump::new()), Loaded::Payload(_)));
}

#[test]
fn every_violation_is_found() {
    let payload = ThriftPayload {
        querystring: Some("a=%zz"),
        path: Some("/x"),
        network_user_id: Some("me"),
        ..example_payload()
    };
    assert_eq!(
        messages(&written(&payload)),
        "querystring: a=%zz: could not extract name-value pairs from querystring with encoding UTF-8: Malformed escape \
         pair at index 20: http://localhost/?a=%zz\n\
         path: /x: path does not match (/)vendor/version(/) nor is a legacy /i(ce.png) request\n\
         networkUserId: me: not valid UUID"
    );
    let no_path = ThriftPayload { path: None, ..example_payload() };
    assert_eq!(messages(&written(&no_path)), "path: null: request does not contain a path");
    let no_encoding = ThriftPayload { encoding: None, ..payload };
    assert_eq!(messages(&written(&no_encoding)), "error deserializing raw event: Null charset name");
    let klingon = ThriftPayload { encoding: Some("klingon"), ..payload };
    assert_eq!(messages(&written(&klingon)), "error deserializing raw event: klingon");
}

#[test]
fn no_dash_rule_and_normalised_user_ids() {
    let arena = Bump::new();
    let record = written(&ThriftPayload {
        querystring: Some("-"),
        network_user_id: Some("1-2-3-4-5"),
        headers: Some(&["X-Forwarded-For: 1.2.3.4"]),
        ..example_payload()
    });
    let Loaded::Payload(payload) = load(&record, &arena) else { panic!("not a payload") };
    assert_eq!(payload.querystring, [("-", None)]);
    assert_eq!(payload.context.user_id, Some("00000001-0002-0003-0004-000000000005"));
    assert_eq!(payload.context.ip_address, Some("1.2.3.4"));
}

#[test]
fn fields_of_another_type_are_passed_over_and_the_last_of_two_wins() {
    let arena = Bump::new();
    // 320 as an i32, 330 twice, an unknown map.
    let mut record = vec![8, 1, 0x40, 0, 0, 0, 1];
    record.extend_from_slice(&[11, 1, 0x4A, 0, 0, 0, 1, b'a', 11, 1, 0x4A, 0, 0, 0, 1, b'b']);
    record.extend_from_slice(&[13, 0, 5, 3, 2, 0, 0, 0, 1, 7, 1, 0]);
    let payload = read_collector_payload(&record, &arena).unwrap();
    assert_eq!((payload.path, payload.querystring), (None, Some("b")));
}

fn any_payload() -> impl Strategy<Value = Vec<Option<String>>> {
    proptest::collection::vec(proptest::option::of("\\PC{0,12}"), 11)
}

proptest! {
    #[test]
    fn never_panics(record: Vec<u8>) {
        load(&record, &Bump::new());
        let _ = struct_length(&record);
    }

    #[test]
    fn mutated_records_never_panic(at in 0usize..166, byte: u8, cut in 0usize..=166) {
        let mut record = worked_example();
        record[at] = byte;
        record.truncate(cut);
        load(&record, &Bump::new());
        let _ = struct_length(&record);
    }

    #[test]
    fn reads_what_it_writes(texts in any_payload(), timestamp: i64, lines: Option<Vec<String>>) {
        let text = |at: usize| texts[at].as_deref();
        let lines: Option<Vec<&str>> = lines.as_ref().map(|lines| lines.iter().map(String::as_str).collect());
        let payload = ThriftPayload {
            ip_address: text(0),
            timestamp,
            encoding: text(1),
            collector: text(2),
            user_agent: text(3),
            referer_uri: text(4),
            path: text(5),
            querystring: text(6),
            body: text(7),
            headers: lines.as_deref(),
            content_type: text(8),
            hostname: text(9),
            network_user_id: text(10),
        };
        let arena = Bump::new();
        let record = written(&payload);
        prop_assert_eq!(read_collector_payload(&record, &arena), Ok(payload));
        prop_assert_eq!(struct_length(&record), Ok(record.len()));
    }
}
