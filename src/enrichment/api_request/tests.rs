use serde_json::{Value as Json, json};

use super::super::EnrichmentOptions;
use super::super::config::read_parameters;
use super::super::testing::{EventBench, try_config};
use super::*;
use crate::event::Column;
use crate::http::stub::{Answer, Stub};

fn parameters(uri: &str, inputs: Json, outputs: Json) -> Json {
    json!({
        "inputs": inputs,
        "api": {"http": {"method": "GET", "uri": uri, "timeout": 1000, "authentication": {}}},
        "outputs": outputs,
        "cache": {"size": 3000, "ttl": 60},
    })
}

fn output(path: &str) -> Json {
    json!([{"schema": "iglu:com.acme/user/jsonschema/1-0-0", "json": {"jsonPath": path}}])
}

fn session_input(key: &str, path: &str) -> Json {
    let criterion = "iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-*-*";
    json!({"key": key, "json": {"field": "contexts", "schemaCriterion": criterion, "jsonPath": path}})
}

fn bench_of(parameters: &Json, options: &EnrichmentOptions) -> EventBench {
    let data = json!({"enabled": true, "parameters": parameters}).to_string();
    let config = read_parameters("api_request_enrichment_config", &data, options).unwrap();
    EventBench::with_options(config, options).unwrap()
}

fn bench(parameters: &Json) -> EventBench {
    bench_of(parameters, &EnrichmentOptions::default())
}

const SESSION: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/client_session/jsonschema/1-0-1","data":{"userId":"bob","list":[1,true,"x"],"speed":43.10,"obj":{"lat":43.1,"n":1}}}"#;

#[test]
fn the_template_is_filled_with_encoded_values() {
    let values = [("user", "admin".to_owned()), ("time", "November 2015".to_owned())];
    let url = request::fill("http://h/{{  user }}/foo/{{ time}}/{{user}}", &values);
    assert_eq!(url.as_deref(), Some("http://h/admin/foo/November+2015/admin"));
    assert_eq!(request::fill("http://h/{{user}}/{{nope}}", &values), None);
    assert_eq!(request::fill("http://h/{user}", &values), None);
}

