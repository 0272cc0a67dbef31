//! Lines of enriched events, where a JSON column may be spread over several lines.
//!
//! Nothing that Snowplow writes does that, but test data and hand-made files do, and a document that is pretty-printed
//! inside a column can be told from a broken line: it begins a JSON column and the columns add up in the end.

use crate::event::{COLUMN_COUNT, Column};
use crate::json::{self, ParseError};

/// Longest record that is put together from several lines.
const LONGEST: usize = 1 << 20;

/// How many bytes at the front are one record, and how many of them are its text; `None` if that cannot be told without
/// more bytes.
pub fn next_record(bytes: &[u8], last: bool) -> Option<(usize, usize)> {
    let (first, text) = match memchr::memchr(b'\n', bytes) {
        Some(at) => (at + 1, at),
        None if last => (bytes.len(), bytes.len()),
        None => return None,
    };
    let single = Some((first, text - usize::from(bytes[..text].ends_with(b"\r"))));
    let mut tabs = memchr::memchr_iter(b'\t', &bytes[..text]).count();
    if tabs + 1 >= COLUMN_COUNT || !ends_in_open_json(&bytes[..text], tabs) {
        return single;
    }
    let mut at = first;
    while at < bytes.len() && at < LONGEST {
        let end = memchr::memchr(b'\n', &bytes[at..]).map(|offset| at + offset);
        let text = match end {
            Some(end) => end,
            None if last => bytes.len(),
            None => return None,
        };
        tabs += memchr::memchr_iter(b'\t', &bytes[at..text]).count();
        if tabs + 1 == COLUMN_COUNT && !ends_in_open_json(&bytes[..text], tabs) {
            return Some((end.map_or(text, |end| end + 1), text - usize::from(bytes[..text].ends_with(b"\r"))));
        }
        if tabs + 1 > COLUMN_COUNT {
            return single;
        }
        at = end.map_or(text, |end| end + 1);
    }
    if last || at >= LONGEST { single } else { None }
}

/// Whether the last column is one of JSON and ends within its document.
fn ends_in_open_json(text: &[u8], tabs: usize) -> bool {
    let json_columns = [Column::contexts, Column::unstruct_event, Column::derived_contexts];
    if !json_columns.iter().any(|column| *column as usize == tabs) {
        return false;
    }
    let start = memchr::memrchr(b'\t', text).map_or(0, |at| at + 1);
    let Ok(text) = std::str::from_utf8(&text[start..]) else { return false };
    matches!(json::parse(text, &bumpalo::Bump::new()), Err(ParseError::Exhausted)) && text.starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(contexts: &str, derived: &str) -> String {
        let mut columns = vec![""; COLUMN_COUNT];
        columns[0] = "shop";
        columns[Column::contexts as usize] = contexts;
        columns[Column::derived_contexts as usize] = derived;
        columns.join("\t")
    }

    fn records(text: &str) -> Vec<&str> {
        let mut rest = text.as_bytes();
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (taken, length) = next_record(rest, true).unwrap();
            found.push(std::str::from_utf8(&rest[..length]).unwrap());
            rest = &rest[taken..];
        }
        found
    }

    #[test]
    fn spread_columns_are_put_together() {
        let plain = event("{}", "");
        let spread = event("{\n  \"a\": [\n 1 ]\n}", "{\n}");
        let text = format!("{plain}\n{spread}\nnot an event\r\n{spread}");
        assert_eq!(records(&text), [plain.as_str(), spread.as_str(), "not an event", spread.as_str()]);
    }

    #[test]
    fn broken_lines_stay_apart() {
        let open = event("{\"a\":", "");
        let (head, _) = open.split_once("\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t").unwrap();
        let text = format!("{head}\nshop\tweb\n{}", event("{}", ""));
        assert!(records(&text).len() >= 3, "{:?}", records(&text));
        let cut = open.split("{\"a\":").next().unwrap().to_owned() + "{\"a\":";
        assert_eq!(records(&format!("{cut}\nx\ny")), [cut.as_str(), "x", "y"]);
    }

    proptest! {
        #[test]
        fn every_byte_belongs_to_one_record(text in "([a{}\t\r\n]|shop\t{51,53}\\{?){0,30}", step in 1usize..50) {
            let bytes = text.as_bytes();
            let mut whole = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let (taken, length) = next_record(&bytes[at..], true).unwrap();
                prop_assert!(taken > 0 && length <= taken);
                whole.push((at, length));
                at += taken;
            }
            prop_assert_eq!(at, bytes.len());
            // Whoever waits for more bytes when told to finds the same records.
            let (mut at, mut end, mut found) = (0, 0, Vec::new());
            while at < bytes.len() {
                end = (end + step).min(bytes.len()).max(at);
                match next_record(&bytes[at..end], end == bytes.len()) {
                    Some((0, _)) | None => {}
                    Some((taken, length)) => {
                        found.push((at, length));
                        at += taken;
                    }
                }
            }
            prop_assert_eq!(found, whole);
        }
    }
}
