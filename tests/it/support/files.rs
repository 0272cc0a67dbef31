//! Files here and on S3, commands over them, and all lines that are found anywhere.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use thresh::storage::codec::Decoder;

use super::s3::{BUCKET, FakeS3};

/// A folder, and perhaps a bucket, that commands work on.
pub struct Files {
    temporary: tempfile::TempDir,
    pub s3: Option<FakeS3>,
}

impl Files {
    pub fn local() -> Files {
        Files { temporary: tempfile::tempdir().unwrap(), s3: None }
    }

    pub fn on_s3() -> Files {
        Files { s3: Some(FakeS3::start()), ..Files::local() }
    }

    pub fn server(&self) -> &FakeS3 {
        self.s3.as_ref().unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    /// How a command is told of a place.
    pub fn at(&self, name: &str) -> String {
        if self.s3.is_some() { format!("s3://{BUCKET}/{name}") } else { name.to_owned() }
    }

    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        match &self.s3 {
            Some(s3) => s3.put(name, content.as_ref()),
            None => {
                let path = self.path(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
        self
    }

    pub fn get(&self, name: &str) -> Vec<u8> {
        self.all("").remove(name).unwrap_or_else(|| panic!("{name} is not there: {:?}", self.names("")))
    }

    /// Names below a folder, without the folder, and contents. Names of temporary files are left out.
    pub fn all(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        match &self.s3 {
            Some(s3) => {
                let state = s3.state();
                let below = state.objects.iter().filter_map(|(key, stored)| Some((key.strip_prefix(&prefix)?, stored)));
                found.extend(below.map(|(key, stored)| (key.to_owned(), stored.bytes.to_vec())));
            }
            None => collect(&self.path(folder), "", &mut found),
        }
        found
    }

    pub fn names(&self, folder: &str) -> Vec<String> {
        self.all(folder).into_keys().collect()
    }

    /// Whether a local write was left unfinished anywhere.
    pub fn has_temporary(&self) -> bool {
        fn any(folder: &Path) -> bool {
            let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let is_temporary = |path: &Path| path.file_name().unwrap().to_str().unwrap().starts_with(".thresh-");
            entries.into_iter().any(|path| is_temporary(&path) || (path.is_dir() && any(&path)))
        }
        any(self.temporary.path())
    }

    /// All lines of the data below a folder, sorted. A file that cannot be decoded counts as one line of its bytes.
    pub fn lines(&self, folder: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, stored) in self.all(folder) {
            let last = name.rsplit('/').next().unwrap();
            let control = matches!(last, "_SUCCESS" | "_manifest.json" | "_archive.json") || last.ends_with(".index");
            if control || name.contains("_journal/") || last.starts_with("_lock") {
                continue;
            }
            match decode(&stored, &name) {
                Ok(plain) => lines.extend(String::from_utf8_lossy(&plain).lines().map(str::to_owned)),
                Err(_) => lines.push(format!("undecodable {stored:?}")),
            }
        }
        lines.sort();
        lines
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.current_dir(self.temporary.path()).env_remove("RUST_LOG").args(arguments);
        command.args(["--progress", "off"]);
        if let Some(s3) = &self.s3 {
            command.envs(s3.environment()).arg("--s3-path-style");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that must end with this code; gives what it printed, errors included.
    pub fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}");
        text
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.get(name)).unwrap()
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else if !entry.file_name().to_str().unwrap().starts_with(".thresh-") {
            // A command may be at work here.
            match std::fs::read(entry.path()) {
                Ok(bytes) => drop(files.insert(name, bytes)),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound),
            }
        }
    }
}

pub fn decode(stored: &[u8], name: &str) -> std::io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    Decoder::whole(stored.to_vec(), name).map_err(std::io::Error::from)?.read_to_end(&mut plain)?;
    Ok(plain)
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub fn lzop(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = thresh::storage::codec::LzopEncoder::with_checksums(1, true, 0, &mut out);
    encoder.append(plain, &mut out);
    encoder.finish(&mut out);
    out
}

/// Kills the command at moments of its life that are chosen by what it has done, not by the clock: after each count of
/// requests or, for local files, of objects it made. Returns how often it was still running.
pub fn kill_at(files: &Files, arguments: &[&str], moments: impl Iterator<Item = usize>) -> usize {
    let mut killed = 0;
    for moment in moments {
        let done = |files: &Files| match &files.s3 {
            Some(s3) => s3.state().log.len(),
            None => files.names("").len(),
        };
        let before = done(files);
        let mut child = files.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        loop {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            if done(files).abs_diff(before) >= moment {
                child.kill().unwrap();
                child.wait().unwrap();
                killed += 1;
                break;
            }
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }
    killed
}
