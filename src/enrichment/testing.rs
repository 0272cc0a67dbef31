//! A bench for enrichments in unit tests: one instance, events made of plain texts.

use bumpalo::Bump;

use super::assets::LocalAssets;
use super::config::{self, EnrichmentConfig, EnrichmentOptions};
use super::set::{BuildError, Resources};
use super::{Enrichment, Entity, StepContext};
use crate::event::{Column, EnrichedEvent};
use crate::iglu::SelfDescribing;
use crate::payload::{Api, Context, NameValue, Parameters, RawEvent, Source};
use crate::protocol::uri::Uri;

/// A configuration by the name of its schema.
pub(super) fn config(name: &str, parameters: &str) -> Box<dyn EnrichmentConfig> {
    try_config(name, &format!(r#"{{"enabled":true,"parameters":{parameters}}}"#)).unwrap()
}

/// A configuration from its whole data, or what is wrong with it.
pub(super) fn try_config(name: &str, data: &str) -> Result<Box<dyn EnrichmentConfig>, Vec<String>> {
    config::read_parameters(name, data, &EnrichmentOptions::default())
}

/// One enrichment and the event it is to run on. Everything is `'static` so that tests stay short.
pub(super) struct EventBench {
    instance: Box<dyn Enrichment>,
    pub columns: Vec<(Column, &'static str)>,
    pub parameters: Vec<NameValue<'static>>,
    pub query: Option<Vec<NameValue<'static>>>,
    pub referrer: Option<&'static str>,
    pub headers: Vec<&'static str>,
    pub contexts: Vec<&'static str>,
    pub unstruct_event: Option<&'static str>,
    pub derived: Vec<(&'static str, &'static str)>,
    pub collector_millis: Option<i64>,
    pub derived_millis: Option<i64>,
}

/// What an enrichment added besides columns.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Schema URI, data, cache number.
    pub entities: Vec<(String, String, u64)>,
    /// Identifier and message as JSON.
    pub failures: Vec<(Option<&'static str>, String)>,
    /// The columns of the PII event.
    pub pii_event: Option<Vec<(Column, String)>>,
}

impl Outcome {
    /// The data of all entities.
    pub fn data(&self) -> Vec<&str> {
        self.entities.iter().map(|(_, data, _)| data.as_str()).collect()
    }
}

impl EventBench {
    pub fn new(config: Box<dyn EnrichmentConfig>) -> Self {
        Self::with_options(config, &EnrichmentOptions::default()).unwrap()
    }

    pub fn with_options(config: Box<dyn EnrichmentConfig>, options: &EnrichmentOptions) -> Result<Self, BuildError> {
        let resources = Resources { assets: &LocalAssets, options };
        Self::with_resources(config, &resources)
    }

    pub fn with_resources(config: Box<dyn EnrichmentConfig>, resources: &Resources<'_>) -> Result<Self, BuildError> {
        let shared: std::sync::Arc<dyn super::set::SharedEnrichment> = config.build(resources)?.into();
        Ok(EventBench {
            instance: shared.instance(),
            columns: Vec::new(),
            parameters: Vec::new(),
            query: None,
            referrer: None,
            headers: Vec::new(),
            contexts: Vec::new(),
            unstruct_event: None,
            derived: Vec::new(),
            collector_millis: None,
            derived_millis: None,
        })
    }

    /// Runs the enrichment on one event and shows the result.
    pub fn run<R>(&mut self, look: impl FnOnce(&EnrichedEvent<'_>, &Outcome) -> R) -> R {
        let arena = Bump::new();
        let self_describing =
            |text: &'static str| SelfDescribing::parse(crate::json::parse(text, &arena).unwrap(), &arena).unwrap();
        let contexts: Vec<SelfDescribing<'_>> = self.contexts.iter().map(|text| self_describing(text)).collect();
        let mut event = EnrichedEvent::default();
        for (column, value) in &self.columns {
            event.set(*column, Some(value));
        }
        let raw = RawEvent {
            api: Api::TP1,
            parameters: Parameters::from_pairs(&self.parameters),
            content_type: None,
            source: Source { name: "test", encoding: "UTF-8", hostname: None },
            context: Context { headers: arena.alloc_slice_copy(&self.headers), ..Context::default() },
        };
        let entity = |(schema, data): &(&'static str, &'static str)| Entity { schema, data, cache_id: 0 };
        let mut derived: Vec<Entity<'_>> = self.derived.iter().map(entity).collect();
        let mut failures = Vec::new();
        let mut cx = StepContext {
            arena: &arena,
            raw: &raw,
            event: &mut event,
            collector_millis: self.collector_millis,
            derived_millis: self.derived_millis,
            page_query: self.query.as_ref().map(|pairs| &*arena.alloc_slice_copy(pairs)),
            referrer: self.referrer.and_then(|text| Uri::parse(text, &arena).ok()),
            contexts: &contexts,
            unstruct_event: self.unstruct_event.map(self_describing),
            derived: &mut derived,
            failures: &mut failures,
            pii_event: None,
        };
        self.instance.run(&mut cx);
        let pii_event = cx.pii_event.map(|pii| {
            let columns = crate::event::ALL_COLUMNS.into_iter();
            columns.filter_map(|column| Some((column, pii.get(column)?.to_owned()))).collect()
        });
        let failures = failures
            .iter()
            .map(|failure| {
                let mut json = Vec::new();
                failure.message.write_json(&mut json);
                (failure.enrichment.as_ref().map(|info| info.identifier), String::from_utf8(json).unwrap())
            })
            .collect();
        let added = derived.len() - self.derived.len();
        let entities = derived[..added]
            .iter()
            .map(|entity| (entity.schema.to_owned(), entity.data.to_owned(), entity.cache_id))
            .collect();
        look(&event, &Outcome { entities, failures, pii_event })
    }
}
