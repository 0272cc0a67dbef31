//! Worked examples of the bad-row formats.

use bumpalo::Bump;
use proptest::prelude::*;

use super::*;
use crate::event::{Column, EnrichedEvent};
use crate::iglu::{ClientError, LookupHistory, RegistryError, Report};
use crate::payload::{Api, CollectorPayload, Context, Parameters, RawEvent, Source};

fn config(format: BadRowFormat) -> BadRowConfig {
    let processor = Processor { artifact: "thresh-enrich".to_owned(), version: "0.1.0".to_owned() };
    BadRowConfig { processor, format, max_size: None }
}

fn written(format: BadRowFormat, record: RecordSource<'_>, write: impl FnOnce(&mut BadRowWriter<'_>)) -> Vec<String> {
    written_with(&config(format), record, write)
}

fn written_with(
    config: &BadRowConfig,
    record: RecordSource<'_>,
    write: impl FnOnce(&mut BadRowWriter<'_>),
) -> Vec<String> {
    let mut out = Vec::new();
    let mut writer = BadRowWriter::new(config, record, 1_574_415_441_643, &mut out);
    write(&mut writer);
    let rows = writer.rows();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len() as u64, rows);
    assert!(text.is_empty() || text.ends_with('\n'));
    lines
}

const HEAD: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/"#;
const PROCESSOR: &str = r#""processor":{"artifact":"thresh-enrich","version":"0.1.0"}"#;

fn hubspot_payload() -> CollectorPayload<'static> {
    CollectorPayload {
        api: Api { vendor: "com.hubspot", version: "v1" },
        querystring: &[],
        content_type: None,
        body: Some("{}"),
        source: Source { name: "ssc", encoding: "UTF-8", hostname: None },
        context: Context {
            ip_address: Some("127.0.0.1"),
            headers: &["content-type: application/json"],
            ..Context::default()
        },
    }
}

#[test]
fn every_loader_message_is_a_row_of_its_own() {
    let messages = [
        LoaderMessage::Fallback { error: "error deserializing raw event: Cannot read.".into() },
        LoaderMessage::InputData { payload_field: "path", value: None, expectation: "no path".into() },
    ];
    let rows = written(BadRowFormat::V2, RecordSource::Binary(b"\x6d\xa7"), |writer| {
        writer.collector_payload_format_violation("thrift", &messages);
    });
    let head = format!("{HEAD}collector_payload_format_violation/jsonschema/1-0-0\",\"data\":{{{PROCESSOR},");
    let failure = r#""failure":{"timestamp":"2019-11-22T09:37:21.643Z","loader":"thrift","message":"#;
    let first = r#"{"error":"error deserializing raw event: Cannot read."}},"payload":"bac="}}"#;
    let second = r#"{"payloadField":"path","value":null,"expectation":"no path"}},"payload":"bac="}}"#;
    assert_eq!(rows, [format!("{head}{failure}{first}"), format!("{head}{failure}{second}")]);
}

#[test]
fn one_legacy_row_holds_all_loader_messages() {
    let messages = [
        LoaderMessage::InputData {
            payload_field: "dateTime",
            value: Some("20yy-05-24 00:08:40".into()),
            expectation: "could not convert timestamp: Invalid format: \"20yy\"".into(),
        },
        LoaderMessage::InputData {
            payload_field: "querystring",
            value: Some("a=%zz".into()),
            expectation: "could not extract name-value pairs from querystring with encoding UTF-8: Malformed".into(),
        },
    ];
    let rows = written(BadRowFormat::Legacy, RecordSource::Line("a\tline"), |writer| {
        writer.collector_payload_format_violation("cloudfront", &messages);
    });
    let expected = concat!(
        r#"{"line":"a\tline","errors":[{"level":"error","message":"Unexpected exception converting date [20yy-05-24] "#,
        r#"and time [00:08:40] to timestamp: [Invalid format: \"20yy\"]"},{"level":"error","message":"Exception "#,
        r#"extracting name-value pairs from querystring [a=%zz] with encoding [UTF-8]: [Malformed]"}],"#,
        r#""failure_tstamp":"2019-11-22T09:37:21.643Z"}"#
    );
    assert_eq!(rows, [expected]);
}

