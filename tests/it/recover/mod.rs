//! `thresh recover` through the built binary.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

mod docs;
mod exported;
mod places;
mod round_trip;
mod rows;

const BADROWS: &str = "iglu:com.snowplowanalytics.snowplow.badrows";

/// A folder of one test.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> World {
        World { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn thresh(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(self.folder.path()).args(arguments).env_remove("RUST_LOG");
        command.output().unwrap()
    }

    /// Runs a command that must succeed; its summary.
    fn summary(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.extend(["--summary", "json", "--progress", "off", "--threads", "2"]);
        let output = self.thresh(&all);
        assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// `recover` with the usual places.
    fn recover(&self, input: &str, rules: &[&str], more: &[&str]) -> Value {
        let mut all = vec!["recover", input];
        all.extend(rules);
        all.extend(["--output", "out", "--failed", "failed", "--unrecoverable", "unrecoverable", "--run-id", "r"]);
        all.extend(more);
        self.summary(&all)
    }

    /// All lines of the parts directly in a run folder.
    fn lines(&self, folder: &str) -> Vec<String> {
        let mut parts: Vec<PathBuf> = match std::fs::read_dir(self.path(folder)) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).filter(|path| is_part(path)).collect(),
            Err(_) => Vec::new(),
        };
        parts.sort();
        parts.iter().flat_map(|part| plain(part).lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }
}

fn is_part(path: &Path) -> bool {
    path.is_file() && path.file_name().unwrap().to_string_lossy().starts_with("part-")
}

fn plain(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let mut text = String::new();
    match bytes.starts_with(&[0x1F, 0x8B]) {
        true => drop(flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap()),
        false => text = String::from_utf8(bytes).unwrap(),
    }
    text
}

fn flows(data: &Value) -> String {
    json!({"schema": "iglu:com.snowplowanalytics.snowplow/recoveries/jsonschema/4-0-0", "data": data}).to_string()
}

fn bad_row(name: &str, data: &Value) -> String {
    json!({"schema": format!("{BADROWS}/{name}/jsonschema/1-0-0"), "data": data}).to_string()
}

/// A request that one flow can mend: its `e` says what it is.
fn adapter_failure(e: &str) -> String {
    let payload = json!({"vendor": "com.snowplowanalytics.snowplow", "version": "tp2",
        "querystring": [{"name": "e", "value": e}], "collector": "c", "encoding": "UTF-8", "headers": [],
        "timestamp": "2020-06-08T11:26:50.123Z"});
    let failure = json!({"timestamp": "2020-06-08T11:26:51Z", "messages": []});
    bad_row("adapter_failures", &json!({"processor": {}, "failure": failure, "payload": payload}))
}

fn mending_flow() -> String {
    flows(&json!({format!("{BADROWS}/adapter_failures/jsonschema/*-*-*"): [
        {"name": "mend", "conditions": [{"op": "Test", "path": "$.payload.querystring.e", "value": {"value": "wrong"}}],
         "steps": [{"op": "Replace", "path": "$.querystring.e", "value": "pv"}]},
        {"name": "break", "conditions": [{"op": "Test", "path": "$.payload.querystring.e", "value": {"value": "broken"}}],
         "steps": [{"op": "Replace", "path": "$.no.such.field", "value": "x"}]}]}))
}

/// A resolver with no repositories but the embedded one.
fn empty_resolver(world: &World) -> String {
    let config = json!({"schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
        "data": {"cacheSize": 500, "repositories": []}});
    world.write("resolver.json", &config.to_string()).display().to_string()
}
