//! The event's own JSON: contexts and self-describing event, validated and put into today's envelopes.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/IgluUtils.scala`; the envelopes' schemas are those of
//! snowplow/iglu-central, `com.snowplowanalytics.snowplow/{contexts,unstruct_event}`.

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use crate::badrow::Message;
use crate::enrichment::Entity;
use crate::iglu::{Checked, ParseError, SchemaCriterion, SchemaVer, SelfDescribing, Validator};
use crate::json::Value;
use crate::payload::SNOWPLOW_VENDOR;
use crate::protocol::parameters::Parsed;

/// What stands in front of the contexts' list.
pub(super) const CONTEXTS_HEAD: &str =
    r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":"#;
/// What stands in front of the event.
const UNSTRUCT_HEAD: &str =
    r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":"#;
const VALIDATION_INFO: &str = "iglu:com.snowplowanalytics.iglu/validation_info/jsonschema/1-0-0";

/// The event's own JSON, validated.
#[derive(Debug, Default)]
pub struct InputJsons<'a> {
    /// The entities, with superseding versions.
    pub contexts: &'a [SelfDescribing<'a>],
    /// The self-describing event, with its superseding version.
    pub unstruct_event: Option<SelfDescribing<'a>>,
    /// The new text of the column `contexts`, if it changes.
    pub contexts_column: Option<&'a str>,
    /// The new text of the column `unstruct_event`, if it changes.
    pub unstruct_column: Option<&'a str>,
    /// One entity per distinct pair of a schema and the version that superseded it.
    pub validation_infos: Vec<Entity<'a>>,
}

/// The two kinds of envelopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Envelope {
    Contexts,
    Unstruct,
}

impl Envelope {
    fn name(self) -> &'static str {
        match self {
            Envelope::Contexts => "contexts",
            Envelope::Unstruct => "unstruct_event",
        }
    }

    /// Which envelope schemas this module knows by heart.
    fn slot(self, addition: u32) -> Option<usize> {
        match (self, addition) {
            (Envelope::Contexts, 0) => Some(0),
            (Envelope::Contexts, 1) => Some(1),
            (Envelope::Unstruct, 0) => Some(2),
            _ => None,
        }
    }
}

/// Validates the JSON of events; one per worker.
#[derive(Debug, Default)]
pub struct InputValidator {
    /// Envelope schemas that the resolver has been seen to have. From then on what obviously fits is not sent through
    /// the validator; everything else still is.
    known: [bool; 3],
}

/// One item of an envelope.
struct Item<'a> {
    json: Value<'a>,
    parsed: Result<SelfDescribing<'a>, ParseError>,
}

/// The state of one validation.
struct Run<'a, 'v> {
    known: &'v mut [bool; 3],
    validator: &'v mut dyn Validator,
    arena: &'a Bump,
    failures: Vec<Message<'a>>,
    superseded: Vec<(&'a str, SchemaVer)>,
}

impl InputValidator {
    /// Validates contexts, then event. All failures of both, in this order.
    // A stage of its own in profiles (benches/instructions.py).
    #[inline(never)]
    pub fn validate<'a>(
        &mut self,
        parsed: &Parsed<'a>,
        validator: &mut dyn Validator,
        arena: &'a Bump,
    ) -> Result<InputJsons<'a>, Vec<Message<'a>>> {
        let mut run = Run { known: &mut self.known, validator, arena, failures: Vec::new(), superseded: Vec::new() };
        let mut input = InputJsons::default();
        if let Some(json) = parsed.contexts {
            run.contexts(json, &mut input);
        }
        if let Some(json) = parsed.unstruct_event {
            run.unstruct_event(json, &mut input);
        }
        if !run.failures.is_empty() {
            return Err(run.failures);
        }
        let info = |(uri, version): (&'a str, SchemaVer)| Entity {
            schema: VALIDATION_INFO,
            data: bumpalo::format!(in arena, r#"{{"originalSchema":"{}","validatedWith":"{}"}}"#, uri, version)
                .into_bump_str(),
            cache_id: 0,
        };
        input.validation_infos = run.superseded.into_iter().map(info).collect();
        Ok(input)
    }
}

impl<'a> Run<'a, '_> {
    fn contexts(&mut self, json: Value<'a>, input: &mut InputJsons<'a>) {
        let Some((outer, items)) = self.open(json, Envelope::Contexts) else { return };
        let mut entities = BumpVec::with_capacity_in(items.len(), self.arena);
        let mut verbatim = true;
        for item in &items {
            if let Some(entity) = self.item(item) {
                verbatim &= is_written_as_we_do(item.json) && item.parsed.is_ok_and(|parsed| parsed.key == entity.key);
                entities.push(entity);
            }
        }
        if entities.len() < items.len() || items.is_empty() {
            return;
        }
        input.contexts = entities.into_bump_slice();
        if verbatim && outer.key.version.addition == 1 && is_written_as_we_do(json) {
            return;
        }
        let mut text = BumpString::with_capacity_in(json.source().len() + 16, self.arena);
        text.push_str(CONTEXTS_HEAD);
        if verbatim && outer.data.is_canonical() {
            text.push_str(outer.data.source());
        } else {
            for (index, entity) in input.contexts.iter().enumerate() {
                text.push(if index == 0 { '[' } else { ',' });
                push_item(entity, &mut text, self.arena);
            }
            text.push(']');
        }
        text.push('}');
        input.contexts_column = Some(text.into_bump_str());
    }

