//! The specification's examples, the dialect's peculiarities, and a comparison with a general validator.

use bumpalo::Bump;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn reports(schema: &Json, data: &str) -> Vec<Report> {
    let compiled = CompiledSchema::compile(schema).unwrap_or_else(|issues| panic!("{schema}: {issues:?}"));
    let arena = Bump::new();
    let value = crate::json::parse(data, &arena).unwrap();
    let reports = compiled.reports(value);
    assert_eq!(compiled.is_valid(value), reports.is_empty(), "{schema} on {data}: {reports:?}");
    reports
}

/// Messages, and where the other fields are not those that follow from the message, those too.
fn messages(schema: Json, data: &str) -> Vec<String> {
    reports(&schema, data).into_iter().map(|report| report.message).collect()
}

fn issues(schema: Json) -> Vec<String> {
    let issues = CompiledSchema::compile(&schema).expect_err("an unusable schema");
    issues.into_iter().map(|issue| format!("{} | {}", issue.path, issue.message)).collect()
}

#[test]
fn reports_come_in_the_reference_s_words_and_order() {
    let schema = json!({
        "type": "object", "properties": {"id": {"type": "string"}}, "required": ["id", "qty"], "additionalProperties": false
    });
    let report = |message: &str, path: &str, keyword: &str, targets: &[&str]| Report {
        message: message.to_owned(),
        path: Some(path.to_owned()),
        keyword: Some(keyword.to_owned()),
        targets: targets.iter().map(|target| (*target).to_owned()).collect(),
    };
    const EXTRA: &str = "$.zz: is not defined in the schema and the schema does not allow additional properties";
    let expected = [
        report("$.id: integer found, string expected", "$.id", "type", &["integer", "string"]),
        report(EXTRA, "$", "additionalProperties", &["zz"]),
        report("$.qty: is missing but it is required", "$", "required", &["qty"]),
    ];
    assert_eq!(reports(&schema, r#"{"id":5,"zz":1}"#), expected);
    let expected =
        ["$.id: is missing but it is required", "$.qty: is missing but it is required", EXTRA].map(str::to_owned);
    assert_eq!(messages(schema, r#"{"zz":1}"#), expected);
}

#[test]
fn every_keyword_has_its_message() {
    for (schema, data, expected) in [
        (json!({"type": ["string", "null"]}), "1", "$: integer found, but [string, null] is required"),
        (
            json!({"enum": ["a", 1.0, null, true, {"x": 1}]}),
            "7",
            "$: does not have a value in the enumeration [a, 1.0, null, true, ]",
        ),
        (json!({"maxLength": 3}), r#""abcd""#, "$: may only be 3 characters long"),
        (json!({"minLength": 2}), r#""😀""#, "$: must be at least 2 characters long"),
        (json!({"pattern": "it's {0}"}), r#""x""#, "$: does not match the regex pattern it's {0}"),
        (json!({"minimum": 3.0, "exclusiveMinimum": true}), "3", "$: must have a minimum value of 3.0"),
        (serde_json::from_str(r#"{"maximum":1e2}"#).unwrap(), "1e3", "$: must have a maximum value of 1E+2"),
        (json!({"multipleOf": 0.01}), "19.995", "$: must be multiple of 0.01"),
        (json!({"multipleOf": 2}), "3", "$: must be multiple of 2.0"),
        (json!({"minItems": 1}), "[]", "$: there must be a minimum of 1 items in the array"),
        (json!({"maxItems": 1}), "[1,2]", "$: there must be a maximum of 1 items in the array"),
        (json!({"uniqueItems": true}), "[1,1]", "$: the items in the array must be unique"),
        (json!({"items": [{}], "additionalItems": false}), "[1,2]", "$[1]: no validator found at this index"),
        (json!({"items": {"type": "string"}}), "[\"a\",2]", "$[1]: integer found, string expected"),
        (
            json!({"dependencies": {"a": ["b", "c"], "d": ["e"]}}),
            r#"{"a":1}"#,
            "$: has an error with dependencies {a=[b, c], d=[e]}",
        ),
        (json!({"dependencies": {"a": {"required": ["q"]}}}), r#"{"a":1}"#, "$.q: is missing but it is required"),
        (json!({"minProperties": 1}), "{}", "$: should have a minimum of 1 properties"),
        (json!({"maxProperties": 0}), r#"{"a":1}"#, "$: may only have a maximum of 0 properties"),
        (json!({"allOf": [{"type": "string"}]}), "1", "$: integer found, string expected"),
        (json!({"anyOf": [{"type": "string"}]}), "1", "$: should be valid to any of the schemas string"),
        (
            json!({"oneOf": [{"type": "integer"}, {"minimum": 3}]}),
            "5",
            "$: should be valid to one and only one of schema, but more than one are valid: {\"type\":\"integer\"}{\"minimum\":3}",
        ),
        (
            json!({"not": {"type": "integer", "minimum": 0}}),
            "1",
            "$: should not be valid to the schema \"not\" : {\"type\":\"integer\",\"minimum\":0}",
        ),
        (json!({"notAllowed": ["c"]}), r#"{"c":1}"#, "$.c: is not allowed but it is in the data"),
        (json!({"patternProperties": {"^a": {"type": "null"}}}), r#"{"ab":1}"#, "$.ab: integer found, null expected"),
        (json!({"additionalProperties": {"type": "null"}}), r#"{"b":1}"#, "$.b: integer found, null expected"),
        (json!({"format": "date-time"}), r#""x""#, "$: x is an invalid date-time"),
        (json!({"format": "date"}), r#""x""#, "$: x is an invalid date"),
        (json!({"format": "uuid"}), r#""x""#, "$: x is an invalid uuid"),
        (json!({"format": "email"}), r#""a@localhost""#, "$: does not match the a@localhost pattern email"),
        (json!({"format": "alpha"}), r#""1""#, "$: does not match the alpha pattern ^[a-zA-Z]+$"),
    ] {
        assert_eq!(messages(schema, data), [expected]);
    }
}

#[test]
fn one_of_tells_what_is_most_telling() {
    let branch = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name], "additionalProperties": false});
    let schema = json!({"oneOf": [branch("a"), branch("b")]});
    assert_eq!(messages(schema.clone(), r#"{"a":1,"z":1}"#), ["$.a: integer found, string expected"]);
    let missing = ["$.a: is missing but it is required", "$.b: is missing but it is required"];
    assert_eq!(messages(schema, "{}"), missing);
}

#[test]
fn the_dialect_s_peculiarities() {
    let accepts = |schema: &str, data: &str| reports(&serde_json::from_str(schema).unwrap(), data).is_empty();
    for (schema, data, expected) in [
        (r#"{"type":"integer"}"#, "5.0", false),
        (r#"{"type":"integer"}"#, "1e3", false),
        (r#"{"type":"integer"}"#, "123456789012345678901234567890", true),
        (r#"{"type":"number"}"#, "5", true),
        (r#"{"enum":[1.0]}"#, "1", true),
        (r#"{"enum":[[1.0]]}"#, "[1]", false),
        (r#"{"enum":[{"b":1,"a":2}]}"#, r#"{"a":2,"b":1}"#, true),
        (r#"{"uniqueItems":true}"#, "[1,1.0]", true),
        (r#"{"uniqueItems":true}"#, "[1.0,1.00]", false),
        (r#"{"multipleOf":0.01}"#, "19.99", true),
        (r#"{"multipleOf":0}"#, "5", true),
        (r#"{"exclusiveMinimum":3}"#, "1", true),
        (r#"{"minimum":1,"exclusiveMinimum":3}"#, "1", true),
        (r#"{"maximum":9007199254740992}"#, "9007199254740993", false),
        (r#"{"maximum":18446744073709551615}"#, "18446744073709551616", false),
        (r#"{"type":"string","nullable":true}"#, "null", true),
        (r#"{"type":"string","nullable":false}"#, "null", false),
        (r#"{"enum":["a"],"nullable":true}"#, "null", true),
        (r#"{"nullable":true,"properties":{"a":{"type":"string"}}}"#, r#"{"a":null}"#, true),
        (r#"{"additionalProperties":false}"#, r##"{"#a":1}"##, true),
        (r#"{"additionalProperties":{"type":"null"}}"#, r##"{"#a":1}"##, true),
        (r#"{"pattern":"^a$"}"#, r#""a\n""#, true),
        (r#"{"pattern":"b"}"#, r#""abc""#, true),
        (r#"{"const":1,"if":{"type":"null"},"contains":{}}"#, "2", true),
        (r#"{"format":"regex"}"#, r#""(""#, true),
        (r#"{"format":"uuid"}"#, "5", true),
        (r##"{"$ref":"http://json-schema.org/draft-04/schema#"}"##, "5", true),
        (
            r##"{"properties":{"a":{"$ref":"#/definitions/s","maxLength":1}},"definitions":{"s":{"type":"string"}}}"##,
            r#"{"a":"xy"}"#,
            false,
        ),
        (r##"{"properties":{"a":{"$ref":"#"},"b":{"type":"string"}}}"##, r#"{"a":{"a":{"b":1}}}"#, false),
        (r#"{"required":["a","b"]}"#, r#"{"a":1,"a":2,"b":3}"#, true),
        (r#"{"maxProperties":1}"#, r#"{"a":1,"a":2}"#, true),
    ] {
        assert_eq!(accepts(schema, data), expected, "{schema} on {data}");
    }
}

#[test]
fn more_than_64_required_members() {
    let names: Vec<String> = (0..70).map(|number| format!("n{number}")).collect();
    let schema = json!({"required": names});
    let all: serde_json::Map<String, Json> = names.iter().map(|name| (name.clone(), json!(1))).collect();
    assert!(reports(&schema, &Json::Object(all.clone()).to_string()).is_empty());
    let mut most = all;
    most.remove("n69");
    assert_eq!(messages(schema, &Json::Object(most).to_string()), ["$.n69: is missing but it is required"]);
}

#[test]
fn the_deepest_values_fit_the_stack_of_a_thread() {
    let schema = json!({
        "anyOf": [{"type": "string"}, {"allOf": [{"$ref": "#/definitions/list"}]}],
        "definitions": {"list": {"type": "array", "items": {"$ref": "#"}, "maxItems": 1}}
    });
    let depth = crate::json::MAX_DEPTH - 1;
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    let (good, bad) = (deep("\"x\""), deep("[1,2]"));
    let thread = std::thread::spawn(move || {
        assert!(reports(&schema, &good).is_empty());
        assert!(!reports(&schema, &bad).is_empty());
    });
    thread.join().expect("2 MiB of stack are enough");
}

#[test]
fn many_reports_take_no_time() {
    let data = format!("[{}]", vec!["1"; 50_000].join(","));
    assert_eq!(reports(&json!({"items": {"type": "string"}}), &data).len(), 50_000);
}

#[test]
fn schemas_are_checked_before_use() {
    for (schema, expected) in [
        (
            json!({"$schema": "http://json-schema.org/draft-04/schema#"}),
            "$ | Unknown MetaSchema: http://json-schema.org/draft-04/schema#",
        ),
        (
            json!({"exclusiveMaximum": 1, "maximum": 3}),
            "$.exclusiveMaximum | $.exclusiveMaximum: integer found, boolean expected",
        ),
        (json!({"exclusiveMaximum": true}), "$ | $: has an error with dependencies {exclusiveMaximum=[maximum]}"),
        (json!({"required": []}), "$.required | $.required: there must be a minimum of 1 items in the array"),
        (json!({"maxLength": 5.0}), "$.maxLength | $.maxLength: number found, integer expected"),
        (json!({"format": 5}), "$.format | $.format: integer found, string expected"),
        (json!([]), "$ | $: array found, object expected"),
        (json!({"properties": {"a": true}}), "$.properties.a | $.properties.a: boolean found, object expected"),
        (json!({"$ref": "#/definitions/zz"}), "$ | Reference #/definitions/zz cannot be resolved"),
        (json!({"$ref": "file:///etc/passwd"}), "$ | Reference file:///etc/passwd cannot be resolved"),
        (
            json!({"definitions": (0..300).map(|n| (format!("d{n}"), json!({"$ref": format!("#/definitions/d{}", n + 1)}))).collect::<serde_json::Map<_, _>>(), "$ref": "#/definitions/d0"}),
            "$ | schemas are nested deeper than 200 levels",
        ),
        (json!({"$ref": "#"}), "$ | a $ref leads back to itself without end"),
        (
            json!({"definitions": {"a": {"anyOf": [{"$ref": "#/definitions/a"}]}}, "items": {"$ref": "#/definitions/a"}}),
            "$ | a $ref leads back to itself without end",
        ),
    ] {
        assert_eq!(issues(schema), [expected]);
    }
    assert!(issues(json!({"pattern": "(a"}))[0].starts_with("$ | the pattern (a cannot be used: "));
    let types = issues(json!({"type": "strin"}));
    assert_eq!(
        types[0],
        "$.type | $.type: does not have a value in the enumeration [array, boolean, integer, null, number, object, string]"
    );
    for usable in [
        json!({"$schema": IGLU_META_SCHEMA, "self": {"vendor": "a"}, "type": "object"}),
        json!({"$schema": DRAFT_4_META_SCHEMA}),
        json!({"exclusiveMinimum": 3, "multipleOf": 0, "format": "nonsense", "x-y": [1]}),
    ] {
        assert!(CompiledSchema::compile(&usable).is_ok(), "{usable}");
    }
}

/// Schemas in the language that draft 4 and the dialect share.
fn shared_schema() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["string", "integer", "number", "boolean", "null", "array", "object"])
            .prop_map(|kind| json!({"type": kind})),
        Just(json!({"type": ["string", "null"]})),
        (0..4_u32).prop_map(|length| json!({"maxLength": length})),
        (0..4_u32).prop_map(|length| json!({"minLength": length})),
        (-3..9_i32).prop_map(|limit| json!({"minimum": limit})),
        (-3..9_i32, any::<bool>()).prop_map(|(limit, strict)| json!({"maximum": limit, "exclusiveMaximum": strict})),
        (1..4_i32).prop_map(|divisor| json!({"multipleOf": divisor})),
        Just(json!({"enum": ["a", 1, null, true]})),
        Just(json!({"pattern": "^[ab]+$"})),
        Just(json!({"required": ["a", "b"]})),
        (0..3_u32).prop_map(|size| json!({"minItems": size, "minProperties": size})),
        (0..3_u32).prop_map(|size| json!({"maxItems": size, "maxProperties": size})),
        Just(json!({"dependencies": {"a": ["b"]}})),
    ];
    leaf.prop_recursive(3, 24, 3, |inner| {
        let members = prop::collection::hash_map(prop::sample::select(vec!["a", "b", "c"]), inner.clone(), 0..3);
        let several = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            (members, any::<bool>())
                .prop_map(|(properties, more)| { json!({"properties": properties, "additionalProperties": more}) }),
            inner.clone().prop_map(|items| json!({"items": items})),
            inner.clone().prop_map(|additional| json!({"additionalProperties": additional, "properties": {"a": {}}})),
            several.clone().prop_map(|items| json!({"items": items, "additionalItems": false})),
            several.clone().prop_map(|branches| json!({"allOf": branches})),
            several.clone().prop_map(|branches| json!({"anyOf": branches})),
            several.prop_map(|branches| json!({"oneOf": branches})),
            inner.clone().prop_map(|negated| json!({"not": negated})),
            inner.prop_map(|target| json!({"definitions": {"d": target}, "allOf": [{"$ref": "#/definitions/d"}]})),
        ]
    })
}

fn instance() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-4..10_i32).prop_map(Json::from),
        prop::sample::select(vec![0.5, 1.25, -2.5, 8.75]).prop_map(Json::from),
        "[ab]{0,4}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::hash_map("[abc]", inner, 0..4).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn verdicts_agree_with_a_general_validator(schema in shared_schema(), data in instance()) {
        // `$ref` into a subschema's own definitions only resolves at the root.
        prop_assume!(schema.get("definitions").is_some() || !schema.to_string().contains("$ref"));
        prop_assume!(schema.to_string().matches("$ref").count() < 2);
        let general = jsonschema::draft4::options().build(&schema).unwrap();
        let fits = reports(&schema, &data.to_string()).is_empty();
        prop_assert_eq!(fits, general.is_valid(&data), "{} on {}", schema, data);
    }

    #[test]
    fn any_document_is_compiled_or_refused(schema in instance(), data in instance()) {
        if CompiledSchema::compile(&schema).is_ok() {
            reports(&schema, &data.to_string());
        }
    }
}
