//! `thresh ddl`.

use serde_json::json;
#[cfg(feature = "postgres")]
use thresh::ddl::{Dialect, FolderSource, Migration, ModelKey, Postgres, SqlOptions, Table, TableOptions, fetch_model};

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

/// Every table and every migration of Iglu Central, if it is there (`THRESH_IGLU_CENTRAL`).
#[cfg(feature = "postgres")]
#[test]
fn iglu_central_in_postgres() {
    let default = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/iglu-central");
    let folder = std::env::var_os("THRESH_IGLU_CENTRAL").map_or(default, Into::into);
    if !folder.join("schemas").is_dir() {
        println!("no Iglu Central: set THRESH_IGLU_CENTRAL");
        return;
    }
    let Some(database) = crate::support::postgres::Database::create() else { return };
    let mut target = thresh::load::open(&database.config(), &Default::default()).unwrap();
    target.execute("CREATE SCHEMA atomic").unwrap();
    let source = FolderSource::new(&folder);
    let (dialect, sql, options) = (Postgres, SqlOptions::default(), TableOptions::default());
    let mut tables = 0;
    for key in models(&folder.join("schemas")) {
        let made = fetch_model(&source, &key).and_then(|schemas| {
            let table = Table::build(&key, &schemas, options)?;
            Ok((table, Migration::steps(&key, &schemas, options)?, Table::build(&key, &schemas[..1], options)?))
        });
        let Ok((newest, steps, first)) = made else { continue };
        for statement in dialect.create_table(&first, &sql).unwrap() {
            target.execute(&statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
        for step in steps {
            for statement in dialect.migrate(&step, &sql).inside {
                target.execute(&statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
            }
        }
        // What was migrated must be what would have been created.
        let name = dialect.table_name(&key);
        let columns = newest
            .columns
            .iter()
            .map(|column| format!("\"{}\"", dialect.column_name(&column.name).replace('"', "\"\"")));
        let list: Vec<String> = columns.collect();
        if !list.is_empty() {
            let select = format!("SELECT {} FROM atomic.{name} LIMIT 0", list.join(", "));
            target.execute(&select).unwrap_or_else(|error| panic!("{error}: {select}"));
        }
        tables += 1;
    }
    assert!(tables > 500, "{tables}");
}

#[cfg(feature = "postgres")]
fn models(schemas: &std::path::Path) -> std::collections::BTreeSet<ModelKey> {
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
