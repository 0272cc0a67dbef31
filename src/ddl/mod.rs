//! Schemas into tables: columns, `CREATE TABLE`, and migrations from version to version, for three databases.
//!
//! [`Table`] holds the columns of a model over all its versions; it is also what the shredder writes rows by. A
//! [`Dialect`] turns tables and [`Migration`]s into statements. Schemas come from a [`SchemaSource`].
//!
//! Facts: snowplow/schema-ddl 0.14.3 as used by snowplow/snowplow-rdb-loader 1.2.3. Where thresh differs:
//! `docs/DIFFERENCES.md`.

mod column_type;
mod decimal;
mod dialect;
mod events;
mod file;
mod flatten;
mod migration;
mod name;
mod postgres;
mod redshift;
mod schema;
mod source;
mod sqlite;
mod table;
#[cfg(test)]
mod tests;

pub use column_type::{ColumnType, Encoding, MAX_VARCHAR};
pub use dialect::{Dialect, MigrationSql, SqlOptions, by_name};
pub use events::{EVENTS_COLUMNS, EventsColumn};
pub use file::migration_file;
pub use flatten::{Leaf, Pointer, Step, flatten};
pub use migration::{Change, Migration};
pub use name::{snake_case, table_name};
pub use postgres::Postgres;
pub use redshift::Redshift;
pub use schema::{Node, SchemaError, Types};
pub use source::{FolderSource, SchemaSource};
pub use sqlite::{Sqlite, VERSIONS_TABLE};
pub use table::{Column, DdlError, LEADING_COLUMNS, ModelKey, Schemas, Table, TableOptions, fetch_model};
