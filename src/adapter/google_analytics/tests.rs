use proptest::prelude::*;

use crate::adapter::testing::{Request, events, failures, is_unexpected, mutations, payload, run};

fn post(body: &str) -> Request {
    payload("com.google.analytics", "v1").body(body)
}

const CONTEXTS: &str = r#"co = {"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":["#;
const EVENT: &str = r#"ue_pr = {"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.google.analytics.measurement-protocol/"#;
const TRACKER: &str = "tv = com.google.analytics.measurement-protocol-v1\n";

fn context(name: &str, data: &str) -> String {
    format!(r#"{{"schema":"iglu:com.google.analytics.measurement-protocol/{name}/jsonschema/1-0-0","data":{data}}}"#)
}

#[test]
fn a_page_view() {
    let body = "v=1&t=pageview&tid=UA-1-1&cid=555&dl=http%3A%2F%2Facme.com%2F&dt=Home&ul=en-us&je=0&sr=800x600";
    let contexts = [
        context("hit", r#"{"type":"pageview"}"#),
        context("user", r#"{"clientId":"555"}"#),
        context("general", r#"{"protocolVersion":"1","trackingId":"UA-1-1"}"#),
        context("system_info", r#"{"screenResolution":"800x600","userLanguage":"en-us","javaEnabled":false}"#),
    ];
    let expected = format!(
        "e = ue\n{CONTEXTS}{}]}}\nurl = http://acme.com/\npage = Home\nf_java = 0\n{TRACKER}{EVENT}{}\np = srv\nlang = en-us\n",
        contexts.join(","),
        r#"page_view/jsonschema/1-0-0","data":{"documentTitle":"Home","documentLocationUrl":"http://acme.com/"}}}"#
    );
    assert_eq!(events(post(body)), [expected]);
}

#[test]
fn a_transaction_with_a_product() {
    let body =
        "t=transaction&ti=T12&tr=15.475&tt=1.29&cu=EUR&cid=555&pr1id=P1&pr1nm=Mug&pr1pr=9.99&pr1qt=2&pr1cd3=blue";
    let contexts = [
        context("hit", r#"{"type":"transaction"}"#),
        context("user", r#"{"clientId":"555"}"#),
        context("product_custom_dimension", r#"{"dimensionIndex":3,"productIndex":1,"value":"blue"}"#),
        context("product", r#"{"name":"Mug","quantity":2,"sku":"P1","price":9.99,"currencyCode":"EUR","index":1}"#),
    ];
    let expected = format!(
        "e = ue\ntr_id = T12\n{CONTEXTS}{}]}}\ntr_tt = 15.475\n{TRACKER}tr_tx = 1.29\n{EVENT}{}\np = srv\ntr_cu = EUR\n",
        contexts.join(","),
        r#"transaction/jsonschema/1-0-0","data":{"tax":1.29,"currencyCode":"EUR","revenue":15.48,"id":"T12"}}}"#
    );
    assert_eq!(events(post(body)), [expected]);
}

#[test]
fn index_columns_are_shared_between_schemas() {
    let event = &events(post("t=pageview&dp=%2F&cd1=A&pr1cd2=B"))[0];
    let contexts = [
        context("hit", r#"{"type":"pageview"}"#),
        context("custom_dimension", r#"{"value":"A","index":1}"#),
        context("product_custom_dimension", r#"{"value":"B","dimensionIndex":1,"productIndex":1}"#),
    ];
    assert!(event.contains(&format!("{CONTEXTS}{}]}}\n", contexts.join(","))), "{event}");
    let data = r#"page_view/jsonschema/1-0-0","data":{"documentPath":"/"}}}"#;
    assert!(event.contains(&format!("{EVENT}{data}\n")), "{event}");
}

#[test]
fn ragged_products_move() {
    let event = &events(post("t=pageview&dp=%2F&pr1id=s1&pr2id=s2&pr2nm=n2"))[0];
    let contexts = [
        context("hit", r#"{"type":"pageview"}"#),
        context("product", r#"{"sku":"s1","name":"n2","index":1}"#),
        context("product", r#"{"sku":"s2","name":2}"#),
    ];
    assert!(event.contains(&format!("{CONTEXTS}{}]}}\n", contexts.join(","))), "{event}");
}

#[test]
fn two_hits() {
    let found = events(post("t=event&ec=cat&ea=act&ev=7\nt=screenview&cd=Main\r\n"));
    let event = |hit: &str, schema: &str, data: &str| {
        format!(
            "e = ue\n{CONTEXTS}{}]}}\n{TRACKER}{EVENT}{schema}/jsonschema/1-0-0\",\"data\":{data}}}}}\np = srv\n",
            context("hit", &format!(r#"{{"type":"{hit}"}}"#))
        )
    };
    assert_eq!(
        found,
        [
            event("event", "event", r#"{"category":"cat","action":"act","value":7}"#),
            event("screenview", "screen_view", r#"{"screenName":"Main"}"#),
        ]
    );
}

#[test]
fn failures_of_one_hit_are_collected_in_order() {
    assert_eq!(
        failures(post("t=event&ec=c&ea=a&ev=1.5&foo1=x&je=yes")),
        [
            r#"{"field":"javaEnabled","value":"yes","expectation":"cannot be converted to boolean, only 1 or 0 are supported"}"#,
            r#"{"field":"foo1","value":null,"expectation":"composite field name has to conform to regex (pr|promo|il|cd|cm|cg)(\\d+)([a-zA-Z]*)(\\d*)([a-zA-Z]*)(\\d*)$"}"#
        ]
    );
    assert_eq!(
        failures(post("t=event&ev=1.5")),
        [r#"{"field":"value","value":"1.5","expectation":"cannot be converted to java.lang.Integer"}"#]
    );
    assert_eq!(failures(post("t=item&iq=x&ip=y")).len(), 1, "only the first failure of an event is reported");
}

#[test]
fn failing_bodies() {
    let empty = r#"{"field":"body","value":null,"expectation":"empty body"}"#;
    assert_eq!(failures(payload("com.google.analytics", "v1").query(&[("t", Some("pageview"))])), [empty]);
    assert_eq!(failures(post("")), [empty]);
    let no_type = |line: &str| {
        format!(
            r#"{{"field":"body","value":"{line}","expectation":"no t parameter provided: cannot determine hit type"}}"#
        )
    };
    assert_eq!(failures(post("t\n\ndl=x")), [no_type("t"), no_type(""), no_type("dl=x")]);
    assert_eq!(
        failures(post("t= ")),
        [
            r#"{"field":"body","value":"t= ","expectation":"Illegal character in query at index 20: http://localhost/?t= "}"#
        ]
    );
    let unknown = failures(post("t=unknown&dl=x"));
    assert_eq!(unknown[0], r#"{"field":"t","value":"unknown","expectation":"no matching hit type"}"#);
    assert!(unknown[1].starts_with(r#"{"actual":"unknown","expectedMapping":{"screenview":"iglu:"#), "{}", unknown[1]);
    assert!(unknown[1].ends_with(r#""no schema associated with the provided type parameter"}"#));
    assert!(failures(post("t="))[1].ends_with(r#""cannot determine event type: type parameter empty"}"#));
    assert!(is_unexpected(post("t=event&ev=null")));
    assert!(is_unexpected(post("t=pageview&pr1qt=x&pr2qt=NULL")));
}

#[test]
fn the_page_view_context_is_kept_for_other_hits() {
    let event = &events(post("t=event&dp=%2F&v=1&cid=2&sc=start&sr=1x1"))[0];
    assert!(event.contains(&context("page_view", r#"{"documentPath":"/"}"#)), "{event}");
}

proptest! {
    #[test]
    fn no_body_panics(
        any in any::<String>(),
        mutated in mutations("v=1&t=transaction&ti=T12&tr=15.475&cu=EUR&pr1id=P1&pr1pr=9.99&pr2cd3=blue&il1pi2nm=x&cm3=5"),
        numbered in proptest::collection::vec(("(pr|promo|il|cd|cm|cg)[0-9]{1,2}[a-z]{0,2}[0-9]{0,2}", "[a-z0-9.]{0,4}"), 0..12),
    ) {
        run(&post(&any));
        run(&post(&mutated));
        let pairs: Vec<String> = numbered.iter().map(|(name, value)| format!("{name}={value}")).collect();
        run(&post(&format!("t=pageview&{}", pairs.join("&"))));
    }
}
