//! PostgreSQL: rows are re-encoded here and streamed into `COPY … FROM STDIN`; nothing is written to disk on the way.
//!
//! Facts: PostgreSQL 15, "COPY", text format. The reference's way (CSV with control characters as quotes) fails on values
//! that this one takes.

use super::wire::{CopyIn, DbFailure, Wire};
use super::{Copied, CopyJob, FailAt, TableColumn, Target};
use crate::ddl::{self, Dialect, SqlOptions};
use crate::load::config::{Kind, TargetConfig};
use crate::load::error::{BadField, LoadError};
use crate::load::rows::{Field, Position, RowShape, each_row, normal_value};
use crate::load::sql::{literal, quote};
use crate::storage::Storage;

/// Rows are sent in pieces of about this size.
const PIECE: usize = 256 << 10;

pub(super) struct Postgres {
    wire: Wire,
    options: SqlOptions,
    name: String,
}

impl Postgres {
    pub(super) fn open(config: &TargetConfig) -> Result<Postgres, LoadError> {
        let options = SqlOptions { schema: config.schema.clone(), ..SqlOptions::default() };
        Ok(Postgres { wire: Wire::connect(config)?, options, name: config.describe() })
    }

    /// Widths as the table has them: it may be older, or made by hand.
    fn fitted(&mut self, job: &CopyJob<'_>) -> Result<RowShape, LoadError> {
        let columns = self.wire.columns(&job.table)?;
        let mut shape = job.shape.clone();
        for field in &mut shape.fields {
            let column = columns.iter().find(|column| column.name == field.name);
            field.width = column.and_then(|column| width_of(&column.ty));
        }
        Ok(shape)
    }
}

impl Target for Postgres {
    fn kind(&self) -> Kind {
        Kind::Postgres
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &ddl::Postgres
    }

    fn sql_options(&self) -> &SqlOptions {
        &self.options
    }

    fn describe(&self) -> String {
        self.name.clone()
    }

