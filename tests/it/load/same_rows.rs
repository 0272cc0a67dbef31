//! The same run folders give the same rows on every target.

use thresh::load::RunOutcome;

use super::world::{CHECKOUT, CHECKOUT_1, TestTarget, World, dump};

const TABLES: [&str; 5] = ["events", CHECKOUT, "com_acme_click_1", "com_acme_click_10", "manifest"];

#[test]
fn every_target_has_the_same_rows() {
    let world = World::on_s3();
    world.plain_run("2021-01-01-00-00-00", "a");
    let targets = TestTarget::all(&world);
    let mut connections: Vec<_> = targets.iter().map(TestTarget::open).collect();
    for connection in &mut connections {
        world.load(&mut **connection);
    }
    // The second run comes with a newer schema, gzipped.
    world.schema("com.acme/checkout_step/jsonschema/1-0-1", CHECKOUT_1);
    let id = "b0000000-0000-4000-8000-000000000001";
    world
        .run("2021-01-02-00-00-00")
        .gzip()
        .event(&[("event_id", id), ("geo_latitude", "37.443604"), ("tr_total", "12.509"), ("br_cookies", "0")])
        .row(("com.acme", "checkout_step", 1), "1-0-1", id, &["pay", "1", "20", "1e3", "2020-01-01 10:00:00", "äöü"])
        .row(("com.acme", "checkout_step", 1), "1-0-0", id, &[r"a\b", r"\N", r"\N", r"\N", r"\N", r"\N"])
        .write();
    let mut expected: Option<Vec<Vec<String>>> = None;
    for (target, connection) in targets.iter().zip(&mut connections) {
        let report = world.load(&mut **connection);
        assert_eq!(report.count(RunOutcome::Loaded), 1, "{}", target.name());
        let loaded = report.runs[1].tables.iter().map(|table| table.rows).collect::<Vec<_>>();
        assert_eq!(loaded, [Some(1), Some(2)], "{}", target.name());
        let rows: Vec<Vec<String>> = TABLES.iter().map(|table| dump(&mut **connection, table)).collect();
        assert_eq!(rows.iter().map(Vec::len).collect::<Vec<_>>(), [3, 4, 1, 1, 2]);
        assert!(rows[0].iter().any(|row| row.contains("|tr_total=12.5|")), "further decimals are cut: {:?}", rows[0]);
        match &expected {
            None => expected = Some(rows),
            Some(expected) => {
                for (ours, first) in rows.iter().zip(expected) {
                    assert_eq!(ours, first, "{}", target.name());
                }
            }
        }
    }
}
