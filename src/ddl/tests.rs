use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::iglu::SchemaVer;

fn key() -> ModelKey {
    ModelKey { vendor: "com.acme".into(), name: "checkout_step".into(), model: 1 }
}

fn versions(schemas: Vec<Value>) -> Schemas {
    let numbered = schemas.into_iter().enumerate();
    numbered.map(|(addition, json)| (SchemaVer::new(1, 0, addition as u32), Arc::new(json))).collect()
}

fn table(schemas: Vec<Value>) -> Table {
    Table::build(&key(), &versions(schemas), TableOptions::default()).unwrap()
}

fn refusal(schemas: Vec<Value>) -> String {
    Table::build(&key(), &versions(schemas), TableOptions::default()).unwrap_err().to_string()
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|column| column.name.as_str()).collect()
}

/// The schema of the specification's worked example, versions 1-0-0 and 1-0-1.
fn checkout_step() -> Vec<Value> {
    let first = json!({"type":"object","properties":{
        "stepName":{"type":"string","maxLength":64},
        "step-no":{"type":"integer","minimum":0,"maximum":20},
        "paid":{"type":["boolean","null"]},
        "cart":{"type":"object","properties":{
            "currency":{"type":"string","minLength":3,"maxLength":3},
            "total":{"type":"number"},
            "items":{"type":"array","items":{"type":"object","properties":{"sku":{"type":"string"}}}}
        },"required":["currency"],"additionalProperties":false},
        "shipTo":{"type":["object","null"],"properties":{"zip":{"type":"string"}},"required":["zip"]},
        "mode":{"enum":["fast","slow",null]},
        "when":{"type":"string","format":"date-time"},
        "ref":{"type":["string","integer"]}
    },"required":["stepName","cart","shipTo"],"additionalProperties":false});
    let mut second = first.clone();
    second["properties"]["stepName"]["maxLength"] = json!(128);
    second["properties"]["couponCode"] = json!({"type": ["string", "null"], "maxLength": 20});
    second["properties"]["attempt"] = json!({"type": "integer"});
    second["properties"]["cart"]["properties"]["tax"] = json!({"type": "number", "multipleOf": 0.01});
    second["required"].as_array_mut().unwrap().push(json!("attempt"));
    vec![first, second]
}

const REFERENCE_TABLE: &str = r#"CREATE TABLE IF NOT EXISTS atomic.com_acme_checkout_step_1 (
    "schema_vendor"  VARCHAR(128)     ENCODE ZSTD      NOT NULL,
    "schema_name"    VARCHAR(128)     ENCODE ZSTD      NOT NULL,
    "schema_format"  VARCHAR(128)     ENCODE ZSTD      NOT NULL,
    "schema_version" VARCHAR(128)     ENCODE ZSTD      NOT NULL,
    "root_id"        CHAR(36)         ENCODE RAW       NOT NULL,
    "root_tstamp"    TIMESTAMP        ENCODE ZSTD      NOT NULL,
    "ref_root"       VARCHAR(255)     ENCODE ZSTD      NOT NULL,
    "ref_tree"       VARCHAR(1500)    ENCODE ZSTD      NOT NULL,
    "ref_parent"     VARCHAR(255)     ENCODE ZSTD      NOT NULL,
    "cart.currency"  CHAR(3)          ENCODE ZSTD      NOT NULL,
    "ship_to.zip"    VARCHAR(4096)    ENCODE ZSTD      NOT NULL,
    "step_name"      VARCHAR(64)      ENCODE ZSTD      NOT NULL,
    "cart.items"     VARCHAR(65535)   ENCODE ZSTD,
    "cart.total"     DOUBLE PRECISION ENCODE RAW,
    "mode"           VARCHAR(4)       ENCODE TEXT255,
    "paid"           BOOLEAN          ENCODE RUNLENGTH,
    "ref"            VARCHAR(4096)    ENCODE ZSTD,
    "step_no"        SMALLINT         ENCODE ZSTD,
    "when"           TIMESTAMP        ENCODE ZSTD,
    "attempt"        BIGINT           ENCODE ZSTD      NOT NULL,
    "cart.tax"       DECIMAL (36, 2)  ENCODE ZSTD,
    "coupon_code"    VARCHAR(20)      ENCODE ZSTD,
    FOREIGN KEY (root_id) REFERENCES atomic.events(event_id)
)
DISTSTYLE KEY
DISTKEY (root_id)
SORTKEY (root_tstamp)"#;

