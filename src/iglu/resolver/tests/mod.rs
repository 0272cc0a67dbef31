//! Look-ups: the order, the answers, what is kept, what is asked again.

mod servers;

use std::collections::HashMap;
use std::sync::Arc;

use bumpalo::Bump;

use super::*;
use crate::http::stub::{Answer as HttpAnswer, Stub};
use crate::iglu::{LookupHistory, RegistryError, SelfDescribing, Validator};

const KEY: &str = "iglu:com.acme.iot/x/jsonschema/1-0-0";
const SCHEMA: &str = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;

fn key(uri: &str) -> SchemaKey<'_> {
    SchemaKey::parse(uri).unwrap()
}

fn options() -> ResolverOptions {
    let retry =
        RetryPolicy { attempts: 3, first_pause: Duration::from_millis(1), longest_pause: Duration::from_millis(2) };
    ResolverOptions { retry, ..ResolverOptions::default() }
}

fn repository(name: &str, priority: i64, prefixes: &[&str], connection: Connection) -> RepositoryConfig {
    let vendor_prefixes = prefixes.iter().map(|prefix| (*prefix).to_owned()).collect();
    RepositoryConfig { name: name.to_owned(), priority, vendor_prefixes, connection }
}

fn http(uri: &str) -> Connection {
    Connection::Http { uri: uri.to_owned(), api_key: None }
}

fn resolver(repositories: Vec<RepositoryConfig>) -> Arc<Resolver> {
    let config = ResolverConfig {
        file: "test".to_owned(),
        folder: std::env::temp_dir(),
        cache_size: 500,
        cache_ttl: None,
        repositories,
    };
    Arc::new(Resolver::from_config(&config, options()).unwrap())
}

/// A resolver with one registry behind HTTP.
fn central(stub: &Stub) -> Arc<Resolver> {
    resolver(vec![repository("Central", 0, &[], http(&stub.url))])
}

fn history(error: ClientError) -> Vec<LookupHistory> {
    match error {
        ClientError::Resolution { lookup_history } => lookup_history,
        other => panic!("{other:?}"),
    }
}

fn errors_of(resolver: &Resolver, uri: &str, repository: &str) -> (Vec<RegistryError>, u32) {
    let entries = history(resolver.fetch_schema(&key(uri)).unwrap_err());
    let entry = entries.into_iter().find(|entry| entry.repository == repository).unwrap();
    (entry.errors, entry.attempts)
}

fn check(client: &mut Client, uri: &str, data: &str) -> Result<Option<SchemaVer>, ClientError> {
    let arena = Bump::new();
    let item = SelfDescribing { uri, key: key(uri), data: crate::json::parse(data, &arena).unwrap() };
    client.check(&item).map(|checked| checked.superseded_by).map_err(|error| *error)
}