#[test]
fn entities_come_out_of_the_answer_and_one_request_serves_all_outputs() {
    let stub = Stub::start(|asked| {
        assert_eq!(asked.header("content-type"), Some("application/json"));
        Answer::new(200, r#"{"record":{"name":"Fancy","n":10.50,"big":1e3},"objects":[{"w":11},{"deep":[1,2,3,42]}]}"#)
    });
    let inputs = json!([{"key": "client", "pojo": {"field": "getApp_id"}}, session_input("user", "$.userId")]);
    let mut outputs = output("$.record").as_array().unwrap().clone();
    outputs.extend(output("$.objects[1].deep[3]").as_array().unwrap().clone());
    let mut bench = bench(&parameters(&format!("{}/{{{{client}}}}/{{{{user}}}}", stub.url), inputs, json!(outputs)));
    bench.columns = vec![(Column::app_id, "my shop")];
    bench.contexts = vec![SESSION];
    for _ in 0..2 {
        bench.run(|_, outcome| {
            assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
            assert_eq!(outcome.data(), [r#"{"name":"Fancy","n":10.5,"big":1000}"#, "42"]);
            assert!(outcome.entities[0].2 != 0 && outcome.entities[0].2 != outcome.entities[1].2);
        });
    }
    let asked: Vec<String> = stub.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(asked, ["/my+shop/bob"]);
}

#[test]
fn a_missing_input_skips_the_event_even_if_another_has_the_same_key() {
    let inputs = json!([{"key": "user", "pojo": {"field": "user_id"}}, session_input("user", "$.userId")]);
    let mut bench = bench(&parameters("http://127.0.0.1:1/{{user}}", inputs, output("$")));
    bench.contexts = vec![SESSION];
    bench.run(|_, outcome| assert!(outcome.failures.is_empty() && outcome.entities.is_empty()));
    bench.columns = vec![(Column::user_id, "x")];
    bench.contexts = Vec::new();
    bench.run(|_, outcome| assert!(outcome.failures.is_empty() && outcome.entities.is_empty()));
}

#[test]
fn posts_carry_the_values_as_json() {
    let stub = Stub::start(|asked| {
        assert_eq!(asked.header("authorization"), Some("Basic eHh4Og=="));
        let expected =
            r#"{"user":"a b","list":"1,true,x","speed":"43.10","obj":"{\"lat\":\"43.1\",\"n\":1}","none":""}"#;
        let body: Json = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(body, serde_json::from_str::<Json>(expected).unwrap());
        Answer::new(200, "[]")
    });
    let inputs = json!([
        {"key": "user", "pojo": {"field": "user_id"}}, session_input("list", "$.list"), session_input("speed", "$.speed"),
        session_input("obj", "$.obj"), session_input("none", "$.nope"),
    ]);
    let mut parameters = parameters(&stub.url, inputs, output("$"));
    parameters["api"]["http"]["method"] = json!("POST");
    parameters["api"]["http"]["authentication"] = json!({"httpBasic": {"username": "xxx", "password": null}});
    let mut bench = bench(&parameters);
    bench.columns = vec![(Column::user_id, "a b")];
    bench.contexts = vec![SESSION];
    bench.run(|_, outcome| {
        let text = "no values were found by JSON Path [$] in [[]]";
        assert!(outcome.failures[0].1.contains(text), "an empty array counts as nothing: {:?}", outcome.failures);
    });
    assert_eq!(stub.asked().len(), 1);
}

#[test]
fn arrays_print_as_in_the_reference_only_if_parity_is_asked_for() {
    let stub = Stub::start(|_| Answer::new(200, "{}"));
    let options = EnrichmentOptions { strict_parity: true, ..EnrichmentOptions::default() };
    let uri = format!("{}/{{{{list}}}}", stub.url);
    let mut bench = bench_of(&parameters(&uri, json!([session_input("list", "$.list")]), output("$")), &options);
    bench.contexts = vec![SESSION];
    bench.run(|_, outcome| assert_eq!(outcome.data(), ["{}"]));
    assert_eq!(stub.asked()[0].path, "/Some%281%29%2CSome%28true%29%2CSome%28x%29");
}

#[test]
fn failures_are_told_or_ignored() {
    for (status, body, path, expected) in [
        (404, "{}", "$", "Request failed with status 404"),
        (200, "{", "$", "exhausted input"),
        (200, "{\"a\":12345678901234567890}", "$", "12345678901234567890 does not fit 64 bits"),
        (
            200,
            "{\"a\":1}",
            "$.b",
            "API Request enrichment:Value not found Error: no values were found by JSON Path [$.b] in [{\\\"a\\\":1}]",
        ),
    ] {
        let stub = Stub::start(move |_| Answer::new(status, body));
        let mut parameters = parameters(&stub.url, json!([]), output(path));
        bench(&parameters).run(|_, outcome| {
            assert_eq!(outcome.failures, [(Some("api-request"), format!("{{\"error\":\"{expected}\"}}"))]);
        });
        parameters["ignoreOnError"] = json!(true);
        bench(&parameters).run(|_, outcome| assert!(outcome.failures.is_empty() && outcome.entities.is_empty()));
    }
    let stub = Stub::start(|_| Answer::new(302, "").with_header("location", "http://127.0.0.1:1/"));
    bench(&parameters(&stub.url, json!([]), output("$"))).run(|_, outcome| assert_eq!(outcome.failures.len(), 1));
    let outputs = json!([{"schema": "unused", "json": {"jsonPath": "$"}}]);
    let stub = Stub::start(|_| Answer::new(200, "1"));
    bench(&parameters(&stub.url, json!([]), outputs)).run(|_, outcome| {
        assert!(
            outcome.failures[0].1.contains("is not self-describing JSON, INVALID_IGLUURI"),
            "{:?}",
            outcome.failures
        );
    });
}

#[test]
fn what_can_never_work_is_refused_at_the_start() {
    let inputs = json!([{"key": "a"}, {"key": "b", "pojo": {"field": "nope"}}, session_input("c", "*.x"), {"pojo": {"field": "app_id"}}]);
    let data = json!({"enabled": true, "parameters": parameters("http://h", inputs, output("$.x[a]"))}).to_string();
    let errors = try_config("api_request_enrichment_config", &data).unwrap_err();
    for (error, part) in errors.iter().zip([
        "parameters.inputs[0]: Either json or pojo input must be specified",
        "[nope] is no column of the enriched event",
        "'$' expected but '*' found",
        "Could not extract parameters.inputs[3].key as string",
        "API Request enrichment:JSONPath error ':' expected but 'a' found",
    ]) {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(errors.len(), 5);
}