#[test]
fn collector_payload_has_all_keys_in_order() {
    let mut out = Vec::new();
    write_collector_payload(&hubspot_payload(), &mut out);
    let expected = r#"{"vendor":"com.hubspot","version":"v1","querystring":[],"contentType":null,"body":"{}","collector":"ssc","encoding":"UTF-8","hostname":null,"timestamp":null,"ipAddress":"127.0.0.1","useragent":null,"refererUri":null,"headers":["content-type: application/json"],"networkUserId":null}"#;
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn adapter_failures_and_tracker_protocol_violations_share_their_layout() {
    let messages = [Message::input("body", None, "empty body: no events to process")];
    let payload = hubspot_payload();
    let rows = written(BadRowFormat::V2, RecordSource::Line(""), |writer| {
        writer.adapter_failures(&payload, &messages);
        writer.tracker_protocol_violations(&payload, &messages);
    });
    let mut expected_payload = Vec::new();
    write_collector_payload(&payload, &mut expected_payload);
    let tail = format!(
        "{{{PROCESSOR},{},\"payload\":{}}}}}",
        r#""failure":{"timestamp":"2019-11-22T09:37:21.643Z","vendor":"com.hubspot","version":"v1","messages":[{"field":"body","value":null,"expectation":"empty body: no events to process"}]}"#,
        String::from_utf8(expected_payload).unwrap()
    );
    assert_eq!(rows[0], format!("{HEAD}adapter_failures/jsonschema/1-0-0\",\"data\":{tail}"));
    assert_eq!(rows[1], format!("{HEAD}tracker_protocol_violations/jsonschema/1-0-1\",\"data\":{tail}"));
}

#[test]
fn legacy_adapter_texts() {
    let mut payload = hubspot_payload();
    let mut text = |vendor: &'static str, version: &'static str, message: Message<'static>| {
        payload.api = Api { vendor, version };
        legacy::legacy_text(&message, legacy::Origin::Adapter(&payload)).join("|")
    };
    let mapping = |actual: Option<&'static str>, expectation: &'static str| Message::SchemaMapping {
        actual: actual.map(Into::into),
        expected_mapping: Vec::new(),
        expectation: expectation.into(),
    };
    let unknown = "no schema associated with the provided type parameter at index 1";
    assert_eq!(
        text("com.hubspot", "v1", mapping(Some("contact"), unknown)),
        "HubSpot event at index [1] failed: type parameter [contact] not recognized"
    );
    assert_eq!(
        text("com.getvero", "v1", mapping(None, "cannot determine event type: type parameter not provided")),
        "Vero event failed: type parameter not provided - cannot determine event type"
    );
    assert_eq!(
        text("com.olark", "v1", Message::input("contentType", None, "no content type: expected a/b")),
        "Request body provided but content type empty, expected a/b for Olark"
    );
    assert_eq!(
        text("a", "b", Message::input("vendor/version", Some("a/b"), "vendor/version combination is not supported")),
        "Payload with vendor a and version b not supported by this version of Scala Common Enrich"
    );
    assert_eq!(
        text("com.snowplowanalytics.snowplow", "tp1", Message::input("querystring", None, "empty querystring: x")),
        "Querystring is empty: no raw event to process"
    );
    assert_eq!(
        text("com.amazon.aws.cloudfront", "v", Message::input("scBytes", Some("x"), "cannot be converted to Int")),
        "Field [scBytes]: cannot convert [x] to Int"
    );
}

#[test]
fn legacy_rows_of_an_event_add_the_companion_of_an_unknown_event_type() {
    let messages = [
        EnrichmentFailure::unconditional(Message::input("e", Some("lol"), "not recognized as an event type")),
        EnrichmentFailure::unconditional(Message::input("vid", Some("a"), "cannot be converted to java.lang.Integer")),
        EnrichmentFailure::unconditional(Message::input(
            "se_va",
            Some(""),
            "cannot be converted to java.math.BigDecimal. Error : null",
        )),
        EnrichmentFailure::unconditional(Message::input("tid", Some(""), "cannot be converted to java.lang.Integer")),
    ];
    let texts = legacy::texts(messages.iter().map(|failure| &failure.message), legacy::Origin::Event);
    let expected = [
        "Field [e]: [lol] is not a recognised event code",
        "Field [vid]: cannot convert [a] to Int",
        "Field [se_va]: cannot convert [] to Double-like String",
        "Field [tid]: [] is not a valid integer",
        "Unrecognized event [null]",
    ];
    assert_eq!(texts, expected);
}

