//! The configured enrichments, built once and shared by all workers.

use std::sync::Arc;

use super::assets::AssetSource;
use super::config::{Configs, EnrichmentOptions};
use super::{Enrichment, Step};

/// What enrichments may use while they are built.
pub struct Resources<'r> {
    /// Where data files come from.
    pub assets: &'r dyn AssetSource,
    /// Choices that are not in the configuration files.
    pub options: &'r EnrichmentOptions,
}

/// The part of a configured enrichment that all workers share: data files, compiled expressions.
pub trait SharedEnrichment: Send + Sync {
    /// Where it runs.
    fn step(&self) -> Step;

    /// One worker's part: caches, scratch memory.
    fn instance(self: Arc<Self>) -> Box<dyn Enrichment>;
}

/// Why a configured enrichment cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A data file cannot be read.
    #[error(transparent)]
    Asset(#[from] super::assets::AssetError),
    /// A data file, an expression or a script is of no use; the text says which and why.
    #[error("{0}")]
    Unusable(String),
}

/// A configuration file whose enrichment cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {error}")]
pub struct SetError {
    /// The configuration file.
    pub file: String,
    /// Why.
    pub error: BuildError,
}

/// All configured enrichments.
#[derive(Default)]
pub struct EnrichmentSet {
    shared: Vec<Arc<dyn SharedEnrichment>>,
}

impl EnrichmentSet {
    /// Loads everything that the configurations need.
    pub fn build(configs: &Configs, resources: &Resources<'_>) -> Result<EnrichmentSet, SetError> {
        let mut shared: Vec<Arc<dyn SharedEnrichment>> = Vec::with_capacity(configs.enabled.len());
        for named in &configs.enabled {
            let built = named.config.build(resources);
            shared.push(built.map_err(|error| SetError { file: named.file.clone(), error })?.into());
        }
        shared.sort_by_key(|enrichment| enrichment.step());
        Ok(EnrichmentSet { shared })
    }

    /// One worker's enrichments in the order in which they run.
    pub fn instances(&self) -> Vec<Box<dyn Enrichment>> {
        self.shared.iter().map(|shared| Arc::clone(shared).instance()).collect()
    }

    /// The steps that are configured, in order.
    pub fn steps(&self) -> Vec<Step> {
        self.shared.iter().map(|shared| shared.step()).collect()
    }
}
