use proptest::prelude::*;

use super::*;
use crate::adapter::AdapterResult;
use crate::badrow::{BadRowFormat, Message, Processor};
use crate::enrich::testing::{Script, fake};
use crate::enrichment::{Step, StepContext};
use crate::event::Column;
use crate::event::read::split_tsv;
use crate::payload::Parameters;

/// One event per parameter `n`, or as the path says.
struct FakeAdapter;

impl Adapter for FakeAdapter {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, _: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let event = RawEvent::from_payload(payload, Parameters::from_pairs(payload.querystring));
        match payload.api.vendor {
            "com.twice" => {
                let mut broken = event.clone();
                broken.parameters.insert("e", Some("lol"));
                Ok(vec![event.clone(), broken, event])
            }
            "com.nothing" => Ok(vec![]),
            "com.surprise" => Err(AdapterError::Unexpected("a surprise".into())),
            "com.fails" => Err(Message::input("body", None, "no body").into()),
            _ if payload.api.version == "tp2" => Err(Message::input("body", None, "no body").into()),
            _ => Ok(vec![event]),
        }
    }
}

fn config() -> EnrichConfig {
    let processor = Processor { artifact: "thresh-enrich".into(), version: "0.1.0".into() };
    let bad_rows = BadRowConfig { processor, format: BadRowFormat::V2, max_size: None };
    EnrichConfig::new(bad_rows, 1_700_006_400_000)
}

fn worker(config: EnrichConfig) -> Enricher {
    Arc::new(EnrichStage::new(config, Arc::new(FakeAdapter))).worker(vec![], Box::new(Script::default()))
}

struct Written {
    outcome: RecordOutcome,
    good: String,
    bad: Vec<serde_json::Value>,
}

fn process(enricher: &mut Enricher, format: &RawFormat, record: &[u8]) -> Written {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    let out = EnrichOutputs { good: &mut good, bad: &mut bad, pii_events: None };
    let outcome = enricher.process(format, record, out);
    written(outcome, good, &bad)
}

fn written(outcome: RecordOutcome, good: Vec<u8>, bad: &[u8]) -> Written {
    let rows: Vec<serde_json::Value> =
        std::str::from_utf8(bad).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len() as u64, outcome.bad_rows);
    assert_eq!(good.iter().filter(|b| **b == b'\n').count() as u64, outcome.events);
    Written { outcome, good: String::from_utf8(good).unwrap(), bad: rows }
}

fn name(row: &serde_json::Value) -> &str {
    row["schema"].as_str().unwrap().split('/').nth(1).unwrap()
}

/// A CloudFront line with a path and a query.
fn line(path: &str, query: &str) -> Vec<u8> {
    format!(
        "2013-08-29\t00:18:48\tLAX3\t830\t192.0.2.1\tGET\td1.cloudfront.net\t{path}\t200\thttp://x.com/a%\t\
         Mozilla/5.0%20(X)\t{query}"
    )
    .into_bytes()
}

const EID: &str = "c6ef3124-b53a-4b13-a233-0088f79dcbcb";

#[test]
fn a_line_becomes_an_event() {
    let record = line("/i", &format!("e=pv&page=Celestial%2520Tarot&p=web&eid={EID}"));
    let written = process(&mut worker(config()), &RawFormat::CloudFront, &record);
    assert_eq!(written.outcome, RecordOutcome { events: 1, bad_rows: 0, pii_events: 0 });
    assert_eq!(written.outcome.fate(), Fate::Good);
    let event = split_tsv(written.good.trim_end_matches('\n')).unwrap();
    let expected = [
        (Column::event_id, EID),
        (Column::event, "page_view"),
        (Column::page_title, "Celestial Tarot"),
        (Column::useragent, "Mozilla/5.0 (X)"),
        (Column::page_url, "http://x.com/a"),
        (Column::user_ipaddress, "192.0.2.1"),
        (Column::collector_tstamp, "2013-08-29 00:18:48.000"),
        (Column::etl_tstamp, "2023-11-15 00:00:00.000"),
        (Column::v_etl, "thresh-enrich-0.1.0"),
        (Column::v_collector, "cloudfront"),
    ];
    for (column, text) in expected {
        assert_eq!(event.get(column), Some(text), "{column:?}");
    }
}

