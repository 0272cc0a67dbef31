//! Validation from the tape: what a worker does to every entity of every event.
//!
//! Aim: 20 members in 2.5 µs or less, and nothing allocated.

use bumpalo::Bump;
use divan::Bencher;
use serde_json::{Value, json};
use thresh::iglu::schema::CompiledSchema;

fn main() {
    divan::main();
}

fn link_click() -> (Value, Value) {
    let text = |limit: u32| json!({"type": ["string", "null"], "maxLength": limit});
    let schema = json!({
        "type": "object",
        "required": ["targetUrl"],
        "additionalProperties": false,
        "properties": {
            "elementId": text(1024),
            "elementClasses": {"type": ["array", "null"], "items": {"type": "string"}},
            "elementTarget": text(1024),
            "targetUrl": {"type": "string", "minLength": 1, "maxLength": 4096},
            "elementContent": text(65000)
        }
    });
    let data = json!({
        "targetUrl": "https://www.example.com/shop/product?id=12345&ref=home",
        "elementId": "buy-now",
        "elementClasses": ["button", "button--primary", "js-track"]
    });
    (schema, data)
}

fn web_page() -> (Value, Value) {
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "additionalProperties": false,
        "properties": {"id": {"type": "string", "format": "uuid"}}
    });
    (schema, json!({"id": "024629f0-6110-4e3d-a7ad-5c2c1d3a1f70"}))
}

/// Twenty members of all kinds, with formats, limits and enumerations.
fn rich() -> (Value, Value) {
    let mut properties = serde_json::Map::new();
    let mut data = serde_json::Map::new();
    let mut add = |name: &str, schema: Value, value: Value| {
        properties.insert(name.to_owned(), schema);
        data.insert(name.to_owned(), value);
    };
    for number in 0..6 {
        let text = json!({"type": ["string", "null"], "maxLength": 255});
        add(&format!("textField{number}"), text, json!("a text of ordinary length"));
    }
    for number in 0..4 {
        let count = json!({"type": "integer", "minimum": 0, "maximum": 32767});
        add(&format!("countField{number}"), count, json!(1200 + number));
    }
    add("price", json!({"type": "number", "multipleOf": 0.01, "minimum": 0}), json!(19.99));
    add("ratio", json!({"type": ["number", "null"]}), json!(0.25));
    add("id", json!({"type": "string", "format": "uuid"}), json!("024629f0-6110-4e3d-a7ad-5c2c1d3a1f70"));
    add("at", json!({"type": "string", "format": "date-time"}), json!("2024-05-06T07:08:09.123Z"));
    add("url", json!({"type": "string", "format": "uri"}), json!("https://www.example.com/a/b?c=d#e"));
    add("kind", json!({"enum": ["a", "b", "c", "d"]}), json!("c"));
    add("currency", json!({"type": "string", "pattern": "^[A-Z]{3}$"}), json!("EUR"));
    add("isNew", json!({"type": "boolean"}), json!(true));
    add("isOld", json!({"type": ["boolean", "null"]}), json!(null));
    add("tags", json!({"type": "array", "items": {"type": "string"}, "maxItems": 10}), json!(["x", "y", "z"]));
    let required = ["id", "at", "kind", "price"];
    let schema = json!({
        "type": "object", "required": required, "additionalProperties": false, "properties": properties
    });
    (schema, Value::Object(data))
}

fn validate(bencher: Bencher<'_, '_>, (schema, data): (Value, Value)) {
    let schema = CompiledSchema::compile(&schema).expect("the schema is usable");
    let text = data.to_string();
    let arena = Bump::new();
    let value = thresh::json::parse(&text, &arena).expect("the data is JSON");
    assert!(schema.is_valid(value));
    bencher.bench_local(|| divan::black_box(&schema).is_valid(divan::black_box(value)));
}

#[divan::bench]
fn validate_link_click(bencher: Bencher<'_, '_>) {
    validate(bencher, link_click());
}

#[divan::bench]
fn validate_web_page(bencher: Bencher<'_, '_>) {
    validate(bencher, web_page());
}

#[divan::bench]
fn validate_20_members(bencher: Bencher<'_, '_>) {
    validate(bencher, rich());
}

#[divan::bench]
fn compile_20_members(bencher: Bencher<'_, '_>) {
    let (schema, _) = rich();
    bencher.bench_local(|| CompiledSchema::compile(divan::black_box(&schema)).is_ok());
}

/// The slow path: a bad row's reports.
#[divan::bench]
fn report_20_members_3_wrong(bencher: Bencher<'_, '_>) {
    let (schema, mut data) = rich();
    for (name, wrong) in [("price", json!("x")), ("countField1", json!(-1)), ("extra", json!(1))] {
        data[name] = wrong;
    }
    let schema = CompiledSchema::compile(&schema).expect("the schema is usable");
    let text = data.to_string();
    let arena = Bump::new();
    let value = thresh::json::parse(&text, &arena).expect("the data is JSON");
    assert_eq!(schema.reports(value).len(), 3);
    bencher.bench_local(|| divan::black_box(&schema).reports(divan::black_box(value)));
}
