//! `thresh ddl`.

use std::path::Path;

use serde_json::json;
use thresh::ddl::{Dialect, FolderSource, Migration, ModelKey, SqlOptions, Table, TableOptions, fetch_model};

use super::world::{World, success};

#[test]
fn what_is_printed_can_be_run() {
    let world = World::new();
    world.schema("com.acme/broken/jsonschema/1-0-0", &json!({"a": {"type": "text"}}));
    world.schema("com_acme/click/jsonschema/1-0-0", &json!({"a": {"type": "string"}}));
    let printed = world.thresh(&["ddl", "registry", "--dialect", "redshift", "--events"]);
    assert_eq!(printed.status.code(), Some(5), "some have no table");
    let (sql, log) = (String::from_utf8(printed.stdout).unwrap(), String::from_utf8(printed.stderr).unwrap());
    assert!(sql.contains("CREATE TABLE IF NOT EXISTS atomic.com_acme_page_1 ("));
    assert!(sql.contains("IS 'iglu:com.acme/click/jsonschema/1-0-1';"));
    assert!(
        sql.contains("--   ALTER TABLE atomic.com_acme_click_1\n--     ADD COLUMN \"count\" BIGINT ENCODE ZSTD;"),
        "{sql}"
    );
    assert!(sql.contains("CREATE TABLE IF NOT EXISTS atomic.events ("));
    assert!(log.contains("com.acme/broken") && log.contains("is no JSON type"), "{log}");
    assert!(log.contains("its table would be that of"), "{log}");

    let one = success(&world.thresh(&["ddl", "registry/schemas/com.acme/click", "--dialect", "sqlite"]));
    assert_eq!(one.matches("CREATE TABLE IF NOT EXISTS \"com_").count(), 1);
    let migration =
        world.thresh(&["ddl", "registry/schemas/com.acme/click", "--dialect", "postgres", "--from", "1-0-0"]);
    let migration = success(&migration);
    assert!(
        migration.contains("\n  ALTER TABLE atomic.com_acme_click_1\n    ADD COLUMN \"count\" BIGINT;\n"),
        "{migration}"
    );
    assert!(!migration.contains("CREATE TABLE"));
}

