//! Looking schemas up: registries in order, every answer kept.
//!
//! Facts: snowplow/iglu-scala-client 1.5.0, `Resolver.scala` and `ResolverCache.scala`. A batch run differs from the
//! reference's long-lived processes: what was found stays, what no registry has stays missing, and what failed is asked
//! for again a few times only, after the reference's pauses.

mod client;
mod config;
mod history;
mod list;
mod registry;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::schema::CompiledSchema;
use super::{ClientError, OwnedSchemaKey, SchemaIssue, SchemaKey, SchemaVer};
use crate::http::{HttpClient, HttpOptions, RetryPolicy};
use crate::storage::{Location, ObjectStore};
pub use client::Client;
pub use config::{ConfigError, Connection, RepositoryConfig, ResolverConfig, Secret};
use history::History;
use list::Wanted;
use registry::{Answer, Registry, Source};
pub use source::{FolderRegistry, StaticRegistry};

/// Rounds of questions about one schema before it counts as failed for the rest of the run.
const MOST_ROUNDS: u32 = 6;
/// Missing schemas kept before they are forgotten and asked for again: they may come from nonsense in the data.
const MOST_FAILURES: usize = 50_000;

/// How a resolver works.
#[derive(Clone)]
pub struct ResolverOptions {
    /// Registries on the network count as empty and are not asked.
    pub offline: bool,
    /// Reads registries at `s3://`.
    pub store: Option<Arc<dyn ObjectStore>>,
    /// Limits of HTTP requests.
    pub http: HttpOptions,
    /// How a registry that fails is asked again within one look-up.
    pub retry: RetryPolicy,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        ResolverOptions {
            offline: false,
            store: None,
            http: HttpOptions {
                connect_timeout: Duration::from_secs(3),
                timeout: Duration::from_secs(10),
                max_body: 16 << 20,
                max_redirects: 5,
            },
            retry: RetryPolicy {
                attempts: 3,
                first_pause: Duration::from_millis(500),
                longest_pause: Duration::from_secs(10),
            },
        }
    }
}

/// The registries of a run and everything they have answered. Shared by all threads; each has a [`Client`] of its own.
pub struct Resolver {
    registries: Vec<Registry>,
    retry: RetryPolicy,
    schemas: Cache<OwnedSchemaKey, Resolved>,
    lists: Cache<(String, String, u32), Vec<OwnedSchemaKey>>,
}

/// A schema as found.
pub(super) struct Resolved {
    pub(super) document: Arc<Json>,
    pub(super) superseded_by: Option<SchemaVer>,
    /// The schema to validate with: the superseding one if there is one.
    pub(super) compiled: Result<CompiledSchema, Vec<SchemaIssue>>,
}

type Cache<K, T> = Mutex<hashbrown::HashMap<K, Arc<Slot<T>>, foldhash::fast::RandomState>>;

/// One question's answer. The lock is held while registries are asked, so that each is asked by one thread only.
struct Slot<T>(Mutex<State<T>>);

enum State<T> {
    New,
    Found(Arc<T>),
    Failed(Failure),
}

#[derive(Clone, Default)]
struct Failure {
    histories: BTreeMap<usize, History>,
    rounds: u32,
    /// When to ask again; never if there is no time.
    retry_at: Option<Instant>,
}

/// A failed look-up: the error, and when asking again may make sense.
pub(super) struct Missing {
    pub(super) error: ClientError,
    pub(super) retry_at: Option<Instant>,
}

impl Resolver {
    /// A resolver from a configuration file.
    pub fn from_config_file(path: &Path, options: ResolverOptions) -> Result<Resolver, ConfigError> {
        Resolver::from_config(&ResolverConfig::read(path)?, options)
    }

    /// A resolver from the text of a configuration; `file` is what messages call it, `folder` is where relative paths
    /// start.
    pub fn from_config_text(
        text: &[u8],
        file: &str,
        folder: &Path,
        options: ResolverOptions,
    ) -> Result<Resolver, ConfigError> {
        Resolver::from_config(&ResolverConfig::parse(text, file, folder)?, options)
    }

