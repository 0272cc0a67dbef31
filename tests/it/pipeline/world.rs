//! A pipeline with everything it needs, on disk or on S3, and the runner that works on it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use thresh::load::target::OpenOptions;
use thresh::load::{TargetConfig, open};
use thresh::run::Manifest;
use thresh::storage::{Location, Precondition, Storage, StorageOptions};

use crate::support::s3::{BUCKET, FakeS3};

const CLICK: &str = r#"{"self":{"vendor":"com.acme","name":"click","format":"jsonschema","version":"1-0-0"},"type":"object","properties":{"target":{"type":"string","maxLength":64},"x":{"type":"integer"}},"additionalProperties":false}"#;
const RESOLVER: &str = r#"{"schema":"iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1","data":{"cacheSize":500,
    "repositories":[{"name":"Test","priority":0,"vendorPrefixes":["com.acme"],"connection":{"embedded":{"path":"registry"}}}]}}"#;
/// Options that keep every step small and off the network.
const OPTIONS: &str = r#"
[options]
enrich = ["--offline", "--threads", "1"]
shred = ["--offline", "--threads", "1"]
load = ["--offline"]
"#;

pub struct World {
    temporary: tempfile::TempDir,
    pub s3: Option<FakeS3>,
    pub storage: Storage,
    root: Location,
}

impl World {
    pub fn on_disk() -> World {
        let temporary = tempfile::tempdir().unwrap();
        let root = Location::Local(temporary.path().join("data"));
        std::fs::create_dir_all(temporary.path().join("data/in")).unwrap();
        World { temporary, s3: None, storage: Storage::new(StorageOptions::default()), root }.furnished()
    }

    pub fn on_s3() -> World {
        let s3 = FakeS3::start();
        let (storage, root) = (s3.storage(), s3.at("pipeline/"));
        World { temporary: tempfile::tempdir().unwrap(), s3: Some(s3), storage, root }.furnished()
    }

    fn furnished(self) -> World {
        let schema = self.path("registry/schemas/com.acme/click/jsonschema/1-0-0");
        std::fs::create_dir_all(schema.parent().unwrap()).unwrap();
        std::fs::write(schema, CLICK).unwrap();
        std::fs::write(self.path("resolver.json"), RESOLVER).unwrap();
        std::fs::create_dir(self.path("tmp")).unwrap();
        let target = format!("\"sqlite:{}\"", self.path("events.db").display());
        self.configure("", &target);
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// A folder of the pipeline.
    pub fn at(&self, name: &str) -> Location {
        self.root.join(name)
    }

    /// Writes the configuration; `more` goes in front of the folders.
    pub fn configure(&self, more: &str, targets: &str) {
        let at = |name: &str| format!("{:?}", self.at(name).to_string());
        let text = format!(
            "{more}\n[raw]\nin = [{}]\nprocessing = {}\narchive = {}\nformat = \"cloudfront\"\n\
             [enriched]\ngood = {}\nbad = {}\narchive = {}\n[shredded]\ngood = {}\nbad = {}\narchive = {}\n\
             [run]\nstate = {}\n[load]\ntargets = [{targets}]\n{OPTIONS}",
            at("in"),
            at("processing"),
            at("archive/raw"),
            at("enriched/good"),
            at("enriched/bad"),
            at("archive/enriched"),
            at("shredded/good"),
            at("shredded/bad"),
            at("archive/shredded"),
            at("state"),
        );
        std::fs::write(self.path("pipeline.toml"), text).unwrap();
    }

    /// A file of the collector.
    pub fn collect(&self, name: &str, bytes: &[u8]) {
        self.storage.write_all(&self.at("in").join(name), bytes, Precondition::None).unwrap();
    }

    fn environment(&self, command: &mut Command) {
        command.current_dir(self.temporary.path()).env_remove("RUST_LOG").env("TMPDIR", self.path("tmp"));
        command.env_remove("ETL_RUNNER_WEBHOOK").stdin(Stdio::null());
        for (name, value) in self.s3.iter().flat_map(FakeS3::environment) {
            command.env(name, value);
        }
    }

    fn path_style(&self) -> Option<&'static str> {
        self.s3.as_ref().map(|_| "--s3-path-style")
    }

    /// `etl-runner COMMAND` with the configuration.
    pub fn runner_command(&self, command: &str, arguments: &[&str]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/etl-runner");
        let mut runner = Command::new("bash");
        runner.arg(script).arg(command);
        if !arguments.iter().any(|argument| matches!(*argument, "--config" | "-c")) {
            runner.args(["--config", "pipeline.toml"]);
        }
        runner.args(["--resolver", "resolver.json"]).args(self.path_style()).args(arguments);
        self.environment(&mut runner);
        runner.env("THRESH", env!("CARGO_BIN_EXE_thresh")).stdout(Stdio::piped()).stderr(Stdio::piped());
        runner
    }

