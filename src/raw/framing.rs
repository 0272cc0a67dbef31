//! Cutting a decoded stream into chunks of whole records.

use memchr::memmem;

use super::format::{RawFormat, ThriftContainer};
use super::lines::{split_line, whole_lines};
use super::serialized_block::{Scan, next_block};
use super::thrift::{ThriftError, struct_length};

/// Finds the ends of records in one decoded stream.
#[derive(Clone, Debug)]
pub struct Framer {
    container: Option<ThriftContainer>,
    /// A line that is being skipped ended in CR at the end of the bytes; a LF may belong to it.
    after_return: bool,
}

impl Framer {
    /// A framer for a stream of a settled format.
    pub fn new(format: &RawFormat) -> Self {
        let container = match format {
            RawFormat::Thrift(container) => Some(*container),
            _ => None,
        };
        Framer { container, after_return: false }
    }

    /// How many leading bytes of `buffer` are whole records. `eof` says that nothing follows: then it is all of them.
    ///
    /// Call it again with a longer buffer when it answers 0. The bytes it names go to [`super::records()`] as they are.
    pub fn cut(&mut self, buffer: &[u8], eof: bool) -> usize {
        if eof {
            return buffer.len();
        }
        match self.container {
            Some(ThriftContainer::Blocks) => whole_blocks(buffer),
            Some(ThriftContainer::Structs) => whole_structs(buffer),
            Some(ThriftContainer::Lines) | None => whole_lines(buffer),
        }
    }

    /// Looks for the end of a record that is too long to be held. `start` is its beginning (at least 20 bytes), `passed`
    /// bytes of it came before `bytes`. `Some(n)` says that the next record starts `n` bytes into `bytes`, `None` that
    /// all of `bytes` belongs to this one.
    pub fn skip(&mut self, start: &[u8], passed: u64, bytes: &[u8]) -> Option<usize> {
        match self.container {
            Some(ThriftContainer::Blocks) => match next_block(start, 0) {
                Scan::Block(block) => {
                    let end = usize::try_from(block.end as u64 - passed.min(block.end as u64)).ok()?;
                    (end <= bytes.len()).then_some(end)
                }
                Scan::Incomplete(_) => Some(0),
            },
            Some(ThriftContainer::Structs) => damaged_struct(bytes).map(|length| length + 1),
            Some(ThriftContainer::Lines) | None => self.skip_line(bytes),
        }
    }

    fn skip_line(&mut self, bytes: &[u8]) -> Option<usize> {
        if std::mem::take(&mut self.after_return) && !bytes.is_empty() {
            return Some(usize::from(bytes[0] == b'\n'));
        }
        let (line, after) = split_line(bytes);
        if line.len() == bytes.len() {
            return None;
        }
        // A CR at the very end may be half a CR LF.
        self.after_return = after.is_empty() && bytes.ends_with(b"\r");
        (!self.after_return).then(|| bytes.len() - after.len())
    }
}

/// Blocks have a limit of their own: the reader passes over impossible lengths.
fn whole_blocks(buffer: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match next_block(buffer, at) {
            Scan::Block(block) if block.end < buffer.len() => at = block.end,
            Scan::Block(block) if block.end == buffer.len() => return block.end,
            // What stands before the block is garbage: it may go.
            Scan::Block(block) => return block.start.max(at),
            Scan::Incomplete(start) => return start,
        }
    }
}

fn whole_structs(buffer: &[u8]) -> usize {
    let mut at = 0;
    // The byte after a struct must be there, since it may be the separator.
    while let Some(length) = next_struct(&buffer[at..]).filter(|length| at + length < buffer.len()) {
        at += length + separator(&buffer[at + length..]);
    }
    at
}

/// Length of the line feed between two structs, if there is one.
pub(super) fn separator(after: &[u8]) -> usize {
    usize::from(after.first() == Some(&b'\n'))
}

/// Length of the next struct without its separator; `None` if the buffer ends inside.
pub(super) fn next_struct(buffer: &[u8]) -> Option<usize> {
    match struct_length(buffer) {
        Ok(length) => Some(length),
        Err(ThriftError::Ended { .. }) => None,
        Err(_) => damaged_struct(buffer),
    }
}

/// Length of a damaged struct: up to the next line feed that the first field of a struct follows.
pub(super) fn damaged_struct(buffer: &[u8]) -> Option<usize> {
    // The first fields of the two structs collectors write: 100, a string, and 1, an i64.
    let starts = [b"\n\x0B\x00\x64", b"\n\x0A\x00\x01"];
    starts.iter().filter_map(|start| memmem::find(buffer, *start)).min()
}
