//! SQLite, and what all targets have in common.

use thresh::load::manifest::Generation;
use thresh::load::target::OpenOptions;
use thresh::load::{LoadError, LoadOptions, RunOutcome, Steps, open};

use super::world::{CHECKOUT, CHECKOUT_1, CHECKOUT_2, World, dump};

fn table(report: &thresh::load::LoadReport, run: usize, name: &str) -> thresh::load::TableReport {
    report.runs[run].tables.iter().find(|table| table.table == name).unwrap().clone()
}

#[test]
fn a_run_is_loaded_once() {
    let world = World::on_disk();
    world.plain_run("2021-01-02-00-00-00", "b");
    world.plain_run("2021-01-01-00-00-00", "a");
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    let report = world.load(&mut *target);
    assert_eq!(report.count(RunOutcome::Loaded), 2);
    assert!(report.runs[0].base.ends_with("run=2021-01-01-00-00-00/"), "oldest first");
    assert_eq!(table(&report, 0, "events").rows, Some(2));
    assert_eq!(table(&report, 0, CHECKOUT).rows, Some(2));
    assert_eq!(table(&report, 0, "com_acme_click_1").rows, Some(1));
    assert_eq!(table(&report, 0, "com_acme_click_10").rows, Some(1));
    let events = dump(&mut *target, "events");
    assert_eq!(events.len(), 4);
    assert!(events[0].contains("|page_url=http://acme.com/?q=ä|"), "{}", events[0]);
    let types = target.query("SELECT typeof(txn_id), typeof(br_cookies) FROM events WHERE txn_id IS NOT NULL").unwrap();
    assert_eq!(types[0], [Some("integer".to_owned()), Some("integer".to_owned())]);
    let total = target.query("SELECT tr_total, se_value FROM events WHERE tr_total IS NOT NULL").unwrap();
    assert_eq!(total[0], [Some("10000000".to_owned()), Some("0.5".to_owned())]);
    let steps = target
        .query(&format!("SELECT step_name, paid, step_no, total, \"when\" FROM {CHECKOUT} ORDER BY step_name LIMIT 2"))
        .unwrap();
    assert_eq!(steps[0][0].as_deref(), Some(""), "an empty text is no null");
    let manifest = dump(&mut *target, "manifest");
    assert_eq!(manifest.len(), 2);
    assert!(manifest[0].contains("|count_good=2") && manifest[0].contains("|shredding_started=2021-03-05 10:01:00|"));

    let again = world.load(&mut *target);
    assert_eq!((again.count(RunOutcome::Loaded), again.count(RunOutcome::AlreadyLoaded)), (0, 2));
    assert!(again.runs[0].loaded_at.is_some());
    assert_eq!(dump(&mut *target, "events"), events);
}

#[test]
fn a_table_several_versions_behind_is_brought_forward() {
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    world.load(&mut *target);
    world.schema("com.acme/checkout_step/jsonschema/1-0-1", CHECKOUT_1);
    world.schema("com.acme/checkout_step/jsonschema/1-0-2", CHECKOUT_2);
    let root = "c0000000-0000-4000-8000-000000000001";
    let long = "x".repeat(150);
    world
        .run("2")
        .event(&[("event_id", root)])
        .row(("com.acme", "checkout_step", 1), "1-0-2", root, &[&long, "1", "2", "2.5", r"\N", "SAVE", "4"])
        .write();
    let report = world.load(&mut *target);
    assert_eq!(report.runs[1].changed_tables, [CHECKOUT]);
    let rows = target.query(&format!("SELECT step_name, coupon, attempt FROM {CHECKOUT} WHERE attempt = 4")).unwrap();
    assert_eq!(rows, [[Some(long), Some("SAVE".to_owned()), Some("4".to_owned())]]);
    assert_eq!(
        target.table_version(CHECKOUT).unwrap().as_deref(),
        Some("iglu:com.acme/checkout_step/jsonschema/1-0-2")
    );
    // A run from before the new versions has fewer fields: the rest is null.
    world.plain_run("3", "d");
    world.load(&mut *target);
    assert_eq!(dump(&mut *target, CHECKOUT).len(), 5);
}

#[test]
fn a_table_without_version_stops_the_load_with_a_way_out() {
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    target.execute(&format!("CREATE TABLE {CHECKOUT} (step_name TEXT)")).unwrap();
    let (report, result) = world.load_with(&mut *target, &LoadOptions::default());
    let error = result.unwrap_err().to_string();
    assert!(
        error.contains("has no comment") && error.contains("iglu:com.acme/checkout_step/jsonschema/1-0-0"),
        "{error}"
    );
    assert_eq!(report.runs[0].outcome, RunOutcome::Failed);
}

