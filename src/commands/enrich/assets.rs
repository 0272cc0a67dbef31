//! Data files of enrichments: on disk, on S3, on the web.
//!
//! What comes over the network is kept in a folder of the user's (`--cache-dir`), by its address. A kept copy is asked for
//! again with its entity tag, so that an unchanged file is not sent a second time, and it is checked against its digest
//! before it is used. If the server cannot be reached, the copy is used with a warning.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::enrichment::{Asset, AssetError, AssetSource};
use crate::http::{HttpClient, HttpOptions, HttpRequest, RetryPolicy};
use crate::run::digest;
use crate::storage::{Location, Storage};

/// Where data files come from.
pub(super) struct Assets {
    storage: Storage,
    offline: bool,
    /// Where copies are kept; nowhere if there is no such place.
    cache: Option<PathBuf>,
    found: Mutex<Vec<Found>>,
}

/// A data file that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub uri: String,
    pub bytes: u64,
    /// How it came here.
    pub origin: Origin,
}

/// How a data file came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Local,
    Downloaded,
    Unchanged,
    Unchecked,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Origin::Local => "local",
            Origin::Downloaded => "downloaded",
            Origin::Unchanged => "kept copy, unchanged",
            Origin::Unchecked => "kept copy, not checked against the server",
        })
    }
}

/// What is known of a kept copy.
#[derive(Serialize, Deserialize)]
struct Kept {
    uri: String,
    etag: Option<String>,
    last_modified: Option<String>,
    digest: String,
}

/// What a server says about a file.
enum Fetched {
    Unchanged,
    New { bytes: Vec<u8>, etag: Option<String>, last_modified: Option<String> },
}

/// Data files are larger than answers of services, and come slower.
const MAX_DOWNLOAD: u64 = 2 << 30;
const MAX_WAIT: Duration = Duration::from_secs(600);

/// The folder for copies, unless another one is named.
pub(super) fn default_cache() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("thresh").join("data-files"))
}

impl Assets {
    pub(super) fn new(storage: Storage, offline: bool, cache: Option<PathBuf>) -> Assets {
        Assets { storage, offline, cache, found: Mutex::default() }
    }

    /// All files that were asked for so far.
    pub(super) fn found(&self) -> Vec<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, uri: &str, asset: Asset, origin: Origin) -> Result<Asset, AssetError> {
        let bytes = match &asset {
            Asset::Bytes(bytes) => bytes.len() as u64,
            Asset::File(path) => {
                let unreadable = |error| AssetError::new(uri, format!("{}: {error}", path.display()));
                std::fs::metadata(path).map_err(unreadable)?.len()
            }
        };
        let found = Found { uri: uri.to_owned(), bytes, origin };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push(found);
        Ok(asset)
    }

    /// A file from a server, or the copy of it that is kept.
    fn remote(
        &self,
        uri: &str,
        fetch: impl FnOnce(Option<&Kept>) -> Result<Fetched, String>,
    ) -> Result<Asset, AssetError> {
        let place = self.cache.as_deref().map(|cache| Place::of(cache, uri));
        let kept = place.as_ref().and_then(|place| place.kept(uri));
        let copy = |place: &Option<Place>| Asset::File(place.as_ref().map(|p| p.data.clone()).unwrap_or_default());
        if self.offline {
            return match kept {
                Some(_) => self.note(uri, copy(&place), Origin::Unchecked),
                None => Err(AssetError::new(uri, "--offline forbids downloads; give a path or file:///path")),
            };
        }
        match fetch(kept.as_ref()) {
            Ok(Fetched::Unchanged) => self.note(uri, copy(&place), Origin::Unchanged),
            Ok(Fetched::New { bytes, etag, last_modified }) => {
                let kept = Kept { uri: uri.to_owned(), etag, last_modified, digest: digest(&bytes) };
                let asset = place.and_then(|place| place.keep(&kept, &bytes)).map_or(Asset::Bytes(bytes), Asset::File);
                self.note(uri, asset, Origin::Downloaded)
            }
            Err(reason) if kept.is_some() => {
                tracing::warn!(uri, reason, "cannot ask for a newer data file; the kept copy is used");
                self.note(uri, copy(&place), Origin::Unchecked)
            }
            Err(reason) => Err(AssetError::new(uri, reason)),
        }
    }

    fn read_s3(&self, at: &Location, kept: Option<&Kept>) -> Result<Fetched, String> {
        let object = self.storage.head(at).map_err(|error| error.to_string())?.ok_or("no such object")?;
        if object.etag.is_some() && kept.is_some_and(|kept| kept.etag == object.etag) {
            return Ok(Fetched::Unchanged);
        }
        let bytes = self.storage.read_all(at).map_err(|error| error.to_string())?;
        Ok(Fetched::New { bytes, etag: object.etag, last_modified: None })
    }
}

/// Downloads a file unless it is still what is kept.
fn from_web(uri: &str, kept: Option<&Kept>) -> Result<Fetched, String> {
    let options = HttpOptions { timeout: MAX_WAIT, max_body: MAX_DOWNLOAD, ..HttpOptions::default() };
    let mut request = HttpRequest::new("GET", uri);
    if let Some(kept) = kept {
        let etag = kept.etag.as_deref().map(|etag| ("if-none-match", etag));
        let modified = kept.last_modified.as_deref().map(|time| ("if-modified-since", time));
        request.headers.extend(etag.or(modified));
    }
    let (response, _) = HttpClient::new(options).send_with_retries(&request, &RetryPolicy::default());
    let response = response.map_err(|error| error.to_string())?;
    if response.status == 304 && kept.is_some() {
        return Ok(Fetched::Unchanged);
    }
    if !response.is_success() {
        return Err(format!("the server answered {}", response.status));
    }
    let header = |name| response.header(name).map(str::to_owned);
    let (etag, last_modified) = (header("etag"), header("last-modified"));
    Ok(Fetched::New { bytes: response.body, etag, last_modified })
}

