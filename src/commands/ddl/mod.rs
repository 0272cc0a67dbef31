//! `thresh ddl`: schemas → tables and migrations, as SQL on standard output.
//!
//! What is printed can be run as it is: tables are created at their newest version; migrations are comments, unless the
//! version that existing tables are at is named.

mod models;

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;

use clap::{Args, ValueEnum};

use super::schemas::SchemaArgs;
use super::{CliError, Exit, StorageArgs};
use crate::ddl::{self, DdlError, Dialect, Migration, ModelKey, Schemas, SqlOptions, Table, TableOptions};
use crate::iglu::SchemaVer;

/// Arguments of `ddl`.
#[derive(Clone, Debug, Args)]
pub struct DdlArgs {
    /// Schemas (iglu:vendor/name/jsonschema/1-0-0, or 1-*-*), or folders of a static registry
    #[arg(required = true, value_name = "SCHEMA|FOLDER")]
    pub schemas: Vec<String>,
    /// Database
    #[arg(long, value_enum, value_name = "DATABASE")]
    pub dialect: DialectArg,
    /// Database schema of the tables
    #[arg(long, value_name = "NAME", default_value = "atomic")]
    pub schema: String,
    /// Print the migration of tables that are at this version, instead of tables
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub from: Option<SchemaVer>,
    /// Print the table of atomic events too
    #[arg(long)]
    pub events: bool,
    /// Print exactly what schema-ddl 0.14.3 prints, with NOT NULL where data may be empty and widths of older versions
    #[arg(long)]
    pub reference: bool,
    /// Make columns of additionalProperties and additionalItems, as the RDB Shredder up to 1.x did
    #[arg(long)]
    pub additional_columns: bool,
    /// Where schemas come from.
    #[command(flatten)]
    pub registry: SchemaArgs,
    /// Options of storage.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// A database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectArg {
    /// Amazon Redshift.
    Redshift,
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

impl DialectArg {
    fn dialect(self) -> &'static dyn Dialect {
        match self {
            DialectArg::Redshift => &ddl::Redshift,
            DialectArg::Postgres => &ddl::Postgres,
            DialectArg::Sqlite => &ddl::Sqlite,
        }
    }
}

fn parse_version(text: &str) -> Result<SchemaVer, String> {
    SchemaVer::parse(text).ok_or_else(|| format!("`{text}` is not of the form 1-0-0"))
}

/// Runs the command.
pub fn run(args: &DdlArgs) -> Result<Exit, CliError> {
    let resolver = args.registry.resolver(&args.storage.storage(), &mut BTreeMap::new())?;
    let sql = SqlOptions { schema: args.schema.clone(), reference: args.reference };
    let mut printer = Printer { args, sql, dialect: args.dialect.dialect(), out: Vec::new(), refused: Vec::new() };
    if args.events {
        let statements = printer.dialect.create_events(&printer.sql);
        printer.statements(&statements);
    }
    let mut names: HashMap<String, ModelKey> = HashMap::new();
    for source in models::find(&args.schemas, &resolver)? {
        for key in &source.models {
            let name = printer.dialect.table_name(key);
            match names.get(&name) {
                Some(other) if other == key => {}
                Some(other) => printer.refused.push(format!(
                    "{}: its table would be that of {}, {name}",
                    key.criterion(),
                    other.criterion()
                )),
                None => {
                    names.insert(name, key.clone());
                    printer.model(key, &*source.schemas);
                }
            }
        }
    }
    printer.finish()
}

struct Printer<'a> {
    args: &'a DdlArgs,
    sql: SqlOptions,
    dialect: &'static dyn Dialect,
    out: Vec<u8>,
    refused: Vec<String>,
}

impl Printer<'_> {
    fn model(&mut self, key: &ModelKey, source: &dyn ddl::SchemaSource) {
        let before = self.out.len();
        let printed = ddl::fetch_model(source, key).and_then(|schemas| match self.args.from {
            None => self.table(key, &schemas),
            Some(from) => self.migration(key, &schemas, from),
        });
        if let Err(error) = printed {
            self.out.truncate(before);
            self.refused.push(error.to_string());
        }
    }

    fn options(&self) -> TableOptions {
        TableOptions { additional_columns: self.args.additional_columns }
    }

    fn table(&mut self, key: &ModelKey, schemas: &Schemas) -> Result<(), DdlError> {
        let table = Table::build(key, schemas, self.options())?;
        let statements = self.dialect.create_table(&table, &self.sql)?;
        self.statements(&statements);
        for migration in Migration::steps(key, schemas, self.options())? {
            let text = ddl::migration_file(self.dialect, &migration, &self.sql);
            for line in text.trim_end().lines() {
                let comment = if line.starts_with("--") { line.to_owned() } else { format!("-- {line}") };
                self.line(comment.trim_end());
            }
            self.line("");
        }
        Ok(())
    }

    fn migration(&mut self, key: &ModelKey, schemas: &Schemas, from: SchemaVer) -> Result<(), DdlError> {
        let newest = schemas.last().map_or(from, |(version, _)| *version);
        if from.model != key.model || from == newest {
            return Ok(());
        }
        let migration = Migration::between(key, schemas, from, newest, self.options())?;
        let text = ddl::migration_file(self.dialect, &migration, &self.sql);
        self.line(&text);
        Ok(())
    }

    fn statements(&mut self, statements: &[String]) {
        for statement in statements {
            self.line(&format!("{statement};\n"));
        }
    }

    fn line(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'\n');
    }

    fn finish(self) -> Result<Exit, CliError> {
        let written = std::io::stdout().lock().write_all(&self.out);
        written.map_err(|error| {
            CliError::new(Exit::Failed, "standard output cannot be written to").because(Some(&error))
        })?;
        for reason in &self.refused {
            tracing::error!("no table: {reason}");
        }
        Ok(if self.refused.is_empty() { Exit::Done } else { Exit::Partial })
    }
}
