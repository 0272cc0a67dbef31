//! Tables and migrations in the words of one database.

use std::fmt::Write as _;

use super::column_type::ColumnType;
use super::migration::Migration;
use super::name::{fit, quote};
use super::table::{Column, DdlError, ModelKey, Table};

/// What all statements share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlOptions {
    /// The database schema that holds the tables; databases without schemas ignore it.
    pub schema: String,
    /// Write exactly what schema-ddl 0.14.3 writes: `NOT NULL` on columns that data can leave empty, and the types of
    /// the version that added a column although later versions allow more.
    pub reference: bool,
}

impl Default for SqlOptions {
    fn default() -> Self {
        SqlOptions { schema: "atomic".into(), reference: false }
    }
}

impl SqlOptions {
    /// The type a column is created with.
    pub fn ty(&self, column: &Column) -> ColumnType {
        if self.reference { column.declared } else { column.ty }
    }

    /// Whether a column is created `NOT NULL`.
    pub fn not_null(&self, column: &Column) -> bool {
        if self.reference { column.declared_not_null } else { column.certain }
    }
}

/// The statements of a migration, without semicolons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationSql {
    /// To be run first, each on its own: they cannot run inside a transaction.
    pub before: Vec<String>,
    /// To be run together in one transaction.
    pub inside: Vec<String>,
    /// What this database cannot do, in words.
    pub notes: Vec<String>,
}

/// One kind of database.
pub trait Dialect: Send + Sync {
    /// The name on the command line.
    fn name(&self) -> &'static str;

    /// Most bytes of a table's or column's name.
    fn name_limit(&self) -> usize;

    /// Most columns of a table.
    fn column_limit(&self) -> usize;

    /// The statements that create a model's table and note its version.
    fn create_table(&self, table: &Table, options: &SqlOptions) -> Result<Vec<String>, DdlError>;

    /// The statements that bring a model's table to a newer version.
    fn migrate(&self, migration: &Migration, options: &SqlOptions) -> MigrationSql;

    /// The statements that create the table of atomic events.
    fn create_events(&self, options: &SqlOptions) -> Vec<String>;

    /// The name of a model's table here, not quoted and without schema.
    fn table_name(&self, key: &ModelKey) -> String {
        fit(&key.table_name(), self.name_limit())
    }

    /// A column's name here, not quoted.
    fn column_name(&self, name: &str) -> String {
        fit(name, self.name_limit())
    }

    /// A table's name as statements spell it.
    fn qualified(&self, table: &str, options: &SqlOptions) -> String {
        format!("{}.{}", bare_or_quoted(&options.schema), bare_or_quoted(table))
    }

    /// Refuses a table with more columns than the database allows.
    fn check(&self, table: &Table) -> Result<(), DdlError> {
        let count = table.columns.len() + super::table::LEADING_COLUMNS.len();
        if count > self.column_limit() {
            return Err(DdlError::TooManyColumns { key: Box::new(table.newest()), count, limit: self.column_limit() });
        }
        Ok(())
    }
}

/// The dialect with this name.
pub fn by_name(name: &str) -> Option<&'static dyn Dialect> {
    let all: [&'static dyn Dialect; 3] =
        [&super::redshift::Redshift, &super::postgres::Postgres, &super::sqlite::Sqlite];
    all.into_iter().find(|dialect| dialect.name() == name)
}

/// The reference writes plain names bare; others need quotes.
pub(super) fn bare_or_quoted(name: &str) -> String {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if plain { name.to_owned() } else { quote(name) }
}

/// Lines of a `CREATE TABLE`: cells padded to the widest of their column, no trailing spaces.
pub(super) fn align<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; N]| {
        let mut text = String::from("   ");
        for (cell, width) in row.iter().zip(widths) {
            if width > 0 {
                let _ = write!(text, " {cell:width$}");
            }
        }
        text.trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
