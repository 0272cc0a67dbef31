use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::badrow::Processor;
use crate::ddl::{SchemaSource, TableOptions};
use crate::event::{COLUMN_COUNT, Column};
use crate::iglu::{
    Checked, ClientError, LookupHistory, RegistryError, Report, SchemaCriterion, SchemaKey, SchemaVer, SelfDescribing,
    Validator,
};

pub(crate) const EVENT_ID: &str = "2b1b25a4-c0df-4859-8201-cf21492ad61b";

/// A registry in memory: URI and schema.
#[derive(Clone, Default)]
pub(crate) struct Registry(Arc<Vec<(String, Value)>>);

impl Registry {
    pub(crate) fn new(schemas: Vec<(&str, Value)>) -> Registry {
        Registry(Arc::new(schemas.into_iter().map(|(uri, schema)| (uri.to_owned(), schema)).collect()))
    }
}

fn not_found() -> Box<ClientError> {
    let entry = LookupHistory {
        repository: "test".into(),
        errors: vec![RegistryError::NotFound],
        attempts: 1,
        last_attempt: 0,
    };
    Box::new(ClientError::Resolution { lookup_history: vec![entry] })
}

impl SchemaSource for Registry {
    fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<Value>, Box<ClientError>> {
        let found = self.0.iter().find(|(uri, _)| *uri == key.to_string());
        found.map(|(_, schema)| Arc::new(schema.clone())).ok_or_else(not_found)
    }

    fn list(&self, vendor: &str, name: &str, model: u32) -> Result<Vec<SchemaVer>, Box<ClientError>> {
        let keys = self.0.iter().filter_map(|(uri, _)| SchemaKey::parse(uri).ok());
        let mut versions: Vec<SchemaVer> = keys
            .filter(|key| key.vendor == vendor && key.name == name && key.version.model == model)
            .map(|key| key.version)
            .collect();
        versions.sort_unstable();
        if versions.is_empty() { Err(not_found()) } else { Ok(versions) }
    }
}

/// Knows what the registry knows; data with a member `invalid` does not validate.
impl Validator for Registry {
    fn check(&mut self, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        self.fetch(&item.key)?;
        if item.data.get("invalid").is_some() {
            let report = Report {
                message: "$.invalid: is not defined in the schema".into(),
                path: Some("$".into()),
                keyword: Some("additionalProperties".into()),
                targets: vec!["invalid".into()],
            };
            return Err(Box::new(ClientError::Data { superseded_by: None, reports: vec![report] }));
        }
        Ok(Checked { superseded_by: None })
    }
}

pub(crate) fn shredder(registry: Registry, formats: Formats) -> Shredder {
    let plans = Plans::new(Arc::new(registry.clone()), formats, TableOptions::default());
    let processor = Processor { artifact: "thresh-shred".into(), version: "0.1.0".into() };
    Shredder::new(Arc::new(ShredConfig::new(plans, processor)), Box::new(registry))
}

pub(crate) fn line(columns: &[(Column, &str)]) -> String {
    let mut texts = vec![""; COLUMN_COUNT];
    let required = [
        (Column::etl_tstamp, "2014-06-01 14:04:11.639"),
        (Column::collector_tstamp, "2014-05-29 18:16:35"),
        (Column::event_id, EVENT_ID),
        (Column::v_collector, "ssc"),
        (Column::v_etl, "etl"),
    ];
    for (column, text) in required.iter().chain(columns) {
        texts[*column as usize] = text;
    }
    texts.join("\t")
}

pub(crate) fn contexts(items: &[(&str, Value)]) -> String {
    let items: Vec<Value> = items.iter().map(|(uri, data)| json!({"schema": uri, "data": data})).collect();
    json!({"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1", "data": items}).to_string()
}

fn unstruct(uri: &str, data: &str) -> String {
    format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{{"schema":"{uri}","data":{data}}}}}"#
    )
}

/// Every kind's folder and lines.
pub(crate) fn written(shredder: &Shredder, output: &ShredOutput, types: &TypeRegistry) -> Vec<(String, Vec<String>)> {
    assert!(shredder.report().counters.balance(), "{:?}", shredder.report().counters);
    let lines = |block: &Rows| {
        let text = std::str::from_utf8(&block.bytes).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<String> = text[..text.len() - 1].split('\n').map(str::to_owned).collect();
        assert_eq!(lines.len() as u64, block.rows);
        lines
    };
    output.blocks().map(|(id, block)| (types.key(id).unwrap().folder(), lines(block))).collect()
}

