//! Google Analytics: hits of the Measurement Protocol, one per line of the body.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/GoogleAnalyticsAdapter.scala`.

mod composite;
mod convert;
mod tables;
#[cfg(test)]
mod tests;

use self::convert::{Converted, converted, map_order, schema_order_key, text_map_order, write_object};
use self::tables::{
    COMPOSITE, COMPOSITE_SCHEMAS, EVENTS, FLAT, FLAT_SCHEMAS, HITS, PAGE_VIEW, PAGE_VIEW_HIT, Table, direct,
};
use super::helpers::event_types::{EventType, EventTypes};
use super::helpers::form;
use super::helpers::standard::{json_text, unstruct_event};
use super::{Adapter, AdapterError, AdapterInfo, AdapterResult, SchemaOverrides, SchemaTable, Tools};
use crate::badrow::Message;
use crate::json::write_string;
use crate::payload::{CollectorPayload, Parameters, RawEvent};

pub(super) static INFO: AdapterInfo = AdapterInfo {
    title: "Google Analytics",
    vendor: "com.google.analytics",
    version: "v1",
    tracker: Some(TRACKER),
    block: Some(BLOCK),
    input: "body of Measurement Protocol hits, one URL-encoded hit a line",
    content_type: "ignored",
    events: "one per line",
    schemas: &[
        SchemaTable { selector: "`t`", rows: &HITS },
        SchemaTable { selector: "contexts of plain parameters", rows: &FLAT_SCHEMAS },
        SchemaTable { selector: "contexts of numbered parameters", rows: &COMPOSITE_SCHEMAS },
    ],
    notes: &[
        "The querystring is ignored; nothing is carried over from it.",
        "One bad line rejects the whole body.",
        "A parameter with a digit in its name must be a well-formed numbered one (`pr1id`, `cd2`, …).",
        "Gaps in numbered parameters move values to other rows, as they always did.",
    ],
    build: |schemas| Box::new(GoogleAnalytics::new(schemas)),
};

const BLOCK: &str = "googleAnalytics";
const TRACKER: &str = "com.google.analytics.measurement-protocol-v1";
const CONTEXTS: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":["#;

/// A schema and its place in hash maps.
struct Schema {
    uri: String,
    order: u64,
}

struct GoogleAnalytics {
    hits: EventTypes,
    /// In the order of [`FLAT`].
    flat: Vec<Schema>,
    /// In the order of [`COMPOSITE`].
    composite: Vec<Schema>,
    composite_order: Vec<u64>,
}

impl GoogleAnalytics {
    fn new(overrides: &SchemaOverrides) -> GoogleAnalytics {
        let rows = || HITS.iter().chain(&FLAT_SCHEMAS).chain(&COMPOSITE_SCHEMAS);
        let schema = |table: &Table| {
            let default = rows().find(|row: &&EventType| row.key == table.key).map_or("", |row| row.schema);
            let uri = overrides.schema(BLOCK, table.key, default);
            Schema { order: schema_order_key(&uri), uri }
        };
        let composite: Vec<Schema> = COMPOSITE.iter().map(schema).collect();
        GoogleAnalytics {
            hits: EventTypes::new(BLOCK, &HITS, overrides),
            flat: FLAT.iter().map(schema).collect(),
            composite_order: composite.iter().map(|schema| schema.order).collect(),
            composite,
        }
    }
}

impl Adapter for GoogleAnalytics {
    fn to_raw_events<'a>(&self, payload: &CollectorPayload<'a>, tools: &mut Tools<'a, '_>) -> AdapterResult<'a> {
        let lines = lines(payload.body.unwrap_or_default());
        if lines.is_empty() {
            return Err(Message::input("body", None, "empty body").into());
        }
        let mut events = Vec::with_capacity(lines.len());
        let mut failures = Vec::new();
        for line in lines {
            match self.hit(payload, line, tools) {
                Ok(event) => events.push(event),
                Err(AdapterError::Failures(messages)) => failures.extend(messages),
                Err(unexpected) => return Err(unexpected),
            }
        }
        if failures.is_empty() { Ok(events) } else { Err(AdapterError::Failures(failures)) }
    }
}

/// Lines end with LF, CRLF or FF; nothing after the last end is no line.
fn lines(body: &str) -> Vec<&str> {
    body.split_inclusive(['\n', '\u{c}'])
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => line.strip_suffix('\r').unwrap_or(line),
            None => line.strip_suffix('\u{c}').unwrap_or(line),
        })
        .collect()
}

