//! PostgreSQL alone.

use thresh::load::config::SslMode;
use thresh::load::secret::{Secret, SecretSource};
use thresh::load::target::{FailAt, OpenOptions};
use thresh::load::{LoadError, LoadOptions, RunOutcome, Steps, TargetConfig, open};

use super::world::{CHECKOUT, CHECKOUT_1, World, dump};
use crate::support::postgres::Database;

#[test]
fn errors_of_the_server_name_file_line_and_column() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    let row = |root: &str| world.run("x").row(("com.acme", "click", 1), "1-0-0", root, &["t", "1"]);
    drop(row("unused"));
    let mut run = world.run("1");
    for number in 0..3 {
        run = run.event(&[("event_id", &format!("a0000000-0000-4000-8000-00000000000{number}"))]);
    }
    // Not a place where this side could see it: the column is NOT NULL.
    run.event(&[("event_id", "a0000000-0000-4000-8000-000000000003"), ("v_etl", "")]).write();
    let mut target = open(&database.config(), &OpenOptions::default()).unwrap();
    let (_, result) = world.load_with(&mut *target, &LoadOptions::default());
    let Err(LoadError::Rows { bad, .. }) = result else { panic!("{result:?}") };
    assert!(bad[0].file.as_ref().unwrap().ends_with("part-00001.txt"), "{bad:?}");
    assert_eq!(bad[0].line, Some(2));
    assert!(bad[0].reason.contains("v_etl"), "{bad:?}");
    assert!(target.columns("events").unwrap().is_empty(), "rolled back");
}

#[test]
fn tables_are_migrated_in_the_run_s_transaction() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut target = open(&database.config(), &OpenOptions::default()).unwrap();
    let options =
        LoadOptions { steps: Steps { vacuum: true, ..Steps::default() }, load_tstamp: true, ..LoadOptions::default() };
    let (report, result) = world.load_with(&mut *target, &options);
    result.unwrap();
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    let rows = target.query("SELECT count(*) FROM atomic.events WHERE load_tstamp > now() - interval '1 day'").unwrap();
    assert_eq!(rows[0][0].as_deref(), Some("2"));
    world.schema("com.acme/checkout_step/jsonschema/1-0-1", CHECKOUT_1);
    world.plain_run("2", "b");
    target.fail_at(FailAt::Containing("INSERT INTO atomic.manifest".to_owned()));
    assert!(world.load_with(&mut *target, &options).1.is_err());
    let version = |target: &mut dyn thresh::load::Target| target.table_version(CHECKOUT).unwrap().unwrap();
    assert!(version(&mut *target).ends_with("1-0-0"), "the migration is rolled back with the rows");
    world.load(&mut *target);
    assert!(version(&mut *target).ends_with("1-0-1"));
    let columns = target.columns(CHECKOUT).unwrap();
    assert_eq!(columns.iter().find(|column| column.name == "step_name").unwrap().ty, "character varying(128)");
    let indexes = target.query("SELECT 1 FROM pg_indexes WHERE tablename = 'com_acme_checkout_step_1'").unwrap();
    assert_eq!(indexes.len(), 2);
}

#[test]
fn a_loader_that_is_at_work_keeps_others_away() {
    let Some(database) = Database::create() else { return };
    let world = World::on_disk();
    world.plain_run("1", "a");
    let mut first = open(&database.config(), &OpenOptions::default()).unwrap();
    first.keep_others_away().unwrap();
    let mut second = open(&database.config(), &OpenOptions::default()).unwrap();
    let error = world.load_with(&mut *second, &LoadOptions::default()).1.unwrap_err();
    assert!(matches!(error, LoadError::Locked { .. }), "{error}");
    drop(first);
    let mut third = open(&database.config(), &OpenOptions::default()).unwrap();
    // The server may need a moment to see that the first is gone.
    for _ in 0..50 {
        if world.load_with(&mut *third, &LoadOptions::default()).0.count(RunOutcome::Loaded) == 1 {
            return assert_eq!(dump(&mut *third, "events").len(), 2);
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("the lock stays");
}

#[test]
fn no_connection_says_why_and_keeps_the_password() {
    let Some(database) = Database::create() else { return };
    let wrong = TargetConfig { password: SecretSource::Plain(Secret::new("hunter22")), ..database.config() };
    let error = open(&wrong, &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("password authentication failed") && !error.contains("hunter22"), "{error}");
    let encrypted = TargetConfig { ssl: SslMode::Require, ..database.config() };
    let error = open(&encrypted, &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("TLS"), "{error}");
    let closed = TargetConfig { port: 1, ..database.config() };
    assert!(matches!(open(&closed, &OpenOptions::default()), Err(LoadError::Connect { .. })));
}