#[test]
fn the_worked_example_in_the_references_words() {
    let options = SqlOptions { reference: true, ..SqlOptions::default() };
    let statements = Redshift.create_table(&table(checkout_step()), &options).unwrap();
    assert_eq!(statements[0], REFERENCE_TABLE);
    assert_eq!(
        statements[1],
        "COMMENT ON TABLE atomic.com_acme_checkout_step_1 IS 'iglu:com.acme/checkout_step/jsonschema/1-0-1'"
    );
    assert_eq!(statements.len(), 2);
}

#[test]
fn by_default_columns_take_what_data_may_hold() {
    let statements = Redshift.create_table(&table(checkout_step()), &SqlOptions::default()).unwrap();
    let differing: Vec<&str> = statements[0].lines().filter(|line| !REFERENCE_TABLE.contains(line)).collect();
    assert_eq!(
        differing,
        [
            r#"    "ship_to.zip"    VARCHAR(4096)    ENCODE ZSTD,"#,
            r#"    "step_name"      VARCHAR(128)     ENCODE ZSTD      NOT NULL,"#,
            r#"    "attempt"        BIGINT           ENCODE ZSTD,"#,
        ]
    );
}

fn only_migration(schemas: Vec<Value>) -> Migration {
    let mut steps = Migration::steps(&key(), &versions(schemas), TableOptions::default()).unwrap();
    assert_eq!(steps.len(), 1);
    steps.remove(0)
}

