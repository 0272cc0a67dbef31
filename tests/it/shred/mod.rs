//! `thresh shred`, `ddl` and `to-json` from end to end.

mod conservation;
mod ddl;
mod documentation;
mod duplicates;
mod dynamodb;
mod odd_input;
mod round_trip;
mod uploads;
mod whole_way;
pub mod world;

use serde_json::json;
use thresh::event::Column;
use world::{CLICK, Event, OTHER, PAGE, World, success};

const ATOMIC: &str =
    "output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/part-00000.txt.gz";

#[test]
fn a_run_folder_as_loaders_expect_it() {
    let world = World::new();
    let page = json!({"genre": "blog", "number": 1.50});
    world.input(
        "in/run=1/part-0",
        &[
            Event::new(1).contexts(&[(CLICK, json!({"target": "x", "count": 3})), (PAGE, page.clone())]),
            Event::new(2).contexts(&[(PAGE, page), (OTHER, json!({}))]),
            Event::new(3).contexts(&[(PAGE, json!({"unknown": 1}))]),
            Event::new(4).contexts(&[("iglu:com.acme/missing/jsonschema/1-0-0", json!({}))]),
        ],
    );
    world.write("in/run=1/part-1", b"no event\na\tb\n");
    world.write("in/run=1/_SUCCESS", b"");
    let summary = success(&world.shred("in", "r1", &["--summary", "json"]));
    let run = world.run("r1");
    let bad = "output=bad/vendor=com.snowplowanalytics.snowplow.badrows";
    let expected = vec![
        "_SUCCESS".to_owned(),
        "_manifest.json".to_owned(),
        format!("{bad}/name=loader_iglu_error/format=json/model=2/part-00000.txt.gz"),
        format!("{bad}/name=loader_parsing_error/format=json/model=2/part-00000.txt.gz"),
        "output=good/vendor=com.acme/name=click/format=tsv/model=1/part-00000.txt.gz".to_owned(),
        "output=good/vendor=com.acme/name=page/format=tsv/model=1/part-00000.txt.gz".to_owned(),
        ATOMIC.to_owned(),
        "output=good/vendor=org.example/name=other_thing/format=tsv/model=2/part-00000.txt.gz".to_owned(),
        "shredding_complete.json".to_owned(),
    ];
    assert_eq!(run.files(), expected);

    let click = run.lines("name=click");
    assert_eq!(click.len(), 1);
    let cells: Vec<&str> = click[0].split('\t').collect();
    assert_eq!(cells[4], "00000000-0000-0000-0000-000000000001");
    assert_eq!(cells[9..], ["x", "3"]);
    assert_eq!(run.lines("name=other_thing")[0].split('\t').count(), 9);
    assert_eq!(run.lines("name=atomic").len(), 2);

    let message = run.json("shredding_complete.json");
    let types: Vec<&str> =
        message["data"]["types"].as_array().unwrap().iter().map(|entry| entry["schemaKey"].as_str().unwrap()).collect();
    assert_eq!(types, ["iglu:com.snowplowanalytics.snowplow/atomic/jsonschema/1-0-0", CLICK, PAGE, OTHER]);
    assert_eq!(message["data"]["count"], json!({"good": 2}));
    assert_eq!(message["data"]["timestamps"]["min"], "2021-03-05T09:00:00.123Z");
    assert!(message["data"]["base"].as_str().unwrap().ends_with("/out/run=r1/"));

    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(
        (&summary["records_in"], &summary["events_good"], &summary["bad_rows"]),
        (&json!(6), &json!(2), &json!(4))
    );
    assert_eq!(run.counter("entities_in"), 6);
    assert_eq!(run.counter("entity_rows"), 4);
}

#[test]
fn bad_rows_and_json_where_they_are_wanted() {
    let world = World::new();
    world.input(
        "in",
        &[Event::new(1).contexts(&[(CLICK, json!({})), (PAGE, json!({"genre": "a"})), (OTHER, json!({}))])],
    );
    let run_with = |id: &str, more: &[&str]| {
        success(&world.shred("in", id, more));
        world.run(id).parts()
    };
    let formats = run_with(
        "r1",
        &[
            "--json-schemas",
            "iglu:com.acme/page/jsonschema/*-*-*",
            "--skip-schemas",
            "iglu:org.example/other_thing/jsonschema/2-*-*",
            "--compression",
            "none",
        ],
    );
    assert_eq!(
        formats,
        [
            "output=good/vendor=com.acme/name=click/format=tsv/model=1/part-00000.txt",
            "output=good/vendor=com.acme/name=page/format=json/model=1/part-00000.txt",
            ATOMIC.trim_end_matches(".gz"),
        ]
    );
    let row: serde_json::Value = serde_json::from_str(&world.run("r1").lines("name=page")[0]).unwrap();
    assert_eq!(row["data"], json!({"genre": "a"}));
    assert_eq!(row["hierarchy"]["refTree"], json!(["events", "page"]));
    let clash = world.shred(
        "in",
        "r2",
        &["--json-schemas", "iglu:a/b/jsonschema/1-*-*", "--tsv-schemas", "iglu:a/b/jsonschema/1-0-0"],
    );
    assert_eq!(clash.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&clash.stderr).contains("overlap in different groups"));

    world.write("broken", b"x\n");
    success(&world.shred("broken", "r3", &["--bad", "bad"]));
    assert!(world.run("r3").parts().is_empty());
    assert!(!world.run("r3").files().contains(&"shredding_complete.json".to_owned()));
    let bad = world::Run { folder: world.path("bad/run=r3") };
    assert_eq!(bad.lines("name=loader_parsing_error").len(), 1);
    success(&world.shred("broken", "r4", &["--bad", "bad", "--completion-message", "always"]));
    assert_eq!(world.run("r4").json("shredding_complete.json")["data"]["types"], json!([]));
}

