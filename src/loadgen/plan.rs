//! What to generate: options and the presets of the benchmark workloads.

use super::event::Mix;
use super::faults::{ALL_FAULTS, Fault};

/// Format of what is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// CloudFront access logs
    CloudFront,
    /// Access logs of the Clojure collector
    CljTomcat,
    /// Thrift records of a stream collector
    Thrift,
    /// Enriched events, four entities each
    Enriched,
    /// Bad rows, self-describing and legacy
    BadRows,
}

/// How the files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all
    None,
    /// gzip at this level, one member a file
    Gzip(u32),
    /// gzip at this level, one member a MiB, as thresh itself writes
    GzipMembers(u32),
    /// lzop; for Thrift with serialized blocks inside
    Lzo,
}

/// How events are dealt out to files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSizes {
    /// All the same
    Equal,
    /// Zipf-distributed: few large, many small
    Zipf,
    /// One with nearly everything, the others with this many events each
    OneHuge(u64),
}

/// Everything that decides what is generated: equal plans give equal bytes.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Format
    pub format: LogFormat,
    /// Number of events
    pub events: u64,
    /// Number of files
    pub files: u64,
    /// How events are dealt out to files
    pub file_sizes: FileSizes,
    /// Compression of the files
    pub compression: Compression,
    /// Kinds of events
    pub mix: Mix,
    /// Share of spoilt records, 0 to 1
    pub bad_share: f64,
    /// How they are spoilt
    pub bad_kinds: Vec<Fault>,
    /// Share of requests that are POSTs with 1 to 10 events (not for CloudFront)
    pub post_share: f64,
    /// Share of enriched events that are copies of earlier ones, 0 to 1
    pub natural_share: f64,
    /// Share of enriched events that have an earlier one's id, 0 to 1
    pub synthetic_share: f64,
    /// Distinct users
    pub users: usize,
    /// Distinct user agents
    pub agents: usize,
    /// Every request with a user agent of its own
    pub unique_agents: bool,
    /// Seed
    pub seed: u64,
    /// Time of the first request, milliseconds since 1970
    pub start: i64,
    /// Milliseconds between requests
    pub interval: i64,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            format: LogFormat::CloudFront,
            events: 10_000,
            files: 4,
            file_sizes: FileSizes::Equal,
            compression: Compression::Gzip(6),
            mix: Mix::SHOP,
            bad_share: 0.0,
            bad_kinds: ALL_FAULTS.to_vec(),
            post_share: 0.3,
            natural_share: 0.02,
            synthetic_share: 0.005,
            users: 4_000,
            agents: 4_000,
            unique_agents: false,
            seed: 1,
            // 2019-06-03 10:00:00 UTC
            start: 1_559_556_000_000,
            interval: 37,
        }
    }
}

/// Names of the presets, with what they are for.
pub const PRESETS: [(&str, &str); 9] = [
    ("W1", "mixed CloudFront traffic: everyday throughput"),
    ("W2", "rich events only: the worst case per event"),
    ("W3", "26,372 tiny files: request overhead, compaction"),
    ("W4", "Thrift in lzop containers, GET and POST"),
    ("W5", "8 % bad records in ten kinds"),
    ("W6", "a user agent of its own for every event"),
    ("W7", "one huge file beside 2,000 small ones"),
    ("W8", "enriched events with duplicates, 12 types of entities: shredding"),
    ("W9", "bad rows of both generations: recovery"),
];

/// The plan of a preset, its counts multiplied by `scale`.
pub fn preset(name: &str, scale: f64) -> Option<Plan> {
    let events = |count: u64| ((count as f64 * scale) as u64).max(1);
    let base = Plan { users: 40_000, mix: Mix::MIXED, post_share: 0.0, ..Plan::default() };
    Some(match name {
        "W1" => Plan { events: events(1_000_000), files: 16, ..base },
        "W2" => Plan { events: events(500_000), files: 16, mix: Mix::RICH, ..base },
        "W3" => Plan { events: events(83_110), files: events(26_372), file_sizes: FileSizes::Zipf, ..base },
        "W4" => Plan {
            format: LogFormat::Thrift,
            events: events(500_000),
            files: 8,
            compression: Compression::Lzo,
            post_share: 0.33,
            ..base
        },
        "W5" => Plan { events: events(200_000), files: 4, bad_share: 0.08, ..base },
        "W6" => Plan { events: events(100_000), files: 4, unique_agents: true, ..base },
        "W7" => Plan { events: events(3_300_000), files: 2_001, file_sizes: FileSizes::OneHuge(20), ..base },
        "W8" => Plan {
            format: LogFormat::Enriched,
            events: events(1_000_000),
            files: 16,
            compression: Compression::GzipMembers(1),
            ..base
        },
        "W9" => Plan {
            format: LogFormat::BadRows,
            events: events(200_000),
            files: 8,
            compression: Compression::GzipMembers(1),
            ..base
        },
        _ => return None,
    })
}

impl Plan {
    /// Number of events in each file; adds up to [`Plan::events`].
    pub fn events_per_file(&self) -> Vec<u64> {
        let files = self.files.clamp(1, self.events.max(1));
        let mut counts: Vec<u64> = match self.file_sizes {
            FileSizes::Equal => vec![self.events / files; files as usize],
            FileSizes::OneHuge(crumbs) => vec![crumbs.min(self.events / files); files as usize],
            FileSizes::Zipf => {
                let total: f64 = (1..=files).map(|rank| 1.0 / rank as f64).sum();
                let spare = (self.events - files) as f64;
                (1..=files).map(|rank| 1 + (spare / rank as f64 / total) as u64).collect()
            }
        };
        let given: u64 = counts.iter().sum();
        counts[0] += self.events.saturating_sub(given);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_file() {
        for file_sizes in [FileSizes::Equal, FileSizes::Zipf, FileSizes::OneHuge(20)] {
            for (events, files) in [(1, 1), (3, 10), (1000, 7), (83_110, 26_372)] {
                let plan = Plan { events, files, file_sizes, ..Plan::default() };
                let counts = plan.events_per_file();
                assert_eq!(counts.iter().sum::<u64>(), events, "{file_sizes:?} {events} {files}");
                assert!(counts.iter().all(|count| *count > 0));
            }
        }
    }
}
