//! `thresh inspect`: what is in folders of raw, enriched, shredded or bad data, by looking into some of the objects.

mod kind;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;

use clap::Args;
use serde_json::json;

use self::kind::{Kind, Span, look};
use super::batch::{SummaryArg, print};
use super::{CliError, Exit, StorageArgs};
use crate::report::{bytes_text, count_text, parse_bytes};
use crate::run::utc_text;
use crate::shred::COMPLETE_FILE;
use crate::storage::codec::is_lzop_index;
use crate::storage::{Location, Names, ObjectMeta, Storage, StorageError};

/// Arguments of `inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectArgs {
    /// Files, folders or prefixes
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<Location>,
    /// Objects of each input that are looked into, spread over all there are
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub sample: usize,
    /// Plain bytes of each object that are looked at
    #[arg(long, value_name = "SIZE", default_value = "16MiB", value_parser = parse_bytes)]
    pub sample_bytes: u64,
    /// The form of what is printed
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT")]
    pub summary: SummaryArg,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// What an input holds.
#[derive(Default)]
struct Contents {
    objects: u64,
    bytes: u64,
    modified: Span,
    /// Run folders, and whether they have `_SUCCESS`.
    runs: BTreeMap<String, bool>,
    sampled: u64,
    /// By kind and codec.
    kinds: BTreeMap<(Kind, &'static str), Sample>,
    unreadable: Vec<String>,
}

/// Objects of one kind that were looked into.
#[derive(Default)]
struct Sample {
    objects: u64,
    records: u64,
    times: Span,
    /// Whether some were too large to be read whole.
    cut: bool,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> Result<Exit, CliError> {
    let storage = args.storage.storage();
    let mut found = Vec::new();
    for input in &args.inputs {
        found.push((input, inspect(&storage, input, args)?));
    }
    let text = match args.summary {
        SummaryArg::Text => found.iter().map(|(input, contents)| as_text(input, contents)).collect(),
        SummaryArg::Json => {
            let inputs: Vec<_> = found.iter().map(|(input, contents)| as_json(input, contents)).collect();
            format!("{}\n", json!({ "inputs": inputs }))
        }
    };
    print(&text)?;
    let nothing = found.iter().all(|(_, contents)| contents.objects == 0 && contents.runs.is_empty());
    Ok(if nothing { Exit::NoData } else { Exit::Done })
}

fn inspect(storage: &Storage, input: &Location, args: &InspectArgs) -> Result<Contents, CliError> {
    let mut contents = Contents::default();
    let mut spread = Spread::new(args.sample);
    let listed = storage.visit(input, Names::All, &mut |object| {
        if let Some(id) = run_of(&object) {
            let whole = contents.runs.entry(id).or_default();
            *whole |= object.location.file_name() == crate::run::SUCCESS;
        }
        let marker = is_lzop_index(&object.relative) || object.location.file_name() == COMPLETE_FILE;
        if Names::Data.include(&object.relative, object.size) && !marker {
            contents.objects += 1;
            contents.bytes += object.size;
            object.modified.into_iter().for_each(|time| contents.modified.add(time));
            spread.offer(object);
        }
        true
    });
    match listed {
        Err(StorageError::NotFound { .. }) => return Ok(contents),
        listed => listed?,
    }
    for object in spread.chosen() {
        contents.sampled += 1;
        if let Err(error) = look_into(storage, &object, args.sample_bytes, &mut contents) {
            contents.unreadable.push(error.to_string());
        }
    }
    Ok(contents)
}

/// The innermost run folder of an object.
fn run_of(object: &ObjectMeta) -> Option<String> {
    let text = object.location.to_string();
    let (folders, _) = text.rsplit_once('/')?;
    let start = folders.rfind("/run=")? + "/run=".len();
    folders[start..].split('/').next().map(str::to_owned)
}

fn look_into(storage: &Storage, object: &ObjectMeta, limit: u64, contents: &mut Contents) -> Result<(), StorageError> {
    let failed = |error| StorageError::from_io(&object.location, error);
    let decoder = storage.open_decoded(object)?;
    let codec = decoder.codec().name();
    let mut bytes = Vec::new();
    let read = decoder.take(limit + 1).read_to_end(&mut bytes).map_err(failed);
    let whole = bytes.len() as u64 <= limit && read.is_ok();
    bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    for (kind, records, times) in look(&bytes, &object.location.to_string(), whole) {
        let sample = contents.kinds.entry((kind, codec)).or_default();
        sample.objects += 1;
        sample.records += records;
        sample.times.join(times);
        sample.cut |= !whole;
    }
    read.map(|_| ())
}

/// Objects spread evenly over a listing of unknown length: every n-th, n doubling whenever there are too many.
struct Spread {
    most: usize,
    step: u64,
    seen: u64,
    chosen: Vec<ObjectMeta>,
}

impl Spread {
    fn new(most: usize) -> Spread {
        Spread { most: most.max(1), step: 1, seen: 0, chosen: Vec::new() }
    }

