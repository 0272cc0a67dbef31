use super::*;
use crate::enrich::testing::{Script, fake};
use crate::event::time::column_timestamp;
use crate::payload::{Api, Context, Parameters, Source};

const ENTITY: &str = "iglu:com.acme/found/jsonschema/1-0-0";

/// The raw event of the worked example, with other parameters.
fn raw<'a>(parameters: &[(&'a str, &'a str)]) -> RawEvent<'a> {
    let pairs: Vec<_> = parameters.iter().map(|(name, value)| (*name, Some(*value))).collect();
    RawEvent {
        api: Api::TP1,
        parameters: Parameters::from_pairs(&pairs),
        content_type: None,
        source: Source { name: "clj-tomcat", encoding: "UTF-8", hostname: None },
        context: Context {
            timestamp: Some(1_700_000_001_000),
            ip_address: Some("203.0.113.7, 10.0.0.1"),
            useragent: Some("UA/1"),
            ..Context::default()
        },
    }
}

fn texts() -> RunTexts<'static> {
    RunTexts { v_etl: "thresh-enrich-0.1.0", etl_tstamp: "2023-11-15 00:00:00.000" }
}

/// The event, and what went wrong as texts: `field: expectation`, or the simple error, or the schema key.
type Outcome = (Vec<(&'static str, String)>, Vec<String>);

fn run(manager: &mut Manager, raw: &RawEvent<'_>, script: &mut Script) -> Outcome {
    let arena = Bump::new();
    // Everything lives as long as the arena of a record.
    let mut event = EnrichedEvent::default();
    let outcome = manager.enrich(raw, texts(), &mut event, script, &arena);
    let columns = ALL_COLUMNS.iter().zip(event.values());
    let columns = columns.filter_map(|(column, text)| text.map(|text| (column.info().name, text.to_owned()))).collect();
    let show = |message: &Message<'_>| match message {
        Message::InputData { field, expectation, .. } => format!("{field}: {expectation}"),
        Message::Simple { error } => error.to_string(),
        Message::IgluError { schema_key, .. } => schema_key.to_string(),
        other => format!("{other:?}"),
    };
    let failures = match outcome {
        Ok(_) => vec![],
        Err(Failure::Schema(messages)) => messages.iter().map(|m| format!("schema: {}", show(m))).collect(),
        Err(Failure::Enrichment(failures)) => failures.iter().map(|f| show(&f.message)).collect(),
    };
    (columns, failures)
}

fn run_plain(parameters: &[(&str, &str)]) -> Outcome {
    run(&mut Manager::new(ManagerConfig::default(), vec![]), &raw(parameters), &mut Script::default())
}

fn get<'o>(outcome: &'o Outcome, name: &str) -> Option<&'o str> {
    outcome.0.iter().find(|(column, _)| *column == name).map(|(_, text)| text.as_str())
}

