//! What a worker has written: rows by kind, and the figures that must add up.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::formats::RowFormat;
use super::types::TypeId;
use crate::iglu::{OwnedSchemaKey, SchemaKey};

/// Memory that an empty buffer keeps.
const MOST_KEPT: usize = 1 << 20;

/// Rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Whole lines.
    pub bytes: Vec<u8>,
    /// How many.
    pub rows: u64,
}

/// Rows of all kinds, until someone takes them.
#[derive(Debug, Default)]
pub struct ShredOutput {
    blocks: Vec<Rows>,
    size: usize,
    /// What was appended since the mark: kind, and the bytes and rows before.
    undo: Vec<(TypeId, usize, u64)>,
}

impl ShredOutput {
    /// Appends one row; `write` must append one whole line.
    pub(super) fn row(&mut self, id: TypeId, write: impl FnOnce(&mut Vec<u8>)) {
        self.rows(id, 1, write);
    }

    /// Appends rows; `write` must append `rows` whole lines.
    pub(super) fn rows(&mut self, id: TypeId, rows: u64, write: impl FnOnce(&mut Vec<u8>)) {
        if self.blocks.len() <= id.index() {
            self.blocks.resize_with(id.index() + 1, Rows::default);
        }
        let block = &mut self.blocks[id.index()];
        let before = block.bytes.len();
        self.undo.push((id, before, block.rows));
        write(&mut block.bytes);
        block.rows += rows;
        self.size += block.bytes.len() - before;
    }

    /// Remembers this state.
    pub fn mark(&mut self) {
        self.undo.clear();
    }

    /// Goes back to the mark.
    pub fn rewind(&mut self) {
        while let Some((id, bytes, rows)) = self.undo.pop() {
            let block = &mut self.blocks[id.index()];
            self.size -= block.bytes.len() - bytes;
            block.bytes.truncate(bytes);
            block.rows = rows;
        }
    }

    /// Bytes of all rows together.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The rows of one kind, if there are any.
    pub fn get(&self, id: TypeId) -> Option<&Rows> {
        self.blocks.get(id.index()).filter(|block| block.rows > 0)
    }

    /// Every kind that has rows.
    pub fn blocks(&self) -> impl Iterator<Item = (TypeId, &Rows)> {
        let numbered = self.blocks.iter().enumerate();
        numbered.filter(|(_, block)| block.rows > 0).map(|(index, block)| (TypeId(index as u32), block))
    }

    /// Hands every kind with at least `least` bytes to `take` and forgets its rows; the memory is used again.
    pub fn drain<E>(&mut self, least: usize, mut take: impl FnMut(TypeId, &Rows) -> Result<(), E>) -> Result<(), E> {
        for (index, block) in self.blocks.iter_mut().enumerate() {
            if block.rows > 0 && block.bytes.len() >= least {
                take(TypeId(index as u32), block)?;
                self.size -= block.bytes.len();
                block.bytes.clear();
                block.rows = 0;
            }
        }
        Ok(())
    }

    /// Forgets all rows and keeps the memory, unless one large record took much of it.
    pub(super) fn clear(&mut self) {
        for block in &mut self.blocks {
            block.bytes.clear();
            block.bytes.shrink_to(MOST_KEPT);
            block.rows = 0;
        }
        self.size = 0;
        self.undo.clear();
    }
}