impl GoogleAnalytics {
    fn hit<'a>(
        &self,
        payload: &CollectorPayload<'a>,
        line: &'a str,
        tools: &Tools<'a, '_>,
    ) -> Result<RawEvent<'a>, AdapterError<'a>> {
        let parameters =
            form::parse(line, tools.arena).map_err(|error| Message::input("body", Some(line), error.to_string()))?;
        let Some(hit) = parameters.get("t") else {
            let text = "no t parameter provided: cannot determine hit type";
            return Err(Message::input("body", Some(line), text).into());
        };
        let in_order = parameters.in_reference_order();
        let valued: Vec<(&str, &str)> = in_order.iter().filter_map(|(name, value)| Some((*name, (*value)?))).collect();
        let mut failures = Vec::new();
        let schema = self.hits.schema(Some(hit)).map_err(|message| {
            failures.push(Message::input("t", Some(hit), "no matching hit type"));
            failures.push(message);
        });
        let flat = flat_contexts(&valued, &self.flat, &mut failures)?;
        let composite = composite::contexts(&valued, parameters.get("cu"), &self.composite_order)?;
        let composite = composite.map_err(|message| failures.push(message)).unwrap_or_default();
        let (Ok(schema), true) = (schema, failures.is_empty()) else {
            return Err(AdapterError::Failures(failures));
        };
        let data = event_data(hit, &valued)?;
        let mut event = Parameters::with_capacity(in_order.len() + 5);
        if !flat.is_empty() || !composite.is_empty() {
            let flat = flat.iter().filter(|(at, _)| hit != PAGE_VIEW_HIT || FLAT[*at].key != PAGE_VIEW);
            let flat = flat.map(|(at, fields)| (&self.flat[*at].uri, fields));
            let composite = composite.iter().map(|(at, fields)| (&self.composite[*at].uri, fields));
            event.insert("co", Some(contexts_text(flat.chain(composite), tools)));
        }
        for (name, value) in &in_order {
            if let Some(target) = direct(name, hit) {
                event.insert(target, *value);
            }
        }
        let json = unstruct_event(tools.arena, schema, |out| write_object(&data, out));
        for (name, value) in [("e", "ue"), ("ue_pr", json), ("tv", TRACKER), ("p", "srv")] {
            event.insert(name, Some(value));
        }
        Ok(RawEvent::from_payload(payload, event))
    }
}

fn contexts_text<'a, 's>(
    contexts: impl Iterator<Item = (&'s String, &'s composite::Fields<'a>)>,
    tools: &Tools<'a, '_>,
) -> &'a str
where
    'a: 's,
{
    json_text(tools.arena, |out| {
        out.extend_from_slice(CONTEXTS.as_bytes());
        for (at, (uri, fields)) in contexts.enumerate() {
            out.extend_from_slice(if at > 0 { br#",{"schema":"# } else { br#"{"schema":"#.as_slice() });
            write_string(uri, out);
            out.extend_from_slice(br#","data":"#);
            write_object(fields, out);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
    })
}

/// The fields of a hit's event; its first failure in the order of the fields.
fn event_data<'a>(hit: &str, valued: &[(&'a str, &'a str)]) -> Result<composite::Fields<'a>, AdapterError<'a>> {
    let Some(table) = HITS.iter().position(|row| row.name == hit).map(|at| &EVENTS[at]) else { return Ok(Vec::new()) };
    let mut fields = Vec::new();
    for (parameter, value) in valued {
        if let Some(field) = table.field(parameter) {
            fields.push((field.name, converted(field.kind, field.name, value)?));
        }
    }
    text_map_order(&mut fields);
    let fields = fields.into_iter().map(|(name, value)| Ok((name, value?)));
    fields.collect::<Result<Vec<(&'static str, Converted<'a>)>, Message<'a>>>().map_err(AdapterError::from)
}

/// Fields that may hold a value that does not convert.
type CheckedFields<'a> = Vec<(&'static str, Result<Converted<'a>, Message<'a>>)>;

/// The contexts of plain parameters as (index into [`FLAT`], fields); failures of all of them are collected.
fn flat_contexts<'a>(
    valued: &[(&'a str, &'a str)],
    schemas: &[Schema],
    failures: &mut Vec<Message<'a>>,
) -> Result<Vec<(usize, composite::Fields<'a>)>, AdapterError<'a>> {
    let mut contexts: Vec<(usize, CheckedFields<'a>)> = Vec::new();
    for (parameter, value) in valued {
        let found = FLAT.iter().enumerate().find_map(|(at, table)| Some((at, table.field(parameter)?)));
        let Some((at, field)) = found else { continue };
        let entry = (field.name, converted(field.kind, field.name, value)?);
        match contexts.iter_mut().find(|(known, _)| *known == at) {
            Some((_, fields)) => fields.push(entry),
            None => contexts.push((at, vec![entry])),
        }
    }
    map_order(&mut contexts, |(at, _)| schemas[*at].order);
    let mut good = Vec::with_capacity(contexts.len());
    for (at, mut fields) in contexts {
        text_map_order(&mut fields);
        let mut kept = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            match value {
                Ok(value) => kept.push((name, value)),
                Err(message) => failures.push(message),
            }
        }
        good.push((at, kept));
    }
    Ok(good)
}
