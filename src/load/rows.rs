//! Rows out of files: lines into fields, fields into values that every target takes the same way.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3 and R32 (how null is spelt), and what Redshift's `COPY` makes of values with
//! the options the loader sends: `EMPTYASNULL`, `FILLRECORD`, `TRUNCATECOLUMNS`, `ACCEPTINVCHARS`, `TIMEFORMAT 'auto'`.

use std::borrow::Cow;
use std::io::Read;

use super::error::{BadField, LoadError};
use crate::ddl::{ColumnType, Pointer};
use crate::storage::{ObjectMeta, Storage, StorageError};

mod json;
mod value;

pub use value::{ValueError, normal_value};

/// How null is spelt in TSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// As nothing: atomic events, and entities up to R32.
    Empty,
    /// As `\N`; `\\N` is the text `\N`: entities since R33.
    BackslashN,
    /// As either: layout C, which both generations wrote.
    Both,
}

/// One field of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The column it goes to.
    pub name: String,
    /// What it holds.
    pub ty: ColumnType,
    /// Most characters the column takes, if there is a limit.
    pub width: Option<u32>,
    /// Where its value stands in JSON rows, below `data`; empty for the nine leading ones.
    pub pointers: Vec<Pointer>,
}

/// What the rows of a table look like.
#[derive(Clone, Debug, PartialEq)]
pub struct RowShape {
    /// The table, for messages.
    pub table: String,
    /// The fields in order.
    pub fields: Vec<Field>,
    /// Whether rows are JSON.
    pub json: bool,
    /// How null is spelt, in TSV.
    pub nulls: Nulls,
}

/// Where a row stands.
#[derive(Clone, Copy)]
pub struct Position<'a> {
    /// The object.
    pub file: &'a ObjectMeta,
    /// The line, from 1.
    pub line: u64,
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RowStats {
    /// Rows.
    pub rows: u64,
    /// Rows in which NUL was removed or bytes that are no UTF-8 became `?`.
    pub repaired: u64,
}

/// Takes one row.
pub type Visit<'v> = dyn FnMut(&[Option<&str>], Position<'_>) -> Result<(), LoadError> + 'v;

const BLOCK: usize = 1 << 20;

/// Reads every row of the files. `visit` gets one entry for each field of the shape, `None` for null.
pub fn each_row(
    storage: &Storage,
    files: &[ObjectMeta],
    shape: &RowShape,
    visit: &mut Visit<'_>,
) -> Result<RowStats, LoadError> {
    let mut stats = RowStats::default();
    for file in files.iter().filter(|file| file.size > 0) {
        let mut line_number = 0;
        let mut arena = bumpalo::Bump::new();
        each_line(storage, file, &mut |line, repaired| {
            line_number += 1;
            stats.rows += 1;
            stats.repaired += u64::from(repaired);
            let position = Position { file, line: line_number };
            let wrong = |reason: String| {
                let bad = BadField {
                    table: shape.table.clone(),
                    file: Some(file.location.to_string()),
                    line: Some(line_number),
                    column: None,
                    reason,
                };
                LoadError::Rows { table: shape.table.clone(), bad: vec![bad] }
            };
            if shape.json {
                arena.reset();
                let fields = json::fields(line, shape, &arena).map_err(wrong)?;
                return visit(&fields, position);
            }
            let mut fields: Vec<Option<&str>> = Vec::with_capacity(shape.fields.len());
            split(line, shape.nulls, &mut fields);
            if fields.len() > shape.fields.len() {
                return Err(wrong(format!(
                    "Extra column(s) found: {} fields, but the table has {} columns for them",
                    fields.len(),
                    shape.fields.len()
                )));
            }
            fields.resize(shape.fields.len(), None);
            visit(&fields, position)
        })?;
    }
    Ok(stats)
}

/// How many fields the first row has, in TSV; `None` if there is no row.
pub fn first_row_fields(storage: &Storage, files: &[ObjectMeta]) -> Result<Option<usize>, StorageError> {
    for file in files.iter().filter(|file| file.size > 0) {
        let failed = |error| StorageError::from_io(&file.location, error);
        let mut input = storage.open_decoded(file)?;
        let (mut tabs, mut any) = (0, false);
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = read_some(&mut input, &mut buffer).map_err(failed)?;
            let end = memchr::memchr(b'\n', &buffer[..read]);
            let part = &buffer[..end.unwrap_or(read)];
            tabs += memchr::memchr_iter(b'\t', part).count();
            any |= read > 0;
            if end.is_some() || read == 0 {
                break;
            }
        }
        if any {
            return Ok(Some(tabs + 1));
        }
    }
    Ok(None)
}

fn split<'a>(line: &'a str, nulls: Nulls, fields: &mut Vec<Option<&'a str>>) {
    let mut start = 0;
    let ends = memchr::memchr_iter(b'\t', line.as_bytes()).chain(std::iter::once(line.len()));
    for end in ends {
        let text = &line[start..end];
        start = end + 1;
        let field = match (text, nulls) {
            ("", Nulls::Empty | Nulls::Both) => None,
            (r"\N", Nulls::BackslashN | Nulls::Both) => None,
            (r"\\N", Nulls::BackslashN | Nulls::Both) => Some(r"\N"),
            _ => Some(text),
        };
        fields.push(field);
    }
}

/// Lines without their ends. A line that holds NUL or no UTF-8 is given repaired, with `true`.
fn each_line(
    storage: &Storage,
    file: &ObjectMeta,
    visit: &mut dyn FnMut(&str, bool) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let mut input = storage.open_decoded(file)?;
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * BLOCK);
    loop {
        let filled = buffer.len();
        buffer.resize(filled + BLOCK, 0);
        let read = read_some(&mut input, &mut buffer[filled..])
            .map_err(|error| StorageError::from_io(&file.location, error))?;
        buffer.truncate(filled + read);
        let is_end = read == 0;
        let whole = match memchr::memrchr(b'\n', &buffer[filled..]) {
            _ if is_end => buffer.len(),
            Some(at) => filled + at + 1,
            None => continue,
        };
        give_lines(&buffer[..whole], visit)?;
        if is_end {
            return Ok(());
        }
        buffer.drain(..whole);
    }
}

fn read_some(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match input.read(buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn give_lines(block: &[u8], visit: &mut dyn FnMut(&str, bool) -> Result<(), LoadError>) -> Result<(), LoadError> {
    let clean = simdutf8::basic::from_utf8(block).ok().filter(|_| memchr::memchr(0, block).is_none());
    let mut start = 0;
    while start < block.len() {
        let end = memchr::memchr(b'\n', &block[start..]).map_or(block.len(), |at| start + at);
        match clean {
            Some(text) => visit(&text[start..end], false)?,
            None => {
                let repaired = repair(&block[start..end]);
                visit(&repaired, matches!(repaired, Cow::Owned(_)))?;
            }
        }
        start = end + 1;
    }
    Ok(())
}

/// Without NUL, and with `?` for every byte that is no UTF-8.
fn repair(line: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(line)
        && !text.contains('\0')
    {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(line.len());
    for chunk in line.utf8_chunks() {
        text.extend(chunk.valid().chars().filter(|c| *c != '\0'));
        text.extend(std::iter::repeat_n('?', chunk.invalid().len()));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
