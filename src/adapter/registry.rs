//! Which adapter is for which payload.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/AdapterRegistry.scala`: exact match on vendor and version, remote adapters in
//! front of the built-in ones, no fallback.

use std::sync::Arc;

use super::config::AdapterConfig;
use super::info::ADAPTERS;
use super::remote::{HttpRemoteClient, RemoteAdapter, RemoteClient};
use super::{Adapter, AdapterResult, Tools};
use crate::badrow::Message;
use crate::payload::{Api, CollectorPayload, SNOWPLOW_VENDOR};

/// The adapters of a run, shared by all workers.
pub struct Registry {
    entries: Vec<Entry>,
}

struct Entry {
    vendor: String,
    version: String,
    adapter: Box<dyn Adapter>,
}

impl Registry {
    /// The built-in adapters with configured schemas, overlaid by the configured remote ones.
    ///
    /// `client` reaches the remote services; without one the configured remote adapters are left out.
    pub fn new(config: &AdapterConfig, client: Option<Arc<dyn RemoteClient>>) -> Registry {
        let built_in = ADAPTERS.iter().map(|info| Entry {
            vendor: info.vendor.to_owned(),
            version: info.version.to_owned(),
            adapter: (info.build)(&config.schemas),
        });
        let mut registry = Registry { entries: built_in.collect() };
        let Some(client) = client else { return registry };
        for service in &config.remote.services {
            let adapter = RemoteAdapter::new(service.url.clone(), Arc::clone(&client));
            registry.set(&service.vendor, &service.version, Box::new(adapter));
        }
        registry
    }

    /// As [`Registry::new`], with a client over HTTP if any remote service is configured.
    pub fn over_http(config: &AdapterConfig) -> Registry {
        let has_services = !config.remote.services.is_empty();
        let client = has_services.then(|| Arc::new(HttpRemoteClient::new(&config.remote)) as Arc<dyn RemoteClient>);
        Registry::new(config, client)
    }

    fn set(&mut self, vendor: &str, version: &str, adapter: Box<dyn Adapter>) {
        match self.entries.iter_mut().find(|entry| entry.vendor == vendor && entry.version == version) {
            Some(entry) => entry.adapter = adapter,
            None => self.entries.push(Entry { vendor: vendor.to_owned(), version: version.to_owned(), adapter }),
        }
    }

    /// Turns a payload into raw events.
    // A stage of its own in profiles (benches/instructions.py).
    #[inline(never)]
    pub fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let Api { vendor, version } = payload.api;
        match self.entries.iter().find(|entry| entry.vendor == vendor && entry.version == version) {
            Some(entry) => entry.adapter.to_raw_events(payload, tools),
            None => Err(unsupported(payload.api).into()),
        }
    }

    /// Whether there is an adapter for a vendor and version.
    pub fn supports(&self, api: Api<'_>) -> bool {
        self.entries.iter().any(|entry| entry.vendor == api.vendor && entry.version == api.version)
    }
}

fn unsupported(api: Api<'_>) -> Message<'static> {
    Message::InputData {
        field: "vendor/version".into(),
        value: Some(format!("{}/{}", api.vendor, api.version).into()),
        expectation: "vendor/version combination is not supported".into(),
    }
}

/// Whether failures of this payload's adapter are `tracker_protocol_violations` rather than `adapter_failures`.
pub fn is_tracker_protocol(api: Api<'_>) -> bool {
    matches!((api.vendor, api.version), (SNOWPLOW_VENDOR | "r", "tp2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::testing::{failures, payload};

    #[test]
    fn unknown_pairs_fail_and_matching_is_exact() {
        for (vendor, version) in [("com.hubspot", "v2"), ("com.Hubspot", "v1"), ("r", "tp1"), ("", "")] {
            let expected = format!(
                r#"{{"field":"vendor/version","value":"{vendor}/{version}","expectation":"vendor/version combination is not supported"}}"#
            );
            assert_eq!(failures(payload(vendor, version)), [expected]);
        }
    }

    #[test]
    fn only_tp2_failures_are_tracker_protocol_violations() {
        let kind = |vendor, version| is_tracker_protocol(Api { vendor, version });
        assert!(kind(SNOWPLOW_VENDOR, "tp2") && kind("r", "tp2"));
        assert!(!kind(SNOWPLOW_VENDOR, "tp1") && !kind("r", "tp1") && !kind("com.hubspot", "tp2"));
    }
}
