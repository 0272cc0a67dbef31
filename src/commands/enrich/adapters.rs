//! The adapters of a run: the file of `--adapters`, and whether remote ones may be reached.

use std::path::Path;

use crate::adapter::{AdapterConfig, Registry};
use crate::commands::CliError;
use crate::run::digest;

/// The configuration of the adapters, and its digest if there is a file.
pub(super) struct AdapterSetup {
    pub config: AdapterConfig,
    pub digest: Option<String>,
}

impl AdapterSetup {
    /// Reads the file of `--adapters`.
    pub(super) fn read(file: Option<&Path>) -> Result<AdapterSetup, CliError> {
        let Some(file) = file else { return Ok(AdapterSetup { config: AdapterConfig::default(), digest: None }) };
        let wrong = |error: &dyn std::error::Error| {
            CliError::usage(format!("{}: no adapter configuration", file.display())).because(Some(error))
        };
        let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
        let config = AdapterConfig::parse(&text).map_err(|error| wrong(&error))?;
        Ok(AdapterSetup { config, digest: Some(digest(text.as_bytes())) })
    }

    /// The adapters; remote ones only if the network may be used.
    pub(super) fn registry(&self, offline: bool) -> Registry {
        if !offline {
            return Registry::over_http(&self.config);
        }
        if !self.config.remote.services.is_empty() {
            tracing::warn!("--offline: the configured remote adapters are left out");
        }
        Registry::new(&self.config, None)
    }
}
