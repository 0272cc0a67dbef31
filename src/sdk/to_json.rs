//! A line of enriched TSV as the Analytics SDK's JSON document.
//!
//! Facts: snowplow/snowplow-scala-analytics-sdk 3.2.1, `src/main/scala/.../Event.scala` (`toJson(lossy = true)`): entities
//! under keys of their own, `geo_location`, ISO timestamps, and `_schema_version` in each entity of the contexts.

use bumpalo::Bump;

use super::name::entity_key;
use crate::event::normal::{Moment, is_plain_double, parse_double};
use crate::event::number::parse_int;
use crate::event::read::{ColumnError, Entities, ReadError, decode, split_tsv};
use crate::event::time::instant_text;
use crate::event::{ALL_COLUMNS, Column, ColumnType, EnrichedEvent};
use crate::iglu::SelfDescribing;
use crate::json::{Value, write_compact, write_java_double, write_string};

/// Writes documents. Keeps its memory from line to line.
#[derive(Default)]
pub struct ToJson {
    arena: Bump,
}

/// What a line came to.
#[derive(Debug)]
pub enum Document {
    /// A document was written.
    Written,
    /// Nothing was written: the line has the wrong number of columns.
    Unreadable(ReadError),
    /// Nothing was written: these columns hold something else than they should, in the words of the SDK.
    Invalid(Vec<String>),
}

impl ToJson {
    /// Appends the document of a line (without its line feed), and a line feed.
    pub fn write(&mut self, line: &str, out: &mut Vec<u8>) -> Document {
        let mut arena = std::mem::take(&mut self.arena);
        let document = write_document(line, &arena, out);
        arena.reset();
        self.arena = arena;
        document
    }
}

fn write_document(line: &str, arena: &Bump, out: &mut Vec<u8>) -> Document {
    // What is parsed lives as long as the arena, so the line must too.
    let line: &str = arena.alloc_str(line);
    let event = match split_tsv(line) {
        Ok(event) => event,
        Err(error) => return Document::Unreadable(error),
    };
    let entities = match decode(&event, arena) {
        Ok(decoded) => decoded.entities,
        Err(errors) => return Document::Invalid(errors.iter().map(describe).collect()),
    };
    out.push(b'{');
    for column in ALL_COLUMNS {
        if column.info().kind != ColumnType::Json {
            write_key(column.info().name, out);
            write_column(column, event.get(column), out);
        }
    }
    write_location(&event, out);
    write_entities(&entities, out);
    out.extend_from_slice(b"}\n");
    Document::Written
}

fn describe(error: &ColumnError<'_>) -> String {
    format!("{}: {}", error.column.info().name, error.message)
}

/// A key with its colon, and a comma before it unless it is the first.
fn write_key(key: &str, out: &mut Vec<u8>) {
    if !out.ends_with(b"{") {
        out.push(b',');
    }
    write_string(key, out);
    out.push(b':');
}

fn write_column(column: Column, text: Option<&str>, out: &mut Vec<u8>) {
    let Some(text) = text else { return out.extend_from_slice(b"null") };
    match column.info().kind {
        ColumnType::Integer => match parse_int(text) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => out.extend_from_slice(b"null"),
        },
        ColumnType::Float | ColumnType::Decimal => match parse_double(text) {
            Some(_) if is_plain_double(text) => out.extend_from_slice(text.as_bytes()),
            Some(number) if number.is_finite() => write_java_double(number, out),
            // JSON has no such numbers.
            _ => out.extend_from_slice(b"null"),
        },
        ColumnType::Bool => out.extend_from_slice(if text == "1" { b"true" } else { b"false" }),
        ColumnType::Timestamp => match Moment::parse(text) {
            Some(moment) => write_string(&instant(moment), out),
            None => write_string(text, out),
        },
        _ if column == Column::event_id => write_string(&text.to_ascii_lowercase(), out),
        _ => write_string(text, out),
    }
}