fn report(path: &str, keyword: &str, targets: &[&str]) -> Report {
    Report {
        message: format!("{path}: whatever"),
        path: Some(path.to_owned()),
        keyword: Some(keyword.to_owned()),
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
    }
}

#[test]
fn legacy_validation_failures_are_text_blocks() {
    let error = ClientError::Data {
        superseded_by: None,
        reports: vec![
            report("$[0]", "required", &["p"]),
            report("$[0]", "required", &["e"]),
            report("$", "type", &["object", "array"]),
        ],
    };
    let message = Message::IgluError { schema_key: "iglu:a/b/jsonschema/1-0-0".into(), error: Box::new(error) };
    let texts = legacy::legacy_text(&message, legacy::Origin::Event);
    let required = concat!(
        "error: object has missing required properties ([\"e\",\"p\"])\n    level: \"error\"\n    ",
        "schema: {\"loadingURI\":\"#\",\"pointer\":\"/items\"}\n    instance: {\"pointer\":\"/0\"}\n    ",
        "domain: \"validation\"\n    keyword: \"required\"\n    missing: [\"e\",\"p\"]\n"
    );
    let kind = concat!(
        "error: instance type (object) does not match any allowed primitive type (allowed: [\"array\"])\n    ",
        "level: \"error\"\n    schema: {\"loadingURI\":\"#\",\"pointer\":\"\"}\n    instance: {\"pointer\":\"\"}\n    ",
        "domain: \"validation\"\n    keyword: \"type\"\n    found: \"object\"\n    expected: [\"array\"]\n"
    );
    assert_eq!(texts, [required, kind]);
}

#[test]
fn legacy_missing_schema_names_the_repositories() {
    let entry = |repository: &str| LookupHistory {
        repository: repository.to_owned(),
        errors: vec![RegistryError::NotFound],
        attempts: 1,
        last_attempt: 0,
    };
    let error = ClientError::Resolution { lookup_history: vec![entry("Iglu Central"), entry("Iglu Client Embedded")] };
    let message = Message::IgluError { schema_key: "iglu:com.acme/x/jsonschema/1-0-0".into(), error: Box::new(error) };
    assert_eq!(
        legacy::legacy_text(&message, legacy::Origin::Event),
        [concat!(
            "error: Could not find schema with key iglu:com.acme/x/jsonschema/1-0-0 in any repository, tried:\n",
            "    level: \"error\"\n    repositories: [\"Iglu Central [HTTP]\",\"Iglu Client Embedded [embedded]\"]\n"
        )]
    );
}

fn raw_event() -> RawEvent<'static> {
    let names = [("e", Some("se")), ("tid", None), ("p", Some("web")), ("se_va", Some("")), ("tv", Some("x"))];
    let mut raw = RawEvent::from_payload(&hubspot_payload(), Parameters::from_pairs(&names));
    raw.context.timestamp = Some(1_413_036_245_000);
    raw
}

