//! Redshift, by the stand-in: the text of statements, their order, and what Redshift refuses.

use std::sync::Arc;

use thresh::load::jsonpaths::JsonPaths;
use thresh::load::target::OpenOptions;
use thresh::load::{LoadError, LoadOptions, RunOutcome, Steps, TargetConfig, open};

use super::world::{CHECKOUT, CHECKOUT_1, CHECKOUT_2, World, dump};
use crate::support::redshift::{FakeRedshift, ROLE};
use crate::support::s3::BUCKET;

const ID: &str = "a0000000-0000-4000-8000-000000000001";

fn start() -> Option<(World, FakeRedshift)> {
    let world = World::on_s3();
    let double = FakeRedshift::start(world.s3.as_ref().unwrap())?;
    Some((world, double))
}

fn by_prefix() -> OpenOptions {
    OpenOptions { copy_by_prefix: true, ..OpenOptions::default() }
}

#[test]
fn statements_and_their_order_are_those_of_the_reference() {
    let Some((world, double)) = start() else { return };
    world.plain_run("2021-03-05-10-00-00", "a");
    world.load(&mut *open(&double.config(), &by_prefix()).unwrap());
    world.schema("com.acme/checkout_step/jsonschema/1-0-1", CHECKOUT_1);
    world.schema("com.acme/checkout_step/jsonschema/1-0-2", CHECKOUT_2);
    let row = ["pay", "1", "2", "2.5", r"\N", "X", "4"];
    world
        .run("2021-03-06-10-00-00")
        .gzip()
        .event(&[("event_id", ID)])
        .row(("com.acme", "checkout_step", 1), "1-0-2", ID, &row)
        .row(("com.acme", "checkout_step", 1), "1-0-1", ID, &["pay", "1", "2", "2.5", r"\N", "X", r"\N"])
        .write();
    double.take_journal();
    let mut target = open(&double.config(), &by_prefix()).unwrap();
    world.load(&mut *target);
    let journal = double.take_journal();
    let order: Vec<&str> =
        journal.iter().map(String::as_str).filter(|sql| !sql.starts_with("SELECT a.attname")).collect();
    let good = format!("s3://{BUCKET}/shredded/run=2021-03-06-10-00-00/output=good");
    let events = format!(
        "COPY atomic.events FROM '{good}/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/' CREDENTIALS 'aws_iam_role={ROLE}' REGION 'eu-west-1' MAXERROR 1 TIMEFORMAT 'auto' DELIMITER '\t' EMPTYASNULL FILLRECORD TRUNCATECOLUMNS ACCEPTINVCHARS GZIP"
    );
    let steps = format!(
        "COPY atomic.{CHECKOUT} FROM '{good}/vendor=com.acme/name=checkout_step/format=tsv/model=1/' DELIMITER '\t' CREDENTIALS 'aws_iam_role={ROLE}' REGION AS 'eu-west-1' MAXERROR 1 TIMEFORMAT 'auto' TRUNCATECOLUMNS ACCEPTINVCHARS GZIP"
    );
    let at = |wanted: &str| {
        let found = order.iter().position(|sql| sql.starts_with(wanted));
        found.unwrap_or_else(|| panic!("no {wanted} in\n{}", order.join("\n")))
    };
    let expected = [
        format!("ALTER TABLE atomic.{CHECKOUT} ALTER \"step_name\" TYPE VARCHAR(200)"),
        "BEGIN".to_owned(),
        "LOCK TABLE atomic.manifest".to_owned(),
        format!("ALTER TABLE atomic.{CHECKOUT} ADD COLUMN \"coupon\" VARCHAR(20) ENCODE ZSTD"),
        format!("ALTER TABLE atomic.{CHECKOUT} ADD COLUMN \"attempt\" BIGINT ENCODE ZSTD"),
        format!("COMMENT ON TABLE atomic.{CHECKOUT} IS 'iglu:com.acme/checkout_step/jsonschema/1-0-2'"),
        events,
        steps,
        "INSERT INTO atomic.manifest".to_owned(),
        "COMMIT".to_owned(),
    ];
    let mut last = 0;
    for wanted in expected {
        let position = at(&wanted);
        assert!(position >= last, "{wanted} comes too early in\n{}", order.join("\n"));
        last = position;
    }
    let copies = order.iter().filter(|sql| sql.starts_with("COPY")).count();
    assert_eq!(copies, 2, "two versions of one model are one COPY");
    let tail = [
        "BEGIN".to_owned(),
        "ANALYZE atomic.events".to_owned(),
        format!("ANALYZE atomic.{CHECKOUT}"),
        "COMMIT".to_owned(),
    ];
    assert_eq!(order[last + 1..], tail);
    assert_eq!(dump(&mut *target, CHECKOUT).len(), 4);
    // The second time: neither COPY nor anything else that changes.
    double.take_journal();
    world.load(&mut *target);
    let journal = double.take_journal();
    assert!(journal.iter().all(|sql| sql.starts_with("SELECT")), "{journal:?}");
}

