//! Column texts that a cache keeps: all of them in one text, so that handing them out is one copy.

use bumpalo::Bump;

use crate::event::{Column, EnrichedEvent};

/// Columns and their texts.
#[derive(Debug, Default)]
pub(crate) struct ColumnTexts {
    text: String,
    columns: Vec<(Column, Option<std::ops::Range<usize>>)>,
}

impl ColumnTexts {
    /// Adds a column; nothing and the empty text clear it.
    pub fn push(&mut self, column: Column, value: Option<&str>) {
        let range = value.filter(|value| !value.is_empty()).map(|value| {
            let start = self.text.len();
            self.text.push_str(value);
            start..self.text.len()
        });
        self.columns.push((column, range));
    }

    /// Sets the columns.
    pub fn apply<'a>(&self, event: &mut EnrichedEvent<'a>, arena: &'a Bump) {
        if self.columns.is_empty() {
            return;
        }
        let text: &'a str = arena.alloc_str(&self.text);
        for (column, range) in &self.columns {
            event.set(*column, range.clone().map(|range| &text[range]));
        }
    }
}
