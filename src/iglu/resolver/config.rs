//! The resolver's configuration file, every published version of it.
//!
//! Facts: `iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-0` to `1-0-3` and the decoder of
//! snowplow/iglu-scala-client 1.5.0 (`Resolver.scala`, `Registry.scala`).

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use crate::iglu::{SchemaCriterion, SchemaKey};

/// Why a resolver configuration cannot be used. Every text names the file, the place in it, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{file}: cannot be read: {error}")]
    Unreadable {
        /// The configuration file.
        file: String,
        /// The system's words.
        error: std::io::Error,
    },
    /// The file is not JSON.
    #[error("{file}: not JSON: {error}")]
    NotJson {
        /// The configuration file.
        file: String,
        /// The parser's words, with line and column.
        error: serde_json::Error,
    },
    /// The file is JSON, but no resolver configuration.
    #[error("{file}: Schema {found} does not match criterion {CRITERION}")]
    WrongSchema {
        /// The configuration file.
        file: String,
        /// The schema it names.
        found: String,
    },
    /// A field is missing or has another type.
    #[error("{file}: {path}: expected {expected}, found {found}")]
    Field {
        /// The configuration file.
        file: String,
        /// For example `data.repositories[1].name`.
        path: String,
        /// For example `a string`.
        expected: &'static str,
        /// What stands there, shortened; `nothing` if the field is missing.
        found: String,
    },
    /// Two repositories have the same name.
    #[error("{file}: Repository names must be unique, {name} encountered {times} times")]
    RepeatedName {
        /// The configuration file.
        file: String,
        /// The name.
        name: String,
        /// How often.
        times: usize,
    },
    /// A repository's address cannot be used.
    #[error("{file}: repository {name}: {address}: {problem}")]
    Address {
        /// The configuration file.
        file: String,
        /// The repository.
        name: String,
        /// The address as written.
        address: String,
        /// What is wrong with it and what would be right.
        problem: String,
    },
}

const CRITERION: &str = "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-*";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A resolver configuration as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverConfig {
    /// The file it came from, for messages.
    pub file: String,
    /// The folder that relative paths start from.
    pub folder: PathBuf,
    /// Entries the reference's cache holds. A batch run keeps every schema it has read.
    pub cache_size: i64,
    /// Seconds an entry of the reference's cache lives. In a batch run nothing expires.
    pub cache_ttl: Option<i64>,
    /// In the file's order.
    pub repositories: Vec<RepositoryConfig>,
}

/// One repository of schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryConfig {
    /// Unique name.
    pub name: String,
    /// Lower comes first among repositories of the same kind.
    pub priority: i64,
    /// Texts that vendors may begin with; such vendors are looked up here first.
    pub vendor_prefixes: Vec<String>,
    /// Where it is.
    pub connection: Connection,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// A folder, or a name inside the reference's programs.
    Embedded {
        /// As written.
        path: String,
    },
    /// A server, or a static registry: `http://`, `https://`, `file://`, `s3://`.
    Http {
        /// As written, without a trailing slash.
        uri: String,
        /// Sent as the header `apikey`.
        api_key: Option<Secret>,
    },
}

impl ResolverConfig {
    /// Reads a configuration file.
    pub fn read(path: &Path) -> Result<ResolverConfig, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| ConfigError::Unreadable { file: file.clone(), error })?;
        ResolverConfig::parse(&text, &file, path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a configuration; `file` is what messages call it, `folder` is where relative paths start.
    pub fn parse(text: &[u8], file: &str, folder: &Path) -> Result<ResolverConfig, ConfigError> {
        let json: Json =
            serde_json::from_slice(text).map_err(|error| ConfigError::NotJson { file: file.to_owned(), error })?;
        let place = Place { file, path: String::new(), json: Some(&json) };
        let schema = place.field("schema");
        let found = schema.string()?;
        let criterion = SchemaCriterion::parse(CRITERION).expect("the criterion is correct");
        if !SchemaKey::parse(found).is_ok_and(|key| criterion.matches(&key)) {
            return Err(ConfigError::WrongSchema { file: file.to_owned(), found: found.to_owned() });
        }
        let data = place.field("data");
        let list = data.field("repositories");
        let repositories = list.elements()?.map(|place| repository(&place)).collect::<Result<Vec<_>, _>>()?;
        for RepositoryConfig { name, .. } in &repositories {
            let times = repositories.iter().filter(|other| other.name == *name).count();
            if times > 1 {
                return Err(ConfigError::RepeatedName { file: file.to_owned(), name: name.clone(), times });
            }
        }
        Ok(ResolverConfig {
            file: file.to_owned(),
            folder: folder.to_owned(),
            cache_size: data.field("cacheSize").integer()?,
            cache_ttl: data.field("cacheTtl").optional(Place::integer)?,
            repositories,
        })
    }
}