#[test]
fn a_prefix_without_slash_would_take_in_its_neighbour() {
    let Some((world, double)) = start() else { return };
    world.plain_run("1", "a");
    for options in [OpenOptions::default(), by_prefix()] {
        let fresh = FakeRedshift::start(world.s3.as_ref().unwrap()).unwrap();
        let mut target = open(&fresh.config(), &options).unwrap();
        world.load(&mut *target);
        assert_eq!(dump(&mut *target, "com_acme_click_1").len(), 1);
    }
    // The stand-in has the trap that this avoids.
    let mut target = open(&double.config(), &by_prefix()).unwrap();
    world.load(&mut *target);
    let click = format!("s3://{BUCKET}/shredded/run=1/output=good/vendor=com.acme/name=click/format=tsv/model=1");
    target
        .execute(&format!(
            "COPY atomic.com_acme_click_1 FROM '{click}' DELIMITER '\t' CREDENTIALS 'aws_iam_role={ROLE}' REGION AS 'eu-west-1' MAXERROR 1"
        ))
        .unwrap();
    assert_eq!(dump(&mut *target, "com_acme_click_1").len(), 3);
}

#[test]
fn files_are_listed_one_by_one() {
    let Some((world, double)) = start() else { return };
    world.plain_run("1", "a");
    let mut target = open(&double.config(), &OpenOptions::default()).unwrap();
    world.load(&mut *target);
    let journal = double.take_journal();
    let copy = journal.iter().find(|sql| sql.starts_with("COPY atomic.events")).unwrap();
    assert!(copy.contains(&format!("FROM 's3://{BUCKET}/shredded/run=1/_load/events.manifest'")), "{copy}");
    assert!(copy.ends_with("ACCEPTINVCHARS MANIFEST"), "{copy}");
    let keys: Vec<String> = world.s3.as_ref().unwrap().state().objects.keys().cloned().collect();
    assert!(!keys.iter().any(|key| key.contains("_load")), "{keys:?}");
}

#[test]
fn errors_of_copy_come_with_file_line_and_reason() {
    let Some((world, double)) = start() else { return };
    world
        .run("1")
        .event(&[("event_id", ID)])
        .event(&[("event_id", ID), ("txn_id", "many")])
        .event(&[("event_id", ID)])
        .write();
    let mut target = open(&double.config(), &OpenOptions::default()).unwrap();
    let (_, result) = world.load_with(&mut *target, &LoadOptions::default());
    let Err(LoadError::Rows { bad, table }) = result else { panic!("{result:?}") };
    assert_eq!(table, "events");
    assert!(bad[0].file.as_ref().unwrap().ends_with("part-00000.txt"), "{bad:?}");
    assert_eq!((bad[0].line, bad[0].column.as_deref()), (Some(2), Some("txn_id")));
    assert!(bad[0].reason.starts_with("Invalid digit"));
    // With MAXERROR the row is left out, but not in silence.
    let lenient = TargetConfig { max_error: 5, ..double.config() };
    let report = world.load(&mut *open(&lenient, &OpenOptions::default()).unwrap());
    let events = &report.runs[0].tables[0];
    assert_eq!((events.rows, events.rejected.len()), (Some(2), 1));
    assert!(events.rejected[0].contains("line 2, column txn_id"), "{:?}", events.rejected);
}

