//! What each enrichment that needs nothing but the processor adds to the cost of an event, and what a whole event costs
//! without enrichments, with the eight of `thresh enrich`, and with all of them.
//!
//! Aim: a trivial script costs less than 15 µs per event; with all enrichments the stage is more than half as fast as with
//! eight.

use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use divan::Bencher;
use divan::counter::ItemsCount;
use serde_json::{Value, json};
use thresh::adapter::{AdapterConfig, Registry};
use thresh::badrow::{BadRowConfig, BadRowFormat, Processor};
use thresh::enrich::{EnrichConfig, EnrichOutputs, EnrichStage, Enricher};
use thresh::enrichment::{
    ConfigFile, EnrichmentOptions, EnrichmentSet, LocalAssets, Resources, StepContext, read_configs,
};
use thresh::event::{Column, EnrichedEvent};
use thresh::iglu::{Resolver, ResolverOptions, SelfDescribing, Validator};
use thresh::payload::{Api, Context, NameValue, Parameters, RawEvent, Source};
use thresh::protocol::uri::Uri;
use thresh::raw::{RawFormat, ThriftContainer, ThriftPayload, write_collector_payload};

fn main() {
    divan::main();
}

/// Events of one round, each with another user agent, address and page.
const EVENTS: usize = 512;

const SNOWPLOW: &str = "com.snowplowanalytics.snowplow";
const ENRICHMENTS: &str = "com.snowplowanalytics.snowplow.enrichments";

/// The configurations, the eight of `thresh enrich` first.
fn configurations(data: &Path) -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let file = |name: &str| json!({"uri": format!("file://{}", data.display()), "database": name});
    let mut referers = file("referers.json");
    referers["internalDomains"] = json!(["www.shop.com"]);
    let fields = json!({
        "mktMedium": ["utm_medium"], "mktSource": ["utm_source"], "mktTerm": ["utm_term"],
        "mktContent": ["utm_content"], "mktCampaign": ["utm_campaign"],
    });
    let pii = json!({
        "pii": [
            {"pojo": {"field": "user_id"}},
            {"pojo": {"field": "user_ipaddress"}},
            {"json": {"field": "contexts", "schemaCriterion": "iglu:com.acme/person/jsonschema/1-*-*", "jsonPath": "$.email"}},
        ],
        "strategy": {"pseudonymize": {"hashFunction": "SHA-256", "salt": "pepper"}},
    });
    vec![
        ("ua_parser_config", SNOWPLOW, "1-0-0", json!({"parameters": {}})),
        ("referer_parser", SNOWPLOW, "2-0-0", json!({"parameters": referers})),
        ("campaign_attribution", SNOWPLOW, "1-0-1", json!({"parameters": {"mapping": "static", "fields": fields}})),
        (
            "event_fingerprint_config",
            SNOWPLOW,
            "1-0-1",
            json!({"parameters": {"excludeParameters": ["eid", "stm"], "hashAlgorithm": "MD5"}}),
        ),
        ("cookie_extractor_config", SNOWPLOW, "1-0-0", json!({"parameters": {"cookies": ["sp"]}})),
        (
            "http_header_extractor_config",
            ENRICHMENTS,
            "1-0-0",
            json!({"parameters": {"headersPattern": "X-Forwarded.*"}}),
        ),
        ("ip_lookups", SNOWPLOW, "2-0-0", json!({"parameters": {"geo": file("GeoIP2-City.mmdb")}})),
        ("anon_ip", SNOWPLOW, "1-0-1", json!({"parameters": {"anonOctets": 1, "anonSegments": 2}})),
        (
            "iab_spiders_and_robots_enrichment",
            ENRICHMENTS,
            "1-0-0",
            json!({"parameters": {
                "ipFile": file("ip_exclude_current_cidr.txt"), "excludeUseragentFile": file("exclude_current.txt"),
                "includeUseragentFile": file("include_current.txt"),
            }}),
        ),
        ("user_agent_utils_config", SNOWPLOW, "1-0-0", json!({"parameters": {}})),
        ("cross_navigation_config", ENRICHMENTS, "1-0-0", json!({})),
        ("javascript_script_config", SNOWPLOW, "1-0-0", json!({"parameters": {"script": STANDARD.encode(SCRIPT)}})),
        ("pii_enrichment_config", ENRICHMENTS, "2-0-0", json!({"emitEvent": false, "parameters": pii})),
    ]
}

/// How many of the configurations are the ones of `thresh enrich`.
const EIGHT: usize = 8;

/// What people write: an entity of a column or two.
const SCRIPT: &str = r#"
    function process(event) {
        return [{ schema: "iglu:com.acme/seen/jsonschema/1-0-0", data: { app: event.getApp_id(), page: event.getPage_url() } }];
    }"#;

