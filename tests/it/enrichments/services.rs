//! Enrichments that ask services: API requests, currency conversion, weather. The services are local stubs.

use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use thresh::event::Column;

use super::{ENRICHMENTS, Hit, SNOWPLOW, column, command, configure, derived, done, failures, summary};
use crate::adapters::runs::world_with;
use crate::enrich::World;
use crate::support::http_stub::{Answer, Stub};
use crate::support::mmdb::database;

const USER: &str = "iglu:com.acme/user/jsonschema/1-0-0";

fn world() -> World {
    let user = json!({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]});
    world_with([(USER, user)])
}

/// The configuration that the documentation shows, for a service here.
fn api_request(world: &World, url: &str, changes: Value) {
    let mut parameters = json!({
        "inputs": [{"key": "user", "pojo": {"field": "user_id"}}, {"key": "app", "pojo": {"field": "app_id"}}],
        "api": {"http": {
            "method": "GET",
            "uri": format!("{url}/users/{{{{app}}}}/{{{{user}}}}?format=json"),
            "timeout": 400,
            "authentication": {"httpBasic": {"username": "xxx", "password": "s3cr3t"}},
        }},
        "outputs": [{"schema": USER, "json": {"jsonPath": "$.record"}}],
        "cache": {"size": 3000, "ttl": 60},
    });
    for (pointer, value) in changes.as_object().unwrap() {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        parameters.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    configure(world, ENRICHMENTS, "api_request_enrichment_config", "1-0-2", parameters);
}

fn user(name: &str) -> Hit {
    Hit::new().with("aid", "shop").with("uid", name)
}

#[test]
fn an_api_is_asked_once_for_each_question() {
    let stub = Stub::start(|asked| {
        let name = asked.path.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned();
        Answer::new(200, json!({"record": {"name": name}}).to_string())
    });
    let world = world();
    api_request(&world, &stub.url, json!({}));
    let hits = [user("a b"), user("bob"), user("bob"), Hit::new(), user("a b")];
    let mut enrich = command(&world, &hits);
    enrich.args(["--threads", "1"]);
    let counted = summary(&done(enrich));
    let found: Vec<Vec<(String, Value)>> = world.lines("good", "r").iter().map(|line| derived(line)).collect();
    let entity = |name: &str| vec![(USER.to_owned(), json!({"name": name}))];
    assert_eq!(found, [entity("a+b"), entity("bob"), entity("bob"), Vec::new(), entity("a+b")]);
    let named = &counted["named"];
    assert_eq!(
        [&named["api_request_hits"], &named["api_request_misses"], &named["api_request_errors"]],
        [2, 2, 0],
        "{counted}"
    );
    let asked = stub.asked();
    assert_eq!(asked[0].path, "/users/shop/a+b?format=json");
    assert_eq!(asked[0].header("authorization"), Some("Basic eHh4OnMzY3IzdA=="));
    assert_eq!(asked[0].header("accept"), Some("*/*"));
}

#[test]
fn an_api_gets_the_values_posted() {
    let stub = Stub::start(|_| Answer::new(200, r#"{"record": {"name": "n"}}"#));
    let world = world();
    api_request(&world, &stub.url, json!({"/api/http/method": "POST", "/api/http/uri": format!("{}/find", stub.url)}));
    done(command(&world, &[user("a b")]));
    assert_eq!(derived(&world.lines("good", "r")[0]).len(), 1);
    let asked = stub.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("POST", "/find"));
    assert_eq!(asked[0].header("content-type"), Some("application/json"));
    assert_eq!(serde_json::from_slice::<Value>(&asked[0].body).unwrap(), json!({"user": "a b", "app": "shop"}));
}

/// What a service can do wrong, and what the failure says.
const FAULTS: [(&str, &str); 7] = [
    ("500", "Request failed with status 500"),
    ("302", "Request failed with status 302"),
    ("garbage", ""),
    ("nothing", ""),
    ("slow", "timed out"),
    ("other", "API Request enrichment:Value not found"),
    ("misfit", ""),
];

fn faulty() -> Stub {
    Stub::start(|asked| {
        let name = asked.path.split(['/', '?']).nth(3).unwrap();
        match name {
            "500" => Answer::new(500, "secret"),
            "302" => Answer::new(302, "").with_header("location", "/elsewhere"),
            "garbage" => Answer::new(200, "\u{0}<html>{"),
            "nothing" => Answer { hang_up: true, ..Answer::new(200, "") },
            "slow" => Answer { delay: Duration::from_secs(20), ..Answer::new(200, "{}") },
            "other" => Answer::new(200, r#"{"else": 1}"#),
            "misfit" => Answer::new(200, r#"{"record": {"name": 7}}"#),
            _ => Answer::new(200, r#"{"record": {"name": "fine"}}"#),
        }
    })
}

#[test]
fn a_faulty_api_costs_the_events_it_is_asked_about() {
    let stub = faulty();
    let world = world();
    api_request(&world, &stub.url, json!({}));
    let mut hits: Vec<Hit> = FAULTS.iter().map(|(name, _)| user(name)).collect();
    hits.insert(3, user("fine"));
    hits.extend([user("slow"), user("500"), user("fine")]);
    let started = Instant::now();
    let mut enrich = command(&world, &hits);
    enrich.args(["--threads", "1"]);
    let counted = summary(&done(enrich));
    assert!(started.elapsed() < Duration::from_secs(15), "the configured time-out does not count");
    assert_eq!(world.lines("good", "r").len(), 2);
    let rows = world.lines("bad", "r");
    assert_eq!(rows.len(), FAULTS.len() + 2);
    for ((name, text), row) in FAULTS.iter().zip(&rows) {
        let failed = failures(row);
        assert_eq!(failed.len(), 1, "{row}");
        if *name == "misfit" {
            assert_eq!(failed[0].0, "enrichments-contexts-validation");
            continue;
        }
        assert_eq!(failed[0].0, "api-request", "{name}");
        let said = failed[0].1["error"].as_str().unwrap();
        assert!(said.contains(text) && !said.contains("s3cr3t"), "{name}: {said}");
    }
    // Failures are remembered too: eight questions for eleven events, five of them failed in asking or reading.
    let named = &counted["named"];
    assert_eq!(named["api_request_misses"], 8, "{counted}");
    assert_eq!(named["api_request_hits"], 3, "{counted}");
    assert!(named["api_request_errors"].as_u64().unwrap() >= 5, "{counted}");
}

#[test]
fn a_faulty_api_can_be_ignored() {
    let stub = faulty();
    let world = world();
    api_request(&world, &stub.url, json!({"/ignoreOnError": true}));
    let hits: Vec<Hit> = FAULTS.iter().map(|(name, _)| user(name)).chain([user("fine")]).collect();
    done(command(&world, &hits));
    let good = world.lines("good", "r");
    let found: Vec<usize> = good.iter().map(|line| derived(line).len()).collect();
    assert_eq!(found, [0, 0, 0, 0, 0, 0, 1]);
    // An entity that does not fit its schema is not the lookup's failure.
    let failed = failures(&world.lines("bad", "r")[0]);
    assert_eq!(failed[0].0, "enrichments-contexts-validation");
}

#[test]
fn an_api_that_is_not_there_does_not_end_the_run() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = world();
    api_request(&world, &format!("http://{closed}"), json!({}));
    done(command(&world, &[user("a"), Hit::new()]));
    assert_eq!((world.lines("good", "r").len(), world.lines("bad", "r").len()), (1, 1));
}

#[test]
fn amounts_are_converted_by_the_rates_of_their_day() {
    // Rates come from one fixed host: the stub is its proxy.
    let stub = Stub::start(|asked| {
        assert!(asked.path.contains("/api/historical/2024-05-06.json?app_id=k3y"), "{}", asked.path);
        Answer::new(200, r#"{"base": "USD", "rates": {"USD": 1, "EUR": 0.5, "GBP": 0.25}}"#)
    });
    let world = World::new();
    let parameters = json!({"accountType": "DEVELOPER", "apiKey": "k3y", "baseCurrency": "EUR", "rateAt": "EOD_PRIOR"});
    configure(&world, SNOWPLOW, "currency_conversion_config", "1-0-0", parameters);
    let transaction = |currency: &str, total: &str| {
        Hit::new().with("e", "tr").with("tr_id", "1").with("tr_cu", currency).with("tr_tt", total).with("tr_tx", "2")
    };
    let hits = [transaction("GBP", "10.00"), transaction("USD", "3.01"), transaction("XXQ", "1")];
    let mut enrich = command(&world, &hits);
    enrich.args(["--threads", "1"]).env("ALL_PROXY", &stub.url).env_remove("NO_PROXY").env_remove("no_proxy");
    let counted = summary(&done(enrich));
    let good = world.lines("good", "r");
    let amounts = |line: &str| {
        [Column::base_currency, Column::tr_total_base, Column::tr_tax_base].map(|name| column(line, name).unwrap())
    };
    assert_eq!(amounts(&good[0]), ["EUR", "20.00", "4.00"]);
    assert_eq!(amounts(&good[1]), ["EUR", "1.50", "1.00"]);
    let failed = failures(&world.lines("bad", "r")[0]);
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0].0, "currency-conversion");
    assert_eq!(failed[0].1["expectation"], "Unknown currency 'XXQ'");
    assert_eq!(stub.asked().len(), 1, "a day is asked for once");
    assert_eq!([&counted["named"]["currency_hits"], &counted["named"]["currency_misses"]], [3, 1], "{counted}");
}

/// An HTTPS server that answers every request with the same body. Returns its address.
fn https(body: &'static str) -> std::net::SocketAddr {
    let file = |name: &str| format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"));
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = BufReader::new(rustls::StreamOwned::new(connection, socket));
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = stream.get_mut().write_all(head.as_bytes());
            let _ = stream.get_mut().write_all(body.as_bytes());
            stream.get_mut().conn.send_close_notify();
            let _ = stream.get_mut().flush();
        }
    });
    address
}

