//! Keys of entities in documents: `contexts_com_acme_link_click_1`.
//!
//! Facts: snowplow/snowplow-scala-analytics-sdk 3.2.1, `src/main/scala/.../SnowplowEvent.scala` (`transformSchema`). Runs of
//! capitals are not split, unlike in table names.

use crate::iglu::SchemaKey;

/// The key under which an entity stands; `prefix` is `contexts` or `unstruct_event`.
pub fn entity_key(prefix: &str, key: &SchemaKey<'_>) -> String {
    let mut out = String::with_capacity(prefix.len() + key.vendor.len() + key.name.len() + 8);
    out.push_str(prefix);
    out.push('_');
    for c in key.vendor.chars() {
        out.push(if matches!(c, '.' | '-') { '_' } else { c.to_ascii_lowercase() });
    }
    out.push('_');
    let mut before = None;
    for c in key.name.chars() {
        let c = if matches!(c, '.' | '-') { '_' } else { c };
        if c.is_ascii_uppercase() && before.is_some_and(|before: char| before != '_' && !before.is_ascii_uppercase()) {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
        before = Some(c);
    }
    out.push('_');
    out.push_str(&key.version.model.to_string());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_specification() {
        let key = |prefix, uri| entity_key(prefix, &SchemaKey::parse(uri).unwrap());
        let cases = [
            ("contexts", "iglu:org.w3/PerformanceTiming/jsonschema/1-0-0", "contexts_org_w3_performance_timing_1"),
            (
                "unstruct_event",
                "iglu:com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0",
                "unstruct_event_com_snowplowanalytics_self_desc_schema_1",
            ),
            ("contexts", "iglu:com.acme/URLVisit/jsonschema/2-1-0", "contexts_com_acme_urlvisit_2"),
            (
                "contexts",
                "iglu:com.snowplowanalytics.snowplow/ua_parser_context/jsonschema/1-0-0",
                "contexts_com_snowplowanalytics_snowplow_ua_parser_context_1",
            ),
            ("contexts", "iglu:com.Acme/my-Event2Go/jsonschema/10-1-0", "contexts_com_acme_my_event2_go_10"),
        ];
        for (prefix, uri, expected) in cases {
            assert_eq!(key(prefix, uri), expected, "{uri}");
        }
    }
}
