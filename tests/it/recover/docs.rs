//! Every block of docs/RECOVERY.md is run: commands, the configuration and the script that they name, and what they print.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{BADROWS, World, bad_row};

/// A fenced block: what kind it is, and its text.
struct Block {
    kind: String,
    text: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(kind), None) => open = Some(Block { kind: kind.to_owned(), text: String::new() }),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The commands of a block: lines that end in a backslash go on.
fn commands(block: &Block) -> Vec<Vec<String>> {
    let whole = block.text.replace("\\\n", " ");
    let commands = whole.lines().filter(|line| line.starts_with("thresh "));
    commands.map(|line| line.split_whitespace().skip(1).map(str::to_owned).collect()).collect()
}

/// Bad rows as the page tells of them: a platform, a version of a context, and rows that are lost.
fn tutorial_rows() -> String {
    let raw = |parameters: Value| {
        json!({"vendor": "com.snowplowanalytics.snowplow", "version": "tp2", "parameters": parameters,
            "loaderName": "ssc-1.0.1-kinesis", "encoding": "UTF-8", "timestamp": "2021-03-05T10:00:00.000Z"})
    };
    let row = |name: &str, message: &Value, parameters: Value| {
        let failure = json!({"timestamp": "2021-03-05T10:01:00Z", "messages": [message]});
        let payload = json!({"enriched": {}, "raw": raw(parameters)});
        bad_row(name, &json!({"processor": {}, "failure": failure, "payload": payload}))
    };
    let platform = json!({"enrichment": null, "message":
        {"field": "p", "value": "wob", "expectation": "not recognized as a tracking platform"}});
    let lookup = json!({"error": "ResolutionError", "lookupHistory": [{"repository": "Iglu Central",
        "errors": [{"error": "NotFound"}], "attempts": 1, "lastAttempt": "2021-03-05T10:01:00Z"}]});
    let version = json!({"schemaKey": "iglu:com.acme/product/jsonschema/1-0-3", "error": lookup});
    let event = |p: &str, product: &str| {
        let contexts = json!({"schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": [
            {"schema": "iglu:com.acme/visitor/jsonschema/1-0-0", "data": {}},
            {"schema": format!("iglu:com.acme/product/jsonschema/{product}"), "data": {"price": 5}}]});
        let cx = URL_SAFE_NO_PAD.encode(contexts.to_string());
        json!([{"name": "e", "value": "pv"}, {"name": "p", "value": p}, {"name": "cx", "value": cx}])
    };
    let size = json!({"timestamp": "2021-03-05T10:01:00Z", "maximumAllowedSizeBytes": 1000, "actualSizeBytes": 2000,
        "expectation": "event passed enrichment but then exceeded the maximum allowed size 1000 bytes"});
    let lost = bad_row("size_violation", &json!({"processor": {}, "failure": size, "payload": "x"}));
    let mut rows = vec![row("enrichment_failures", &platform, event("wob", "1-0-4")); 1200];
    rows.extend(vec![row("schema_violations", &version, event("web", "1-0-3")); 54]);
    rows.extend(vec![lost; 2]);
    rows.join("\n") + "\n"
}

/// Legacy rows as the page tells of them.
fn archive(world: &World) {
    let line = |id: u32, url: &str| {
        format!(
            "2016-02-24\t00:00:00\t-\t1\t192.0.2.1\tGET\tc\t/i\t200\t-\tUA\te=pv&p=web&eid=00000000-0000-4000-8000-{id:012}&url={url}\t-\t-\t-"
        )
    };
    let row = |line: String, error: &str| json!({"line": line, "errors": [error]}).to_string();
    let bad = "Provided URI [http://[] could not be parsed, neither by Java parsing nor by Scala parsing";
    let mut rows: Vec<String> = (0..5).map(|id| row(line(id, "http%3A%2F%2F%5B"), bad)).collect();
    rows.push(rows[0].clone());
    rows.push(row(line(9, "x"), "something else"));
    rows.push(row(line(10, "x").replace("p=web", "p=wob"), "Field [p]: [wob] is not a supported tracking platform"));
    world.write("archive/bad/run=2016-02-24-10-00-00/part-00000", &rows.join("\n"));
    world.write("archive/bad/run=2016-02-24-10-00-00/_SUCCESS", "");
    world.write("archive/bad/run=2016-09-01-10-00-00/part-00000", &rows.join("\n"));
    world.write("archive/bad/run=2016-09-01-10-00-00/_SUCCESS", "");
    let id = "00000000-0000-4000-8000-000000000001";
    world.write("archive/enriched/good/part-0", &format!("app\tweb\t\t\t\tpv\t{id}{}\n", "\t".repeat(124)));
}

