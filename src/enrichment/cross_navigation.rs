//! `cross_navigation_config`: an entity with all parts of the `_sp` parameter that decorated links carry.
//!
//! Facts: snowplow/iglu-central, `com.snowplowanalytics.snowplow/cross_navigation/jsonschema/1-0-0`; the public
//! documentation of the trackers: up to seven parts between dots, of which the user id, the source id and the reason are
//! base64. The enrichment came after the last open release of the reference, which ignores its configuration.

use std::sync::Arc;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::text::text_in;
use super::{Enrichment, Entity, Step, StepContext};
use crate::event::time::joda_text;
use crate::json::write_string;
use crate::payload::base64_text;

const SCHEMA: &str = "iglu:com.snowplowanalytics.snowplow/cross_navigation/jsonschema/1-0-0";

/// Has no parameters.
#[derive(Clone, Copy, Debug)]
pub struct CrossNavigation;

pub(super) fn read(_item: &ConfigItem<'_>, _reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    Some(Box::new(CrossNavigation))
}

impl EnrichmentConfig for CrossNavigation {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(*self))
    }
}

impl SharedEnrichment for CrossNavigation {
    fn step(&self) -> Step {
        Step::CrossNavigation
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(*self)
    }
}

impl Enrichment for CrossNavigation {
    fn step(&self) -> Step {
        Step::CrossNavigation
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let pairs = cx.page_query.unwrap_or_default();
        let Some((_, Some(value))) = pairs.iter().rev().find(|(name, _)| *name == "_sp") else { return };
        let parts: Vec<&str> = value.split('.').collect();
        let part = |at: usize| parts.get(at).copied().filter(|part| !part.is_empty());
        // Without these two the schema takes nothing; a timestamp that is none fails the event in its own step.
        let (Some(domain_user_id), Some(millis)) = (part(0), part(1).and_then(|text| text.parse::<i64>().ok())) else {
            return;
        };
        let decoded = |at: usize| part(at).map(|text| base64_text(text, cx.arena)).filter(|text| !text.is_empty());
        let timestamp = joda_text(millis);
        let mut json = Vec::with_capacity(256);
        for (name, value) in [
            ("domain_user_id", Some(domain_user_id)),
            ("timestamp", Some(timestamp.as_str())),
            ("session_id", part(2)),
            ("user_id", decoded(3)),
            ("source_id", decoded(4)),
            ("source_platform", part(5)),
            ("reason", decoded(6)),
        ] {
            json.push(if json.is_empty() { b'{' } else { b',' });
            write_string(name, &mut json);
            json.push(b':');
            match value {
                Some(value) => write_string(value, &mut json),
                None => json.extend_from_slice(b"null"),
            }
        }
        json.push(b'}');
        let data = text_in(&json, cx.arena);
        cx.add_entities([Entity { schema: SCHEMA, data, cache_id: 0 }]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{EventBench, config};

    fn data(value: Option<&'static str>) -> Vec<String> {
        let mut bench = EventBench::new(config("cross_navigation_config", "{}"));
        bench.query = Some(vec![("_sp", Some("old.1")), ("_sp", value)]);
        bench.run(|_, outcome| outcome.entities.iter().map(|(_, data, _)| data.clone()).collect())
    }

    #[test]
    fn the_last_parameter_is_taken_apart() {
        let full = "6de9024e-17b9-4026-bd4d-efec50ae84cb.1680681134458.ed5de6be-1f2f-4c2c-a5c3-6c0a4e7a8f43.dGVzdFVzZXI.c291cmNl.web.cmVhc29u";
        let expected = r#"{"domain_user_id":"6de9024e-17b9-4026-bd4d-efec50ae84cb","timestamp":"2023-04-05T07:52:14.458Z","session_id":"ed5de6be-1f2f-4c2c-a5c3-6c0a4e7a8f43","user_id":"testUser","source_id":"source","source_platform":"web","reason":"reason"}"#;
        assert_eq!(data(Some(full)), [expected]);
        let short = r#"{"domain_user_id":"abc","timestamp":"1970-01-01T00:00:01.000Z","session_id":null,"user_id":null,"source_id":null,"source_platform":null,"reason":null}"#;
        assert_eq!(data(Some("abc.1000")), [short]);
        assert_eq!(data(Some("abc.1000..")), [short]);
        for nothing in [None, Some(""), Some("abc"), Some(".1000"), Some("abc.soon")] {
            assert!(data(nothing).is_empty(), "{nothing:?}");
        }
    }
}
