//! `thresh ddl`.

use serde_json::json;

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
    assert!(sql.contains("-- ALTER TABLE atomic.com_acme_click_1 ADD COLUMN \"count\" BIGINT ENCODE ZSTD;"));
    assert!(sql.contains("CREATE TABLE IF NOT EXISTS atomic.events ("));
    assert!(log.contains("com.acme/broken") && log.contains("is no JSON type"), "{log}");
    assert!(log.contains("its table would be that of"), "{log}");

    let one = success(&world.thresh(&["ddl", "registry/schemas/com.acme/click", "--dialect", "sqlite"]));
    assert_eq!(one.matches("CREATE TABLE IF NOT EXISTS \"com_").count(), 1);
    let migration =
        world.thresh(&["ddl", "registry/schemas/com.acme/click", "--dialect", "postgres", "--from", "1-0-0"]);
    let migration = success(&migration);
    assert!(migration.contains("\nALTER TABLE atomic.com_acme_click_1 ADD COLUMN \"count\" BIGINT;\n"), "{migration}");
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
