use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

use super::super::testing::{EventBench, config, try_config};
use super::super::{EnrichmentOptions, config as configuration};
use super::*;
use crate::event::Column;

fn configured(script: &str) -> Box<dyn configuration::EnrichmentConfig> {
    let parameters = serde_json::json!({ "script": URL_SAFE.encode(script) });
    config("javascript_script_config", &parameters.to_string())
}

fn bench(body: &str) -> EventBench {
    let mut bench = EventBench::new(configured(&format!("function process(event) {{ {body} }}")));
    bench.columns = vec![
        (Column::app_id, "shop"),
        (Column::platform, "server"),
        (Column::txn_id, "42"),
        (Column::br_cookies, "1"),
        (Column::geo_latitude, "27.5"),
        (Column::tr_total, "42.50"),
    ];
    bench
}

/// The data of the entities, or the failure.
fn outcome(body: &str) -> Result<Vec<String>, String> {
    bench(body).run(|_, outcome| match outcome.failures.first() {
        Some((identifier, message)) => {
            assert_eq!(*identifier, Some(IDENTIFIER));
            Err(serde_json::from_str::<serde_json::Value>(message).unwrap()["error"].as_str().unwrap().to_owned())
        }
        None => Ok(outcome.entities.iter().map(|(_, data, _)| data.clone()).collect()),
    })
}

fn column(body: &str, column: Column) -> Option<String> {
    bench(body).run(|event, outcome| {
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        event.get(column).map(str::to_owned)
    })
}

