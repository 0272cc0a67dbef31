//! Configuration of the adapters: schemas other than the default ones, and remote services.
//!
//! Keys: snowplow/enrich 3.9.0, `modules/common/src/main/resources/reference.conf` (`adaptersSchemas`) and
//! `config/config.*.hocon` (`remoteAdapters`). Files are JSON or TOML; of HOCON, what is also JSON.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;

use super::info::ADAPTERS;
use crate::iglu::SchemaKey;

/// How the adapters of a run are set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdapterConfig {
    /// Schemas other than the default ones.
    pub schemas: SchemaOverrides,
    /// Services that turn payloads into events over HTTP.
    pub remote: RemoteAdapters,
}

/// Schemas other than the default ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SchemaOverrides {
    by_key: HashMap<(String, String), String>,
}

impl SchemaOverrides {
    /// The schema URI of an adapter's key.
    pub fn schema(&self, block: &str, key: &str, default: &str) -> String {
        let place = (block.to_owned(), key.to_owned());
        self.by_key.get(&place).cloned().unwrap_or_else(|| default.to_owned())
    }
}

/// The remote services and how long to wait for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAdapters {
    /// Longest time to connect.
    pub connection_timeout: Duration,
    /// Longest time for a whole request.
    pub read_timeout: Duration,
    /// Most connections at a time.
    pub max_connections: usize,
    /// The services; the last one of a vendor and version wins.
    pub services: Vec<RemoteService>,
}

impl Default for RemoteAdapters {
    fn default() -> Self {
        RemoteAdapters {
            connection_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(45),
            max_connections: 10,
            services: Vec::new(),
        }
    }
}

/// One remote service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteService {
    /// First segment of the request path.
    pub vendor: String,
    /// Second segment of the request path.
    pub version: String,
    /// Where to post payloads.
    pub url: String,
}

