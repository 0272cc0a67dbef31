//! One registry: what it answers about a schema, how often it is asked, how long it is left alone when it is down.
//!
//! Facts: snowplow/iglu-scala-client 1.5.0, `Registry.scala`, `RegistryLookup.scala`, `Utils.scala`.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::config::RepositoryConfig;
use super::source::{HttpRegistry, StaticRegistry};
use crate::http::RetryPolicy;
use crate::iglu::{RegistryError, SchemaKey, SchemaVer};

/// Questions in a row that a registry may fail before it is left alone for a while.
const FAILURES_BEFORE_REST: u32 = 3;

/// A registry and its place in the order of look-ups.
#[derive(Debug)]
pub(super) struct Registry {
    pub(super) name: String,
    priority: i64,
    prefixes: Vec<String>,
    pub(super) source: Source,
    health: Mutex<Health>,
}

#[derive(Debug)]
pub(super) enum Source {
    /// The schemas that come with the program.
    Embedded,
    /// A folder configured as `embedded`.
    Folder(Box<dyn StaticRegistry>),
    /// A static registry configured as `http`.
    Store(Box<dyn StaticRegistry>),
    Http(HttpRegistry),
    /// On the network, while the network is off.
    Offline,
}

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    resting: Option<(Instant, RegistryError)>,
}

/// An answer and how many questions it took.
pub(super) struct Answer<T> {
    pub(super) result: Result<T, RegistryError>,
    pub(super) attempts: u32,
}

/// A schema document, and the version that replaces it with that version's document.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) document: Json,
    pub(super) superseding: Option<(SchemaVer, Json)>,
}

impl Registry {
    pub(super) fn new(config: &RepositoryConfig, source: Source) -> Registry {
        Registry {
            name: config.name.clone(),
            priority: config.priority,
            prefixes: config.vendor_prefixes.clone(),
            source,
            health: Mutex::default(),
        }
    }

    /// What decides the order for a vendor: smaller is asked first. Prefixes are compared as plain text.
    pub(super) fn rank(&self, vendor: &str) -> (bool, u32, i64) {
        let is_responsible = self.prefixes.iter().any(|prefix| vendor.starts_with(prefix.as_str()));
        let class = match self.source {
            Source::Embedded | Source::Folder(_) => 2,
            Source::Store(_) | Source::Http(_) | Source::Offline => 100,
        };
        (!is_responsible, class, self.priority)
    }

    /// Asks for a schema and, if it says that it is superseded, for the one that supersedes it.
    pub(super) fn ask(&self, key: &SchemaKey<'_>, retry: &RetryPolicy) -> Answer<Fetched> {
        self.patiently(retry, || {
            let document = self.document(key)?;
            let superseding = match superseding_version(key, &document)? {
                Some(version) => Some((version, self.document(&key.with_version(version))?)),
                None => None,
            };
            Ok(Fetched { document, superseding })
        })
    }

    /// Asks again while it fails, unless it failed too often lately.
    pub(super) fn patiently<T>(
        &self,
        retry: &RetryPolicy,
        question: impl Fn() -> Result<T, RegistryError>,
    ) -> Answer<T> {
        if let Some(failure) = self.still_resting() {
            return Answer { result: Err(failure), attempts: 0 };
        }
        let is_doubtful = self.lock().failures >= FAILURES_BEFORE_REST;
        let most = if is_doubtful { 1 } else { retry.attempts.max(1) };
        let mut attempts = 0;
        loop {
            attempts += 1;
            let result = question();
            let failed = matches!(result, Err(RegistryError::RepoFailure(_)));
            if !failed || attempts >= most {
                self.note(&result, retry.longest_pause);
                return Answer { result, attempts };
            }
            std::thread::sleep(retry.pause_after(attempts));
        }
    }

    fn still_resting(&self) -> Option<RegistryError> {
        let health = self.lock();
        let (until, failure) = health.resting.as_ref()?;
        (Instant::now() < *until).then(|| failure.clone())
    }

    fn note<T>(&self, result: &Result<T, RegistryError>, rest: Duration) {
        let mut health = self.lock();
        match result {
            Err(failure @ RegistryError::RepoFailure(_)) => {
                health.failures += 1;
                if health.failures >= FAILURES_BEFORE_REST {
                    health.resting = Some((Instant::now() + rest, failure.clone()));
                }
            }
            _ => *health = Health::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Health> {
        // Nothing panics while holding this lock, and a poisoned one would still hold sound data.
        self.health.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// One schema document, asked for once.
    pub(super) fn document(&self, key: &SchemaKey<'_>) -> Result<Json, RegistryError> {
        let path = format!("schemas/{}", key.path());
        let bytes = match &self.source {
            Source::Embedded => return crate::iglu::embedded::document(key).ok_or(RegistryError::NotFound),
            Source::Folder(files) | Source::Store(files) => files.fetch(&path)?,
            Source::Http(server) => server.fetch(&path)?,
            Source::Offline => return Err(RegistryError::NotFound),
        };
        let unreadable = |error| RegistryError::ClientFailure(format!("Could not decode server response. {error}"));
        serde_json::from_slice(&bytes).map_err(unreadable)
    }
}

/// The version that a document says replaces it.
fn superseding_version(key: &SchemaKey<'_>, document: &Json) -> Result<Option<SchemaVer>, RegistryError> {
    let Some(written) = document.get("$supersededBy") else { return Ok(None) };
    let version = written.as_str().and_then(SchemaVer::parse).ok_or_else(|| {
        let problem = format!("Error while trying to decode superseding version: {written} is no schema version");
        RegistryError::ClientFailure(problem)
    })?;
    if version <= key.version {
        let path = key.path();
        let problem = format!("Superseding version {version} isn't greater than the version of schema {path}");
        return Err(RegistryError::ClientFailure(problem));
    }
    Ok(Some(version))
}
