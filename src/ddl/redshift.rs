//! Tables and migrations for Amazon Redshift.
//!
//! Form of the text: snowplow/schema-ddl 0.14.3, `modules/core/.../redshift/{CreateTable,Column,AlterTable}.scala`; the
//! events table: snowplow/snowplow r117, `4-storage/redshift-storage/sql/atomic-def.sql` (0.11.0).

use super::column_type::{ColumnType, Encoding};
use super::dialect::{Dialect, MigrationSql, SqlOptions, align};
use super::events::EVENTS_COLUMNS;
use super::migration::{Change, Migration};
use super::name::{literal, quote};
use super::table::{DdlError, LEADING_COLUMNS, Table};

/// Amazon Redshift.
pub struct Redshift;

impl Dialect for Redshift {
    fn name(&self) -> &'static str {
        "redshift"
    }

    fn name_limit(&self) -> usize {
        127
    }

    fn column_limit(&self) -> usize {
        1600
    }

    fn create_table(&self, table: &Table, options: &SqlOptions) -> Result<Vec<String>, DdlError> {
        self.check(table)?;
        let cells = |name: &str, ty: ColumnType, encoding: Encoding, not_null: bool| {
            let null = if not_null { "NOT NULL" } else { "" };
            [quote(name), ty.to_string(), format!("ENCODE {encoding}"), null.to_owned()]
        };
        let leading = LEADING_COLUMNS.iter().map(|(name, ty, encoding)| cells(name, *ty, *encoding, true));
        let columns = table.columns.iter().map(|column| {
            let name = self.column_name(&column.name);
            cells(&name, options.ty(column), column.encoding, options.not_null(column))
        });
        let rows: Vec<[String; 4]> = leading.chain(columns).collect();
        let name = self.qualified(&self.table_name(&table.key), options);
        let events = self.qualified("events", options);
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {name} (\n{},\n    FOREIGN KEY (root_id) REFERENCES {events}(event_id)\n)\n\
             DISTSTYLE KEY\nDISTKEY (root_id)\nSORTKEY (root_tstamp)",
            align(&rows).join(",\n")
        );
        Ok(vec![create, comment(&name, &table.newest().to_string())])
    }

    fn migrate(&self, migration: &Migration, options: &SqlOptions) -> MigrationSql {
        let table = self.qualified(&self.table_name(&migration.key), options);
        let mut sql = MigrationSql::default();
        for change in &migration.changed {
            match obstacle(change) {
                None => sql.before.push(format!(
                    "ALTER TABLE {table} ALTER {} TYPE {}",
                    quote(&self.column_name(&change.name)),
                    change.to
                )),
                Some(reason) => sql.notes.push(format!(
                    "column {} of {table} should become {} but stays {}: {reason}",
                    quote(&change.name),
                    change.to,
                    change.from
                )),
            }
        }
        for name in &migration.relaxed {
            sql.notes.push(format!(
                "column {} of {table} may be empty from now on; Redshift cannot drop its NOT NULL",
                quote(name)
            ));
        }
        for column in &migration.added {
            let null = if options.reference && column.declared_not_null { " NOT NULL" } else { "" };
            sql.inside.push(format!(
                "ALTER TABLE {table} ADD COLUMN {} {}{null} ENCODE {}",
                quote(&self.column_name(&column.name)),
                options.ty(column),
                column.encoding
            ));
        }
        let newest = migration.key.version(migration.to).to_string();
        sql.inside.push(comment(&table, &newest));
        sql
    }

    fn create_events(&self, options: &SqlOptions) -> Vec<String> {
        let rows: Vec<[String; 4]> = EVENTS_COLUMNS
            .iter()
            .map(|column| {
                let encoding = if column.name == "collector_tstamp" { "RAW" } else { "ZSTD" };
                let unique = if column.name == "event_id" { " UNIQUE" } else { "" };
                let null = if column.not_null { format!("NOT NULL{unique}") } else { String::new() };
                [quote(column.name), column.redshift.to_owned(), format!("ENCODE {encoding}"), null]
            })
            .collect();
        let name = self.qualified("events", options);
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {name} (\n{},\n    CONSTRAINT event_id_0110_pk PRIMARY KEY (event_id)\n)\n\
             DISTSTYLE KEY\nDISTKEY (event_id)\nSORTKEY (collector_tstamp)",
            align(&rows).join(",\n")
        );
        vec![create, comment(&name, "0.11.0")]
    }
}

fn comment(table: &str, text: &str) -> String {
    format!("COMMENT ON TABLE {table} IS {}", literal(text))
}

/// Why Redshift cannot alter a column's type, if it cannot.
fn obstacle(change: &Change) -> Option<&'static str> {
    match (change.from, change.to, change.encoding) {
        (_, _, Encoding::Text255 | Encoding::RunLength) => Some("its encoding forbids it"),
        (ColumnType::Varchar(_), ColumnType::Varchar(_), _) => None,
        _ => Some("Redshift can only widen VARCHAR columns"),
    }
}