/// What can be wrong with a configuration file.
#[derive(Debug, thiserror::Error)]
pub enum AdapterConfigError {
    /// The file is not JSON.
    #[error("the adapter configuration is not JSON: {0}; write it as JSON or TOML (HOCON's own syntax is not read)")]
    Json(#[source] serde_json::Error),
    /// The file is not TOML.
    #[error("the adapter configuration is neither JSON nor TOML: {0}; HOCON's own syntax is not read")]
    Toml(#[source] toml::de::Error),
    /// A block that belongs to no adapter.
    #[error("adaptersSchemas.{block}: no adapter has this name; known ones are {known}")]
    UnknownAdapter {
        /// The block.
        block: String,
        /// All blocks there are.
        known: String,
    },
    /// A key the adapter does not have.
    #[error("adaptersSchemas.{block}.{key}: the adapter has no such schema; known keys are {known}")]
    UnknownKey {
        /// The block.
        block: String,
        /// The key.
        key: String,
        /// All keys of the block.
        known: String,
    },
    /// A text that is no schema URI.
    #[error("{adapter}: Cannot parse schema {key}: {uri}")]
    InvalidSchema {
        /// The adapter's title.
        adapter: &'static str,
        /// The key.
        key: String,
        /// The text.
        uri: String,
    },
    /// A text that is no duration.
    #[error("remoteAdapters.{key}: `{text}` is not a duration; write milliseconds, or for example \"10 seconds\"")]
    InvalidDuration {
        /// The key.
        key: &'static str,
        /// The text.
        text: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    adapters_schemas: HashMap<String, HashMap<String, String>>,
    #[serde(default)]
    remote_adapters: Option<RemoteFile>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RemoteFile {
    /// The form of 3.x.
    Settings(RemoteSettings),
    /// The form of R114 to R117: the timeouts stand at each service, in milliseconds.
    List(Vec<ListedService>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RemoteSettings {
    connection_timeout: Option<DurationText>,
    read_timeout: Option<DurationText>,
    max_connections: Option<usize>,
    #[serde(default)]
    configs: Vec<RemoteService>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedService {
    vendor: String,
    version: String,
    connection_timeout: Option<u64>,
    read_timeout: Option<u64>,
    url: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum DurationText {
    Millis(u64),
    Text(String),
}

impl AdapterConfig {
    /// Reads a configuration: JSON if it starts with `{`, else TOML. Keys of other parts of the file are ignored.
    pub fn parse(text: &str) -> Result<AdapterConfig, AdapterConfigError> {
        let file: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(AdapterConfigError::Json)?
        } else {
            toml::from_str(text).map_err(AdapterConfigError::Toml)?
        };
        let schemas = checked_schemas(file.adapters_schemas)?;
        let remote = match file.remote_adapters {
            None => RemoteAdapters::default(),
            Some(RemoteFile::Settings(settings)) => remote_settings(settings)?,
            Some(RemoteFile::List(services)) => remote_list(services),
        };
        Ok(AdapterConfig { schemas, remote })
    }
}

fn checked_schemas(blocks: HashMap<String, HashMap<String, String>>) -> Result<SchemaOverrides, AdapterConfigError> {
    let mut by_key = HashMap::new();
    for (block, keys) in blocks {
        let Some(info) = ADAPTERS.iter().find(|info| info.block == Some(block.as_str())) else {
            let known: Vec<&str> = ADAPTERS.iter().filter_map(|info| info.block).collect();
            return Err(AdapterConfigError::UnknownAdapter { block, known: known.join(", ") });
        };
        for (key, uri) in keys {
            let mut rows = info.schemas.iter().flat_map(|table| table.rows);
            if !rows.any(|row| row.key == key) {
                let mut known: Vec<&str> =
                    info.schemas.iter().flat_map(|table| table.rows).map(|row| row.key).collect();
                known.dedup();
                return Err(AdapterConfigError::UnknownKey { block, key, known: known.join(", ") });
            }
            if SchemaKey::parse(&uri).is_err() {
                return Err(AdapterConfigError::InvalidSchema { adapter: info.title, key, uri });
            }
            by_key.insert((block.clone(), key), uri);
        }
    }
    Ok(SchemaOverrides { by_key })
}

fn remote_settings(settings: RemoteSettings) -> Result<RemoteAdapters, AdapterConfigError> {
    let default = RemoteAdapters::default();
    let duration = |key, text: Option<DurationText>, default| match text {
        None => Ok(default),
        Some(DurationText::Millis(millis)) => Ok(Duration::from_millis(millis)),
        Some(DurationText::Text(text)) => {
            parse_duration(&text).ok_or(AdapterConfigError::InvalidDuration { key, text })
        }
    };
    Ok(RemoteAdapters {
        connection_timeout: duration("connectionTimeout", settings.connection_timeout, default.connection_timeout)?,
        read_timeout: duration("readTimeout", settings.read_timeout, default.read_timeout)?,
        max_connections: settings.max_connections.unwrap_or(default.max_connections),
        services: settings.configs,
    })
}

fn remote_list(list: Vec<ListedService>) -> RemoteAdapters {
    // One client serves all: the most patient service sets the pace.
    let longest = |timeouts: &dyn Fn(&ListedService) -> Option<u64>, default: u64| {
        let millis = list.iter().map(|service| timeouts(service).unwrap_or(default)).max().unwrap_or(default);
        Duration::from_millis(millis)
    };
    let connection_timeout = longest(&|service| service.connection_timeout, 1000);
    let read_timeout = longest(&|service| service.read_timeout, 5000);
    let services = list.into_iter();
    let services = services.map(|s| RemoteService { vendor: s.vendor, version: s.version, url: s.url }).collect();
    RemoteAdapters { connection_timeout, read_timeout, services, ..RemoteAdapters::default() }
}

/// HOCON's durations: a number and a unit, milliseconds without one.
fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let millis = match text[digits..].trim() {
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1,
        "s" | "second" | "seconds" => 1000,
        "m" | "minute" | "minutes" => 60_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_toml_say_the_same() {
        let json = r#"{"adaptersSchemas":{"callrail":{"call_complete":"iglu:com.acme/call/jsonschema/2-0-0"}},
            "remoteAdapters":{"connectionTimeout":"3 seconds","readTimeout":700,"configs":[
            {"vendor":"com.acme","version":"v1","url":"http://localhost/"}]},"other":1}"#;
        let toml = r#"
            [adaptersSchemas.callrail]
            call_complete = "iglu:com.acme/call/jsonschema/2-0-0"
            [remoteAdapters]
            connectionTimeout = "3s"
            readTimeout = "700 ms"
            [[remoteAdapters.configs]]
            vendor = "com.acme"
            version = "v1"
            url = "http://localhost/"
        "#;
        let config = AdapterConfig::parse(json).unwrap();
        assert_eq!(config, AdapterConfig::parse(toml).unwrap());
        assert_eq!(config.schemas.schema("callrail", "call_complete", "x"), "iglu:com.acme/call/jsonschema/2-0-0");
        assert_eq!(config.schemas.schema("callrail", "other", "x"), "x");
        let remote = config.remote;
        assert_eq!(remote.connection_timeout, Duration::from_secs(3));
        assert_eq!((remote.read_timeout, remote.max_connections), (Duration::from_millis(700), 10));
        assert_eq!(remote.services[0].url, "http://localhost/");
    }

    #[test]
    fn the_old_list_of_services() {
        let json = r#"{"remoteAdapters":[{"vendor":"a","version":"v1","readTimeout":9000,"url":"u"},
            {"vendor":"b","version":"v1","connectionTimeout":200,"url":"w"}]}"#;
        let remote = AdapterConfig::parse(json).unwrap().remote;
        assert_eq!(remote.connection_timeout, Duration::from_secs(1));
        assert_eq!(remote.read_timeout, Duration::from_secs(9));
        assert_eq!(remote.services.len(), 2);
    }

    #[test]
    fn errors_say_what_to_write_instead() {
        let error = |text: &str| AdapterConfig::parse(text).unwrap_err().to_string();
        assert_eq!(
            error(r#"{"adaptersSchemas":{"callrail":{"call_complete":"iglu:x"}}}"#),
            "CallRail: Cannot parse schema call_complete: iglu:x"
        );
        assert_eq!(
            error(r#"{"adaptersSchemas":{"marketo":{"evnt":"iglu:a/b/jsonschema/1-0-0"}}}"#),
            "adaptersSchemas.marketo.evnt: the adapter has no such schema; known keys are event"
        );
        let unknown = error(r#"{"adaptersSchemas":{"marketa":{}}}"#);
        assert!(unknown.starts_with("adaptersSchemas.marketa: no adapter has this name"), "{unknown}");
        assert!(unknown.contains("cloudfrontAccessLog"), "{unknown}");
        assert!(error(r#"{"remoteAdapters":{"readTimeout":"soon"}}"#).contains("`soon` is not a duration"));
        assert!(error("{").contains("not JSON"));
        assert!(error("adaptersSchemas { }").contains("HOCON"));
    }
}