#[test]
fn the_weather_of_a_place_is_asked_for_over_https() {
    let address = https(
        r#"{"cod":"200","list":[{"dt":1714978800,"main":{"temp":288.15,"pressure":1013,"humidity":55,"temp_min":287,"temp_max":289.5},"wind":{"speed":3.6,"deg":250},"clouds":{"all":0},"weather":[{"id":800,"main":"Clear","description":"clear sky","icon":"01d"}]}]}"#,
    );
    let world = World::new();
    let place = json!({"country": {"iso_code": "US"}, "location": {"latitude": 47.25, "longitude": -122.31}});
    std::fs::write(world.path("GeoLite2-City.mmdb"), database("GeoLite2-City", &[("10.0.0.0/8", place)])).unwrap();
    let folder = world.path("");
    let geo = json!({"geo": {"uri": format!("file://{}", folder.display()), "database": "GeoLite2-City.mmdb"}});
    configure(&world, SNOWPLOW, "ip_lookups", "2-0-0", geo);
    let parameters = json!({
        "apiKey": "k3y", "cacheSize": 100, "geoPrecision": 1, "apiHost": address.to_string(), "timeout": 5,
    });
    configure(&world, ENRICHMENTS, "weather_enrichment_config", "1-0-0", parameters);
    let nowhere = Hit { ip: Some("11.0.0.1"), ..Hit::new() };
    let mut enrich = command(&world, &[Hit::new(), Hit::new(), nowhere]);
    let authority = format!("{}/tests/fixtures/tls/ca.pem", env!("CARGO_MANIFEST_DIR"));
    enrich.args(["--threads", "1"]).env("SSL_CERT_FILE", authority);
    let counted = summary(&done(enrich));
    let good = world.lines("good", "r");
    assert_eq!(good.len(), 2, "{:?}", world.lines("bad", "r"));
    let found = derived(&good[0]);
    assert_eq!(found[0].0, "iglu:org.openweathermap/weather/jsonschema/1-0-0");
    assert_eq!(found[0].1["dt"], "2024-05-06T07:00:00.000Z");
    assert_eq!(found[0].1["main"]["humidity"], 55);
    let failed = failures(&world.lines("bad", "r")[0]);
    assert_eq!((failed[0].0.as_str(), &failed[0].1["field"]), ("weather", &json!("geo_latitude")));
    assert_eq!([&counted["named"]["weather_hits"], &counted["named"]["weather_misses"]], [1, 1], "{counted}");
}