#[test]
fn enrichment_failures_hold_the_partial_event_and_the_raw_event() {
    let mut event = EnrichedEvent::default();
    event.set(Column::txn_id, Some("42"));
    event.set(Column::domain_sessionidx, Some("3"));
    event.set(Column::geo_latitude, Some("37.386"));
    event.set(Column::geo_longitude, Some("NaN"));
    event.set(Column::br_cookies, Some("1"));
    event.set(Column::se_value, Some("1.50"));
    event.set(Column::contexts, Some(r#"{"a":1}"#));
    event.set(Column::useragent, Some(""));
    let failures = [
        EnrichmentFailure::unconditional(Message::simple("boom")),
        EnrichmentFailure {
            enrichment: Some(EnrichmentInfo { schema_key: "iglu:a/b/jsonschema/1-0-0".into(), identifier: "weather" }),
            message: Message::input("geo_latitude", None, "missing"),
        },
    ];
    let rows = written(BadRowFormat::V2, RecordSource::Line(""), |writer| {
        writer.enrichment_failures(&event, &raw_event(), &failures);
    });
    let row: serde_json::Value = serde_json::from_str(&rows[0]).unwrap();
    let expected = concat!(
        r#"[{"enrichment":null,"message":{"error":"boom"}},{"enrichment":{"schemaKey":"iglu:a/b/jsonschema/1-0-0","#,
        r#""identifier":"weather"},"message":{"field":"geo_latitude","value":null,"expectation":"missing"}}]"#
    );
    assert!(rows[0].contains(expected), "{}", rows[0]);
    assert_eq!(row["schema"], "iglu:com.snowplowanalytics.snowplow.badrows/enrichment_failures/jsonschema/2-0-1");
    let enriched = row["data"]["payload"]["enriched"].as_object().unwrap();
    assert_eq!(enriched.len(), 131);
    assert_eq!(enriched["txn_id"], "42");
    assert_eq!(enriched["domain_sessionidx"], 3);
    assert_eq!(enriched["geo_latitude"].to_string(), "37.386");
    assert_eq!(enriched["geo_longitude"], "NaN", "a text that is no JSON number stays a text");
    assert_eq!(enriched["br_cookies"], 1);
    assert_eq!(enriched["se_value"], "1.50");
    assert_eq!(enriched["contexts"], r#"{"a":1}"#);
    assert_eq!(enriched["useragent"], "");
    assert!(enriched["true_tstamp"].is_null());
    let raw = &row["data"]["payload"]["raw"];
    let names: Vec<&str> =
        raw["parameters"].as_array().unwrap().iter().map(|pair| pair["name"].as_str().unwrap()).collect();
    let expected: Vec<&str> = raw_event().parameters.in_reference_order().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected);
    assert_eq!(raw["timestamp"], "2014-10-11T14:04:05.000Z");
    assert_eq!((&raw["loaderName"], &raw["userId"]), (&"ssc".into(), &serde_json::Value::Null));
}

#[test]
fn loader_rows_have_three_shapes_of_failure() {
    let mut event = EnrichedEvent::default();
    event.set(Column::txn_id, Some("42"));
    event.set(Column::se_value, Some("8000"));
    event.set(Column::br_cookies, Some("0"));
    event.set(Column::collector_tstamp, Some("2014-10-11 14:01:05.000"));
    event.set(
        Column::contexts,
        Some(r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":[{"schema":"s","data":1}]}"#),
    );
    let failures = [
        LoaderIgluFailure::InvalidSchema { schema_key: "iglu:a/b/jsonschema/1-0-0".into(), message: "bad".into() },
        LoaderIgluFailure::SchemaListNotFound {
            criterion: crate::iglu::SchemaCriterion::new("a", "b", Some(1), None, None),
            error: Box::new(ClientError::Resolution { lookup_history: Vec::new() }),
        },
    ];
    let rows = written(BadRowFormat::V2, RecordSource::Line("not a tsv"), |writer| {
        writer.loader_parsing_error(&ParsingFailure::NotTsv);
        writer.loader_parsing_error(&ParsingFailure::RowDecodingError(vec![RowDecodingFailure::InvalidValue {
            key: "event_id".into(),
            value: "x".into(),
            message: "Cannot parse key event_id into UUID".into(),
        }]));
        writer.loader_iglu_error(&event, &failures);
        writer.loader_runtime_error(&event, "throttled");
    });
    let head = format!("{HEAD}loader_parsing_error/jsonschema/2-0-0\",\"data\":{{{PROCESSOR},");
    assert_eq!(rows[0], format!("{head}{}", r#""failure":{"type":"NotTSV"},"payload":"not a tsv"}}"#));
    assert!(rows[1].contains(r#""errors":[{"type":"InvalidValue","key":"event_id","value":"x","message":"Cannot"#));
    let iglu = concat!(
        r#""failure":[{"schemaKey":"iglu:a/b/jsonschema/1-0-0","message":"bad"},{"schemaCriterion":"#,
        r#""iglu:a/b/jsonschema/1-*-*","error":{"error":"ResolutionError","lookupHistory":[]}}],"payload":{"app_id":null,"#
    );
    assert!(rows[2].contains(iglu), "{}", rows[2]);
    assert!(rows[3].contains(r#""failure":"throttled","payload":{"app_id":null,"#));
    let payload: serde_json::Value = serde_json::from_str(&rows[3]).unwrap();
    let payload = &payload["data"]["payload"];
    assert_eq!(payload.as_object().unwrap().len(), 131);
    assert_eq!(payload["txn_id"], 42);
    assert_eq!(payload["se_value"].to_string(), "8000.0");
    assert_eq!(payload["br_cookies"], false);
    assert_eq!(payload["collector_tstamp"], "2014-10-11T14:01:05Z");
    let contexts = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{"schema":"s","data":1}]}"#;
    assert_eq!(payload["contexts"].to_string(), contexts);
    assert_eq!(payload["derived_contexts"].to_string(), "{}");
    assert!(payload["unstruct_event"].is_null());
}

#[test]
fn recovery_errors_carry_the_inner_row_and_the_count() {
    let rows = written(BadRowFormat::V2, RecordSource::Line(""), |writer| {
        writer.recovery_error("no way", None, r#"{"schema":"s","data":{}}"#, 2);
    });
    let tail = r#""failure":{"error":"no way","configName":null},"payload":{"schema":"s","data":{}},"recoveries":2}}"#;
    assert_eq!(rows[0], format!("{HEAD}recovery_error/jsonschema/1-0-1\",\"data\":{{{PROCESSOR},{tail}"));
}

#[test]
fn large_rows_become_size_violations() {
    let mut config = config(BadRowFormat::V2);
    config.max_size = Some(400);
    let line = "é".repeat(400);
    let rows = written_with(&config, RecordSource::Line(&line), |writer| {
        writer.generic_error(&["boom"]);
        writer.oversized_event(20, "0123456789abcdefghijklmno");
    });
    let row: serde_json::Value = serde_json::from_str(&rows[0]).unwrap();
    assert_eq!(row["schema"], "iglu:com.snowplowanalytics.snowplow.badrows/size_violation/jsonschema/1-0-0");
    let data = &row["data"];
    assert_eq!(data["failure"]["maximumAllowedSizeBytes"], 400);
    assert!(data["failure"]["actualSizeBytes"].as_u64().unwrap() > 800);
    assert_eq!(
        data["failure"]["expectation"],
        "event failed enrichment, but resulting bad row exceeds allowed size 400"
    );
    assert_eq!(data["payload"], r#"{"schema":"iglu:com.snowplowanalytics.sn"#);
    let tail = concat!(
        r#""failure":{"timestamp":"2019-11-22T09:37:21.643Z","maximumAllowedSizeBytes":20,"actualSizeBytes":25,"#,
        r#""expectation":"event passed enrichment but then exceeded the maximum allowed size 20 bytes"},"#,
        r#""payload":"0123456789abcdef"}}"#
    );
    assert!(rows[1].ends_with(tail), "{}", rows[1]);
}

proptest! {
    #[test]
    fn rows_are_single_lines_of_json(
        text in any::<String>(),
        bytes in any::<Vec<u8>>(),
        max_size in proptest::option::of(0usize..2000),
        field in any::<String>(),
    ) {
        for format in [BadRowFormat::V2, BadRowFormat::Legacy] {
            let mut config = config(format);
            config.max_size = max_size;
            let messages = [Message::input(field.as_str(), Some(&text), text.as_str())];
            let mut event = EnrichedEvent::default();
            for column in crate::event::ALL_COLUMNS {
                event.set(column, Some(&text));
            }
            let payload = CollectorPayload { body: Some(&text), ..hubspot_payload() };
            for record in [RecordSource::Line(&text), RecordSource::Binary(&bytes)] {
                let rows = written_with(&config, record, |writer| {
                    writer.adapter_failures(&payload, &messages);
                    writer.schema_violations(&event, &raw_event(), &messages);
                    writer.loader_runtime_error(&event, &text);
                    writer.generic_error(&[&text]);
                });
                prop_assert_eq!(rows.len(), 4);
                for row in rows {
                    let arena = Bump::new();
                    prop_assert!(crate::json::parse(&row, &arena).is_ok(), "{}", row);
                }
            }
        }
    }
}
