//! The adapters of a run, and how remote ones are reached.

use std::path::Path;
use std::sync::Arc;

use crate::adapter::{
    Adapter, AdapterConfig, AdapterResult, Registry, RemoteClient, RemoteError, RemoteResponse, Tools,
};
use crate::commands::CliError;
use crate::http::{HttpClient, HttpError, HttpOptions, HttpRequest};
use crate::payload::CollectorPayload;
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

    /// What reaches remote adapters; none if there are none, or if the network is not to be used.
    pub(super) fn client(&self, offline: bool) -> Option<Arc<dyn RemoteClient>> {
        let remote = &self.config.remote;
        if remote.services.is_empty() {
            return None;
        }
        if offline {
            tracing::warn!("--offline: the configured remote adapters are left out");
            return None;
        }
        let options = HttpOptions {
            connect_timeout: remote.connection_timeout,
            timeout: remote.read_timeout,
            ..HttpOptions::default()
        };
        Some(Arc::new(HttpRemote(HttpClient::new(options))))
    }
}

struct HttpRemote(HttpClient);

impl RemoteClient for HttpRemote {
    fn post_json(&self, url: &str, body: &str) -> Result<RemoteResponse, RemoteError> {
        let mut request = HttpRequest::new("POST", url);
        request.headers = vec![("content-type", "application/json"), ("accept", "*/*")];
        request.body = Some(body.as_bytes());
        let response = self.0.send(&request).map_err(|error| RemoteError {
            message: error.to_string(),
            closed_early: matches!(error, HttpError::Connection(_)),
        })?;
        Ok(RemoteResponse { status: response.status, body: String::from_utf8_lossy(&response.body).into_owned() })
    }
}

/// The registry as one adapter.
pub(super) struct Routed(pub Registry);

impl Adapter for Routed {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        self.0.to_raw_events(payload, tools)
    }
}
