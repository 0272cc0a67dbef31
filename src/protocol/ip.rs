//! The first-IP rule: forwarding chains name the client first.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/MiscEnrichments.scala`. A text of separators only, on
//! which the reference throws, gives null.

use bumpalo::Bump;

use crate::payload::decode::tsv_safe;

/// What stands before the first comma, bar or space, made TSV-safe.
pub fn first_ip<'a>(value: &'a str, arena: &'a Bump) -> Option<&'a str> {
    let end = value.bytes().position(|b| matches!(b, b',' | b'|' | b' ')).unwrap_or(value.len());
    tsv_safe(&value[..end], arena)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_address_counts() {
        let arena = Bump::new();
        let cases = [
            ("1.1.1.1, 2.2.2.2", Some("1.1.1.1")),
            ("1.1.1.1|2.2.2.2", Some("1.1.1.1")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("::1 x", Some("::1")),
            (" 1.1.1.1", None),
            (",|, ", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(first_ip(value, &arena), expected, "{value:?}");
        }
    }
}
