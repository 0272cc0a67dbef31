use proptest::prelude::*;

use super::*;
use crate::enrich::testing::Script;
use crate::json;

const CONTEXTS: &str = "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/";
const UNSTRUCT: &str = "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0";

fn contexts(version: &str, items: &str) -> String {
    format!(r#"{{"schema":"{CONTEXTS}{version}","data":[{items}]}}"#)
}

fn unstruct(item: &str) -> String {
    format!(r#"{{"schema":"{UNSTRUCT}","data":{item}}}"#)
}

fn item(uri: &str) -> String {
    format!(r#"{{"schema":"iglu:com.acme/{uri}","data":{{"n":1.00}}}}"#)
}

/// What a validation gives: the columns as they end up and the data of validation_info, or the messages as JSON.
type Outcome = Result<(Option<String>, Option<String>, Vec<String>), Vec<String>>;

fn validate(validator: &mut InputValidator, script: &mut Script, co: Option<&str>, ue: Option<&str>) -> Outcome {
    let arena = Bump::new();
    let parse = |text: &str| json::parse(arena.alloc_str(text), &arena).unwrap();
    let parsed = Parsed { contexts: co.map(parse), unstruct_event: ue.map(parse), ..Parsed::default() };
    match validator.validate(&parsed, script, &arena) {
        Ok(input) => {
            let column = |new: Option<&str>, old: Option<Value<'_>>| {
                new.map(str::to_owned).or_else(|| old.map(|value| value.compact_in(&arena).to_owned()))
            };
            let infos = input.validation_infos.iter();
            Ok((
                column(input.contexts_column, parsed.contexts),
                column(input.unstruct_column, parsed.unstruct_event),
                infos
                    .map(|info| {
                        assert_eq!(info.schema, "iglu:com.snowplowanalytics.iglu/validation_info/jsonschema/1-0-0");
                        info.data.to_owned()
                    })
                    .collect(),
            ))
        }
        Err(messages) => Err(messages
            .iter()
            .map(|message| {
                let mut out = Vec::new();
                message.write_json(&mut out);
                String::from_utf8(out).unwrap()
            })
            .collect()),
    }
}

fn once(script: Script, co: Option<&str>, ue: Option<&str>) -> Outcome {
    let mut script = script;
    validate(&mut InputValidator::default(), &mut script, co, ue)
}

#[test]
fn nothing_to_validate() {
    assert_eq!(once(Script::default(), None, None), Ok((None, None, vec![])));
}

#[test]
fn envelopes_are_made_anew() {
    let sent = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data":[{"data":{"n":1.00,"s":"é/"},"schema":"iglu:com.acme/x/jsonschema/1-0-0"}]}"#;
    let written = r#"{"schema":"iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-1","data":[{"schema":"iglu:com.acme/x/jsonschema/1-0-0","data":{"n":1.00,"s":"é/"}}]}"#;
    let (contexts, ..) = once(Script::default(), Some(sent), None).unwrap();
    assert_eq!(contexts.as_deref(), Some(written));
}

#[test]
fn every_spelling_gives_the_same_text() {
    let (a, b) = (item("a/jsonschema/1-0-0"), item("b/jsonschema/1-0-0"));
    let written = contexts("1-0-1", &format!("{a},{b}"));
    let spaced = a.replace(':', " : ").replace("iglu : ", "iglu:");
    let turned = r#"{"data":{"n":1.00},"schema":"iglu:com.acme/b/jsonschema/1-0-0"}"#;
    let extra = r#"{"schema":"iglu:com.acme/b/jsonschema/1-0-0","x":1,"data":{"n":1.00}}"#;
    let repeated = r#"{"schema":"y","schema":"iglu:com.acme/b/jsonschema/1-0-0","data":{"n":1.00}}"#;
    for (version, items) in [
        ("1-0-0", format!("{a},{b}")),
        ("1-0-1", format!("{a},{b}")),
        ("1-0-9", format!("{a},{b}")),
        ("1-0-1", format!("{spaced},{b}")),
        ("1-0-1", format!("{a},{turned}")),
        ("1-0-1", format!("{a},{extra}")),
        ("1-0-1", format!("{a},{repeated}")),
    ] {
        let (text, ..) = once(Script::default(), Some(&contexts(version, &items)), None).unwrap();
        assert_eq!(text.as_deref(), Some(written.as_str()), "{version} {items}");
    }
    let turned_outer = format!(r#"{{"data":[{a},{b}],"schema":"{CONTEXTS}1-0-1"}}"#);
    assert_eq!(once(Script::default(), Some(&turned_outer), None).unwrap().0, Some(written));

    let event = unstruct(&a);
    for sent in [event.clone(), unstruct(&spaced), format!(r#"{{"data":{a},"schema":"{UNSTRUCT}"}}"#)] {
        assert_eq!(once(Script::default(), None, Some(&sent)).unwrap().1.as_deref(), Some(event.as_str()));
    }
}

#[test]
fn an_empty_list_keeps_its_text() {
    let sent = contexts("1-0-1", "");
    assert_eq!(once(Script::default(), Some(&sent), None).unwrap().0, Some(sent));
}

#[test]
fn superseded_schemas_are_rewritten_and_reported() {
    let old = item("superseding_example/jsonschema/1-0-0");
    let new = item("superseding_example/jsonschema/1-0-1");
    let script = Script::superseding(&[
        ("iglu:com.acme/superseding_example/jsonschema/1-0-0", SchemaVer::new(1, 0, 1)),
        ("iglu:com.acme/superseding_example/jsonschema/2-0-0", SchemaVer::new(2, 0, 1)),
    ]);
    let co = contexts("1-0-1", &format!("{old},{old}"));
    let ue = unstruct(&item("superseding_example/jsonschema/2-0-0"));
    let expected = (
        Some(contexts("1-0-1", &format!("{new},{new}"))),
        Some(unstruct(&item("superseding_example/jsonschema/2-0-1"))),
        vec![
            r#"{"originalSchema":"iglu:com.acme/superseding_example/jsonschema/1-0-0","validatedWith":"1-0-1"}"#
                .to_owned(),
            r#"{"originalSchema":"iglu:com.acme/superseding_example/jsonschema/2-0-0","validatedWith":"2-0-1"}"#
                .to_owned(),
        ],
    );
    assert_eq!(once(script, Some(&co), Some(&ue)), Ok(expected));
}

#[test]
fn the_outer_json_must_be_the_right_envelope() {
    let no_data = once(Script::default(), Some("{}"), None);
    assert_eq!(no_data, Err(vec![r#"{"json":{},"error":"INVALID_DATA_PAYLOAD"}"#.into()]));
    let scalar = once(Script::default(), Some("1"), None);
    assert_eq!(scalar, Err(vec![r#"{"json":1,"error":"INVALID_DATA_PAYLOAD"}"#.into()]));
    let bad_uri = r#"{"schema":"iglooooooo://blah","data":{}}"#;
    let bad_uri_outcome = once(Script::default(), None, Some(bad_uri));
    assert_eq!(bad_uri_outcome, Err(vec![format!(r#"{{"json":{bad_uri},"error":"INVALID_IGLUURI"}}"#)]));
    let swapped = once(Script::default(), Some(&unstruct(&item("a/jsonschema/1-0-0"))), None);
    let criterion = format!(r#"{{"schemaKey":"{UNSTRUCT}","schemaCriterion":"{CONTEXTS}1-0-*"}}"#);
    assert_eq!(swapped, Err(vec![criterion]));
    assert!(once(Script::default(), Some(&contexts("1-1-0", "")), None).is_err());
    assert!(once(Script::default(), Some(&contexts("2-0-0", "")), None).is_err());
}

#[test]
fn all_items_of_both_are_reported_contexts_first() {
    let script = Script::refusing(&["iglu:com.acme/bad/jsonschema/1-0-0"]);
    let bad = item("bad/jsonschema/1-0-0");
    let co = contexts("1-0-0", &format!("{bad},{},{}", item("x/jsonschema/1-00-0"), item("good/jsonschema/1-0-0")));
    let messages = once(script, Some(&co), Some(&unstruct(&bad))).unwrap_err();
    assert_eq!(messages.len(), 3);
    let data_error =
        r#"{"schemaKey":"iglu:com.acme/bad/jsonschema/1-0-0","error":{"error":"ValidationError","dataReports":"#;
    assert!(messages[0].starts_with(data_error), "{}", messages[0]);
    assert!(messages[1].ends_with(r#""error":"INVALID_SCHEMAVER"}"#), "{}", messages[1]);
    assert_eq!(messages[2], messages[0]);
}

#[test]
fn a_refused_envelope_hides_its_items() {
    let envelope = format!("{CONTEXTS}1-0-0");
    let mut script = Script::refusing(&[&envelope]);
    let co = contexts("1-0-0", &item("a/jsonschema/1-0-0"));
    let messages = validate(&mut InputValidator::default(), &mut script, Some(&co), None).unwrap_err();
    assert!(messages[0].contains(&envelope), "{messages:?}");
    assert_eq!(script.asked, [envelope]);
}

#[test]
fn a_known_envelope_is_not_validated_again_unless_it_looks_odd() {
    let mut validator = InputValidator::default();
    let mut script = Script::default();
    let good = contexts("1-0-0", &item("a/jsonschema/1-0-0"));
    let envelope = format!("{CONTEXTS}1-0-0");
    validate(&mut validator, &mut script, Some(&good), None).unwrap();
    assert_eq!(script.asked, [envelope.as_str(), "iglu:com.acme/a/jsonschema/1-0-0"]);
    script.asked.clear();
    validate(&mut validator, &mut script, Some(&good), None).unwrap();
    assert_eq!(script.asked, ["iglu:com.acme/a/jsonschema/1-0-0"]);
    let odd = [
        contexts("1-0-0", ""),
        contexts("1-0-0", "1"),
        contexts("1-0-0", r#"{"schema":"iglu:com.acme/a/jsonschema/1-0-0"}"#),
        contexts("1-0-0", r#"{"schema":"iglu:com.acme/a/jsonschema/1-0-0","data":1,"x":1}"#),
        contexts("1-0-0", r#"{"schema":1,"data":1}"#),
        format!(r#"{{"schema":"{envelope}","data":{{}}}}"#),
        contexts("1-0-1", ""),
    ];
    for sent in odd {
        script.asked.clear();
        let _ = validate(&mut validator, &mut script, Some(&sent), None);
        assert!(script.asked.first().is_some_and(|uri| uri.starts_with(CONTEXTS)), "{sent}");
    }
}

#[test]
fn an_envelope_that_was_refused_is_asked_for_again() {
    let envelope = format!("{CONTEXTS}1-0-0");
    let mut validator = InputValidator::default();
    let mut script = Script::refusing(&[&envelope]);
    let good = contexts("1-0-0", &item("a/jsonschema/1-0-0"));
    for _ in 0..2 {
        validate(&mut validator, &mut script, Some(&good), None).unwrap_err();
    }
    assert_eq!(script.asked, [envelope.as_str(), envelope.as_str()]);
}

proptest! {
    #[test]
    fn never_panics(co in "[\\[\\]{}\":,a-z0-9 .-]{0,60}", version in 0u32..3) {
        let mut validator = InputValidator { known: [true; 3] };
        let sent = contexts(&format!("1-0-{version}"), &co);
        let arena = Bump::new();
        if json::parse(&sent, &arena).is_ok() {
            let _ = validate(&mut validator, &mut Script::default(), Some(&sent), Some(&sent));
        }
    }
}

proptest! {
    /// The short cut accepts nothing that the schemas refuse.
    #[test]
    fn what_obviously_fits_is_valid(
        version in 0u32..2,
        items in proptest::collection::vec(
            "(\\{(\"schema\":\"iglu:(com.acme-x_y|x)/[a-zA-Z0-9_.-]{1,3}/[a-z0-9]{1,2}/[0-9]{1,2}-[0-9]-[0-9]\",?)?\
             (\"data\":(1|null|\\{\\}),?)?(\"#?x\":1)?\\}|1|null|\\[\\])",
            0..3,
        ),
        as_event: bool,
    ) {
        use std::sync::Arc;
        use crate::iglu::{Resolver, ResolverOptions};
        let arena = Bump::new();
        let text = match (as_event, items.first()) {
            (true, Some(first)) => unstruct(first),
            (true, None) => unstruct("{}"),
            (false, _) => contexts(&format!("1-0-{version}"), &items.join(",")),
        };
        let Ok(json) = json::parse(arena.alloc_str(&text), &arena) else { return Ok(()) };
        let outer = SelfDescribing::parse(json, &arena).unwrap();
        let item = |json| Item { json, parsed: SelfDescribing::parse(json, &arena) };
        let (envelope, items): (_, Vec<Item<'_>>) = match as_event {
            true => (Envelope::Unstruct, vec![item(outer.data)]),
            false => (Envelope::Contexts, outer.data.elements().map(item).collect()),
        };
        if obviously_fits(&outer, envelope, &items) {
            let options = ResolverOptions { offline: true, ..ResolverOptions::default() };
            let mut client = Resolver::client(&Arc::new(Resolver::default_central(options)));
            prop_assert!(client.check(&outer).is_ok(), "{}", text);
        }
    }
}
