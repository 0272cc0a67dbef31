//! Tables and migrations for SQLite.
//!
//! SQLite has no schemas, no comments and no widths: tables stand in the database's own name space, and the version of
//! each is kept in the table [`VERSIONS_TABLE`].

use super::column_type::ColumnType;
use super::dialect::{Dialect, MigrationSql, SqlOptions, align};
use super::events::EVENTS_COLUMNS;
use super::migration::Migration;
use super::name::{literal, quote};
use super::table::{DdlError, LEADING_COLUMNS, Table};

/// SQLite.
pub struct Sqlite;

/// The table that knows which version every table is at: `table_name`, `schema_key`.
pub const VERSIONS_TABLE: &str = "thresh_table_versions";

impl Dialect for Sqlite {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn name_limit(&self) -> usize {
        1024
    }

    fn column_limit(&self) -> usize {
        2000
    }

    fn qualified(&self, table: &str, _options: &SqlOptions) -> String {
        quote(table)
    }

    fn create_table(&self, table: &Table, _options: &SqlOptions) -> Result<Vec<String>, DdlError> {
        self.check(table)?;
        let leading = LEADING_COLUMNS.iter().map(|(name, ty, _)| [quote(name), format!("{} NOT NULL", spell(*ty))]);
        // No NOT NULL: it could not be dropped when a later version makes a property optional.
        let columns = table.columns.iter().map(|column| [quote(&column.name), spell(column.ty).to_owned()]);
        let rows: Vec<[String; 2]> = leading.chain(columns).collect();
        let name = self.table_name(&table.key);
        let mut statements =
            vec![format!("CREATE TABLE IF NOT EXISTS {} (\n{}\n)", quote(&name), align(&rows).join(",\n"))];
        statements.extend(note_version(&name, &table.newest().to_string()));
        let index = quote(&format!("{name}_root_id_idx"));
        statements.push(format!("CREATE INDEX IF NOT EXISTS {index} ON {} (root_id)", quote(&name)));
        Ok(statements)
    }

    fn migrate(&self, migration: &Migration, _options: &SqlOptions) -> MigrationSql {
        let name = self.table_name(&migration.key);
        let add = |column: &super::table::Column| {
            format!("ALTER TABLE {} ADD COLUMN {} {}", quote(&name), quote(&column.name), spell(column.ty))
        };
        let mut inside: Vec<String> = migration.added.iter().map(add).collect();
        inside.extend(note_version(&name, &migration.key.version(migration.to).to_string()));
        // A column's type only says how SQLite prefers to store a value; it takes the others too.
        MigrationSql { before: Vec::new(), inside, notes: Vec::new() }
    }

    fn create_events(&self, _options: &SqlOptions) -> Vec<String> {
        let rows: Vec<[String; 2]> = EVENTS_COLUMNS
            .iter()
            .map(|column| {
                let null = if column.not_null { " NOT NULL" } else { "" };
                [quote(column.name), format!("{}{null}", column.sqlite())]
            })
            .collect();
        let mut statements = vec![format!("CREATE TABLE IF NOT EXISTS \"events\" (\n{}\n)", align(&rows).join(",\n"))];
        statements.extend(note_version("events", "0.11.0"));
        statements
    }
}

fn note_version(table: &str, version: &str) -> [String; 2] {
    [
        format!(
            "CREATE TABLE IF NOT EXISTS {} (\n    table_name TEXT NOT NULL PRIMARY KEY,\n    schema_key TEXT NOT NULL\n)",
            quote(VERSIONS_TABLE)
        ),
        format!(
            "INSERT OR REPLACE INTO {} (table_name, schema_key) VALUES ({}, {})",
            quote(VERSIONS_TABLE),
            literal(table),
            literal(version)
        ),
    ]
}

fn spell(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::SmallInt | ColumnType::Int | ColumnType::BigInt | ColumnType::Boolean => "INTEGER",
        ColumnType::Decimal | ColumnType::Money => "NUMERIC",
        ColumnType::Double => "REAL",
        ColumnType::Timestamp | ColumnType::Date | ColumnType::Char(_) | ColumnType::Varchar(_) => "TEXT",
    }
}
