//! Names of columns and tables.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../StringUtils.scala` (columns); snowplow/snowplow-rdb-loader 1.2.3,
//! `modules/common/.../Common.scala` and `modules/loader/.../ShreddedType.scala` (tables).

use std::sync::LazyLock;

use regex::Regex;
use xxhash_rust::xxh3::xxh3_64;

static ACRONYM: LazyLock<Regex> = LazyLock::new(|| pattern("([A-Z]+)([A-Z][a-z])"));
static HUMP: LazyLock<Regex> = LazyLock::new(|| pattern("([a-z0-9])([A-Z])"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

/// `targetUrl` → `target_url`, `HTTPServer` → `http_server`, `step-no` → `step_no`; other characters stay.
pub fn snake_case(name: &str) -> String {
    let split = ACRONYM.replace_all(name, "${1}_${2}");
    let split = HUMP.replace_all(&split, "${1}_${2}");
    split.replace('-', "_").to_lowercase()
}

/// The name of the table of a model, as the loader spells it: `com_acme_link_click_1`.
pub fn table_name(vendor: &str, name: &str, model: u32) -> String {
    let part = |text: &str| snake_case(text).replace('.', "_");
    format!("{}_{}_{model}", part(vendor), part(name))
}

/// A name in at most `limit` bytes: one that is too long is cut, and ends in a hash of the whole. Databases that cut
/// names themselves would take two long ones for the same.
pub(super) fn fit(name: &str, limit: usize) -> String {
    const TAIL: usize = 9;
    if name.len() <= limit {
        return name.to_owned();
    }
    let mut end = limit.saturating_sub(TAIL);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_{:08x}", &name[..end], xxh3_64(name.as_bytes()) as u32)
}

/// A quoted identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted text.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Why a name cannot be a column's, if it cannot.
pub(super) fn unusable(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("the name is empty")
    } else if name.chars().any(char::is_control) {
        Some("the name holds a control character")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns() {
        let cases = [
            ("targetUrl", "target_url"),
            ("HTTPServer", "http_server"),
            ("step-no", "step_no"),
            ("utm2Source", "utm2_source"),
            ("ABC", "abc"),
            ("aB", "a_b"),
            ("already_snake", "already_snake"),
            ("with space", "with space"),
            ("$.x", "$.x"),
            ("ÄB", "äb"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(snake_case(name), expected, "{name}");
        }
    }

    #[test]
    fn tables() {
        assert_eq!(table_name("com.acme", "PascalCase", 13), "com_acme_pascal_case_13");
        assert_eq!(table_name("com.Acme-Corp", "a-b", 1), "com_acme_corp_a_b_1");
        assert_eq!(table_name("org.w3", "PerformanceTiming", 1), "org_w3_performance_timing_1");
    }

    #[test]
    fn long_names_stay_apart() {
        let one = format!("{}_1", "x".repeat(70));
        let two = format!("{}_2", "x".repeat(70));
        assert_ne!(fit(&one, 63), fit(&two, 63));
        assert_eq!(fit(&one, 63).len(), 63);
        assert_eq!(fit("short", 63), "short");
    }

    #[test]
    fn quoting() {
        assert_eq!(quote(r#"a"b"#), r#""a""b""#);
        assert_eq!(literal("it's"), "'it''s'");
        assert!(unusable("a\u{0}b").is_some() && unusable("").is_some() && unusable("a\";drop").is_none());
    }

    proptest! {
        #[test]
        fn names_fit(name in "\\PC{0,60}", limit in 10usize..80) {
            prop_assert!(fit(&name, limit).len() <= limit);
            prop_assert_eq!(snake_case(&snake_case(&name)), snake_case(&name).to_lowercase());
        }
    }
}
