//! Data files of enrichments: on disk, on S3, on the web.

use std::time::Duration;

use crate::enrichment::{Asset, AssetError, AssetSource};
use crate::http::{HttpClient, HttpOptions, HttpRequest, RetryPolicy};
use crate::storage::{Location, Storage};

/// Where data files come from.
pub(super) struct Assets {
    storage: Storage,
    offline: bool,
}

/// Data files are larger than answers of services, and come slower.
const MAX_DOWNLOAD: u64 = 2 << 30;
const MAX_WAIT: Duration = Duration::from_secs(600);

impl Assets {
    pub(super) fn new(storage: Storage, offline: bool) -> Assets {
        Assets { storage, offline }
    }

    fn download(&self, uri: &str) -> Result<Asset, AssetError> {
        if self.offline {
            return Err(AssetError::new(uri, "--offline forbids downloads; give a path or file:///path"));
        }
        let options = HttpOptions { timeout: MAX_WAIT, max_body: MAX_DOWNLOAD, ..HttpOptions::default() };
        let request = HttpRequest::new("GET", uri);
        let (response, _) = HttpClient::new(options).send_with_retries(&request, &RetryPolicy::default());
        match response {
            Ok(response) if response.is_success() => Ok(Asset::Bytes(response.body)),
            Ok(response) => Err(AssetError::new(uri, format!("the server answered {}", response.status))),
            Err(error) => Err(AssetError::new(uri, error)),
        }
    }
}

impl AssetSource for Assets {
    fn fetch(&self, uri: &str) -> Result<Asset, AssetError> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return self.download(uri);
        }
        match Location::parse(uri).map_err(|error| AssetError::new(uri, error))? {
            Location::Local(path) if path.is_file() => Ok(Asset::File(path)),
            Location::Local(_) => Err(AssetError::new(uri, "no such file")),
            Location::Stdio => Err(AssetError::new(uri, "standard input is no data file")),
            Location::S3 { .. } if self.offline => {
                Err(AssetError::new(uri, "--offline forbids downloads; give a path or file:///path"))
            }
            at @ Location::S3 { .. } => {
                self.storage.read_all(&at).map(Asset::Bytes).map_err(|error| AssetError::new(uri, error))
            }
        }
    }
}
