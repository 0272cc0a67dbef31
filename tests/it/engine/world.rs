//! A folder of inputs, two outputs, and a stage that is simple enough to know what must come out.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use thresh::pipeline::{
    Cancel, Counted, Encoding, Engine, EngineError, EngineOptions, Framing, LineFramer, Outcome, OutputSpec,
    PartBuffers, PartSink, Segment, Stage, Unusable, Worker, guard, lines, pack,
};
use thresh::report::{Counters, Meter};
use thresh::run::{Opening, Run, RunError, RunRequest};
use thresh::storage::codec::GzipMembers;
use thresh::storage::{Location, Storage, StorageOptions};

pub const GZIP: Encoding = Encoding::Gzip { members: GzipMembers::Many, level: 1 };

/// Lines in upper case. A line with `BAD` gives a bad row, one with `TWICE` two events, one with `#` in front nothing,
/// one with `PANIC` panics after half of its output.
pub struct Upper {
    /// Called for every line.
    pub on_line: fn(&[u8]),
}

pub struct UpperWorker {
    on_line: fn(&[u8]),
}

impl Stage for Upper {
    type Format = ();
    type Buffers = PartBuffers;
    type Worker = UpperWorker;

    fn open(&self, _: &thresh::storage::ObjectMeta, head: &[u8]) -> Result<Framing<()>, String> {
        if head.starts_with(b"%UNREADABLE") {
            return Err("no known format".to_owned());
        }
        Ok(Framing { format: (), framer: Box::new(LineFramer::default()) })
    }

    fn worker(&self) -> Result<UpperWorker, String> {
        Ok(UpperWorker { on_line: self.on_line })
    }
}

impl Worker<(), PartBuffers> for UpperWorker {
    fn process(&mut self, segment: &Segment<'_, ()>, out: &mut PartBuffers, counters: &mut Counters) {
        for line in lines(segment.bytes) {
            (self.on_line)(line);
            counters.records_in += 1;
            match guard(out, |out| transform(line, out)) {
                Ok(fate) => fate(counters),
                Err(message) => {
                    assert!(message.contains("as asked"), "{message}");
                    bad_row(b"panicked: ", line, out);
                    counters.records_bad_source += 1;
                    counters.bad_rows += 1;
                    counters.count("panics", 1);
                }
            }
        }
    }

    fn unusable(&mut self, segment: &Segment<'_, ()>, why: Unusable, out: &mut PartBuffers, counters: &mut Counters) {
        let Unusable::Oversized { length, .. } = why else { panic!("text has no incomplete records") };
        bad_row(format!("oversized {length}: ").as_bytes(), &segment.bytes[..20], out);
        counters.records_in += 1;
        counters.records_bad_source += 1;
        counters.bad_rows += 1;
    }
}

type Fate = fn(&mut Counters);

fn transform(line: &[u8], out: &mut PartBuffers) -> Fate {
    let has = |word: &[u8]| line.windows(word.len()).any(|window| window == word);
    if line.starts_with(b"#") {
        return |counters| counters.records_ignored += 1;
    }
    if has(b"BAD") {
        bad_row(b"bad: ", line, out);
        return |counters| {
            counters.records_bad_source += 1;
            counters.bad_rows += 1;
        };
    }
    let times = if has(b"TWICE") { 2 } else { 1 };
    let [good, _] = out.all();
    for _ in 0..times {
        good.bytes.extend(line.iter().map(u8::to_ascii_uppercase));
        if has(b"PANIC") {
            panic!("as asked");
        }
        good.bytes.push(b'\n');
        good.records += 1;
    }
    if times == 2 {
        |counters| {
            counters.records_good_source += 1;
            counters.events_good += 2;
        }
    } else {
        |counters| {
            counters.records_good_source += 1;
            counters.events_good += 1;
        }
    }
}

fn bad_row(why: &[u8], line: &[u8], out: &mut PartBuffers) {
    let [_, bad] = out.all();
    bad.bytes.extend_from_slice(why);
    bad.bytes.extend_from_slice(line);
    bad.bytes.push(b'\n');
    bad.records += 1;
}

/// Where a test lives.
pub struct World {
    _temporary: Option<tempfile::TempDir>,
    pub root: PathBuf,
    pub options: EngineOptions,
    pub encoding: Encoding,
    pub split_size: u64,
    pub resume: bool,
    pub run_id: &'static str,
    pub on_line: fn(&[u8]),
    pub cancel: Cancel,
}

