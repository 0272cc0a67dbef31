//! `ua_parser_config`: an entity that says which browser, system and device a user agent stands for.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/UaParserEnrichment.scala`;
//! ua-parser/uap-java 1.5.4. Without `uri` the rules of the `ua-parser` crate's package (uap-core, Apache-2.0) are used.

mod expression;
mod literals;
mod prefilter;
mod rules;
#[cfg(test)]
mod samples;
mod store;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::ip_lookups::read_location;
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Entity, Step, StepContext, next_entity_id};
use crate::event::Column;
use crate::json::write_string;
use rules::Rules;
use store::{Known, SharedStore, WorkerStore};

const SCHEMA: &str = "iglu:com.snowplowanalytics.snowplow/ua_parser_context/jsonschema/1-0-0";

/// uap-core's rules, put here by the build script.
const DEFAULT_RULES: &str = include_str!(concat!(env!("OUT_DIR"), "/regexes.yaml"));

/// Where the rules are, if not built in.
#[derive(Clone, Debug)]
struct UaParserConfig {
    rules: Option<String>,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    let own = item.parameters.field("uri").is_present();
    let rules = if own { Some(read_location(&item.parameters, reader)?) } else { None };
    Some(Box::new(UaParserConfig { rules }))
}

impl EnrichmentConfig for UaParserConfig {
    fn assets(&self) -> Vec<String> {
        self.rules.iter().cloned().collect()
    }

    fn build(&self, resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let rules = OnceLock::new();
        if let Some(uri) = &self.rules {
            let unusable =
                |reason: String| BuildError::Unusable(format!("Failed to initialize ua parser: [{uri}: {reason}]"));
            let yaml = String::from_utf8(resources.assets.fetch(uri)?.into_bytes(uri)?)
                .map_err(|_| unusable("not UTF-8".to_owned()))?;
            let parsed = Rules::parse(&yaml).map_err(unusable)?;
            let _ = rules.set(parsed);
        }
        Ok(Box::new(UaParser { rules, store: SharedStore::new() }))
    }
}

/// The rules and what all workers have learned with them.
struct UaParser {
    rules: OnceLock<Rules>,
    store: SharedStore,
}

impl UaParser {
    /// The rules; those built in are read when the first user agent comes.
    fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| Rules::parse(DEFAULT_RULES).expect("the rules that are built in are valid"))
    }

    // A stage of its own in profiles (benches/instructions.py).
    #[inline(never)]
    fn parse(&self, user_agent: &str) -> Known {
        let mut json = Vec::with_capacity(400);
        write_entity(self.rules(), user_agent, &mut json);
        let json = String::from_utf8(json).unwrap_or_default();
        Known { user_agent: user_agent.into(), json: json.into(), id: next_entity_id() }
    }
}

impl SharedEnrichment for UaParser {
    fn step(&self) -> Step {
        Step::UaParser
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, store: WorkerStore::new() })
    }
}

struct Instance {
    shared: Arc<UaParser>,
    store: WorkerStore,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::UaParser
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let Some(user_agent) = cx.event.get(Column::useragent) else { return };
        let shared = &self.shared;
        let known = self.store.get(user_agent, || shared.store.get(user_agent, || shared.parse(user_agent)));
        let entity = Entity { schema: SCHEMA, data: cx.arena.alloc_str(&known.json), cache_id: known.id };
        cx.add_entities([entity]);
    }
}

/// Appends the entity's data.
fn write_entity(rules: &Rules, text: &str, json: &mut Vec<u8>) {
    let search = rules.search(text);
    let user_agent = search.user_agent();
    let system = search.system();
    let [major, minor, patch, patch_minor] = system.version;
    let versions = [user_agent.major, user_agent.minor, user_agent.patch];
    let user_agent_version = name_and_version(&user_agent.family, &versions);
    let system_version = name_and_version(&system.family, &system.version);
    let device = search.device();
    for (key, value) in [
        ("{\"useragentFamily\":", Some(&*user_agent.family)),
        (",\"useragentMajor\":", user_agent.major),
        (",\"useragentMinor\":", user_agent.minor),
        (",\"useragentPatch\":", user_agent.patch),
        (",\"useragentVersion\":", Some(&*user_agent_version)),
        (",\"osFamily\":", Some(&*system.family)),
        (",\"osMajor\":", major),
        (",\"osMinor\":", minor),
        (",\"osPatch\":", patch),
        (",\"osPatchMinor\":", patch_minor),
        (",\"osVersion\":", Some(&*system_version)),
        (",\"deviceFamily\":", Some(&*device)),
    ] {
        json.extend_from_slice(key.as_bytes());
        match value {
            Some(value) => write_string(value, json),
            None => json.extend_from_slice(b"null"),
        }
    }
    json.push(b'}');
}

/// `Mobile Safari 5.1`: the family, a space, and the parts of the version that are there.
fn name_and_version(family: &str, version: &[Option<&str>]) -> String {
    let mut text = family.to_owned();
    for (index, part) in version.iter().enumerate() {
        if let Some(part) = part {
            text.push(if index == 0 { ' ' } else { '.' });
            text.push_str(part);
        }
    }
    text
}