/// A resolver that knows the schemas of the page.
fn registry(world: &World) {
    for schema in ["product/jsonschema/1-0-4", "visitor/jsonschema/1-0-0"] {
        world.write(&format!("registry/schemas/com.acme/{schema}"), "{\"type\":\"object\"}");
    }
    let repository = json!({"name": "Ours", "priority": 0, "vendorPrefixes": ["com.acme"],
        "connection": {"embedded": {"path": "registry"}}});
    let resolver = json!({"schema": "iglu:com.snowplowanalytics.iglu/resolver-config/jsonschema/1-0-1",
        "data": {"cacheSize": 500, "repositories": [repository]}});
    world.write("resolver.json", &resolver.to_string());
}

#[test]
fn every_block_of_the_page_works() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/RECOVERY.md");
    // Buckets are folders here.
    let text = std::fs::read_to_string(page).unwrap().replace("s3://", "");
    let world = World::new();
    world.write("acme-enriched/bad/run=2021-03-05-10-02-00/part-00000", &tutorial_rows());
    world.write("acme-enriched/bad/run=2021-03-05-10-02-00/_SUCCESS", "");
    archive(&world);
    registry(&world);
    std::fs::create_dir(world.path("enrichments")).unwrap();
    let mut printed = String::new();
    let mut ran = 0;
    for block in blocks(&text) {
        match block.kind.as_str() {
            "json" => {
                let document: Value = serde_json::from_str(&block.text).unwrap();
                let name = if document.get("schema").is_some() { "recovery.json" } else { "legacy.json" };
                world.write(name, &whole_configuration(document));
            }
            "js" => drop(world.write("mend.js", &block.text)),
            "" => {
                let mut commands = commands(&block);
                if commands.is_empty() {
                    assert!(printed.starts_with(&block.text), "printed:\n{printed}\nbut the page has:\n{}", block.text);
                }
                for command in &mut commands {
                    printed = run(&world, command);
                    ran += 1;
                }
            }
            other => panic!("a block of an unknown kind: {other}"),
        }
    }
    assert_eq!(ran, 9, "commands on the page");
    // The events are there, however they were made.
    let folder = |name: &str| world.lines(name).len();
    assert_eq!((folder("acme-recovered/good/run=direct"), folder("acme-recovered/good/run=two-steps")), (1254, 1254));
    assert_eq!((folder("mended/run=2016"), folder("unrecoverable/discarded/run=2016")), (6, 2));
    assert_eq!(folder("mended/run=once"), 4, "five events, one of them known, each once");
}

/// Flows on the page may stand without what is around them.
fn whole_configuration(document: Value) -> String {
    match document.get("schema") {
        Some(_) => document.to_string(),
        None => super::flows(&document),
    }
}

fn run(world: &World, arguments: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
    command.current_dir(world.path("")).args(arguments).env_remove("RUST_LOG");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_skeleton_of_suggest_is_a_configuration() {
    let world = World::new();
    world.write("bad/part-0", &tutorial_rows());
    let found = world.summary(&["recover", "bad", "--suggest"]);
    world.write("config.json", &found["skeleton"].to_string());
    let summary = world.recover("bad", &["--config", "config.json"], &[]);
    assert_eq!(summary["records_in"], 1256);
    let key = format!("{BADROWS}/enrichment_failures/jsonschema/1-*-*");
    let name = found["skeleton"]["data"][key][0]["name"].as_str().unwrap();
    assert_eq!(summary["named"][format!("flow: {name}")], 1200, "{summary}");
}
