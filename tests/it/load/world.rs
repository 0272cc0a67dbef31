//! Run folders, a registry of schemas, and targets to load into.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use thresh::ddl::{EVENTS_COLUMNS, FolderSource};
use thresh::load::loader::Resources;
use thresh::load::target::OpenOptions;
use thresh::load::{
    DiscoveryOptions, LoadError, LoadOptions, LoadReport, ShreddedRun, Target, TargetConfig, discover, load, open,
};
use thresh::storage::{Location, Precondition, Storage, StorageOptions};

use crate::support::postgres::Database;
use crate::support::redshift::FakeRedshift;
use crate::support::s3::FakeS3;

pub const CHECKOUT_0: &str = r#"{"self":{"vendor":"com.acme","name":"checkout_step","format":"jsonschema","version":"1-0-0"},"type":"object","properties":{"stepName":{"type":"string","maxLength":64},"step-no":{"type":"integer","maximum":20},"paid":{"type":["boolean","null"]},"total":{"type":"number"},"when":{"type":"string","format":"date-time"}},"required":["stepName"],"additionalProperties":false}"#;
pub const CHECKOUT_1: &str = r#"{"self":{"vendor":"com.acme","name":"checkout_step","format":"jsonschema","version":"1-0-1"},"type":"object","properties":{"stepName":{"type":"string","maxLength":128},"step-no":{"type":"integer","maximum":20},"paid":{"type":["boolean","null"]},"total":{"type":"number"},"when":{"type":"string","format":"date-time"},"coupon":{"type":["string","null"],"maxLength":20}},"required":["stepName"],"additionalProperties":false}"#;
pub const CHECKOUT_2: &str = r#"{"self":{"vendor":"com.acme","name":"checkout_step","format":"jsonschema","version":"1-0-2"},"type":"object","properties":{"stepName":{"type":"string","maxLength":200},"step-no":{"type":"integer","maximum":20},"paid":{"type":["boolean","null"]},"total":{"type":"number"},"when":{"type":"string","format":"date-time"},"coupon":{"type":["string","null"],"maxLength":20},"attempt":{"type":"integer"}},"required":["stepName","attempt"],"additionalProperties":false}"#;
pub const CHECKOUT: &str = "com_acme_checkout_step_1";
const CLICK: &str = r#"{"type":"object","properties":{"target":{"type":"string"},"x":{"type":"integer"}},"additionalProperties":false}"#;

/// Folders and schemas, on disk or on S3.
pub struct World {
    pub folder: tempfile::TempDir,
    pub storage: Storage,
    pub root: Location,
    pub s3: Option<Arc<FakeS3>>,
}

impl World {
    pub fn on_disk() -> World {
        let folder = tempfile::tempdir().unwrap();
        let root = Location::Local(folder.path().join("shredded"));
        World { folder, storage: Storage::new(StorageOptions::default()), root, s3: None }.with_schemas()
    }

    pub fn on_s3() -> World {
        let s3 = Arc::new(FakeS3::start());
        let (storage, root) = (s3.storage(), s3.at("shredded/"));
        World { folder: tempfile::tempdir().unwrap(), storage, root, s3: Some(s3) }.with_schemas()
    }

    fn with_schemas(self) -> World {
        self.schema("com.acme/checkout_step/jsonschema/1-0-0", CHECKOUT_0);
        self.schema("com.acme/click/jsonschema/1-0-0", CLICK);
        self.schema("com.acme/click/jsonschema/10-0-0", CLICK);
        self
    }

    pub fn schema(&self, path: &str, text: &str) {
        let path = self.folder.path().join("registry/schemas").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn put(&self, path: &str, content: &[u8]) {
        self.storage.write_all(&self.root.join(path), content, Precondition::None).unwrap();
    }

    pub fn schemas(&self) -> FolderSource {
        FolderSource::new(self.folder.path().join("registry"))
    }

    /// A resolver file with the schemas.
    pub fn resolver(&self) -> std::path::PathBuf {
        let config = serde_json::json!({
            "schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
            "data": {"cacheSize": 10, "repositories": [{
                "name": "Local", "priority": 0, "vendorPrefixes": [],
                "connection": {"embedded": {"path": self.folder.path().join("registry")}},
            }]},
        });
        let file = self.folder.path().join("resolver.json");
        std::fs::write(&file, config.to_string()).unwrap();
        file
    }

    pub fn runs(&self) -> Vec<ShreddedRun> {
        let inputs = [self.root.clone()];
        let found = discover(&self.storage, &inputs, DiscoveryOptions::default()).unwrap();
        assert!(found.incomplete.is_empty(), "{:?}", found.incomplete);
        found.runs
    }

    pub fn load_with(&self, target: &mut dyn Target, options: &LoadOptions) -> (LoadReport, Result<(), LoadError>) {
        let schemas = self.schemas();
        let resources = Resources { schemas: &schemas, storage: &self.storage, stop: &|| false };
        load(target, &self.runs(), &resources, options)
    }

    pub fn load(&self, target: &mut dyn Target) -> LoadReport {
        let (report, result) = self.load_with(target, &LoadOptions::default());
        if let Err(error) = result {
            panic!("{error}");
        }
        report
    }

    pub fn sqlite(&self) -> TargetConfig {
        TargetConfig::parse(&format!("sqlite:{}", self.folder.path().join("events.db").display())).unwrap()
    }

    /// One run in layout E.
    pub fn run(&self, name: &str) -> RunBuilder<'_> {
        RunBuilder { world: self, name: name.to_owned(), gzip: false, events: Vec::new(), types: BTreeMap::new() }
    }

