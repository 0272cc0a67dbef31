//! Look-ups: the order, the answers, what is kept, what is asked again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

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
fn answers_of_servers_are_told_apart() {
    let stub = Stub::start(|asked| match asked.path.split('/').nth(3).unwrap_or_default() {
        "found" => HttpAnswer::new(200, SCHEMA),
        "forbidden" => HttpAnswer::new(403, "<Error>AccessDenied</Error>"),
        "missing" => HttpAnswer::new(404, "no"),
        "storm" => HttpAnswer::new(500, "x".repeat(1000)),
        "teapot" => HttpAnswer::new(418, "tea"),
        "garbage" => HttpAnswer::new(200, "<html>"),
        _ => HttpAnswer { hang_up: true, ..HttpAnswer::default() },
    });
    let ask = |name: &str| {
        let uri = format!("iglu:com.acme/{name}/jsonschema/1-0-0");
        // A resolver each, so that failures do not tire the registry.
        errors_of(&central(&stub), &uri, "Central")
    };
    assert!(central(&stub).fetch_schema(&key("iglu:com.acme/found/jsonschema/1-0-0")).is_ok());
    assert_eq!(ask("forbidden"), (vec![RegistryError::NotFound], 1));
    assert_eq!(ask("missing"), (vec![RegistryError::NotFound], 1));
    let teapot = RegistryError::ClientFailure("Unexpected server response: tea".to_owned());
    assert_eq!(ask("teapot"), (vec![teapot], 1));
    assert!(
        matches!(&ask("garbage").0[..], [RegistryError::ClientFailure(text)] if text.starts_with("Could not decode server response. "))
    );
    let (errors, attempts) = ask("storm");
    assert_eq!(attempts, 3);
    let [RegistryError::RepoFailure(text)] = &errors[..] else { panic!("{errors:?}") };
    assert!(text.starts_with("Unexpected server response: xxx") && text.chars().count() == 256, "{text}");
    let (errors, attempts) = ask("hang-up");
    assert_eq!(attempts, 3);
    assert!(
        matches!(&errors[0], RegistryError::RepoFailure(text) if text.starts_with("Unexpected exception fetching: "))
    );
}

#[test]
fn slow_and_unknown_servers_are_failures_of_the_registry() {
    let stub = Stub::start(|_| HttpAnswer { delay: Duration::from_secs(5), ..HttpAnswer::new(200, SCHEMA) });
    let config = ResolverConfig {
        file: "test".to_owned(),
        folder: Path::new("").to_owned(),
        cache_size: 1,
        cache_ttl: None,
        repositories: vec![
            repository("Slow", 0, &[], http(&stub.url)),
            repository("Unknown", 0, &[], http("http://registry.invalid")),
        ],
    };
    let short = HttpOptions { timeout: Duration::from_millis(40), ..HttpOptions::default() };
    let resolver = Resolver::from_config(&config, ResolverOptions { http: short, ..options() }).unwrap();
    let (errors, attempts) = errors_of(&resolver, KEY, "Slow");
    assert!(matches!(&errors[0], RegistryError::RepoFailure(text) if text.contains("timed out")), "{errors:?}");
    assert_eq!(attempts, 3);
    let (errors, _) = errors_of(&resolver, KEY, "Unknown");
    assert!(matches!(&errors[0], RegistryError::RepoFailure(_)), "{errors:?}");
    assert!(!resolver.fetch_schema(&key(KEY)).unwrap_err().is_not_found());
}

#[test]
fn keys_are_sent_but_never_shown() {
    let stub = Stub::start(|_| HttpAnswer::new(200, SCHEMA));
    let connection = Connection::Http { uri: stub.url.clone(), api_key: Some(Secret::from("s3cr3t".to_owned())) };
    let resolver = resolver(vec![repository("Private", 0, &[], connection)]);
    resolver.fetch_schema(&key(KEY)).unwrap();
    let asked = &stub.asked()[0];
    assert_eq!(asked.header("apikey"), Some("s3cr3t"));
    assert_eq!(asked.path, "/schemas/com.acme.iot/x/jsonschema/1-0-0");
    assert!(!format!("{resolver:?}").contains("s3cr3t"));
    assert!(!format!("{:?}", Secret::from("s3cr3t".to_owned())).contains("s3cr3t"));
}

