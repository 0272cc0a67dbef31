//! SQLite: one file, no server. Prepared inserts in the run's transaction; readers go on meanwhile (WAL).

use std::borrow::Cow;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

use super::failure::AskedFailure;
use super::{Copied, CopyJob, FailAt, OpenOptions, TableColumn, Target};
use crate::ddl::{self, Dialect, SqlOptions, VERSIONS_TABLE};
use crate::load::config::{Kind, TargetConfig};
use crate::load::error::{BadField, LoadError};
use crate::load::rows::{each_row, normal_value};
use crate::load::sql::{literal, quote};
use crate::storage::Storage;

/// How long another writer may keep the database before it counts as another loader.
const PATIENCE: Duration = Duration::from_millis(500);

pub(super) struct Sqlite {
    connection: Connection,
    options: SqlOptions,
    name: String,
    failure: AskedFailure,
}

impl Sqlite {
    pub(super) fn open(config: &TargetConfig, options: &OpenOptions) -> Result<Sqlite, LoadError> {
        let failed =
            |error: rusqlite::Error| LoadError::Connect { target: config.describe(), detail: error.to_string() };
        let connection = if options.read_only && config.path.exists() {
            Connection::open_with_flags(&config.path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        } else if options.read_only {
            Connection::open_in_memory()
        } else {
            Connection::open(&config.path)
        };
        let connection = connection.map_err(failed)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        if !options.read_only {
            // With WAL a crash of the machine may at worst undo the last transactions, manifest rows included.
            connection
                .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536")
                .map_err(failed)?;
        }
        let sql_options = SqlOptions { schema: "main".to_owned(), ..SqlOptions::default() };
        Ok(Sqlite { connection, options: sql_options, name: config.describe(), failure: AskedFailure::default() })
    }

    fn error(&self, error: &rusqlite::Error, statement: &str) -> LoadError {
        let is_busy = matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked));
        if is_busy {
            return LoadError::Locked { target: self.name.clone(), detail: error.to_string() };
        }
        let statement = statement.chars().take(500).collect();
        LoadError::Sql { message: error.to_string(), statement, code: None, connection_lost: false }
    }

    fn injected(&mut self, statement: &str) -> Result<(), LoadError> {
        match self.failure.meets(statement) {
            None => Ok(()),
            Some(message) => {
                Err(LoadError::Sql { message, statement: statement.to_owned(), code: None, connection_lost: false })
            }
        }
    }
}

impl Target for Sqlite {
    fn kind(&self) -> Kind {
        Kind::Sqlite
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &ddl::Sqlite
    }

    fn sql_options(&self) -> &SqlOptions {
        &self.options
    }

    fn describe(&self) -> String {
        self.name.clone()
    }

