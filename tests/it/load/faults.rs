//! Whatever fails, a repeated load gives what an undisturbed one gives; two loaders at once load a run once.

use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::time::Duration;

use thresh::load::target::{FailAt, OpenOptions};
use thresh::load::{LoadError, LoadOptions, LoadReport, RunOutcome, Steps, Target, TargetConfig, open};

use super::world::{CHECKOUT, CHECKOUT_1, TestTarget, World, dump};
use crate::support::redshift::{FakeRedshift, Fault};

const TABLES: [&str; 5] = ["events", CHECKOUT, "com_acme_click_1", "com_acme_click_10", "manifest"];

fn tables(target: &mut dyn Target) -> Vec<Vec<String>> {
    TABLES.iter().map(|table| dump(target, table)).collect()
}

/// All steps there are.
fn options() -> LoadOptions {
    LoadOptions { steps: Steps { vacuum: true, ..Steps::default() }, load_tstamp: true, ..LoadOptions::default() }
}

/// Two runs, the second with a newer schema, so that the second load of a target also migrates.
fn world() -> World {
    let world = World::on_s3();
    world.plain_run("1", "a");
    world.schema("com.acme/checkout_step/jsonschema/1-0-1", CHECKOUT_1);
    let id = "b0000000-0000-4000-8000-000000000001";
    let row = ["pay", "1", "2", "2.5", r"\N", "SAVE"];
    world
        .run("2")
        .gzip()
        .event(&[("event_id", id)])
        .row(("com.acme", "checkout_step", 1), "1-0-1", id, &row)
        .row(("com.acme", "click", 10), "10-0-0", id, &["ten", "8"])
        .write();
    world
}

/// Loads as often as it takes for a server to see that a connection that broke is gone.
fn load_again(world: &World, config: &TargetConfig) -> (Box<dyn Target>, LoadReport) {
    for _ in 0..200 {
        let mut target = open(config, &OpenOptions::default()).unwrap();
        match world.load_with(&mut *target, &options()) {
            (report, Ok(())) => return (target, report),
            (_, Err(LoadError::Locked { .. })) => std::thread::sleep(Duration::from_millis(50)),
            (_, Err(error)) => panic!("{error}"),
        }
    }
    panic!("the lock of a connection that is gone stays")
}

#[test]
fn a_failure_of_any_statement_leaves_nothing_that_a_repetition_does_not_mend() {
    let world = world();
    for target in TestTarget::all(&world) {
        let expected = {
            let mut undisturbed = target.open();
            world.load_with(&mut *undisturbed, &options()).1.unwrap();
            tables(&mut *undisturbed)
        };
        let mut met = 0;
        for number in 0.. {
            emptied(&target);
            let mut connection = target.open();
            connection.fail_at(FailAt::Number(number));
            let (report, result) = world.load_with(&mut *connection, &options());
            if connection.has_failure_ahead() {
                break;
            }
            met += 1;
            // Statistics and cleaning up are no part of the load.
            let loaded = report.count(RunOutcome::Loaded);
            assert!(result.is_err() || !report.warnings.is_empty(), "{}: statement {number}", target.name());
            assert!(result.is_err() == (loaded < 2), "{}: statement {number}", target.name());
            // A new process comes, and the old one is gone.
            drop(connection);
            let (mut connection, _) = load_again(&world, &target.config());
            assert_eq!(tables(&mut *connection), expected, "{}: statement {number}", target.name());
        }
        assert!(met > 25, "{}: {met} statements", target.name());
    }
}

/// The target without any table.
fn emptied(target: &TestTarget) {
    match target {
        TestTarget::Sqlite(config) => {
            for ending in ["", "-wal", "-shm"] {
                let _ = std::fs::remove_file(format!("{}{ending}", config.path.display()));
            }
        }
        _ => target.open().execute("DROP SCHEMA IF EXISTS atomic CASCADE").unwrap(),
    }
}

