//! The whole way through the built binary: generated logs with entities of generated schemas are enriched, shredded, and
//! loaded into SQLite. Every field of every entity must be there.
#![cfg(feature = "sqlite")]

use std::collections::HashMap;
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use rusqlite::Connection;
use rusqlite::types::Value as Cell;
use serde_json::{Value, json};
use thresh::ddl::{Dialect, FolderSource, ModelKey, Sqlite, Table, TableOptions};
use thresh::loadgen;

use super::round_trip::{assert_same, lookup, object};
use super::world::{World, success};

const MODELS: usize = 60;
const EVENTS: usize = 150;

/// A model and what one event says in its terms.
struct Thing {
    name: String,
    data: Value,
}

impl Thing {
    fn uri(&self) -> String {
        format!("iglu:com.acme/{}/jsonschema/1-0-0", self.name)
    }
}

fn things(world: &World) -> Vec<Thing> {
    let mut runner = TestRunner::deterministic();
    let strategy = object(3);
    let mut made = Vec::new();
    for number in 0..MODELS {
        let (mut schema, data) = strategy.new_tree(&mut runner).unwrap().current();
        without_empty_lists(&mut schema);
        let name = format!("thing{number}");
        let path = world.path("registry/schemas/com.acme").join(&name).join("jsonschema/1-0-0");
        schema["$schema"] =
            json!("http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#");
        schema["self"] = json!({"vendor": "com.acme", "name": name, "format": "jsonschema", "version": "1-0-0"});
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, schema.to_string()).unwrap();
        made.push(Thing { name, data });
    }
    made
}

/// Draft 4 wants at least one required property, or no list.
fn without_empty_lists(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    if object.get("required").is_some_and(|required| required == &json!([])) {
        object.remove("required");
    }
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(without_empty_lists);
    }
}

/// CloudFront logs; for each event id, the things that the event carries.
fn logs<'t>(world: &World, things: &'t [Thing]) -> HashMap<String, Vec<&'t Thing>> {
    let crowd = loadgen::World::new(7, 30, 20);
    let mut random = loadgen::Random::new(7, 1);
    let (mut lines, mut carried) = (Vec::new(), HashMap::new());
    for number in 0..EVENTS {
        let millis = 1_559_556_000_000 + number as i64 * 1000;
        let mut event = loadgen::next_event(&crowd, &loadgen::Mix::SHOP, millis, &mut random);
        event.params.retain(|(name, _)| *name != "cx");
        let chosen: Vec<&Thing> = (0..3).map(|_| random.pick(things)).collect();
        let items: Vec<Value> = chosen.iter().map(|thing| json!({"schema": thing.uri(), "data": thing.data})).collect();
        let uri = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0";
        event.params.push(("co", json!({"schema": uri, "data": items}).to_string()));
        let id = event.params.iter().find(|(name, _)| *name == "eid").unwrap().1.clone();
        carried.insert(id, chosen);
        let request = loadgen::Request::new(&crowd, vec![event], millis, false, None, &mut random);
        loadgen::write_cloudfront(&request, &mut random, &mut lines);
    }
    world.write("logs/a", &lines);
    carried
}

#[test]
fn every_field_of_every_entity() {
    let world = World::new();
    loadgen::registry::write(&world.path("registry"), 1, 16).unwrap();
    let things = things(&world);
    let carried = logs(&world, &things);
    let thresh = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(world.path("")).args(arguments);
        success(&command.output().unwrap())
    };
    let schemas = ["--resolver", "resolver.json", "--offline", "--run-id", "r", "--progress", "off"];
    let enrich = ["enrich", "logs", "--format", "cloudfront", "--output", "enriched", "--bad", "bad"];
    thresh(&[&enrich[..], &schemas].concat());
    thresh(&[&["shred", "enriched", "--output", "out"][..], &schemas].concat());
    let run = world.run("r");
    assert_eq!(run.lines("output=bad"), Vec::<String>::new());
    thresh(&["load", "out/run=r", "--target", "sqlite:events.db", "--resolver", "resolver.json", "--offline"]);

    let database = Connection::open(world.path("events.db")).unwrap();
    let source = FolderSource::new(world.path("registry"));
    let mut fields = 0;
    for (id, chosen) in &carried {
        let events = "SELECT count(*) FROM events WHERE event_id = ?";
        assert_eq!(database.query_row(events, [id], |row| row.get::<_, u32>(0)).unwrap(), 1, "{id}");
        for thing in chosen {
            let key = ModelKey { vendor: "com.acme".into(), name: thing.name.clone(), model: 1 };
            let table = Table::load(&source, &key, TableOptions::default()).unwrap();
            let copies = chosen.iter().filter(|other| other.name == thing.name).count();
            let rows = rows_of(&database, &table, &Sqlite.table_name(&key), id);
            assert_eq!(rows.len(), copies, "{}", thing.name);
            for row in rows {
                for (column, cell) in table.columns.iter().zip(&row) {
                    let name = format!("{} {}", thing.name, column.name);
                    assert_same(lookup(&thing.data, &column.pointers[0].to_json_pointer()), cell, &name);
                    fields += 1;
                }
            }
        }
    }
    assert!(fields > 1000, "{fields}");
}

fn rows_of(database: &Connection, table: &Table, name: &str, id: &str) -> Vec<Vec<Cell>> {
    let quoted = |column: &str| format!("\"{}\"", column.replace('"', "\"\""));
    let list: Vec<String> = table.columns.iter().map(|column| quoted(&Sqlite.column_name(&column.name))).collect();
    let list = if list.is_empty() { "root_id".to_owned() } else { list.join(", ") };
    let select = format!("SELECT {list} FROM {name} WHERE root_id = ?");
    let mut statement = database.prepare(&select).unwrap_or_else(|error| panic!("{error}: {select}"));
    let read = |row: &rusqlite::Row<'_>| (0..table.columns.len()).map(|column| row.get(column)).collect();
    statement.query_map([id], read).unwrap().collect::<Result<_, _>>().unwrap()
}
