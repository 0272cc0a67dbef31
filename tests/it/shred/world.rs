//! A folder with a registry, events, and runs over them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use thresh::event::{COLUMN_COUNT, Column};

pub const CLICK: &str = "iglu:com.acme/click/jsonschema/1-0-1";
pub const PAGE: &str = "iglu:com.acme/page/jsonschema/1-0-0";
pub const OTHER: &str = "iglu:org.example/other_thing/jsonschema/2-0-0";

pub struct World {
    folder: tempfile::TempDir,
}

/// One event; columns that are not set are those of [`World::event`].
#[derive(Clone)]
pub struct Event {
    columns: BTreeMap<usize, String>,
}

impl Event {
    pub fn new(id: u128) -> Event {
        let hex = format!("{id:032x}");
        let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
        let event = Event { columns: BTreeMap::new() };
        event
            .set(Column::event_id, &id)
            .set(Column::etl_tstamp, "2021-03-05 10:00:00.000")
            .set(Column::collector_tstamp, "2021-03-05 09:00:00.123")
            .set(Column::v_collector, "ssc")
            .set(Column::v_etl, "etl")
            .set(Column::event_fingerprint, "f1")
    }

    pub fn set(mut self, column: Column, text: &str) -> Event {
        self.columns.insert(column as usize, text.to_owned());
        self
    }

    pub fn contexts(self, items: &[(&str, Value)]) -> Event {
        let items: Vec<Value> = items.iter().map(|(uri, data)| json!({"schema": uri, "data": data})).collect();
        let uri = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1";
        self.set(Column::contexts, &json!({"schema": uri, "data": items}).to_string())
    }

    pub fn line(&self) -> String {
        let text = |column| self.columns.get(&column).map_or("", String::as_str);
        (0..COLUMN_COUNT).map(text).collect::<Vec<_>>().join("\t")
    }
}

impl World {
    pub fn new() -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        let text = |length: u32| json!({"type": ["string", "null"], "maxLength": length});
        world.schema("com.acme/click/jsonschema/1-0-0", &json!({"target": text(20)}));
        world.schema("com.acme/click/jsonschema/1-0-1", &json!({"target": text(20), "count": {"type": "integer"}}));
        world.schema("com.acme/page/jsonschema/1-0-0", &json!({"genre": text(10), "number": {"type": "number"}}));
        world.schema("org.example/other_thing/jsonschema/2-0-0", &json!({}));
        let resolver = json!({
            "schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
            "data": {"cacheSize": 500, "repositories": [{
                "name": "test", "priority": 0, "vendorPrefixes": [],
                "connection": {"embedded": {"path": world.path("registry").to_str().unwrap()}}
            }]}
        });
        std::fs::write(world.path("resolver.json"), resolver.to_string()).unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Adds a schema of an object that takes these properties and no others.
    pub fn schema(&self, path: &str, properties: &Value) {
        let mut parts = path.split('/');
        let mut next = || parts.next().unwrap();
        let (vendor, name, format, version) = (next(), next(), next(), next());
        let schema = json!({
            "$schema": "http://iglucentral.com/schemas/com.snowplowanalytics.self-desc/schema/jsonschema/1-0-0#",
            "self": {"vendor": vendor, "name": name, "format": format, "version": version},
            "type": "object", "properties": properties, "additionalProperties": false
        });
        let file = self.path("registry/schemas").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, schema.to_string()).unwrap();
    }

    pub fn input(&self, name: &str, events: &[Event]) {
        let lines: Vec<String> = events.iter().map(|event| event.line() + "\n").collect();
        self.write(name, lines.concat().as_bytes());
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// `thresh shred INPUT --output out --run-id ID …`
    pub fn shred(&self, input: &str, run_id: &str, more: &[&str]) -> Output {
        let resolver = self.path("resolver.json");
        let mut arguments = vec!["shred", input, "--output", "out", "--run-id", run_id, "--offline"];
        arguments.extend(["--resolver", resolver.to_str().unwrap(), "--progress", "off"]);
        arguments.extend(more);
        self.thresh(&arguments)
    }

    pub fn thresh(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(self.folder.path()).args(arguments).output().unwrap()
    }

    pub fn run(&self, run_id: &str) -> Run {
        Run { folder: self.path("out").join(format!("run={run_id}")) }
    }
}

/// The folder of a run.
pub struct Run {
    pub folder: PathBuf,
}

impl Run {
    /// Every file below, its path with `/`, sorted.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        walk(&self.folder, "", &mut found);
        found.sort();
        found
    }

    pub fn parts(&self) -> Vec<String> {
        self.files().into_iter().filter(|file| file.contains("/part-")).collect()
    }

    /// The lines of all parts whose path contains a text.
    pub fn lines(&self, containing: &str) -> Vec<String> {
        let files = self.parts().into_iter().filter(|file| file.contains(containing));
        files.flat_map(|file| self.text(&file).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    pub fn text(&self, file: &str) -> String {
        let bytes = std::fs::read(self.folder.join(file)).unwrap();
        let mut text = String::new();
        if file.ends_with(".gz") {
            flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        } else {
            text = String::from_utf8(bytes).unwrap();
        }
        text
    }

    pub fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file)).unwrap()
    }

    /// A named counter of the manifest.
    pub fn counter(&self, name: &str) -> u64 {
        let counters = self.json("_manifest.json")["counters"].clone();
        let value = if counters[name].is_null() { counters["named"][name].clone() } else { counters[name].clone() };
        value.as_u64().unwrap_or(0)
    }
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

#[track_caller]
pub fn success(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{:?}\n{stderr}", output.status.code());
    String::from_utf8(output.stdout.clone()).unwrap()
}
