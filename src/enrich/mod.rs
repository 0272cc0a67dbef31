//! The enrich stage: one collector record in; enriched events and bad rows out.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../{EtlPipeline,enrichments/EnrichmentManager}.scala`.

mod ids;
mod manager;
mod stage;
mod steps;
#[cfg(test)]
mod testing;
mod validate;

pub use ids::EventIds;
pub use manager::{Failure, Manager, ManagerConfig, RunTexts};
pub use stage::{EnrichConfig, EnrichOutputs, EnrichStage, Enricher, Fate, RecordOutcome};
pub use validate::{InputJsons, InputValidator};
