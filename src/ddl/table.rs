//! The table of a model: its columns over all versions of the schema, in the order in which the versions added them.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../migrations/{FlatSchema,SchemaDiff,SchemaList}.scala` and
//! `.../redshift/generators/DdlGenerator.scala`. What differs from it: `docs/DIFFERENCES.md`.

use std::sync::Arc;

use serde_json::Value;

use super::column_type::{ColumnType, Encoding};
use super::flatten::{Leaf, Pointer, flatten};
use super::name::{table_name, unusable};
use super::schema::{Node, SchemaError};
use super::source::SchemaSource;
use crate::iglu::{ClientError, OwnedSchemaKey, SchemaCriterion, SchemaKey, SchemaVer};

/// A model of a schema: all its versions share a table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelKey {
    /// For example `com.acme`.
    pub vendor: String,
    /// For example `link_click`.
    pub name: String,
    /// First number of the version.
    pub model: u32,
}

impl ModelKey {
    /// The model of a schema.
    pub fn of(key: &SchemaKey<'_>) -> ModelKey {
        ModelKey { vendor: key.vendor.into(), name: key.name.into(), model: key.version.model }
    }

    /// One version of the model.
    pub fn version(&self, version: SchemaVer) -> OwnedSchemaKey {
        OwnedSchemaKey { vendor: self.vendor.clone(), name: self.name.clone(), format: "jsonschema".into(), version }
    }

    /// What all versions of the model match.
    pub fn criterion(&self) -> SchemaCriterion {
        SchemaCriterion::new(&self.vendor, &self.name, Some(self.model), None, None)
    }

    /// The table's name, as the loader spells it.
    pub fn table_name(&self) -> String {
        table_name(&self.vendor, &self.name, self.model)
    }
}

/// Why there is no table for a model.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DdlError {
    /// The versions of the model are not known.
    #[error("{criterion}: the list of its versions cannot be read: {}", describe(error))]
    List {
        /// Which versions.
        criterion: SchemaCriterion,
        /// Why not.
        error: Box<ClientError>,
    },
    /// The list does not begin with the first version, so the order of columns is not known.
    #[error("{first}: the list of versions must begin with {}-0-0", .first.version.model)]
    NoFirstVersion {
        /// The first version there is.
        first: Box<OwnedSchemaKey>,
    },
    /// One version of the model cannot be fetched.
    #[error("{key}: {}", describe(error))]
    Schema {
        /// Which version.
        key: Box<OwnedSchemaKey>,
        /// Why not.
        error: Box<ClientError>,
    },
    /// One version of the model is no usable schema.
    #[error("{key}: cannot be read as a JSON Schema: {error}")]
    Unusable {
        /// Which version.
        key: Box<OwnedSchemaKey>,
        /// Why not.
        error: SchemaError,
    },
    /// Two properties of one version have the same column name.
    #[error("{key}: properties {first} and {second} would share the column {name:?}")]
    SameName {
        /// Which version.
        key: Box<OwnedSchemaKey>,
        /// The column.
        name: String,
        /// JSON Pointer of one property.
        first: String,
        /// JSON Pointer of the other.
        second: String,
    },
    /// A column name that no table can have, or that stands for something else.
    #[error("{key}: property {pointer} cannot be a column: {reason}")]
    BadName {
        /// Which version.
        key: Box<OwnedSchemaKey>,
        /// JSON Pointer of the property.
        pointer: String,
        /// Why not.
        reason: String,
    },
    /// More columns than a table can have.
    #[error("{key}: {count} columns are more than {limit}, the most a table can have")]
    TooManyColumns {
        /// The newest version.
        key: Box<OwnedSchemaKey>,
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A version that is not in the list of its model.
    #[error("{key}: this version is not in the list of versions")]
    UnknownVersion {
        /// Which version.
        key: Box<OwnedSchemaKey>,
    },
}