/// What became of events and entities. Every event has exactly one fate, and so has every entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShredCounters {
    /// Lines read.
    pub events_in: u64,
    /// Rows for the events table.
    pub atomic_rows: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// Events dropped because the batch holds the same event with the same fingerprint.
    pub natural_duplicates: u64,
    /// Events dropped because an earlier batch held them.
    pub cross_batch_duplicates: u64,
    /// Events that were given a new id because others of the batch had the same one.
    pub renamed_events: u64,
    /// Entities of all events that could be read.
    pub entities_in: u64,
    /// Rows for entities, `duplicate` entities included.
    pub entity_rows: u64,
    /// `duplicate` entities made.
    pub duplicate_entities: u64,
    /// Entities of schemas that are to be skipped.
    pub skipped_entities: u64,
    /// Entities of events that became bad rows.
    pub bad_entities: u64,
    /// Entities of events that were dropped as duplicates.
    pub dropped_entities: u64,
    /// Events whose fate is left to the end of the run, because others of the batch may have the same id.
    pub deferred_events: u64,
    /// Entities of such events.
    pub deferred_entities: u64,
    /// Deferred events that were taken up again.
    pub settled_events: u64,
    /// Entities of such events.
    pub settled_entities: u64,
    /// Texts that were cut to their column's width.
    pub cut_values: u64,
    /// Lines that were no valid UTF-8.
    pub repaired_lines: u64,
}

impl ShredCounters {
    /// Whether every event and every entity is accounted for.
    pub fn balance(&self) -> bool {
        let dropped = self.natural_duplicates + self.cross_batch_duplicates;
        let events = self.atomic_rows + self.bad_rows + dropped + self.deferred_events;
        let written = self.entity_rows + self.skipped_entities;
        let entities = written + self.bad_entities + self.dropped_entities + self.deferred_entities;
        self.events_in + self.settled_events == events
            && self.entities_in + self.settled_entities + self.duplicate_entities == entities
    }

    /// Whether nothing is deferred any more.
    pub fn settled(&self) -> bool {
        self.deferred_events == self.settled_events && self.deferred_entities == self.settled_entities
    }

    /// What a run tells beside the figures that all commands have: name and amount.
    pub fn named(&self) -> [(&'static str, u64); 12] {
        [
            ("atomic_rows", self.atomic_rows),
            ("natural_duplicates", self.natural_duplicates),
            ("cross_batch_duplicates", self.cross_batch_duplicates),
            ("renamed_events", self.renamed_events),
            ("entities_in", self.entities_in),
            ("entity_rows", self.entity_rows),
            ("duplicate_entities", self.duplicate_entities),
            ("skipped_entities", self.skipped_entities),
            ("bad_entities", self.bad_entities),
            ("dropped_entities", self.dropped_entities),
            ("cut_values", self.cut_values),
            ("repaired_lines", self.repaired_lines),
        ]
    }
}

impl AddAssign for ShredCounters {
    fn add_assign(&mut self, other: ShredCounters) {
        self.events_in += other.events_in;
        self.atomic_rows += other.atomic_rows;
        self.bad_rows += other.bad_rows;
        self.natural_duplicates += other.natural_duplicates;
        self.cross_batch_duplicates += other.cross_batch_duplicates;
        self.renamed_events += other.renamed_events;
        self.entities_in += other.entities_in;
        self.entity_rows += other.entity_rows;
        self.duplicate_entities += other.duplicate_entities;
        self.skipped_entities += other.skipped_entities;
        self.bad_entities += other.bad_entities;
        self.dropped_entities += other.dropped_entities;
        self.deferred_events += other.deferred_events;
        self.deferred_entities += other.deferred_entities;
        self.settled_events += other.settled_events;
        self.settled_entities += other.settled_entities;
        self.cut_values += other.cut_values;
        self.repaired_lines += other.repaired_lines;
    }
}

/// What a worker tells about its share of a run, besides the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShredReport {
    /// The figures.
    pub counters: ShredCounters,
    /// Every schema with rows, by full version, and the form of its rows.
    pub types: BTreeMap<OwnedSchemaKey, RowFormat>,
    /// Smallest and largest `collector_tstamp` of the events written, milliseconds since 1970.
    pub collected: Option<(i64, i64)>,
}

impl ShredReport {
    /// Adds another worker's share.
    pub fn merge(&mut self, other: ShredReport) {
        self.counters += other.counters;
        self.types.extend(other.types);
        if let Some((first, last)) = other.collected {
            self.collected_at(first);
            self.collected_at(last);
        }
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let types = self.types.iter().map(|(key, format)| (key.to_string(), format.folder().to_owned())).collect();
        let stored = StoredReport { counters: self.counters, types, collected: self.collected };
        serde_json::to_vec(&stored).expect("plain numbers and texts")
    }

