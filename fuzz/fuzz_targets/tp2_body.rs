//! Any body of a tracker protocol 2 POST, through the adapter and the whole of enrichment.
#![no_main]

use std::cell::RefCell;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use thresh::adapter::{AdapterConfig, Registry};
use thresh::badrow::{BadRowConfig, BadRowFormat, Processor};
use thresh::enrich::{EnrichConfig, EnrichOutputs, EnrichStage, Enricher};
use thresh::iglu::{Resolver, ResolverOptions};
use thresh::raw::{RawFormat, ThriftContainer, ThriftPayload, write_collector_payload};

thread_local! {
    static ENRICHER: RefCell<Enricher> = RefCell::new(enricher());
}

fn enricher() -> Enricher {
    let resolver = Arc::new(Resolver::default_central(ResolverOptions { offline: true, ..ResolverOptions::default() }));
    let processor = Processor { artifact: "thresh".into(), version: "fuzz".into() };
    let bad_rows = BadRowConfig { processor, format: BadRowFormat::V2, max_size: None };
    let config = EnrichConfig::new(bad_rows, 1_600_000_000_000);
    let stage = Arc::new(EnrichStage::new(config, Arc::new(Registry::new(&AdapterConfig::default(), None))));
    stage.worker(Vec::new(), Box::new(Resolver::client(&resolver)))
}

fuzz_target!(|input: (bool, &str)| {
    let (wrapped, text) = input;
    let body = if wrapped {
        format!(r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4","data":{text}}}"#)
    } else {
        text.to_owned()
    };
    let mut record = Vec::new();
    let payload = ThriftPayload {
        timestamp: 1_600_000_000_000,
        encoding: Some("UTF-8"),
        collector: Some("fuzz"),
        path: Some("/com.snowplowanalytics.snowplow/tp2"),
        content_type: Some("application/json"),
        body: Some(&body),
        ..ThriftPayload::default()
    };
    write_collector_payload(&payload, &mut record);
    ENRICHER.with_borrow_mut(|enricher| {
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        let format = RawFormat::Thrift(ThriftContainer::Blocks);
        let out = EnrichOutputs { good: &mut good, bad: &mut bad, pii_events: None };
        let outcome = enricher.process(&format, &record, out);
        // Nothing is lost, and every event has its columns.
        assert!(outcome.events + outcome.bad_rows > 0);
        assert_eq!(good.iter().filter(|byte| **byte == b'\n').count() as u64, outcome.events);
        assert_eq!(good.iter().filter(|byte| **byte == b'\t').count() as u64, outcome.events * 130);
        assert_eq!(bad.iter().filter(|byte| **byte == b'\n').count() as u64, outcome.bad_rows);
    });
});
