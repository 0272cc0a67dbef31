//! `--cross-batch`: where the events of earlier batches are remembered.

use std::sync::Arc;

use crate::commands::{CliError, Exit};
use crate::shred::dedupe::{BatchScan, SeenManifest, SeenStore, TableConfig};
use crate::storage::{Location, Storage};

/// A store of seen events, not opened yet.
pub(super) enum CrossBatch {
    /// Objects below a location.
    Manifest(Location),
    /// A table in DynamoDB.
    Table(TableConfig),
}

/// The store, and the same once more if it is to be told of new events at the end of the run.
pub(super) type Stores = (Option<Arc<dyn SeenStore>>, Option<Arc<SeenManifest>>);

/// Tells a configuration file from a folder.
pub(super) fn read(location: &Location) -> Result<CrossBatch, CliError> {
    match location {
        Location::Stdio => Err(CliError::usage("--cross-batch needs a folder, a prefix or a configuration file")),
        Location::Local(path) if path.is_file() => read_config(path),
        _ => Ok(CrossBatch::Manifest(location.clone())),
    }
}

fn read_config(path: &std::path::Path) -> Result<CrossBatch, CliError> {
    let wrong = |what: String| CliError::usage(format!("{}: {what}", path.display()));
    let text = std::fs::read(path).map_err(|error| wrong("it cannot be read".to_owned()).because(Some(&error)))?;
    let config = TableConfig::parse(&text)
        .map_err(|what| wrong(what).hint("a DynamoDB configuration, or a folder or prefix for --cross-batch"))?;
    if cfg!(feature = "dynamodb") {
        Ok(CrossBatch::Table(config))
    } else {
        Err(wrong("this build knows no DynamoDB".to_owned())
            .hint("a build with the feature `dynamodb`, or a folder for --cross-batch"))
    }
}

#[cfg(feature = "dynamodb")]
fn open_table(config: &TableConfig, batch: i64) -> Result<Stores, CliError> {
    use crate::shred::dedupe::{DynamoTable, TableStore};
    let table = DynamoTable::open(config).map_err(|error| CliError::from_error(Exit::Failed, &error))?;
    Ok((Some(Arc::new(TableStore::new(table, batch))), None))
}

#[cfg(not(feature = "dynamodb"))]
fn open_table(config: &TableConfig, _batch: i64) -> Result<Stores, CliError> {
    Err(CliError::usage(format!("{config:?}: this build knows no DynamoDB")))
}

impl CrossBatch {
    /// Whether the first look at the batch must note its events for the store.
    pub(super) fn needs_pairs(&self) -> bool {
        matches!(self, CrossBatch::Manifest(_))
    }

    /// Opens the store for the batch of this time, milliseconds since 1970.
    pub(super) fn open(
        &self,
        storage: &Storage,
        batch: i64,
        window_days: u32,
        scan: &BatchScan,
    ) -> Result<Stores, CliError> {
        match self {
            CrossBatch::Table(config) => open_table(config, batch),
            CrossBatch::Manifest(root) => {
                let window = i64::from(window_days) * 86_400_000;
                let manifest = SeenManifest::open(storage, root, batch, window, scan)
                    .map_err(|error| CliError::from_error(Exit::Failed, &error))?;
                let manifest = Arc::new(manifest);
                Ok((Some(manifest.clone()), Some(manifest)))
            }
        }
    }
}
