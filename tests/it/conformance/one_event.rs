//! One enrichment on one event: what cases of enrichments need.

use std::sync::Arc;

use bumpalo::Bump;
use serde_json::{Value, json};
use thresh::enrichment::{
    ConfigFile, Enrichment, EnrichmentOptions, EnrichmentSet, Entity, LocalAssets, Resources, StepContext, read_configs,
};
use thresh::event::EnrichedEvent;
use thresh::iglu::{Resolver, ResolverOptions};
use thresh::payload::{Api, Context, NameValue, Parameters, RawEvent, Source};
use thresh::protocol::uri::Uri;

use super::calls::event_of;

/// What an event is made of besides its columns.
#[derive(Default)]
pub struct Given {
    pub columns: Value,
    pub parameters: Vec<(String, Option<String>)>,
    pub query: Option<Vec<(String, Option<String>)>>,
    pub headers: Vec<String>,
    pub referrer: Option<String>,
}

/// What an enrichment made of it.
#[derive(Debug, Default)]
pub struct Made {
    pub columns: Vec<(&'static str, String)>,
    pub entities: Vec<Value>,
    pub failures: Vec<String>,
}

impl Made {
    pub fn column(&self, name: &str) -> Value {
        self.columns.iter().find(|(known, _)| *known == name).map_or(Value::Null, |(_, text)| text.as_str().into())
    }
}

/// An enrichment from its configuration, checked against its schema.
pub fn instances(vendor: &str, name: &str, version: &str, data: &Value) -> Result<Vec<Box<dyn Enrichment>>, String> {
    let mut data = data.clone();
    for (member, value) in [("vendor", json!(vendor)), ("name", json!(name)), ("enabled", json!(true))] {
        data.as_object_mut().unwrap().entry(member).or_insert(value);
    }
    let text = json!({"schema": format!("iglu:{vendor}/{name}/jsonschema/{version}"), "data": data}).to_string();
    let options = EnrichmentOptions::default();
    let resolver = Resolver::default_central(ResolverOptions { offline: true, ..ResolverOptions::default() });
    let mut validator = Resolver::client(&Arc::new(resolver));
    let files = [ConfigFile { name: format!("{name}.json"), text }];
    let configs = read_configs(&files, &mut validator, &options).map_err(|error| error.to_string())?;
    let set = EnrichmentSet::build(&configs, &Resources { assets: &LocalAssets, options: &options });
    set.map(|set| set.instances()).map_err(|error| error.to_string())
}

pub fn run(vendor: &str, name: &str, version: &str, parameters: Value, given: &Given) -> Result<Made, String> {
    let mut enrichments = instances(vendor, name, version, &json!({"parameters": parameters}))?;
    let arena = Bump::new();
    let pairs = |pairs: &[(String, Option<String>)]| {
        let pairs =
            pairs.iter().map(|(name, value)| (&*arena.alloc_str(name), value.as_ref().map(|v| &*arena.alloc_str(v))));
        pairs.collect::<Vec<NameValue<'_>>>()
    };
    let mut event = if given.columns.is_null() {
        EnrichedEvent::default()
    } else {
        event_of(&given.columns, &arena).ok_or("unknown columns")?
    };
    let headers: Vec<&str> = given.headers.iter().map(String::as_str).collect();
    let raw = RawEvent {
        api: Api::TP1,
        parameters: Parameters::from_pairs(&pairs(&given.parameters)),
        content_type: None,
        source: Source { name: "test", encoding: "UTF-8", hostname: None },
        context: Context { headers: arena.alloc_slice_copy(&headers), ..Context::default() },
    };
    let referrer = given.referrer.as_deref().map(|text| &*arena.alloc_str(text));
    let (mut derived, mut failures): (Vec<Entity<'_>>, Vec<_>) = (Vec::new(), Vec::new());
    let mut cx = StepContext {
        arena: &arena,
        raw: &raw,
        event: &mut event,
        collector_millis: None,
        derived_millis: None,
        page_query: given.query.as_ref().map(|query| &*arena.alloc_slice_copy(&pairs(query))),
        referrer: referrer.and_then(|text| Uri::parse(text, &arena).ok()),
        contexts: &[],
        unstruct_event: None,
        derived: &mut derived,
        failures: &mut failures,
        pii_event: None,
    };
    for enrichment in &mut enrichments {
        enrichment.run(&mut cx);
    }
    let entity = |entity: &Entity<'_>| json!({"schema": entity.schema, "data": serde_json::from_str::<Value>(entity.data).unwrap()});
    let entities = derived.iter().map(entity).collect();
    let failures = failures.iter().map(|failure| format!("{:?}", failure.message)).collect();
    let columns = thresh::event::ALL_COLUMNS.into_iter();
    let columns = columns.filter_map(|column| Some((column.info().name, event.get(column)?.to_owned()))).collect();
    Ok(Made { columns, entities, failures })
}