fn shred(registry: Registry, formats: Formats, lines: &[&str]) -> (Shredder, Vec<(String, Vec<String>)>) {
    let plans = Plans::new(Arc::new(registry.clone()), formats, TableOptions::default());
    let types = plans.types().clone();
    let processor = Processor { artifact: "thresh-shred".into(), version: "0.1.0".into() };
    let mut shredder = Shredder::new(Arc::new(ShredConfig::new(plans, processor)), Box::new(registry));
    let mut output = ShredOutput::default();
    for line in lines {
        shredder.process(line.as_bytes(), &mut output);
    }
    let written = written(&shredder, &output, &types);
    (shredder, written)
}

fn only_bad_row(written: &[(String, Vec<String>)]) -> Value {
    assert_eq!(written.len(), 1, "{written:?}");
    assert!(written[0].0.starts_with("output=bad/"), "{written:?}");
    assert_eq!(written[0].1.len(), 1);
    serde_json::from_str(&written[0].1[0]).unwrap()
}

const STEP: &str = "iglu:com.acme/checkout_step/jsonschema/1-0-1";

fn checkout_step() -> Registry {
    let first = json!({"type":"object","properties":{
        "stepName":{"type":"string","maxLength":64},
        "step-no":{"type":"integer","minimum":0,"maximum":20},
        "paid":{"type":["boolean","null"]},
        "cart":{"type":"object","properties":{
            "currency":{"type":"string","minLength":3,"maxLength":3},
            "total":{"type":"number"},
            "items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}}
        },"required":["currency"],"additionalProperties":false},
        "shipTo":{"type":["object","null"],"properties":{"zip":{"type":"string"}},"required":["zip"]},
        "mode":{"enum":["fast","slow",null]},
        "when":{"type":"string","format":"date-time"},
        "ref":{"type":["string","integer"]}
    },"required":["stepName","cart","shipTo"],"additionalProperties":false});
    let mut second = first.clone();
    second["properties"]["stepName"]["maxLength"] = json!(128);
    second["properties"]["couponCode"] = json!({"type": ["string", "null"], "maxLength": 20});
    second["properties"]["attempt"] = json!({"type": "integer"});
    second["properties"]["cart"]["properties"]["tax"] = json!({"type": "number", "multipleOf": 0.01});
    Registry::new(vec![("iglu:com.acme/checkout_step/jsonschema/1-0-0", first), (STEP, second)])
}

#[test]
fn the_worked_example() {
    let data = r#"{"stepName":"pay\tnow","step-no":3,"paid":true,"cart":{"currency":"EUR","total":10.50,"items":[{"sku":"a\tb"}]},"shipTo":null,"ref":7,"attempt":1}"#;
    let event = line(&[(Column::unstruct_event, &unstruct(STEP, data))]);
    let (shredder, written) = shred(checkout_step(), Formats::default(), &[&event]);
    assert_eq!(written.len(), 2);
    assert_eq!(written[0].0, "output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1");
    assert_eq!(written[1].0, "output=good/vendor=com.acme/name=checkout_step/format=tsv/model=1");
    let expected = [
        "com.acme\tcheckout_step\tjsonschema\t1-0-1\t2b1b25a4-c0df-4859-8201-cf21492ad61b\t2014-05-29 18:16:35.000",
        "\tevents\t[\"events\",\"checkout_step\"]\tevents\tEUR\t\\N\tpay now\t[{\"sku\":\"a\\tb\"}]\t10.50\t\\N\t1\t7\t3",
        "\t\\N\t1\t\\N\t\\N",
    ];
    assert_eq!(written[1].1, [expected.concat()]);
    assert_eq!(written[0].1[0].split('\t').count(), 128);
    let types: Vec<String> = shredder.report().types.keys().map(ToString::to_string).collect();
    assert_eq!(types, [STEP]);
    assert_eq!(shredder.report().collected, Some((1_401_387_395_000, 1_401_387_395_000)));
}

