//! Serialized blocks: how Thrift records lie inside the LZO files of the S3 loader.
//!
//! Facts: twitter/elephant-bird, `core/.../mapreduce/io/{BinaryBlockReader,BinaryBlockWriter}.java` and
//! `protobuf/block_storage.proto`. Each block is a marker, a little-endian length and a protobuf message {1: version = 1,
//! 2: class name, 3: records}.

use memchr::memmem;

/// What every block starts with.
pub(crate) const MARKER: [u8; 16] =
    [0x29, 0xD8, 0xD5, 0x06, 0x58, 0xCD, 0x4C, 0x29, 0xB2, 0xBC, 0x57, 0x99, 0x21, 0x71, 0xBD, 0xFF];
/// Records a writer puts into one block.
const RECORDS_PER_BLOCK: usize = 100;
/// The class name the S3 loader writes; no reader checks it.
const CLASS_NAME: &str = "byte[]";

/// Marker and length.
const HEADER: usize = MARKER.len() + 4;
/// No writer makes a longer block; a longer length is damage.
const MAX_BLOCK: usize = 256 * 1024 * 1024;

/// Where a block lies in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Position of the marker.
    pub start: usize,
    /// Position of the message.
    pub message: usize,
    /// Position after the message; may lie beyond the buffer's end.
    pub end: usize,
}

/// What comes next in a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// A block; its message may be incomplete.
    Block(Block),
    /// A block may start at this position, but the buffer ends before that can be told.
    Incomplete(usize),
}

/// Looks for the next block from a position on. Markers with an impossible length are passed over.
pub(super) fn next_block(buffer: &[u8], from: usize) -> Scan {
    let finder = memmem::Finder::new(&MARKER);
    let mut at = from;
    while let Some(found) = finder.find(&buffer[at..]) {
        let start = at + found;
        let Some(length) = buffer.get(start + MARKER.len()..start + HEADER) else {
            return Scan::Incomplete(start);
        };
        let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
        if length <= MAX_BLOCK {
            let message = start + HEADER;
            return Scan::Block(Block { start, message, end: message + length });
        }
        at = start + 1;
    }
    // The buffer may end with the first bytes of a marker.
    let tail = buffer[at..].len().min(MARKER.len() - 1);
    let starts = (buffer.len() - tail..buffer.len()).find(|start| MARKER.starts_with(&buffer[*start..]));
    Scan::Incomplete(starts.unwrap_or(buffer.len()))
}

/// Takes the next record out of a message, with the fields before it. `None` at its end; where it is damaged or cut off,
/// `Err`, and the message starts after the last record.
pub(super) fn next_record<'c>(message: &mut &'c [u8]) -> Result<Option<&'c [u8]>, Damaged> {
    let mut rest = *message;
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let length = match tag & 7 {
            0 => {
                varint(&mut rest)?;
                0
            }
            1 => 8,
            2 => usize::try_from(varint(&mut rest)?).map_err(|_| Damaged)?,
            5 => 4,
            _ => return Err(Damaged),
        };
        let (value, after) = rest.split_at_checked(length).ok_or(Damaged)?;
        rest = after;
        if tag == 0x1A && !value.is_empty() {
            *message = rest;
            return Ok(Some(value));
        }
    }
    *message = rest;
    Ok(None)
}

/// A message that is no protobuf message, or ends inside a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

fn varint(bytes: &mut &[u8]) -> Result<u64, Damaged> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            *bytes = &bytes[index + 1..];
            return Ok(value);
        }
    }
    Err(Damaged)
}

/// Packs records into blocks, as the S3 loader does.
#[derive(Debug, Default)]
pub struct SerializedBlockWriter {
    records: Vec<u8>,
    count: usize,
}

impl SerializedBlockWriter {
    /// A writer without records.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record; appends a block to `out` when it is full.
    pub fn push(&mut self, record: &[u8], out: &mut Vec<u8>) {
        self.records.push(0x1A);
        write_varint(record.len(), &mut self.records);
        self.records.extend_from_slice(record);
        self.count += 1;
        if self.count == RECORDS_PER_BLOCK {
            self.flush(out);
        }
    }

    /// Appends a block with the records that wait for one, if there are any.
    pub fn flush(&mut self, out: &mut Vec<u8>) {
        if self.count == 0 {
            return;
        }
        let mut head = vec![0x08, 0x01, 0x12];
        write_varint(CLASS_NAME.len(), &mut head);
        head.extend_from_slice(CLASS_NAME.as_bytes());
        out.extend_from_slice(&MARKER);
        // A hundred records stay far below 2 GiB.
        out.extend_from_slice(&((head.len() + self.records.len()) as u32).to_le_bytes());
        out.extend_from_slice(&head);
        out.append(&mut self.records);
        self.count = 0;
    }
}

fn write_varint(value: usize, out: &mut Vec<u8>) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_is_written() {
        let record = [7u8; 166];
        let mut out = Vec::new();
        let mut writer = SerializedBlockWriter::new();
        writer.push(&record, &mut out);
        writer.push(&[0], &mut out);
        assert!(out.is_empty(), "a block waits for its hundredth record");
        writer.flush(&mut out);
        writer.flush(&mut out);
        assert_eq!(out.len(), 202);
        assert_eq!(out[..16], MARKER);
        assert_eq!(out[16..20], [0xB6, 0, 0, 0]);
        assert_eq!(out[20..30], *b"\x08\x01\x12\x06byte[]");
        assert_eq!(out[30..33], [0x1A, 0xA6, 0x01]);
        assert_eq!(out[199..], [0x1A, 0x01, 0x00]);
    }

    #[test]
    fn markers_may_be_cut_or_wrong() {
        assert_eq!(next_block(b"abc", 0), Scan::Incomplete(3));
        let mut cut = b"ab".to_vec();
        cut.extend_from_slice(&MARKER[..15]);
        assert_eq!(next_block(&cut, 0), Scan::Incomplete(2));
        cut.push(MARKER[15]);
        assert_eq!(next_block(&cut, 0), Scan::Incomplete(2), "the length is still to come");
        cut.extend_from_slice(&[5, 0, 0, 0]);
        assert_eq!(next_block(&cut, 0), Scan::Block(Block { start: 2, message: 22, end: 27 }));
        let negative = [&MARKER[..], &[0xFF; 4]].concat();
        assert_eq!(next_block(&negative, 0), Scan::Incomplete(20));
    }

    #[test]
    fn unknown_fields_are_passed_over_and_damage_is_told() {
        let mut message: &[u8] = b"\x08\x01\x21\0\0\0\0\0\0\0\0\x2D\0\0\0\0\x1A\0\x1A\x02ab";
        assert_eq!(next_record(&mut message), Ok(Some(&b"ab"[..])));
        assert_eq!(next_record(&mut message), Ok(None));
        for damaged in [&b"\x1A\x05ab"[..], b"\x1B", b"\xFF", b"\x1A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"] {
            assert_eq!(next_record(&mut &damaged[..]), Err(Damaged));
        }
    }
}
