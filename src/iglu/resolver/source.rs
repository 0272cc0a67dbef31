//! Where schemas come from: folders, object storage, HTTP.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use super::config::Secret;
use crate::http::{HttpClient, HttpError, HttpRequest};
use crate::iglu::RegistryError;
use crate::storage::{Location, ObjectStore, StorageError};

/// Longest text of an error: the published bad-row schemas allow no more.
const LONGEST_MESSAGE: usize = 256;
/// Largest schema read.
const LARGEST_SCHEMA: u64 = 16 << 20;

/// A static registry: files below `schemas/`, named after their keys.
pub trait StaticRegistry: Send + Sync + std::fmt::Debug {
    /// The file at a path like `schemas/com.acme/click/jsonschema/1-0-0`.
    fn fetch(&self, path: &str) -> Result<Vec<u8>, RegistryError>;

    /// The names of the files in a folder like `schemas/com.acme/click/jsonschema`.
    fn list(&self, folder: &str) -> Result<Vec<String>, RegistryError>;
}

/// A static registry in a local folder.
#[derive(Debug)]
pub struct FolderRegistry {
    /// The folder that holds `schemas`.
    pub root: PathBuf,
}

impl StaticRegistry for FolderRegistry {
    fn fetch(&self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let file = self.root.join(path);
        match std::fs::read(&file) {
            Ok(bytes) => Ok(bytes),
            Err(error) if is_absent(&error) => Err(RegistryError::NotFound),
            Err(error) => Err(repo_failure(format!("Cannot read {}: {error}", file.display()))),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, RegistryError> {
        let folder = self.root.join(folder);
        let failed = |error: std::io::Error| match is_absent(&error) {
            true => RegistryError::NotFound,
            false => repo_failure(format!("Cannot list {}: {error}", folder.display())),
        };
        let entries = std::fs::read_dir(&folder).map_err(failed)?;
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.map(|entry| entry.file_name().to_string_lossy().into_owned()).map_err(failed)
        };
        entries.map(name).collect()
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}

/// A static registry in object storage.
pub(super) struct StoreRegistry {
    pub(super) store: Arc<dyn ObjectStore>,
    /// The prefix that holds `schemas`.
    pub(super) root: Location,
}

impl std::fmt::Debug for StoreRegistry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StoreRegistry({})", self.root)
    }
}

impl StoreRegistry {
    /// The location of a path below the prefix.
    pub(super) fn at(&self, path: &str) -> Location {
        match &self.root {
            Location::S3 { bucket, key } if key.is_empty() => {
                Location::S3 { bucket: bucket.clone(), key: path.to_owned() }
            }
            Location::S3 { bucket, key } => {
                Location::S3 { bucket: bucket.clone(), key: format!("{}/{path}", key.trim_end_matches('/')) }
            }
            Location::Local(root) => Location::Local(root.join(path)),
            Location::Stdio => Location::Stdio,
        }
    }
}

impl StaticRegistry for StoreRegistry {
    fn fetch(&self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let object = self.store.head(&self.at(path)).map_err(from_storage)?.ok_or(RegistryError::NotFound)?;
        let reader = self.store.open(&object).map_err(from_storage)?;
        let mut bytes = Vec::new();
        reader
            .take(LARGEST_SCHEMA)
            .read_to_end(&mut bytes)
            .map_err(|error| repo_failure(format!("{}: {error}", object.location)))?;
        Ok(bytes)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, RegistryError> {
        let mut names = Vec::new();
        let visit = &mut |object: crate::storage::ObjectMeta| {
            names.push(object.relative);
            true
        };
        self.store.list(&self.at(&format!("{folder}/")), crate::storage::Names::Data, visit).map_err(from_storage)?;
        names.retain(|name| !name.contains('/'));
        if names.is_empty() { Err(RegistryError::NotFound) } else { Ok(names) }
    }
}

fn from_storage(error: StorageError) -> RegistryError {
    match error {
        StorageError::NotFound { .. } => RegistryError::NotFound,
        StorageError::Failed { transient: true, .. } => repo_failure(error.to_string()),
        _ => RegistryError::ClientFailure(shortened(error.to_string())),
    }
}

/// An Iglu Server or a static registry behind HTTP.
#[derive(Debug)]
pub(super) struct HttpRegistry {
    pub(super) client: HttpClient,
    /// Without a trailing slash.
    pub(super) uri: String,
    pub(super) api_key: Option<Secret>,
}

impl HttpRegistry {
    /// The answer at a path below the registry's address.
    ///
    /// 404, and 403, which S3 answers for keys that do not exist, mean that there is nothing; a server's own failures
    /// and broken connections may pass; everything else is an answer that cannot be used.
    pub(super) fn fetch(&self, path: &str) -> Result<Vec<u8>, RegistryError> {
        let url = format!("{}/{path}", self.uri);
        let secret_headers = self.api_key.iter().map(|key| ("apikey", key.expose())).collect();
        let request = HttpRequest { secret_headers, ..HttpRequest::new("GET", &url) };
        let response = self.client.send(&request).map_err(from_http)?;
        if response.is_success() {
            return Ok(response.body);
        }
        let said = || format!("Unexpected server response: {}", String::from_utf8_lossy(&response.body));
        Err(match response.status {
            403 | 404 => RegistryError::NotFound,
            429 | 500.. => repo_failure(said()),
            _ => RegistryError::ClientFailure(shortened(said())),
        })
    }
}

fn from_http(error: HttpError) -> RegistryError {
    match error {
        HttpError::UnknownHost(host) => repo_failure(format!("Unknown host issue fetching: {host}")),
        error if error.is_transient() => repo_failure(format!("Unexpected exception fetching: {error}")),
        error => RegistryError::ClientFailure(shortened(format!("Unexpected exception fetching: {error}"))),
    }
}

fn repo_failure(message: String) -> RegistryError {
    RegistryError::RepoFailure(shortened(message))
}

fn shortened(message: String) -> String {
    if message.chars().count() <= LONGEST_MESSAGE {
        return message;
    }
    let kept: String = message.chars().take(LONGEST_MESSAGE - 1).collect();
    format!("{kept}…")
}
