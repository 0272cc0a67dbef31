//! What can be wrong with a folder of enrichment configurations.
//!
//! Texts after the file's name: snowplow/enrich 3.9.0, `modules/common/.../enrichments/EnrichmentRegistry.scala` and
//! `.../registry/enrichments.scala`.

use std::fmt;
use std::path::PathBuf;

/// One thing wrong with one configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder or a file cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// A `.hocon` file.
    #[error("{file}: HOCON is not read; save the configuration as JSON in a file named *.json")]
    Hocon {
        /// The file.
        file: String,
    },
    /// A file is not JSON.
    #[error("{file}: not JSON: {error}")]
    NotJson {
        /// The file.
        file: String,
        /// Where and why.
        error: crate::json::ParseError,
    },
    /// A configuration is not self-describing.
    #[error("{file}: {code}: a configuration is an object with `schema` (an Iglu URI) and `data`")]
    NotSelfDescribing {
        /// The file.
        file: String,
        /// Iglu's code.
        code: crate::iglu::ParseError,
    },
    /// A configuration does not fit its schema, or the schema cannot be found. Disabled ones are checked too.
    #[error("{file}: Enrichment with key '{schema_key}` is invalid - {report}")]
    Invalid {
        /// The file.
        file: String,
        /// The schema URI.
        schema_key: String,
        /// The validator's report as JSON.
        report: String,
    },
    /// A schema of the right name, but of another vendor or version.
    #[error(
        "{file}: Schema key {schema_key} is not supported. A '{name}' enrichment must have schema {criterion}.{hint}"
    )]
    Unsupported {
        /// The file.
        file: String,
        /// The schema URI.
        schema_key: String,
        /// The enrichment's name.
        name: &'static str,
        /// What is supported.
        criterion: String,
        /// What to do, with a leading space.
        hint: &'static str,
    },
    /// Parameters are missing or wrong.
    #[error("{file}: {}", messages.join(", "))]
    Parameters {
        /// The file.
        file: String,
        /// All that is wrong.
        messages: Vec<String>,
    },
    /// An enabled enrichment that this program does not have.
    #[error(
        "{file}: the enrichment {name} cannot be run: {reason}; disable it, or let enabled enrichments that cannot be run \
         be left out with --skip-unsupported"
    )]
    NotBuilt {
        /// The file.
        file: String,
        /// The enrichment's name.
        name: String,
        /// Why.
        reason: String,
    },
}

/// Everything that is wrong, at least one thing.
#[derive(Debug)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cannot decode enrichments - ")?;
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
