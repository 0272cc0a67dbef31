//! `http_header_extractor_config`: an entity for each header whose name fits a pattern.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/HttpHeaderExtractorEnrichment.scala`. An
//! invalid pattern is refused at the start, not for every event.

use std::sync::Arc;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::cookie_extractor::write_name_value;
use super::set::{BuildError, Resources, SharedEnrichment};
use super::text::{java_trim, text_in};
use super::{Enrichment, Entity, Step, StepContext};

const SCHEMA: &str = "iglu:org.ietf/http_header/jsonschema/1-0-0";

/// The pattern that a header's whole name must match.
#[derive(Clone, Debug)]
pub struct HttpHeaderExtractor {
    pattern: fancy_regex::Regex,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let pattern = reader.parsed(&item.parameters.field("headersPattern"), |pattern| {
        fancy_regex::Regex::new(&format!(r"\A(?:{pattern})\z"))
            .map_err(|error| format!("[{pattern}] is not a regular expression: {error}"))
    })?;
    Some(Box::new(HttpHeaderExtractor { pattern }))
}

impl EnrichmentConfig for HttpHeaderExtractor {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(self.clone()))
    }
}

impl SharedEnrichment for HttpHeaderExtractor {
    fn step(&self) -> Step {
        Step::Headers
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, json: Vec::new() })
    }
}

struct Instance {
    shared: Arc<HttpHeaderExtractor>,
    json: Vec<u8>,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Headers
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let mut entities = Vec::new();
        for header in cx.raw.context.headers {
            let Some((name, value)) = header.split_once(':') else { continue };
            // A pattern that backtracks without end counts as not matching.
            if !self.shared.pattern.is_match(name).unwrap_or(false) {
                continue;
            }
            self.json.clear();
            write_name_value(java_trim(name), Some(java_trim(value)), &mut self.json);
            entities.push(Entity { schema: SCHEMA, data: text_in(&self.json, cx.arena), cache_id: 0 });
        }
        cx.add_entities(entities);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{EventBench, config, try_config};

    fn extract(pattern: &str, headers: &[&'static str]) -> Vec<String> {
        let parameters = serde_json::json!({ "headersPattern": pattern }).to_string();
        let mut bench = EventBench::new(config("http_header_extractor_config", &parameters));
        bench.headers = headers.to_vec();
        bench.run(|_, outcome| outcome.entities.iter().map(|(_, data, _)| data.clone()).collect())
    }

    #[test]
    fn worked_examples() {
        let forwarded = "X-Forwarded-For: 129.78.138.66, 129.78.64.103";
        let entity = r#"{"name":"X-Forwarded-For","value":"129.78.138.66, 129.78.64.103"}"#;
        assert_eq!(extract("X-Forwarded-For", &[forwarded]), [entity]);
        assert_eq!(extract(".*", &["Accept: text/html"]), [r#"{"name":"Accept","value":"text/html"}"#]);
        assert!(extract("X-.*", &["x-foo: 1", "no colon"]).is_empty());
    }

    #[test]
    fn the_whole_untrimmed_name_must_match() {
        assert!(extract("Accept", &["Accept : a", "Accept-Language: b"]).is_empty());
        assert_eq!(extract("a|Host ?", &["Host : a:b "]), [r#"{"name":"Host","value":"a:b"}"#]);
        assert_eq!(extract("(?!Cookie).*", &["Cookie: a", "Host: b"]), [r#"{"name":"Host","value":"b"}"#]);
    }

    #[test]
    fn a_bad_pattern_is_refused_at_the_start() {
        let data = r#"{"enabled":true,"parameters":{"headersPattern":"("}}"#;
        let errors = try_config("http_header_extractor_config", data).unwrap_err();
        assert!(errors[0].starts_with("parameters.headersPattern: [(] is not a regular expression"), "{errors:?}");
    }
}
