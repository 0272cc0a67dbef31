//! Personal data: what is planted must not be found again once it is pseudonymised.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use thresh::event::Column;

use super::{ENRICHMENTS, Hit, SNOWPLOW, column, command, configure_with, done, failures};
use crate::adapters::runs::world_with;
use crate::enrich::{World, code, stderr};

/// Values that no other text holds.
const PLANTED: [&str; 7] = [
    "planted-user-4711",
    "203.0.113.77",
    "planted-fingerprint-99",
    "planted@context.example",
    "planted-list-one",
    "planted-list-two",
    "planted@event.example",
];

const PERSON: &str = "iglu:com.acme/person/jsonschema/1-0-0";
const SIGNUP: &str = "iglu:com.acme/signup/jsonschema/1-0-0";

fn world(emit_event: bool) -> World {
    let open = json!({"type": "object"});
    let world = world_with([(PERSON, open.clone()), (SIGNUP, open)]);
    let pojo = |field: &str| json!({"pojo": {"field": field}});
    let inside = |field: &str, schema: &str, path: &str| json!({"json": {"field": field, "schemaCriterion": schema, "jsonPath": path}});
    let members = json!({
        "emitEvent": emit_event,
        "parameters": {
            "pii": [
                pojo("user_id"),
                pojo("user_ipaddress"),
                pojo("user_fingerprint"),
                inside("contexts", "iglu:com.acme/person/jsonschema/1-*-*", "$.email"),
                inside("contexts", "iglu:com.acme/person/jsonschema/1-0-0", "$.names[*]"),
                inside("unstruct_event", "iglu:com.acme/signup/jsonschema/1-0-0", "$.['email', 'other']"),
            ],
            "strategy": {"pseudonymize": {"hashFunction": "SHA-256", "salt": "pepper123"}},
        },
    });
    configure_with(&world, ENRICHMENTS, "pii_enrichment_config", "2-0-0", members);
    world
}

fn hit() -> Hit {
    let contexts = json!({
        "schema": format!("iglu:{SNOWPLOW}/contexts/jsonschema/1-0-0"),
        "data": [{"schema": PERSON, "data": {"email": PLANTED[3], "names": [PLANTED[4], PLANTED[5]], "age": 7}}],
    });
    let event = json!({
        "schema": format!("iglu:{SNOWPLOW}/unstruct_event/jsonschema/1-0-0"),
        "data": {"schema": SIGNUP, "data": {"email": PLANTED[6], "plan": "kept"}},
    });
    Hit { ip: Some(PLANTED[1]), ..Hit::new() }
        .with("e", "ue")
        .with("uid", PLANTED[0])
        .with("fp", PLANTED[2])
        .with("co", &contexts.to_string())
        .with("ue_pr", &event.to_string())
}

/// Every byte below a folder, compressed files as their content, with the names of the files.
fn everything(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        let path = entry.path();
        text.push_str(&format!("\n[{}]\n", path.display()));
        if path.is_dir() {
            everything(&path, text);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let plain = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => {
                let mut plain = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&bytes[..]), &mut plain).unwrap();
                plain
            }
            false => bytes,
        };
        text.push_str(&String::from_utf8_lossy(&plain));
    }
}

#[track_caller]
fn assert_clean(place: &str, text: &str) {
    for planted in PLANTED {
        assert!(!text.contains(planted), "{planted} is in {place}");
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), stderr(output))
}

