//! Registries behind HTTP: what they answer, how often they are asked.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

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