#[test]
fn a_bad_value_names_its_place_and_nothing_is_loaded() {
    let world = World::on_disk();
    world
        .run("1")
        .event(&[("event_id", "a0000000-0000-4000-8000-000000000001")])
        .event(&[("event_id", "a0000000-0000-4000-8000-000000000002")])
        .event(&[("event_id", "a0000000-0000-4000-8000-000000000003")])
        .event(&[("event_id", "a0000000-0000-4000-8000-000000000004"), ("txn_id", "many")])
        .write();
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    let (_, result) = world.load_with(&mut *target, &LoadOptions::default());
    let Err(LoadError::Rows { bad, .. }) = result else { panic!("{result:?}") };
    assert!(bad[0].file.as_ref().unwrap().ends_with("part-00001.txt"));
    assert_eq!((bad[0].line, bad[0].column.as_deref()), (Some(2), Some("txn_id")));
    assert!(target.columns("events").unwrap().is_empty(), "the table was part of the transaction");
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::on_disk();
    world.plain_run("1", "a");
    let config = world.sqlite();
    let mut target = open(&config, &OpenOptions { read_only: true, ..OpenOptions::default() }).unwrap();
    let options = LoadOptions { dry_run: true, ..LoadOptions::default() };
    let (report, result) = world.load_with(&mut *target, &options);
    result.unwrap();
    assert_eq!(report.count(RunOutcome::Planned), 1);
    let text = report.statements.join(";\n");
    for part in
        ["BEGIN IMMEDIATE", "CREATE TABLE IF NOT EXISTS \"events\"", "INSERT INTO \"com_acme_click_10\"", "COMMIT"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!config.path.exists());
}

#[test]
fn the_time_of_loading_and_the_first_generation() {
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    let options = LoadOptions { manifest: Generation::First, load_tstamp: true, ..LoadOptions::default() };
    world.load_with(&mut *target, &options).1.unwrap();
    let rows = target.query("SELECT count(*) FROM events WHERE load_tstamp LIKE '20%'").unwrap();
    assert_eq!(rows[0][0].as_deref(), Some("2"));
    let manifest = target.query("SELECT event_count, shredded_cardinality FROM manifest").unwrap();
    assert_eq!(manifest, [[Some("2".to_owned()), Some("3".to_owned())]]);
    let again = world.load_with(&mut *target, &options).1.unwrap_err().to_string();
    assert!(again.contains("Load Manifest record for 2021-03-05 09:00:00.000 already exists"), "{again}");
    // The second generation sets the table of the first aside.
    world.load(&mut *target);
    assert_eq!(target.query("SELECT count(*) FROM manifest_legacy").unwrap()[0][0].as_deref(), Some("1"));
    let steps = Steps { load_manifest: false, analyze: false, ..Steps::default() };
    let (report, _) = world.load_with(&mut *target, &LoadOptions { steps, ..LoadOptions::default() });
    assert_eq!(report.count(RunOutcome::Loaded), 1, "without manifest nothing is known to be loaded");
}

#[test]
fn json_types_of_old_runs_become_columns() {
    let world = World::on_disk();
    let folder = "run=2019-01-01-00-00-00";
    let line = |id: &str, data: &str| {
        format!(
            r#"{{"schema":{{"vendor":"com.acme","name":"click","format":"jsonschema","version":"1-0-0"}},"data":{data},"hierarchy":{{"rootId":"{id}","rootTstamp":"2019-01-01 00:00:00.000","refRoot":"events","refTree":["events","click"],"refParent":"events"}}}}"#
        )
    };
    let rows = format!("{}\n{}\n", line("i1", r#"{"target":"a\tb","x":5}"#), line("i2", r#"{"target":null}"#));
    let types = format!("{folder}/shredded-types/vendor=com.acme/name=click/format=jsonschema/version=1-0-0");
    world.put(&format!("{types}/part-0"), rows.as_bytes());
    let event = "x".to_owned();
    let atomic: Vec<String> = thresh::ddl::EVENTS_COLUMNS
        .iter()
        .map(|column| match column.name {
            "collector_tstamp" => "2019-01-01 00:00:00.000".to_owned(),
            _ if column.not_null => event.clone(),
            _ => String::new(),
        })
        .collect();
    world.put(&format!("{folder}/atomic-events/part-0"), atomic.join("\t").as_bytes());
    world.put(&format!("{folder}/atomic-events/_SUCCESS"), b"");
    world.put(&format!("{folder}/shredded-types/_SUCCESS"), b"");
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    world.load(&mut *target);
    let rows = target.query("SELECT root_id, ref_tree, target, x FROM com_acme_click_1 ORDER BY root_id").unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(rows[0], [text("i1"), text(r#"["events","click"]"#), text("a\tb"), text("5")]);
    assert_eq!(rows[1][2..], [None, None]);
    let manifest = target.query("SELECT types, processor_artifact FROM manifest").unwrap();
    assert_eq!(
        manifest[0][0].as_deref(),
        Some(r#"[{"schemaKey":"iglu:com.acme/click/jsonschema/1-0-0","format":"JSON"}]"#)
    );
}
