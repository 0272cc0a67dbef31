//! Whatever fails, a repeated load gives what an undisturbed one gives; two loaders at once load a run once.

use std::sync::Barrier;

use thresh::load::{LoadError, LoadOptions, RunOutcome};

use super::world::{CHECKOUT, TestTarget, World, dump};
use crate::support::redshift::Fault;

const TABLES: [&str; 5] = ["events", CHECKOUT, "com_acme_click_1", "com_acme_click_10", "manifest"];

fn tables(target: &TestTarget) -> Vec<Vec<String>> {
    let mut connection = target.open();
    TABLES.iter().map(|table| dump(&mut *connection, table)).collect()
}

/// A part of the statement of every step.
fn steps(target: &TestTarget) -> Vec<&'static str> {
    match target {
        TestTarget::Sqlite(_) => vec![
            "CREATE TABLE IF NOT EXISTS \"manifest\"",
            "SELECT ingestion_tstamp",
            "BEGIN IMMEDIATE",
            "CREATE TABLE IF NOT EXISTS \"events\"",
            "CREATE TABLE IF NOT EXISTS \"com_acme_click_10\"",
            "INSERT INTO \"events\"",
            "INSERT INTO \"com_acme_checkout_step_1\"",
            "INSERT INTO \"com_acme_click_10\"",
            "INSERT INTO \"manifest\"",
            "COMMIT",
        ],
        TestTarget::Postgres(_) => vec![
            "CREATE SCHEMA",
            "CREATE TABLE IF NOT EXISTS atomic.manifest",
            "SELECT ingestion_tstamp",
            "BEGIN",
            "CREATE TABLE IF NOT EXISTS atomic.events",
            "COMMENT ON TABLE atomic.com_acme_click_10",
            "COPY atomic.events",
            "COPY atomic.com_acme_checkout_step_1",
            "COPY atomic.com_acme_click_10",
            "INSERT INTO atomic.manifest",
            "COMMIT",
        ],
        TestTarget::Redshift(_) => vec![
            "CREATE SCHEMA",
            "CREATE TABLE IF NOT EXISTS atomic.manifest",
            "LOCK TABLE",
            "CREATE TABLE IF NOT EXISTS atomic.events",
            "COPY atomic.events",
            "COPY atomic.com_acme_checkout_step_1",
            "COPY atomic.com_acme_click_10",
            "INSERT INTO atomic.manifest",
            "COMMIT",
        ],
    }
}

#[test]
fn a_failure_at_any_step_leaves_nothing_that_a_repetition_does_not_mend() {
    let world = World::on_s3();
    world.plain_run("1", "a");
    world.plain_run("2", "b");
    for undisturbed in TestTarget::all(&world) {
        world.load(&mut *undisturbed.open());
        let expected = tables(&undisturbed);
        for step in steps(&undisturbed) {
            let disturbed = emptied(&undisturbed);
            let mut connection = disturbed.open();
            connection.fail_next(step);
            let (report, result) = world.load_with(&mut *connection, &LoadOptions::default());
            assert!(result.is_err(), "{}: {step} did not fail", disturbed.name());
            assert_eq!(report.count(RunOutcome::Loaded), 0, "{step}");
            // A new process comes, and the old one is gone.
            drop(connection);
            world.load(&mut *disturbed.open());
            assert_eq!(tables(disturbed), expected, "{}: {step}", disturbed.name());
        }
    }
}

/// The same target without any table.
fn emptied(target: &TestTarget) -> &TestTarget {
    match target {
        TestTarget::Sqlite(config) => {
            for ending in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{ending}", config.path.display()));
            }
        }
        _ => target.open().execute("DROP SCHEMA IF EXISTS atomic CASCADE").unwrap(),
    }
    target
}

#[test]
fn a_connection_that_breaks_doubles_and_loses_nothing() {
    let world = World::on_s3();
    world.plain_run("1", "a");
    let all = TestTarget::all(&world);
    let Some(redshift) = all.iter().find(|target| matches!(target, TestTarget::Redshift(_))) else { return };
    world.load(&mut *redshift.open());
    let expected = tables(redshift);
    let mut faults: Vec<Fault> = (0..4).flat_map(|n| [Fault::FailCopy(n), Fault::DropAfterCopy(n)]).collect();
    faults.extend([
        Fault::DropBefore("LOCK"),
        Fault::DropBefore("INSERT INTO atomic.manifest"),
        Fault::DropBefore("COMMIT"),
    ]);
    for fault in faults {
        let disturbed = emptied(redshift);
        let TestTarget::Redshift(double) = disturbed else { unreachable!() };
        double.fault(fault.clone());
        let (_, result) = world.load_with(&mut *disturbed.open(), &LoadOptions::default());
        assert!(result.is_err(), "{fault:?}");
        let report = world.load(&mut *disturbed.open());
        assert_eq!(report.count(RunOutcome::Loaded), 1, "{fault:?}");
        assert_eq!(tables(disturbed), expected, "{fault:?}");
    }
    let lists: Vec<String> =
        world.s3.as_ref().unwrap().state().objects.keys().filter(|key| key.contains("_load")).cloned().collect();
    assert!(lists.is_empty(), "lists of files are left over: {lists:?}");
}

#[test]
fn of_two_loaders_at_once_one_loads() {
    let world = World::on_s3();
    let mut run = world.run("1");
    for number in 0..2000 {
        run = run.event(&[("event_id", &format!("{number:08}-0000-4000-8000-000000000001"))]);
    }
    run.write();
    for target in TestTarget::all(&world) {
        let barrier = Barrier::new(2);
        let loader = || {
            let mut connection = target.open();
            barrier.wait();
            world.load_with(&mut *connection, &LoadOptions::default())
        };
        let results = std::thread::scope(|scope| {
            let both = [scope.spawn(loader), scope.spawn(loader)];
            both.map(|thread| thread.join().unwrap())
        });
        let loaded: usize = results.iter().map(|(report, _)| report.count(RunOutcome::Loaded)).sum();
        assert_eq!(loaded, 1, "{}", target.name());
        let loser = results.iter().find(|(report, _)| report.count(RunOutcome::Loaded) == 0).unwrap();
        let says_so = match &loser.1 {
            Err(LoadError::Locked { .. }) => true,
            Ok(()) => loser.0.count(RunOutcome::AlreadyLoaded) == 1,
            // Both made the same table at the same time.
            Err(error) => error.to_string().contains("already exists") || error.to_string().contains("duplicate key"),
        };
        assert!(says_so, "{}: {:?}", target.name(), loser.1);
        let mut connection = target.open();
        let rows = dump(&mut *connection, "events");
        assert_eq!(rows.len(), 2000, "{}", target.name());
        // What lost can be repeated.
        world.load(&mut *connection);
        assert_eq!(dump(&mut *connection, "events").len(), 2000);
    }
}