/// `java.time.Instant`'s spelling: no, three, six or nine decimals.
fn instant(moment: Moment) -> String {
    let whole = instant_text(moment.millis);
    if moment.nanos == 0 {
        return whole;
    }
    let seconds = whole.trim_end_matches('Z').split('.').next().unwrap_or_default();
    let nanos = moment.millis.rem_euclid(1000) as u32 * 1_000_000 + moment.nanos;
    if nanos.is_multiple_of(1000) {
        format!("{seconds}.{:06}Z", nanos / 1000)
    } else {
        format!("{seconds}.{nanos:09}Z")
    }
}

fn write_location(event: &EnrichedEvent<'_>, out: &mut Vec<u8>) {
    let number = |column| event.get(column).and_then(parse_double);
    if let (Some(latitude), Some(longitude)) = (number(Column::geo_latitude), number(Column::geo_longitude)) {
        write_key("geo_location", out);
        out.push(b'"');
        write_java_double(latitude, out);
        out.push(b',');
        write_java_double(longitude, out);
        out.push(b'"');
    }
}

fn write_entities(entities: &Entities<'_>, out: &mut Vec<u8>) {
    let derived = grouped(entities.derived_contexts);
    for (key, items) in grouped(entities.contexts) {
        // Entities of enrichments replace the tracker's under the same key.
        if !derived.iter().any(|(other, _)| *other == key) {
            write_group(&key, &items, out);
        }
    }
    for (key, items) in &derived {
        write_group(key, items, out);
    }
    if let Some(event) = &entities.unstruct_event {
        write_key(&entity_key("unstruct_event", &event.key), out);
        write_compact(event.data, out);
    }
}

/// Entities by key, keys in order of appearance.
fn grouped<'e, 'a>(entities: &'e [SelfDescribing<'a>]) -> Vec<(String, Vec<&'e SelfDescribing<'a>>)> {
    let mut groups: Vec<(String, Vec<&SelfDescribing<'a>>)> = Vec::new();
    for entity in entities {
        let key = entity_key("contexts", &entity.key);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, items)) => items.push(entity),
            None => groups.push((key, vec![entity])),
        }
    }
    groups
}

fn write_group(key: &str, items: &[&SelfDescribing<'_>], out: &mut Vec<u8>) {
    write_key(key, out);
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_versioned(item.data, &item.key.version.to_string(), out);
    }
    out.push(b']');
}