    fn execute(&mut self, sql: &str) -> Result<(), LoadError> {
        self.injected(sql)?;
        self.connection.execute_batch(sql).map_err(|error| self.error(&error, sql))
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, LoadError> {
        self.injected(sql)?;
        let run = || -> rusqlite::Result<Vec<Vec<Option<String>>>> {
            let mut statement = self.connection.prepare(sql)?;
            let width = statement.column_count();
            let rows = statement.query_map([], |row| (0..width).map(|index| text_of(row.get_ref(index)?)).collect())?;
            rows.collect()
        };
        run().map_err(|error| self.error(&error, sql))
    }

    fn columns(&mut self, table: &str) -> Result<Vec<TableColumn>, LoadError> {
        let rows = self.query(&format!("PRAGMA table_info({})", quote(table)))?;
        let cell = |row: &[Option<String>], index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        Ok(rows.iter().map(|row| TableColumn { name: cell(row, 1), ty: cell(row, 2) }).collect())
    }

    fn table_version(&mut self, table: &str) -> Result<Option<String>, LoadError> {
        if self.columns(VERSIONS_TABLE)?.is_empty() {
            return Ok(None);
        }
        let sql = format!("SELECT schema_key FROM {} WHERE table_name = {}", quote(VERSIONS_TABLE), literal(table));
        Ok(self.query(&sql)?.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    fn keep_others_away(&mut self) -> Result<(), LoadError> {
        // A transaction that writes does that by itself.
        Ok(())
    }

    fn copy(&mut self, job: &CopyJob<'_>, storage: &Storage) -> Result<Copied, LoadError> {
        let load_time = has_load_time(job);
        let sql = insert_text(job, load_time);
        self.injected(&sql)?;
        let mut statement = self.connection.prepare(&sql).map_err(|error| self.error(&error, &sql))?;
        if load_time {
            let now = crate::event::time::column_timestamp(crate::event::time::now_millis());
            let last = job.shape.fields.len() + 1;
            statement.raw_bind_parameter(last, now).map_err(|error| self.error(&error, &sql))?;
        }
        let mut copied = Copied::default();
        // Most columns of most rows are null: only those that the row before filled are cleared.
        let mut bound = vec![false; job.shape.fields.len()];
        let stats = each_row(storage, job.files, &job.shape, &mut |fields, position| {
            let place = |column: Option<&str>, reason: String| BadField {
                table: job.table.clone(),
                file: Some(position.file.location.to_string()),
                line: Some(position.line),
                column: column.map(str::to_owned),
                reason,
            };
            let rows = |bad| LoadError::Rows { table: job.table.clone(), bad: vec![bad] };
            for (index, (text, field)) in fields.iter().zip(&job.shape.fields).enumerate() {
                let value = match text {
                    None => None,
                    Some(text) => {
                        let normal = normal_value(text, field);
                        let (value, cut) = normal.map_err(|error| rows(place(Some(&field.name), error.to_string())))?;
                        copied.cut += u64::from(cut);
                        value
                    }
                };
                bind(&mut statement, index, value, &mut bound[index]).map_err(|error| self.error(&error, &sql))?;
            }
            match statement.raw_execute() {
                Ok(_) => Ok(()),
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                    Err(rows(place(None, error.to_string())))
                }
                Err(error) => Err(self.error(&error, &sql)),
            }
        })?;
        copied.rows = Some(stats.rows);
        copied.repaired = stats.repaired;
        Ok(copied)
    }

    fn copy_text(&self, job: &CopyJob<'_>) -> String {
        insert_text(job, has_load_time(job))
    }

    fn fail_at(&mut self, at: FailAt) {
        self.failure.ask(at);
    }

    fn has_failure_ahead(&self) -> bool {
        self.failure.is_pending()
    }
}

fn bind(
    statement: &mut Statement<'_>,
    index: usize,
    value: Option<Cow<'_, str>>,
    bound: &mut bool,
) -> rusqlite::Result<()> {
    match value {
        Some(text) => statement.raw_bind_parameter(index + 1, text.as_ref())?,
        None if *bound => statement.raw_bind_parameter(index + 1, rusqlite::types::Null)?,
        None => return Ok(()),
    }
    *bound = true;
    Ok(())
}

/// The column of later releases, which other databases fill by its default.
fn has_load_time(job: &CopyJob<'_>) -> bool {
    let is = |name: &str| name == "load_tstamp";
    job.table_columns.iter().any(|name| is(name)) && !job.shape.fields.iter().any(|field| is(&field.name))
}

fn insert_text(job: &CopyJob<'_>, load_time: bool) -> String {
    let mut columns: Vec<String> = job.shape.fields.iter().map(|field| quote(&field.name)).collect();
    if load_time {
        columns.push(quote("load_tstamp"));
    }
    let places = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({places})", quote(&job.table), columns.join(", "))
}

fn text_of(value: rusqlite::types::ValueRef<'_>) -> rusqlite::Result<Option<String>> {
    use rusqlite::types::ValueRef;
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(String::from_utf8_lossy(text).into_owned()),
    })
}