fn repository(place: &Place<'_>) -> Result<RepositoryConfig, ConfigError> {
    let prefixes = place.field("vendorPrefixes");
    let connection = place.field("connection");
    let embedded = connection.field("embedded");
    let http = connection.field("http");
    let connection = if embedded.json.is_some() {
        Connection::Embedded { path: embedded.field("path").string()?.to_owned() }
    } else if http.json.is_some() {
        let uri = http.field("uri");
        let text = uri.string()?;
        let known = ["http://", "https://", "file://", "s3://", "s3a://", "s3n://"];
        if !known.iter().any(|scheme| text.starts_with(scheme)) {
            return Err(uri.wrong("an address that starts with http://, https://, file:// or s3://"));
        }
        let api_key = http.field("apikey").optional(Place::string)?.map(|key| Secret(key.to_owned()));
        Connection::Http { uri: text.trim_end_matches('/').to_owned(), api_key }
    } else {
        return Err(connection.wrong("an object with the key embedded or http"));
    };
    Ok(RepositoryConfig {
        name: place.field("name").string()?.to_owned(),
        priority: place.field("priority").integer()?,
        vendor_prefixes: prefixes
            .elements()?
            .map(|prefix| prefix.string().map(str::to_owned))
            .collect::<Result<_, _>>()?,
        connection,
    })
}

/// A value in the file, or the lack of one, and the path to it.
struct Place<'j> {
    file: &'j str,
    path: String,
    json: Option<&'j Json>,
}

impl<'j> Place<'j> {
    fn field(&self, name: &str) -> Place<'j> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Place { file: self.file, path, json: self.json.and_then(|json| json.get(name)) }
    }

    fn elements(&self) -> Result<impl Iterator<Item = Place<'j>> + use<'j>, ConfigError> {
        let Some(Json::Array(elements)) = self.json else { return Err(self.wrong("a list")) };
        let (file, path) = (self.file, self.path.clone());
        let place = move |(at, json)| Place { file, path: format!("{path}[{at}]"), json: Some(json) };
        Ok(elements.iter().enumerate().map(place))
    }

    fn string(&self) -> Result<&'j str, ConfigError> {
        self.json.and_then(Json::as_str).ok_or_else(|| self.wrong("a string"))
    }

    /// Numbers written as `5.0` count too.
    fn integer(&self) -> Result<i64, ConfigError> {
        let whole = |number: &f64| number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX);
        let number = self.json.and_then(Json::as_f64).filter(whole);
        number.map(|number| number as i64).ok_or_else(|| self.wrong("a whole number of 32 bits"))
    }

    /// Absent and `null` are the same.
    fn optional<T>(&self, read: impl Fn(&Self) -> Result<T, ConfigError>) -> Result<Option<T>, ConfigError> {
        match self.json {
            None | Some(Json::Null) => Ok(None),
            Some(_) => read(self).map(Some),
        }
    }

    fn wrong(&self, expected: &'static str) -> ConfigError {
        let found = match self.json {
            None => "nothing".to_owned(),
            Some(_) if self.path.ends_with("apikey") => "something else".to_owned(),
            // Objects may hold keys of registries; only their names are shown.
            Some(Json::Object(members)) => format!("an object with the keys {}", keys(members)),
            Some(json) => json.to_string().chars().take(60).collect(),
        };
        let path = if self.path.is_empty() { "the document".to_owned() } else { self.path.clone() };
        ConfigError::Field { file: self.file.to_owned(), path, expected, found }
    }
}