#[test]
fn useragents_stay_encoded_if_asked() {
    let mut enricher = worker(EnrichConfig { decode_useragents: false, ..config() });
    let written = process(&mut enricher, &RawFormat::CloudFront, &line("/i", "e=pv"));
    assert!(written.good.contains("\tMozilla/5.0%20(X)\t"));
}

#[test]
fn headers_are_ignored() {
    let written = process(&mut worker(config()), &RawFormat::CloudFront, b"#Version: 1.0");
    assert_eq!(written.outcome.fate(), Fate::Ignored);
    assert_eq!((written.good.as_str(), written.bad.len()), ("", 0));
}

#[test]
fn every_violation_of_a_record_gives_a_row() {
    let record = String::from_utf8(line("/x", "a=%zz")).unwrap();
    let written = process(&mut worker(config()), &RawFormat::CloudFront, record.as_bytes());
    assert_eq!(written.outcome, RecordOutcome { events: 0, bad_rows: 2, pii_events: 0 });
    for row in &written.bad {
        assert_eq!(name(row), "collector_payload_format_violation");
        assert_eq!(row["data"]["payload"], record);
        assert_eq!(row["data"]["failure"]["loader"], "cloudfront");
        assert_eq!(row["data"]["failure"]["timestamp"], "2023-11-15T00:00:00Z");
        assert_eq!(row["data"]["processor"]["artifact"], "thresh-enrich");
    }
}

#[test]
fn one_bad_event_makes_the_record_bad_and_leaves_its_siblings() {
    let written = process(&mut worker(config()), &RawFormat::CloudFront, &line("/com.twice/v1", "e=pv&p=web"));
    assert_eq!(written.outcome, RecordOutcome { events: 2, bad_rows: 1, pii_events: 0 });
    assert_eq!(written.outcome.fate(), Fate::Bad);
    let row = &written.bad[0];
    assert_eq!(name(row), "enrichment_failures");
    assert_eq!(row["data"]["payload"]["enriched"]["platform"], "web");
    assert_eq!(row["data"]["payload"]["raw"]["vendor"], "com.twice");
    assert_eq!(row["data"]["payload"]["raw"]["useragent"], "Mozilla/5.0%20(X)", "as received");
    assert_eq!(row["data"]["failure"]["messages"][0]["message"]["value"], "lol");
}

#[test]
fn schema_violations_have_a_row_of_their_own_kind() {
    let written = process(&mut worker(config()), &RawFormat::CloudFront, &line("/i", "e=pv&co=%257B%257D"));
    assert_eq!(name(&written.bad[0]), "schema_violations");
    assert_eq!(written.bad[0]["data"]["payload"]["enriched"]["contexts"], "{}");
}

#[test]
fn adapters_fail_in_several_ways() {
    let cases = [
        ("/com.fails/v1", "adapter_failures"),
        ("/com.snowplowanalytics.snowplow/tp2", "tracker_protocol_violations"),
        ("/r/tp2", "tracker_protocol_violations"),
        ("/com.other/tp2", "adapter_failures"),
        ("/com.surprise/v1", "generic_error"),
        ("/com.nothing/v1", "generic_error"),
    ];
    for (path, kind) in cases {
        let written = process(&mut worker(config()), &RawFormat::CloudFront, &line(path, "a=b"));
        assert_eq!(written.outcome, RecordOutcome { events: 0, bad_rows: 1, pii_events: 0 }, "{path}");
        assert_eq!(name(&written.bad[0]), kind, "{path}");
    }
}

