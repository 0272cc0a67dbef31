//! What a worker has written: rows by kind, and the figures that must add up.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use super::formats::RowFormat;
use super::types::TypeId;
use crate::iglu::OwnedSchemaKey;

/// Rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Whole lines.
    pub bytes: Vec<u8>,
    /// How many.
    pub rows: u64,
}

/// Rows of all kinds, until someone takes them.
#[derive(Debug, Default)]
pub struct ShredOutput {
    blocks: Vec<Block>,
    size: usize,
}

impl ShredOutput {
    /// Appends one row; `write` must append one whole line.
    pub(super) fn row(&mut self, id: TypeId, write: impl FnOnce(&mut Vec<u8>)) {
        self.rows(id, 1, write);
    }

    /// Appends rows; `write` must append `rows` whole lines.
    pub(super) fn rows(&mut self, id: TypeId, rows: u64, write: impl FnOnce(&mut Vec<u8>)) {
        if self.blocks.len() <= id.index() {
            self.blocks.resize_with(id.index() + 1, Block::default);
        }
        let block = &mut self.blocks[id.index()];
        let before = block.bytes.len();
        write(&mut block.bytes);
        block.rows += rows;
        self.size += block.bytes.len() - before;
    }

    /// Bytes of all rows together.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The rows of one kind, if there are any.
    pub fn get(&self, id: TypeId) -> Option<&Block> {
        self.blocks.get(id.index()).filter(|block| block.rows > 0)
    }

    /// Every kind that has rows.
    pub fn blocks(&self) -> impl Iterator<Item = (TypeId, &Block)> {
        let numbered = self.blocks.iter().enumerate();
        numbered.filter(|(_, block)| block.rows > 0).map(|(index, block)| (TypeId(index as u32), block))
    }

    /// Hands every kind with at least `least` bytes to `take` and forgets its rows; the memory is used again.
    pub fn drain<E>(&mut self, least: usize, mut take: impl FnMut(TypeId, &Block) -> Result<(), E>) -> Result<(), E> {
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
}

/// What became of events and entities. Every event has exactly one fate, and so has every entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Texts that were cut to their column's width.
    pub cut_values: u64,
    /// Lines that were no valid UTF-8.
    pub repaired_lines: u64,
}

impl ShredCounters {
    /// Whether every event and every entity is accounted for.
    pub fn balance(&self) -> bool {
        let events = self.atomic_rows + self.bad_rows + self.natural_duplicates + self.cross_batch_duplicates;
        let entities = self.entity_rows + self.skipped_entities + self.bad_entities + self.dropped_entities;
        self.events_in == events && self.entities_in + self.duplicate_entities == entities
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

    pub(super) fn collected_at(&mut self, millis: i64) {
        let (first, last) = self.collected.unwrap_or((millis, millis));
        self.collected = Some((first.min(millis), last.max(millis)));
    }
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
        let mut take = |id: TypeId, block: &Block| -> Result<(), ()> {
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
    fn a_missing_event_is_noticed() {
        let mut counters = ShredCounters { events_in: 3, atomic_rows: 1, bad_rows: 1, ..ShredCounters::default() };
        assert!(!counters.balance());
        counters.natural_duplicates = 1;
        assert!(counters.balance());
        counters.entities_in = 1;
        assert!(!counters.balance());
        counters.dropped_entities = 1;
        assert!(counters.balance());
    }
}
