//! All versions of a schema: from a list endpoint, from a folder, or by trying one after the other.
//!
//! Facts: snowplow/iglu-scala-core 1.0.0, `SchemaList.scala`; the look-up by trying: snowplow/iglu-scala-client 3.2.0.

use super::registry::{Registry, Source};
use crate::iglu::{OwnedSchemaKey, RegistryError, SchemaKey, SchemaVer};

/// Versions tried at most, one by one, before a registry is taken for one that answers anything.
const MOST_PROBED: usize = 1_000;

/// What is looked for: one model of a schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) vendor: &'a str,
    pub(super) name: &'a str,
    pub(super) model: u32,
    /// A version known to exist: trying ends there.
    pub(super) known: Option<SchemaVer>,
}

impl<'a> Wanted<'a> {
    fn key(&self, version: SchemaVer) -> SchemaKey<'a> {
        SchemaKey { vendor: self.vendor, name: self.name, format: "jsonschema", version }
    }
}

/// The versions that a registry has, in order.
pub(super) fn list(registry: &Registry, wanted: Wanted<'_>) -> Result<Vec<OwnedSchemaKey>, RegistryError> {
    let folder = format!("schemas/{}/{}/jsonschema", wanted.vendor, wanted.name);
    match &registry.source {
        Source::Embedded => {
            let versions = crate::iglu::embedded::versions(wanted.vendor, wanted.name);
            from_versions(wanted, versions.into_iter().filter(|version| version.model == wanted.model).collect())
        }
        Source::Folder(files) | Source::Store(files) => from_names(wanted, &folder, files.list(&folder)?),
        Source::Http(server) => match server.fetch(&format!("{folder}/{}", wanted.model)) {
            Ok(answer) => from_endpoint(&answer),
            // Static registries have no such endpoint.
            Err(RegistryError::NotFound | RegistryError::ClientFailure(_)) => probe(registry, wanted),
            Err(failure) => Err(failure),
        },
        Source::Offline => Err(RegistryError::NotFound),
    }
}

fn from_names(wanted: Wanted<'_>, folder: &str, names: Vec<String>) -> Result<Vec<OwnedSchemaKey>, RegistryError> {
    let mut versions = Vec::new();
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        let corrupted = || RegistryError::RepoFailure(format!("Corrupted schema file name at {folder}/{name}"));
        let version = SchemaVer::parse(name).ok_or_else(corrupted)?;
        if version.model == wanted.model {
            versions.push(version);
        }
    }
    from_versions(wanted, versions)
}

fn from_versions(wanted: Wanted<'_>, mut versions: Vec<SchemaVer>) -> Result<Vec<OwnedSchemaKey>, RegistryError> {
    if versions.is_empty() {
        return Err(RegistryError::NotFound);
    }
    versions.sort_unstable();
    let uris: Vec<String> = versions.into_iter().map(|version| wanted.key(version).to_string()).collect();
    parse(&uris)
}

fn from_endpoint(answer: &[u8]) -> Result<Vec<OwnedSchemaKey>, RegistryError> {
    let unreadable = |error| RegistryError::ClientFailure(format!("Could not decode server response. {error}"));
    let uris: Vec<String> = serde_json::from_slice(answer).map_err(unreadable)?;
    parse(&uris)
}

/// A list of URIs, if it is one of a single schema and starts at its beginning.
fn parse(uris: &[String]) -> Result<Vec<OwnedSchemaKey>, RegistryError> {
    let wrong =
        |text: String| RegistryError::ClientFailure(format!("Cannot parse list of strings into SchemaList. {text}"));
    let mut keys: Vec<OwnedSchemaKey> = Vec::with_capacity(uris.len());
    for uri in uris {
        let key = SchemaKey::parse(uri).map_err(|error| wrong(format!("{uri} - {error}")))?;
        match keys.first() {
            None if (key.version.revision, key.version.addition) != (0, 0) => {
                return Err(wrong(format!("Init schema {uri} is not M-0-0")));
            }
            Some(first) if (first.vendor.as_str(), first.name.as_str()) != (key.vendor, key.name) => {
                let text = format!(
                    "SchemaKey {uri} does not match previous vendor ({}) or name ({})",
                    first.vendor, first.name
                );
                return Err(wrong(text));
            }
            _ => {}
        }
        if keys.iter().any(|known| known.as_key() == key) {
            return Err(wrong(format!("SchemaKey {uri} is not unique")));
        }
        keys.push(key.to_owned());
    }
    if keys.is_empty() {
        return Err(wrong("SchemaList cannot be empty".to_owned()));
    }
    Ok(keys)
}

/// Tries M-0-0, M-0-1, … until one is missing, then M-1-0, …; a missing addition 0 ends it, and so does the version
/// known to be there.
fn probe(registry: &Registry, wanted: Wanted<'_>) -> Result<Vec<OwnedSchemaKey>, RegistryError> {
    let mut versions = Vec::new();
    for revision in 0.. {
        for addition in 0.. {
            let version = SchemaVer::new(wanted.model, revision, addition);
            match registry.document(&wanted.key(version)) {
                Ok(_) => versions.push(version),
                Err(RegistryError::RepoFailure(text)) => return Err(RegistryError::RepoFailure(text)),
                Err(missing) if addition == 0 => {
                    let must_exist = wanted.known.is_some_and(|known| version <= known);
                    return if must_exist { Err(missing) } else { from_versions(wanted, versions) };
                }
                Err(_) => break,
            }
            if wanted.known == Some(version) || versions.len() >= MOST_PROBED {
                return from_versions(wanted, versions);
            }
        }
    }
    from_versions(wanted, versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(uris: &[&str]) -> String {
        let uris: Vec<String> = uris.iter().map(|uri| (*uri).to_owned()).collect();
        match parse(&uris) {
            Err(RegistryError::ClientFailure(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lists_are_checked() {
        let start = "Cannot parse list of strings into SchemaList. ";
        let good = "iglu:a/b/jsonschema/1-0-0";
        assert_eq!(problem(&[]), format!("{start}SchemaList cannot be empty"));
        let late = "iglu:a/b/jsonschema/1-0-1";
        assert_eq!(problem(&[late]), format!("{start}Init schema {late} is not M-0-0"));
        assert_eq!(problem(&[good, good]), format!("{start}SchemaKey {good} is not unique"));
        let other = "iglu:a/c/jsonschema/1-0-0";
        let text = format!("{start}SchemaKey {other} does not match previous vendor (a) or name (b)");
        assert_eq!(problem(&[good, other]), text);
        assert_eq!(problem(&["x"]), format!("{start}x - INVALID_IGLUURI"));
        assert_eq!(parse(&[good.to_owned(), late.to_owned()]).unwrap().len(), 2);
    }
}
