//! `thresh enrich` through the built binary: exit codes, messages, signals, memory.

mod codes;
mod damage;
mod same_records;
mod signals;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Folders of a test, and the command that works on them.
pub struct World {
    temporary: tempfile::TempDir,
}

impl World {
    pub fn new() -> World {
        let world = World { temporary: tempfile::tempdir().unwrap() };
        let resolver = r#"{"schema":"iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
            "data":{"cacheSize":500,"repositories":[]}}"#;
        std::fs::write(world.path("resolver.json"), resolver).unwrap();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    pub fn input(&self, name: &str, bytes: &[u8]) -> &Self {
        let path = self.path("in").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    /// `enrich` with everything that is required, but for inputs.
    pub fn command(&self) -> Command {
        let mut command = self.online();
        command.arg("--offline");
        command
    }

    /// `enrich` that may use the network; caches are the test's own.
    pub fn online(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(self.temporary.path()).env_remove("RUST_LOG").env("XDG_CACHE_HOME", self.path("cache"));
        command.args(["enrich", "--output", "good", "--bad", "bad", "--resolver", "resolver.json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    pub fn run_folder(&self, output: &str, run_id: &str) -> PathBuf {
        self.path(output).join(format!("run={run_id}"))
    }

    pub fn is_complete(&self, run_id: &str) -> bool {
        self.run_folder("good", run_id).join("_SUCCESS").exists()
    }

    /// All lines of an output, part by part.
    pub fn lines(&self, output: &str, run_id: &str) -> Vec<String> {
        let mut names: Vec<PathBuf> = std::fs::read_dir(self.run_folder(output, run_id))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| file_name(path).starts_with("part-"))
            .collect();
        names.sort();
        let mut text = String::new();
        for name in names {
            let stored = std::fs::File::open(name).unwrap();
            std::io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(stored), &mut text).unwrap();
        }
        text.lines().map(str::to_owned).collect()
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

pub fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// CloudFront lines of page views, numbered by their event ids.
pub fn page_views(numbers: std::ops::Range<usize>) -> Vec<u8> {
    let mut text = String::new();
    for number in numbers {
        text.push_str(&format!(
            "2013-10-07\t23:35:30\tc\t1\t9.8.7.6\tGET\td3\t/i\t200\t-\tMozilla/5.0\t\
             e=pv&p=web&tv=js-2.0.0&aid=shop&page=P&url=http%3A%2F%2Fshop.com%2F&eid={:08x}-0000-4000-8000-{number:012x}\n",
            number
        ));
    }
    text.into_bytes()
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, plain).unwrap();
    encoder.finish().unwrap()
}
