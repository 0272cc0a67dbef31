//! Configurable enrichments, one file each, over one trait.
//!
//! Order and failure classes: snowplow/enrich 3.9.0, `modules/common/.../enrichments/EnrichmentManager.scala`.

pub mod anon_ip;
pub mod api_request;
pub mod assets;
mod cache;
pub mod campaign_attribution;
mod columns;
pub mod config;
pub mod cookie_extractor;
pub mod cross_navigation;
pub mod currency;
mod decimal;
pub mod digest;
mod evaluator;
pub mod event_fingerprint;
pub mod http_header_extractor;
pub mod iab;
mod inputs;
pub mod ip_lookups;
#[cfg(feature = "js")]
pub mod javascript;
pub mod jsonpath;
pub mod pii;
pub mod referer_parser;
pub mod set;
pub mod sql_query;
#[cfg(test)]
mod testing;
mod text;
pub mod ua_parser;
pub mod user_agent_utils;
pub mod weather;

pub use assets::{Asset, AssetError, AssetSource, LocalAssets, asset_uri};
pub use config::{ConfigError, ConfigErrors, ConfigFile, Configs, EnrichmentOptions, read_configs, read_folder};
pub use evaluator::Lookups;
pub use set::{BuildError, EnrichmentSet, Resources, SetError};

use bumpalo::Bump;

use crate::badrow::EnrichmentFailure;
use crate::event::EnrichedEvent;
use crate::iglu::SelfDescribing;
use crate::payload::{NameValue, RawEvent};

/// Where in the order of steps an enrichment runs. Variants stand in that order; the steps that always run (collector
/// version, page URI, derived timestamp, page query, cross domain, schema fields) lie between them.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    Iab,
    UserAgentUtils,
    UaParser,
    Currency,
    RefererParser,
    Campaign,
    Fingerprint,
    Cookies,
    Headers,
    Yauaa,
    CrossNavigation,
    IpLookups,
    /// After the IP lookups, unlike in the reference, where it could never see a location.
    Weather,
    JavaScript,
    SqlQuery,
    ApiRequest,
    /// After validation of the enrichments' entities.
    AnonIp,
    /// Last, on the final columns.
    Pii,
}

impl Step {
    /// The names under which the look-ups of a step that leaves the machine are counted: answered from memory, asked,
    /// failed.
    pub fn lookup_counters(self) -> Option<[&'static str; 3]> {
        match self {
            Step::Currency => Some(["currency_hits", "currency_misses", "currency_errors"]),
            Step::Weather => Some(["weather_hits", "weather_misses", "weather_errors"]),
            Step::SqlQuery => Some(["sql_query_hits", "sql_query_misses", "sql_query_errors"]),
            Step::ApiRequest => Some(["api_request_hits", "api_request_misses", "api_request_errors"]),
            _ => None,
        }
    }
}

/// A self-describing entity that an enrichment adds.
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    /// The schema URI.
    pub schema: &'a str,
    /// The data as compact JSON.
    pub data: &'a str,
    /// Entities of one run with the same non-zero number have the same schema and data, so that one validation serves
    /// all of them. 0 if nothing is known. Numbers come from [`next_entity_id`].
    pub cache_id: u64,
}

/// A fresh number for [`Entity::cache_id`]. Call it once per cached value, not per event.
pub fn next_entity_id() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// One event on its way through the steps.
pub struct StepContext<'a, 's> {
    /// Memory that lives as long as the record.
    pub arena: &'a Bump,
    /// The raw event.
    pub raw: &'s RawEvent<'a>,
    /// The columns so far.
    pub event: &'s mut EnrichedEvent<'a>,
    /// The collector's timestamp in milliseconds.
    pub collector_millis: Option<i64>,
    /// The derived timestamp in milliseconds, once its step has run.
    pub derived_millis: Option<i64>,
    /// The page URI's query pairs, decoded; `None` without a page URI or with an unreadable query.
    pub page_query: Option<&'a [NameValue<'a>]>,
    /// The page referrer as a URI, taken apart, if there is one that can be parsed.
    pub referrer: Option<crate::protocol::uri::Uri<'a>>,
    /// The validated input entities.
    pub contexts: &'s [SelfDescribing<'a>],
    /// The validated self-describing event.
    pub unstruct_event: Option<SelfDescribing<'a>>,
    /// The enrichments' entities in the order they will be written: push with [`StepContext::add_entities`].
    pub derived: &'s mut Vec<Entity<'a>>,
    /// Failures of the step that is running.
    pub failures: &'s mut Vec<EnrichmentFailure<'a>>,
    /// The event that tells which personal data were replaced, if the PII step was asked for one and replaced any. It
    /// holds those data in clear text.
    pub pii_event: Option<&'a EnrichedEvent<'a>>,
}

impl<'a> StepContext<'a, '_> {
    /// Adds a step's entities in front of the earlier steps' ones.
    pub fn add_entities(&mut self, entities: impl IntoIterator<Item = Entity<'a>>) {
        self.derived.splice(0..0, entities);
    }
}

/// A configured enrichment, one instance per worker thread: it may keep caches and scratch memory.
pub trait Enrichment: Send {
    /// Where it runs.
    fn step(&self) -> Step;

    /// Enriches one event. Failures go to [`StepContext::failures`]; nothing may panic on any input.
    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>);

    /// The look-ups since the last call, for steps with [`Step::lookup_counters`].
    fn take_lookups(&mut self) -> Lookups {
        Lookups::default()
    }
}
