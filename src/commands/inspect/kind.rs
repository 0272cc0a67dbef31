//! What kind of data a piece of an object is, and what its records say of time.

use bumpalo::Bump;

use crate::event::read::KNOWN_COLUMN_COUNTS;
use crate::event::time::parse_column_timestamp;
use crate::raw::{Loaded, RawFormat, ThriftContainer, detect, load, records};
use crate::recovery::{BadRow, failure_time};

/// A kind of data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Collector logs of this format.
    Raw(String),
    /// Enriched events with so many columns.
    Enriched(usize),
    /// Rows for tables: atomic events.
    Atomic,
    /// Rows for tables: entities, as columns or as JSON.
    Entities(&'static str),
    /// Self-describing bad rows of this name.
    Bad(String),
    /// Bad rows as the batch jobs wrote them.
    LegacyBad,
    /// Something else.
    Unknown,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Kind::Raw(format) => write!(f, "raw {format}"),
            Kind::Enriched(131) => f.write_str("enriched"),
            Kind::Enriched(columns) => write!(f, "enriched ({columns} columns)"),
            Kind::Atomic => f.write_str("shredded atomic"),
            Kind::Entities(format) => write!(f, "shredded {format}"),
            Kind::Bad(name) => write!(f, "bad {name}"),
            Kind::LegacyBad => f.write_str("bad legacy"),
            Kind::Unknown => f.write_str("unknown"),
        }
    }
}

/// The first and the last time seen, milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span(pub Option<(i64, i64)>);

impl Span {
    pub(super) fn add(&mut self, time: i64) {
        let (first, last) = self.0.unwrap_or((time, time));
        self.0 = Some((first.min(time), last.max(time)));
    }

    pub(super) fn join(&mut self, other: Span) {
        if let Some((first, last)) = other.0 {
            self.add(first);
            self.add(last);
        }
    }
}

/// What was found in a piece: for each kind the number of records and their times.
pub(super) type Found = Vec<(Kind, u64, Span)>;

/// Looks at the beginning of an object, or at all of it.
pub(super) fn look(bytes: &[u8], path: &str, whole: bool) -> Found {
    let text_end = if whole { bytes.len() } else { memchr::memrchr(b'\n', bytes).map_or(bytes.len(), |at| at + 1) };
    let lines = &bytes[..text_end];
    let first = lines.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    if is_shredded(path) {
        return shredded(lines, path);
    }
    if first.starts_with(b"{") && is_bad_row(first) {
        return bad_rows(lines);
    }
    let columns = 1 + memchr::memchr_iter(b'\t', first).count();
    if KNOWN_COLUMN_COUNTS.contains(&columns) {
        return vec![by_column(lines, COLLECTOR_TSTAMP, Kind::Enriched(columns))];
    }
    match detect(&bytes[..bytes.len().min(64 << 10)], path) {
        Some(format) => vec![raw(bytes, lines, &format)],
        None => {
            let count = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            vec![(Kind::Unknown, count as u64, Span::default())]
        }
    }
}

/// Position of `collector_tstamp` in an enriched event.
const COLLECTOR_TSTAMP: usize = 3;
/// Position of `root_tstamp` in a row of an entity.
const ROOT_TSTAMP: usize = 5;

fn is_shredded(path: &str) -> bool {
    ["/vendor=", "/atomic-events/", "/shredded-types/", "/shredded-tsv/"].iter().any(|part| path.contains(part))
        || path.starts_with("vendor=")
}

fn shredded(lines: &[u8], path: &str) -> Found {
    let atomic = path.contains("/atomic-events/")
        || (path.contains("vendor=com.snowplowanalytics.snowplow/") && path.contains("/name=atomic/"));
    if atomic {
        return vec![by_column(lines, COLLECTOR_TSTAMP, Kind::Atomic)];
    }
    if !lines.starts_with(b"{") {
        return vec![by_column(lines, ROOT_TSTAMP, Kind::Entities("tsv"))];
    }
    let (mut count, mut span) = (0, Span::default());
    for line in text_lines(lines) {
        count += 1;
        let parsed: Option<serde_json::Value> = serde_json::from_str(line).ok();
        let time = parsed.as_ref().and_then(|row| row["hierarchy"]["rootTstamp"].as_str());
        time.and_then(parse_column_timestamp).into_iter().for_each(|time| span.add(time));
    }
    vec![(Kind::Entities("json"), count, span)]
}

fn text_lines(lines: &[u8]) -> impl Iterator<Item = &str> {
    let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| std::str::from_utf8(line).unwrap_or_default())
}

fn by_column(lines: &[u8], column: usize, kind: Kind) -> (Kind, u64, Span) {
    let (mut count, mut span) = (0, Span::default());
    for line in text_lines(lines) {
        count += 1;
        let time = line.split('\t').nth(column).and_then(parse_column_timestamp);
        time.into_iter().for_each(|time| span.add(time));
    }
    (kind, count, span)
}

fn is_bad_row(line: &[u8]) -> bool {
    let arena = Bump::new();
    let text = std::str::from_utf8(line).unwrap_or_default();
    !matches!(BadRow::parse(text, &arena), BadRow::Foreign(_))
}