#[test]
fn few_files_however_many_inputs_and_workers() {
    let world = World::new();
    for file in 0..40 {
        let events: Vec<Event> = (0..25)
            .map(|event| {
                Event::new(file * 100 + event)
                    .contexts(&[(PAGE, json!({"genre": format!("g{event}"), "number": file}))])
            })
            .collect();
        world.input(&format!("in/part-{file}"), &events);
    }
    success(&world.shred("in", "r1", &["--threads", "8"]));
    let run = world.run("r1");
    assert_eq!(run.parts().len(), 2, "{:?}", run.parts());
    assert_eq!(run.lines("name=page").len(), 1000);
    success(&world.shred("in", "r2", &["--threads", "1"]));
    assert_eq!(run.lines("name=page"), world.run("r2").lines("name=page"), "rows keep the input's order");

    success(&world.shred("in", "r3", &["--target-size", "1KiB", "--compression", "none", "--wave-size", "1KiB"]));
    let many = world.run("r3");
    let pages: Vec<String> = many.parts().into_iter().filter(|part| part.contains("name=page")).collect();
    assert_eq!(pages.len(), 40, "a wave for each input");
    assert!(pages[39].ends_with("part-00039.txt"), "{pages:?}");
    let mut rows = (run.lines("name=page"), many.lines("name=page"));
    rows.0.sort();
    rows.1.sort();
    assert_eq!(rows.0, rows.1);
}

#[test]
fn long_texts_and_old_archives() {
    let world = World::new();
    let long = json!({"target": "é".repeat(15)});
    world.input("in", &[Event::new(1).contexts(&[(CLICK, long.clone())])]);
    success(&world.shred("in", "r1", &[]));
    assert!(world.run("r1").lines("name=click")[0].ends_with(&format!("\t{}\t\\N", "é".repeat(10))));
    assert_eq!(world.run("r1").counter("cut_values"), 1);
    success(&world.shred("in", "r2", &["--keep-long-texts"]));
    assert!(world.run("r2").lines("name=click")[0].contains(&"é".repeat(15)));

    let event = Event::new(1).set(Column::event_fingerprint, "").line();
    let old: Vec<&str> = event.split('\t').take(108).collect();
    world.write("old", old.join("\t").as_bytes());
    success(&world.shred("old", "r3", &[]));
    assert_eq!(world.run("r3").lines("name=atomic")[0].split('\t').count(), 128);
}

#[test]
fn an_interrupted_run_goes_on() {
    let world = World::new();
    let events: Vec<Event> = (0..50).map(|id| Event::new(id / 2).contexts(&[(PAGE, json!({"number": id}))])).collect();
    world.input("in/a", &events);
    world.input("in/b", &events[..10]);
    let stopped = world.shred("in", "r1", &["--temp-dir", "nowhere", "--wave-size", "1KiB"]);
    assert_eq!(stopped.status.code(), Some(1), "{}", String::from_utf8_lossy(&stopped.stderr));
    let run = world.run("r1");
    assert!(!run.files().contains(&"_SUCCESS".to_owned()));
    success(&world.shred("in", "r1", &["--resume", "--wave-size", "1KiB"]));
    success(&world.shred("in", "r2", &[]));
    assert!(!run.files().iter().any(|file| file.contains("_journal")));
    let whole = world.run("r2");
    for name in ["events_good", "records_in", "natural_duplicates", "entity_rows"] {
        assert_eq!(run.counter(name), whole.counter(name), "{name}");
    }
    assert_eq!(run.counter("events_good"), 25);
    assert_eq!(run.counter("natural_duplicates"), 35);
}

#[test]
fn events_as_documents() {
    let world = World::new();
    world.input("in", &[Event::new(1).set(Column::br_cookies, "1").contexts(&[(PAGE, json!({"genre": "a"}))])]);
    world.write("in2", b"no event\n");
    let arguments = ["to-json", "in", "in2", "--output", "out", "--bad", "bad", "--run-id", "r", "--progress", "off"];
    success(&world.thresh(&arguments));
    let document: serde_json::Value = serde_json::from_str(&world.run("r").text("part-00000.jsonl.gz")).unwrap();
    assert_eq!(document["br_cookies"], json!(true));
    assert_eq!(document["contexts_com_acme_page_1"], json!([{"_schema_version": "1-0-0", "genre": "a"}]));
    let bad = world::Run { folder: world.path("bad/run=r") };
    assert!(bad.text("part-00000.jsonl.gz").contains("NotTSV"));
}