#[test]
fn entities_as_json() {
    let uri = "iglu:com.snowplowanalytics.snowplow/duplicate/jsonschema/1-0-0";
    let data = json!({"originalEventId": "b5e0a9a2-0b7b-4a31-9d5d-7f8f6f0d3c11"});
    let registry = Registry::new(vec![(uri, json!({"type": "object"}))]);
    let formats = Formats { default: RowFormat::Json, ..Formats::default() };
    let event = line(&[(Column::contexts, &contexts(&[(uri, data)]))]);
    let (_, written) = shred(registry, formats, &[&event]);
    let expected = r#"{"schema":{"vendor":"com.snowplowanalytics.snowplow","name":"duplicate","format":"jsonschema","version":"1-0-0"},"data":{"originalEventId":"b5e0a9a2-0b7b-4a31-9d5d-7f8f6f0d3c11"},"hierarchy":{"rootId":"2b1b25a4-c0df-4859-8201-cf21492ad61b","rootTstamp":"2014-05-29 18:16:35.000","refRoot":"events","refTree":["events","duplicate"],"refParent":"events"}}"#;
    assert_eq!(written[1].1, [expected]);
    assert!(written[1].0.ends_with("/name=duplicate/format=json/model=1"));
}

#[test]
fn atomic_rows_spell_values_as_java_does() {
    let event = line(&[
        (Column::app_id, "shop"),
        (Column::event_id, "2B1B25A4-C0DF-4859-8201-CF21492AD61B"),
        (Column::txn_id, "007"),
        (Column::geo_latitude, "37.5"),
        (Column::geo_longitude, "100"),
        (Column::se_value, "10000000"),
        (Column::tr_total, "0.0001"),
        (Column::tr_tax, "NaN"),
        (Column::br_cookies, "1"),
        (Column::true_tstamp, "2014-05-29 18:16:35.123456"),
        (Column::contexts, &contexts(&[])),
    ]);
    let (_, written) = shred(Registry::default(), Formats::default(), &[&event]);
    let cells: Vec<&str> = written[0].1[0].split('\t').collect();
    let at = |name: &str| cells[crate::ddl::EVENTS_COLUMNS.iter().position(|column| column.name == name).unwrap()];
    assert_eq!(at("app_id"), "shop");
    assert_eq!(at("event_id"), EVENT_ID);
    assert_eq!(at("txn_id"), "7");
    assert_eq!((at("geo_latitude"), at("geo_longitude")), ("37.5", "100.0"));
    assert_eq!((at("se_value"), at("tr_total"), at("tr_tax")), ("1.0E7", "1.0E-4", ""));
    assert_eq!((at("br_cookies"), at("br_features_pdf")), ("1", ""));
    assert_eq!(at("collector_tstamp"), "2014-05-29 18:16:35.000");
    assert_eq!(at("true_tstamp"), "2014-05-29 18:16:35.123");
}

#[test]
fn texts_are_cut_to_their_columns_and_counted() {
    let uri = "iglu:com.acme/note/jsonschema/1-0-0";
    let registry = Registry::new(vec![(
        uri,
        json!({"type": "object", "properties": {"text": {"type": "string", "maxLength": 4}}}),
    )]);
    let event = line(&[
        (Column::geo_country, "DEU"),
        (Column::contexts, &contexts(&[(uri, json!({"text": "äöü"})), (uri, json!({"text": "abcd"}))])),
    ]);
    let (shredder, written) = shred(registry, Formats::default(), &[&event]);
    assert_eq!(written[0].1[0].split('\t').nth(18), Some("DE"));
    assert!(written[1].1[0].ends_with("\täö") && written[1].1[1].ends_with("\tabcd"));
    assert_eq!(shredder.report().counters.cut_values, 2);
}