/// The data, with its version as one more member if it is an object.
fn write_versioned(data: Value<'_>, version: &str, out: &mut Vec<u8>) {
    if !data.is_object() || data.get("_schema_version").is_some() {
        return write_compact(data, out);
    }
    out.extend_from_slice(br#"{"_schema_version":""#);
    out.extend_from_slice(version.as_bytes());
    out.push(b'"');
    let start = out.len();
    write_compact(data, out);
    // The data's own brace becomes the comma between the members, or goes.
    if data.is_empty() {
        out.truncate(start);
        out.push(b'}');
    } else {
        out[start] = b',';
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::COLUMN_COUNT;
    use proptest::prelude::*;
    use serde_json::json;

    fn line(columns: &[(Column, &str)]) -> String {
        let mut texts = vec![""; COLUMN_COUNT];
        let required = [
            (Column::collector_tstamp, "2013-11-26 00:02:05"),
            (Column::event_id, "C6EF3124-b53a-4b13-a233-0088f79dcbcb"),
            (Column::v_collector, "ssc"),
            (Column::v_etl, "etl"),
        ];
        for (column, text) in required.iter().chain(columns) {
            texts[*column as usize] = text;
        }
        texts.join("\t")
    }

    fn document(columns: &[(Column, &str)]) -> serde_json::Value {
        let mut out = Vec::new();
        match ToJson::default().write(&line(columns), &mut out) {
            Document::Written => serde_json::from_slice(&out).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn contexts(items: serde_json::Value) -> String {
        json!({"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1", "data": items}).to_string()
    }

    #[test]
    fn values_by_type() {
        let found = document(&[
            (Column::app_id, "angry-birds"),
            (Column::txn_id, "41828"),
            (Column::geo_latitude, "37.443604"),
            (Column::geo_longitude, "-122.4124"),
            (Column::br_cookies, "1"),
            (Column::br_features_pdf, "0"),
            (Column::tr_total, "100"),
            (Column::tr_tax, "NaN"),
            (Column::true_tstamp, "2013-11-26 00:02:05.123"),
            (Column::derived_tstamp, "2021-12-06 15:47:07.920430"),
        ]);
        assert_eq!(found.as_object().unwrap().len(), 129);
        let expected = [
            ("app_id", json!("angry-birds")),
            ("event_id", json!("c6ef3124-b53a-4b13-a233-0088f79dcbcb")),
            ("txn_id", json!(41828)),
            ("geo_location", json!("37.443604,-122.4124")),
            ("br_cookies", json!(true)),
            ("br_features_pdf", json!(false)),
            ("tr_tax", json!(null)),
            ("user_id", json!(null)),
            ("collector_tstamp", json!("2013-11-26T00:02:05Z")),
            ("true_tstamp", json!("2013-11-26T00:02:05.123Z")),
            ("derived_tstamp", json!("2021-12-06T15:47:07.920430Z")),
        ];
        for (key, value) in expected {
            assert_eq!(found[key], value, "{key}");
        }
        assert_eq!(found["tr_total"].to_string(), "100.0");
    }

    #[test]
    fn entities_by_key() {
        let page =
            |genre: &str| json!({"schema": "iglu:org.schema/WebPage/jsonschema/1-0-0", "data": {"genre": genre}});
        let unstruct = json!({
            "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
            "data": {"schema": "iglu:com.acme/click/jsonschema/1-0-1", "data": {"targetUrl": "http://x"}}
        });
        let found = document(&[
            (
                Column::contexts,
                &contexts(json!([page("blog"), page("news"), {"schema": "iglu:a/b/jsonschema/1-2-0", "data": {}}])),
            ),
            (Column::unstruct_event, &unstruct.to_string()),
        ]);
        assert_eq!(
            found["contexts_org_schema_web_page_1"],
            json!([{"_schema_version": "1-0-0", "genre": "blog"}, {"_schema_version": "1-0-0", "genre": "news"}])
        );
        assert_eq!(found["contexts_a_b_1"], json!([{"_schema_version": "1-2-0"}]));
        assert_eq!(found["unstruct_event_com_acme_click_1"], json!({"targetUrl": "http://x"}));
        for gone in ["contexts", "derived_contexts", "unstruct_event", "geo_location"] {
            assert!(found.get(gone).is_none(), "{gone}");
        }
        let replaced = document(&[
            (Column::contexts, &contexts(json!([page("tracker")]))),
            (Column::derived_contexts, &contexts(json!([page("enrichment")]))),
        ]);
        assert_eq!(replaced["contexts_org_schema_web_page_1"].as_array().unwrap().len(), 1);
        assert_eq!(replaced["contexts_org_schema_web_page_1"][0]["genre"], "enrichment");
    }

    #[test]
    fn what_is_no_event_gives_no_document() {
        let mut out = Vec::new();
        let mut writer = ToJson::default();
        assert!(matches!(writer.write("a\tb\tc\t", &mut out), Document::Unreadable(ReadError::ColumnCount(4))));
        let Document::Invalid(messages) = writer.write(&line(&[(Column::txn_id, "x")]), &mut out) else { panic!() };
        assert_eq!(messages, ["txn_id: Cannot parse key txn_id into integer"]);
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn documents_are_json_or_nothing(texts in proptest::collection::vec("[ -~é\u{7f}\u{85}]{0,6}", COLUMN_COUNT), filled in any::<bool>()) {
            let line = if filled { line(&[(Column::app_id, &texts[0]), (Column::se_label, &texts[1])]) } else { texts.join("\t") };
            let mut out = Vec::new();
            if let Document::Written = ToJson::default().write(&line, &mut out) {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
                prop_assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
            } else {
                prop_assert!(out.is_empty());
            }
        }
    }
}
