//! `thresh-loadgen`: realistic raw collector logs, enriched events and bad rows from a seed. Same plan, same bytes, on
//! every machine.

mod badrows;
mod catalogue;
mod enriched;
mod entities;
mod event;
mod faults;
mod mmdb;
mod plan;
mod random;
mod records;
pub mod registry;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

pub use event::{Event, EventKind, Mix, next_event};
pub use faults::{ALL_FAULTS, Fault};
pub use plan::{Compression, FileSizes, LogFormat, PRESETS, Plan, preset};
pub use random::{Random, Zipf};
pub use records::{Request, post_body, querystring, write_cloudfront};
pub use world::World;

use badrows::BadRows;
use enriched::EnrichedEvents;

use crate::raw::SerializedBlockWriter;
use crate::storage::codec::{GzipEncoder, GzipMembers, LzopEncoder};

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Requests, one record each.
    pub records: u64,
    /// Events in them.
    pub events: u64,
    /// Bytes before compression.
    pub plain_bytes: u64,
    /// Bytes on disk.
    pub stored_bytes: u64,
    /// Spoilt records, duplicates or generations of bad rows, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Name, records, bytes on disk and SHA-256 of each file.
    pub files: Vec<(String, u64, u64, String)>,
}

/// Generates the logs of a plan into a folder, with a `_loadgen.json` that says what they hold.
pub fn generate(plan: &Plan, folder: &Path) -> io::Result<Written> {
    std::fs::create_dir_all(folder)?;
    let world = World::new(plan.seed, plan.users, plan.agents);
    let mut random = Random::new(plan.seed, 2);
    let mut written = Written::default();
    let mut records_of = Records::of(plan);
    let mut millis = plan.start;
    for (index, events) in plan.events_per_file().into_iter().enumerate() {
        let mut file = FileBuilder::new(plan);
        let mut left = events;
        let mut records = 0;
        while left > 0 {
            millis += plan.interval;
            left -= records_of.write(plan, &world, millis, left, &mut random, &mut file, &mut written);
            records += 1;
        }
        let name = file_name(plan, index, millis);
        let (plain, stored) = file.finish();
        let digest: String = Sha256::digest(&stored).iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(folder.join(&name), &stored)?;
        written.plain_bytes += plain;
        written.stored_bytes += stored.len() as u64;
        written.records += records;
        written.events += events;
        written.files.push((name, records, stored.len() as u64, digest));
    }
    records_of.tell(&mut written);
    std::fs::write(folder.join("_loadgen.json"), manifest(plan, &written))?;
    Ok(written)
}

/// Where records come from.
enum Records {
    Requests,
    Enriched(EnrichedEvents),
    BadRows(BadRows),
}

impl Records {
    fn of(plan: &Plan) -> Records {
        match plan.format {
            LogFormat::Enriched => Records::Enriched(EnrichedEvents::default()),
            LogFormat::BadRows => Records::BadRows(BadRows::default()),
            LogFormat::CloudFront | LogFormat::CljTomcat | LogFormat::Thrift => Records::Requests,
        }
    }

    /// Writes one record; how many events it carries.
    #[allow(clippy::too_many_arguments)]
    fn write(
        &mut self,
        plan: &Plan,
        world: &World,
        millis: i64,
        left: u64,
        random: &mut Random,
        file: &mut FileBuilder,
        written: &mut Written,
    ) -> u64 {
        match self {
            Records::Requests => return write_request(plan, world, millis, left, random, file, written),
            Records::Enriched(events) => events.next(plan, world, millis, random, &mut file.plain),
            Records::BadRows(rows) => rows.next(plan, world, millis, random, &mut file.plain),
        }
        file.flush_if_full();
        1
    }

    fn tell(&self, written: &mut Written) {
        let figures = match self {
            Records::Requests => return,
            Records::Enriched(events) => {
                [("natural-duplicates", events.natural), ("synthetic-duplicates", events.synthetic)]
            }
            Records::BadRows(rows) => [("self-describing", rows.modern_rows), ("legacy", rows.legacy_rows)],
        };
        written.faults.extend(figures);
    }
}

/// Writes one request; how many events it carries.
fn write_request(
    plan: &Plan,
    world: &World,
    millis: i64,
    left: u64,
    random: &mut Random,
    file: &mut FileBuilder,
    written: &mut Written,
) -> u64 {
    let post = plan.format != LogFormat::CloudFront && random.chance(plan.post_share);
    let carried = if post { (1 + random.below(10)).min(left) } else { 1 };
    let mut events: Vec<Event> = (0..carried).map(|_| next_event(world, &plan.mix, millis, random)).collect();
    let fault = random.chance(plan.bad_share).then(|| Fault::draw(&plan.bad_kinds, random));
    if let Some(fault) = fault {
        fault.spoil(&mut events[0], random);
        *written.faults.entry(fault.name()).or_default() += 1;
    }
    let agent = plan.unique_agents.then(|| format!("{} u/{millis}", world::user_agent(random)));
    let mut request = Request::new(world, events, millis, post, fault, random);
    if let Some(agent) = &agent {
        request.agent = agent;
    }
    file.record(plan, &request, random);
    carried
}

