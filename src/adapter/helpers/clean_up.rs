//! The clean-up of Mailgun, Mandrill, SendGrid and Vero documents: timestamps in seconds become date-time texts, and
//! the member that names the event type goes.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/Adapter.scala`, `cleanupJsonEventValues`.

use super::number::{java_long, json_integer};
use super::tree::{Fields, Tree};
use crate::event::time::joda_text;

/// What to clean up.
#[derive(Clone, Copy, Debug)]
pub struct CleanUp<'c> {
    /// The key that names the event type; it goes, at every depth, where it holds `event_type`.
    pub discriminator: &'c str,
    /// The event type.
    pub event_type: &'c str,
    /// Keys that hold seconds since 1970, at every depth.
    pub timestamp_keys: &'c [&'c str],
}

impl CleanUp<'_> {
    /// The document, cleaned up. Objects take the order of Scala maps.
    pub fn apply<'a>(&self, tree: Tree<'a>) -> Tree<'a> {
        match tree {
            Tree::Object(fields) => Tree::Object(self.object(fields)),
            Tree::Array(items) => Tree::Array(items.into_iter().map(|item| self.apply(item)).collect()),
            scalar => scalar,
        }
    }

    fn object<'a>(&self, fields: Fields<'a>) -> Fields<'a> {
        let kept = fields.into_map_order().into_iter().filter_map(|(key, value)| {
            let value = match self.timestamp_keys.contains(&&*key) {
                true => timestamp(value),
                false => self.apply(value),
            };
            let names_the_type = key == self.discriminator && value.as_str().is_some_and(|t| t == self.event_type);
            (!names_the_type).then_some((key, value))
        });
        kept.collect()
    }
}

/// Seconds as a date-time text; anything else stays.
fn timestamp(value: Tree<'_>) -> Tree<'_> {
    let seconds = match (value.as_str(), value.as_number()) {
        (Some(text), _) => java_long(&text),
        (None, Some(number)) => json_integer(number),
        _ => None,
    };
    match seconds {
        Some(seconds) => Tree::Text(joda_text(seconds.wrapping_mul(1000)).into()),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    fn cleaned(source: &str) -> String {
        let arena = Bump::new();
        let clean_up = CleanUp { discriminator: "event", event_type: "open", timestamp_keys: &["ts"] };
        let mut out = Vec::new();
        clean_up.apply(Tree::new(crate::json::parse(source, &arena).unwrap())).write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn timestamps_are_seconds_at_every_depth() {
        assert_eq!(
            cleaned(r#"{"ts":1415267366,"a":[{"ts":"-1"},{"ts":1.5e3},{"ts":7.0}]}"#),
            concat!(
                r#"{"ts":"2014-11-06T09:49:26.000Z","a":[{"ts":"1969-12-31T23:59:59.000Z"},"#,
                r#"{"ts":"1970-01-01T00:25:00.000Z"},{"ts":"1970-01-01T00:00:07.000Z"}]}"#
            )
        );
        let unchanged = r#"{"ts":7.5,"a":{"ts":null,"b":{"ts":{"ts":1}}},"c":{"ts":[{"ts":1}]},"d":{"ts":" 1"}}"#;
        assert_eq!(cleaned(unchanged), unchanged);
        assert_eq!(cleaned(r#"{"ts":253402300800}"#), r#"{"ts":"10000-01-01T00:00:00.000Z"}"#);
    }

    #[test]
    fn the_type_goes_at_every_depth_but_only_where_it_is_the_type() {
        assert_eq!(
            cleaned(r#"{"event":"open","a":{"event":"open","b":[{"event":"open"}]},"c":{"event":"click"},"d":"open"}"#),
            r#"{"a":{"b":[{}]},"c":{"event":"click"},"d":"open"}"#
        );
        assert_eq!(cleaned(r#""open""#), r#""open""#);
    }

    #[test]
    fn hash_order_is_kept_when_the_fifth_member_goes() {
        assert_eq!(
            cleaned(r#"{"email":"a","timestamp":1,"event":"open","sg_event_id":"s","dup":true}"#),
            r#"{"timestamp":1,"email":"a","dup":true,"sg_event_id":"s"}"#
        );
    }
}
