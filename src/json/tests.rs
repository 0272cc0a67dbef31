use super::*;
use proptest::prelude::*;

fn compact(text: &str) -> Result<String, String> {
    let arena = Bump::new();
    let value = parse(text, &arena).map_err(|e| e.to_string())?;
    let mut out = Vec::new();
    write_compact(value, &mut out);
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn failure_texts_are_the_references() {
    for (text, expected) in [
        ("", "exhausted input"),
        ("{\"a\":1", "exhausted input"),
        ("^45fj_", "expected json value got '^45fj_' (line 1, column 1)"),
        ("{\"a\"::2}", "expected json value got ':2}' (line 1, column 6)"),
        ("{9:\"a\"}", "expected \" got '9:\"a\"}' (line 1, column 2)"),
        ("john+smith", "expected json value got 'john+s...' (line 1, column 1)"),
        ("{\"something:\"some\"}", "expected : got 'some\"}' (line 1, column 14)"),
        ("{invalid json", "expected \" got 'invali...' (line 1, column 2)"),
        ("{-", "expected \" got '-' (line 1, column 2)"),
        ("[1 2]", "expected ] or , got '2]' (line 1, column 4)"),
        ("{\"a\":1 2}", "expected } or , got '2}' (line 1, column 8)"),
        ("1 2", "expected whitespace or eof got '2' (line 1, column 3)"),
        ("[\n-x]", "expected digit got '-x]' (line 2, column 1)"),
        ("[trux]", "expected true got 'trux]' (line 1, column 2)"),
        ("\"a\u{1}b\"", "control char (1) in string got '\u{1}...' (line 1, column 3)"),
        ("\"\\x\"", "illegal escape sequence (\\x) got '\\...' (line 1, column 2)"),
    ] {
        assert_eq!(compact(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn compact_form_keeps_order_and_numbers() {
    for (text, expected) in [
        (
            " { \"b\" : 1.00 , \"a\" : [ 1e5 , -0 , 12345678901234567890 ] } ",
            "{\"b\":1.00,\"a\":[1e5,-0,12345678901234567890]}",
        ),
        ("{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"),
        ("{\"a\":1,\"b\":2,\"\\u0061\":3}", "{\"a\":3,\"b\":2}"),
        ("\"\\/\\u00e9\\u0041\\u0007\\ud83d\\ude00\\ud800\"", "\"/éA\\u0007😀?\""),
        ("\"\u{7f}\u{85}\u{a0}\"", "\"\\u007f\\u0085\u{a0}\""),
        ("[]", "[]"),
        ("{ }", "{}"),
    ] {
        assert_eq!(compact(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn canonical_values_are_copied() {
    let arena = Bump::new();
    for text in ["{\"a\":[1,\"x\\n\\u0001\"],\"b\":{}}", "1.50", "\"é\""] {
        assert!(parse(text, &arena).unwrap().is_canonical(), "{text}");
    }
    for text in ["{\"a\": 1}", "[[\"\\/\"]]", "{\"a\":1,\"a\":2}", "\"\\u000A\""] {
        assert!(!parse(text, &arena).unwrap().is_canonical(), "{text}");
    }
}

#[test]
fn nesting_is_limited() {
    let deep = "[".repeat(MAX_DEPTH + 1);
    assert_eq!(compact(&deep).unwrap_err(), ParseError::TooDeep.to_string());
    let fine = "[".repeat(MAX_DEPTH) + &"]".repeat(MAX_DEPTH);
    assert_eq!(compact(&fine).unwrap(), fine);
}

#[test]
fn members_and_lookup() {
    let arena = Bump::new();
    let value = parse("{\"a\":1,\"b\":[true,null],\"a\":\"x\"}", &arena).unwrap();
    assert_eq!(value.len(), 2);
    assert_eq!(value.get("a").unwrap().as_str().unwrap(), "x");
    let names: Vec<_> = value.members().map(|(name, _)| name.into_owned()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(value.get("b").unwrap().elements().count(), 2);
    assert!(value.get("c").is_none());
}

#[test]
fn java_number_texts() {
    let float = |value: f32| {
        let mut out = Vec::new();
        write_java_float(value, &mut out);
        String::from_utf8(out).unwrap()
    };
    let double = |value: f64| {
        let mut out = Vec::new();
        write_java_double(value, &mut out);
        String::from_utf8(out).unwrap()
    };
    for (value, text) in
        [(37.386, "37.386"), (100.0, "100.0"), (-0.0931, "-0.0931"), (0.0, "0.0"), (9.9e-4, "9.9E-4"), (1e7, "1.0E7")]
    {
        assert_eq!(float(value), text);
    }
    for (value, text) in
        [(0.001, "0.001"), (12345678.9, "1.23456789E7"), (123456789.12, "1.2345678912E8"), (8000.0, "8000.0")]
    {
        assert_eq!(double(value), text);
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_acceptance(text in "[\\[\\]{}\",:0-9a-z\\\\u. eE+-]{0,24}") {
        let ours = compact(&text);
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // serde_json refuses lone surrogates; nothing else differs on this alphabet.
        if !text.contains("\\u") {
            prop_assert_eq!(ours.is_ok(), theirs.is_ok());
        }
        if let Ok(compacted) = ours {
            prop_assert_eq!(compact(&compacted).unwrap(), compacted);
        }
    }

    #[test]
    fn any_serde_document_survives(value in arbitrary_json()) {
        let text = serde_json::to_string(&value).unwrap();
        let back: serde_json::Value = serde_json::from_str(&compact(&text).unwrap()).unwrap();
        prop_assert_eq!(back, value);
    }

    #[test]
    fn repeated_keys_are_found_in_objects_of_any_size(
        names in prop::collection::vec(prop::sample::select((0..200).collect::<Vec<u32>>()), 0..120),
        escaped in prop::option::of(0..120_usize),
    ) {
        // Names of one length with the same ends; one of them may be spelled with an escape.
        let spelled = |(at, name): (usize, &u32)| match escaped {
            Some(place) if place == at => format!("\"\\u006bey-begins-alike-{name:03}-ends-alike\":{at}"),
            _ => format!("\"key-begins-alike-{name:03}-ends-alike\":{at}"),
        };
        let members: Vec<String> = names.iter().enumerate().map(spelled).collect();
        let text = format!("{{{}}}", members.join(","));
        let arena = Bump::new();
        let value = parse(&text, &arena).unwrap();
        let found: Vec<(String, &str)> = value.members().map(|(key, member)| (key.into_owned(), member.source())).collect();
        let mut expected: Vec<(String, String)> = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let key = format!("key-begins-alike-{name:03}-ends-alike");
            match expected.iter_mut().find(|(known, _)| *known == key) {
                Some((_, last)) => *last = at.to_string(),
                None => expected.push((key, at.to_string())),
            }
        }
        prop_assert_eq!(found.len(), expected.len());
        for ((key, member), (expected_key, expected_member)) in found.iter().zip(&expected) {
            prop_assert_eq!((key, *member), (expected_key, expected_member.as_str()));
        }
    }

    #[test]
    fn strings_of_any_kind_are_written_and_read_back(text in "[ -~\\x00-\\x1f\\x7f\u{80}-\u{a5}é€😀]{0,70}") {
        let mut written = Vec::new();
        write_string(&text, &mut written);
        let written = String::from_utf8(written).unwrap();
        // The same, a character at a time.
        let escape = |c: char| match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        };
        prop_assert_eq!(&written, &format!("\"{}\"", text.chars().map(escape).collect::<String>()));
        let arena = Bump::new();
        let value = parse(&written, &arena).unwrap();
        prop_assert!(value.is_canonical());
        prop_assert_eq!(value.as_str_in(&arena), Some(text.as_str()));
        prop_assert!(value.str_eq(&text));
    }
}

fn arbitrary_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
        ]
    })
}

#[test]
fn large_objects_cost_no_more_than_their_size() {
    let arena = Bump::new();
    let members: Vec<String> = (0..50_000).map(|number| format!("\"k{number}\":{number}")).collect();
    let distinct = format!("{{{}}}", members.join(","));
    let value = parse(&distinct, &arena).unwrap();
    assert_eq!((value.is_canonical(), value.members().count()), (true, 50_000));
    let repeated = format!("{{{},\"k7\":\"last\",\"\\u006b8\":8}}", members.join(","));
    let value = parse(&repeated, &arena).unwrap();
    assert_eq!((value.is_canonical(), value.members().count()), (false, 50_000));
    let (key, member) = value.members().nth(7).unwrap();
    assert_eq!((&*key, member.source()), ("k7", "\"last\""));
    let tenfold = format!("{{{}}}", vec!["\"a\":1"; 50_000].join(","));
    let value = parse(&tenfold, &arena).unwrap();
    assert_eq!((value.is_canonical(), value.members().count()), (false, 1));
}

#[test]
fn members_that_are_passed_over_are_still_written() {
    let text = r#"{"a":{"enriched":{"x":[1,{"y":null}],"z":"\n"},"b":2},"enriched":"c","list":["enriched",{"d":3}]}"#;
    let arena = Bump::new();
    let whole = parse(text, &arena).unwrap();
    let passed = parse_passing_over(text, "enriched", &arena).unwrap();
    assert_eq!(passed.get("a").unwrap().get("enriched").unwrap().members().count(), 0);
    assert_eq!(passed.get("a").unwrap().get("b").unwrap().source(), "2");
    assert_eq!(passed.get("enriched").unwrap().as_str().unwrap(), "c");
    assert_eq!(passed.get("list").unwrap().elements().nth(1).unwrap().get("d").unwrap().source(), "3");
    assert_eq!(passed.compact_in(&arena), whole.compact_in(&arena));
    // What is spelled in another way is parsed as ever.
    let spaced = parse_passing_over(r#"{"enriched":{ "x":1}}"#, "enriched", &arena).unwrap();
    assert_eq!(spaced.compact_in(&arena), r#"{"enriched":{"x":1}}"#);
    for damaged in [r#"{"enriched":{"x":}}"#, r#"{"enriched":{"x":1}"#, r#"{"enriched":{"x":"\q"}}"#] {
        let error = parse(damaged, &arena).unwrap_err().to_string();
        assert_eq!(parse_passing_over(damaged, "enriched", &arena).unwrap_err().to_string(), error);
    }
}