    /// The report that was written as JSON.
    pub fn from_json(bytes: &[u8]) -> Option<ShredReport> {
        let stored: StoredReport = serde_json::from_slice(bytes).ok()?;
        let mut types = BTreeMap::new();
        for (uri, format) in &stored.types {
            let format = [RowFormat::Tsv, RowFormat::Json].into_iter().find(|known| known.folder() == format)?;
            types.insert(SchemaKey::parse(uri).ok()?.to_owned(), format);
        }
        Some(ShredReport { counters: stored.counters, types, collected: stored.collected })
    }

    pub(super) fn collected_at(&mut self, millis: i64) {
        let (first, last) = self.collected.unwrap_or((millis, millis));
        self.collected = Some((first.min(millis), last.max(millis)));
    }
}

#[derive(Serialize, Deserialize)]
struct StoredReport {
    counters: ShredCounters,
    types: BTreeMap<String, String>,
    collected: Option<(i64, i64)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_taken_when_they_are_large_enough() {
        let mut output = ShredOutput::default();
        output.row(TypeId(2), |out| out.extend_from_slice(b"abc\n"));
        output.row(TypeId(0), |out| out.extend_from_slice(b"x\n"));
        assert_eq!(output.size(), 6);
        let mut taken = Vec::new();
        let mut take = |id: TypeId, block: &Rows| -> Result<(), ()> {
            taken.push((id.0, block.rows, block.bytes.len()));
            Ok(())
        };
        output.drain(3, &mut take).unwrap();
        output.drain(0, &mut take).unwrap();
        assert_eq!(taken, [(2, 1, 4), (0, 1, 2)]);
        assert_eq!(output.size(), 0);
        assert_eq!(output.blocks().count(), 0);
    }

    #[test]
    fn reports_survive_json() {
        let key = SchemaKey::parse("iglu:com.acme/x/jsonschema/1-0-2").unwrap().to_owned();
        let report = ShredReport {
            counters: ShredCounters { events_in: 3, cut_values: u64::MAX, ..ShredCounters::default() },
            types: [(key, RowFormat::Json)].into(),
            collected: Some((-5, 7)),
        };
        assert_eq!(ShredReport::from_json(&report.to_json()), Some(report));
        assert_eq!(ShredReport::from_json(b"{}"), None);
    }

    #[test]
    fn a_record_that_failed_leaves_nothing() {
        let mut output = ShredOutput::default();
        output.row(TypeId(1), |out| out.extend_from_slice(b"kept\n"));
        output.mark();
        output.row(TypeId(1), |out| out.extend_from_slice(b"a\n"));
        output.row(TypeId(3), |out| out.extend_from_slice(b"b\n"));
        output.row(TypeId(1), |out| out.extend_from_slice(b"c\n"));
        output.rewind();
        let left: Vec<_> = output.blocks().map(|(id, block)| (id.0, block.clone())).collect();
        assert_eq!(left, [(1, Rows { bytes: b"kept\n".to_vec(), rows: 1 })]);
        assert_eq!(output.size(), 5);
        output.rewind();
        assert_eq!(output.size(), 5, "there is nothing more to take back");
    }

    #[test]
    fn a_missing_event_is_noticed() {
        let mut counters = ShredCounters { events_in: 3, atomic_rows: 1, bad_rows: 1, ..ShredCounters::default() };
        assert!(!counters.balance());
        counters.natural_duplicates = 1;
        assert!(counters.balance());
        counters.entities_in = 1;
        assert!(!counters.balance());
        counters.dropped_entities = 1;
        assert!(counters.balance());
        counters.natural_duplicates = 0;
        counters.deferred_events = 1;
        assert!(counters.balance() && !counters.settled());
        counters += ShredCounters { settled_events: 1, natural_duplicates: 1, ..ShredCounters::default() };
        assert!(counters.balance() && counters.settled());
    }
}
