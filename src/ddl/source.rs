//! Where schemas come from.
//!
//! Layout of a static registry and the rules for lists: snowplow/iglu-scala-client 1.5.0 (`RegistryLookup.scala`) and
//! snowplow/iglu-scala-core 1.0.0 (`SchemaList.scala`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::event::time::now_millis;
use crate::iglu::{ClientError, LookupHistory, RegistryError, Resolver, SchemaKey, SchemaVer};

/// Gives schemas and the versions there are of a model.
pub trait SchemaSource: Send + Sync {
    /// The schema with exactly this key.
    fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<Value>, Box<ClientError>>;

    /// All versions of a model in the order in which they came to be.
    fn list(&self, vendor: &str, name: &str, model: u32) -> Result<Vec<SchemaVer>, Box<ClientError>>;
}

impl SchemaSource for Resolver {
    fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<Value>, Box<ClientError>> {
        self.fetch_schema(key).map_err(Box::new)
    }

    fn list(&self, vendor: &str, name: &str, model: u32) -> Result<Vec<SchemaVer>, Box<ClientError>> {
        // A version known to exist would end the search in registries that cannot list, before newer ones are found.
        let keys = Resolver::list(self, vendor, name, model, None).map_err(Box::new)?;
        Ok(keys.iter().map(|key| key.version).collect())
    }
}

/// A static registry in a local folder: `schemas/<vendor>/<name>/jsonschema/<version>`.
#[derive(Clone, Debug)]
pub struct FolderSource {
    root: PathBuf,
    name: String,
}

impl FolderSource {
    /// The registry in this folder, the one that holds `schemas`.
    pub fn new(root: impl Into<PathBuf>) -> FolderSource {
        let root = root.into();
        FolderSource { name: root.display().to_string(), root }
    }

    fn folder(&self, vendor: &str, name: &str, format: &str) -> Option<PathBuf> {
        let safe = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['/', '\\', '\0']);
        (safe(vendor) && safe(name) && safe(format))
            .then(|| self.root.join("schemas").join(vendor).join(name).join(format))
    }

    fn error(&self, error: RegistryError) -> Box<ClientError> {
        Box::new(ClientError::Resolution {
            lookup_history: vec![LookupHistory {
                repository: self.name.clone(),
                errors: vec![error],
                attempts: 1,
                last_attempt: now_millis(),
            }],
        })
    }

    fn io_error(&self, path: &Path, error: &std::io::Error) -> Box<ClientError> {
        self.error(match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => RegistryError::NotFound,
            _ => RegistryError::RepoFailure(format!("{}: {error}", path.display())),
        })
    }
}

impl SchemaSource for FolderSource {
    fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<Value>, Box<ClientError>> {
        let folder = self.folder(key.vendor, key.name, key.format);
        let path = folder.ok_or_else(|| self.error(RegistryError::NotFound))?.join(key.version.to_string());
        let text = std::fs::read(&path).map_err(|error| self.io_error(&path, &error))?;
        match serde_json::from_slice(&text) {
            Ok(json) => Ok(Arc::new(json)),
            Err(error) => {
                Err(self.error(RegistryError::RepoFailure(format!("ParsingFailure: {}: {error}", path.display()))))
            }
        }
    }

    fn list(&self, vendor: &str, name: &str, model: u32) -> Result<Vec<SchemaVer>, Box<ClientError>> {
        let folder = self.folder(vendor, name, "jsonschema").ok_or_else(|| self.error(RegistryError::NotFound))?;
        let entries = std::fs::read_dir(&folder).map_err(|error| self.io_error(&folder, &error))?;
        let mut versions = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| self.io_error(&folder, &error))?.path();
            let file_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            match SchemaVer::parse(file_name) {
                Some(version) if version.model == model => versions.push(version),
                Some(_) => {}
                // Editors and version control leave hidden files behind; they are no versions.
                None if file_name.starts_with('.') => {}
                None => {
                    let message = format!("Corrupted schema file name at {}", path.display());
                    return Err(self.error(RegistryError::RepoFailure(message)));
                }
            }
        }
        if versions.is_empty() {
            return Err(self.error(RegistryError::NotFound));
        }
        versions.sort_unstable();
        Ok(versions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join("schemas").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        root
    }

    fn registry_errors(error: ClientError) -> Vec<RegistryError> {
        match error {
            ClientError::Resolution { mut lookup_history } => lookup_history.remove(0).errors,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn versions_are_sorted_and_models_kept_apart() {
        let root = registry(&[
            ("com.acme/x/jsonschema/1-0-10", "{}"),
            ("com.acme/x/jsonschema/1-0-9", "{}"),
            ("com.acme/x/jsonschema/1-0-0", "{}"),
            ("com.acme/x/jsonschema/2-0-0", "{}"),
            ("com.acme/x/jsonschema/.DS_Store", ""),
        ]);
        let source = FolderSource::new(root.path());
        let versions = source.list("com.acme", "x", 1).unwrap();
        assert_eq!(versions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["1-0-0", "1-0-9", "1-0-10"]);
        assert!(source.list("com.acme", "x", 3).unwrap_err().is_not_found());
        assert!(source.list("com.acme", "y", 1).unwrap_err().is_not_found());
    }

    #[test]
    fn broken_registries_say_what_is_broken() {
        let root = registry(&[("com.acme/x/jsonschema/1-0-0", "{"), ("com.acme/y/jsonschema/readme", "")]);
        let source = FolderSource::new(root.path());
        let key = SchemaKey::parse("iglu:com.acme/x/jsonschema/1-0-0").unwrap();
        let errors = registry_errors(*source.fetch(&key).unwrap_err());
        assert!(matches!(&errors[..], [RegistryError::RepoFailure(text)] if text.starts_with("ParsingFailure")));
        let errors = registry_errors(*source.list("com.acme", "y", 1).unwrap_err());
        assert!(
            matches!(&errors[..], [RegistryError::RepoFailure(text)] if text.starts_with("Corrupted schema file name"))
        );
    }

    #[test]
    fn keys_do_not_leave_the_folder() {
        let root = registry(&[("com.acme/x/jsonschema/1-0-0", "{}")]);
        std::fs::create_dir_all(root.path().join("jsonschema")).unwrap();
        std::fs::write(root.path().join("jsonschema/1-0-0"), "{}").unwrap();
        let source = FolderSource::new(root.path());
        // schemas/../../jsonschema would be outside.
        let key = SchemaKey { vendor: "..", name: ".", format: "jsonschema", version: SchemaVer::new(1, 0, 0) };
        assert!(source.fetch(&key).unwrap_err().is_not_found());
        assert!(source.list("..", ".", 1).unwrap_err().is_not_found());
    }
}
