//! What has to be done to a table when its model gets new versions.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../migrations/{Migration,SchemaDiff}.scala` and
//! `.../redshift/generators/MigrationGenerator.scala`.

use std::sync::Arc;

use serde_json::Value;

use super::column_type::{ColumnType, Encoding};
use super::table::{Column, DdlError, ModelKey, Table, TableOptions};
use crate::iglu::SchemaVer;

/// The way from one version of a model's table to a newer one.
#[derive(Clone, Debug, PartialEq)]
pub struct Migration {
    /// The model.
    pub key: ModelKey,
    /// The version the table is at.
    pub from: SchemaVer,
    /// The version it is to reach.
    pub to: SchemaVer,
    /// Columns to append, in order.
    pub added: Vec<Column>,
    /// Columns whose values no longer fit their type.
    pub changed: Vec<Change>,
    /// Columns that had a value in every row and need not any more.
    pub relaxed: Vec<String>,
}

/// A column whose type must hold more.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The column.
    pub name: String,
    /// Its type in the table.
    pub from: ColumnType,
    /// The type it needs.
    pub to: ColumnType,
    /// How it is compressed.
    pub encoding: Encoding,
}

impl Migration {
    /// The steps from version `from` to version `to` of a model with these versions, oldest first.
    pub fn between(
        key: &ModelKey,
        schemas: &[(SchemaVer, Arc<Value>)],
        from: SchemaVer,
        to: SchemaVer,
        options: TableOptions,
    ) -> Result<Migration, DdlError> {
        let table_at = |version: SchemaVer| {
            let position = schemas.iter().position(|(known, _)| *known == version);
            let last = position.ok_or_else(|| DdlError::UnknownVersion { key: Box::new(key.version(version)) })?;
            Table::build(key, &schemas[..=last], options)
        };
        let (old, new) = (table_at(from)?, table_at(to)?);
        let mut migration =
            Migration { key: key.clone(), from, to, added: Vec::new(), changed: Vec::new(), relaxed: Vec::new() };
        for column in new.columns {
            match old.columns.iter().find(|known| known.name == column.name) {
                None => migration.added.push(column),
                Some(known) => {
                    if known.ty != column.ty {
                        migration.changed.push(Change {
                            name: column.name.clone(),
                            from: known.ty,
                            to: column.ty,
                            encoding: known.encoding,
                        });
                    }
                    if known.certain && !column.certain {
                        migration.relaxed.push(column.name);
                    }
                }
            }
        }
        Ok(migration)
    }

    /// The migrations between neighbouring versions, oldest first.
    pub fn steps(
        key: &ModelKey,
        schemas: &[(SchemaVer, Arc<Value>)],
        options: TableOptions,
    ) -> Result<Vec<Migration>, DdlError> {
        let pairs = schemas.windows(2);
        pairs.map(|pair| Migration::between(key, schemas, pair[0].0, pair[1].0, options)).collect()
    }
}
