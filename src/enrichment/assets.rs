//! Data files that enrichments need: where they are and how they are asked for.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common-fs2/.../Assets.scala` and the `uri` and `database` parameters of
//! `modules/common/.../enrichments/registry/{IpLookups,Iab,RefererParser,UaParser}Enrichment.scala`.

use std::path::PathBuf;

/// Where a data file's bytes are after a fetch.
#[derive(Debug)]
pub enum Asset {
    /// In a local file, which may be a cache's copy.
    File(PathBuf),
    /// In memory.
    Bytes(Vec<u8>),
}

/// Why a data file could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot read data file {uri}: {reason}")]
pub struct AssetError {
    /// What was asked for.
    pub uri: String,
    /// Why it failed, and what helps.
    pub reason: String,
}

impl AssetError {
    /// A failure for this file.
    pub fn new(uri: &str, reason: impl std::fmt::Display) -> Self {
        AssetError { uri: uri.to_owned(), reason: reason.to_string() }
    }
}

/// Fetches data files before the first event is read.
pub trait AssetSource {
    /// Fetches one file. `uri` is a local path, or starts with `file://`, `http://`, `https://` or `s3://`.
    fn fetch(&self, uri: &str) -> Result<Asset, AssetError>;
}

impl Asset {
    /// The file's bytes.
    pub fn into_bytes(self, uri: &str) -> Result<Vec<u8>, AssetError> {
        match self {
            Asset::Bytes(bytes) => Ok(bytes),
            Asset::File(path) => {
                std::fs::read(&path).map_err(|error| AssetError::new(uri, format!("{}: {error}", path.display())))
            }
        }
    }
}

/// Files on local disks only: plain paths and `file://`.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalAssets;

impl AssetSource for LocalAssets {
    fn fetch(&self, uri: &str) -> Result<Asset, AssetError> {
        let path = uri.strip_prefix("file://").unwrap_or(uri);
        if path.contains("://") {
            return Err(AssetError::new(uri, "only local files can be read here; give a path or file:///path"));
        }
        if !std::path::Path::new(path).is_file() {
            return Err(AssetError::new(uri, "no such file"));
        }
        Ok(Asset::File(PathBuf::from(path)))
    }
}

/// The location of a data file: `uri`, a slash unless it ends with one, `database`; spaces become `%20` in URLs.
pub fn asset_uri(uri: &str, database: &str) -> String {
    let slash = if uri.ends_with('/') { "" } else { "/" };
    let joined = format!("{uri}{slash}{database}");
    if joined.starts_with("http://") || joined.starts_with("https://") { joined.replace(' ', "%20") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slash_is_added_once() {
        assert_eq!(asset_uri("https://example.com/", "a.mmdb"), "https://example.com/a.mmdb");
        assert_eq!(asset_uri("https://example.com", "a b.mmdb"), "https://example.com/a%20b.mmdb");
        assert_eq!(asset_uri("/data/my files", "a.mmdb"), "/data/my files/a.mmdb");
    }

    #[test]
    fn local_files_are_found_and_others_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.txt");
        std::fs::write(&path, "one").unwrap();
        let uri = format!("file://{}", path.display());
        assert_eq!(LocalAssets.fetch(&uri).unwrap().into_bytes(&uri).unwrap(), b"one");
        assert!(LocalAssets.fetch("s3://bucket/list.txt").unwrap_err().to_string().contains("only local files"));
        let missing = LocalAssets.fetch("/nowhere/list.txt").unwrap_err();
        assert_eq!(missing.to_string(), "cannot read data file /nowhere/list.txt: no such file");
    }
}