    /// `etl-runner run`.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.runner_command("run", arguments).output().unwrap()
    }

    /// `etl-runner run` with a thresh that fails at a command, or waits there for a file to go.
    pub fn faulty(&self, arguments: &[&str]) -> Command {
        let script = format!(
            "#!/bin/bash\ncd_of={world:?}\nif [ -e \"$cd_of/fail-$1\" ]; then echo \"error: told to fail\" >&2; exit 1; fi\n\
             if [ -e \"$cd_of/hold-$1\" ]; then touch \"$cd_of/held\"; while [ -e \"$cd_of/hold-$1\" ]; do sleep 0.05; done; fi\n\
             exec {thresh:?} \"$@\"\n",
            world = self.temporary.path().display().to_string(),
            thresh = env!("CARGO_BIN_EXE_thresh"),
        );
        let path = self.path("faulty-thresh");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut runner = self.runner_command("run", arguments);
        runner.env("THRESH", path);
        runner
    }

    /// The run that fails at a command.
    pub fn run_failing_at(&self, command: &str, arguments: &[&str]) -> Output {
        let switch = self.path(&format!("fail-{command}"));
        std::fs::write(&switch, "").unwrap();
        let output = self.faulty(arguments).output().unwrap();
        std::fs::remove_file(switch).unwrap();
        output
    }

    /// `thresh` itself, with the configuration where the command takes one.
    pub fn thresh(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.args(arguments).args(self.path_style());
        self.environment(&mut command);
        command.output().unwrap()
    }

    /// Everything below a folder of the pipeline: path and content, folders' locks and all.
    pub fn snapshot(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let objects = self.storage.list_all(&self.at(name).join("")).unwrap();
        objects
            .into_iter()
            .map(|object| (object.relative.clone(), self.storage.read_all(&object.location).unwrap()))
            .collect()
    }

    /// Names of the data objects below a folder.
    pub fn data(&self, name: &str) -> Vec<String> {
        let names = self.snapshot(name).into_keys();
        names.filter(|name| !name.rsplit('/').next().unwrap().starts_with(['_', '.'])).collect()
    }

    /// Ids of the run folders in a folder.
    pub fn run_ids(&self, name: &str) -> Vec<String> {
        let mut ids: Vec<String> = self
            .snapshot(name)
            .into_keys()
            .filter_map(|path| path.strip_prefix("run=")?.split_once('/').map(|(id, _)| id.to_owned()))
            .collect();
        ids.dedup();
        ids
    }

    pub fn manifest(&self, name: &str, id: &str) -> Manifest {
        let at = self.at(name).join(&format!("run={id}")).join("_manifest.json");
        serde_json::from_slice(&self.storage.read_all(&at).unwrap()).unwrap()
    }

    pub fn sqlite(&self) -> TargetConfig {
        TargetConfig::parse(&format!("sqlite:{}", self.path("events.db").display())).unwrap()
    }

    /// The first column of a query on the SQLite target.
    pub fn query(&self, sql: &str) -> Vec<String> {
        query(&self.sqlite(), sql)
    }

    /// Ids of all events loaded, sorted.
    pub fn loaded(&self) -> Vec<String> {
        self.query("SELECT event_id FROM events ORDER BY event_id")
    }
}

pub fn query(target: &TargetConfig, sql: &str) -> Vec<String> {
    let mut target = open(target, &OpenOptions::default()).unwrap();
    let rows = target.query(sql).unwrap();
    rows.into_iter().map(|row| row.into_iter().next().flatten().unwrap_or_default()).collect()
}

pub fn event_id(number: usize) -> String {
    format!("{number:08x}-0000-4000-8000-{number:012x}")
}

pub fn event_ids(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(event_id).collect()
}

/// CloudFront lines of page views with a context each, numbered by their event ids.
pub fn page_views(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let mut text = String::new();
    for number in numbers {
        let context = format!(
            "%7B%22schema%22%3A%22iglu%3Acom.snowplowanalytics.snowplow%2Fcontexts%2Fjsonschema%2F1-0-0%22%2C%22data%22%3A\
             %5B%7B%22schema%22%3A%22iglu%3Acom.acme%2Fclick%2Fjsonschema%2F1-0-0%22%2C%22data%22%3A%7B%22target%22%3A\
             %22t%22%2C%22x%22%3A{number}%7D%7D%5D%7D"
        );
        text.push_str(&format!(
            "2013-10-07\t23:35:30\tc\t1\t9.8.7.6\tGET\td3\t/i\t200\t-\tMozilla/5.0\t\
             e=pv&p=web&tv=js-2.0.0&aid=shop&page=P&url=http%3A%2F%2Fshop.com%2F&eid={}&co={context}\n",
            event_id(number)
        ));
    }
    text.into_bytes()
}

/// Lines that give one bad row each.
pub fn bad_lines(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| format!("2013-10-07\t23:35:30\tnonsense {number}\n").into_bytes()).collect()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The exit code must be this one.
#[track_caller]
pub fn expect(output: &Output, expected: i32) {
    assert_eq!(code(output), expected, "{}", text(output));
}

/// An S3 location of the test server.
pub fn s3_url(key: &str) -> String {
    format!("s3://{BUCKET}/{key}")
}
