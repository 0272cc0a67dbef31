//! `thresh to-json`: enriched events → the Analytics SDK's JSON, one object a line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Args;

use super::batch::{BatchArgs, BatchPlan, Opened};
use super::{CliError, Exit, StorageArgs};
use crate::badrow::{
    BadRowConfig, BadRowFormat, BadRowWriter, ParsingFailure, Processor, RecordSource, RowDecodingFailure,
};
use crate::event::read::ReadError;
use crate::pipeline::{
    Counted, Framer, Framing, LineFramer, OutputBuffer, OutputSpec, PartBuffers, Segment, Stage, Unusable, Worker,
    guard,
};
use crate::report::Counters;
use crate::run::now_millis;
use crate::sdk::{Document, ToJson, next_record};
use crate::storage::{Location, ObjectMeta};

/// Arguments of `to-json`.
#[derive(Clone, Debug, Args)]
pub struct ToJsonArgs {
    /// Files, folders or prefixes of enriched events; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Where documents go: <output>/run=ID/
    #[arg(long, value_name = "LOC")]
    pub output: Location,
    /// Where lines that are no events go, as bad rows: <bad>/run=ID/ [default: they are only counted]
    #[arg(long, value_name = "LOC")]
    pub bad: Option<Location>,
    /// Options of the run.
    #[command(flatten)]
    pub batch: BatchArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Runs the command.
pub fn run(args: &ToJsonArgs) -> Result<Exit, CliError> {
    if args.bad.as_ref() == Some(&args.output) {
        return Err(CliError::usage("--output and --bad must be different locations"));
    }
    let mut outputs = vec![("json", args.output.clone())];
    let mut specs = vec![OutputSpec::new("json", 0, "jsonl", Counted::EventsGood)];
    if let Some(bad) = &args.bad {
        outputs.push(("bad", bad.clone()));
        specs.push(OutputSpec::new("bad", 1, "jsonl", Counted::BadRows));
    }
    let plan = BatchPlan {
        command: "to-json",
        batch: &args.batch,
        storage: &args.storage,
        inputs: &args.inputs,
        outputs,
        configuration: BTreeMap::new(),
    };
    let batch = match plan.open()? {
        Opened::Run(batch) => *batch,
        Opened::Finished(exit) => return Ok(exit),
    };
    let processor = Processor { artifact: "thresh-to-json".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let job = ToJsonJob {
        bad_rows: BadRowConfig { processor, format: BadRowFormat::V2, max_size: None },
        writes_bad: args.bad.is_some(),
        warned: AtomicU32::new(0),
    };
    let sink = batch.part_sink(specs);
    batch.execute(&&job, &sink)
}

struct ToJsonJob {
    bad_rows: BadRowConfig,
    writes_bad: bool,
    warned: AtomicU32,
}

/// So many bad lines are named in the log.
const MOST_WARNINGS: u32 = 5;

impl<'j> Stage for &'j ToJsonJob {
    type Format = ();
    type Buffers = PartBuffers;
    type Worker = ToJsonWorker<'j>;

    fn open(&self, _object: &ObjectMeta, _head: &[u8]) -> Result<Framing<()>, String> {
        Ok(Framing { format: (), framer: Box::<RecordFramer>::default() })
    }

    fn worker(&self) -> Result<ToJsonWorker<'j>, String> {
        Ok(ToJsonWorker { job: self, writer: ToJson::default() })
    }
}

/// Lines, but a JSON column may be spread over several.
#[derive(Default)]
struct RecordFramer {
    lines: LineFramer,
}

impl Framer for RecordFramer {
    fn cut(&mut self, bytes: &[u8], last: bool) -> usize {
        let mut at = 0;
        while let Some((taken, _)) = next_record(&bytes[at..], last).filter(|(taken, _)| *taken > 0) {
            at += taken;
        }
        at
    }

    fn skip(&mut self, prefix: &[u8], passed: u64, bytes: &[u8]) -> Option<usize> {
        self.lines.skip(prefix, passed, bytes)
    }
}

/// The records of a segment.
fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (taken, length) = next_record(rest, true).filter(|(taken, _)| *taken > 0)?;
        let record = &rest[..length];
        rest = &rest[taken..];
        Some(record)
    })
}

impl ToJsonJob {
    fn json<'o>(&self, out: &'o mut PartBuffers) -> &'o mut OutputBuffer {
        if self.writes_bad {
            let [json, _] = out.all();
            json
        } else {
            let [json] = out.all();
            json
        }
    }
}

struct ToJsonWorker<'j> {
    job: &'j ToJsonJob,
    writer: ToJson,
}

impl Worker<(), PartBuffers> for ToJsonWorker<'_> {
    fn process(&mut self, segment: &Segment<'_, ()>, out: &mut PartBuffers, counters: &mut Counters) {
        for line in records(segment.bytes) {
            let text = String::from_utf8_lossy(line);
            let written = guard(out, |out| {
                let buffer = self.job.json(out);
                let document = self.writer.write(&text, &mut buffer.bytes);
                buffer.records += u64::from(matches!(document, Document::Written));
                document
            });
            counters.records_in += 1;
            let failure = match written {
                Ok(Document::Written) => {
                    counters.records_good_source += 1;
                    counters.events_good += 1;
                    continue;
                }
                Ok(Document::Unreadable(ReadError::NotTsv)) => ParsingFailure::NotTsv,
                Ok(Document::Unreadable(ReadError::ColumnCount(field_count))) => {
                    ParsingFailure::FieldNumberMismatch { field_count }
                }
                Ok(Document::Invalid(messages)) => unhandled(messages),
                Err(message) => {
                    self.writer = ToJson::default();
                    unhandled(vec![message])
                }
            };
            self.bad(&segment.object.relative, &text, &failure, out, counters);
        }
    }

    fn unusable(&mut self, segment: &Segment<'_, ()>, why: Unusable, out: &mut PartBuffers, counters: &mut Counters) {
        counters.records_in += 1;
        let shown = &segment.bytes[..segment.bytes.len().min(1024)];
        let failure = unhandled(vec![format!("{why:?}")]);
        self.bad(&segment.object.relative, &String::from_utf8_lossy(shown), &failure, out, counters);
    }
}

fn unhandled(messages: Vec<String>) -> ParsingFailure<'static> {
    let failure = |message: String| RowDecodingFailure::Unhandled { message: Cow::Owned(message) };
    ParsingFailure::RowDecodingError(messages.into_iter().map(failure).collect())
}

impl ToJsonWorker<'_> {
    fn bad(
        &self,
        object: &str,
        line: &str,
        failure: &ParsingFailure<'_>,
        out: &mut PartBuffers,
        counters: &mut Counters,
    ) {
        counters.records_bad_source += 1;
        if self.job.writes_bad {
            let [_, buffer] = out.all();
            let record = RecordSource::Line(line);
            BadRowWriter::new(&self.job.bad_rows, record, now_millis(), &mut buffer.bytes)
                .loader_parsing_error(failure);
            buffer.records += 1;
            counters.bad_rows += 1;
        } else if self.job.warned.fetch_add(1, Ordering::Relaxed) < MOST_WARNINGS {
            tracing::warn!(object, ?failure, "a line is no enriched event; --bad LOC keeps such lines");
        }
    }
}