#[test]
fn planted_values_are_found_nowhere_again() {
    let world = world(true);
    let mut enrich = command(&world, &[hit(), hit()]);
    enrich.args(["-v", "-v", "-v"]);
    let enriched = done(enrich);
    assert_eq!(world.lines("good", "r").len(), 2);
    assert_clean("the log of enrich", &said(&enriched));
    let mut text = String::new();
    everything(&world.path("good"), &mut text);
    everything(&world.path("bad"), &mut text);
    assert!(text.contains("_manifest.json") && text.contains("\"plan\":\"kept\""), "the search sees what is there");
    assert_clean("the folders of enrich", &text);

    // Later stages: one event shredded, one refused because its context is of no known schema.
    let good = world.lines("good", "r");
    let broken = good[1].replace("com.acme/person", "com.acme/unknown");
    std::fs::create_dir_all(world.path("enriched")).unwrap();
    std::fs::write(world.path("enriched/part.tsv"), format!("{}\n{broken}\n", good[0])).unwrap();
    let mut shred = std::process::Command::new(env!("CARGO_BIN_EXE_thresh"));
    shred.current_dir(world.path("")).args(["shred", "enriched", "--output", "shredded", "--bad", "refused"]);
    shred.args(["--resolver", "resolver.json", "--offline", "--run-id", "s", "-v", "-v", "-v"]);
    let shredded = shred.output().unwrap();
    assert_eq!(code(&shredded), 0, "{}", stderr(&shredded));
    assert_clean("the log of shred", &said(&shredded));
    let mut text = String::new();
    everything(&world.path("shredded"), &mut text);
    everything(&world.path("refused"), &mut text);
    assert!(text.contains("com.acme/unknown") || text.contains("\"name\":\"unknown\""), "a bad row is there");
    assert_clean("the folders of shred", &text);
}

#[test]
fn the_events_about_them_go_to_an_output_of_their_own() {
    let world = world(true);
    let mut enrich = command(&world, &[hit(), Hit { ip: None, ..Hit::new() }]);
    enrich.args(["--pii", "pii"]);
    let counted: Value = serde_json::from_slice(&done(enrich).stdout).unwrap();
    let good = world.lines("good", "r");
    assert_clean("the good output", &good.join("\n"));
    let about = world.lines("pii", "r");
    // The second event's address is personal data, too.
    assert_eq!(about.len(), 2);
    assert_eq!((&counted["events_good"], &counted["named"]["pii_events"]), (&json!(2), &json!(2)), "{counted}");
    assert_eq!(column(&about[0], Column::event_name).as_deref(), Some("pii_transformation"));
    let event: Value = serde_json::from_str(&column(&about[0], Column::unstruct_event).unwrap()).unwrap();
    let pii = &event["data"]["data"]["pii"];
    let originals: Vec<&str> = ["pojo", "json"]
        .iter()
        .flat_map(|kind| pii[kind].as_array().unwrap())
        .map(|replaced| replaced["originalValue"].as_str().unwrap())
        .collect();
    for planted in PLANTED {
        assert!(originals.contains(&planted), "{planted} is not told");
    }
    let parent: Value = serde_json::from_str(&column(&about[0], Column::contexts).unwrap()).unwrap();
    let parent = parent["data"][0]["data"]["parentEventId"].as_str().unwrap().to_owned();
    assert_eq!(column(&good[0], Column::event_id), Some(parent));
    assert!(world.path("pii/run=r/_SUCCESS").exists());
}

#[test]
fn without_emit_event_there_are_none() {
    let world = world(false);
    let mut enrich = command(&world, &[hit()]);
    enrich.args(["--pii", "pii"]);
    done(enrich);
    assert_eq!(world.lines("good", "r").len(), 1);
    let mut text = String::new();
    everything(&world.path("pii"), &mut text);
    assert_clean("the third output", &text);
}

#[test]
fn outputs_must_be_different() {
    let world = world(true);
    let mut enrich = command(&world, &[hit()]);
    enrich.args(["--pii", "bad"]);
    let output = enrich.output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("must be different locations"), "{}", stderr(&output));
}

#[test]
fn an_event_that_fails_before_shows_its_values_in_its_bad_row() {
    // Its payload is what recovery needs: the reference keeps it, too.
    let world = world(true);
    done(command(&world, &[hit().with("tv", "x").with("tr_tt", "no number")]));
    let rows = world.lines("bad", "r");
    assert!(!failures(&rows[0]).is_empty() && rows[0].contains(PLANTED[0]));
}