#[test]
fn one_schema_is_fetched_once_whoever_asks() {
    let stub = Stub::start(|_| HttpAnswer { delay: Duration::from_millis(30), ..HttpAnswer::new(200, SCHEMA) });
    let resolver = central(&stub);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let mut client = Resolver::client(&resolver);
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_eq!(check(&mut client, KEY, r#"{"a":"b"}"#), Ok(None));
                }
            });
        }
    });
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn missing_schemas_stay_missing_and_failures_are_asked_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let stub = Stub::start(move |asked| match asked.path.contains("/gone/") {
        true => HttpAnswer::new(404, ""),
        false if counter.fetch_add(1, Ordering::SeqCst) < 3 => HttpAnswer::new(503, "later"),
        false => HttpAnswer::new(200, SCHEMA),
    });
    let resolver = central(&stub);
    let mut client = Resolver::client(&resolver);
    let gone = "iglu:com.acme/gone/jsonschema/1-0-0";
    for _ in 0..3 {
        assert!(check(&mut client, gone, "{}").unwrap_err().is_not_found());
    }
    assert_eq!(stub.asked().len(), 1);
    // Three tries fail; until the pause is over the failure is remembered, then the schema is found.
    let first = check(&mut client, KEY, "{}").unwrap_err();
    assert!(!first.is_not_found());
    assert_eq!(check(&mut client, KEY, "{}").unwrap_err(), first);
    assert_eq!(calls.load(Ordering::SeqCst), 3);
    std::thread::sleep(history::back_off(3) + Duration::from_millis(20));
    assert_eq!(check(&mut client, KEY, "{}"), Ok(None));
    assert_eq!(check(&mut client, KEY, "{}"), Ok(None));
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[test]
fn a_registry_that_is_down_is_left_alone() {
    let stub = Stub::start(|_| HttpAnswer::new(500, "down"));
    let config = |longest_pause| {
        let retry = RetryPolicy { attempts: 1, first_pause: Duration::ZERO, longest_pause };
        let config = ResolverConfig {
            file: "test".to_owned(),
            folder: Path::new("").to_owned(),
            cache_size: 1,
            cache_ttl: None,
            repositories: vec![repository("Central", 0, &[], http(&stub.url))],
        };
        Resolver::from_config(&config, ResolverOptions { retry, ..options() }).unwrap()
    };
    let resolver = config(Duration::from_secs(60));
    for number in 0..20 {
        let uri = format!("iglu:com.acme/x{number}/jsonschema/1-0-0");
        let (errors, _) = errors_of(&resolver, &uri, "Central");
        assert_eq!(errors, [RegistryError::RepoFailure("Unexpected server response: down".to_owned())]);
    }
    assert_eq!(stub.asked().len(), 3);
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
fn lists_come_from_the_endpoint_or_by_trying() {
    let tried = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&tried);
    let stub = Stub::start(move |asked| {
        let parts: Vec<&str> = asked.path.split('/').collect();
        match (parts[3], parts[5]) {
            ("listed", "1") => HttpAnswer::new(
                200,
                r#"["iglu:com.acme/listed/jsonschema/1-0-0","iglu:com.acme/listed/jsonschema/1-0-1"]"#,
            ),
            ("static", version @ ("1-0-0" | "1-0-1" | "1-1-0" | "1-1-1" | "1-1-2")) => {
                log.lock().unwrap().push(version.to_owned());
                HttpAnswer::new(200, SCHEMA)
            }
            _ => HttpAnswer::new(404, ""),
        }
    });
    let resolver = central(&stub);
    let list = |name: &str, known: Option<SchemaVer>| {
        let keys = resolver.list("com.acme", name, 1, known)?;
        Ok::<_, ClientError>(keys.iter().map(|key| key.version.to_string()).collect::<Vec<_>>())
    };
    assert_eq!(list("listed", None).unwrap(), ["1-0-0", "1-0-1"]);
    let asked = stub.asked().len();
    assert_eq!(list("listed", Some(SchemaVer::new(1, 0, 1))).unwrap().len(), 2);
    assert_eq!(stub.asked().len(), asked, "a list that has the version is kept");
    assert_eq!(list("static", Some(SchemaVer::new(1, 1, 1))).unwrap(), ["1-0-0", "1-0-1", "1-1-0", "1-1-1"]);
    assert_eq!(list("static", Some(SchemaVer::new(1, 1, 2))).unwrap().len(), 5);
    assert!(list("static", Some(SchemaVer::new(1, 2, 0))).is_err(), "a version known to exist must be found");
    assert!(list("none", None).unwrap_err().is_not_found());
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