    fn execute(&mut self, sql: &str) -> Result<(), LoadError> {
        self.wire.simple(sql).map(|_| ())
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, LoadError> {
        self.wire.simple(sql)
    }

    fn columns(&mut self, table: &str) -> Result<Vec<TableColumn>, LoadError> {
        self.wire.columns(table)
    }

    fn table_version(&mut self, table: &str) -> Result<Option<String>, LoadError> {
        self.wire.comment(table)
    }

    fn keep_others_away(&mut self) -> Result<(), LoadError> {
        let key = format!("hashtext({})", literal(&format!("thresh load {}", self.options.schema)));
        let rows = self.wire.simple(&format!("SELECT pg_try_advisory_lock(1953654387, {key})"))?;
        if rows.first().and_then(|row| row.first()).cloned().flatten().as_deref() == Some("t") {
            return Ok(());
        }
        let detail = format!("it holds the advisory lock of schema {}", self.options.schema);
        Err(LoadError::Locked { target: self.name.clone(), detail })
    }

    fn copy(&mut self, job: &CopyJob<'_>, storage: &Storage) -> Result<Copied, LoadError> {
        let shape = self.fitted(job)?;
        let sql = self.copy_text(job);
        let mut copied = Copied::default();
        // Where each file begins in the stream, to tell the place of an error.
        let mut starts: Vec<(u64, String)> = Vec::new();
        let mut failed: Option<DbFailure> = None;
        let mut sink = match self.wire.copy_in(&sql) {
            Ok(sink) => sink,
            Err(failure) => return Err(self.wire.sql_error(failure, &sql)),
        };
        let mut piece: Vec<u8> = Vec::with_capacity(PIECE + (64 << 10));
        let mut rows = 0;
        let read = each_row(storage, job.files, &shape, &mut |fields, position| {
            if position.line == 1 {
                starts.push((rows, position.file.location.to_string()));
            }
            rows += 1;
            encode(fields, &shape, position, &mut piece, &mut copied.cut)?;
            if piece.len() >= PIECE {
                return send(&mut sink, &mut piece, &mut failed, &sql);
            }
            Ok(())
        });
        let end = read.and_then(|stats| {
            copied.repaired = stats.repaired;
            send(&mut sink, &mut piece, &mut failed, &sql)
        });
        // A sink that is dropped makes the server forget the rows.
        match end {
            Ok(()) => match sink.finish() {
                Ok(rows) => copied.rows = Some(rows),
                Err(failure) => return Err(self.copy_error(job, failure, &starts, &sql)),
            },
            Err(error) => {
                drop(sink);
                return Err(match failed {
                    Some(failure) => self.copy_error(job, failure, &starts, &sql),
                    None => error,
                });
            }
        }
        Ok(copied)
    }

    fn copy_text(&self, job: &CopyJob<'_>) -> String {
        let columns: Vec<String> = job.shape.fields.iter().map(|field| quote(&field.name)).collect();
        let table = self.dialect().qualified(&job.table, &self.options);
        format!("COPY {table} ({}) FROM STDIN", columns.join(", "))
    }

    fn fail_at(&mut self, at: FailAt) {
        self.wire.failure.ask(at);
    }

    fn has_failure_ahead(&self) -> bool {
        self.wire.failure.is_pending()
    }
}

impl Postgres {
    /// The error with file and line, if the server says which row it was.
    fn copy_error(&self, job: &CopyJob<'_>, failure: DbFailure, starts: &[(u64, String)], sql: &str) -> LoadError {
        let Some((line, column)) = failure.place.as_deref().and_then(place_in_copy) else {
            return self.wire.sql_error(failure, sql);
        };
        let file = starts.iter().rfind(|(start, _)| *start < line);
        let bad = BadField {
            table: job.table.clone(),
            file: file.map(|(_, name)| name.clone()),
            line: Some(line - file.map_or(0, |(start, _)| *start)),
            column,
            reason: failure.message,
        };
        LoadError::Rows { table: job.table.clone(), bad: vec![bad] }
    }
}

fn send(
    sink: &mut CopyIn<'_>,
    piece: &mut Vec<u8>,
    failed: &mut Option<DbFailure>,
    sql: &str,
) -> Result<(), LoadError> {
    let rows = std::mem::replace(piece, Vec::with_capacity(PIECE + (64 << 10)));
    sink.send(rows).map_err(|failure| {
        let message = failure.message.clone();
        let (code, connection_lost) = (failure.code.clone(), failure.connection_lost);
        *failed = Some(failure);
        LoadError::Sql { message, statement: sql.to_owned(), code, connection_lost }
    })
}

/// One row in text format.
fn encode(
    fields: &[Option<&str>],
    shape: &RowShape,
    position: Position<'_>,
    out: &mut Vec<u8>,
    cuts: &mut u64,
) -> Result<(), LoadError> {
    for (text, field) in fields.iter().zip(&shape.fields) {
        let value = match text {
            None => None,
            Some(text) => match normal_value(text, field) {
                Ok((value, cut)) => {
                    *cuts += u64::from(cut);
                    value
                }
                Err(error) => return Err(bad_value(shape, field, position, error.to_string())),
            },
        };
        match value {
            None => out.extend_from_slice(br"\N"),
            Some(text) => escape(text.as_bytes(), out),
        }
        out.push(b'\t');
    }
    if let Some(last) = out.last_mut() {
        *last = b'\n';
    }
    Ok(())
}

fn bad_value(shape: &RowShape, field: &Field, position: Position<'_>, reason: String) -> LoadError {
    let bad = BadField {
        table: shape.table.clone(),
        file: Some(position.file.location.to_string()),
        line: Some(position.line),
        column: Some(field.name.clone()),
        reason,
    };
    LoadError::Rows { table: shape.table.clone(), bad: vec![bad] }
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    // Line ends and tabs inside a value only come from JSON rows.
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'\\' | b'\t' | b'\n' | b'\r')) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\\');
        out.push(match rest[at] {
            b'\t' => b't',
            b'\n' => b'n',
            b'\r' => b'r',
            other => other,
        });
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// `character varying(128)` → 128.
fn width_of(ty: &str) -> Option<u32> {
    let width = ty.strip_prefix("character")?.split(['(', ')']).nth(1)?;
    width.parse().ok()
}

/// `COPY events, line 3, column txn_id: "x"` → line and column.
fn place_in_copy(context: &str) -> Option<(u64, Option<String>)> {
    let first = context.lines().next()?;
    let rest = &first[first.find(", line ")? + 7..];
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let column = rest.find(", column ").map(|at| {
        let name = &rest[at + 9..];
        name.split(": ").next().unwrap_or(name).to_owned()
    });
    Some((digits.parse().ok()?, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example() {
        let mut out = Vec::new();
        for text in ["a\\b", "\\N", "", "x\r\ny\t"] {
            escape(text.as_bytes(), &mut out);
            out.push(b'|');
        }
        assert_eq!(String::from_utf8(out).unwrap(), r"a\\b|\\N||x\r\ny\t|");
    }

    #[test]
    fn places() {
        let column = Some("txn_id".to_owned());
        assert_eq!(place_in_copy("COPY events, line 3, column txn_id: \"x\""), Some((3, column)));
        assert_eq!(place_in_copy("COPY t, line 12: \"a\tb\""), Some((12, None)));
        assert_eq!(place_in_copy("while inserting"), None);
        assert_eq!(width_of("character varying(128)"), Some(128));
        assert_eq!(width_of("character(36)"), Some(36));
        assert_eq!((width_of("text"), width_of("numeric(18,2)")), (None, None));
    }
}