#[test]
fn the_worked_example_migrated() {
    let migration = only_migration(checkout_step());
    let sql = Redshift.migrate(&migration, &SqlOptions::default());
    let table = "ALTER TABLE atomic.com_acme_checkout_step_1";
    assert_eq!(sql.before, [format!(r#"{table} ALTER "step_name" TYPE VARCHAR(128)"#)]);
    assert_eq!(
        sql.inside,
        [
            format!(r#"{table} ADD COLUMN "attempt" BIGINT ENCODE ZSTD"#),
            format!(r#"{table} ADD COLUMN "cart.tax" DECIMAL (36, 2) ENCODE ZSTD"#),
            format!(r#"{table} ADD COLUMN "coupon_code" VARCHAR(20) ENCODE ZSTD"#),
            "COMMENT ON TABLE atomic.com_acme_checkout_step_1 IS 'iglu:com.acme/checkout_step/jsonschema/1-0-1'".into(),
        ]
    );
    assert!(sql.notes.is_empty());
    let reference = Redshift.migrate(&migration, &SqlOptions { reference: true, ..SqlOptions::default() });
    assert_eq!(reference.inside[0], format!(r#"{table} ADD COLUMN "attempt" BIGINT NOT NULL ENCODE ZSTD"#));
    let postgres = Postgres.migrate(&migration, &SqlOptions::default());
    assert_eq!(postgres.inside[0], format!(r#"{table} ALTER COLUMN "step_name" TYPE VARCHAR(128)"#));
    let sqlite = Sqlite.migrate(&migration, &SqlOptions::default());
    assert_eq!(sqlite.inside[0], r#"ALTER TABLE "com_acme_checkout_step_1" ADD COLUMN "attempt" INTEGER"#);
    assert!(sqlite.inside.last().unwrap().contains("'iglu:com.acme/checkout_step/jsonschema/1-0-1'"));
}

fn object(properties: Value) -> Value {
    json!({"type": "object", "properties": properties})
}

#[test]
fn every_version_appends_its_own_columns() {
    let with_required =
        |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required});
    let growing = vec![
        object(json!({"foo": {"type": "string"}})),
        object(json!({"foo": {"type": "string", "maxLength": 20}, "bar": {"type": "integer", "maximum": 4000}})),
        with_required(
            json!({"foo": {"type": "string"}, "bar": {"type": "integer"}, "aField": {"type": "integer"},
                   "cField": {"type": "integer"}, "dField": {"type": "string"}}),
            json!(["bar", "cField"]),
        ),
    ];
    assert_eq!(names(&table(growing)), ["foo", "bar", "c_field", "a_field", "d_field"]);

    let became_union = vec![
        object(json!({"bar": {"type": "string"}, "foo": {"type": "object", "properties": {"insideObject": {}}}})),
        object(
            json!({"bar": {"type": "string"}, "foo": {"type": ["integer", "object"], "properties": {"insideObject": {}}}}),
        ),
    ];
    assert_eq!(names(&table(became_union)), ["bar", "foo.inside_object", "foo"]);
    assert_eq!(names(&table(vec![json!({"type": "object"})])), [""; 0]);
}

#[test]
fn removed_and_renamed_properties_keep_their_column() {
    let removed = vec![
        object(json!({"a": {"type": "string"}, "b": {"type": "string"}})),
        object(json!({"b": {"type": "string"}})),
        object(json!({"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}})),
    ];
    assert_eq!(names(&table(removed)), ["a", "b", "c"]);
    let renamed = table(vec![
        object(json!({"targetUrl": {"type": "string"}})),
        object(json!({"target_url": {"type": "string"}})),
    ]);
    assert_eq!(names(&renamed), ["target_url"]);
    let pointers: Vec<String> = renamed.columns[0].pointers.iter().map(Pointer::to_json_pointer).collect();
    assert_eq!(pointers, ["/targetUrl", "/target_url"]);
}

#[test]
fn what_a_later_version_allows_is_allowed() {
    let required = |schema: Value| json!({"type": "object", "properties": {"a": schema}, "required": ["a"]});
    let strict = required(json!({"type": "integer", "maximum": 10}));
    let wide = required(json!({"type": "integer", "maximum": 100_000}));
    let loose = object(json!({"a": {"type": ["integer", "string"]}}));
    let grown = table(vec![strict.clone(), wide.clone()]);
    assert_eq!((grown.columns[0].declared, grown.columns[0].ty), (ColumnType::SmallInt, ColumnType::Int));
    assert!(grown.columns[0].certain);
    let loosened = table(vec![strict.clone(), loose.clone()]);
    assert_eq!(loosened.columns[0].ty, ColumnType::Varchar(4096));
    assert!(!loosened.columns[0].certain && loosened.columns[0].declared_not_null);

    let migration = only_migration(vec![strict, loose]);
    let redshift = Redshift.migrate(&migration, &SqlOptions::default());
    assert!(redshift.before.is_empty());
    assert_eq!(redshift.notes.len(), 2, "{:?}", redshift.notes);
    let postgres = Postgres.migrate(&migration, &SqlOptions::default()).inside;
    assert!(postgres[0].ends_with(r#"ALTER COLUMN "a" TYPE TEXT"#), "{postgres:?}");
    assert!(postgres[1].ends_with(r#"ALTER COLUMN "a" DROP NOT NULL"#), "{postgres:?}");
}

#[test]
fn encodings_that_forbid_altering() {
    let enumeration = |values: Value| object(json!({"foo": {"type": "string", "enum": values}}));
    let migration = only_migration(vec![enumeration(json!(["FOO", "BAR"])), enumeration(json!(["FOO", "FOOBAR"]))]);
    let sql = Redshift.migrate(&migration, &SqlOptions::default());
    assert!(sql.before.is_empty());
    assert!(sql.notes[0].contains("its encoding forbids it"));
    assert_eq!(sql.inside.len(), 1, "only the comment");
}

#[test]
fn tables_that_cannot_be() {
    let message = refusal(vec![object(json!({"targetUrl": {}, "target_url": {}}))]);
    assert_eq!(
        message,
        "iglu:com.acme/checkout_step/jsonschema/1-0-0: properties /targetUrl and /target_url would share the column \
         \"target_url\""
    );
    assert!(refusal(vec![object(json!({"rootId": {}}))]).contains("root_id is one of the leading columns"));
    assert!(refusal(vec![object(json!({"": {}}))]).contains("the name is empty"));
    assert!(refusal(vec![object(json!({"a\u{0}b": {}}))]).contains("control character"));
    assert!(refusal(vec![json!({"type": "unknown"})]).contains("/type: \"unknown\" is no JSON type"));
    let second_only = vec![(SchemaVer::new(1, 0, 1), Arc::new(json!({"type": "object"})))];
    let error = Table::build(&key(), &second_only, TableOptions::default()).unwrap_err();
    assert!(error.to_string().contains("must begin with 1-0-0"), "{error}");
    let wide =
        object((0..1700).map(|number| (format!("p{number}"), json!({}))).collect::<serde_json::Map<_, _>>().into());
    let error = Redshift.create_table(&table(vec![wide]), &SqlOptions::default()).unwrap_err();
    assert!(matches!(error, DdlError::TooManyColumns { count: 1709, limit: 1600, .. }));
}

#[test]
fn jsonpaths_follow_the_columns() {
    let paths = table(checkout_step()).jsonpaths();
    assert_eq!(
        &paths[7..11],
        ["$.hierarchy.refTree", "$.hierarchy.refParent", "$.data.cart.currency", "$.data.shipTo.zip"]
    );
}

#[test]
fn dialects_are_found_by_name() {
    for name in ["redshift", "postgres", "sqlite"] {
        assert_eq!(by_name(name).unwrap().name(), name);
    }
    assert!(by_name("oracle").is_none());
}

#[test]
fn hostile_names_are_quoted() {
    let hostile = object(json!({"a\"; DROP TABLE x; --": {"type": "string"}, "sp ace": {}, "$x": {}}));
    let made = table(vec![hostile]);
    let redshift = Redshift.create_table(&made, &SqlOptions { schema: "a b".into(), ..SqlOptions::default() }).unwrap();
    assert!(redshift[0].contains(r#""a""; drop table x; __" "#), "{}", redshift[0]);
    assert!(redshift[0].starts_with(r#"CREATE TABLE IF NOT EXISTS "a b".com_acme"#));
}

#[cfg(feature = "sqlite")]
mod in_sqlite {
    use super::*;

    fn run(database: &rusqlite::Connection, statements: &[String]) {
        for statement in statements {
            database.execute_batch(statement).unwrap_or_else(|error| panic!("{error}: {statement}"));
        }
    }

    #[test]
    fn tables_and_migrations_end_in_the_same_columns() {
        let options = SqlOptions::default();
        let columns = |database: &rusqlite::Connection| -> Vec<String> {
            let mut query = database.prepare("SELECT name FROM pragma_table_info('com_acme_checkout_step_1')").unwrap();
            let names = query.query_map([], |row| row.get(0)).unwrap();
            names.collect::<Result<_, _>>().unwrap()
        };
        let fresh = rusqlite::Connection::open_in_memory().unwrap();
        run(&fresh, &Sqlite.create_events(&options));
        run(&fresh, &Sqlite.create_table(&table(checkout_step()), &options).unwrap());
        let migrated = rusqlite::Connection::open_in_memory().unwrap();
        run(&migrated, &Sqlite.create_table(&table(checkout_step()[..1].to_vec()), &options).unwrap());
        run(&migrated, &Sqlite.migrate(&only_migration(checkout_step()), &options).inside);
        assert_eq!(columns(&fresh), columns(&migrated));
        let version = "SELECT schema_key FROM thresh_table_versions WHERE table_name = 'com_acme_checkout_step_1'";
        let version: String = migrated.query_row(version, [], |row| row.get(0)).unwrap();
        assert_eq!(version, "iglu:com.acme/checkout_step/jsonschema/1-0-1");
    }

    /// Every model of Iglu Central has a table that SQLite creates, or is refused with a reason.
    #[test]
    fn iglu_central() {
        let Some(folder) = std::env::var_os("THRESH_IGLU_CENTRAL") else { return };
        let source = FolderSource::new(&folder);
        let database = rusqlite::Connection::open_in_memory().unwrap();
        let (mut tables, mut steps, mut refused) = (0, 0, Vec::new());
        for key in models(std::path::Path::new(&folder)) {
            let made = fetch_model(&source, &key).and_then(|schemas| {
                let table = Table::build(&key, &schemas, TableOptions::default())?;
                Ok((table, Migration::steps(&key, &schemas, TableOptions::default())?))
            });
            let (table, migrations) = match made {
                Ok(made) => made,
                Err(error) => {
                    refused.push(error.to_string());
                    continue;
                }
            };
            for name in ["redshift", "postgres", "sqlite"] {
                let dialect = by_name(name).unwrap();
                assert!(!dialect.create_table(&table, &SqlOptions::default()).unwrap().is_empty());
                for migration in &migrations {
                    assert!(!dialect.migrate(migration, &SqlOptions::default()).inside.is_empty());
                }
            }
            run(&database, &Sqlite.create_table(&table, &SqlOptions::default()).unwrap());
            tables += 1;
            steps += migrations.len();
        }
        println!("{tables} tables, {steps} migrations, {} refused", refused.len());
        refused.iter().for_each(|reason| println!("refused: {reason}"));
        assert!(tables > 0, "no schemas below {}", folder.display());
        assert!(refused.len() * 20 < tables, "too many refused");
    }

    fn models(folder: &std::path::Path) -> Vec<ModelKey> {
        let names = |path: std::path::PathBuf| -> Vec<String> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
        };
        let mut models = Vec::new();
        let schemas = folder.join("schemas");
        for vendor in names(schemas.clone()) {
            for name in names(schemas.join(&vendor)) {
                for version in names(schemas.join(&vendor).join(&name).join("jsonschema")) {
                    if let Some(version) = SchemaVer::parse(&version) {
                        models.push(ModelKey { vendor: vendor.clone(), name: name.clone(), model: version.model });
                    }
                }
            }
        }
        models.sort();
        models.dedup();
        models
    }
}
