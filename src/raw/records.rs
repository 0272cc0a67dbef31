//! Walking the records of a chunk.

use super::format::{RawFormat, ThriftContainer};
use super::framing::{damaged_struct, next_struct, separator};
use super::lines::split_line;
use super::serialized_block::{Scan, next_block, next_record};

/// The records of a chunk that [`super::Framer::cut`] has cut.
pub fn records<'c>(format: &RawFormat, chunk: &'c [u8]) -> Records<'c> {
    let layout = match format {
        RawFormat::Thrift(ThriftContainer::Blocks) => Layout::Blocks { message: &[], next: 0 },
        RawFormat::Thrift(ThriftContainer::Structs) => Layout::Structs,
        RawFormat::Thrift(ThriftContainer::Lines) => Layout::FilledLines,
        _ => Layout::Lines,
    };
    Records { chunk, layout, skipped: 0 }
}

/// Iterator over the records of a chunk: lines without their ends, base64 lines still encoded, Thrift structs.
#[derive(Clone, Debug)]
pub struct Records<'c> {
    /// What is still to come; the whole chunk for blocks.
    chunk: &'c [u8],
    layout: Layout<'c>,
    skipped: u64,
}

#[derive(Clone, Copy, Debug)]
enum Layout<'c> {
    Lines,
    FilledLines,
    Structs,
    /// What is left of the current block's message, and where to look for the next block.
    Blocks {
        message: &'c [u8],
        next: usize,
    },
}

impl Records<'_> {
    /// Bytes passed over so far that belong to no record: garbage between blocks, damaged or cut-off blocks. More than
    /// 0 means that the object is damaged.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl<'c> Records<'c> {
    fn next_in_blocks(&mut self, mut message: &'c [u8], mut next: usize) -> Option<&'c [u8]> {
        loop {
            match next_record(&mut message) {
                Ok(Some(record)) => {
                    self.layout = Layout::Blocks { message, next };
                    return Some(record);
                }
                Ok(None) => {}
                // A wrong length may have swallowed the blocks that follow: look for a marker after the last record.
                Err(_) => next -= message.len(),
            }
            message = &[];
            let found = next_block(self.chunk, next);
            let start = match found {
                Scan::Block(block) => block.start,
                Scan::Incomplete(_) => self.chunk.len(),
            };
            self.skipped += (start - next) as u64;
            match found {
                Scan::Block(block) => {
                    next = block.end.min(self.chunk.len());
                    message = &self.chunk[block.message..next];
                }
                Scan::Incomplete(_) => {
                    self.layout = Layout::Blocks { message, next: self.chunk.len() };
                    return None;
                }
            }
        }
    }

    fn next_struct(&mut self) -> Option<&'c [u8]> {
        loop {
            if self.chunk.is_empty() {
                return None;
            }
            // A chunk holds whole structs, so one that does not end is damaged.
            let length = next_struct(self.chunk)
                .or_else(|| damaged_struct(self.chunk))
                .unwrap_or_else(|| self.chunk.strip_suffix(b"\n").unwrap_or(self.chunk).len());
            let (record, rest) = self.chunk.split_at(length);
            self.chunk = &rest[separator(rest)..];
            if !record.is_empty() {
                return Some(record);
            }
        }
    }

    fn next_line(&mut self) -> Option<&'c [u8]> {
        if self.chunk.is_empty() {
            return None;
        }
        let (line, rest) = split_line(self.chunk);
        self.chunk = rest;
        Some(line)
    }
}

impl<'c> Iterator for Records<'c> {
    type Item = &'c [u8];

    fn next(&mut self) -> Option<&'c [u8]> {
        match self.layout {
            Layout::Lines => self.next_line(),
            Layout::FilledLines => loop {
                let line = self.next_line()?;
                if !line.trim_ascii().is_empty() {
                    return Some(line);
                }
            },
            Layout::Structs => self.next_struct(),
            Layout::Blocks { message, next } => self.next_in_blocks(message, next),
        }
    }
}