#[test]
fn json_types_need_their_table_and_their_jsonpaths_file() {
    let Some((world, double)) = start() else { return };
    let s3 = Arc::clone(world.s3.as_ref().unwrap());
    let types = "run=1/shredded-types/vendor=com.acme/name=click/format=jsonschema";
    let line = |version: &str, target: &str| {
        format!(
            r#"{{"schema":{{"vendor":"com.acme","name":"click","format":"jsonschema","version":"{version}"}},"data":{{"target":"{target}","x":5}},"hierarchy":{{"rootId":"{ID}","rootTstamp":"2019-01-01 00:00:00.000","refRoot":"events","refTree":["events","click"],"refParent":"events"}}}}"#
        )
    };
    world.put(&format!("{types}/version=1-0-0/part-0"), line("1-0-0", "a").as_bytes());
    world.put(&format!("{types}/version=1-0-1/part-0"), line("1-0-1", "b").as_bytes());
    let atomic: Vec<&str> = thresh::ddl::EVENTS_COLUMNS
        .iter()
        .map(|column| match column.name {
            "collector_tstamp" => "2019-01-01 00:00:00.000",
            "event_id" => ID,
            _ if column.not_null => "x",
            _ => "",
        })
        .collect();
    world.put("run=1/atomic-events/part-0", atomic.join("\t").as_bytes());
    world.put("run=1/atomic-events/_SUCCESS", b"");
    world.put("run=1/shredded-types/_SUCCESS", b"");
    let options = LoadOptions { jsonpaths: JsonPaths { folders: vec![s3.at("assets/")] }, ..LoadOptions::default() };
    for open_options in [OpenOptions::default(), by_prefix()] {
        let double = FakeRedshift::start(&s3).unwrap();
        s3.state().objects.remove("assets/com.acme/click_1.json");
        let mut target = open(&double.config(), &open_options).unwrap();
        let error = world.load_with(&mut *target, &options).1.unwrap_err().to_string();
        assert!(error.contains("tables of JSON types are not created"), "{error}");
        let key = thresh::ddl::ModelKey { vendor: "com.acme".into(), name: "click".into(), model: 1 };
        let table = thresh::ddl::Table::load(&world.schemas(), &key, thresh::ddl::TableOptions::default()).unwrap();
        for sql in target.dialect().create_table(&table, target.sql_options()).unwrap() {
            target.execute(&sql).unwrap();
        }
        let error = world.load_with(&mut *target, &options).1.unwrap_err().to_string();
        assert!(error.contains("JSONPath file [com.acme/click_1.json] was not found"), "{error}");
        let paths = serde_json::json!({ "jsonpaths": table.jsonpaths() }).to_string();
        s3.put("assets/com.acme/click_1.json", paths);
        world.load_with(&mut *target, &options).1.unwrap();
        let rows = dump(&mut *target, "com_acme_click_1");
        assert!(rows.len() == 2 && rows[1].ends_with("|target=b|x=5"), "{rows:?}");
    }
    drop(double);
}

#[test]
fn vacuum_comes_after_the_transactions_and_transit_loses_nothing() {
    let Some((world, double)) = start() else { return };
    world.plain_run("1", "a");
    world.plain_run("2", "b");
    let steps = Steps { vacuum: true, transit_copy: true, ..Steps::default() };
    let mut target = open(&double.config(), &OpenOptions::default()).unwrap();
    let options = LoadOptions { steps, load_tstamp: true, ..LoadOptions::default() };
    let (report, result) = world.load_with(&mut *target, &options);
    result.unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(report.count(RunOutcome::Loaded), 2);
    assert_eq!(dump(&mut *target, "events").len(), 4);
    let journal = double.take_journal();
    let vacuums: Vec<&String> = journal.iter().filter(|sql| sql.starts_with("VACUUM")).collect();
    assert_eq!(vacuums.len(), 4, "each table once: {vacuums:?}");
    assert_eq!(vacuums[0], "VACUUM SORT ONLY atomic.events");
}

#[test]
fn secrets_stay_out_of_dry_runs() {
    let Some((world, double)) = start() else { return };
    world.plain_run("1", "a");
    let mut target = open(&double.config(), &OpenOptions { read_only: true, ..OpenOptions::default() }).unwrap();
    double.take_journal();
    let options = LoadOptions { dry_run: true, ..LoadOptions::default() };
    let (report, result) = world.load_with(&mut *target, &options);
    result.unwrap();
    let text = report.statements.join("\n");
    assert!(text.contains("COPY atomic.events FROM") && !text.contains("p@ss word"), "{text}");
    let journal = double.take_journal();
    assert!(journal.iter().all(|sql| sql.starts_with("SELECT")), "{journal:?}");
}

#[test]
fn local_folders_are_refused_before_anything_changes() {
    let Some((world, double)) = start() else { return };
    drop(world);
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut target = open(&double.config(), &OpenOptions::default()).unwrap();
    let error = world.load_with(&mut *target, &LoadOptions::default()).1.unwrap_err().to_string();
    assert!(error.contains("Redshift loads from S3 only"), "{error}");
}