#[test]
fn entities_come_out_of_the_result() {
    let entity = r#"return [{schema: "iglu:com.acme/foo/jsonschema/1-0-0", data: {appId: event.getApp_id()}}];"#;
    assert_eq!(outcome(entity).unwrap(), [r#"{"appId":"shop"}"#]);
    let two = r#"var s = "iglu:com.acme/foo/jsonschema/1-0-0"; return [{schema: s, data: 1}, {schema: s, data: [2]}];"#;
    assert_eq!(outcome(two).unwrap(), ["1", "[2]"]);
    for nothing in ["return null", "return []", "", "return undefined"] {
        assert_eq!(outcome(nothing).unwrap(), Vec::<String>::new(), "{nothing}");
    }
}

#[test]
fn failures_have_the_texts_of_the_reference() {
    assert_eq!(
        outcome(r#"return {foo: "bar"}"#).unwrap_err(),
        r#"Output of JavaScript function [{"foo":"bar"}] could be parsed as JSON but is not read as an array"#
    );
    assert_eq!(
        outcome(r#"return [{foo: "bar"}]"#).unwrap_err(),
        r#"Resulting contexts are not self-desribing. Error(s): [error code:[INVALID_DATA_PAYLOAD],json:[{"foo":"bar"}]]"#
    );
    assert_eq!(outcome(r#"throw "Error""#).unwrap_err(), "Error during execution of JavaScript function: [Error]");
    assert_eq!(outcome("nope()").unwrap_err(), "Error during execution of JavaScript function: [nope is not defined]");
    assert!(outcome("return function () {}").unwrap_err().starts_with("Could not parse output JSON of Javascript"));
    let java = outcome("return new java.util.ArrayList()").unwrap_err();
    assert!(java.contains("Java classes cannot be used in scripts here"), "{java}");
}

#[test]
fn columns_are_read_with_their_types() {
    let read = r#"return [{schema: "iglu:com.acme/foo/jsonschema/1-0-0", data: [
        event.getTxn_id() + 1, event.txn_id, typeof event.getApp_id(), event.getBr_cookies(), event.getGeo_latitude(),
        event.getTr_total() * 2, String(event.getTr_total()), event.getTr_total(), event.tr_total == 42.5,
        event.getTr_total().doubleValue(), event.getUser_id(), event.user_id === null, event.getApp_id().equals("shop"),
        event.platform.replaceAll("r.", "x")]}];"#;
    let expected = r#"[43,42,"string",1,27.5,85,"42.50",42.5,true,42.5,null,true,true,"sexer"]"#;
    assert_eq!(outcome(read).unwrap(), [expected]);
}

#[test]
fn columns_are_written_in_their_spelling() {
    for (body, changed, expected) in [
        (r#"event.setApp_id("x");"#, Column::app_id, Some("x")),
        (r#"event.app_id = "x" + event.app_id;"#, Column::app_id, Some("xshop")),
        ("event.setApp_id(null);", Column::app_id, None),
        (r#"event.setApp_id(new String("boxed"));"#, Column::app_id, Some("boxed")),
        ("event.setTxn_id(7.9);", Column::txn_id, Some("7")),
        (r#"event.txn_id = "8";"#, Column::txn_id, Some("8")),
        ("event.setBr_cookies(0);", Column::br_cookies, Some("0")),
        ("event.setBr_cookies(false);", Column::br_cookies, Some("0")),
        ("event.setGeo_latitude(100);", Column::geo_latitude, Some("100.0")),
        ("event.setTr_total(event.getTr_total());", Column::tr_total, Some("42.50")),
        ("event.setTr_total(1e21);", Column::tr_total, Some("1000000000000000000000")),
        (r#"event.setTr_total("1.10");"#, Column::tr_total, Some("1.10")),
        ("event.setTr_tax(event.getTr_total() / 4);", Column::tr_tax, Some("10.625")),
        (r#"event.setApp_id("a"); event.setApp_id(event.getApp_id() + "b");"#, Column::app_id, Some("ab")),
        (r#"event.setApp_id("\ud800x");"#, Column::app_id, Some("\u{FFFD}x")),
        ("", Column::app_id, Some("shop")),
    ] {
        assert_eq!(column(body, changed).as_deref(), expected, "{body}");
    }
    for bad in
        ["event.setTxn_id('many')", "event.setBr_cookies(2)", "event.setTr_total('1,5')", "event.setTxn_id(1e12)"]
    {
        assert!(outcome(bad).unwrap_err().contains("does not fit"), "{bad}");
    }
}

#[test]
fn changes_stay_when_the_script_fails_afterwards() {
    bench(r#"event.setApp_id("x"); throw "no";"#).run(|event, outcome| {
        assert_eq!(event.get(Column::app_id), Some("x"));
        assert_eq!(outcome.failures.len(), 1);
    });
}

#[test]
fn every_column_has_its_accessors() {
    let names = "var names = []; for (var name in event) { names.push(name); \
                 if (typeof event['get' + name[0].toUpperCase() + name.slice(1)] !== 'function') throw name; } \
                 event.setPii('x'); event.setApp_id(names.length + event.getPii());";
    assert_eq!(column(names, Column::app_id).as_deref(), Some("131x"));
}

#[test]
fn events_do_not_see_each_other() {
    let mut bench = bench(r#"if (event.seen) throw "seen"; event.seen = true; event.setUser_id("u");"#);
    for _ in 0..3 {
        bench.run(|event, outcome| {
            assert!(outcome.failures.is_empty());
            assert_eq!(event.get(Column::user_id), Some("u"));
        });
    }
}

#[test]
fn a_script_that_never_ends_fails_its_event_only() {
    let limits = ScriptLimits { time: std::time::Duration::from_millis(30), ..ScriptLimits::default() };
    let script = "function process(event) { if (event.app_id === 'loop') for (;;) {} return []; }";
    let mut runner = Runner::new(script, limits).unwrap();
    let mut event = crate::event::EnrichedEvent::default();
    assert_eq!(runner.call(&event), Ok(Outcome::Nothing).map(|_: Outcome| Outcome::Json("[]".into())));
    event.set(Column::app_id, Some("loop"));
    assert_eq!(runner.call(&event), Err(ScriptError::TimedOut(limits.time)));
}

#[test]
fn process_may_be_declared_in_any_way() {
    for script in
        ["const process = (event) => null;", "process = function (event) { return null; }", "let process = e => [];"]
    {
        let mut bench = EventBench::new(configured(script));
        bench.run(|_, outcome| assert!(outcome.failures.is_empty(), "{script}"));
    }
}

#[test]
fn useless_scripts_are_refused_at_the_start() {
    let error = |script: &str| {
        EventBench::with_options(configured(script), &EnrichmentOptions::default()).err().unwrap().to_string()
    };
    assert!(error("function process(").starts_with("Error compiling JavaScript function: ["));
    assert!(error("var x = 1").contains("defines no function process"));
    let empty = try_config("javascript_script_config", r#"{"enabled":true,"parameters":{"script":"===="}}"#);
    assert!(empty.unwrap_err()[0].contains("Provided script for JS enrichment is empty"));
}