fn keys(members: &Map<String, Json>) -> String {
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ResolverConfig, String> {
        ResolverConfig::parse(text.as_bytes(), "r.json", Path::new("/conf")).map_err(|error| error.to_string())
    }

    fn with_repositories(version: &str, fields: &str, repositories: &str) -> Result<ResolverConfig, String> {
        parse(&format!(
            r#"{{"schema":"iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/{version}","data":{{{fields}"repositories":[{repositories}]}}}}"#
        ))
    }

    const CENTRAL: &str = r#"{"name":"Iglu Central","priority":0,"vendorPrefixes":["com.snowplowanalytics"],"connection":{"http":{"uri":"http://iglucentral.com/"}}}"#;
    const ACME: &str = r#"{"name":"Acme","priority":5,"vendorPrefixes":[],"connection":{"http":{"uri":"https://iglu.acme.com/api","apikey":"k"}}}"#;
    const LOCAL: &str = r#"{"name":"Local","priority":-1,"vendorPrefixes":[],"connection":{"embedded":{"path":"schemas-here"}},"extra":1}"#;

    #[test]
    fn every_version_is_read() {
        let old = with_repositories("1-0-0", "\"cacheSize\":500,", CENTRAL).unwrap();
        assert_eq!((old.cache_size, old.cache_ttl, old.repositories.len()), (500, None, 1));
        assert_eq!(old.repositories[0].vendor_prefixes, ["com.snowplowanalytics"]);
        let central = Connection::Http { uri: "http://iglucentral.com".to_owned(), api_key: None };
        assert_eq!(old.repositories[0].connection, central);
        let all = format!("{CENTRAL},{ACME},{LOCAL}");
        let new = with_repositories("1-0-3", "\"cacheSize\":5.0,\"cacheTtl\":600,", &all).unwrap();
        assert_eq!((new.cache_size, new.cache_ttl, new.repositories.len()), (5, Some(600), 3));
        let Connection::Http { api_key: Some(key), .. } = &new.repositories[1].connection else { panic!("{new:?}") };
        assert_eq!((key.expose(), key.to_string()), ("k", "***".to_owned()));
        assert!(!format!("{new:?}").contains("\"k\""));
        assert_eq!(new.repositories[2].connection, Connection::Embedded { path: "schemas-here".to_owned() });
        assert!(with_repositories("1-0-2", "\"cacheSize\":0,\"cacheTtl\":null,", "").unwrap().cache_ttl.is_none());
    }

    #[test]
    fn errors_name_the_file_the_place_and_what_is_expected() {
        let repository = |from: &str, to: &str| with_repositories("1-0-1", "\"cacheSize\":1,", &ACME.replace(from, to));
        for (result, expected) in [
            (
                with_repositories("2-0-0", "\"cacheSize\":1,", ""),
                "r.json: Schema iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/2-0-0 does not match criterion iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-*",
            ),
            (
                with_repositories("1-0-1", "", ""),
                "r.json: data.cacheSize: expected a whole number of 32 bits, found nothing",
            ),
            (
                with_repositories("1-0-1", "\"cacheSize\":\"9\",", ""),
                "r.json: data.cacheSize: expected a whole number of 32 bits, found \"9\"",
            ),
            (
                with_repositories("1-0-1", "\"cacheSize\":1,", &format!("{ACME},{ACME}")),
                "r.json: Repository names must be unique, Acme encountered 2 times",
            ),
            (repository("\"Acme\"", "7"), "r.json: data.repositories[0].name: expected a string, found 7"),
            (
                repository("\"priority\":5,", ""),
                "r.json: data.repositories[0].priority: expected a whole number of 32 bits, found nothing",
            ),
            (
                repository("\"vendorPrefixes\":[]", "\"vendorPrefixes\":[1]"),
                "r.json: data.repositories[0].vendorPrefixes[0]: expected a string, found 1",
            ),
            (
                repository("\"http\"", "\"htpp\""),
                "r.json: data.repositories[0].connection: expected an object with the key embedded or http, found an object with the keys htpp",
            ),
            (
                repository("https://", "ftp://"),
                "r.json: data.repositories[0].connection.http.uri: expected an address that starts with http://, https://, file:// or s3://, found \"ftp://iglu.acme.com/api\"",
            ),
            (
                repository("\"k\"", "12345"),
                "r.json: data.repositories[0].connection.http.apikey: expected a string, found something else",
            ),
            (parse("{\"schema\":5}"), "r.json: schema: expected a string, found 5"),
            (parse("[]"), "r.json: schema: expected a string, found nothing"),
        ] {
            assert_eq!(result.unwrap_err(), expected);
        }
        assert!(parse("{").unwrap_err().starts_with("r.json: not JSON: EOF while parsing an object at line 1"));
        let missing = ResolverConfig::read(Path::new("/no/such/resolver.json")).unwrap_err().to_string();
        assert!(missing.starts_with("/no/such/resolver.json: cannot be read: "), "{missing}");
    }
}
