//! The schemas that come with the program: those without which nothing runs.
//!
//! Facts: the fields, types and limits of the schemas of the same keys in snowplow/iglu-central. The registry of the
//! same name in snowplow/iglu-scala-client holds three of them only; since a schema that is missing is missing from
//! both, nobody can tell the difference but by needing no network.

mod files;

use std::sync::LazyLock;

use serde_json::{Map, Value as Json, json};

use super::{SchemaKey, SchemaVer};
use crate::event::{COLUMNS, ColumnInfo, ColumnType};

const SNOWPLOW: &str = "com.snowplowanalytics.snowplow";
const META_SCHEMA: &str = "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#";

/// Where a schema's text comes from.
#[derive(Clone, Copy)]
enum Text {
    File(&'static str),
    PayloadData,
    Atomic,
}

struct Entry {
    key: SchemaKey<'static>,
    text: Text,
}

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let entry = |vendor, name, version: &str, text| {
        let version = SchemaVer::parse(version).expect("the table holds versions");
        Entry { key: SchemaKey { vendor, name, format: "jsonschema", version }, text }
    };
    let files = files::FILES.iter().map(|(vendor, name, version, text)| entry(vendor, name, version, Text::File(text)));
    let payload_data =
        PAYLOAD_DATA.iter().map(|(version, _)| entry(SNOWPLOW, "payload_data", version, Text::PayloadData));
    let atomic = entry(SNOWPLOW, "atomic", "1-0-0", Text::Atomic);
    files.chain(payload_data).chain([atomic]).collect()
});

/// Whether a schema comes with the program.
pub(super) fn contains(key: &SchemaKey<'_>) -> bool {
    ENTRIES.iter().any(|entry| entry.key == *key)
}

/// The document of a schema that comes with the program.
pub(super) fn document(key: &SchemaKey<'_>) -> Option<Json> {
    let entry = ENTRIES.iter().find(|entry| entry.key == *key)?;
    let schema = match entry.text {
        Text::File(text) => serde_json::from_str(text).expect("the embedded schemas are JSON objects"),
        Text::PayloadData => payload_data(key.version),
        Text::Atomic => atomic(),
    };
    let mut document = Map::new();
    document.insert("$schema".to_owned(), META_SCHEMA.into());
    let SchemaKey { vendor, name, format, version } = *key;
    let version = version.to_string();
    document.insert("self".to_owned(), json!({"vendor": vendor, "name": name, "format": format, "version": version}));
    document.extend(schema);
    Some(Json::Object(document))
}

/// The versions of a schema that come with the program.
pub(super) fn versions(vendor: &str, name: &str) -> Vec<SchemaVer> {
    let matching = ENTRIES.iter().filter(|entry| entry.key.vendor == vendor && entry.key.name == name);
    matching.map(|entry| entry.key.version).collect()
}

/// The parameters that a POST of the tracker protocol may hold, by the version that added them.
const PAYLOAD_DATA: [(&str, &str); 5] = [
    (
        "1-0-0",
        "tna aid p dtm tz e tid eid tv duid nuid uid vid ip res url page refr fp ctype cookie lang f_pdf f_qt f_realp \
         f_wma f_dir f_fla f_java f_gears f_ag cd ds cs vp mac pp_mix pp_max pp_miy pp_may ad_ba ad_ca ad_ad ad_uid \
         tr_id tr_af tr_tt tr_tx tr_sh tr_ci tr_st tr_co tr_cu ti_id ti_sk ti_nm ti_na ti_ca ti_pr ti_qu ti_cu sa sn \
         st sp se_ca se_ac se_la se_pr se_va ue_na ue_pr ue_px co cx",
    ),
    ("1-0-1", "ua"),
    ("1-0-2", "tnuid"),
    ("1-0-3", "stm sid"),
    ("1-0-4", "ttm"),
];

fn payload_data(version: SchemaVer) -> Map<String, Json> {
    let known = PAYLOAD_DATA.iter().filter(|(since, _)| SchemaVer::parse(since).is_some_and(|since| since <= version));
    let parameters = known.flat_map(|(_, names)| names.split_ascii_whitespace());
    let properties: Map<String, Json> = parameters.map(|name| (name.to_owned(), json!({"type": "string"}))).collect();
    let event = json!({
        "type": "object",
        "required": ["tv", "p", "e"],
        "additionalProperties": false,
        "properties": properties,
    });
    object(json!({"type": "array", "minItems": 1, "items": event}))
}

/// All columns of an event but the three that hold JSON.
fn atomic() -> Map<String, Json> {
    let columns = COLUMNS.iter().filter(|column| column.kind != ColumnType::Json);
    let properties: Map<String, Json> = columns.map(|column| (column.name.to_owned(), property(column))).collect();
    object(json!({"type": "object", "additionalProperties": false, "properties": properties}))
}

fn property(column: &ColumnInfo) -> Json {
    let kind = match column.kind {
        ColumnType::Text | ColumnType::Uuid | ColumnType::Timestamp | ColumnType::Json => "string",
        ColumnType::Integer => "integer",
        ColumnType::Float | ColumnType::Decimal => "number",
        ColumnType::Bool => "boolean",
    };
    let is_never_null = matches!(column.name, "collector_tstamp" | "event_id" | "v_collector" | "v_etl");
    let mut property = Map::new();
    property.insert("type".to_owned(), if is_never_null { kind.into() } else { json!([kind, "null"]) });
    if column.kind == ColumnType::Timestamp {
        property.insert("format".to_owned(), "date-time".into());
    }
    if column.max_length > 0 {
        property.insert("maxLength".to_owned(), column.max_length.into());
    }
    Json::Object(property)
}

fn object(json: Json) -> Map<String, Json> {
    match json {
        Json::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iglu::schema::CompiledSchema;

    #[test]
    fn every_embedded_schema_compiles_and_names_itself() {
        for entry in ENTRIES.iter() {
            let document = document(&entry.key).unwrap();
            assert_eq!(document["self"]["name"], entry.key.name);
            if let Err(issues) = CompiledSchema::compile(&document) {
                panic!("{}: {issues:?}", entry.key);
            }
            assert!(contains(&entry.key));
            assert_eq!(ENTRIES.iter().filter(|other| other.key == entry.key).count(), 1, "{}", entry.key);
        }
    }

    #[test]
    fn payload_data_grows_with_its_version() {
        for (version, count) in [(0, 75), (1, 76), (2, 77), (3, 79), (4, 80)] {
            let schema = payload_data(SchemaVer::new(1, 0, version));
            assert_eq!(schema["items"]["properties"].as_object().unwrap().len(), count);
        }
        assert_eq!(versions(SNOWPLOW, "payload_data").len(), 5);
    }

    #[test]
    fn atomic_holds_all_columns_but_json() {
        let schema = atomic();
        let properties = schema["properties"].as_object().unwrap();
        assert_eq!(properties.len(), COLUMNS.len() - 3);
        assert_eq!(properties["page_url"], json!({"type": ["string", "null"], "maxLength": 4096}));
        assert_eq!(properties["collector_tstamp"], json!({"type": "string", "format": "date-time"}));
        assert_eq!(properties["dvce_ismobile"], json!({"type": ["boolean", "null"]}));
    }

    #[test]
    fn what_is_not_embedded_is_not_there() {
        let key = SchemaKey::parse("iglu:com.acme/x/jsonschema/1-0-0").unwrap();
        assert!(!contains(&key) && document(&key).is_none() && versions("com.acme", "x").is_empty());
    }
}