    fn unstruct_event(&mut self, json: Value<'a>, input: &mut InputJsons<'a>) {
        let Some((outer, items)) = self.open(json, Envelope::Unstruct) else { return };
        let [item] = &items[..] else { return };
        let Some(event) = self.item(item) else { return };
        input.unstruct_event = Some(event);
        let verbatim = is_written_as_we_do(item.json) && item.parsed.is_ok_and(|parsed| parsed.key == event.key);
        if verbatim && outer.key.version.addition == 0 && is_written_as_we_do(json) {
            return;
        }
        let mut text = BumpString::with_capacity_in(json.source().len() + 16, self.arena);
        text.push_str(UNSTRUCT_HEAD);
        push_item(&event, &mut text, self.arena);
        text.push('}');
        input.unstruct_column = Some(text.into_bump_str());
    }

    /// Takes an envelope apart and validates it; failures stop here.
    fn open(&mut self, json: Value<'a>, envelope: Envelope) -> Option<(SelfDescribing<'a>, BumpVec<'a, Item<'a>>)> {
        let outer = match SelfDescribing::parse(json, self.arena) {
            Ok(outer) => outer,
            Err(error) => {
                self.failures.push(Message::NotIglu { json, error });
                return None;
            }
        };
        let key = outer.key;
        let fits = key.vendor == SNOWPLOW_VENDOR
            && key.name == envelope.name()
            && key.format == "jsonschema"
            && (key.version.model, key.version.revision) == (1, 0);
        if !fits {
            let criterion = SchemaCriterion::new(SNOWPLOW_VENDOR, envelope.name(), Some(1), Some(0), None);
            self.failures.push(Message::CriterionMismatch { schema_key: outer.uri.into(), criterion });
            return None;
        }
        let mut items = BumpVec::new_in(self.arena);
        let item = |json| Item { json, parsed: SelfDescribing::parse(json, self.arena) };
        match envelope {
            Envelope::Contexts => items.extend(outer.data.elements().map(item)),
            Envelope::Unstruct => items.push(item(outer.data)),
        }
        self.check_envelope(&outer, envelope, &items).then_some((outer, items))
    }

    fn check_envelope(&mut self, outer: &SelfDescribing<'a>, envelope: Envelope, items: &[Item<'a>]) -> bool {
        let slot = envelope.slot(outer.key.version.addition);
        let known = slot.is_some_and(|slot| self.known[slot]);
        if known && obviously_fits(outer, envelope, items) {
            return true;
        }
        match self.validator.check(outer) {
            Ok(Checked { superseded_by }) => {
                if let (Some(slot), None) = (slot, superseded_by) {
                    self.known[slot] = true;
                }
                true
            }
            Err(error) => {
                self.failures.push(Message::IgluError { schema_key: outer.uri.into(), error });
                false
            }
        }
    }

    /// Validates one item and gives it its superseding version.
    fn item(&mut self, item: &Item<'a>) -> Option<SelfDescribing<'a>> {
        let entity = match item.parsed {
            Ok(entity) => entity,
            Err(error) => {
                self.failures.push(Message::NotIglu { json: item.json, error });
                return None;
            }
        };
        match self.validator.check(&entity) {
            Ok(Checked { superseded_by: None }) => Some(entity),
            Ok(Checked { superseded_by: Some(version) }) => {
                if !self.superseded.contains(&(entity.uri, version)) {
                    self.superseded.push((entity.uri, version));
                }
                let key = entity.key.with_version(version);
                let uri = bumpalo::format!(in self.arena, "{}", key).into_bump_str();
                Some(SelfDescribing { uri, key, ..entity })
            }
            Err(error) => {
                self.failures.push(Message::IgluError { schema_key: entity.uri.into(), error });
                None
            }
        }
    }
}

/// What the envelopes' schemas demand, a little stricter: items with `schema`, `data` and nothing else, where `schema` is
/// a good URI; at least one item in contexts 1-0-0.
fn obviously_fits(outer: &SelfDescribing<'_>, envelope: Envelope, items: &[Item<'_>]) -> bool {
    let shape_is_good = match envelope {
        Envelope::Contexts => outer.data.is_array() && (!items.is_empty() || outer.key.version.addition == 1),
        Envelope::Unstruct => true,
    };
    shape_is_good && items.iter().all(|item| item.parsed.is_ok() && item.json.len() == 2)
}

/// Whether the source text is exactly what would be written: canonical, `schema` first, `data` second.
fn is_written_as_we_do(json: Value<'_>) -> bool {
    json.is_canonical() && json.len() == 2 && json.source().starts_with(r#"{"schema":"#)
}

fn push_item<'a>(item: &SelfDescribing<'a>, text: &mut BumpString<'a>, arena: &'a Bump) {
    text.push_str(r#"{"schema":""#);
    text.push_str(item.uri);
    text.push_str(r#"","data":"#);
    text.push_str(item.data.compact_in(arena));
    text.push('}');
}

#[cfg(test)]
mod tests;