fn bad_rows(lines: &[u8]) -> Found {
    let mut found: Found = Vec::new();
    let mut arena = Bump::new();
    for line in text_lines(lines) {
        let row = BadRow::parse(line, &arena);
        let kind = match &row {
            BadRow::SelfDescribing(row) => Kind::Bad(row.key.name.to_owned()),
            BadRow::Legacy { .. } | BadRow::LegacyOversized => Kind::LegacyBad,
            BadRow::Foreign(_) => Kind::Unknown,
        };
        let time = failure_time(&row);
        let index = found.iter().position(|(known, ..)| *known == kind).unwrap_or_else(|| {
            found.push((kind, 0, Span::default()));
            found.len() - 1
        });
        found[index].1 += 1;
        time.into_iter().for_each(|time| found[index].2.add(time));
        arena.reset();
    }
    found
}

fn raw(bytes: &[u8], lines: &[u8], format: &RawFormat) -> (Kind, u64, Span) {
    let format = format.settle(&bytes[..bytes.len().min(64 << 10)]);
    let name = match format {
        RawFormat::Thrift(ThriftContainer::Blocks) => "thrift (blocks)".to_owned(),
        RawFormat::Thrift(ThriftContainer::Lines) => "thrift (base64 lines)".to_owned(),
        RawFormat::Thrift(ThriftContainer::Structs) => "thrift (structs)".to_owned(),
        ref other => other.to_string(),
    };
    let binary = matches!(format, RawFormat::Thrift(ThriftContainer::Blocks | ThriftContainer::Structs));
    let (mut count, mut span) = (0, Span::default());
    let mut arena = Bump::new();
    for record in records(&format, if binary { bytes } else { lines }) {
        match load(&format, record, &arena) {
            Loaded::Ignored => continue,
            Loaded::Payload(payload) => payload.context.timestamp.into_iter().for_each(|time| span.add(time)),
            Loaded::Bad(_) => {}
        }
        count += 1;
        arena.reset();
    }
    (Kind::Raw(name), count, span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(bytes: &[u8], path: &str) -> (String, u64, Option<(i64, i64)>) {
        let found = look(bytes, path, true);
        assert_eq!(found.len(), 1, "{found:?}");
        let (kind, count, span) = &found[0];
        (kind.to_string(), *count, span.0)
    }

    #[test]
    fn kinds_by_content() {
        let cloudfront = b"#Version: 1.0\n2013-08-29\t00:18:48\tL\t8\t1.2.3.4\tGET\th\t/i\t200\t-\t-\te=pv\n";
        let at = 1_377_735_528_000;
        assert_eq!(one(cloudfront, "x.gz"), ("raw cloudfront".into(), 1, Some((at, at))));
        let mut columns = vec![""; 131];
        columns[3] = "2013-08-29 00:18:48.000";
        let event = format!("{}\n", columns.join("\t"));
        assert_eq!(one(event.repeat(2).as_bytes(), "part-0"), ("enriched".into(), 2, Some((at, at))));
        let atomic = "run=1/output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/part-0";
        assert_eq!(one(event.as_bytes(), atomic).0, "shredded atomic");
        let row = "com.acme\tclick\tjsonschema\t1-0-0\tid\t2013-08-29 00:18:48.000\tevents\t[]\tevents\tx\n";
        let entity = "run=1/vendor=com.acme/name=click/format=tsv/model=1/part-0";
        assert_eq!(one(row.as_bytes(), entity), ("shredded tsv".into(), 1, Some((at, at))));
        let json = r#"{"schema":{},"data":{},"hierarchy":{"rootTstamp":"2013-08-29 00:18:48.000"}}"#;
        assert_eq!(
            one(json.as_bytes(), "run=1/shredded-types/vendor=a/p"),
            ("shredded json".into(), 1, Some((at, at)))
        );
        let legacy =
            r#"{"line":"x","errors":[{"level":"error","message":"m"}],"failure_tstamp":"2013-08-29T00:18:48.000Z"}"#;
        assert_eq!(one(legacy.as_bytes(), "p"), ("bad legacy".into(), 1, Some((at, at))));
        let bad = r#"{"schema":"iglu:com.snowplowanalytics.snowplow.badrows/adapter_failures/jsonschema/1-0-0","data":{"failure":{"timestamp":"2013-08-29T00:18:48.000Z"}}}"#;
        assert_eq!(one(bad.as_bytes(), "p"), ("bad adapter_failures".into(), 1, Some((at, at))));
        assert_eq!(one(b"hello\n\nworld", "p"), ("unknown".into(), 2, None));
    }

    #[test]
    fn a_line_that_is_cut_off_does_not_count() {
        assert_eq!(look(b"hello\nwor", "p", false)[0].1, 1);
        assert_eq!(look(b"hello\nwor", "p", true)[0].1, 2);
    }

    proptest! {
        #[test]
        fn never_panics(bytes: Vec<u8>, path: String, whole: bool) {
            look(&bytes, &path, whole);
        }
    }
}
