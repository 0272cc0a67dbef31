//! Targets: what the loader asks of a database. One file for each kind; a further kind is one more.

use super::config::{Kind, TargetConfig};
use super::error::{BadField, LoadError};
use super::rows::RowShape;
use crate::ddl::{Dialect, SqlOptions};
use crate::storage::{ObjectMeta, Storage};

mod failure;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod redshift;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "postgres")]
mod wire;

#[doc(hidden)]
pub use failure::FailAt;

/// A column of a table there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the database's words.
    pub ty: String,
}

/// What rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// Atomic events.
    Atomic,
    /// Entities as TSV.
    Tsv,
    /// Entities as JSON.
    Json,
}

/// The files of one table of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyJob<'r> {
    /// The table, without schema.
    pub table: String,
    /// What rows are.
    pub kind: RowKind,
    /// What they look like.
    pub shape: RowShape,
    /// All columns of the table, in order.
    pub table_columns: Vec<String>,
    /// The files.
    pub files: &'r [ObjectMeta],
    /// The folder they have in common, with a slash at its end; several folders (layout B) only have the files in common.
    pub folder: &'r str,
    /// The run's base, as the manifest table has it.
    pub base: &'r str,
    /// Whether the files are gzipped.
    pub gzip: bool,
    /// The JSONPaths file of a JSON type, for Redshift.
    pub jsonpaths: Option<String>,
}

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Rows loaded, if the database says.
    pub rows: Option<u64>,
    /// Texts cut to the width of their column, if they can be counted.
    pub cut: u64,
    /// Rows in which NUL was removed or bytes that are no UTF-8 became `?`.
    pub repaired: u64,
    /// Rows that the database left out, because it may (`MAXERROR`).
    pub rejected: Vec<BadField>,
}

/// A connection to a target.
pub trait Target: Send {
    /// What kind it is.
    fn kind(&self) -> Kind;

    /// Its words for tables and migrations.
    fn dialect(&self) -> &'static dyn Dialect;

    /// What all its statements share.
    fn sql_options(&self) -> &SqlOptions;

    /// The target in one line, without secrets.
    fn describe(&self) -> String;

    /// Runs a statement.
    fn execute(&mut self, sql: &str) -> Result<(), LoadError>;

    /// Runs a query; values as texts.
    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, LoadError>;

    /// The columns of a table in order; none if there is no such table.
    fn columns(&mut self, table: &str) -> Result<Vec<TableColumn>, LoadError>;

    /// The version that a table of entities is at, as noted with it.
    fn table_version(&mut self, table: &str) -> Result<Option<String>, LoadError>;

    /// Keeps other loaders away for as long as the connection lives, where the database can do that.
    fn keep_others_away(&mut self) -> Result<(), LoadError>;

    /// Loads files into a table, inside the transaction that is open.
    fn copy(&mut self, job: &CopyJob<'_>, storage: &Storage) -> Result<Copied, LoadError>;

    /// The statement that [`Target::copy`] runs, secrets masked.
    fn copy_text(&self, job: &CopyJob<'_>) -> String;

    /// Clears away what copies left outside the database, once the transaction has ended.
    fn after_transaction(&mut self, _storage: &Storage) {}

    /// Adds to an error what the database knows more of it, once the transaction is rolled back.
    fn explain(&mut self, _table: &str, error: LoadError) -> LoadError {
        error
    }

    /// Makes one statement fail; for tests of what happens then.
    #[doc(hidden)]
    fn fail_at(&mut self, _at: FailAt) {}

    /// Whether that failure is still to come.
    #[doc(hidden)]
    fn has_failure_ahead(&self) -> bool {
        false
    }
}

/// What opening a target needs besides its configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// The region of the bucket; else the configuration's, else the environment's.
    pub region: Option<String>,
    /// Load Redshift by the prefix of the folder, as the reference does, not by a list of files.
    pub copy_by_prefix: bool,
    /// Where lists of files are put for Redshift; else in the run folder.
    pub staging: Option<crate::storage::Location>,
    /// Only look, for a dry run: a database that does not exist is not made.
    pub read_only: bool,
}

/// Connects to a target.
pub fn open(config: &TargetConfig, options: &OpenOptions) -> Result<Box<dyn Target>, LoadError> {
    match config.kind {
        #[cfg(feature = "sqlite")]
        Kind::Sqlite => Ok(Box::new(sqlite::Sqlite::open(config, options)?)),
        #[cfg(feature = "postgres")]
        Kind::Postgres => Ok(Box::new(postgres::Postgres::open(config)?)),
        #[cfg(feature = "postgres")]
        Kind::Redshift => Ok(Box::new(redshift::Redshift::open(config, options)?)),
        #[allow(unreachable_patterns)]
        kind => Err(LoadError::Unsupported(format!("this build of thresh cannot load {}", kind.name()))),
    }
}