    /// A resolver from a configuration.
    pub fn from_config(config: &ResolverConfig, options: ResolverOptions) -> Result<Resolver, ConfigError> {
        let http = HttpClient::new(options.http.clone());
        let embedded = RepositoryConfig {
            name: "Iglu Client Embedded".to_owned(),
            priority: 0,
            vendor_prefixes: Vec::new(),
            connection: Connection::Embedded { path: String::new() },
        };
        let mut registries = vec![Registry::new(&embedded, Source::Embedded)];
        for repository in &config.repositories {
            let source = open(config, repository, &options, &http)?;
            registries.push(Registry::new(repository, source));
        }
        Ok(Resolver { registries, retry: options.retry, schemas: Cache::default(), lists: Cache::default() })
    }

    /// The resolver of those who configure none: the embedded schemas and Iglu Central.
    pub fn default_central(options: ResolverOptions) -> Resolver {
        let central = RepositoryConfig {
            name: "Iglu Central".to_owned(),
            priority: 0,
            vendor_prefixes: vec!["com.snowplowanalytics".to_owned()],
            connection: Connection::Http { uri: "http://iglucentral.com".to_owned(), api_key: None },
        };
        let config = ResolverConfig {
            file: "the built-in resolver configuration".to_owned(),
            folder: Path::new("").to_owned(),
            cache_size: 500,
            cache_ttl: None,
            repositories: vec![central],
        };
        Resolver::from_config(&config, options).expect("an http address needs nothing that could be missing")
    }

    /// A validator for one thread.
    pub fn client(resolver: &Arc<Resolver>) -> Client {
        Client::new(Arc::clone(resolver))
    }

    /// The document of exactly this schema, superseded or not.
    pub fn fetch_schema(&self, key: &SchemaKey<'_>) -> Result<Arc<Json>, ClientError> {
        self.resolve(key).map(|resolved| Arc::clone(&resolved.document)).map_err(|missing| missing.error)
    }

    /// All versions of one model of a schema, in order. `known` is a version that is known to exist: a registry that
    /// cannot list its schemas is asked version by version up to this one.
    pub fn list(
        &self,
        vendor: &str,
        name: &str,
        model: u32,
        known: Option<SchemaVer>,
    ) -> Result<Arc<Vec<OwnedSchemaKey>>, ClientError> {
        let wanted = Wanted { vendor, name, model, known };
        let slot = slot(&self.lists, (vendor.to_owned(), name.to_owned(), model));
        let mut state = lock(&slot.0);
        if let State::Found(keys) = &*state
            && known.is_none_or(|known| keys.iter().any(|key| key.version == known))
        {
            return Ok(Arc::clone(keys));
        }
        // The embedded schemas are a selection: they only answer if nobody else does.
        let mut order = self.order(vendor);
        order.sort_by_key(|index| *index == 0);
        let ask = |registry: &Registry| registry.patiently(&self.retry, || list::list(registry, wanted));
        self.settle(&mut state, order, ask).map_err(|missing| missing.error)
    }

    /// Finds a schema, and the one that supersedes it.
    pub(super) fn resolve(&self, key: &SchemaKey<'_>) -> Result<Arc<Resolved>, Missing> {
        let slot = slot(&self.schemas, key.to_owned());
        let mut state = lock(&slot.0);
        if let State::Found(resolved) = &*state {
            return Ok(Arc::clone(resolved));
        }
        let order = match super::embedded::contains(key) {
            true => vec![0],
            false => self.order(key.vendor),
        };
        let ask = |registry: &Registry| {
            let answer = registry.ask(key, &self.retry);
            let result = answer.result.map(|fetched| {
                let superseded_by = fetched.superseding.as_ref().map(|(version, _)| *version);
                let valid_one = fetched.superseding.as_ref().map_or(&fetched.document, |(_, newer)| newer);
                let compiled = CompiledSchema::compile(valid_one);
                Resolved { document: Arc::new(fetched.document), superseded_by, compiled }
            });
            Answer { result, attempts: answer.attempts }
        };
        self.settle(&mut state, order, ask)
    }

