use serde_json::json;

use super::super::EnrichmentOptions;
use super::super::testing::{EventBench, Outcome, config, try_config};
use super::*;
use crate::event::EnrichedEvent;

const CONTEXTS: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0","data":[{"schema":"iglu:com.acme/email_sent/jsonschema/1-0-0","data":{"emailAddress":"jim@acme.com","emailAddress2":"bob@acme.com"}},{"schema":"iglu:com.acme/email_sent/jsonschema/1-1-0","data":{"emailAddress":"jim@acme.com","emailAddress2":"bob@acme.com","schema":"iglu:com.acme/email_sent/jsonschema/1-0-0","data":{"emailAddress":"jim@acme.com","emailAddress2":"bob@acme.com"}}},{"schema":"iglu:com.test/array/jsonschema/1-0-0","data":{"field":["hello","world"],"field2":null,"field3":null,"field4":""}}]}"#;
const UNSTRUCT: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0","data":{"schema":"iglu:com.mailgun/message_clicked/jsonschema/1-0-0","data":{"recipient":"alice@example.com","city":"Dallas","ip":"50.56.129.169","price":1.50}}}"#;
const JIM: &str = "72f323d5359eabefc69836369e4cabc6257c43ab6419b05dfb2211d0e44284c6";

fn rule(criterion: &str, path: &str) -> serde_json::Value {
    json!({"json": {"field": "contexts", "schemaCriterion": format!("iglu:{criterion}"), "jsonPath": path}})
}

fn pojo(field: &str) -> serde_json::Value {
    json!({"pojo": {"field": field}})
}

fn data(rules: &[serde_json::Value], emit: bool) -> String {
    json!({
        "enabled": true, "emitEvent": emit,
        "parameters": {"pii": rules, "strategy": {"pseudonymize": {"hashFunction": "SHA-256", "salt": "pepper123"}}},
    })
    .to_string()
}

fn bench(rules: &[serde_json::Value], emit: bool) -> EventBench {
    let mut bench = EventBench::new(try_config("pii_enrichment_config", &data(rules, emit)).unwrap());
    bench.columns = vec![
        (Column::event_id, "ea1ba7f1-4d60-4f1c-8d3c-0d5c1d3f9c9d"),
        (Column::app_id, "ads"),
        (Column::user_id, "john@acme.com"),
        (Column::user_ipaddress, "70.46.123.145"),
        (Column::user_fingerprint, "its_you_again!"),
        (Column::contexts, CONTEXTS),
        (Column::unstruct_event, UNSTRUCT),
    ];
    bench
}

fn contexts(rules: &[serde_json::Value]) -> serde_json::Value {
    bench(rules, false).run(|event, _| serde_json::from_str(event.get(Column::contexts).unwrap()).unwrap())
}

fn hash(text: &str) -> String {
    Hash { function: HashFunction::Sha256, name: "SHA-256".into(), salt: "pepper123".into() }.replace(text)
}

#[test]
fn digests_of_the_worked_examples() {
    for (text, expected) in [
        ("john@acme.com", "7d8a4beae5bc9d314600667d2f410918f9af265017a6ade99f60a9c8f3aac6e9"),
        ("70.46.123.145", "dd9720903c89ae891ed5c74bb7a9f2f90f6487927ac99afe73b096ad0287f3f5"),
        ("jim@acme.com", JIM),
        ("", "7a3477dad66e666bd203b834c54b6dfe8b546bdbc5283462ad14052abfb06600"),
        ("hello", "b62f3a2475ac957009088f9b8ab77ceb7b4ed7c5a6fd920daa204a1953334acb"),
    ] {
        assert_eq!(hash(text), expected);
    }
}

#[test]
fn scalar_columns() {
    let rules = [pojo("user_id"), pojo("user_ipaddress"), pojo("ip_domain"), pojo("user_id")];
    bench(&rules, false).run(|event, outcome| {
        assert_eq!(event.get(Column::user_id), Some(&*hash(&hash("john@acme.com"))), "named twice, hashed twice");
        assert_eq!(event.get(Column::user_ipaddress), Some(&*hash("70.46.123.145")));
        assert_eq!(event.get(Column::ip_domain), None);
        assert_eq!(event.get(Column::contexts), Some(CONTEXTS), "what no rule names stays as it is");
        assert!(outcome.pii_event.is_none());
    });
}