fn file_name(plan: &Plan, index: usize, millis: i64) -> String {
    let at = crate::event::time::Civil::from_millis(millis);
    let hour = format!("{:04}-{:02}-{:02}-{:02}", at.year, at.month, at.day, at.hour);
    let suffix = match plan.compression {
        Compression::None => "",
        Compression::Gzip(_) | Compression::GzipMembers(_) => ".gz",
        Compression::Lzo => ".lzo",
    };
    match plan.format {
        LogFormat::CloudFront => format!("E2KUPR1PF6D2K7.{hour}.{index:08x}{suffix}"),
        LogFormat::CljTomcat => format!("localhost_access_log.{hour}.i-{index:08x}.txt{suffix}"),
        LogFormat::Enriched | LogFormat::BadRows => format!("part-{index:05}.txt{suffix}"),
        LogFormat::Thrift => format!("{hour}0000-4955{index:012}-4955{:012}{suffix}", index + 1),
    }
}

/// One file's bytes, compressed as they come.
struct FileBuilder {
    plain: Vec<u8>,
    plain_bytes: u64,
    stored: Vec<u8>,
    blocks: Option<SerializedBlockWriter>,
    lzop: Option<LzopEncoder>,
    gzip: Option<flate2::write::GzEncoder<Vec<u8>>>,
    members: Option<GzipEncoder>,
}

/// Plain bytes collected before they are compressed.
const FLUSH_AT: usize = 1 << 20;

impl FileBuilder {
    fn new(plan: &Plan) -> FileBuilder {
        let mut stored = Vec::new();
        let lzop = (plan.compression == Compression::Lzo).then(|| LzopEncoder::new(true, 0, &mut stored));
        let gzip = match plan.compression {
            Compression::Gzip(level) => {
                Some(flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::new(level.min(9))))
            }
            _ => None,
        };
        let members = match plan.compression {
            Compression::GzipMembers(level) => Some(GzipEncoder::new(GzipMembers::Many, level)),
            _ => None,
        };
        let in_blocks = plan.format == LogFormat::Thrift && plan.compression == Compression::Lzo;
        let blocks = in_blocks.then(SerializedBlockWriter::new);
        FileBuilder { plain: Vec::new(), plain_bytes: 0, stored, blocks, lzop, gzip, members }
    }

    fn record(&mut self, plan: &Plan, request: &Request<'_>, random: &mut Random) {
        match (plan.format, &mut self.blocks) {
            (LogFormat::CloudFront, _) => records::write_cloudfront(request, random, &mut self.plain),
            (LogFormat::CljTomcat, _) => records::write_tomcat(request, &mut self.plain),
            (LogFormat::Thrift, Some(blocks)) => {
                let mut record = Vec::with_capacity(2048);
                records::write_thrift(request, &mut record);
                blocks.push(&record, &mut self.plain);
            }
            // Without blocks: one base64 line a record, as a collector prints it.
            (LogFormat::Thrift, None) => {
                use base64::Engine;
                let mut record = Vec::with_capacity(2048);
                records::write_thrift(request, &mut record);
                let line = base64::engine::general_purpose::STANDARD.encode(record);
                self.plain.extend_from_slice(line.as_bytes());
                self.plain.push(b'\n');
            }
            (LogFormat::Enriched | LogFormat::BadRows, _) => unreachable!("these are no requests"),
        }
        self.flush_if_full();
    }

    fn flush_if_full(&mut self) {
        if self.plain.len() >= FLUSH_AT {
            self.flush();
        }
    }

    fn flush(&mut self) {
        use std::io::Write;
        self.plain_bytes += self.plain.len() as u64;
        if let Some(lzop) = &mut self.lzop {
            lzop.append(&self.plain, &mut self.stored);
        } else if let Some(gzip) = &mut self.gzip {
            gzip.write_all(&self.plain).expect("writing to memory cannot fail");
        } else if let Some(members) = &mut self.members {
            members.block(&self.plain, &mut self.stored);
        } else {
            self.stored.extend_from_slice(&self.plain);
        }
        self.plain.clear();
    }

    /// Plain length, and the file's bytes.
    fn finish(mut self) -> (u64, Vec<u8>) {
        if let Some(mut blocks) = self.blocks.take() {
            blocks.flush(&mut self.plain);
        }
        self.flush();
        if let Some(lzop) = self.lzop.take() {
            lzop.finish(&mut self.stored);
        }
        if let Some(gzip) = self.gzip.take() {
            self.stored = gzip.finish().expect("writing to memory cannot fail");
        }
        (self.plain_bytes, self.stored)
    }
}

fn manifest(plan: &Plan, written: &Written) -> String {
    let files: Vec<_> = written
        .files
        .iter()
        .map(|(name, records, bytes, sha256)| {
            serde_json::json!({"name": name, "records": records, "bytes": bytes, "sha256": sha256})
        })
        .collect();
    let mix: BTreeMap<String, u64> =
        plan.mix.shares.iter().map(|(kind, share)| (format!("{kind:?}"), *share)).collect();
    let document = serde_json::json!({
        "seed": plan.seed, "records": written.records, "events": written.events,
        "plain_bytes": written.plain_bytes, "stored_bytes": written.stored_bytes,
        "faults": written.faults, "mix_percent": mix, "files": files,
    });
    format!("{document:#}\n")
}