/// A folder with schemas: path below `schemas` and text.
fn folder(schemas: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in schemas {
        let file = folder.path().join("schemas").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    folder
}

#[test]
fn registries_are_asked_by_prefix_then_kind_then_priority() {
    let c = folder(&[]);
    let embedded = Connection::Embedded { path: c.path().display().to_string() };
    let resolver = resolver(vec![
        repository("A", 10, &["com.acme"], http("http://a")),
        repository("B", 0, &[], http("http://b")),
        repository("C", 5, &["com.a"], embedded),
    ]);
    let order = |vendor: &str| -> Vec<&str> {
        resolver.order(vendor).into_iter().map(|index| resolver.registries[index].name.as_str()).collect()
    };
    assert_eq!(order("com.acme.iot"), ["C", "A", "Iglu Client Embedded", "B"]);
    assert_eq!(order("com.acmeish")[1], "A");
    assert_eq!(order("org.other"), ["Iglu Client Embedded", "C", "B", "A"]);
}

#[test]
fn folders_hold_schemas_and_lists() {
    let files = folder(&[
        ("com.acme.iot/x/jsonschema/1-0-0", SCHEMA),
        ("com.acme.iot/x/jsonschema/1-0-10", SCHEMA),
        ("com.acme.iot/x/jsonschema/1-0-2", SCHEMA),
        ("com.acme.iot/x/jsonschema/2-0-0", SCHEMA),
        ("com.acme.iot/x/jsonschema/.hidden", ""),
        ("com.acme.iot/late/jsonschema/1-0-1", SCHEMA),
        ("com.acme.iot/bad/jsonschema/1-0-0.json", SCHEMA),
        ("com.acme.iot/broken/jsonschema/1-0-0", "{"),
    ]);
    let uri = format!("file://{}", files.path().display());
    let relative = files.path().file_name().unwrap().to_string_lossy().into_owned();
    for connection in [http(&uri), Connection::Embedded { path: relative }] {
        let resolver = resolver(vec![repository("Files", 0, &[], connection)]);
        assert_eq!(resolver.fetch_schema(&key(KEY)).unwrap()["type"], "object");
        let versions: Vec<String> =
            resolver.list("com.acme.iot", "x", 1, None).unwrap().iter().map(|key| key.version.to_string()).collect();
        assert_eq!(versions, ["1-0-0", "1-0-2", "1-0-10"]);
        assert!(resolver.list("com.acme.iot", "x", 3, None).unwrap_err().is_not_found());
        let problem = |name| match &history(resolver.list("com.acme.iot", name, 1, None).unwrap_err())[..] {
            [files, _] => files.errors.clone(),
            other => panic!("{other:?}"),
        };
        let corrupted = "Corrupted schema file name at schemas/com.acme.iot/bad/jsonschema/1-0-0.json";
        assert_eq!(problem("bad"), [RegistryError::RepoFailure(corrupted.to_owned())]);
        let late = "Cannot parse list of strings into SchemaList. Init schema iglu:com.acme.iot/late/jsonschema/1-0-1 is not M-0-0";
        assert_eq!(problem("late"), [RegistryError::ClientFailure(late.to_owned())]);
        let (errors, _) = errors_of(&resolver, "iglu:com.acme.iot/broken/jsonschema/1-0-0", "Files");
        assert!(matches!(&errors[..], [RegistryError::ClientFailure(text)] if text.starts_with("Could not decode")));
        let (errors, attempts) = errors_of(&resolver, "iglu:com.acme.iot/none/jsonschema/1-0-0", "Files");
        assert_eq!((errors, attempts), (vec![RegistryError::NotFound], 1));
    }
}

#[test]
fn object_storage_holds_schemas_and_lists() {
    let files = folder(&[("com.acme/x/jsonschema/1-0-0", SCHEMA), ("com.acme/x/jsonschema/1-0-1", SCHEMA)]);
    let registry = source::StoreRegistry {
        store: Arc::new(crate::storage::LocalStore),
        root: Location::Local(files.path().to_owned()),
    };
    assert_eq!(registry.fetch("schemas/com.acme/x/jsonschema/1-0-0").unwrap(), SCHEMA.as_bytes());
    assert_eq!(registry.fetch("schemas/com.acme/x/jsonschema/9-0-0"), Err(RegistryError::NotFound));
    assert_eq!(registry.list("schemas/com.acme/x/jsonschema").unwrap(), ["1-0-0", "1-0-1"]);
    assert_eq!(registry.list("schemas/com.acme/none/jsonschema"), Err(RegistryError::NotFound));
    let keyed = |root: &str| {
        let root = Location::parse(root).unwrap();
        source::StoreRegistry { store: Arc::new(crate::storage::LocalStore), root }.at("schemas/a").to_string()
    };
    assert_eq!(keyed("s3://bucket"), "s3://bucket/schemas/a");
    assert_eq!(keyed("s3://bucket/registry/"), "s3://bucket/registry/schemas/a");
}

#[test]
fn embedded_schemas_need_no_registry_and_change_no_error() {
    let stub = Stub::start(|_| HttpAnswer::new(404, "no"));
    let resolver = central(&stub);
    let contexts = key("iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1");
    assert_eq!(resolver.fetch_schema(&contexts).unwrap()["type"], "array");
    assert!(stub.asked().is_empty());
    let entries = history(resolver.fetch_schema(&key(KEY)).unwrap_err());
    let names: Vec<&str> = entries.iter().map(|entry| entry.repository.as_str()).collect();
    assert_eq!(names, ["Central", "Iglu Client Embedded"]);
    assert!(entries.iter().all(|entry| entry.errors == [RegistryError::NotFound] && entry.attempts == 1));
    // Lists come from registries if they can.
    assert_eq!(resolver.list("com.snowplowanalytics.snowplow", "contexts", 1, None).unwrap().len(), 2);
    assert!(stub.asked().iter().any(|asked| asked.path.ends_with("/contexts/jsonschema/1")));
}

#[test]
fn superseded_schemas_are_replaced_once() {
    let answers = HashMap::from([
        ("1-0-0", r#"{"type":"string","$supersededBy":"1-0-2"}"#),
        ("1-0-2", r#"{"type":"integer","$supersededBy":"1-0-3"}"#),
        ("1-0-3", r#"{"type":"null"}"#),
        ("1-1-0", r#"{"$supersededBy":"1-0-1"}"#),
        ("1-2-0", r#"{"$supersededBy":5}"#),
    ]);
    let stub = Stub::start(move |asked| {
        let version = asked.path.rsplit('/').next().unwrap_or_default();
        answers.get(version).map_or(HttpAnswer::new(404, ""), |text| HttpAnswer::new(200, *text))
    });
    let resolver = central(&stub);
    let mut client = Resolver::client(&resolver);
    let uri = |version: &str| format!("iglu:com.acme/x/jsonschema/{version}");
    assert_eq!(check(&mut client, &uri("1-0-0"), "5"), Ok(Some(SchemaVer::new(1, 0, 2))));
    match check(&mut client, &uri("1-0-0"), "\"x\"").unwrap_err() {
        ClientError::Data { superseded_by, reports } => {
            assert_eq!(superseded_by, Some(SchemaVer::new(1, 0, 2)));
            assert_eq!(reports[0].message, "$: string found, integer expected");
        }
        other => panic!("{other:?}"),
    }
    let first = uri("1-0-0");
    assert_eq!(resolver.fetch_schema(&key(&first)).unwrap()["type"], "string");
    let failure = |version: &str| errors_of(&resolver, &uri(version), "Central").0;
    let older = "Superseding version 1-0-1 isn't greater than the version of schema com.acme/x/jsonschema/1-1-0";
    assert_eq!(failure("1-1-0"), [RegistryError::ClientFailure(older.to_owned())]);
    assert!(
        matches!(&failure("1-2-0")[0], RegistryError::ClientFailure(text) if text.starts_with("Error while trying to decode superseding version: "))
    );
}

#[test]
fn unusable_schemas_are_reported_as_such() {
    let stub = Stub::start(|_| HttpAnswer::new(200, r#"{"$schema":"http://json-schema.org/draft-04/schema#"}"#));
    let mut client = Resolver::client(&central(&stub));
    match check(&mut client, KEY, "{}").unwrap_err() {
        ClientError::Schema { issues, .. } => {
            assert_eq!(issues[0].message, "Unknown MetaSchema: http://json-schema.org/draft-04/schema#");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn offline_asks_nobody() {
    let stub = Stub::start(|_| HttpAnswer::new(200, SCHEMA));
    let config = ResolverConfig {
        file: "test".to_owned(),
        folder: Path::new("").to_owned(),
        cache_size: 1,
        cache_ttl: None,
        repositories: vec![
            repository("Central", 0, &[], http(&stub.url)),
            repository("Bucket", 0, &[], http("s3://bucket/registry")),
        ],
    };
    let resolver = Resolver::from_config(&config, ResolverOptions { offline: true, ..options() }).unwrap();
    let error = resolver.fetch_schema(&key(KEY)).unwrap_err();
    assert!(error.is_not_found());
    assert_eq!(history(error).len(), 3);
    assert!(stub.asked().is_empty());
    let offline = Resolver::default_central(ResolverOptions { offline: true, ..options() });
    assert!(offline.fetch_schema(&key("iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4")).is_ok());
}

#[test]
fn addresses_that_cannot_work_are_refused_at_once() {
    let refuse = |connection| {
        let config = ResolverConfig {
            file: "resolver.json".to_owned(),
            folder: Path::new("/").to_owned(),
            cache_size: 1,
            cache_ttl: None,
            repositories: vec![repository("R", 0, &[], connection)],
        };
        Resolver::from_config(&config, options()).unwrap_err().to_string()
    };
    assert_eq!(
        refuse(http("s3://bucket/x")),
        "resolver.json: repository R: s3://bucket/x: object storage is not available here"
    );
    assert_eq!(
        refuse(http("file:///no/such/folder")),
        "resolver.json: repository R: file:///no/such/folder: no such folder"
    );
    let text = refuse(Connection::Embedded { path: "no-such-folder".to_owned() });
    assert!(text.contains("no-such-folder: no such folder; give one that holds schemas/"), "{text}");
    let known = Connection::Embedded { path: "/iglu-client-embedded".to_owned() };
    assert!(resolver(vec![repository("R", 0, &[], known)]).fetch_schema(&key(KEY)).unwrap_err().is_not_found());
}