#[test]
fn rules_find_their_schema_and_path() {
    let (jim, bob) = (json!(JIM), json!(hash("bob@acme.com")));
    let original: serde_json::Value = serde_json::from_str(CONTEXTS).unwrap();
    let changed = |edits: &[(&str, &serde_json::Value)]| {
        let mut expected = original.clone();
        for (pointer, value) in edits {
            *expected.pointer_mut(pointer).unwrap() = (*value).clone();
        }
        expected
    };
    for (criterion, path, edits) in [
        ("com.acme/email_sent/jsonschema/1-0-*", "$.emailAddress", &[("/data/0/data/emailAddress", &jim)][..]),
        ("com.acme/email_sent/jsonschema/1-1-0", "$.data.emailAddress2", &[("/data/1/data/data/emailAddress2", &bob)]),
        (
            "com.acme/email_sent/jsonschema/1-*-0",
            "$.emailAddress",
            &[("/data/0/data/emailAddress", &jim), ("/data/1/data/emailAddress", &jim)],
        ),
        (
            "com.acme/email_sent/jsonschema/1-0-*",
            "$.['emailAddress', 'emailAddress2', 'nope']",
            &[("/data/0/data/emailAddress", &jim), ("/data/0/data/emailAddress2", &bob)],
        ),
        (
            "com.test/array/jsonschema/1-0-0",
            "$.field",
            &[("/data/2/data/field", &json!([hash("hello"), hash("world")]))],
        ),
        ("com.test/array/jsonschema/1-0-0", "$.field4", &[("/data/2/data/field4", &json!(hash("")))]),
        ("com.test/array/jsonschema/1-0-0", "$.field2", &[]),
        ("com.test/array/jsonschema/1-0-0", "$.field3.a", &[]),
        ("com.test/array/jsonschema/1-0-0", "$.someInt", &[]),
        ("com.test/array/jsonschema/1-0-0", "$", &[]),
        ("com.test/array/jsonschema/2-0-0", "$.field", &[]),
    ] {
        assert_eq!(contexts(&[rule(criterion, path)]), changed(edits), "{criterion} {path}");
    }
}

#[test]
fn elements_of_arrays_are_replaced_unless_parity_is_asked_for() {
    let array = "com.test/array/jsonschema/1-0-0";
    for path in ["$.field[0]", "$.field[?(@ == 'hello')]"] {
        let expected = json!([hash("hello"), "world"]);
        assert_eq!(contexts(&[rule(array, path)])["data"][2]["data"]["field"], expected, "{path}");
    }
    let options = EnrichmentOptions { strict_parity: true, ..EnrichmentOptions::default() };
    let rules = data(&[rule(array, "$.field[*]")], false);
    let strict = super::super::config::read_parameters("pii_enrichment_config", &rules, &options).unwrap();
    let mut bench = EventBench::with_options(strict, &options).unwrap();
    bench.columns = vec![(Column::contexts, CONTEXTS)];
    bench.run(|event, _| assert_eq!(event.get(Column::contexts), Some(CONTEXTS)));
}

#[test]
fn numbers_change_their_spelling_in_columns_that_rules_name() {
    const NUMBERS: &str = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":[{"schema":"iglu:com.acme/a/jsonschema/1-0-0","data":{"a":1.50,"b":2.0,"c":1e3,"d":12345678901234567890,"e":0.0000001}},{"schema":"iglu:com.acme/b/jsonschema/1-0-0","data":{"a":1.50,"b":2.0,"c":1e3}}]}"#;
    let mut bench = bench(&[rule("com.acme/a/jsonschema/1-0-0", "$.nope")], false);
    bench.columns = vec![(Column::contexts, NUMBERS)];
    let expected = NUMBERS
        .replacen("1.50", "1.5", 1)
        .replacen("2.0", "2", 1)
        .replacen("1e3", "1000", 1)
        .replacen("1e3", "1E+3", 1)
        .replace("0.0000001", "1E-7");
    bench.run(|event, _| assert_eq!(event.get(Column::contexts), Some(expected.as_str())));
}