    fn offer(&mut self, object: ObjectMeta) {
        if self.seen.is_multiple_of(self.step) {
            if self.chosen.len() == self.most * 2 {
                let mut keep = false;
                self.chosen.retain(|_| {
                    keep = !keep;
                    keep
                });
                self.step *= 2;
            }
            if self.seen.is_multiple_of(self.step) {
                self.chosen.push(object);
            }
        }
        self.seen += 1;
    }

    fn chosen(self) -> Vec<ObjectMeta> {
        let (count, most) = (self.chosen.len(), self.most);
        let wanted = |index: usize| count <= most || (index * most) / count != ((index + 1) * most) / count;
        self.chosen.into_iter().enumerate().filter(|(index, _)| wanted(*index)).map(|(_, object)| object).collect()
    }
}

fn span_text(span: Span) -> String {
    match span.0 {
        None => "-".to_owned(),
        Some((first, last)) => {
            let text = |millis| utc_text(millis, "%Y-%m-%d %H:%M:%S");
            format!("{} to {}", text(first), text(last))
        }
    }
}

fn as_text(input: &Location, contents: &Contents) -> String {
    let (objects, bytes) = (count_text(contents.objects), bytes_text(contents.bytes));
    let mut text = format!("{input}\n  objects  {objects}, {bytes}, modified {}\n", span_text(contents.modified));
    if !contents.runs.is_empty() {
        let unfinished = contents.runs.values().filter(|whole| !**whole).count();
        let (first, last) = (contents.runs.keys().next(), contents.runs.keys().next_back());
        let _ = writeln!(
            text,
            "  runs     {}, {} to {}; {unfinished} without _SUCCESS",
            count_text(contents.runs.len() as u64),
            first.map_or("", String::as_str),
            last.map_or("", String::as_str),
        );
    }
    for ((kind, codec), sample) in &contents.kinds {
        let at_least = if sample.cut { "more than " } else { "" };
        let _ = writeln!(
            text,
            "  {kind}, {codec}: {at_least}{} records in {} objects; {}",
            count_text(sample.records),
            count_text(sample.objects),
            span_text(sample.times),
        );
    }
    if contents.sampled < contents.objects {
        let _ = writeln!(text, "  looked into {} of {objects} objects", count_text(contents.sampled));
    }
    for problem in &contents.unreadable {
        let _ = writeln!(text, "  not readable: {problem}");
    }
    text
}

fn as_json(input: &Location, contents: &Contents) -> serde_json::Value {
    let span = |span: Span| {
        let text = |millis| utc_text(millis, "%Y-%m-%dT%H:%M:%S%.3fZ");
        span.0.map(|(first, last)| json!({"first": text(first), "last": text(last)}))
    };
    let kinds: Vec<_> = contents
        .kinds
        .iter()
        .map(|((kind, codec), sample)| {
            json!({
                "kind": kind.to_string(), "codec": codec, "objects": sample.objects, "records": sample.records,
                "times": span(sample.times), "cut": sample.cut,
            })
        })
        .collect();
    let unfinished: Vec<&String> = contents.runs.iter().filter(|(_, whole)| !**whole).map(|(id, _)| id).collect();
    json!({
        "input": input.to_string(), "objects": contents.objects, "bytes": contents.bytes,
        "modified": span(contents.modified), "runs": contents.runs.len(), "runs_without_success": unfinished,
        "sampled": contents.sampled, "kinds": kinds, "unreadable": contents.unreadable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_over_the_listing() {
        for (count, most) in [(0, 5), (3, 5), (5, 5), (6, 5), (11, 5), (1000, 20), (1001, 7)] {
            let mut spread = Spread::new(most);
            for index in 0..count {
                let location = Location::Local(index.to_string().into());
                let meta = ObjectMeta { location, relative: String::new(), size: 1, etag: None, modified: None };
                spread.offer(meta);
            }
            let chosen: Vec<usize> =
                spread.chosen().iter().map(|object| object.location.to_string().parse().unwrap()).collect();
            assert_eq!(chosen.len(), count.min(most), "{count} {most}: {chosen:?}");
            if count > most {
                let gaps = chosen.windows(2).map(|pair| pair[1] - pair[0]);
                assert!(gaps.max().unwrap_or(0) <= 4 * count / most, "{chosen:?}");
            }
        }
    }
}
