//! What must not be recovered a second time: events that are good already, records that were recovered before.
//!
//! A legacy bad row holds the whole request, the events that went through included (snowplow/snowplow issues 2438 and
//! 2684), and a request with two bad events gave two rows.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

use super::coerce::thrift_of_base64;
use super::recovered::RecoveredPayload;
use crate::raw::{Loaded, RawFormat};

/// Ids of events that are good already.
#[derive(Debug, Default)]
pub struct KnownEvents {
    ids: HashSet<u128>,
}

/// What is left of a record without its known events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// All of it: no event is known.
    All,
    /// Some events.
    Some,
    /// No event.
    Nothing,
}

/// Position of `event_id` in an enriched line.
const EVENT_ID: usize = 6;

impl KnownEvents {
    /// Adds the event of an enriched line; says whether it has an id.
    pub fn insert_enriched(&mut self, line: &[u8]) -> bool {
        let id = line.split(|byte| *byte == b'\t').nth(EVENT_ID).and_then(|id| uuid::Uuid::try_parse_ascii(id).ok());
        id.map(|id| self.ids.insert(id.as_u128())).is_some()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn contains(&self, id: Option<&str>) -> bool {
        let id = id.and_then(|id| uuid::Uuid::try_parse(id).ok());
        id.is_some_and(|id| self.ids.contains(&id.as_u128()))
    }

    /// Takes the known events out of a payload.
    pub fn strip(&self, payload: &mut RecoveredPayload<'_>) -> Left {
        match payload.body.as_deref().filter(|body| !body.is_empty()) {
            Some(body) => {
                let (left, stripped) = self.strip_body(body);
                if let Some(stripped) = stripped {
                    payload.body = Some(stripped.into());
                }
                left
            }
            None => {
                let id = payload.querystring.as_deref().and_then(event_id);
                if self.contains(id) { Left::Nothing } else { Left::All }
            }
        }
    }

    /// Takes the known events out of a line of text; the line as it is afterwards.
    pub fn strip_line(&self, line: &str) -> (Left, Option<String>) {
        let arena = Bump::new();
        if let Ok(mut payload) = thrift_of_base64(line, &arena) {
            let left = self.strip(&mut payload);
            let mut bytes = Vec::new();
            payload.write_thrift(&mut bytes);
            let stripped = (left == Left::Some).then(|| STANDARD.encode(bytes));
            return (left, stripped);
        }
        let Some(format) = crate::raw::detect(line.as_bytes(), "") else { return (Left::All, None) };
        let Loaded::Payload(payload) = crate::raw::load(&format, line.as_bytes(), &arena) else {
            return (Left::All, None);
        };
        match payload.body.filter(|body| !body.is_empty()) {
            Some(body) => match (self.strip_body(body), line.rsplit_once('\t')) {
                // The Clojure collector's line ends in the body.
                ((Left::Some, Some(body)), Some((head, _))) if format == RawFormat::Tomcat => {
                    (Left::Some, Some(format!("{head}\t{}", STANDARD.encode(body))))
                }
                ((Left::Nothing, _), _) => (Left::Nothing, None),
                _ => (Left::All, None),
            },
            None => {
                let id = payload.querystring.iter().find(|pair| pair.0 == "eid").and_then(|pair| pair.1);
                (if self.contains(id) { Left::Nothing } else { Left::All }, None)
            }
        }
    }

    fn strip_body(&self, body: &str) -> (Left, Option<String>) {
        let Ok(mut document) = serde_json::from_str::<Value>(body) else { return (Left::All, None) };
        let Some(events) = document.get_mut("data").and_then(Value::as_array_mut) else { return (Left::All, None) };
        let before = events.len();
        events.retain(|event| !self.contains(event.get("eid").and_then(Value::as_str)));
        match events.len() {
            0 if before > 0 => (Left::Nothing, None),
            after if after == before => (Left::All, None),
            _ => (Left::Some, Some(document.to_string())),
        }
    }
}

/// An id needs no decoding: it has letters, digits and dashes only.
fn event_id(query: &str) -> Option<&str> {
    query.split('&').find_map(|pair| pair.strip_prefix("eid="))
}

/// Records that were recovered in this run. Shared by all threads.
#[derive(Debug, Default)]
pub struct SeenRecords {
    hashes: Mutex<HashSet<u128>>,
}

impl SeenRecords {
    /// Notes a record; says whether it is new.
    pub fn is_new(&self, record: &[u8]) -> bool {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(xxh3_128(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "11111111-1111-4111-8111-111111111111";
    const B: &str = "22222222-2222-4222-8222-222222222222";

    fn known() -> KnownEvents {
        let mut known = KnownEvents::default();
        assert!(known.insert_enriched(format!("app\tweb\t\t\t\tpv\t{A}\t").as_bytes()));
        assert!(!known.insert_enriched(b"no enriched line"));
        known
    }

    #[test]
    fn known_events_are_taken_out_of_a_post() {
        let body = format!(r#"{{"schema":"s","data":[{{"e":"pv","eid":"{A}"}},{{"e":"pv","eid":"{B}"}}]}}"#);
        let mut payload = RecoveredPayload { body: Some(body.into()), ..RecoveredPayload::default() };
        assert_eq!(known().strip(&mut payload), Left::Some);
        assert_eq!(payload.body.as_deref().unwrap(), format!(r#"{{"schema":"s","data":[{{"e":"pv","eid":"{B}"}}]}}"#));
        assert_eq!(known().strip(&mut payload), Left::All);
        payload.body = Some(format!(r#"{{"schema":"s","data":[{{"eid":"{A}"}}]}}"#).into());
        assert_eq!(known().strip(&mut payload), Left::Nothing);
    }

    #[test]
    fn a_known_get_is_left_out() {
        let get = |id: &str| RecoveredPayload {
            querystring: Some(format!("e=pv&eid={id}&p=web").into()),
            ..RecoveredPayload::default()
        };
        assert_eq!(known().strip(&mut get(A)), Left::Nothing);
        assert_eq!(known().strip(&mut get(&A.to_uppercase())), Left::Nothing);
        assert_eq!(known().strip(&mut get(B)), Left::All);
        assert_eq!(known().strip_line("no line of a log"), (Left::All, None));
    }

    #[test]
    fn records_are_new_once() {
        let seen = SeenRecords::default();
        assert!(seen.is_new(b"a") && !seen.is_new(b"a") && seen.is_new(b"b"));
    }
}
