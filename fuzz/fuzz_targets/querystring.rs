//! Any querystring.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use thresh::payload::{parse_querystring, split_query};

fuzz_target!(|text: &str| {
    let arena = Bump::new();
    let _ = parse_querystring(text, "ISO-8859-1", &arena);
    let lenient = split_query(text, &arena);
    match parse_querystring(text, "UTF-8", &arena) {
        // The lenient one does not know fragments.
        Ok(pairs) if !text.contains('#') => assert_eq!(pairs, lenient),
        Ok(_) => {}
        Err(error) => assert!(error.expectation("UTF-8").contains(" at index ")),
    }
});