#[test]
fn lines_that_are_no_events() {
    let row = |text: &str| only_bad_row(&shred(Registry::default(), Formats::default(), &[text]).1);
    let not_tsv = row("not a tsv");
    assert_eq!(not_tsv["schema"], "iglu:com.snowplowanalytics.snowplow.badrows/loader_parsing_error/jsonschema/2-0-0");
    assert_eq!(not_tsv["data"]["failure"], json!({"type": "NotTSV"}));
    assert_eq!(not_tsv["data"]["payload"], "not a tsv");
    assert_eq!(not_tsv["data"]["processor"], json!({"artifact": "thresh-shred", "version": "0.1.0"}));
    assert_eq!(row("")["data"]["payload"], "");
    assert_eq!(row("a\tb")["data"]["failure"], json!({"type": "FieldNumberMismatch", "fieldCount": 2}));
    let broken = line(&[
        (Column::collector_tstamp, "29th May 2013 18:04:12"),
        (Column::event_id, "not-a-uuid"),
        (Column::v_etl, ""),
        (Column::contexts, "&&&"),
    ]);
    let error = |key: &str, value: &str, message: &str| json!({"type": "InvalidValue", "key": key, "value": value, "message": message});
    let date = "29th May 2013 18:04:12";
    assert_eq!(
        row(&broken)["data"]["failure"],
        json!({"type": "RowDecodingError", "errors": [
            error("collector_tstamp", date, &format!("Cannot parse key 'collector_tstamp with value {date} into datetime")),
            error("event_id", "not-a-uuid", "Cannot parse key 'event_id with value not-a-uuid into UUID"),
            error("v_etl", "", "Field 'v_etl cannot be empty"),
            error("contexts", "&&&", "ParsingFailure: expected json value got '&&&' (line 1, column 1)"),
        ]})
    );
}

#[test]
fn one_bad_entity_spoils_the_event_and_all_are_named() {
    let good = "iglu:com.acme/good/jsonschema/1-0-0";
    let registry = Registry::new(vec![(good, json!({"type": "object"}))]);
    let entities = contexts(&[
        (good, json!({})),
        (good, json!({"invalid": 1})),
        ("iglu:com.acme/missing/jsonschema/1-0-0", json!({})),
    ]);
    let event = line(&[(Column::contexts, &entities), (Column::txn_id, "7"), (Column::br_cookies, "0")]);
    let (shredder, written) = shred(registry, Formats::default(), &[&event]);
    let row = only_bad_row(&written);
    assert_eq!(row["schema"], "iglu:com.snowplowanalytics.snowplow.badrows/loader_iglu_error/jsonschema/2-0-0");
    let failures = row["data"]["failure"].as_array().unwrap();
    assert_eq!(failures.len(), 2);
    assert_eq!(failures[0]["schemaKey"], good);
    assert_eq!(failures[0]["error"]["error"], "ValidationError");
    assert_eq!(failures[1]["error"]["error"], "ResolutionError");
    let payload = &row["data"]["payload"];
    assert_eq!(payload["collector_tstamp"], "2014-05-29T18:16:35Z");
    assert_eq!((&payload["txn_id"], &payload["br_cookies"]), (&json!(7), &json!(false)));
    assert_eq!(payload["contexts"]["data"].as_array().unwrap().len(), 3);
    assert_eq!(shredder.report().counters.bad_entities, 3);
    assert!(shredder.report().types.is_empty());
}

#[test]
fn schemas_without_a_table() {
    let uri = "iglu:com.acme/odd/jsonschema/1-0-0";
    let second = "iglu:com.acme/late/jsonschema/1-0-1";
    let registry = || {
        Registry::new(vec![
            (uri, json!({"type": "object", "properties": {"a": {"type": "text"}}})),
            (second, json!({"type": "object"})),
        ])
    };
    let entities = contexts(&[(uri, json!({})), (uri, json!({})), (second, json!({}))]);
    let event = line(&[(Column::derived_contexts, &entities)]);
    let row = only_bad_row(&shred(registry(), Formats::default(), &[&event]).1);
    assert_eq!(
        row["data"]["failure"],
        json!([
            {"schemaKey": uri,
             "message": "Cannot be parsed as JSON Schema AST: /properties/a/type: \"text\" is no JSON type"},
            {"schemaKey": second, "message": "the list of versions must begin with 1-0-0"},
        ])
    );
    let json_formats = Formats { default: RowFormat::Json, ..Formats::default() };
    let (shredder, written) = shred(registry(), json_formats, &[&event]);
    assert_eq!(written.len(), 3, "JSON needs no table");
    assert_eq!(shredder.report().counters.entity_rows, 3);
}

