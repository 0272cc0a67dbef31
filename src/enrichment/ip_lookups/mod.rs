//! `ip_lookups`: location and network of the client's address out of MaxMind databases.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/IpLookupsEnrichment.scala` and
//! `.../EnrichmentManager.scala`; snowplow/scala-maxmind-iplookups 0.7.1. No failure is ever reported: what is not
//! found is not written.

mod address;
mod database;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;

use std::net::IpAddr;
use std::sync::Arc;

pub use address::parse_address;

use super::cache::Cache;
use super::columns::ColumnTexts;
use super::config::{ConfigItem, Cursor, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Step, StepContext, asset_uri};
use crate::event::Column;
use database::{Database, Kind};

/// Addresses whose result one worker remembers.
const CACHE_SIZE: usize = 20_000;

/// Where the databases are.
#[derive(Clone, Debug)]
struct IpLookupsConfig {
    databases: Vec<(Kind, String)>,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let kinds =
        [("geo", Kind::City), ("isp", Kind::Isp), ("domain", Kind::Domain), ("connectionType", Kind::ConnectionType)];
    let mut databases = Vec::new();
    for (name, kind) in kinds {
        let at = item.parameters.field(name);
        if let Some(uri) = at.is_present().then(|| read_location(&at, reader)).flatten() {
            databases.push((kind, uri));
        }
    }
    reader.warn_ignored(&item.parameters, &["asn"], "the columns for it came after enrich 3.9.0");
    Some(Box::new(IpLookupsConfig { databases }))
}

/// The `uri` and `database` of one data file.
pub(super) fn read_location(at: &Cursor<'_>, reader: &mut Reader) -> Option<String> {
    let uri = reader.required::<String>(&at.field("uri"));
    let database = reader.required::<String>(&at.field("database"));
    Some(asset_uri(&uri?, &database?))
}

impl EnrichmentConfig for IpLookupsConfig {
    fn assets(&self) -> Vec<String> {
        self.databases.iter().map(|(_, uri)| uri.clone()).collect()
    }

    fn build(&self, resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let mut databases = Vec::with_capacity(self.databases.len());
        for (kind, uri) in &self.databases {
            let bytes = resources.assets.fetch(uri)?.into_bytes(uri)?;
            let database =
                Database::open(*kind, bytes).map_err(|reason| BuildError::Unusable(format!("{uri}: {reason}")))?;
            databases.push(database);
        }
        Ok(Box::new(IpLookups { databases }))
    }
}

/// The opened databases.
struct IpLookups {
    databases: Vec<Database>,
}

impl IpLookups {
    fn columns(&self, address: IpAddr) -> ColumnTexts {
        let mut found = ColumnTexts::default();
        for database in &self.databases {
            database.look_up(address, &mut found);
        }
        found
    }
}

impl SharedEnrichment for IpLookups {
    fn step(&self) -> Step {
        Step::IpLookups
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, cache: Cache::new(CACHE_SIZE) })
    }
}

struct Instance {
    shared: Arc<IpLookups>,
    cache: Cache<IpAddr, ColumnTexts>,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::IpLookups
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let Some(address) = cx.event.get(Column::user_ipaddress).and_then(parse_address) else { return };
        let found = self.cache.get_or_insert_with(&address, || (address, self.shared.columns(address)));
        found.apply(cx.event, cx.arena);
    }
}
