//! Entities through rows into SQLite and back: every field must come out again.
#![cfg(feature = "sqlite")]

use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Map, Value, json};
use thresh::badrow::Processor;
use thresh::ddl::{Dialect, ModelKey, SchemaSource, SqlOptions, Sqlite, Table, TableOptions};
use thresh::iglu::{Checked, ClientError, SchemaKey, SchemaVer, SelfDescribing, Validator};
use thresh::shred::{Formats, Plans, ShredConfig, ShredOutput, Shredder, text::read_text};

use super::world::Event;

/// The versions of one model.
#[derive(Clone)]
struct Model(Arc<Vec<Value>>);

impl SchemaSource for Model {
    fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<Value>, Box<ClientError>> {
        Ok(Arc::new(self.0[key.version.addition as usize].clone()))
    }

    fn list(&self, _: &str, _: &str, model: u32) -> Result<Vec<SchemaVer>, Box<ClientError>> {
        Ok((0..self.0.len()).map(|addition| SchemaVer::new(model, 0, addition as u32)).collect())
    }
}

impl Validator for Model {
    fn check(&mut self, _: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        Ok(Checked { superseded_by: None })
    }
}

/// A schema and a value that fits it.
fn leaf() -> impl Strategy<Value = (Value, Value)> {
    prop_oneof![
        any::<i32>().prop_map(|number| (json!({"type": "integer"}), json!(number))),
        (-1_000_000..1_000_000i32).prop_map(|number| (json!({"type": "number"}), json!(f64::from(number) / 64.0))),
        any::<bool>().prop_map(|flag| (json!({"type": "boolean"}), json!(flag))),
        "[a-zA-Z0-9 äß\"\\\\'\t]{0,12}".prop_map(|text| (json!({"type": "string"}), json!(text))),
        Just((json!({"type": "string"}), json!("\\N"))),
        "[a-z]{1,3}".prop_map(|text| (json!({"enum": ["abc", text]}), json!(text))),
        proptest::collection::vec(0..9i32, 0..4).prop_map(|list| (json!({"type": "array"}), json!(list))),
        Just((json!({"type": ["string", "null"]}), json!(null))),
        (0..99i32).prop_map(|number| (json!({"type": ["integer", "string"]}), json!(number))),
        Just((json!({"type": "object"}), json!({"free": [1, {"x": "y"}]}))),
    ]
}

pub fn object(depth: u32) -> BoxedStrategy<(Value, Value)> {
    let below: BoxedStrategy<(Value, Value)> =
        if depth == 0 { leaf().boxed() } else { prop_oneof![4 => leaf(), 1 => object(depth - 1)].boxed() };
    proptest::collection::btree_map("[a-z][a-zA-Z-]{0,5}", (below, any::<bool>(), any::<bool>()), 1..6)
        .prop_map(|members| {
            let (mut properties, mut data, mut required) = (Map::new(), Map::new(), Vec::new());
            let mut names = std::collections::HashSet::new();
            for (name, ((schema, value), is_present, is_required)) in members {
                if !names.insert(thresh::ddl::snake_case(&name)) {
                    continue;
                }
                if is_required {
                    required.push(name.clone());
                }
                if is_present || is_required {
                    data.insert(name.clone(), value);
                }
                properties.insert(name, schema);
            }
            (json!({"type": "object", "properties": properties, "required": required}), Value::Object(data))
        })
        .boxed()
}

/// Writes the entity of an event as a row, loads it, and gives the columns back.
fn through_sqlite(schemas: Vec<Value>, version: u32, data: &Value) -> (Table, Vec<Cell>) {
    let model = Model(Arc::new(schemas));
    let key = ModelKey { vendor: "com.acme".into(), name: "thing".into(), model: 1 };
    let table = Table::load(&model, &key, TableOptions::default()).unwrap();
    let plans = Plans::new(Arc::new(model.clone()), Formats::default(), TableOptions::default());
    let types = plans.types().clone();
    let processor = Processor { artifact: "test".into(), version: "0.1.0".into() };
    let mut shredder = Shredder::new(Arc::new(ShredConfig::new(plans, processor)), Box::new(model));
    let uri = format!("iglu:com.acme/thing/jsonschema/1-0-{version}");
    let mut output = ShredOutput::default();
    shredder.process(Event::new(1).contexts(&[(&uri, data.clone())]).line().as_bytes(), &mut output);
    let block = output.blocks().find(|(id, _)| types.key(*id).unwrap().name == "thing");
    let (_, block) = block.unwrap_or_else(|| panic!("no row: {:?}", output));
    let row = std::str::from_utf8(&block.bytes).unwrap().trim_end_matches('\n');
    let cells: Vec<Option<&str>> = row.split('\t').map(read_text).collect();

    let database = Connection::open_in_memory().unwrap();
    for statement in Sqlite.create_table(&table, &SqlOptions::default()).unwrap() {
        database.execute_batch(&statement).unwrap();
    }
    let marks = vec!["?"; cells.len()].join(", ");
    let insert = format!("INSERT INTO com_acme_thing_1 VALUES ({marks})");
    database.execute(&insert, rusqlite::params_from_iter(&cells)).unwrap();
    let read = |row: &rusqlite::Row<'_>| (9..cells.len()).map(|column| row.get(column)).collect();
    let found = database.query_row("SELECT * FROM com_acme_thing_1", [], read).unwrap();
    (table, found)
}

pub fn lookup<'v>(data: &'v Value, pointer: &str) -> Option<&'v Value> {
    data.pointer(pointer).filter(|value| !value.is_null())
}

pub fn assert_same(expected: Option<&Value>, found: &Cell, name: &str) {
    let same = match (expected, found) {
        (None, Cell::Null) => true,
        (Some(Value::Bool(flag)), Cell::Integer(number)) => *number == i64::from(*flag),
        (Some(Value::Number(number)), Cell::Integer(found)) => number.as_i64() == Some(*found),
        (Some(Value::Number(number)), Cell::Real(found)) => number.as_f64() == Some(*found),
        // Columns that take several types hold text.
        (Some(Value::Number(number)), Cell::Text(found)) => number.to_string() == *found,
        (Some(Value::String(text)), Cell::Text(found)) => text.replace(['\t', '\n'], " ") == *found,
        (Some(value @ (Value::Array(_) | Value::Object(_))), Cell::Text(found)) => {
            found.parse::<Value>().is_ok_and(|parsed| parsed == *value)
        }
        _ => false,
    };
    assert!(same, "{name}: {found:?} instead of {expected:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_field_comes_back((schema, data) in object(2)) {
        let (table, found) = through_sqlite(vec![schema], 0, &data);
        prop_assert_eq!(table.columns.len(), found.len());
        for (column, cell) in table.columns.iter().zip(&found) {
            assert_same(lookup(&data, &column.pointers[0].to_json_pointer()), cell, &column.name);
        }
    }

    /// Rows of an old version fit the table of the newest one.
    #[test]
    fn old_rows_fit_new_tables((first, data) in object(1), (second, _) in object(1)) {
        let mut newest = first.clone();
        for (name, schema) in second["properties"].as_object().unwrap() {
            let taken = newest["properties"].as_object().unwrap().keys().any(|known| {
                thresh::ddl::snake_case(known) == thresh::ddl::snake_case(name)
            });
            if !taken {
                newest["properties"][name] = schema.clone();
            }
        }
        let (table, found) = through_sqlite(vec![first, newest], 0, &data);
        for (column, cell) in table.columns.iter().zip(&found) {
            assert_same(lookup(&data, &column.pointers[0].to_json_pointer()), cell, &column.name);
        }
    }
}