fn describe(error: &ClientError) -> String {
    let mut json = Vec::new();
    error.write_json(&mut json);
    String::from_utf8(json).unwrap_or_default()
}

/// One column of a model's table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Its name; not quoted.
    pub name: String,
    /// Where its value is; the first that has one counts. More than one only if a property was renamed to another
    /// spelling of the same column.
    pub pointers: Vec<Pointer>,
    /// The version that added it.
    pub since: SchemaVer,
    /// The type by the version that added it.
    pub declared: ColumnType,
    /// A type that holds the values of every version.
    pub ty: ColumnType,
    /// How Redshift compresses it.
    pub encoding: Encoding,
    /// Whether the reference makes it `NOT NULL`.
    pub declared_not_null: bool,
    /// Whether every valid instance of every version has a value here.
    pub certain: bool,
}

/// The nine columns that every table of entities begins with: name, type, encoding.
pub const LEADING_COLUMNS: [(&str, ColumnType, Encoding); 9] = [
    ("schema_vendor", ColumnType::Varchar(128), Encoding::Zstd),
    ("schema_name", ColumnType::Varchar(128), Encoding::Zstd),
    ("schema_format", ColumnType::Varchar(128), Encoding::Zstd),
    ("schema_version", ColumnType::Varchar(128), Encoding::Zstd),
    ("root_id", ColumnType::Char(36), Encoding::Raw),
    ("root_tstamp", ColumnType::Timestamp, Encoding::Zstd),
    ("ref_root", ColumnType::Varchar(255), Encoding::Zstd),
    ("ref_tree", ColumnType::Varchar(1500), Encoding::Zstd),
    ("ref_parent", ColumnType::Varchar(255), Encoding::Zstd),
];

/// How schemas become columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// Make columns of `additionalProperties` and `additionalItems` as schema-ddl up to 0.15.1 did, for tables that
    /// have them.
    pub additional_columns: bool,
}

/// The table of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The model.
    pub key: ModelKey,
    /// All versions, oldest first.
    pub versions: Vec<SchemaVer>,
    /// The columns after the nine leading ones.
    pub columns: Vec<Column>,
}

/// The versions of a model with their schemas, oldest first.
pub type Schemas = Vec<(SchemaVer, Arc<Value>)>;

/// Fetches every version of a model.
pub fn fetch_model(source: &dyn SchemaSource, key: &ModelKey) -> Result<Schemas, DdlError> {
    let versions = source
        .list(&key.vendor, &key.name, key.model)
        .map_err(|error| DdlError::List { criterion: key.criterion(), error })?;
    let mut schemas = Vec::with_capacity(versions.len());
    for version in versions {
        let full = key.version(version);
        match source.fetch(&full.as_key()) {
            Ok(schema) => schemas.push((version, schema)),
            Err(error) => return Err(DdlError::Schema { key: Box::new(full), error }),
        }
    }
    Ok(schemas)
}

impl Table {
    /// Fetches every version of a model and makes its table.
    pub fn load(source: &dyn SchemaSource, key: &ModelKey, options: TableOptions) -> Result<Table, DdlError> {
        Table::build(key, &fetch_model(source, key)?, options)
    }

    /// The table of a model with these versions, oldest first.
    pub fn build(
        key: &ModelKey,
        schemas: &[(SchemaVer, Arc<Value>)],
        options: TableOptions,
    ) -> Result<Table, DdlError> {
        let first = schemas.first().map(|(version, _)| *version);
        if first != Some(SchemaVer::new(key.model, 0, 0)) {
            let version = first.unwrap_or(SchemaVer::new(key.model, 0, 0));
            return Err(DdlError::NoFirstVersion { first: Box::new(key.version(version)) });
        }
        let mut builder = Builder { key, columns: Vec::new(), newest: SchemaVer::new(key.model, 0, 0) };
        for (version, schema) in schemas {
            let node = Node::parse(schema)
                .map_err(|error| DdlError::Unusable { key: Box::new(key.version(*version)), error })?;
            builder.add_version(*version, flatten(&node, options.additional_columns))?;
        }
        let versions = schemas.iter().map(|(version, _)| *version).collect();
        Ok(Table { key: key.clone(), versions, columns: builder.columns })
    }

