//! `javascript_script_config`: a script of the user's that sees every column, may change them and add entities.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/JavascriptScriptEnrichment.scala`. A script
//! that cannot be compiled is refused at the start, not for every event, and a call that takes too long or too much
//! memory fails its event.

mod runner;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bumpalo::Bump;

use super::config::{ConfigItem, EnrichmentConfig, Reader};
use super::set::{BuildError, Resources, SharedEnrichment};
use super::{Enrichment, Entity, Step, StepContext};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use crate::iglu::SelfDescribing;
use crate::json;
use crate::payload::base64_text;
use crate::script::{ScriptError, ScriptLimits};
use runner::{Outcome, Runner};

const IDENTIFIER: &str = "Javascript enrichment";

/// The script.
#[derive(Clone, Debug)]
struct JavascriptConfig {
    schema_key: String,
    script: String,
}

pub(super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    reader.warn_ignored(&item.parameters, &["config"], "scripts are given it only after enrich 3.9.0");
    let script = reader.parsed(&item.parameters.field("script"), |encoded| {
        let script = base64_text(encoded, &Bump::new()).to_owned();
        if script.is_empty() { Err("Provided script for JS enrichment is empty".to_owned()) } else { Ok(script) }
    })?;
    Some(Box::new(JavascriptConfig { schema_key: item.schema_key.to_owned(), script }))
}

impl EnrichmentConfig for JavascriptConfig {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let limits = ScriptLimits::default();
        let refuse =
            |error: ScriptError| BuildError::Unusable(format!("Error compiling JavaScript function: [{error}]"));
        Runner::new(&self.script, limits).map_err(refuse)?;
        Ok(Box::new(Javascript {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            schema_key: self.schema_key.clone(),
            script: self.script.clone(),
            limits,
        }))
    }
}

/// The script, known to compile.
struct Javascript {
    /// Tells the engines of different scripts in one thread apart.
    number: u64,
    schema_key: String,
    script: String,
    limits: ScriptLimits,
}

impl SharedEnrichment for Javascript {
    fn step(&self) -> Step {
        Step::JavaScript
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance(self))
    }
}

thread_local! {
    /// This thread's engines. They must not move to another thread, while instances may.
    static ENGINES: RefCell<HashMap<u64, Runner>> = RefCell::default();
}

struct Instance(Arc<Javascript>);

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::JavaScript
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let result = ENGINES.with_borrow_mut(|engines| self.call(engines, cx));
        let entities = result.and_then(|outcome| match outcome {
            Outcome::Nothing => Ok(Vec::new()),
            Outcome::Json(json) => entities(cx.arena.alloc_str(&json), cx.arena),
            Outcome::NotJson => {
                Err("Could not parse output JSON of Javascript function. Error: [it is not JSON]".to_owned())
            }
        });
        match entities {
            Ok(entities) => cx.add_entities(entities),
            Err(error) => cx.failures.push(EnrichmentFailure {
                enrichment: Some(EnrichmentInfo {
                    schema_key: self.0.schema_key.clone().into(),
                    identifier: IDENTIFIER,
                }),
                message: Message::simple(error),
            }),
        }
    }
}

impl Instance {
    /// Calls the script in this thread's engine. What it has set counts even if it fails afterwards.
    fn call(&self, engines: &mut HashMap<u64, Runner>, cx: &mut StepContext<'_, '_>) -> Result<Outcome, String> {
        let shared = &*self.0;
        let told = |error: ScriptError| format!("Error during execution of JavaScript function: [{error}]");
        let runner = match engines.entry(shared.number) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Runner::new(&shared.script, shared.limits).map_err(told)?)
            }
        };
        let result = runner.call(cx.event);
        let arena = cx.arena;
        runner.changes(|column, text| {
            let text = text.filter(|text| !text.is_empty()).map(|text| &*arena.alloc_str(text));
            cx.event.set(column, text);
        });
        if result.as_ref().is_err_and(ScriptError::is_limit) {
            engines.remove(&shared.number);
        }
        result.map_err(told)
    }
}

/// The entities that a script's result describes, or what is wrong with it.
fn entities<'a>(text: &'a str, arena: &'a Bump) -> Result<Vec<Entity<'a>>, String> {
    let result = json::parse(text, arena)
        .map_err(|error| format!("Could not parse output JSON of Javascript function. Error: [{error}]"))?;
    if !result.is_array() {
        return Err(format!(
            "Output of JavaScript function [{text}] could be parsed as JSON but is not read as an array"
        ));
    }
    let mut entities = Vec::new();
    let mut errors = Vec::new();
    for item in result.elements() {
        match SelfDescribing::parse(item, arena) {
            Ok(item) => entities.push(Entity { schema: item.uri, data: item.data.compact_in(arena), cache_id: 0 }),
            Err(code) => errors.push(format!("error code:[{code}],json:[{}]", item.compact_in(arena))),
        }
    }
    if errors.is_empty() {
        return Ok(entities);
    }
    Err(format!("Resulting contexts are not self-desribing. Error(s): [{}]", errors.join(";")))
}