#[test]
fn worked_example_of_a_page_view() {
    let outcome = run_plain(&[
        ("e", "pv"),
        ("p", "web"),
        ("aid", "shop"),
        ("tv", "js-2.10.2"),
        ("tna", "cf"),
        ("eid", "A729D278-110A-4AC6-845B-D1F12CE45AC7"),
        ("url", "http://shop.example.com/a b?utm_source=x#top"),
        ("page", "Hi\tThere"),
        ("refr", "https://www.google.com/"),
        ("res", "1920x1080"),
        ("cookie", "1"),
        ("vid", "007"),
        ("tid", "null"),
        ("dtm", "1700000000000"),
        ("stm", "1700000000500"),
        ("tr_tt", "42.50"),
    ]);
    let expected = [
        ("app_id", "shop"),
        ("platform", "web"),
        ("etl_tstamp", "2023-11-15 00:00:00.000"),
        ("collector_tstamp", "2023-11-14 22:13:21.000"),
        ("dvce_created_tstamp", "2023-11-14 22:13:20.000"),
        ("event", "page_view"),
        ("event_id", "a729d278-110a-4ac6-845b-d1f12ce45ac7"),
        ("name_tracker", "cf"),
        ("v_tracker", "js-2.10.2"),
        ("v_collector", "clj-tomcat"),
        ("v_etl", "thresh-enrich-0.1.0"),
        ("user_ipaddress", "203.0.113.7"),
        ("domain_sessionidx", "7"),
        ("page_url", "http://shop.example.com/a%20b?utm_source=x#top"),
        ("page_title", "Hi    There"),
        ("page_referrer", "https://www.google.com/"),
        ("page_urlscheme", "http"),
        ("page_urlhost", "shop.example.com"),
        ("page_urlport", "80"),
        ("page_urlpath", "/a%20b"),
        ("page_urlquery", "utm_source=x"),
        ("page_urlfragment", "top"),
        ("refr_urlscheme", "https"),
        ("refr_urlhost", "www.google.com"),
        ("refr_urlport", "443"),
        ("refr_urlpath", "/"),
        ("tr_total", "42.50"),
        ("useragent", "UA/1"),
        ("br_cookies", "1"),
        ("dvce_screenwidth", "1920"),
        ("dvce_screenheight", "1080"),
        ("dvce_sent_tstamp", "2023-11-14 22:13:20.500"),
        ("derived_tstamp", "2023-11-14 22:13:20.500"),
        ("event_vendor", "com.snowplowanalytics.snowplow"),
        ("event_name", "page_view"),
        ("event_format", "jsonschema"),
        ("event_version", "1-0-0"),
    ];
    assert_eq!(outcome.1, Vec::<String>::new());
    let found: Vec<(&str, &str)> = outcome.0.iter().map(|(name, text)| (*name, text.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_event_without_id_gets_one() {
    let outcome = run_plain(&[("e", "pv")]);
    assert_eq!(get(&outcome, "event_id").map(str::len), Some(36));
    assert_ne!(get(&outcome, "event_id"), get(&run_plain(&[("e", "pv")]), "event_id"));
}

#[test]
fn useragents_of_log_formats_are_decoded() {
    let mut event = raw(&[("e", "pv")]);
    event.context.useragent = Some("python-requests%2F2.2.1+CPython%2F3.3.5");
    let mut decode = |encoded: bool, text: &'static str| {
        event.context.useragent = Some(text);
        event.context.useragent_encoded = encoded;
        let outcome = run(&mut Manager::new(ManagerConfig::default(), vec![]), &event, &mut Script::default());
        get(&outcome, "useragent").map(str::to_owned)
    };
    let encoded = "Mozilla/5.0%20(X)+y";
    assert_eq!(decode(true, encoded).as_deref(), Some("Mozilla/5.0 (X) y"));
    assert_eq!(decode(false, encoded).as_deref(), Some(encoded));
    assert_eq!(decode(true, "100%").as_deref(), Some("100%"), "kept when it cannot be decoded");
    assert_eq!(decode(false, "a\tb\n").as_deref(), Some("a    b"));
}

#[test]
fn the_referer_header_stands_in_for_the_url() {
    let mut event = raw(&[("e", "pv")]);
    event.context.referer_uri = Some("http://a.com/x");
    let manager = &mut Manager::new(ManagerConfig::default(), vec![]);
    let outcome = run(manager, &event, &mut Script::default());
    assert_eq!(get(&outcome, "page_url"), Some("http://a.com/x"));
    assert_eq!(get(&outcome, "page_urlhost"), Some("a.com"));
    assert_eq!(get(&outcome, "page_referrer"), None);
    event.parameters.insert("url", Some("https://b.com/y"));
    let outcome = run(manager, &event, &mut Script::default());
    assert_eq!(get(&outcome, "page_urlhost"), Some("b.com"));
}

#[test]
fn cross_domain_parameters_are_read_from_the_page() {
    let outcome = run_plain(&[("e", "pv"), ("url", "http://a.com/?_sp=abc.1426245561368")]);
    assert_eq!(get(&outcome, "refr_domain_userid"), Some("abc"));
    assert_eq!(get(&outcome, "refr_dvce_tstamp"), Some("2015-03-13 11:19:21.368"));
    let outcome = run_plain(&[("e", "pv"), ("url", "http://a.com/?_sp=abc.x")]);
    assert_eq!(outcome.1, ["sp_dtm: not in the expected format: ms since epoch"]);
}

#[test]
fn set_up_failures_stop_everything() {
    let mut event = raw(&[("e", "lol"), ("url", "http://a.com/"), ("co", r#"{"schema":"x","data":1}"#)]);
    event.context.timestamp = None;
    let mut script = Script::default();
    let outcome = run(&mut Manager::new(ManagerConfig::default(), vec![]), &event, &mut script);
    assert_eq!(outcome.1, ["collector_tstamp: should be set", "e: not recognized as an event type"]);
    assert_eq!(get(&outcome, "page_urlhost"), None);
    assert_eq!(get(&outcome, "page_url"), Some("http://a.com/"));
    assert!(script.asked.is_empty());
}

#[test]
fn schema_failures_stop_the_enrichments() {
    let outcome = run_plain(&[("e", "pv"), ("url", "http://a.com/"), ("co", "{}")]);
    assert_eq!(outcome.1.len(), 1);
    assert!(outcome.1[0].starts_with("schema: "), "{:?}", outcome.1);
    assert_eq!(get(&outcome, "contexts"), Some("{}"));
    assert_eq!(get(&outcome, "derived_tstamp"), None);
}

#[test]
fn the_latest_steps_failures_come_first() {
    let outcome = run_plain(&[("cv", ""), ("url", "http://"), ("refr", "http://"), ("p", "web")]);
    let uri = "Provided URI [http://] could not be parsed";
    assert_eq!(outcome.1.len(), 4, "{:?}", outcome.1);
    assert!(outcome.1[0].starts_with("event: trying to extract the schema"));
    assert!(outcome.1[1].starts_with(uri) && outcome.1[2].starts_with(uri));
    assert_eq!(outcome.1[3], "v_collector: should be set");
}

fn entity(data: &'static str, cache_id: u64) -> Entity<'static> {
    Entity { schema: ENTITY, data, cache_id }
}

#[test]
fn enrichments_run_in_the_order_of_their_steps_and_the_latest_entities_stand_first() {
    let enrichments = vec![
        fake(Step::Yauaa, |cx| cx.add_entities([entity("3", 0)])),
        fake(Step::UaParser, |cx| cx.add_entities([entity("1", 0)])),
        fake(Step::Cookies, |cx| cx.add_entities([entity(r#""2a""#, 0), entity(r#""2b""#, 0)])),
    ];
    let mut manager = Manager::new(ManagerConfig::default(), enrichments);
    let mut script =
        Script::superseding(&[("iglu:com.acme/old/jsonschema/1-0-0", crate::iglu::SchemaVer::new(1, 0, 1))]);
    let ue = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.acme/old/jsonschema/1-0-0","data":{}}}"#;
    let outcome = run(&mut manager, &raw(&[("e", "ue"), ("ue_pr", ue)]), &mut script);
    assert_eq!(outcome.1, Vec::<String>::new());
    assert_eq!(get(&outcome, "event_version"), Some("1-0-1"));
    assert_eq!(
        get(&outcome, "unstruct_event"),
        Some(ue.replace("old/jsonschema/1-0-0", "old/jsonschema/1-0-1").as_str())
    );
    let derived: serde_json::Value = serde_json::from_str(get(&outcome, "derived_contexts").unwrap()).unwrap();
    assert_eq!(derived["schema"], "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1");
    let data: Vec<&serde_json::Value> = derived["data"].as_array().unwrap().iter().map(|item| &item["data"]).collect();
    assert_eq!(data[..4], [&serde_json::json!(3), &"2a".into(), &"2b".into(), &1.into()]);
    assert_eq!(data[4]["validatedWith"], "1-0-1");
    assert!(!script.asked.iter().any(|uri| uri.contains("validation_info")));
}

#[test]
fn every_step_runs_and_failures_are_collected() {
    let fail = |text: &'static str| {
        move |cx: &mut StepContext<'_, '_>| cx.failures.push(EnrichmentFailure::unconditional(Message::simple(text)))
    };
    let enrichments = vec![
        fake(Step::Iab, fail("iab")),
        fake(Step::SqlQuery, fail("sql")),
        fake(Step::Weather, |cx| {
            for text in ["weather 1", "weather 2"] {
                cx.failures.push(EnrichmentFailure::unconditional(Message::simple(text)));
            }
        }),
    ];
    let mut manager = Manager::new(ManagerConfig::default(), enrichments);
    let outcome = run(&mut manager, &raw(&[("e", "pv")]), &mut Script::default());
    assert_eq!(outcome.1, ["sql", "weather 1", "weather 2", "iab"]);
    assert_eq!(get(&outcome, "event_name"), Some("page_view"));
}

#[test]
fn enrichments_see_what_steps_before_them_did() {
    let enrichments = vec![
        fake(Step::Iab, |cx| {
            assert_eq!(cx.derived_millis.map(column_timestamp).as_deref(), cx.event.get(Column::derived_tstamp));
            assert!(cx.referrer.is_none() && cx.page_query.is_none());
        }),
        fake(Step::Campaign, |cx| {
            assert_eq!(cx.page_query, Some(&[("utm_source", Some("x y")), ("q", None)][..]));
            assert_eq!(cx.referrer.and_then(|uri| uri.host), Some("b.com"));
            cx.event.set(Column::mkt_source, Some("x"));
        }),
        fake(Step::IpLookups, |cx| cx.event.set(Column::geo_city, cx.event.get(Column::event_name))),
    ];
    let mut manager = Manager::new(ManagerConfig::default(), enrichments);
    let event = raw(&[("e", "pv"), ("url", "http://a.com/?utm_source=x+y&q"), ("refr", "http://b.com/")]);
    let outcome = run(&mut manager, &event, &mut Script::default());
    assert_eq!(outcome.1, Vec::<String>::new());
    assert_eq!((get(&outcome, "mkt_source"), get(&outcome, "geo_city")), (Some("x"), Some("page_view")));
}

#[test]
fn bad_entities_fail_the_event_with_their_column_filled() {
    let mut script = Script::refusing(&[ENTITY]);
    let late = fake(Step::AnonIp, |cx| cx.event.set(Column::user_ipaddress, Some("x")));
    let mut manager = Manager::new(
        ManagerConfig::default(),
        vec![fake(Step::UaParser, |cx| cx.add_entities([entity("1", 7)])), late],
    );
    let outcome = run(&mut manager, &raw(&[("e", "pv")]), &mut script);
    assert_eq!(outcome.1, [ENTITY]);
    assert!(get(&outcome, "derived_contexts").is_some());
    assert_eq!(get(&outcome, "user_ipaddress"), Some("203.0.113.7"), "not anonymised in bad rows of this stage");
}

#[test]
fn one_validation_serves_all_equal_entities() {
    let enrichments = vec![fake(Step::UaParser, |cx| {
        cx.add_entities([entity("1", 7), entity("1", 7), entity("2", 0), entity("2", 0)])
    })];
    let mut manager = Manager::new(ManagerConfig::default(), enrichments);
    let mut script = Script::default();
    for _ in 0..2 {
        run(&mut manager, &raw(&[("e", "pv")]), &mut script);
    }
    assert_eq!(script.asked.len(), 5, "once for the numbered entity, each time for the others");
}

#[test]
fn unusable_entities_fail_the_event() {
    let enrichments = vec![fake(Step::JavaScript, |cx| {
        cx.add_entities([Entity { schema: "x", data: "{}", cache_id: 0 }, entity("{", 0)]);
    })];
    let outcome =
        run(&mut Manager::new(ManagerConfig::default(), enrichments), &raw(&[("e", "pv")]), &mut Script::default());
    assert_eq!(outcome.1[0], "unusable entity x: INVALID_IGLUURI");
    assert_eq!(outcome.1[1], format!("unusable entity {ENTITY}: invalid json: exhausted input"));
}

#[test]
fn scripts_see_derived_contexts_and_cannot_break_lines() {
    let enrichments = vec![
        fake(Step::UaParser, |cx| cx.add_entities([entity("1", 0)])),
        fake(Step::JavaScript, |cx| {
            let seen = cx.event.get(Column::derived_contexts).unwrap();
            assert!(seen.contains(ENTITY));
            cx.event.set(Column::app_id, Some("a\tb\nc"));
            cx.event.set(Column::platform, Some("\n"));
        }),
    ];
    let outcome =
        run(&mut Manager::new(ManagerConfig::default(), enrichments), &raw(&[("e", "pv")]), &mut Script::default());
    assert_eq!(get(&outcome, "app_id"), Some("a    bc"));
    assert_eq!(get(&outcome, "platform"), None);
}

#[test]
fn what_a_script_writes_into_derived_contexts_stays_if_nothing_was_found() {
    let enrichments = vec![fake(Step::JavaScript, |cx| cx.event.set(Column::derived_contexts, Some("{}")))];
    let outcome =
        run(&mut Manager::new(ManagerConfig::default(), enrichments), &raw(&[("e", "pv")]), &mut Script::default());
    assert_eq!(get(&outcome, "derived_contexts"), Some("{}"));
}

#[test]
fn late_steps_run_in_order_before_the_length_check() {
    let long = "x".repeat(300);
    let enrichments = vec![
        fake(Step::Pii, |cx| {
            assert_eq!(cx.event.get(Column::user_ipaddress), Some("203.0.x.x"));
            cx.event.set(Column::user_id, Some("short"));
        }),
        fake(Step::AnonIp, |cx| cx.event.set(Column::user_ipaddress, Some("203.0.x.x"))),
    ];
    let mut manager = Manager::new(ManagerConfig::default(), enrichments);
    let outcome = run(&mut manager, &raw(&[("e", "pv"), ("uid", &long)]), &mut Script::default());
    assert_eq!(outcome.1, Vec::<String>::new());
    assert_eq!(get(&outcome, "user_ipaddress"), Some("203.0.x.x"));
}

#[test]
fn long_texts_fail_unless_accepted() {
    let long = "x".repeat(256);
    let event = raw(&[("e", "pv"), ("uid", &long)]);
    let strict = run(&mut Manager::new(ManagerConfig::default(), vec![]), &event, &mut Script::default());
    assert_eq!(
        strict.1,
        [
            "Enriched event does not conform to atomic schema field's length restrictions",
            "Field user_id longer than maximum allowed size 255",
        ]
    );
    let mut lenient = Manager::new(ManagerConfig { accept_invalid: true }, vec![]);
    let outcome = run(&mut lenient, &event, &mut Script::default());
    assert_eq!(outcome.1, Vec::<String>::new());
    assert_eq!(get(&outcome, "user_id"), Some(long.as_str()));
    let mut counts = Vec::new();
    lenient.take_counts(|name, number| counts.push((name, number)));
    assert_eq!(counts, [("too_long_accepted", 1)]);
}

#[test]
fn events_of_unknown_kind_fail_with_the_enrichments() {
    for (parameters, shown) in [(vec![("p", "web")], "null"), (vec![("e", "ad")], "ad_impression")] {
        let outcome = run_plain(&parameters);
        assert_eq!(outcome.1.len(), 1);
        assert!(outcome.1[0].contains(&format!("event type [{shown}] doesn't match")), "{:?}", outcome.1);
        assert_eq!(get(&outcome, "derived_tstamp"), Some("2023-11-14 22:13:21.000"));
    }
}

proptest::proptest! {
    #[test]
    fn never_panics(
        pairs in proptest::collection::vec(("(e|p|url|refr|co|cx|ue_pr|dtm|stm|ttm|cv|ip|ua|[a-z_]{1,6})", ".{0,30}"), 0..9),
        timestamp: Option<i64>,
        useragent: Option<String>,
        referer: Option<String>,
        encoding in "UTF-8|latin1|x",
    ) {
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut event = raw(&pairs);
        event.context.timestamp = timestamp;
        event.context.useragent = useragent.as_deref();
        event.context.useragent_encoded = true;
        event.context.referer_uri = referer.as_deref();
        event.source.encoding = &encoding;
        run(&mut Manager::new(ManagerConfig::default(), vec![]), &event, &mut Script::default());
    }
}
