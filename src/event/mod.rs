//! The enriched event: one text per column.
//!
//! Every column is kept as the text that goes into the TSV file, so reading, writing and most enrichments never convert
//! anything. Null and the empty string are the same thing on the wire; in memory null is `None`.

mod columns;
pub mod joda;
pub mod normal;
pub mod number;
pub mod read;
pub mod time;

pub use columns::{ALL_COLUMNS, COLUMN_COUNT, COLUMNS, Column, ColumnInfo, ColumnType};

/// One event's columns, borrowed from its record or from the record's arena.
#[derive(Clone, Copy)]
pub struct EnrichedEvent<'a> {
    values: [Option<&'a str>; COLUMN_COUNT],
}

impl Default for EnrichedEvent<'_> {
    fn default() -> Self {
        EnrichedEvent { values: [None; COLUMN_COUNT] }
    }
}

impl<'a> EnrichedEvent<'a> {
    /// The column's text.
    #[inline]
    pub fn get(&self, column: Column) -> Option<&'a str> {
        self.values[column as usize]
    }

    /// Sets a column, or clears it with `None`.
    pub fn set(&mut self, column: Column, value: Option<&'a str>) {
        self.values[column as usize] = value;
    }

    /// All columns in order.
    pub fn values(&self) -> &[Option<&'a str>; COLUMN_COUNT] {
        &self.values
    }

    /// Appends the event as one line of TSV, line feed included.
    ///
    /// Wire format: snowplow/enrich 3.9.0, `modules/common/.../outputs/EnrichedEvent.scala`: 131 values, TAB between
    /// them, null as nothing, no quoting.
    // A stage of its own in profiles (benches/instructions.py).
    #[inline(never)]
    pub fn write_tsv(&self, out: &mut Vec<u8>) {
        for value in &self.values {
            if let Some(text) = value {
                out.extend_from_slice(text.as_bytes());
            }
            out.push(b'\t');
        }
        let last = out.len() - 1;
        out[last] = b'\n';
    }
}
