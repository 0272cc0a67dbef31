//! Tables and migrations for PostgreSQL.
//!
//! Names, order and meaning of the columns are those of Redshift, so that SQL written for one runs on the other. The
//! events table: snowplow/snowplow r117, `4-storage/postgres-storage/sql/atomic-def.sql` (0.7.1).

use super::column_type::ColumnType;
use super::dialect::{Dialect, MigrationSql, SqlOptions, align, bare_or_quoted};
use super::events::EVENTS_COLUMNS;
use super::migration::Migration;
use super::name::{fit, literal, quote};
use super::table::{DdlError, LEADING_COLUMNS, Table};

/// PostgreSQL.
pub struct Postgres;

/// From this width on a text column has no limit.
const UNLIMITED: u32 = 4096;

impl Dialect for Postgres {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn name_limit(&self) -> usize {
        63
    }

    fn column_limit(&self) -> usize {
        1600
    }

    fn create_table(&self, table: &Table, options: &SqlOptions) -> Result<Vec<String>, DdlError> {
        self.check(table)?;
        let null = |not_null: bool| if not_null { "NOT NULL".to_owned() } else { String::new() };
        let leading = LEADING_COLUMNS.iter().map(|(name, ty, _)| [quote(name), spell(*ty), null(true)]);
        let columns = table.columns.iter().map(|column| {
            [quote(&self.column_name(&column.name)), spell(options.ty(column)), null(options.not_null(column))]
        });
        let rows: Vec<[String; 3]> = leading.chain(columns).collect();
        let plain_name = self.table_name(&table.key);
        let name = self.qualified(&plain_name, options);
        let mut statements = vec![format!("CREATE TABLE IF NOT EXISTS {name} (\n{}\n)", align(&rows).join(",\n"))];
        statements.push(comment(&name, &table.newest().to_string()));
        for column in ["root_id", "root_tstamp"] {
            let index = bare_or_quoted(&fit(&format!("{plain_name}_{column}_idx"), self.name_limit()));
            statements.push(format!("CREATE INDEX IF NOT EXISTS {index} ON {name} ({column})"));
        }
        Ok(statements)
    }

    fn migrate(&self, migration: &Migration, options: &SqlOptions) -> MigrationSql {
        let table = self.qualified(&self.table_name(&migration.key), options);
        let mut sql = MigrationSql::default();
        for change in &migration.changed {
            let (from, to) = (spell(change.from), spell(change.to));
            if from == to {
                continue;
            }
            let column = quote(&self.column_name(&change.name));
            // A boolean is written as 1 or 0, but Postgres would make it a word.
            let using = match (change.from, change.to) {
                (ColumnType::Boolean, _) => format!(" USING {column}::int::text"),
                _ => String::new(),
            };
            sql.inside.push(format!("ALTER TABLE {table} ALTER COLUMN {column} TYPE {to}{using}"));
        }
        for name in &migration.relaxed {
            let column = quote(&self.column_name(name));
            sql.inside.push(format!("ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"));
        }
        for column in &migration.added {
            let name = quote(&self.column_name(&column.name));
            sql.inside.push(format!("ALTER TABLE {table} ADD COLUMN {name} {}", spell(options.ty(column))));
        }
        sql.inside.push(comment(&table, &migration.key.version(migration.to).to_string()));
        sql
    }

    fn create_events(&self, options: &SqlOptions) -> Vec<String> {
        let rows: Vec<[String; 3]> = EVENTS_COLUMNS
            .iter()
            .map(|column| {
                let ty = if options.reference { column.postgres } else { column.postgres_wide() };
                let null = if column.not_null { "NOT NULL" } else { "" };
                [quote(column.name), ty.to_owned(), null.to_owned()]
            })
            .collect();
        let name = self.qualified("events", options);
        let oids = if options.reference { "\nWITH (OIDS=FALSE)" } else { "" };
        vec![
            format!("CREATE TABLE IF NOT EXISTS {name} (\n{}\n){oids}", align(&rows).join(",\n")),
            comment(&name, "0.7.1"),
        ]
    }
}

fn comment(table: &str, text: &str) -> String {
    format!("COMMENT ON TABLE {table} IS {}", literal(text))
}

fn spell(ty: ColumnType) -> String {
    match ty {
        ColumnType::Varchar(width) if width >= UNLIMITED => "TEXT".into(),
        ColumnType::Int => "INTEGER".into(),
        ColumnType::Decimal => "NUMERIC".into(),
        ColumnType::Money => "NUMERIC(36, 2)".into(),
        other => other.to_string(),
    }
}