#[test]
fn skipped_schemas_leave_no_trace() {
    let uri = "iglu:com.acme/noise/jsonschema/1-0-0";
    let formats = Formats {
        skip: vec![SchemaCriterion::parse("iglu:com.acme/noise/jsonschema/1-*-*").unwrap()],
        ..Formats::default()
    };
    let event = line(&[(Column::contexts, &contexts(&[(uri, json!({}))]))]);
    let (shredder, written) = shred(Registry::new(vec![(uri, json!({}))]), formats, &[&event]);
    assert_eq!(written.len(), 1);
    assert_eq!(shredder.report().counters.skipped_entities, 1);
    assert!(shredder.report().types.is_empty());
}

#[test]
fn renamed_events_name_their_old_id() {
    let uri = "iglu:com.acme/x/jsonschema/1-0-0";
    let registry = Registry::new(vec![(uri, json!({"type": "object"}))]);
    let mut shredder = shredder(registry, Formats::default());
    let event = line(&[(Column::contexts, &contexts(&[(uri, json!({}))]))]);
    let arena = bumpalo::Bump::new();
    let mut output = ShredOutput::default();
    let checked = shredder.check(event.as_bytes(), &arena, &mut output).unwrap();
    let new_id = "11111111-2222-4333-8444-555555555555";
    shredder.emit(&checked, Identity::New(new_id), &arena, &mut output);
    assert!(shredder.report().counters.balance());
    let rows: Vec<String> = output.blocks().map(|(_, block)| String::from_utf8(block.bytes.clone()).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.contains(new_id)), "{rows:?}");
    let duplicate = rows.iter().find(|row| row.contains("duplicate")).unwrap();
    assert!(duplicate.ends_with(&format!("\tevents\t{EVENT_ID}\n")), "{duplicate}");
    assert!(shredder.report().types.keys().any(|key| key.name == "duplicate"), "the loader must hear of it");
}

proptest! {
    #[test]
    fn any_line_becomes_rows_or_a_bad_row(lines in proptest::collection::vec(any_line(), 1..6)) {
        let uri = "iglu:com.acme/x/jsonschema/1-0-0";
        let schema = json!({"type": "object", "properties": {"a": {}, "b": {"type": "object", "properties": {"c": {}}}}});
        let mut shredder = shredder(Registry::new(vec![(uri, schema)]), Formats::default());
        let mut output = ShredOutput::default();
        for line in &lines {
            shredder.process(line, &mut output);
        }
        let counters = shredder.report().counters;
        prop_assert!(counters.balance());
        prop_assert_eq!(counters.events_in, lines.len() as u64);
        let rows: u64 = output.blocks().map(|(_, block)| block.rows).sum();
        prop_assert_eq!(rows, counters.atomic_rows + counters.bad_rows + counters.entity_rows);
        for (id, block) in output.blocks() {
            prop_assert!(block.bytes.ends_with(b"\n"));
            prop_assert_eq!(block.bytes.iter().filter(|b| **b == b'\n').count() as u64, block.rows);
            prop_assert!(std::str::from_utf8(&block.bytes).is_ok());
            if id == TypeId::ATOMIC {
                for row in block.bytes.split(|b| *b == b'\n').filter(|row| !row.is_empty()) {
                    prop_assert_eq!(row.iter().filter(|b| **b == b'\t').count(), 127);
                }
            }
        }
    }
}

/// Good events, events with something wrong, and noise.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let entity = prop_oneof![
        Just(json!({"a": 1, "b": {"c": "x\ty\n"}})),
        Just(json!({"invalid": true})),
        Just(json!([])),
        "\\PC{0,8}".prop_map(|text| json!({"a": text, "b": null})),
    ];
    let uri = prop_oneof![Just("iglu:com.acme/x/jsonschema/1-0-0"), Just("iglu:com.acme/y/jsonschema/1-0-0")];
    let event = (proptest::collection::vec((uri, entity), 0..4), "[-0-9.eNa]{0,5}", any::<bool>());
    prop_oneof![
        4 => event.prop_map(|(entities, number, derived)| {
            let entities = contexts(&entities);
            let column = if derived { Column::derived_contexts } else { Column::contexts };
            line(&[(column, &entities), (Column::se_value, &number)]).into_bytes()
        }),
        1 => proptest::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| bytes.into_iter().filter(|b| *b != b'\n').collect()),
    ]
}
