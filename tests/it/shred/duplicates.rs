//! Duplicates within a batch and across batches.

use std::collections::HashSet;

use serde_json::json;
use thresh::event::Column;

use super::world::{Event, PAGE, Run, World, success};

/// The ids that rows of a kind have, sorted.
fn ids(run: &Run, kind: &str) -> Vec<String> {
    let column = if kind == "name=atomic" { 6 } else { 4 };
    let mut ids: Vec<String> =
        run.lines(kind).iter().map(|line| line.split('\t').nth(column).unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn uuid(number: u8) -> String {
    format!("00000000-0000-0000-0000-0000000000{number:02x}")
}

#[test]
fn the_worked_example() {
    let world = World::new();
    let event = |id: u8, fingerprint: &str, etl: &str| {
        Event::new(u128::from(id))
            .set(Column::event_fingerprint, fingerprint)
            .set(Column::etl_tstamp, etl)
            .contexts(&[(PAGE, json!({"genre": "a"}))])
    };
    let (ten, nine) = ("2021-03-05 10:00:00.000", "2021-03-05 09:00:00.000");
    world.input(
        "in",
        &[
            event(0xA, "f1", ten),
            event(0xA, "f1", nine),
            event(0xA, "f2", ten),
            event(0xB, "", ten),
            event(0xB, "", ten),
            event(0xC, "f1", ten),
        ],
    );
    success(&world.shred("in", "r1", &["--missing-fingerprint", "unique"]));
    let run = world.run("r1");
    assert_eq!(run.counter("natural_duplicates"), 1);
    assert_eq!(run.counter("renamed_events"), 4);
    assert_eq!(run.counter("events_good"), 5);
    let atomic = ids(&run, "name=atomic");
    assert_eq!(atomic.iter().collect::<HashSet<_>>().len(), 5, "every id once");
    assert!(atomic.contains(&uuid(0xC)) && !atomic.contains(&uuid(0xA)) && !atomic.contains(&uuid(0xB)));
    assert_eq!(ids(&run, "name=page"), atomic, "all rows of an event carry its new id");
    let renamed: Vec<String> = atomic.into_iter().filter(|id| *id != uuid(0xC)).collect();
    assert_eq!(ids(&run, "name=duplicate"), renamed);
    let mut originals: Vec<String> =
        run.lines("name=duplicate").iter().map(|line| line.split('\t').nth(9).unwrap().to_owned()).collect();
    originals.sort();
    assert_eq!(originals, [uuid(0xA), uuid(0xA), uuid(0xB), uuid(0xB)]);
    let kept = run.lines("name=atomic").iter().filter(|line| line.contains(nine)).count();
    assert_eq!(kept, 1, "of copies the oldest stays");
    let types = run.json("shredding_complete.json")["data"]["types"].to_string();
    assert!(types.contains("duplicate/jsonschema/1-0-0"), "the loader hears of the new entities: {types}");

    success(&world.shred("in", "r2", &[]));
    assert_eq!(world.run("r2").counter("natural_duplicates"), 2, "without a fingerprint, what was sent decides");
    success(&world.shred("in", "r3", &["--dedupe", "none"]));
    assert_eq!(world.run("r3").counter("events_good"), 6);
}

#[test]
fn an_event_that_is_bad_is_nobodys_namesake() {
    let world = World::new();
    world.input(
        "in",
        &[
            Event::new(1).contexts(&[(PAGE, json!({"unknown": 1}))]).set(Column::event_fingerprint, "f2"),
            Event::new(1).contexts(&[(PAGE, json!({"genre": "a"}))]),
        ],
    );
    success(&world.shred("in", "r1", &[]));
    let run = world.run("r1");
    assert_eq!(ids(&run, "name=atomic"), [uuid(1)], "it keeps its id");
    assert_eq!((run.counter("bad_rows"), run.counter("renamed_events")), (1, 0));
}

#[test]
fn a_repeated_run_gives_the_same_ids() {
    let world = World::new();
    world.input("in", &[Event::new(1), Event::new(1).set(Column::event_fingerprint, "f2")]);
    success(&world.shred("in", "r1", &[]));
    let first = ids(&world.run("r1"), "name=atomic");
    std::fs::remove_dir_all(world.path("out")).unwrap();
    success(&world.shred("in", "r1", &[]));
    assert_eq!(ids(&world.run("r1"), "name=atomic"), first);
}

#[test]
fn many_copies_in_many_files() {
    let world = World::new();
    for file in 0..6 {
        let events: Vec<Event> = (0..200u8)
            .map(|id| {
                let etl = format!("2021-03-05 10:00:0{file}.000");
                Event::new(u128::from(id)).set(Column::etl_tstamp, &etl).contexts(&[(PAGE, json!({"number": id}))])
            })
            .collect();
        world.input(&format!("in/part-{file}"), &events);
    }
    success(&world.shred("in", "r1", &["--threads", "4", "--wave-size", "1KiB"]));
    let run = world.run("r1");
    assert_eq!(run.counter("natural_duplicates"), 1000);
    assert_eq!(ids(&run, "name=atomic"), (0..200u8).map(uuid).collect::<Vec<_>>());
    assert!(run.lines("name=atomic").iter().all(|line| line.contains("10:00:00.000")), "the oldest of each stays");
    assert_eq!(run.counter("entities_in"), 1200);
}

#[test]
fn earlier_batches_in_a_folder() {
    let world = World::new();
    let batch = |hour: u8, ids: &[u8]| -> Vec<Event> {
        let etl = format!("2021-03-05 {hour:02}:00:00.000");
        ids.iter()
            .map(|id| Event::new(u128::from(*id)).set(Column::etl_tstamp, &etl).contexts(&[(PAGE, json!({}))]))
            .collect()
    };
    world.input("first", &batch(10, &[1, 2, 3, 3]));
    world.input("second", &batch(11, &[3, 4, 4, 5]));
    let run = |input: &str, id: &str| {
        success(&world.shred(input, id, &["--cross-batch", "seen"]));
        let run = world.run(id);
        (ids(&run, "name=atomic"), run.counter("cross_batch_duplicates"), run.counter("natural_duplicates"))
    };
    let (one, two, three, four, five) = (uuid(1), uuid(2), uuid(3), uuid(4), uuid(5));
    assert_eq!(run("first", "a"), (vec![one.clone(), two.clone(), three.clone()], 0, 1));
    assert_eq!(run("first", "b"), (vec![one, two, three], 0, 1), "a batch may be repeated");
    assert_eq!(run("second", "c"), (vec![four, five], 1, 1));
    let forgotten = world.shred("second", "d", &["--cross-batch", "seen", "--cross-batch-window", "0"]);
    success(&forgotten);
    assert_eq!(world.run("d").counter("cross_batch_duplicates"), 0);

    std::fs::write(world.path("seen/seen-1-x"), b"damaged").unwrap();
    let damaged = world.shred("second", "e", &["--cross-batch", "seen"]);
    assert_eq!(damaged.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("seen-1-x"), "the object is named");
}

#[test]
fn standard_input_cannot_be_read_twice() {
    let world = World::new();
    let refused = world.shred("-", "r1", &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--dedupe none"));
}
