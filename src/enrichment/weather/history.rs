//! One place's weather of one day.
//!
//! Facts: snowplow/scala-weather 1.0.0 (`Responses.scala`), OpenWeatherMap's history of cities;
//! `org.openweathermap/weather/jsonschema/1-0-0` of snowplow/iglu-central.

use bumpalo::Bump;

use super::super::next_entity_id;
use crate::event::time::joda_text;
use crate::json::{self, Value, write_compact, write_string};

/// The weather at a moment.
#[derive(Clone, Debug)]
pub(super) struct Stamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// The entity's data.
    pub data: String,
    /// For the entity's `cache_id`.
    pub id: u64,
}

/// Parts of a stamp: name, keys that must be there, keys that may be.
type Part = (&'static str, &'static [&'static str], &'static [&'static str]);

/// Keys stand in the order in which they are written.
const MAIN: &[&str] = &["grnd_level", "humidity", "pressure", "sea_level", "temp", "temp_min", "temp_max"];
const PARTS: &[Part] = &[
    ("main", &["humidity", "pressure", "temp", "temp_min", "temp_max"], MAIN),
    ("wind", &["speed", "deg"], &["speed", "deg", "gust", "var_end", "var_beg"]),
    ("clouds", &["all"], &["all"]),
    ("rain", &[], &["1h", "3h"]),
    ("snow", &[], &["1h", "3h"]),
];
const CONDITION: &[&str] = &["main", "description", "id", "icon"];

/// Reads an answer.
pub(super) fn parse(body: &str) -> Result<Vec<Stamp>, String> {
    let arena = Bump::new();
    let answer = json::parse(body, &arena).map_err(|error| format!("Could not parse the weather: {error}"))?;
    if let Some(message) = answer.get("message").filter(|_| answer.get("list").is_none()) {
        return Err(message.as_str().map_or_else(|| message.source().to_owned(), |text| text.into_owned()));
    }
    let list = answer.get("list").filter(|list| list.is_array());
    let list = list.ok_or("Could not read the weather: it has no list of stamps")?;
    let stamps: Vec<Stamp> = list
        .elements()
        .map(|stamp| {
            read_stamp(stamp).ok_or_else(|| format!("Could not read the weather: unusable stamp {}", stamp.source()))
        })
        .collect::<Result<_, _>>()?;
    if stamps.is_empty() { Err("Server response has no weather stamps".to_owned()) } else { Ok(stamps) }
}

/// The stamp closest to a moment; of several the first.
pub(super) fn closest(stamps: &[Stamp], seconds: i64) -> Option<&Stamp> {
    stamps.iter().min_by_key(|stamp| (stamp.seconds - seconds).abs())
}

fn read_stamp(stamp: Value<'_>) -> Option<Stamp> {
    let seconds = stamp.get("dt")?.as_i64()?;
    let mut out = vec![b'{'];
    for (name, required, keys) in PARTS {
        match stamp.get(name).filter(|part| part.is_object()) {
            Some(part) => {
                if !required.iter().all(|key| part.get(key).is_some_and(|value| value.as_number().is_some())) {
                    return None;
                }
                write_part(name, part, keys, &mut out);
            }
            None if required.is_empty() => {}
            None => return None,
        }
    }
    let conditions = stamp.get("weather").filter(|list| list.is_array())?;
    separate(&mut out);
    out.extend_from_slice(br#""weather":["#);
    for condition in conditions.elements() {
        if out.last() != Some(&b'[') {
            out.push(b',');
        }
        write_object(condition, CONDITION, &mut out);
    }
    out.extend_from_slice(br#"],"dt":"#);
    write_string(&joda_text(seconds.checked_mul(1000)?), &mut out);
    out.push(b'}');
    Some(Stamp { seconds, data: String::from_utf8(out).ok()?, id: next_entity_id() })
}

fn write_part(name: &str, part: Value<'_>, keys: &[&str], out: &mut Vec<u8>) {
    separate(out);
    write_string(name, out);
    out.push(b':');
    write_object(part, keys, out);
}

/// Appends the object with these keys; those that are absent or null are left out.
fn write_object(object: Value<'_>, keys: &[&str], out: &mut Vec<u8>) {
    out.push(b'{');
    for key in keys {
        if let Some(value) = object.get(key).filter(|value| !value.is_null()) {
            separate(out);
            write_string(key, out);
            out.push(b':');
            write_compact(value, out);
        }
    }
    out.push(b'}');
}

fn separate(out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
}
