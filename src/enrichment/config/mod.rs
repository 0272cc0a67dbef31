//! Enrichment configurations: the folder of JSON files that Snowplow users have, read unchanged.
//!
//! Steps and texts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/EnrichmentRegistry.scala`: every file is
//! self-describing and is validated, also if disabled; the schema's name says which enrichment it is. Unlike there,
//! all faults of all files are reported at once, an enabled enrichment that is known but cannot be run is a fault, and
//! an unknown one a warning instead of nothing.

mod criteria;
mod error;
mod params;
#[cfg(test)]
mod tests;

use std::path::Path;

use bumpalo::Bump;

pub use error::{ConfigError, ConfigErrors};
pub use params::{Cursor, Parameter, Reader};

use super::set::{BuildError, Resources, SharedEnrichment};
use crate::iglu::{SelfDescribing, Validator};
use criteria::Kind;

/// Choices that are not in the configuration files.
#[derive(Clone, Debug, Default)]
pub struct EnrichmentOptions {
    /// Leave out enabled enrichments that cannot be run, with a warning, instead of refusing to start.
    pub skip_unsupported: bool,
    /// Repeat the reference's results also where they leave personal data in clear text (elements of arrays that a PII
    /// rule names one by one) or cannot be used (arrays as inputs of an API request).
    pub strict_parity: bool,
}

/// One configuration file.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One configuration taken apart.
pub struct ConfigItem<'c> {
    /// The schema URI, which failures of the enrichment name.
    pub schema_key: &'c str,
    /// The whole `data`.
    pub data: Cursor<'c>,
    /// Its `parameters`.
    pub parameters: Cursor<'c>,
    /// Choices that are not in the file.
    pub options: &'c EnrichmentOptions,
}

/// What one configuration asks for: read and checked, nothing loaded yet.
pub trait EnrichmentConfig: Send + Sync + std::fmt::Debug {
    /// The data files it needs.
    fn assets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Loads data files, compiles expressions and scripts.
    fn build(&self, resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError>;
}

/// A configuration that was read, and the file it came from.
#[derive(Debug)]
pub struct NamedConfig {
    /// Name of its schema, for example `anon_ip`.
    pub name: &'static str,
    /// The file.
    pub file: String,
    /// What it asks for.
    pub config: Box<dyn EnrichmentConfig>,
}

/// The enabled configurations.
#[derive(Debug, Default)]
pub struct Configs {
    /// One per enrichment; of two files for the same one, the later.
    pub enabled: Vec<NamedConfig>,
    /// What a user should know.
    pub warnings: Vec<String>,
}

/// Reads the `*.json` files of a folder in the order of their names.
pub fn read_folder(folder: &Path) -> Result<Vec<ConfigFile>, ConfigErrors> {
    let unreadable = |path: &Path, error| ConfigError::Unreadable { path: path.to_owned(), error };
    let entries = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>())
        .map_err(|error| ConfigErrors(vec![unreadable(folder, error)]))?;
    let mut paths = entries;
    paths.sort();
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') || !path.is_file() {
            continue;
        }
        if name.ends_with(".hocon") {
            errors.push(ConfigError::Hocon { file: path.display().to_string() });
        } else if name.ends_with(".json") {
            match std::fs::read_to_string(&path) {
                Ok(text) => files.push(ConfigFile { name: path.display().to_string(), text }),
                Err(error) => errors.push(unreadable(&path, error)),
            }
        }
    }
    if errors.is_empty() { Ok(files) } else { Err(ConfigErrors(errors)) }
}

/// Checks every configuration and reads the enabled ones.
pub fn read_configs(
    files: &[ConfigFile],
    validator: &mut dyn Validator,
    options: &EnrichmentOptions,
) -> Result<Configs, ConfigErrors> {
    let mut configs = Configs::default();
    let mut errors = Vec::new();
    for file in files {
        match read_config(file, validator, options, &mut configs.warnings) {
            Ok(Some(config)) => {
                if let Some(at) = configs.enabled.iter().position(|earlier| earlier.name == config.name) {
                    let earlier = configs.enabled.remove(at);
                    configs.warnings.push(format!(
                        "{}: ignored, because {} configures {} too",
                        earlier.file, config.file, config.name
                    ));
                }
                configs.enabled.push(config);
            }
            Ok(None) => {}
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(configs) } else { Err(ConfigErrors(errors)) }
}

/// Reads the parameters of one configuration; the schema is not looked at.
#[cfg(test)]
pub(super) fn read_parameters(
    name: &str,
    data: &str,
    options: &EnrichmentOptions,
) -> Result<Box<dyn EnrichmentConfig>, Vec<String>> {
    let row = criteria::find(name).unwrap();
    let Kind::Built(read) = row.kind else { panic!("{name} is not built") };
    let schema_key = row.criterion().to_string().replace('*', "0");
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let root = Cursor::root(&data);
    let parameters = root.field("parameters");
    let mut reader = Reader::default();
    let config = read(&ConfigItem { schema_key: &schema_key, data: root, parameters, options }, &mut reader);
    reader.finish(config).0
}

fn read_config(
    file: &ConfigFile,
    validator: &mut dyn Validator,
    options: &EnrichmentOptions,
    warnings: &mut Vec<String>,
) -> Result<Option<NamedConfig>, ConfigError> {
    let arena = Bump::new();
    let name = || file.name.clone();
    let json = crate::json::parse(&file.text, &arena).map_err(|error| ConfigError::NotJson { file: name(), error })?;
    let item =
        SelfDescribing::parse(json, &arena).map_err(|code| ConfigError::NotSelfDescribing { file: name(), code })?;
    let schema_key = item.key.to_string();
    if let Err(report) = validator.check(&item) {
        let mut text = Vec::new();
        report.write_json(&mut text);
        let report = String::from_utf8_lossy(&text).into_owned();
        return Err(ConfigError::Invalid { file: name(), schema_key, report });
    }
    if item.data.get("enabled").and_then(|enabled| enabled.as_bool()) == Some(false) {
        return Ok(None);
    }
    let not_built = |reason: &str, warnings: &mut Vec<String>| {
        let enrichment = item.key.name.to_owned();
        if options.skip_unsupported {
            warnings.push(format!("{}: the enrichment {enrichment} is left out: {reason}", file.name));
            return Ok(None);
        }
        Err(ConfigError::NotBuilt { file: name(), name: enrichment, reason: reason.to_owned() })
    };
    let Some(row) = criteria::find(item.key.name) else {
        warnings.push(format!("{}: ignored, because no enrichment is called {}", file.name, item.key.name));
        return Ok(None);
    };
    let criterion = row.criterion();
    if !criterion.matches(&item.key) {
        let criterion = criterion.to_string();
        return Err(ConfigError::Unsupported { file: name(), schema_key, name: row.name, criterion, hint: row.hint });
    }
    let read = match row.kind {
        Kind::Built(read) => read,
        Kind::NotBuilt(reason) => return not_built(reason, warnings),
    };
    let data = item.data.to_serde();
    let root = Cursor::root(&data);
    let parameters = root.field("parameters");
    let mut reader = Reader::default();
    let config = read(&ConfigItem { schema_key: &schema_key, data: root, parameters, options }, &mut reader);
    let (config, more_warnings) = reader.finish(config);
    warnings.extend(more_warnings.into_iter().map(|warning| format!("{}: {warning}", file.name)));
    match config {
        Ok(config) => Ok(Some(NamedConfig { name: row.name, file: name(), config })),
        Err(messages) => Err(ConfigError::Parameters { file: name(), messages }),
    }
}