    /// Asks registries in order until one answers; keeps what they said.
    fn settle<T>(
        &self,
        state: &mut State<T>,
        order: Vec<usize>,
        ask: impl Fn(&Registry) -> Answer<T>,
    ) -> Result<Arc<T>, Missing> {
        let mut failure = match std::mem::replace(state, State::New) {
            State::Failed(failure) => failure,
            State::New | State::Found(_) => Failure::default(),
        };
        let may_ask = failure.rounds == 0 || failure.retry_at.is_some_and(|at| at <= Instant::now());
        if may_ask {
            for index in order {
                // What a registry does not have, it will not have a minute later.
                if failure.histories.get(&index).is_some_and(|history| !history.is_transient()) {
                    continue;
                }
                let answer = ask(&self.registries[index]);
                match answer.result {
                    Ok(found) => {
                        let found = Arc::new(found);
                        *state = State::Found(Arc::clone(&found));
                        return Ok(found);
                    }
                    Err(error) => failure.histories.entry(index).or_default().add(error, answer.attempts),
                }
            }
            failure.rounds += 1;
            let transient = failure.histories.values().filter(|history| history.is_transient());
            let most_attempts = transient.map(|history| history.attempts).max();
            let pause = most_attempts.filter(|_| failure.rounds < MOST_ROUNDS).map(history::back_off);
            failure.retry_at = pause.map(|pause| Instant::now() + pause);
        }
        let missing = Missing { error: self.resolution_error(&failure), retry_at: failure.retry_at };
        *state = State::Failed(failure);
        Err(missing)
    }

    fn resolution_error(&self, failure: &Failure) -> ClientError {
        let mut lookup_history: Vec<_> =
            failure.histories.iter().map(|(index, history)| history.to_public(&self.registries[*index].name)).collect();
        lookup_history.sort_by(|a, b| a.repository.cmp(&b.repository));
        ClientError::Resolution { lookup_history }
    }

    /// The registries in the order in which they are asked about a vendor.
    fn order(&self, vendor: &str) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.registries.len()).collect();
        order.sort_by_key(|index| self.registries[*index].rank(vendor));
        order
    }
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("registries", &self.registries).finish_non_exhaustive()
    }
}

fn slot<K: std::hash::Hash + Eq, T>(cache: &Cache<K, T>, key: K) -> Arc<Slot<T>> {
    let mut slots = lock(cache);
    if slots.len() >= MOST_FAILURES {
        let is_failed = |slot: &Slot<T>| slot.0.try_lock().is_ok_and(|state| matches!(*state, State::Failed(_)));
        slots.retain(|_, slot| !is_failed(slot));
    }
    Arc::clone(slots.entry(key).or_insert_with(|| Arc::new(Slot(Mutex::new(State::New)))))
}

/// A panic in one thread leaves the maps sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names of the folders of schemas inside the reference's own programs, which configurations in use still mention.
const REFERENCE_RESOURCES: [&str; 2] = ["/iglu-client-embedded", "/iglu-embedded"];

fn open(
    config: &ResolverConfig,
    repository: &RepositoryConfig,
    options: &ResolverOptions,
    http: &HttpClient,
) -> Result<Source, ConfigError> {
    let wrong = |address: &str, problem: &str| ConfigError::Address {
        file: config.file.clone(),
        name: repository.name.clone(),
        address: address.to_owned(),
        problem: problem.to_owned(),
    };
    match &repository.connection {
        Connection::Embedded { path } => {
            let root = config.folder.join(path);
            if !root.is_dir() && !REFERENCE_RESOURCES.contains(&path.as_str()) {
                let problem = "no such folder; give one that holds schemas/<vendor>/<name>/<format>/<version>, absolute or relative to this file";
                return Err(wrong(path, problem));
            }
            Ok(Source::Folder(Box::new(FolderRegistry { root })))
        }
        Connection::Http { uri, api_key } => {
            if uri.starts_with("http://") || uri.starts_with("https://") {
                return Ok(match options.offline {
                    true => Source::Offline,
                    false => Source::Http(source::HttpRegistry {
                        client: http.clone(),
                        uri: uri.clone(),
                        api_key: api_key.clone(),
                    }),
                });
            }
            match Location::parse(uri) {
                Ok(Location::Local(path)) => {
                    let root = config.folder.join(path);
                    if !root.is_dir() {
                        return Err(wrong(uri, "no such folder"));
                    }
                    Ok(Source::Store(Box::new(FolderRegistry { root })))
                }
                Ok(_) if options.offline => Ok(Source::Offline),
                Ok(root) => match &options.store {
                    Some(store) => {
                        Ok(Source::Store(Box::new(source::StoreRegistry { store: Arc::clone(store), root })))
                    }
                    None => Err(wrong(uri, "object storage is not available here")),
                },
                Err(error) => Err(wrong(uri, &error.to_string())),
            }
        }
    }
}
