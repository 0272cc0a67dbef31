use proptest::prelude::*;
use serde_json::json;

use super::list::{PairValue, spelled_as_usual, usual_pair};
use super::*;
use crate::recovery::RecoveredPayload;
use crate::recovery::coerce::{coerce, coerce_fields};
use crate::recovery::path::Path;
use crate::recovery::pattern::Pattern;
use crate::recovery::request::tests::requests;
use crate::recovery::step::{CastType, Operation};

/// What coercion made of a payload, as JSON.
fn shown(result: Result<RecoveredPayload<'_>, String>) -> Result<Value, String> {
    result.map(|payload| payload.to_value())
}

/// The way by way of the whole payload.
fn whole(payload: &Value, kind: PayloadKind, steps: &[Step]) -> Result<Value, String> {
    let mut payload = payload.clone();
    shape::complete(&mut payload, kind);
    steps.iter().try_for_each(|step| step.apply(&mut payload))?;
    shown(coerce(&payload, kind, &Bump::new()))
}

/// The way by way of a draft, if it takes the steps.
fn drafted(mut draft: Draft<'_>, steps: &[Step]) -> Option<Result<Value, String>> {
    if !steps.iter().all(|step| draft.takes(step)) {
        return None;
    }
    Some(steps.iter().try_for_each(|step| draft.apply(step)).and_then(|()| shown(coerce_fields(&draft, draft.arena()))))
}

fn payloads() -> impl Strategy<Value = (PayloadKind, Value)> {
    let value = prop_oneof![
        Just(json!("pv")),
        Just(json!(null)),
        Just(json!(5)),
        Just(json!(true)),
        Just(json!("{\"a\":{\"b\":[1,2]}}")),
        Just(json!("eyJhIjoxfQ")),
        Just(json!("ä \"x\" %&=")),
    ];
    let name = prop::sample::select(vec!["e", "p", "cx", "co", "ue_pr", "a b", "e"]);
    let pairs = prop::collection::vec((name, value), 0..5);
    (pairs, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(pairs, is_raw, is_sparse, is_null)| {
        let mut list: Value = pairs.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        if is_sparse {
            list.as_array_mut().unwrap().push(json!({"name": "flag"}));
        }
        let (kind, list_name, collector) = match is_raw {
            true => (PayloadKind::RawEvent, "parameters", "loaderName"),
            false => (PayloadKind::Collector, "querystring", "collector"),
        };
        let mut fields = json!({"vendor": "com.snowplowanalytics.snowplow", "version": "tp2", collector: "cloudfront",
            "encoding": "UTF-8", "useragent": "Mozilla%2F5.0", "body": "{\"e\":\"pv\"}", "timestamp": null});
        if !is_sparse {
            fields[list_name] = list;
            fields["headers"] = json!(["Host: x"]);
        }
        if is_null {
            fields["headers"] = Value::Null;
            fields["refererUri"] = json!("http://x");
        }
        (kind, if is_raw { json!({"raw": fields}) } else { fields })
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let list = prop::sample::select(vec!["raw.parameters", "querystring", "raw.Parameters", "parameters"]);
    let tail = prop::sample::select(vec![
        "",
        ".e",
        ".p",
        ".cx",
        ".cx.a",
        ".co.a.b",
        ".co.a.b[1]",
        ".zz",
        ".flag",
        "[0]",
        "[0].value",
        "[?(@.name=~e)].value",
        "[?(@.name=~co)].value.a.b",
        ".ue_pr.a",
    ]);
    let field = prop::sample::select(vec![
        "raw.body",
        "body",
        "raw.headers",
        "headers",
        "headers[0]",
        "raw.refererUri",
        "refererUri",
        "raw",
        "vendor",
        "raw.vendor",
        "raw.nothing",
        "nothing",
        "raw.timestamp",
        "timestamp",
        "raw.version.x",
    ]);
    let path =
        prop_oneof![(list, tail).prop_map(|(list, tail)| format!("$.{list}{tail}")), field.prop_map(str::to_owned)];
    let new = prop::sample::select(vec![
        json!("x"),
        json!(""),
        json!(7),
        json!(null),
        json!(false),
        json!([]),
        json!({"a": 1}),
        json!([{"name": "e", "value": "pp"}]),
        json!([{"name": 1}]),
    ]);
    let pattern = prop::option::of(prop::sample::select(vec!["p", "^.*$", "\\d", "\\{"]));
    let cast = prop::sample::select(vec![CastType::String, CastType::Numeric, CastType::Boolean, CastType::Array]);
    let operation = prop_oneof![
        4 => (pattern, new.clone()).prop_map(|(pattern, value)| {
            Operation::Replace { pattern: pattern.map(|text| Pattern::new(text).unwrap()), value }
        }),
        1 => (cast.clone(), cast).prop_map(|(from, to)| Operation::Cast { from, to }),
        1 => new.prop_map(|value| Operation::Add { value }),
    ];
    (path, operation).prop_map(|(path, operation)| Step { path: Path::parse(&path), operation })
}

proptest! {
    #[test]
    fn a_pair_spelled_as_usual_is_what_its_members_say(
        name in "[a\\\\\"u0]{0,4}|(name|\",\"value\":\"){0,3}",
        value in "[aä\\\\\",:}]{0,9}|(\"}|\\\\n|name){0,3}",
        shape in 0..5,
        space in " ?",
    ) {
        let (name, value) = (json!(name), json!(value));
        let text = match shape {
            0 => format!("{{\"name\":{name},\"value\":{value}{space}}}"),
            1 => format!("{{\"name\":{space}{name},\"value\":{value}}}"),
            2 => format!("{{\"name\":{name},\"value\":{value},\"name\":\"other\"}}"),
            3 => format!("{{\"name\":{name},\"more\":1,\"value\":{value}}}"),
            _ => format!("{{\"name\":{name}}}"),
        };
        let arena = Bump::new();
        let pair = json::parse(&text, &arena).unwrap();
        if let Some((name, value)) = spelled_as_usual(pair) {
            let (as_member, PairValue::Text(Some(member))) = usual_pair(pair, &arena).unwrap() else { panic!("{text}") };
            prop_assert_eq!((name, value), (as_member, member));
        }
    }
}

#[test]
fn most_pairs_are_spelled_as_usual() {
    let arena = Bump::new();
    let pair = json::parse(r#"{"name":"page","value":"a page, {ä}"}"#, &arena).unwrap();
    assert_eq!(spelled_as_usual(pair), Some(("page", "a page, {ä}")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_draft_gives_what_the_whole_payload_gives(
        (kind, payload) in payloads(),
        steps in prop::collection::vec(steps(), 0..4),
    ) {
        let arena = Bump::new();
        let text = payload.to_string();
        let draft = Draft::of(json::parse(&text, &arena).unwrap(), kind, &arena);
        if let Some(found) = draft.and_then(|draft| drafted(draft, &steps)) {
            prop_assert_eq!(found, whole(&payload, kind, &steps));
        }
    }

    #[test]
    fn a_lifted_request_gives_what_its_document_gives(
        request in requests(),
        steps in prop::collection::vec(steps(), 0..4),
    ) {
        let mut text = Vec::new();
        request.write_json(&mut text);
        let payload = serde_json::from_slice(&text).unwrap();
        if let Some(found) = drafted(Draft::of_request(&request), &steps) {
            prop_assert_eq!(found, whole(&payload, PayloadKind::Collector, &steps));
        }
    }
}
