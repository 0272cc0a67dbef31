//! `iab_spiders_and_robots_enrichment`: an entity that tells robots from browsers by the IAB/ABC list.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/IabEnrichment.scala`;
//! snowplow/iab-spiders-and-robots-java-client 0.2.0. Addresses that stand for IPv4 are IPv4.

mod lists;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::cache::Cache;
use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::ip_lookups::{parse_address, read_location};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Entity, Step, StepContext, next_entity_id};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::event::Column;
use lists::{AddressList, ExcludeList, Excluded, IncludeList, Included};

const SCHEMA: &str = "iglu:com.iab.snowplow/spiders_and_robots/jsonschema/1-0-0";
const IDENTIFIER: &str = "iab-spiders-and-robots";

/// User agents whose result one worker remembers.
const CACHE_SIZE: usize = 20_000;

/// Where the lists are.
#[derive(Clone, Debug)]
struct IabConfig {
    schema_key: String,
    addresses: String,
    exclude: String,
    include: String,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let parameters = &item.parameters;
    let files = ["ipFile", "excludeUseragentFile", "includeUseragentFile"];
    let [addresses, exclude, include] = files.map(|name| read_location(&parameters.field(name), reader));
    if let Some(object) = parameters.value().and_then(|value| value.as_object()) {
        for name in object.keys().filter(|name| !files.contains(&name.as_str())) {
            reader.warn(format!("parameters.{name} is ignored: further lists came after enrich 3.9.0"));
        }
    }
    let schema_key = item.schema_key.to_owned();
    Some(Box::new(IabConfig { schema_key, addresses: addresses?, exclude: exclude?, include: include? }))
}

impl EnrichmentConfig for IabConfig {
    fn assets(&self) -> Vec<String> {
        vec![self.addresses.clone(), self.exclude.clone(), self.include.clone()]
    }

    fn build(&self, resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        fn load<T>(
            uri: &str,
            resources: &Resources<'_>,
            parse: impl FnOnce(&[u8]) -> Result<T, String>,
        ) -> Result<T, BuildError> {
            let bytes = resources.assets.fetch(uri)?.into_bytes(uri)?;
            parse(&bytes).map_err(|reason| BuildError::Unusable(format!("{uri}: {reason}")))
        }
        Ok(Box::new(Iab {
            schema_key: self.schema_key.clone(),
            addresses: load(&self.addresses, resources, AddressList::parse)?,
            exclude: load(&self.exclude, resources, ExcludeList::parse)?,
            include: load(&self.include, resources, IncludeList::parse)?,
            ids: VERDICTS.map(|_| next_entity_id()),
        }))
    }
}

/// The lists.
struct Iab {
    schema_key: String,
    addresses: AddressList,
    exclude: ExcludeList,
    include: IncludeList,
    /// For the verdicts' `cache_id`.
    ids: [u64; VERDICTS.len()],
}

/// Every possible entity.
const VERDICTS: [&str; 9] = [
    r#"{"spiderOrRobot":true,"category":"SPIDER_OR_ROBOT","reason":"FAILED_IP_EXCLUDE","primaryImpact":"UNKNOWN"}"#,
    r#"{"spiderOrRobot":true,"category":"SPIDER_OR_ROBOT","reason":"FAILED_UA_INCLUDE","primaryImpact":"UNKNOWN"}"#,
    r#"{"spiderOrRobot":false,"category":"BROWSER","reason":"PASSED_ALL","primaryImpact":"NONE"}"#,
    r#"{"spiderOrRobot":true,"category":"ACTIVE_SPIDER_OR_ROBOT","reason":"FAILED_UA_EXCLUDE","primaryImpact":"PAGE_IMPRESSIONS"}"#,
    r#"{"spiderOrRobot":true,"category":"ACTIVE_SPIDER_OR_ROBOT","reason":"FAILED_UA_EXCLUDE","primaryImpact":"AD_IMPRESSIONS"}"#,
    r#"{"spiderOrRobot":true,"category":"ACTIVE_SPIDER_OR_ROBOT","reason":"FAILED_UA_EXCLUDE","primaryImpact":"PAGE_AND_AD_IMPRESSIONS"}"#,
    r#"{"spiderOrRobot":true,"category":"INACTIVE_SPIDER_OR_ROBOT","reason":"FAILED_UA_EXCLUDE","primaryImpact":"PAGE_IMPRESSIONS"}"#,
    r#"{"spiderOrRobot":true,"category":"INACTIVE_SPIDER_OR_ROBOT","reason":"FAILED_UA_EXCLUDE","primaryImpact":"AD_IMPRESSIONS"}"#,
    r#"{"spiderOrRobot":true,"category":"INACTIVE_SPIDER_OR_ROBOT","reason":"FAILED_UA_EXCLUDE","primaryImpact":"PAGE_AND_AD_IMPRESSIONS"}"#,
];
const BAD_ADDRESS: usize = 0;
const NOT_INCLUDED: usize = 1;
const BROWSER: usize = 2;
const ACTIVE: usize = 3;
const INACTIVE: usize = 6;

/// What the lists say of a user agent, whenever it was seen.
#[derive(Debug)]
struct UserAgentVerdict {
    included: Included,
    excluded: Option<Excluded>,
}

impl UserAgentVerdict {
    /// The position of the verdict for a moment, or an impact flag that means nothing.
    fn at(&self, millis: i64) -> Result<usize, &str> {
        let included = match self.included {
            Included::Always => true,
            Included::Until(end) => millis < end,
            Included::Never => false,
        };
        if !included {
            return Ok(NOT_INCLUDED);
        }
        let Some(excluded) = &self.excluded else { return Ok(BROWSER) };
        let group = if excluded.inactive_from.is_none_or(|end| millis < end) { ACTIVE } else { INACTIVE };
        match excluded.impact.as_str() {
            "0" => Ok(group),
            "1" => Ok(group + 1),
            "2" => Ok(group + 2),
            other => Err(other),
        }
    }
}

impl SharedEnrichment for Iab {
    fn step(&self) -> Step {
        Step::Iab
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, cache: Cache::new(CACHE_SIZE) })
    }
}

struct Instance {
    shared: Arc<Iab>,
    cache: Cache<Box<str>, UserAgentVerdict>,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::Iab
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let user_agent = cx.event.get(Column::useragent).filter(|text| !text.trim().is_empty());
        let address = cx.event.get(Column::user_ipaddress).and_then(parse_address);
        let (Some(user_agent), Some(address), Some(millis)) = (user_agent, address, cx.derived_millis) else { return };
        let shared = &self.shared;
        let verdict = if shared.addresses.contains(address) {
            Ok(BAD_ADDRESS)
        } else {
            let judge = || {
                let lower = user_agent.to_lowercase();
                let included = shared.include.find(lower.as_bytes());
                (user_agent.into(), UserAgentVerdict { included, excluded: shared.exclude.find(lower.as_bytes()) })
            };
            self.cache.get_or_insert_with(user_agent, judge).at(millis)
        };
        match verdict {
            Ok(verdict) => {
                cx.add_entities([Entity { schema: SCHEMA, data: VERDICTS[verdict], cache_id: shared.ids[verdict] }]);
            }
            Err(flag) => cx.failures.push(EnrichmentFailure {
                enrichment: Some(EnrichmentInfo {
                    schema_key: shared.schema_key.clone().into(),
                    identifier: IDENTIFIER,
                }),
                message: Message::simple(format!("Invalid value of impression flag: '{flag}'")),
            }),
        }
    }
}