/// Cuts the connection with one fault after the other, until there is nothing left to cut; how many there were.
fn cut_with(world: &World, double: &FakeRedshift, config: &TargetConfig, fault: fn(usize) -> Fault) -> usize {
    let empty = || {
        open(config, &OpenOptions::default()).unwrap().execute("DROP SCHEMA IF EXISTS atomic CASCADE").unwrap();
    };
    empty();
    let expected = tables(&mut *load_again(world, config).0);
    for number in 0.. {
        empty();
        double.fault(fault(number));
        if let Ok(mut target) = open(config, &OpenOptions::default()) {
            let (report, result) = world.load_with(&mut *target, &options());
            let told = result.is_err() || !report.warnings.is_empty();
            if double.take_faults() {
                return number;
            }
            assert!(told, "{:?}", fault(number));
        }
        let (mut target, _) = load_again(world, config);
        assert_eq!(tables(&mut *target), expected, "{:?}", fault(number));
    }
    unreachable!()
}

/// One run only: every step is in it.
fn short_world() -> World {
    let world = World::on_s3();
    world.plain_run("1", "a");
    world
}

#[test]
fn a_connection_cut_at_any_statement_doubles_and_loses_nothing_on_redshift() {
    let world = short_world();
    let Some(double) = FakeRedshift::start(world.s3.as_ref().unwrap()) else { return };
    let config = double.config();
    // What a connection that breaks before a statement leaves is the same, but for the last one.
    assert!(cut_with(&world, &double, &config, Fault::CutAfter) > 20);
    let lists: Vec<String> =
        world.s3.as_ref().unwrap().state().objects.keys().filter(|key| key.contains("_load")).cloned().collect();
    assert!(lists.is_empty(), "lists of files are left over: {lists:?}");
}

#[test]
fn a_connection_cut_at_any_statement_doubles_and_loses_nothing_on_postgres() {
    let world = short_world();
    let Some(double) = FakeRedshift::start(world.s3.as_ref().unwrap()) else { return };
    let config = double.as_postgres();
    // What a connection that breaks before a statement leaves is the same, but for the last one.
    assert!(cut_with(&world, &double, &config, Fault::CutAfter) > 20);
    assert!(cut_with(&world, &double, &config, Fault::CutInRows) >= 4, "one for each COPY");
}

#[test]
fn a_copy_that_fails_or_breaks_on_the_server_is_rolled_back() {
    let world = short_world();
    let Some(double) = FakeRedshift::start(world.s3.as_ref().unwrap()) else { return };
    let config = double.config();
    assert_eq!(cut_with(&world, &double, &config, Fault::FailCopy), 4);
    assert_eq!(cut_with(&world, &double, &config, Fault::DropAfterCopy), 4);
}

#[test]
fn a_loader_that_is_killed_doubles_and_loses_nothing() {
    let world = World::on_disk();
    for name in ["1", "2", "3"] {
        let mut run = world.run(name);
        for number in 0..400 {
            let id = format!("{number:08}-0000-4000-8000-00000000000{name}");
            run = run.event(&[("event_id", &id)]).row(("com.acme", "click", 1), "1-0-0", &id, &["t", "5"]);
        }
        run.write();
    }
    let resolver = world.resolver();
    let database = world.folder.path().join("events.db");
    let load = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thresh"));
        command.arg("load").arg(world.folder.path().join("shredded")).arg("--resolver").arg(&resolver);
        command.arg("--target").arg(format!("sqlite:{}", database.display())).args(["--offline", "--summary", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    let written = || {
        let size = |path: &str| std::fs::metadata(path).map_or(0, |file| file.len());
        size(&database.display().to_string()) + size(&format!("{}-wal", database.display()))
    };
    // Killed as soon as the database has grown a little, again and again.
    for _ in 0..12 {
        let before = written();
        let mut child = load().spawn().unwrap();
        while written() <= before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let _ = child.kill();
        child.wait().unwrap();
    }
    let output = load().output().unwrap();
    assert!(output.status.success());
    let mut target = open(&world.sqlite(), &OpenOptions::default()).unwrap();
    for (table, rows) in [("events", 1200), ("com_acme_click_1", 1200), ("manifest", 3)] {
        let mut found = dump(&mut *target, table);
        assert_eq!(found.len(), rows, "{table}");
        found.dedup();
        assert_eq!(found.len(), rows, "{table} has rows twice");
    }
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
