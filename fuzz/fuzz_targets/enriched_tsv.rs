//! Any line that claims to be an enriched event, through the reader and the Analytics SDK's JSON.
#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use thresh::event::Column;
use thresh::event::read::{decode, split_tsv};
use thresh::json;
use thresh::sdk::{Document, ToJson};

fuzz_target!(|line: &str| {
    // Few lines of a fuzzer have 131 columns by themselves: what is missing is filled up.
    let tabs = line.bytes().filter(|byte| *byte == b'\t').count();
    let mut text = line.replace('\n', " ");
    text.extend(std::iter::repeat_n('\t', 130usize.saturating_sub(tabs)));
    let arena = Bump::new();
    let readable = match split_tsv(&text) {
        Ok(event) => {
            let mut written = Vec::new();
            event.write_tsv(&mut written);
            let again = String::from_utf8(written).expect("columns of a text are text");
            let same = split_tsv(again.trim_end_matches('\n')).expect("what was written has 131 columns");
            assert_eq!(same.get(Column::event_id), event.get(Column::event_id));
            decode(&event, &arena).is_ok()
        }
        Err(_) => false,
    };
    let mut out = Vec::new();
    match ToJson::default().write(&text, &mut out) {
        Document::Written => {
            assert!(readable);
            let document = std::str::from_utf8(&out).expect("JSON is text");
            json::parse(document.trim_end(), &arena).expect("a document is JSON");
        }
        _ => assert!(out.is_empty() && !readable),
    }
});