    /// A run with two events and two types, as most tests need it.
    pub fn plain_run(&self, name: &str, seed: &str) {
        let first = format!("{seed}0000000-0000-4000-8000-000000000001");
        let second = format!("{seed}0000000-0000-4000-8000-000000000002");
        self.run(name)
            .event(&[("event_id", &first), ("page_url", "http://acme.com/?q=ä"), ("txn_id", "12"), ("br_cookies", "1")])
            .event(&[("event_id", &second), ("tr_total", "1.0E7"), ("se_value", "0.5"), ("app_id", "a\\b'c\"d")])
            .row(("com.acme", "checkout_step", 1), "1-0-0", &first, &["pay now", r"\N", "1", "3", r"\N"])
            .row(
                ("com.acme", "checkout_step", 1),
                "1-0-0",
                &second,
                &["", "0", "2", "0.25", "2020-01-01T10:00:00+02:00"],
            )
            .row(("com.acme", "click", 10), "10-0-0", &first, &["ten", "7"])
            .row(("com.acme", "click", 1), "1-0-0", &first, &["one", "-1"])
            .write();
    }
}

/// Vendor, name and model.
type TypeName = (String, String, u32);

pub struct RunBuilder<'w> {
    world: &'w World,
    name: String,
    gzip: bool,
    events: Vec<Vec<u8>>,
    types: BTreeMap<TypeName, (Vec<String>, Vec<Vec<u8>>)>,
}

/// Columns of checkout_step 1-0-0 in order: step_name (not null), paid, step_no, total, when. The table sorts them.
impl RunBuilder<'_> {
    pub fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    pub fn event(self, columns: &[(&str, &str)]) -> Self {
        let bytes: Vec<(&str, &[u8])> = columns.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        self.raw_event(&bytes)
    }

    pub fn raw_event(mut self, columns: &[(&str, &[u8])]) -> Self {
        let defaults: [(&str, &[u8]); 6] = [
            ("event_id", b"2b1b25a4-c0df-4859-8201-cf21492ad61b"),
            ("collector_tstamp", b"2021-03-05 08:59:10.123"),
            ("etl_tstamp", b"2021-03-05 09:00:00.000"),
            ("v_collector", b"c"),
            ("v_etl", b"e"),
            ("platform", b"web"),
        ];
        let mut line = Vec::new();
        for (index, column) in EVENTS_COLUMNS.iter().enumerate() {
            if index > 0 {
                line.push(b'\t');
            }
            let given = columns.iter().chain(&defaults).find(|(name, _)| *name == column.name);
            line.extend_from_slice(given.map_or(b"", |(_, value)| value));
        }
        self.events.push(line);
        self
    }

    /// A row of an entity: the nine leading fields, then these.
    pub fn row(self, key: (&str, &str, u32), version: &str, root: &str, fields: &[&str]) -> Self {
        let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
        self.raw_row(key, version, root, &fields)
    }

    pub fn raw_row(mut self, key: (&str, &str, u32), version: &str, root: &str, fields: &[&[u8]]) -> Self {
        let (vendor, name, model) = key;
        let leading = format!(
            "{vendor}\t{name}\tjsonschema\t{version}\t{root}\t2021-03-05 08:59:10.123\tevents\t[\"events\",\"{name}\"]\tevents"
        );
        let mut line = leading.into_bytes();
        for field in fields {
            line.push(b'\t');
            line.extend_from_slice(field);
        }
        let entry = self.types.entry((vendor.to_owned(), name.to_owned(), model)).or_default();
        let uri = format!("iglu:{vendor}/{name}/jsonschema/{version}");
        if !entry.0.contains(&uri) {
            entry.0.push(uri);
        }
        entry.1.push(line);
        self
    }

    pub fn write(self) {
        let base = format!("run={}", self.name);
        let good = format!("{base}/output=good");
        let ending = if self.gzip { "txt.gz" } else { "txt" };
        let bytes = |lines: &[Vec<u8>]| {
            let mut text = lines.join(&b'\n');
            text.push(b'\n');
            if !self.gzip {
                return text;
            }
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&text).unwrap();
            encoder.finish().unwrap()
        };
        // Several files, so that places in errors and lists of files are worth something.
        let atomic = format!("{good}/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1");
        for (index, lines) in self.events.chunks(self.events.len().div_ceil(2).max(1)).enumerate() {
            self.world.put(&format!("{atomic}/part-{index:05}.{ending}"), &bytes(lines));
        }
        let mut list = vec![entry("iglu:com.snowplowanalytics.snowplow/atomic/jsonschema/1-0-0")];
        for ((vendor, name, model), (uris, lines)) in &self.types {
            let folder = format!("{good}/vendor={vendor}/name={name}/format=tsv/model={model}");
            self.world.put(&format!("{folder}/part-00000.{ending}"), &bytes(lines));
            list.extend(uris.iter().map(|uri| entry(uri)));
        }
        let message = format!(
            r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1","data":{{"base":"s3://elsewhere/{base}/","types":[{}],"timestamps":{{"jobStarted":"2021-03-05T10:01:00Z","jobCompleted":"2021-03-05T10:04:00Z","min":"2021-03-05T08:59:10.123Z","max":"2021-03-05T09:58:00Z"}},"compression":"{}","processor":{{"artifact":"snowplow-rdb-shredder","version":"1.2.3"}},"count":{{"good":{}}}}}}}"#,
            list.join(","),
            if self.gzip { "GZIP" } else { "NONE" },
            self.events.len()
        );
        self.world.put(&format!("{base}/shredding_complete.json"), message.as_bytes());
        self.world.put(&format!("{base}/_SUCCESS"), b"");
    }
}