impl World {
    pub fn new() -> World {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().to_owned();
        World { _temporary: Some(temporary), ..World::at(root) }
    }

    /// A world that another process made.
    pub fn at(root: PathBuf) -> World {
        World {
            _temporary: None,
            root,
            options: EngineOptions { threads: 2, ..EngineOptions::default() },
            encoding: GZIP,
            split_size: 1 << 20,
            resume: false,
            run_id: "r",
            on_line: |_| {},
            cancel: Cancel::default(),
        }
    }

    pub fn input(&self, name: &str, bytes: &[u8]) -> &Self {
        let path = self.root.join("in").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
        self
    }

    pub fn location(&self, name: &str) -> Location {
        Location::Local(self.root.join(name))
    }

    pub fn open(&self) -> Result<(Opening, Vec<thresh::storage::ObjectMeta>, Storage), RunError> {
        let storage = Storage::new(StorageOptions::default());
        let objects = storage.list(&[self.location("in")]).unwrap();
        let opening = Run::open(RunRequest {
            storage: &storage,
            command: "test",
            run_id: &self.run_id.parse().unwrap(),
            outputs: &[self.location("good"), self.location("bad")],
            resume: self.resume,
            redo_changed: false,
            arguments: Vec::new(),
            configuration: BTreeMap::new(),
            inputs: &objects,
            splits: pack(&objects, self.split_size),
            transfer: None,
        })?;
        Ok((opening, objects, storage))
    }

    pub fn try_run(&self) -> Result<Outcome, EngineError> {
        self.try_run_with(&Upper { on_line: self.on_line })
    }

    pub fn try_run_with<S: Stage<Buffers = PartBuffers>>(&self, stage: &S) -> Result<Outcome, EngineError> {
        let (opening, objects, storage) = self.open()?;
        let run = match opening {
            Opening::Active(run) => *run,
            Opening::Complete(manifest) => return Ok(Outcome { manifest: *manifest, resumed: usize::MAX }),
        };
        let specs = vec![
            OutputSpec::new("good", 0, "txt", Counted::EventsGood),
            OutputSpec::new("bad", 1, "txt", Counted::BadRows),
        ];
        let sink = PartSink::new(&run, specs, self.encoding, self.options.threads);
        let engine = Engine {
            stage,
            sink: &sink,
            storage: &storage,
            objects: &objects,
            options: self.options,
            cancel: &self.cancel,
            meter: &Meter::default(),
        };
        engine.execute(run)
    }

    pub fn run(&self) -> Outcome {
        self.try_run().unwrap()
    }

    pub fn folder(&self, output: &str) -> PathBuf {
        self.root.join(output).join(format!("run={}", self.run_id))
    }

    /// Names and stored bytes of what is in a run folder, in order.
    pub fn files(&self, output: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.folder(output), "", &mut files);
        files
    }

    pub fn names(&self, output: &str) -> Vec<String> {
        self.files(output).into_keys().collect()
    }

    /// All lines of an output, part by part.
    pub fn lines(&self, output: &str) -> Vec<String> {
        let mut text = String::new();
        for (name, bytes) in self.files(output).iter().filter(|(name, _)| name.starts_with("part-")) {
            if name.ends_with(".gz") {
                flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
            } else {
                text.push_str(std::str::from_utf8(bytes).unwrap());
            }
            assert!(text.is_empty() || text.ends_with('\n'), "{name} ends within a line");
        }
        text.lines().map(str::to_owned).collect()
    }
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// `count` different lines, some of them special.
pub fn sample(count: usize) -> Vec<String> {
    let line = |index: usize| match index % 50 {
        7 => format!("# comment {index}"),
        13 => format!("line {index} is BAD"),
        21 => format!("line {index} comes TWICE"),
        33 => format!("line {index} makes it PANIC"),
        _ => format!("line {index} with some text that goes on for a while: {}", index.wrapping_mul(2_654_435_761)),
    };
    (0..count).map(line).collect()
}

/// What must come out for [`sample`]: good lines and bad lines, in order.
pub fn expected(sample: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for line in sample {
        if line.starts_with('#') {
        } else if line.contains("PANIC") {
            bad.push(format!("panicked: {line}"));
        } else if line.contains("BAD") {
            bad.push(format!("bad: {line}"));
        } else {
            let times = if line.contains("TWICE") { 2 } else { 1 };
            good.extend(std::iter::repeat_n(line.to_ascii_uppercase(), times));
        }
    }
    (good, bad)
}

pub fn text(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}