#[test]
fn schemas_by_key() {
    let world = World::new();
    let resolver = world.path("resolver.json");
    let resolver = resolver.to_str().unwrap();
    let by_key = |key: &str| world.thresh(&["ddl", key, "--dialect", "postgres", "--resolver", resolver, "--offline"]);
    let sql = success(&by_key("iglu:com.acme/click/jsonschema/1-*-*"));
    assert!(sql.contains("atomic.com_acme_click_1") && sql.contains("\"count\""));
    let missing = by_key("iglu:com.acme/missing/jsonschema/1-0-0");
    assert_eq!(missing.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("NotFound"));
    assert_eq!(by_key("com.acme/click").status.code(), Some(2));
    assert_eq!(by_key("iglu:com.acme/click/jsonschema/*-*-*").status.code(), Some(2));
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_takes_it_all() {
    let world = World::new();
    let sql = success(&world.thresh(&["ddl", "registry", "--dialect", "sqlite", "--events"]));
    let database = rusqlite::Connection::open_in_memory().unwrap();
    database.execute_batch(&sql).unwrap();
    let count = "SELECT count(*) FROM thresh_table_versions";
    let tables: u32 = database.query_row(count, [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 4, "events and three models");
}

/// Every table and every migration of a folder of schemas is made in a database; what is refused has a reason.
struct Made {
    tables: usize,
    steps: usize,
    refused: Vec<(ModelKey, String)>,
}

fn make_all(folder: &Path, dialect: &dyn Dialect, execute: &mut dyn FnMut(&str)) -> Made {
    let source = FolderSource::new(folder);
    let (sql, options) = (SqlOptions::default(), TableOptions::default());
    let mut made = Made { tables: 0, steps: 0, refused: Vec::new() };
    for key in models(&folder.join("schemas")) {
        let planned = fetch_model(&source, &key).and_then(|schemas| {
            let first = Table::build(&key, &schemas[..1], options)?;
            Ok((first, Migration::steps(&key, &schemas, options)?, Table::build(&key, &schemas, options)?))
        });
        let created = planned.map_err(|error| error.to_string()).and_then(|(first, steps, newest)| {
            let create = dialect.create_table(&first, &sql).map_err(|error| error.to_string())?;
            Ok((create, steps, newest))
        });
        let (create, steps, newest) = match created {
            Ok(created) => created,
            Err(reason) => {
                made.refused.push((key, reason));
                continue;
            }
        };
        create.iter().for_each(|statement| execute(statement));
        for step in &steps {
            let statements = dialect.migrate(step, &sql);
            statements.before.iter().chain(&statements.inside).for_each(|statement| execute(statement));
        }
        // What was migrated must be what would have been created.
        let quoted = |name: &str| format!("\"{}\"", dialect.column_name(name).replace('"', "\"\""));
        let columns: Vec<String> = newest.columns.iter().map(|column| quoted(&column.name)).collect();
        let list = if columns.is_empty() { "root_id".to_owned() } else { columns.join(", ") };
        execute(&format!("SELECT {list} FROM {} LIMIT 0", dialect.qualified(&dialect.table_name(&key), &sql)));
        made.tables += 1;
        made.steps += steps.len();
    }
    made
}

/// Iglu Central if it is there (`THRESH_IGLU_CENTRAL`, or beside the repository), and schemas of our own in any case.
fn every_folder(mut check: impl FnMut(&Path, &dyn Fn(&Made))) {
    let world = World::new();
    thresh::loadgen::registry::write(&world.path("registry"), 1, 16).unwrap();
    world.schema("com.acme/broken/jsonschema/1-0-0", &json!({"a": {"type": "text"}}));
    world.schema("com.acme/twice/jsonschema/1-0-0", &json!({"aB": {"type": "string"}, "a_b": {"type": "string"}}));
    world.schema("com.acme/no_first/jsonschema/1-0-1", &json!({"a": {"type": "string"}}));
    check(&world.path("registry"), &|made: &Made| {
        assert_eq!((made.tables, made.steps), (15, 29));
        let refused: Vec<&str> = made.refused.iter().map(|(key, _)| key.name.as_str()).collect();
        assert_eq!(refused, ["broken", "no_first", "twice"]);
    });
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/iglu-central");
    let central = std::env::var_os("THRESH_IGLU_CENTRAL").map_or(default, Into::into);
    if central.join("schemas").is_dir() {
        check(&central, &|made: &Made| assert!(made.tables > 500 && made.steps > 50, "{} {}", made.tables, made.steps));
    } else {
        println!("no Iglu Central: set THRESH_IGLU_CENTRAL");
    }
}

fn assert_reasons(made: &Made) {
    for (key, reason) in &made.refused {
        assert!(reason.contains(&key.name) && reason.len() > key.name.len() + 20, "{key:?}: {reason:?}");
        println!("refused: {reason}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn every_table_in_sqlite() {
    every_folder(|folder, expected| {
        let database = rusqlite::Connection::open_in_memory().unwrap();
        let made = make_all(folder, &thresh::ddl::Sqlite, &mut |statement| {
            database.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        });
        assert_reasons(&made);
        expected(&made);
    });
}

#[cfg(feature = "postgres")]
#[test]
fn every_table_in_postgres() {
    every_folder(|folder, expected| {
        let Some(database) = crate::support::postgres::Database::create() else { return };
        let mut target = thresh::load::open(&database.config(), &Default::default()).unwrap();
        target.execute("CREATE SCHEMA atomic").unwrap();
        let made = make_all(folder, &thresh::ddl::Postgres, &mut |statement| {
            target.execute(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        });
        assert_reasons(&made);
        expected(&made);
    });
}

fn models(schemas: &Path) -> std::collections::BTreeSet<ModelKey> {
    let names = |folder: std::path::PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>()
    };
    let mut models = std::collections::BTreeSet::new();
    for vendor in names(schemas.to_owned()) {
        for name in names(schemas.join(&vendor)) {
            for version in names(schemas.join(&vendor).join(&name).join("jsonschema")) {
                if let Some(version) = thresh::iglu::SchemaVer::parse(&version) {
                    models.insert(ModelKey { vendor: vendor.clone(), name: name.clone(), model: version.model });
                }
            }
        }
    }
    models
}