fn entry(uri: &str) -> String {
    format!(r#"{{"schemaKey":"{uri}","format":"TSV"}}"#)
}

/// A target of each kind; the servers only if there is a PostgreSQL.
#[allow(clippy::large_enum_variant)]
pub enum TestTarget {
    Sqlite(TargetConfig),
    Postgres(Database),
    Redshift(Box<FakeRedshift>),
}

impl TestTarget {
    /// All kinds, for a world on S3.
    pub fn all(world: &World) -> Vec<TestTarget> {
        let mut targets = vec![TestTarget::Sqlite(world.sqlite())];
        targets.extend(Database::create().map(TestTarget::Postgres));
        let s3 = world.s3.as_ref().expect("Redshift reads S3");
        targets.extend(FakeRedshift::start(s3).map(|double| TestTarget::Redshift(Box::new(double))));
        targets
    }

    pub fn name(&self) -> &'static str {
        self.config().kind.name()
    }

    pub fn config(&self) -> TargetConfig {
        match self {
            TestTarget::Sqlite(config) => config.clone(),
            TestTarget::Postgres(database) => database.config(),
            TestTarget::Redshift(double) => double.config(),
        }
    }

    pub fn open(&self) -> Box<dyn Target> {
        open(&self.config(), &OpenOptions::default()).unwrap()
    }
}

/// Every row of a table in a form that does not depend on the database, sorted.
pub fn dump(target: &mut dyn Target, table: &str) -> Vec<String> {
    let columns = target.columns(table).unwrap();
    let name = target.dialect().qualified(table, target.sql_options());
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
    let rows = target.query(&format!("SELECT {} FROM {name}", names.join(", "))).unwrap();
    let mut lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells = row.iter().zip(&columns).map(|(cell, column)| (column, cell));
            cells
                .filter(|(column, _)| column.name != "ingestion_tstamp" && column.name != "load_tstamp")
                .map(|(column, cell)| format!("{}={}", column.name, normal(cell.as_deref(), &column.ty)))
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect();
    lines.sort();
    lines
}

fn normal(cell: Option<&str>, ty: &str) -> String {
    let Some(cell) = cell else { return "NULL".to_owned() };
    if ty == "boolean" {
        return if cell == "t" { "1".to_owned() } else { "0".to_owned() };
    }
    // Databases print timestamps with more or fewer zeros.
    let is_time = cell.len() >= 19 && cell.as_bytes()[4] == b'-' && cell.as_bytes()[13] == b':';
    if is_time && cell.contains('.') {
        return cell.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let is_text = ty.starts_with("char") || ty == "text" || ty == "TEXT";
    match cell.parse::<f64>() {
        Ok(number) if !is_text => number.to_string(),
        _ => cell.trim_end_matches(' ').to_owned(),
    }
}
