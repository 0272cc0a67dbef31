//! Whatever stands in a field arrives as it is, or is cut or repaired and counted; nothing of it becomes SQL.

use thresh::load::{DiscoveryOptions, discover};

use super::world::{TestTarget, World, dump};

const ID: &str = "a0000000-0000-4000-8000-000000000001";

#[test]
fn hostile_texts_arrive() {
    let texts = [
        "'; DROP TABLE events; --",
        r#"" OR ""=""#,
        r"\",
        r"\\",
        r"\.",
        r"a\tb\nc",
        "$$; SELECT 1; $$",
        "{}()%s?:$1",
        "\r",
        "x\ry",
        "\u{1}\u{2}\u{7f}",
        "\u{202e}ab\u{0301}\u{1f9d1}\u{200d}\u{1f680}",
        " leading and trailing ",
    ];
    let world = World::on_s3();
    let mut run = world.run("1").event(&[("event_id", ID)]);
    for text in texts {
        run = run.row(("com.acme", "click", 1), "1-0-0", ID, &[text, "1"]).event(&[("app_id", text), ("event_id", ID)]);
    }
    run.write();
    let mut expected: Vec<Option<String>> = texts.iter().map(|text| Some((*text).to_owned())).collect();
    expected.sort();
    for target in TestTarget::all(&world) {
        let mut connection = target.open();
        world.load(&mut *connection);
        for (table, column) in [("com_acme_click_1", "target"), ("events", "app_id")] {
            let name = connection.dialect().qualified(table, connection.sql_options());
            let rows = connection.query(&format!("SELECT {column} FROM {name} WHERE {column} IS NOT NULL")).unwrap();
            let mut found: Vec<Option<String>> = rows.into_iter().map(|mut row| row.remove(0)).collect();
            found.sort();
            assert_eq!(found, expected, "{} {table}", target.name());
        }
    }
}

#[test]
fn hostile_texts_arrive_in_every_column_that_takes_text() {
    let text = "'\\\"; DROP TABLE e; --$$\u{1}\r{}";
    let wide = |ty: &str| {
        let width = ty.strip_prefix("VARCHAR(").and_then(|rest| rest.split(')').next()?.parse::<usize>().ok());
        width.is_some_and(|width| width >= text.len())
    };
    let columns: Vec<&str> = thresh::ddl::EVENTS_COLUMNS
        .iter()
        .filter(|column| wide(column.redshift) && column.name != "event_id")
        .map(|column| column.name)
        .collect();
    assert!(columns.len() > 60, "{}", columns.len());
    let world = World::on_s3();
    let values: Vec<(&str, &str)> = columns.iter().map(|name| (*name, text)).chain([("event_id", ID)]).collect();
    world.run("1").event(&values).write();
    for target in TestTarget::all(&world) {
        let mut connection = target.open();
        world.load(&mut *connection);
        let name = connection.dialect().qualified("events", connection.sql_options());
        let rows = connection.query(&format!("SELECT {} FROM {name}", columns.join(", "))).unwrap();
        for (column, found) in columns.iter().zip(&rows[0]) {
            assert_eq!(found.as_deref(), Some(text), "{} {column}", target.name());
        }
    }
}

#[test]
fn names_that_are_no_schema_are_refused() {
    let world = World::on_disk();
    world.plain_run("1", "a");
    let folder = "run=1/output=good/vendor=com.acme'; DROP TABLE x; --/name=click/format=tsv/model=1";
    world.put(&format!("{folder}/part-00000.txt"), b"x\n");
    let found = discover(&world.storage, std::slice::from_ref(&world.root), DiscoveryOptions::default());
    let error = found.unwrap_err().to_string();
    assert!(error.contains("DROP TABLE"), "{error}");
}

#[test]
fn null_spellings_are_told_apart() {
    let world = World::on_s3();
    world
        .run("1")
        .event(&[("event_id", ID)])
        .row(("com.acme", "click", 1), "1-0-0", ID, &[r"\N", "1"])
        .row(("com.acme", "click", 1), "1-0-0", ID, &[r"\\N", "2"])
        .row(("com.acme", "click", 1), "1-0-0", ID, &["", r"\N"])
        .write();
    for target in TestTarget::all(&world).into_iter().filter(|target| target.name() != "redshift") {
        let mut connection = target.open();
        world.load(&mut *connection);
        let rows = dump(&mut *connection, "com_acme_click_1");
        let ends: Vec<&str> = rows.iter().map(|row| row.rsplit_once("|ref_parent=events|").unwrap().1).collect();
        assert_eq!(ends, ["target=NULL|x=1", r"target=\N|x=2", "target=|x=NULL"], "{}", target.name());
    }
}

#[test]
fn broken_text_is_repaired_and_long_text_cut_and_both_are_counted() {
    let world = World::on_s3();
    let long = vec![b'x'; 65_536];
    world
        .run("1")
        .raw_event(&[("event_id", ID.as_bytes()), ("app_id", b"a\xffb\0c"), ("user_id", &long), ("page_url", &long)])
        .write();
    for target in TestTarget::all(&world) {
        let mut connection = target.open();
        let report = world.load(&mut *connection);
        let name = connection.dialect().qualified("events", connection.sql_options());
        let rows = connection.query(&format!("SELECT app_id, length(user_id), length(page_url) FROM {name}")).unwrap();
        let lengths = match target.name() {
            // No widths; TEXT has none either; Redshift cuts at the width in bytes, and does not say so.
            "sqlite" => ["65536", "65536"],
            "postgres" => ["255", "65536"],
            _ => ["255", "4096"],
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(rows[0], [text("a?bc"), text(lengths[0]), text(lengths[1])], "{}", target.name());
        let events = &report.runs[0].tables[0];
        match target.name() {
            "sqlite" => assert_eq!((events.repaired_rows, events.cut_texts), (1, 0)),
            "postgres" => assert_eq!((events.repaired_rows, events.cut_texts), (1, 1)),
            _ => {}
        }
    }
}

#[test]
fn hostile_names_in_schemas_are_quoted() {
    let world = World::on_s3();
    let schema =
        r#"{"type":"object","properties":{"a\"; DROP TABLE x; --":{"type":"string"},"b.c d":{"type":"string"}}}"#;
    world.schema("com.acme/odd/jsonschema/1-0-0", schema);
    world.run("1").event(&[("event_id", ID)]).row(("com.acme", "odd", 1), "1-0-0", ID, &["one", "two"]).write();
    for target in TestTarget::all(&world) {
        let mut connection = target.open();
        world.load(&mut *connection);
        let columns = connection.columns("com_acme_odd_1").unwrap();
        assert_eq!(columns[9].name, "a\"; drop table x; __", "{}", target.name());
        assert!(dump(&mut *connection, "com_acme_odd_1")[0].ends_with("=one|b.c d=two"), "{}", target.name());
        assert_eq!(dump(&mut *connection, "events").len(), 1);
    }
}
