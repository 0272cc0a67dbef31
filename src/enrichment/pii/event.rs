//! The event that tells which personal data were replaced by what.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/ConversionUtils.scala` (`getPiiEvent`) and
//! `.../registry/pii/serializers.scala`. `v_collector` stays empty, as there.

use bumpalo::Bump;

use super::super::text::text_in;
use super::columns::Replacement;
use crate::event::time::{column_timestamp, now_millis};
use crate::event::{Column, EnrichedEvent};
use crate::json::write_string;

/// The identification event for an event.
pub(super) fn identification_event<'a>(
    parent: &EnrichedEvent<'a>,
    log: &[Replacement<'a>],
    hash_name: &str,
    arena: &'a Bump,
) -> &'a EnrichedEvent<'a> {
    let mut event = EnrichedEvent::default();
    for column in [Column::app_id, Column::etl_tstamp, Column::collector_tstamp, Column::v_etl] {
        event.set(column, parent.get(column));
    }
    let now = &*arena.alloc_str(&column_timestamp(now_millis()));
    let contexts = parent.get(Column::event_id).map(|id| parent_context(id, arena));
    for (column, value) in [
        (Column::platform, Some("srv")),
        (Column::event, Some("pii_transformation")),
        (Column::event_id, Some(&*arena.alloc_str(&uuid::Uuid::new_v4().to_string()))),
        (Column::derived_tstamp, Some(now)),
        (Column::true_tstamp, Some(now)),
        (Column::event_vendor, Some("com.snowplowanalytics.snowplow")),
        (Column::event_name, Some("pii_transformation")),
        (Column::event_format, Some("jsonschema")),
        (Column::event_version, Some("1-0-0")),
        (Column::unstruct_event, Some(transformation(log, hash_name, arena))),
        (Column::contexts, contexts),
    ] {
        event.set(column, value);
    }
    arena.alloc(event)
}

fn parent_context<'a>(event_id: &str, arena: &'a Bump) -> &'a str {
    let mut json = br#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{"schema":"iglu:com.snowplowanalytics.snowplow/parent_event/jsonschema/1-0-0","data":{"parentEventId":"#.to_vec();
    write_string(event_id, &mut json);
    json.extend_from_slice(b"}}]}");
    text_in(&json, arena)
}

/// The self-describing event: columns and JSON values in the order in which the first of each was replaced, each list
/// with the latest replacement first.
fn transformation<'a>(log: &[Replacement<'a>], hash_name: &str, arena: &'a Bump) -> &'a str {
    let mut json = br#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.snowplowanalytics.snowplow/pii_transformation/jsonschema/1-0-0","data":{"pii":{"#.to_vec();
    let mut kinds = vec![log.first().is_some_and(|first| first.json.is_some())];
    kinds.push(!kinds[0]);
    let mut comma = false;
    for in_json in kinds {
        let mut list = log.iter().rev().filter(|replacement| replacement.json.is_some() == in_json).peekable();
        if list.peek().is_none() {
            continue;
        }
        json.extend_from_slice(if comma { b"," } else { b"" });
        json.extend_from_slice(if in_json { br#""json":["# } else { br#""pojo":["# });
        for (index, replacement) in list.enumerate() {
            json.extend_from_slice(if index > 0 { b"," } else { b"" });
            write_replacement(replacement, &mut json);
        }
        json.push(b']');
        comma = true;
    }
    json.extend_from_slice(br#"},"strategy":{"pseudonymize":{"hashFunction":"#);
    write_string(hash_name, &mut json);
    json.extend_from_slice(b"}}}}}");
    text_in(&json, arena)
}

fn write_replacement(replacement: &Replacement<'_>, json: &mut Vec<u8>) {
    let mut field = |name: &str, value: &str| {
        json.push(if name == "fieldName" { b'{' } else { b',' });
        write_string(name, json);
        json.push(b':');
        write_string(value, json);
    };
    field("fieldName", replacement.column.info().name);
    field("originalValue", replacement.original);
    field("modifiedValue", replacement.modified);
    if let Some((path, schema)) = replacement.json {
        field("jsonPath", path);
        field("schema", schema);
    }
    json.push(b'}');
}