#[test]
fn the_identification_event_lists_replacements_backwards() {
    let unstruct = json!({"json": {"field": "unstruct_event", "schemaCriterion": "iglu:com.mailgun/message_clicked/jsonschema/1-0-0", "jsonPath": "$.ip"}});
    let rules = [
        pojo("user_id"),
        pojo("user_ipaddress"),
        pojo("ip_domain"),
        pojo("user_fingerprint"),
        rule("com.acme/email_sent/jsonschema/1-0-*", "$.emailAddress"),
        rule("com.acme/email_sent/jsonschema/1-1-0", "$.data.emailAddress2"),
        unstruct,
    ];
    bench(&rules, true).run(|_, outcome| {
        let columns = outcome.pii_event.as_ref().unwrap();
        let column =
            |wanted: Column| columns.iter().find(|(column, _)| *column == wanted).map(|(_, text)| text.as_str());
        assert_eq!(column(Column::platform), Some("srv"));
        assert_eq!(column(Column::event), Some("pii_transformation"));
        assert_eq!(column(Column::app_id), Some("ads"));
        assert_eq!(column(Column::v_collector), None);
        assert_ne!(column(Column::event_id), Some("ea1ba7f1-4d60-4f1c-8d3c-0d5c1d3f9c9d"));
        assert!(
            column(Column::contexts).unwrap().contains(r#"{"parentEventId":"ea1ba7f1-4d60-4f1c-8d3c-0d5c1d3f9c9d"}"#)
        );
        let event: serde_json::Value = serde_json::from_str(column(Column::unstruct_event).unwrap()).unwrap();
        let data = &event["data"]["data"];
        let list = |kind: &str, key: &str| -> Vec<String> {
            let items = data["pii"][kind].as_array().unwrap();
            items.iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(list("pojo", "fieldName"), ["user_fingerprint", "user_ipaddress", "user_id"]);
        assert_eq!(list("json", "fieldName"), ["unstruct_event", "contexts", "contexts"]);
        assert_eq!(list("json", "jsonPath"), ["$.ip", "$.data.emailAddress2", "$.emailAddress"]);
        assert_eq!(list("json", "originalValue")[2], "jim@acme.com");
        assert_eq!(list("json", "modifiedValue")[2], JIM);
        assert_eq!(data["strategy"]["pseudonymize"]["hashFunction"], "SHA-256");
    });
    bench(&[pojo("ip_domain")], true).run(|_, outcome: &Outcome| assert!(outcome.pii_event.is_none()));
}

#[test]
fn nothing_planted_survives() {
    const SECRET: &str = "P1anted-Secret";
    let every_scalar: Vec<serde_json::Value> = SCALARS.iter().map(|column| pojo(column.info().name)).collect();
    let paths =
        ["$.a", "$.list", "$.deep[*].x", "$.objects[?(@.k == 1)].v", "$..anywhere", "$.many[0,1]", "$['quo ted']"];
    let document = json!({
        "a": SECRET, "list": [SECRET, 1, SECRET], "deep": [{"x": SECRET}, {"x": [SECRET]}], "objects": [{"k": 1, "v": SECRET}],
        "tree": [{"anywhere": SECRET, "b": {"anywhere": [SECRET]}}], "many": [SECRET, SECRET], "quo ted": SECRET,
    });
    let entity = json!({"schema": "iglu:com.acme/x/jsonschema/1-0-0", "data": document});
    let mut rules = every_scalar;
    for column in JSON_COLUMNS {
        let column = column.info().name;
        rules.extend(paths.iter().map(|path| {
            json!({"json": {"field": column, "schemaCriterion": "iglu:com.acme/x/jsonschema/*-*-*", "jsonPath": path}})
        }));
    }
    let mut bench = EventBench::new(try_config("pii_enrichment_config", &data(&rules, false)).unwrap());
    let leak = |json: serde_json::Value| &*Box::leak(json.to_string().into_boxed_str());
    bench.columns = SCALARS.iter().map(|column| (*column, SECRET)).collect();
    bench.columns.push((Column::contexts, leak(json!({"schema": "iglu:x", "data": [entity, entity]}))));
    bench.columns.push((Column::derived_contexts, leak(json!({"schema": "iglu:x", "data": [entity]}))));
    bench.columns.push((Column::unstruct_event, leak(json!({"schema": "iglu:x", "data": entity}))));
    bench.run(|event: &EnrichedEvent<'_>, outcome| {
        let mut line = Vec::new();
        event.write_tsv(&mut line);
        let line = String::from_utf8(line).unwrap();
        assert!(!line.contains(SECRET), "{line}");
        assert!(line.contains(&hash(SECRET)));
        assert!(outcome.failures.is_empty());
    });
}

#[test]
fn a_column_that_is_no_json_does_not_go_out() {
    let mut bench = bench(&[rule("com.acme/a/jsonschema/1-0-0", "$.a")], false);
    bench.columns = vec![(Column::contexts, "secret")];
    bench.run(|_, outcome| assert_eq!(outcome.failures.len(), 1));
}

#[test]
fn configurations_are_checked() {
    let errors =
        |rules: &[serde_json::Value]| try_config("pii_enrichment_config", &data(rules, false)).unwrap_err().join("|");
    assert!(errors(&[pojo("app_id")]).contains("The specified field app_id is not supported"));
    assert!(errors(&[json!({})]).contains("does not include 'pojo' nor 'json' fields"));
    let bad = errors(&[rule("nope", "a")]);
    assert!(bad.contains("Could not parse schema criterion iglu:nope") && bad.contains("[a] is no JSONPath"), "{bad}");
    let anonymous = data(&[], false).replacen('{', r#"{"anonymousOnly":true,"#, 1);
    assert!(try_config("pii_enrichment_config", &anonymous).unwrap_err()[0].contains("anonymousOnly"));
    let shown = format!(
        "{:?}",
        config(
            "pii_enrichment_config",
            &serde_json::json!({"pii": [], "strategy": {"pseudonymize": {"hashFunction": "MD5", "salt": "s3cret"}}})
                .to_string()
        )
    );
    assert!(!shown.contains("s3cret"), "{shown}");
}
