//! Any line of a log.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use thresh::raw::{Loaded, RawFormat, load, record_text};

fuzz_target!(|line: &[u8]| {
    let arena = Bump::new();
    if let Loaded::Bad(messages) = load(&RawFormat::Tomcat, line, &arena) {
        assert!(!messages.is_empty());
        record_text(&RawFormat::Tomcat, line);
    }
});
