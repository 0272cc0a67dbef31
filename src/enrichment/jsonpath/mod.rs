//! JSONPath in the two dialects that configurations are written in.
//!
//! SQL and API enrichments take gatling/jsonpath 0.6.14 ([`parse_gatling`]), PII takes json-path/JsonPath 2.7.0
//! ([`parse_jayway`]). Neither is RFC 9535: `$.['a', 'b']` and `$.user-id` are legal here. Both become the same steps;
//! where the dialects disagree, they use different ones.

mod filter;
mod gatling;
mod jayway;
#[cfg(test)]
mod tests;

pub use gatling::parse as parse_gatling;
pub use jayway::parse as parse_jayway;

use crate::json::{Kind, Value};
use filter::Filter;

/// A parsed path.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Members with these names; those that are missing are passed over.
    Names(Vec<String>),
    /// All members of an object.
    Members,
    /// All elements of an array.
    Elements,
    /// Elements by position, negative from the end; those out of range are passed over.
    Indexes(Vec<i64>),
    /// A slice of an array; with a negative step it is walked, and its bounds count, from the end.
    Slice { start: Option<i64>, stop: Option<i64>, step: i64 },
    /// The elements of an array that fit; an object that fits.
    Filter(Filter),
    /// All members or elements.
    All,
    /// The values under this name anywhere below, not looking into them again.
    DeepName(String),
    /// The value itself and everything below it.
    DeepAll,
    /// Every object that is not empty, at any depth, that fits.
    DeepFilter(Filter),
    /// The step, applied to the value itself and to every object and array below it.
    Deep(Box<Step>),
}

/// A value that a path leads to.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// The value.
    pub value: Value<'a>,
    /// Whether it is an element of an array, and not a member of an object or the document itself.
    pub is_element: bool,
}

/// The values that were found, made one: nothing, the value, or an array of them.
#[derive(Clone, Debug)]
pub enum Wrapped<'a> {
    /// Nothing was found: an empty array.
    Nothing,
    /// One value.
    One(Value<'a>),
    /// An array of values.
    Many(Vec<Value<'a>>),
}

impl JsonPath {
    /// Everything that the path leads to. Evaluation never fails.
    pub fn find<'a>(&self, document: Value<'a>) -> Vec<Hit<'a>> {
        let start = Hit { value: document, is_element: false };
        walk(&self.steps, document, start)
    }

    /// What the path leads to, made one value.
    pub fn find_wrapped<'a>(&self, document: Value<'a>) -> Wrapped<'a> {
        let hits = self.find(document);
        match hits[..] {
            [] => Wrapped::Nothing,
            [hit] => Wrapped::One(hit.value),
            _ => Wrapped::Many(hits.into_iter().map(|hit| hit.value).collect()),
        }
    }
}

/// Applies steps one after the other.
fn walk<'a>(steps: &[Step], document: Value<'a>, start: Hit<'a>) -> Vec<Hit<'a>> {
    let mut hits = vec![start];
    for step in steps {
        let mut next = Vec::new();
        for hit in hits {
            step.apply(document, hit, &mut next);
        }
        hits = next;
    }
    hits
}

fn members<'a>(value: Value<'a>) -> impl Iterator<Item = Hit<'a>> {
    value.members().map(|(_, value)| Hit { value, is_element: false })
}

fn elements<'a>(value: Value<'a>) -> impl Iterator<Item = Hit<'a>> {
    value.elements().map(|value| Hit { value, is_element: true })
}

impl Step {
    fn apply<'a>(&self, document: Value<'a>, at: Hit<'a>, out: &mut Vec<Hit<'a>>) {
        let value = at.value;
        match self {
            Step::Names(names) => out
                .extend(names.iter().filter_map(|name| value.get(name)).map(|value| Hit { value, is_element: false })),
            Step::Members => out.extend(members(value)),
            Step::Elements => out.extend(elements(value)),
            Step::All => out.extend(members(value).chain(elements(value))),
            Step::Indexes(indexes) => {
                let all: Vec<Hit<'a>> = elements(value).collect();
                let position = |index: i64| usize::try_from(if index < 0 { index + all.len() as i64 } else { index });
                out.extend(indexes.iter().filter_map(|index| all.get(position(*index).ok()?)));
            }
            Step::Slice { start, stop, step } => slice(elements(value).collect(), *start, *stop, *step, out),
            Step::Filter(filter) if value.is_array() => {
                out.extend(elements(value).filter(|element| filter.fits(document, *element)));
            }
            Step::Filter(filter) if value.is_object() && filter.fits(document, at) => out.push(at),
            Step::Filter(_) => {}
            Step::DeepName(name) => deep_name(name, value, out),
            Step::DeepAll => for_each_below(at, &mut |hit| out.push(hit)),
            Step::DeepFilter(filter) => for_each_below(at, &mut |hit| {
                if hit.value.is_object() && !hit.value.is_empty() && filter.fits(document, hit) {
                    out.push(hit);
                }
            }),
            Step::Deep(step) => for_each_below(at, &mut |hit| step.apply(document, hit, out)),
        }
    }
}

/// The value itself, then everything below it, in the order of the document.
fn for_each_below<'a>(at: Hit<'a>, visit: &mut dyn FnMut(Hit<'a>)) {
    visit(at);
    match at.value.kind() {
        Kind::Object => members(at.value).for_each(|hit| for_each_below(hit, visit)),
        Kind::Array => elements(at.value).for_each(|hit| for_each_below(hit, visit)),
        _ => {}
    }
}

fn deep_name<'a>(name: &str, value: Value<'a>, out: &mut Vec<Hit<'a>>) {
    for (key, value) in value.members() {
        if key == name {
            out.push(Hit { value, is_element: false });
        } else {
            deep_name(name, value, out);
        }
    }
    for element in value.elements() {
        deep_name(name, element, out);
    }
}

fn slice<'a>(mut all: Vec<Hit<'a>>, start: Option<i64>, stop: Option<i64>, step: i64, out: &mut Vec<Hit<'a>>) {
    let length = all.len() as i64;
    let absolute = |bound: i64| {
        let from_here = if step < 0 { -1 - bound } else { bound };
        let position = if from_here < 0 { length + from_here } else { from_here };
        position.clamp(0, length) as usize
    };
    if step < 0 {
        all.reverse();
    }
    let start = start.map_or(0, absolute);
    let stop = stop.map_or(all.len(), absolute);
    if start < stop {
        let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX).max(1);
        out.extend(all[start..stop].iter().step_by(stride));
    }
}
