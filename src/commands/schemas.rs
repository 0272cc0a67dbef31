//! The options that say where schemas come from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{CliError, Exit, StorageStore};
use crate::iglu::{Resolver, ResolverOptions};
use crate::run::digest;
use crate::storage::Storage;

/// Where schemas come from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Schemas")]
pub struct SchemaArgs {
    /// Iglu resolver configuration [default: Iglu Central]
    #[arg(long, value_name = "FILE")]
    pub resolver: Option<PathBuf>,
    /// Use no network for schemas: one that is only there counts as not found
    #[arg(long)]
    pub offline: bool,
}

impl SchemaArgs {
    /// The resolver. The digest of its configuration goes into `configuration`.
    pub fn resolver(
        &self,
        storage: &Storage,
        configuration: &mut BTreeMap<String, String>,
    ) -> Result<Arc<Resolver>, CliError> {
        let store = Some(Arc::new(StorageStore(storage.clone())) as Arc<_>);
        let options = ResolverOptions { offline: self.offline, store, ..ResolverOptions::default() };
        configuration.insert("offline".to_owned(), self.offline.to_string());
        let Some(file) = &self.resolver else { return Ok(Arc::new(Resolver::default_central(options))) };
        let bytes = std::fs::read(file)
            .map_err(|error| CliError::usage(format!("{}: cannot be read", file.display())).because(Some(&error)))?;
        configuration.insert("resolver".to_owned(), digest(&bytes));
        let resolver = Resolver::from_config_file(file, options)
            .map_err(|error| CliError::from_error(Exit::Usage, &error).hint("a correct --resolver file"))?;
        Ok(Arc::new(resolver))
    }
}