/// Where a copy and what is known of it are kept.
struct Place {
    data: PathBuf,
    about: PathBuf,
}

impl Place {
    fn of(cache: &Path, uri: &str) -> Place {
        // Addresses are long and hold characters that file names cannot; the digest's own punctuation is not needed.
        let name: String = digest(uri.as_bytes()).chars().filter(char::is_ascii_alphanumeric).collect();
        Place { data: cache.join(&name), about: cache.join(format!("{name}.json")) }
    }

    /// What is known of the copy, if it is whole and one of this address.
    fn kept(&self, uri: &str) -> Option<Kept> {
        let kept: Kept = serde_json::from_slice(&std::fs::read(&self.about).ok()?).ok()?;
        let is_whole = kept.uri == uri && digest(&std::fs::read(&self.data).ok()?) == kept.digest;
        is_whole.then_some(kept)
    }

    /// Keeps a copy; says where it is. Without a place for it the run goes on with what is in memory.
    fn keep(&self, kept: &Kept, bytes: &[u8]) -> Option<PathBuf> {
        let about = serde_json::to_vec_pretty(kept).ok()?;
        let written = write_whole(&self.data, bytes).and_then(|()| write_whole(&self.about, &about));
        match written {
            Ok(()) => Some(self.data.clone()),
            Err(error) => {
                tracing::warn!(path = %self.data.display(), %error, "cannot keep a copy of a data file");
                None
            }
        }
    }
}

/// Writes a file that appears whole or not at all: another run may read it.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut temporary, bytes)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

impl AssetSource for Assets {
    fn fetch(&self, uri: &str) -> Result<Asset, AssetError> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return self.remote(uri, |kept| from_web(uri, kept));
        }
        match Location::parse(uri).map_err(|error| AssetError::new(uri, error))? {
            Location::Local(path) if path.is_file() => self.note(uri, Asset::File(path), Origin::Local),
            Location::Local(_) => Err(AssetError::new(uri, "no such file")),
            Location::Stdio => Err(AssetError::new(uri, "standard input is no data file")),
            at @ Location::S3 { .. } => self.remote(uri, |kept| self.read_s3(&at, kept)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::stub::{Answer, Stub};

    fn assets(cache: &Path, offline: bool) -> Assets {
        Assets::new(Storage::new(crate::storage::StorageOptions::default()), offline, Some(cache.to_owned()))
    }

    fn text(asset: Asset) -> String {
        String::from_utf8(asset.into_bytes("x").unwrap()).unwrap()
    }

    #[test]
    fn a_file_is_sent_once_as_long_as_it_does_not_change() {
        let stub = Stub::start(|asked| match (asked.path.as_str(), asked.header("if-none-match")) {
            ("/a", Some("\"one\"")) => Answer::new(304, ""),
            ("/a", _) => Answer::new(200, "first").with_header("etag", "\"one\""),
            _ => Answer::new(404, ""),
        });
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let uri = format!("{}/a", stub.url);
        for origin in [Origin::Downloaded, Origin::Unchanged] {
            let assets = assets(&cache, false);
            assert_eq!(text(assets.fetch(&uri).unwrap()), "first");
            assert_eq!((assets.found()[0].origin, assets.found()[0].bytes), (origin, 5));
        }
        assert_eq!(stub.asked().len(), 2);
        // A damaged copy is not used.
        let place = Place::of(&cache, &uri);
        std::fs::write(&place.data, "f").unwrap();
        let again = assets(&cache, false);
        assert_eq!(text(again.fetch(&uri).unwrap()), "first");
        assert_eq!(again.found()[0].origin, Origin::Downloaded);
        // Without a network the copy does.
        assert_eq!(text(assets(&cache, true).fetch(&uri).unwrap()), "first");
        let missing = assets(&cache, true).fetch(&format!("{}/b", stub.url)).unwrap_err();
        assert!(missing.to_string().contains("--offline forbids downloads"), "{missing}");
        let missing = assets(&cache, false).fetch(&format!("{}/b", stub.url)).unwrap_err();
        assert!(missing.to_string().ends_with("the server answered 404"), "{missing}");
    }

    #[test]
    fn a_kept_copy_outlives_its_server() {
        let stub = Stub::start(|asked| match asked.header("if-modified-since") {
            Some(time) => Answer::new(if time == "yesterday" { 404 } else { 500 }, ""),
            None => Answer::new(200, "data").with_header("last-modified", "yesterday"),
        });
        let folder = tempfile::tempdir().unwrap();
        let uri = format!("{}/a", stub.url);
        assert_eq!(text(assets(folder.path(), false).fetch(&uri).unwrap()), "data");
        let later = assets(folder.path(), false);
        assert_eq!(text(later.fetch(&uri).unwrap()), "data");
        assert_eq!(later.found()[0].origin, Origin::Unchecked);
    }

    #[test]
    fn without_a_place_for_copies_the_bytes_are_used() {
        let stub = Stub::start(|_| Answer::new(200, "data"));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "in the way").unwrap();
        let asset = assets(&file.join("cache"), false).fetch(&format!("{}/a", stub.url)).unwrap();
        assert!(matches!(asset, Asset::Bytes(_)));
        assert_eq!(text(asset), "data");
    }
}