/// Data files and schemas in a folder of their own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("a temporary folder"));
        let write = |name: &str, bytes: &[u8]| {
            let path = place.0.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            std::fs::write(path, bytes).expect("it can be written");
        };
        let registry = place.0.path().join("generated");
        thresh::loadgen::registry::write(&registry, 7, 65_536).expect("a registry with a database of addresses");
        let database = std::fs::read(registry.join("GeoIP2-City.mmdb")).expect("the database");
        write("GeoIP2-City.mmdb", &database);
        let sites: serde_json::Map<String, Value> = (0..500)
            .map(|n| (format!("Site {n}"), json!({"domains": [format!("www.site{n}.example")], "parameters": ["q"]})))
            .collect();
        write("referers.json", json!({"search": sites}).to_string().as_bytes());
        write("ip_exclude_current_cidr.txt", b"192.168.151.21\n12.0.0.0/8\n");
        write("include_current.txt", b"mozilla|1|1\nopera|1|1\n");
        let robots: String = (0..300).map(|n| format!("robot{n}|1||0|1|0\n")).collect();
        write("exclude_current.txt", robots.as_bytes());
        for name in ["seen", "person"] {
            let schema = json!({
                "self": {"vendor": "com.acme", "name": name, "format": "jsonschema", "version": "1-0-0"},
                "type": "object",
            });
            write(&format!("registry/schemas/com.acme/{name}/jsonschema/1-0-0"), schema.to_string().as_bytes());
        }
        let resolver = json!({
            "schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
            "data": {"cacheSize": 500, "repositories": [
                {"name": "Bench", "priority": 0, "vendorPrefixes": [], "connection": {"embedded": {"path": "registry"}}},
            ]},
        });
        write("resolver.json", resolver.to_string().as_bytes());
        place
    }

    fn resolver(&self) -> Arc<Resolver> {
        let options = ResolverOptions { offline: true, ..ResolverOptions::default() };
        Arc::new(Resolver::from_config_file(&self.0.path().join("resolver.json"), options).expect("a resolver"))
    }

    fn enrichments(&self, wanted: impl Fn(usize, &str) -> bool) -> EnrichmentSet {
        let all = configurations(self.0.path()).into_iter().enumerate();
        let files: Vec<ConfigFile> = all
            .filter(|(at, (name, ..))| wanted(*at, name))
            .map(|(_, (name, vendor, version, members))| {
                let mut data = json!({"vendor": vendor, "name": name, "enabled": true});
                data.as_object_mut().expect("an object").extend(members.as_object().expect("an object").clone());
                let text = json!({"schema": format!("iglu:{vendor}/{name}/jsonschema/{version}"), "data": data});
                ConfigFile { name: format!("{name}.json"), text: text.to_string() }
            })
            .collect();
        let options = EnrichmentOptions::default();
        let configs = read_configs(&files, &mut Resolver::client(&self.resolver()), &options).expect("they are sound");
        EnrichmentSet::build(&configs, &Resources { assets: &LocalAssets, options: &options })
            .expect("they can be built")
    }
}

fn user_agent(number: usize) -> String {
    let version = 60 + number % 60;
    match number % 3 {
        0 => format!(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.{number}.41 Safari/537.36"
        ),
        1 => format!(
            "Mozilla/5.0 (Linux; Android 9; SM-G9{number}0F) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.4044.138 Mobile Safari/537.36"
        ),
        _ => format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:{version}.0) Gecko/20100101 Firefox/{version}.{number}"
        ),
    }
}

fn address(number: usize) -> String {
    format!("{}.{}.{}.7", 20 + number % 200, number % 251, number % 241)
}

const LINK: &str = "6de9024e-17b9-4026-bd4d-efec50ae84cb.1680681134458.ed5de6be-1f2f-4c2c-a5c3-6c0a4e7a8f43";

fn contexts(number: usize) -> String {
    format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{{"schema":"iglu:com.acme/person/jsonschema/1-0-0","data":{{"email":"user{number}@example.com","age":30}}}}]}}"#
    )
}

