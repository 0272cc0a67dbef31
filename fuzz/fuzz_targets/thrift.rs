//! Any Thrift record.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use thresh::raw::{RawFormat, ThriftContainer, load, read_collector_payload, write_collector_payload};

fuzz_target!(|record: &[u8]| {
    let arena = Bump::new();
    load(&RawFormat::Thrift(ThriftContainer::Structs), record, &arena);
    load(&RawFormat::Thrift(ThriftContainer::Lines), record, &arena);
    if let Ok(payload) = read_collector_payload(record, &arena) {
        let mut written = Vec::new();
        write_collector_payload(&payload, &mut written);
        assert_eq!(read_collector_payload(&written, &arena), Ok(payload));
    }
});
