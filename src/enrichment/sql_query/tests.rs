use std::sync::Mutex;

use serde_json::{Value as Json, json};

use super::super::config::EnrichmentConfig;
use super::super::set::{BuildError, Resources};
use super::super::testing::{EventBench, try_config};
use super::output::PropertyNames;
use super::*;
use crate::event::Column;

/// What a test database is asked and answers.
#[derive(Clone, Debug)]
struct Fake {
    rows: Result<Option<Vec<Row>>, String>,
    asked: Arc<Mutex<Vec<Vec<Placeholder>>>>,
}

impl Database for Fake {
    fn query(&self, values: &[Placeholder]) -> Result<Option<Vec<Row>>, String> {
        self.asked.lock().unwrap().push(values.to_vec());
        self.rows.clone()
    }
}

#[derive(Debug)]
struct FakeConfig(SqlQuery, Fake);

impl EnrichmentConfig for FakeConfig {
    fn build(&self, _: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        Ok(Box::new(Shared::new(self.0.clone(), Box::new(self.1.clone()))))
    }
}

fn parameters(inputs: Json, expected: &str, describes: &str, names: &str) -> Json {
    json!({
        "inputs": inputs,
        "database": {"postgresql": {"host": "localhost", "port": 5432, "sslMode": false, "username": "u", "password": "s3cret", "database": "d"}},
        "query": {"sql": "SELECT 1"},
        "output": {"expectedRows": expected, "json": {"schema": "iglu:com.acme/user/jsonschema/1-0-0", "describes": describes, "propertyNames": names}},
        "cache": {"size": 3000, "ttl": 60},
    })
}

fn fake(parameters: &Json, rows: Result<Option<Vec<Row>>, String>) -> (EventBench, Arc<Mutex<Vec<Vec<Placeholder>>>>) {
    let data = json!({"enabled": true, "parameters": parameters});
    let root = super::super::config::Cursor::root(&data);
    let options = super::super::EnrichmentOptions::default();
    let mut reader = super::super::config::Reader::default();
    let item = super::super::config::ConfigItem {
        schema_key: "iglu:com.snowplowanalytics.snowplow.enrichments/sql_query_enrichment_config/jsonschema/1-0-0",
        data: root.clone(),
        parameters: root.field("parameters"),
        options: &options,
    };
    let config = config::read_query(&item, &mut reader).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let fake = Fake { rows, asked: Arc::clone(&asked) };
    (EventBench::new(Box::new(FakeConfig(config, fake))), asked)
}

fn json_input(placeholder: u32, field: &str, criterion: &str, path: &str) -> Json {
    json!({"placeholder": placeholder, "json": {"field": field, "schemaCriterion": format!("iglu:{criterion}"), "jsonPath": path}})
}

fn row(cells: &[(&str, Cell)]) -> Row {
    cells.iter().map(|(label, cell)| ((*label).to_owned(), cell.clone())).collect()
}

fn text(text: &str) -> Placeholder {
    Placeholder::Text(text.to_owned())
}

fn double(number: f64) -> Placeholder {
    Placeholder::Double(number.to_bits())
}