/// One enrichment on events that are ready for it.
#[divan::bench(args = [
    "ua_parser_config", "referer_parser", "campaign_attribution", "event_fingerprint_config", "cookie_extractor_config",
    "http_header_extractor_config", "ip_lookups", "anon_ip", "iab_spiders_and_robots_enrichment", "user_agent_utils_config",
    "cross_navigation_config", "javascript_script_config", "pii_enrichment_config",
])]
fn one(bencher: Bencher<'_, '_>, name: &str) {
    let place = Place::new();
    let mut enrichment = place.enrichments(|_, known| known == name).instances().pop().expect("it is configured");
    let texts: Vec<[String; 4]> =
        (0..EVENTS).map(|n| [user_agent(n), address(n), contexts(n), format!("user-{n}")]).collect();
    let parameters: Vec<NameValue<'_>> = [
        ("e", "pv"),
        ("p", "web"),
        ("aid", "shop"),
        ("tv", "js-3.0.0"),
        ("page", "A page"),
        ("res", "1920x1080"),
        ("url", "http://www.shop.com/a?utm_source=x"),
        ("eid", "e"),
        ("vp", "1200x800"),
        ("tz", "Europe/Berlin"),
    ]
    .map(|(name, value)| (name, Some(value)))
    .to_vec();
    let query: [NameValue<'_>; 4] =
        [("utm_source", Some("news")), ("utm_medium", Some("email")), ("id", Some("7")), ("_sp", Some(LINK))];
    let headers = ["Accept: */*", "Cookie: a=1; sp=2; b=3", "X-Forwarded-Proto: https", "Host: c.shop.com"];
    let mut arena = Bump::new();
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for [agent, ip, contexts, user] in &texts {
            arena.reset();
            let mut event = EnrichedEvent::default();
            for (column, text) in [
                (Column::app_id, "shop"),
                (Column::page_url, "http://www.shop.com/a?utm_source=x"),
                (Column::useragent, agent.as_str()),
                (Column::user_ipaddress, ip.as_str()),
                (Column::user_id, user.as_str()),
                (Column::contexts, contexts.as_str()),
                (Column::page_urlhost, "www.shop.com"),
                (Column::page_referrer, "http://www.site7.example/?q=shoes"),
            ] {
                event.set(column, Some(text));
            }
            let raw = RawEvent {
                api: Api::TP1,
                parameters: Parameters::from_pairs(&parameters),
                content_type: None,
                source: Source { name: "bench", encoding: "UTF-8", hostname: None },
                context: Context { headers: &headers, ..Context::default() },
            };
            let (mut derived, mut failures) = (Vec::new(), Vec::new());
            let entities: [SelfDescribing<'_>; 0] = [];
            enrichment.run(&mut StepContext {
                arena: &arena,
                raw: &raw,
                event: &mut event,
                collector_millis: Some(1_714_979_289_000),
                derived_millis: Some(1_714_979_289_000),
                page_query: Some(&query),
                referrer: Uri::parse("http://www.site7.example/?q=shoes", &arena).ok(),
                contexts: &entities,
                unstruct_event: None,
                derived: &mut derived,
                failures: &mut failures,
                pii_event: None,
            });
            assert!(failures.is_empty());
            divan::black_box((&event, &derived));
        }
    });
}

/// What is spent around an enrichment in [`one`]: to be taken off its figures.
#[divan::bench]
fn one_without_enrichment(bencher: Bencher<'_, '_>) {
    let parameters = [("e", Some("pv")), ("p", Some("web")), ("aid", Some("shop")), ("tv", Some("js-3.0.0"))];
    let mut arena = Bump::new();
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        for _ in 0..EVENTS {
            arena.reset();
            let mut event = EnrichedEvent::default();
            event.set(Column::app_id, Some("shop"));
            divan::black_box((&event, Parameters::from_pairs(&parameters)));
            divan::black_box(Uri::parse("http://www.site7.example/?q=shoes", &arena).is_ok());
        }
    });
}

/// Whole events, from a Thrift record to a line, with so many of the configurations.
#[divan::bench(args = [0, EIGHT, 13])]
fn whole_events(bencher: Bencher<'_, '_>, enrichments: usize) {
    let place = Place::new();
    let set = place.enrichments(|at, _| at < enrichments);
    let mut enricher = enricher(&place, &set);
    let records: Vec<Vec<u8>> = (0..EVENTS).map(record).collect();
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    bencher.counter(ItemsCount::new(EVENTS)).bench_local(|| {
        good.clear();
        for record in &records {
            let out = EnrichOutputs { good: &mut good, bad: &mut bad, pii_events: None };
            let outcome = enricher.process(&RawFormat::Thrift(ThriftContainer::Structs), record, out);
            assert_eq!(outcome.events, 1, "{}", String::from_utf8_lossy(&bad));
        }
    });
}

fn enricher(place: &Place, set: &EnrichmentSet) -> Enricher {
    let bad_rows = BadRowConfig {
        processor: Processor { artifact: "bench".to_owned(), version: "1".to_owned() },
        format: BadRowFormat::V2,
        max_size: None,
    };
    let registry = Arc::new(Registry::new(&AdapterConfig::default(), None));
    let stage = Arc::new(EnrichStage::new(EnrichConfig::new(bad_rows, 1_500_000_000_000), registry));
    let validator: Box<dyn Validator> = Box::new(Resolver::client(&place.resolver()));
    stage.worker(set.instances(), validator)
}

fn record(number: usize) -> Vec<u8> {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let url = encode(&format!("http://www.shop.com/a?utm_source=news&utm_medium=email&id={number}&_sp={LINK}"));
    let query = format!(
        "e=pv&p=web&aid=shop&tv=js-3.0.0&page=A%20page&res=1920x1080&vp=1200x800&tz=Europe%2FBerlin&uid=user-{number}\
         &url={url}&refr={}&co={}",
        encode("http://www.site7.example/?q=shoes"),
        encode(&contexts(number)),
    );
    let (agent, ip) = (user_agent(number), address(number));
    let payload = ThriftPayload {
        ip_address: Some(&ip),
        timestamp: 1_714_979_289_000,
        encoding: Some("UTF-8"),
        collector: Some("ssc"),
        user_agent: Some(&agent),
        path: Some("/i"),
        querystring: Some(&query),
        headers: Some(&["Cookie: a=1; sp=2; b=3", "X-Forwarded-Proto: https", "Host: c.shop.com"]),
        ..ThriftPayload::default()
    };
    let mut bytes = Vec::new();
    write_collector_payload(&payload, &mut bytes);
    bytes
}