#[test]
fn thrift_records_are_shown_in_base64() {
    for (format, record) in [
        (RawFormat::Thrift(ThriftContainer::Structs), &[0xFF, 1, 2][..]),
        (RawFormat::Thrift(ThriftContainer::Lines), b"/wEC"),
    ] {
        let written = process(&mut worker(config()), &format, record);
        assert_eq!(written.outcome, RecordOutcome { events: 0, bad_rows: 1, pii_events: 0 });
        assert_eq!(written.bad[0]["data"]["payload"], "/wEC");
        assert_eq!(written.bad[0]["data"]["failure"]["loader"], "thrift");
    }
    let nothing = process(&mut worker(config()), &RawFormat::Thrift(ThriftContainer::Lines), b"!!");
    assert_eq!(nothing.bad[0]["data"]["payload"], "!!", "a line without base64 is not lost");
}

#[test]
fn large_records_and_events_are_cut() {
    let record = line("/i", &format!("e=pv&page={}", "x".repeat(1000)));
    let mut enricher = worker(EnrichConfig { max_record_size: Some(500), ..config() });
    let written = process(&mut enricher, &RawFormat::CloudFront, &record);
    let failure = &written.bad[0]["data"]["failure"];
    assert_eq!(name(&written.bad[0]), "size_violation");
    assert_eq!(failure["maximumAllowedSizeBytes"], 500);
    assert_eq!(failure["actualSizeBytes"], record.len());
    assert_eq!(written.bad[0]["data"]["payload"].as_str().map(str::len), Some(50));

    let mut enricher = worker(EnrichConfig { max_event_size: Some(500), ..config() });
    let written = process(&mut enricher, &RawFormat::CloudFront, &record);
    assert_eq!(written.outcome, RecordOutcome { events: 0, bad_rows: 1, pii_events: 0 });
    assert_eq!(name(&written.bad[0]), "size_violation");
    assert!(written.bad[0]["data"]["payload"].as_str().unwrap().starts_with('\t'));
}

#[test]
fn pii_events_go_where_they_are_wanted_and_nowhere_else() {
    let pii = |cx: &mut StepContext<'_, '_>| {
        let mut event = EnrichedEvent::default();
        event.set(Column::event, Some("pii_transformation"));
        cx.pii_event = Some(cx.arena.alloc(event));
    };
    let stage = EnrichStage::new(config(), Arc::new(FakeAdapter));
    let mut enricher = Arc::new(stage).worker(vec![fake(Step::Pii, pii)], Box::new(Script::default()));
    let unwanted = process(&mut enricher, &RawFormat::CloudFront, &line("/i", "e=pv"));
    assert_eq!(unwanted.outcome, RecordOutcome { events: 1, bad_rows: 0, pii_events: 0 });
    let (mut good, mut bad, mut pii_events) = (Vec::new(), Vec::new(), Vec::new());
    let mut wanted = |query: &str| {
        let out = EnrichOutputs { good: &mut good, bad: &mut bad, pii_events: Some(&mut pii_events) };
        enricher.process(&RawFormat::CloudFront, &line("/i", query), out)
    };
    assert_eq!(wanted("e=pv"), RecordOutcome { events: 1, bad_rows: 0, pii_events: 1 });
    assert_eq!(wanted("e=ad"), RecordOutcome { events: 0, bad_rows: 1, pii_events: 0 }, "a bad event has no PII event");
    assert_eq!((unwanted.good.lines().count(), String::from_utf8(good).unwrap().lines().count()), (1, 1));
    let pii_events = String::from_utf8(pii_events).unwrap();
    assert_eq!(pii_events.lines().count(), 1);
    assert_eq!(split_tsv(&pii_events).unwrap().get(Column::event), Some("pii_transformation"));
}

