//! Migrations as files to be run by hand, in the layout of igluctl's.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../redshift/generators/{MigrationGenerator,DdlFile}.scala`.

use super::dialect::{Dialect, SqlOptions};
use super::migration::Migration;

/// The text of a migration's file.
pub fn migration_file(dialect: &dyn Dialect, migration: &Migration, options: &SqlOptions) -> String {
    let sql = dialect.migrate(migration, options);
    let mut text = header(dialect, migration);
    for note in &sql.notes {
        text.push_str(&format!("-- NOTE: {note}\n"));
    }
    if !sql.notes.is_empty() {
        text.push('\n');
    }
    for statement in &sql.before {
        text.push_str(&format!("  {};\n", broken(statement)));
    }
    if migration.added.is_empty() && sql.inside.len() == 1 {
        if sql.before.is_empty() {
            text.push_str("-- NO ADDED COLUMNS CAN BE EXPRESSED IN SQL MIGRATION\n");
        }
        text.push_str(&format!("\n  {};\n", sql.inside[0]));
        return text;
    }
    if !sql.before.is_empty() {
        text.push('\n');
    }
    let (begin, end) =
        if dialect.name() == "redshift" { ("BEGIN TRANSACTION", "END TRANSACTION") } else { ("BEGIN", "COMMIT") };
    text.push_str(&format!("{begin};\n\n"));
    let is_alter = |statement: &&String| statement.starts_with("ALTER TABLE");
    for statement in sql.inside.iter().filter(is_alter) {
        text.push_str(&format!("  {};\n", broken(statement)));
    }
    text.push('\n');
    for statement in sql.inside.iter().filter(|statement| !is_alter(statement)) {
        text.push_str(&format!("  {};\n\n", statement.replace('\n', "\n  ")));
    }
    text.push_str(&format!("{end};"));
    text
}

fn header(dialect: &dyn Dialect, migration: &Migration) -> String {
    let table = dialect.table_name(&migration.key);
    let from = migration.key.version(migration.from);
    if dialect.name() == "sqlite" {
        let query = format!("SELECT schema_key FROM {} WHERE table_name = '{table}';", super::VERSIONS_TABLE);
        return format!(
            "-- WARNING: only apply this file to your database if the following SQL returns the expected:\n--\n\
             -- {query}\n-- {from}\n\n"
        );
    }
    format!(
        "-- WARNING: only apply this file to your database if the following SQL returns the expected:\n--\n\
         -- SELECT pg_catalog.obj_description(c.oid) FROM pg_catalog.pg_class c WHERE c.relname = '{table}';\n\
         --  obj_description\n-- -----------------\n--  {from}\n--  (1 row)\n\n"
    )
}

/// `ALTER TABLE x` on a line of its own.
fn broken(statement: &str) -> String {
    [" ADD COLUMN ", " ALTER "]
        .iter()
        .find_map(|word| {
            statement.split_once(word).map(|(head, tail)| format!("{head}\n    {}{tail}", word.trim_start()))
        })
        .unwrap_or_else(|| statement.to_owned())
}