#[test]
fn values_are_bound_with_the_types_they_look_like() {
    let session = "com.snowplowanalytics.snowplow/client_session/jsonschema/1-*-*";
    let inputs = json!([
        {"placeholder": 1, "pojo": {"field": "geo_city"}},
        json_input(2, "derived_contexts", "org.openweathermap/weather/jsonschema/*-*-*", "$.dt"),
        {"placeholder": 3, "pojo": {"field": "user_id"}},
        json_input(3, "contexts", session, "$.userId"),
        json_input(4, "contexts", "com.snowplowanalytics.snowplow/geolocation_context/jsonschema/1-1-*", "$.speed"),
        json_input(5, "unstruct_event", "com.snowplowanalytics.monitoring.kinesis/app_initialized/jsonschema/1-0-0", "$.applicationName"),
        {"placeholder": 6, "pojo": {"field": "tr_total"}},
        {"placeholder": 7, "pojo": {"field": "txn_id"}},
    ]);
    let cells =
        [("city", Cell::Text("London".into())), ("country", Cell::Text("England".into())), ("pk", Cell::Integer(2))];
    let (mut bench, asked) =
        fake(&parameters(inputs, "AT_MOST_ONE", "ALL_ROWS", "CAMEL_CASE"), Ok(Some(vec![row(&cells)])));
    bench.columns = vec![
        (Column::geo_city, "London"),
        (Column::user_id, "eve"),
        (Column::tr_total, "42.50"),
        (Column::txn_id, "7"),
    ];
    bench.contexts = vec![
        r#"{"schema":"iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-1","data":{"userId":"bob"}}"#,
        r#"{"schema":"iglu:com.snowplowanalytics.snowplow/geolocation_context/jsonschema/1-1-0","data":{"speed":25.0}}"#,
    ];
    bench.unstruct_event = Some(
        r#"{"schema":"iglu:com.snowplowanalytics.monitoring.kinesis/app_initialized/jsonschema/1-0-0","data":{"applicationName":"ue_test_london"}}"#,
    );
    bench.derived = vec![
        ("iglu:org.openweathermap/weather/jsonschema/1-0-0", r#"{"dt":"2016-01-08T10:00:34.000Z"}"#),
        ("iglu:org.openweathermap/weather/jsonschema/1-0-0", r#"{"dt":"earlier"}"#),
    ];
    for _ in 0..2 {
        bench.run(|_, outcome| {
            assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
            assert_eq!(outcome.data(), [r#"{"city":"London","country":"England","pk":2}"#]);
        });
    }
    let expected = vec![
        text("London"),
        text("2016-01-08T10:00:34.000Z"),
        text("bob"),
        double(25.0),
        text("ue_test_london"),
        double(42.5),
        Placeholder::Int(7),
    ];
    assert_eq!(*asked.lock().unwrap(), [expected], "the second event is answered from the memo");
}

#[test]
fn json_values_become_placeholders() {
    let arena = bumpalo::Bump::new();
    let of = |json: &'static str| placeholders::of_json(crate::json::parse(json, &arena).unwrap());
    for (json, expected) in [
        ("null", None),
        (r#"{"foo":"bar"}"#, None),
        ("[4,8]", None),
        ("true", Some(Placeholder::Bool(true))),
        ("42", Some(Placeholder::Int(42))),
        ("9223372036854775806", Some(Placeholder::Long(9_223_372_036_854_775_806))),
        ("12.6", Some(double(12.6))),
        ("10.0", Some(double(10.0))),
        (r#""12.6""#, Some(double(12.6))),
        (r#""007""#, Some(Placeholder::Int(7))),
        (r#""4294967296""#, Some(Placeholder::Long(4_294_967_296))),
        (r#"" 1e3 ""#, Some(double(1000.0))),
        (r#""1d""#, Some(double(1.0))),
        (r#""NaN""#, Some(double(f64::NAN))),
        (r#""-Infinity""#, Some(double(f64::NEG_INFINITY))),
        (r#""TRUE""#, Some(Placeholder::Bool(true))),
        (r#""text""#, Some(text("text"))),
        (r#""""#, Some(text(""))),
    ] {
        assert_eq!(of(json), expected, "{json}");
    }
}

#[test]
fn a_hole_between_values_skips_the_event() {
    let inputs =
        json!([{"placeholder": 1, "pojo": {"field": "user_id"}}, {"placeholder": 2, "pojo": {"field": "app_id"}}]);
    let (mut bench, asked) = fake(&parameters(inputs, "EXACTLY_ONE", "ALL_ROWS", "AS_IS"), Ok(None));
    bench.columns = vec![(Column::app_id, "x")];
    bench.run(|_, outcome| assert!(outcome.failures.is_empty() && outcome.entities.is_empty()));
    assert!(asked.lock().unwrap().is_empty());
    // Nothing at all is put to the database, which takes another number of values.
    bench.columns = Vec::new();
    bench.run(|_, outcome| assert!(outcome.failures.is_empty() && outcome.entities.is_empty()));
    assert_eq!(*asked.lock().unwrap(), [Vec::new()]);
}

#[test]
fn rows_are_counted_and_described() {
    let one = || vec![row(&[("a_b", Cell::Integer(1))])];
    let two = || vec![row(&[("a_b", Cell::Integer(1))]), row(&[("a_b", Cell::Integer(2))])];
    let (first, second) = (r#"{"aB":1}"#, r#"{"aB":2}"#);
    let failed = |text: &str| Err(format!("SQL Query Enrichment: {text}"));
    let all = |texts: &[&str]| Ok(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
    for (expected, describes, rows, result) in [
        ("EXACTLY_ONE", "ALL_ROWS", one(), all(&[first])),
        ("EXACTLY_ONE", "EVERY_ROW", two(), failed("exactly one row was expected")),
        ("AT_MOST_ONE", "ALL_ROWS", vec![], all(&[])),
        ("AT_MOST_ONE", "ALL_ROWS", two(), failed("at most one row was expected")),
        ("AT_LEAST_ONE", "EVERY_ROW", two(), all(&[first, second])),
        ("AT_LEAST_ONE", "EVERY_ROW", vec![], failed("at least one row was expected. 0 given instead")),
        ("AT_LEAST_ONE", "ALL_ROWS", two(), all(&[r#"[{"aB":1},{"aB":2}]"#])),
        ("AT_LEAST_ZERO", "ALL_ROWS", vec![], all(&["[]"])),
        ("AT_LEAST_ZERO", "EVERY_ROW", vec![], all(&[])),
    ] {
        let (mut bench, _) = fake(&parameters(json!([]), expected, describes, "CAMEL_CASE"), Ok(Some(rows)));
        let case = format!("{expected} {describes}");
        bench.run(|_, outcome| match &result {
            Ok(entities) => assert_eq!(outcome.data(), *entities, "{case}"),
            Err(text) => {
                let failures = [
                    r#"{"error":"Error while executing the sql lookup"}"#.to_owned(),
                    format!("{{\"error\":\"{text}\"}}"),
                ];
                assert_eq!(outcome.failures, failures.map(|text| (Some(IDENTIFIER), text)), "{case}");
            }
        });
    }
}

#[test]
fn errors_can_be_ignored() {
    let mut parameters = parameters(json!([]), "EXACTLY_ONE", "ALL_ROWS", "AS_IS");
    let (mut bench, _) = fake(&parameters, Err("no route".into()));
    bench.run(|_, outcome| assert_eq!(outcome.failures.len(), 2));
    parameters["ignoreOnError"] = json!(true);
    let (mut bench, _) = fake(&parameters, Err("no route".into()));
    bench.run(|_, outcome| assert!(outcome.failures.is_empty() && outcome.entities.is_empty()));
}

#[test]
fn cells_are_json() {
    let cells = [
        ("n", Cell::Null),
        ("b", Cell::Bool(true)),
        ("f", Cell::Double(f64::from(0.1f32))),
        ("d", Cell::Double(25.0)),
        ("t", Cell::Text("{}".into())),
        ("num", Cell::Other("12.50".into())),
        ("json", Cell::Other(r#"{"a": [1]}"#.into())),
        ("ts", Cell::Other("2016-01-07 10:10:34.0".into())),
        ("nan", Cell::Double(f64::NAN)),
    ];
    let (mut bench, _) = fake(&parameters(json!([]), "EXACTLY_ONE", "ALL_ROWS", "AS_IS"), Ok(Some(vec![row(&cells)])));
    let expected = r#"{"n":null,"b":true,"f":0.10000000149011612,"d":25.0,"t":"{}","num":12.50,"json":{"a":[1]},"ts":"2016-01-07 10:10:34.0","nan":null}"#;
    bench.run(|_, outcome| assert_eq!(outcome.data(), [expected]));
}

#[test]
fn labels_are_renamed() {
    for (names, label, expected) in [
        (PropertyNames::CamelCase, "date_of_birth", "dateOfBirth"),
        (PropertyNames::CamelCase, "_id", "Id"),
        (PropertyNames::CamelCase, "a__B_1", "a__B1"),
        (PropertyNames::PascalCase, "date_of_birth", "DateOfBirth"),
        (PropertyNames::SnakeCase, "SomeColumn", "_some_column"),
        (PropertyNames::SnakeCase, "col1", "col_1"),
        (PropertyNames::LowerCase, "SomeColumn", "somecolumn"),
        (PropertyNames::UpperCase, "someColumn", "SOMECOLUMN"),
        (PropertyNames::AsIs, "Some_column", "Some_column"),
    ] {
        assert_eq!(names.of(label), expected, "{label}");
    }
}

#[test]
fn configurations_are_checked() {
    let mut bad = parameters(
        json!([{"placeholder": 0, "pojo": {"field": "user_id"}}, {"placeholder": 1}]),
        "SOME",
        "ALL_ROWS",
        "AS_IS",
    );
    bad["database"] = json!({"oracle": {}});
    let errors = try_config("sql_query_enrichment_config", &json!({"enabled": true, "parameters": bad}).to_string())
        .unwrap_err();
    for (error, part) in errors.iter().zip([
        "Placeholder must be greater than 1",
        "Either json or pojo input must be specified",
        "names neither postgresql nor mysql",
        "parameters.output.expectedRows: [SOME] is not known",
    ]) {
        assert!(error.contains(part), "{error}");
    }
    let good =
        json!({"enabled": true, "parameters": parameters(json!([]), "EXACTLY_ONE", "ALL_ROWS", "AS_IS")}).to_string();
    let shown = format!("{:?}", try_config("sql_query_enrichment_config", &good).unwrap());
    assert!(!shown.contains("s3cret"), "{shown}");
}

#[cfg(feature = "postgres")]
mod postgres_texts {
    use tokio_postgres::types::Type;

    use super::super::postgres::numbered;
    use super::super::text::{Decoded, decode};

    #[test]
    fn placeholders_are_numbered_outside_of_texts() {
        for (sql, expected, count) in [
            ("a = ? AND b = ?", "a = $1 AND b = $2", 2),
            ("a = '?' AND \"?\" = ?", "a = '?' AND \"?\" = $1", 1),
            ("a = 'it''s ?' -- ?\n AND b = ?", "a = 'it''s ?' -- ?\n AND b = $1", 1),
            ("a /* ? */ = ? AND j ?? 'k'", "a /* ? */ = $1 AND j ? 'k'", 1),
            ("a = $$?$$ OR a = $t$ ? $t$ OR a = ?", "a = $$?$$ OR a = $t$ ? $t$ OR a = $1", 1),
            ("a = 'open ?", "a = 'open ?", 0),
        ] {
            assert_eq!(numbered(sql), (expected.to_owned(), count), "{sql}");
        }
    }

    #[test]
    fn binary_values_have_the_texts_of_the_driver() {
        let other = |text: &str| Some(Decoded::Other(text.to_owned()));
        let numeric = |fields: &[i16]| fields.iter().flat_map(|field| field.to_be_bytes()).collect::<Vec<u8>>();
        for (fields, expected) in [
            (&[2, 0, 0, 2, 12, 5000][..], "12.50"),
            (&[3, 1, 0x4000, 3, 1, 2345, 6780], "-12345.678"),
            (&[1, -1, 0, 6, 1], "0.000100"),
            (&[0, 0, 0, 0], "0"),
            (&[1, 2, 0, 0, 7], "700000000"),
            (&[0, 0, -16384, 0], "NaN"),
        ] {
            assert_eq!(decode(&Type::NUMERIC, &numeric(fields)), other(expected), "{fields:?}");
        }
        let stamp = |micros: i64| decode(&Type::TIMESTAMP, &micros.to_be_bytes());
        assert_eq!(stamp(505_476_634_000_000), other("2016-01-07 10:10:34.0"));
        assert_eq!(stamp(505_476_634_120_034), other("2016-01-07 10:10:34.120034"));
        assert_eq!(decode(&Type::DATE, &6005i32.to_be_bytes()), Some(Decoded::Text("2016-06-10T00:00:00.000Z".into())));
        assert_eq!(decode(&Type::TIME, &36_634_000_000i64.to_be_bytes()), other("10:10:34"));
        assert_eq!(decode(&Type::JSONB, b"\x01{\"a\":1}"), other("{\"a\":1}"));
        assert_eq!(decode(&Type::BOOL, &[1]), Some(Decoded::Bool(true)));
        assert_eq!(decode(&Type::INT2, &[0, 7]), Some(Decoded::Integer(7)));
        assert_eq!(decode(&Type::POINT, &[]), None);
        for broken in [&b""[..], b"\0", b"\0\x09\0\0\0\0\0\x7f"] {
            decode(&Type::NUMERIC, broken);
            decode(&Type::INT4_ARRAY, broken);
        }
    }

    #[test]
    fn arrays_are_written_in_braces() {
        let array = |items: &[Option<&[u8]>]| {
            let mut bytes: Vec<u8> =
                [1, 0, 25, items.len() as i32, 1].iter().flat_map(|field: &i32| field.to_be_bytes()).collect();
            for item in items {
                bytes.extend_from_slice(&item.map_or(-1, |item| item.len() as i32).to_be_bytes());
                bytes.extend_from_slice(item.unwrap_or_default());
            }
            bytes
        };
        let texts = array(&[Some(b"a"), None, Some(b"b \"c\""), Some(b"")]);
        assert_eq!(decode(&Type::TEXT_ARRAY, &texts), Some(Decoded::Other(r#"{a,NULL,"b \"c\"",""}"#.into())));
        let numbers = array(&[Some(&1i32.to_be_bytes()), Some(&2i32.to_be_bytes())]);
        assert_eq!(decode(&Type::INT4_ARRAY, &numbers), Some(Decoded::Other("{1,2}".into())));
    }
}