#[test]
fn the_registry_and_the_embedded_schemas_fit_in() {
    use crate::adapter::{AdapterConfig, Registry};
    use crate::iglu::{Resolver, ResolverOptions};
    let registry = Registry::new(&AdapterConfig::default(), None);
    let options = ResolverOptions { offline: true, ..ResolverOptions::default() };
    let client = Resolver::client(&Arc::new(Resolver::default_central(options)));
    let mut enricher = Arc::new(EnrichStage::new(config(), Arc::new(registry))).worker(vec![], Box::new(client));
    let with_context = |data: &str| {
        let contexts = format!(
            r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{{"schema":"iglu:com.snowplowanalytics.snowplow/uri_redirect/jsonschema/1-0-0","data":{data}}}]}}"#
        );
        let encoded: String = contexts.bytes().map(|b| format!("%{b:02x}")).collect();
        line("/i", &format!("e=pv&p=web&tv=x&co={encoded}"))
    };
    let good = process(&mut enricher, &RawFormat::CloudFront, &with_context(r#"{"uri":"http://a.com/"}"#));
    assert_eq!(good.outcome, RecordOutcome { events: 1, bad_rows: 0, pii_events: 0 }, "{:?}", good.bad);
    let bad = process(&mut enricher, &RawFormat::CloudFront, &with_context("{}"));
    assert_eq!(name(&bad.bad[0]), "schema_violations");
    let report = &bad.bad[0]["data"]["failure"]["messages"][0]["error"]["dataReports"][0];
    assert_eq!(report["message"], "$.uri: is missing but it is required");
    let unknown = process(&mut enricher, &RawFormat::CloudFront, &line("/com.unknown/v1", "a=b"));
    assert_eq!(name(&unknown.bad[0]), "adapter_failures");
}

#[test]
fn panics_become_generic_errors() {
    let mut bad = Vec::new();
    let mut enricher = worker(config());
    let outcome = enricher.on_panic(&RawFormat::CloudFront, b"the line", "index out of bounds", &mut bad);
    let written = written(outcome, vec![], &bad);
    assert_eq!(name(&written.bad[0]), "generic_error");
    assert_eq!(written.bad[0]["data"]["failure"]["errors"][0], "index out of bounds");
    assert_eq!(written.bad[0]["data"]["payload"], "the line");
    let next = process(&mut enricher, &RawFormat::CloudFront, &line("/i", "e=pv"));
    assert_eq!(next.outcome.fate(), Fate::Good);
}

#[test]
fn legacy_rows_hold_the_line() {
    let mut legacy = config();
    legacy.bad_rows.format = BadRowFormat::Legacy;
    let record = line("/com.twice/v1", "e=pv");
    let written = process(&mut worker(legacy), &RawFormat::CloudFront, &record);
    assert_eq!(written.outcome, RecordOutcome { events: 2, bad_rows: 1, pii_events: 0 });
    assert_eq!(written.bad[0]["line"], String::from_utf8(record).unwrap());
    assert_eq!(written.bad[0]["errors"][0]["message"], "Field [e]: [lol] is not a recognised event code");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let records = [line("/i", &format!("e=pv&eid={EID}")), line("/com.fails/v1", "a=b"), line("/x", "a=%zz")];
    let run = || {
        let mut enricher = worker(config());
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for record in &records {
            enricher.process(
                &RawFormat::CloudFront,
                record,
                EnrichOutputs { good: &mut good, bad: &mut bad, pii_events: None },
            );
        }
        (good, bad)
    };
    assert_eq!(run(), run());
}

proptest! {
    #[test]
    fn any_bytes_are_accounted_for(record: Vec<u8>, at in 0usize..6) {
        let formats = [
            RawFormat::CloudFront,
            RawFormat::Tomcat,
            RawFormat::Thrift(ThriftContainer::Structs),
            RawFormat::Thrift(ThriftContainer::Lines),
            RawFormat::Tsv("com.twice/v1".into()),
            RawFormat::Ndjson("com.twice/v1".into()),
        ];
        process(&mut worker(config()), &formats[at], &record);
    }

    #[test]
    fn any_query_is_accounted_for(query in "((e|p|co|cx|ue_pr|url|refr|ip|dtm)=[!-~é]{0,12}&?){0,8}") {
        let written = process(&mut worker(config()), &RawFormat::CloudFront, &line("/com.twice/v1", &query));
        prop_assert_ne!(written.outcome.fate(), Fate::Ignored);
        for row in written.good.lines() {
            prop_assert!(split_tsv(row).is_ok());
        }
    }
}