    /// The newest version.
    pub fn newest(&self) -> OwnedSchemaKey {
        self.key.version(self.versions.last().copied().unwrap_or(SchemaVer::new(self.key.model, 0, 0)))
    }

    /// The table's name, as the loader spells it.
    pub fn name(&self) -> String {
        self.key.table_name()
    }

    /// Where the columns' values stand in a row of shredded JSON, as a `COPY … JSON AS` file lists them.
    pub fn jsonpaths(&self) -> Vec<String> {
        const LEADING: [&str; 9] = [
            "$.schema.vendor",
            "$.schema.name",
            "$.schema.format",
            "$.schema.version",
            "$.hierarchy.rootId",
            "$.hierarchy.rootTstamp",
            "$.hierarchy.refRoot",
            "$.hierarchy.refTree",
            "$.hierarchy.refParent",
        ];
        let path = |column: &Column| {
            let last = column.pointers.last().into_iter().flat_map(Pointer::path);
            last.fold("$.data".to_owned(), |path, name| format!("{path}.{name}"))
        };
        LEADING.into_iter().map(str::to_owned).chain(self.columns.iter().map(path)).collect()
    }
}

struct Builder<'k> {
    key: &'k ModelKey,
    columns: Vec<Column>,
    newest: SchemaVer,
}

impl Builder<'_> {
    fn add_version(&mut self, version: SchemaVer, leaves: Vec<Leaf>) -> Result<(), DdlError> {
        self.newest = version;
        self.check_names(&leaves)?;
        let is_first = version == SchemaVer::new(self.key.model, 0, 0);
        for column in &mut self.columns {
            // What this version does not promise, no row can be held to.
            let promised = leaves.iter().any(|leaf| leaf.certain && leaf.name == column.name);
            column.certain &= promised;
        }
        for leaf in leaves {
            let ty = ColumnType::of(&leaf.node);
            match self.columns.iter_mut().find(|column| column.name == leaf.name) {
                Some(column) => {
                    column.ty = column.ty.widened(ty.creatable());
                    if !column.pointers.contains(&leaf.pointer) {
                        column.pointers.push(leaf.pointer);
                    }
                }
                None => self.columns.push(Column {
                    since: version,
                    declared: ty,
                    ty: ty.creatable(),
                    encoding: Encoding::of(&leaf.node, ty),
                    declared_not_null: !leaf.is_nullable(),
                    certain: is_first && leaf.certain,
                    name: leaf.name,
                    pointers: vec![leaf.pointer],
                }),
            }
        }
        Ok(())
    }

    fn check_names(&self, leaves: &[Leaf]) -> Result<(), DdlError> {
        let mut names: Vec<(&str, &Leaf)> = leaves.iter().map(|leaf| (leaf.name.as_str(), leaf)).collect();
        names.sort_by_key(|(name, _)| *name);
        for pair in names.windows(2) {
            if pair[0].0 == pair[1].0 {
                return Err(DdlError::SameName {
                    key: Box::new(self.key.version(self.newest)),
                    name: pair[0].0.to_owned(),
                    first: pair[0].1.pointer.to_json_pointer(),
                    second: pair[1].1.pointer.to_json_pointer(),
                });
            }
        }
        for (name, leaf) in names {
            let leading = LEADING_COLUMNS.iter().any(|(leading, ..)| *leading == name);
            let reason = if leading {
                Some(format!("{name} is one of the leading columns of every table"))
            } else {
                unusable(name).map(str::to_owned)
            };
            if let Some(reason) = reason {
                let pointer = leaf.pointer.to_json_pointer();
                return Err(DdlError::BadName { key: Box::new(self.key.version(self.newest)), pointer, reason });
            }
        }
        Ok(())
    }
}
