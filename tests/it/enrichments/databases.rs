//! The SQL enrichment against real servers, which the tests start where they are installed.

use serde_json::{Value, json};
use thresh::load::target::OpenOptions;

use super::{ENRICHMENTS, Hit, command, configure, derived, done, failures, summary};
use crate::adapters::runs::world_with;
use crate::enrich::{World, code, stderr};
use crate::support::{mariadb, postgres};

const ROW: &str = "iglu:com.acme/row/jsonschema/1-0-0";

/// A world whose registry has the entities' schema and one for contexts.
fn world() -> World {
    let open = json!({"type": ["object", "array"]});
    world_with([(ROW, open.clone()), ("iglu:com.acme/session/jsonschema/1-0-0", open)])
}

/// A server as configurations name it.
fn server(kind: &str, port: u16, user: &str, password: &str, database: &str) -> Value {
    json!({kind: {
        "host": "127.0.0.1", "port": port, "sslMode": false, "username": user, "password": password,
        "database": database,
    }})
}

fn query(world: &World, database: &Value, sql: &str, changes: Value) {
    let mut parameters = json!({
        "inputs": [
            {"placeholder": 1, "pojo": {"field": "user_id"}},
            {"placeholder": 2, "json": {
                "field": "contexts", "schemaCriterion": "iglu:com.acme/session/jsonschema/1-*-*", "jsonPath": "$.count",
            }},
        ],
        "database": database,
        "query": {"sql": sql},
        "output": {"expectedRows": "AT_MOST_ONE", "json": {
            "schema": ROW, "describes": "ALL_ROWS", "propertyNames": "CAMEL_CASE",
        }},
        "cache": {"size": 3000, "ttl": 60},
    });
    for (pointer, value) in changes.as_object().unwrap() {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        parameters.pointer_mut(parent).unwrap()[name] = value.clone();
    }
    configure(world, ENRICHMENTS, "sql_query_enrichment_config", "1-0-1", parameters);
}

/// A user with a session that counts.
fn user(name: &str, count: i64) -> Hit {
    let contexts = json!({
        "schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0",
        "data": [{"schema": "iglu:com.acme/session/jsonschema/1-0-0", "data": {"count": count}}],
    });
    Hit::new().with("uid", name).with("co", &contexts.to_string())
}

/// The data of the entity that each event got.
fn rows(world: &World) -> Vec<Value> {
    let lines = world.lines("good", "r");
    lines.iter().map(|line| derived(line).pop().map_or(Value::Null, |(_, data)| data)).collect()
}

/// Looks up users of a table that both kinds of servers have, then meets every kind of failure.
fn look_up_users(database: &Value, greeting: &str) {
    let world = world();
    let sql =
        format!("SELECT user_name, {greeting} AS greeting, visits + ? AS all_visits FROM users WHERE user_name = ?");
    let swapped = json!([
        {"placeholder": 2, "pojo": {"field": "user_id"}},
        {"placeholder": 1, "json": {
            "field": "contexts", "schemaCriterion": "iglu:com.acme/session/jsonschema/1-*-*", "jsonPath": "$.count",
        }},
    ]);
    query(&world, database, &sql, json!({"/inputs": swapped}));
    let hits = [user("alice", 5), user("bob", 1), user("alice", 5), user("nobody", 1), Hit::new()];
    let mut enrich = command(&world, &hits);
    enrich.args(["--threads", "1"]);
    let counted = summary(&done(enrich));
    let alice = json!({"userName": "alice", "greeting": "Grüße, alice", "allVisits": 15});
    let bob = json!({"userName": "bob", "greeting": "Grüße, bob", "allVisits": 3});
    assert_eq!(rows(&world), [alice.clone(), bob, alice, Value::Null, Value::Null], "{:?}", world.lines("bad", "r"));
    let named = &counted["named"];
    assert_eq!(
        [&named["sql_query_hits"], &named["sql_query_misses"], &named["sql_query_errors"]],
        // One of them without values: another number of values than the statement takes needs no server.
        [1, 4, 0],
        "{counted}"
    );

    // Too few rows, unless failures are to be ignored.
    for (ignored, good, bad) in [(false, 1, 1), (true, 2, 0)] {
        let world = self::world();
        let one = json!({"/inputs": swapped, "/output/expectedRows": "EXACTLY_ONE", "/ignoreOnError": ignored});
        query(&world, database, &sql, one);
        done(command(&world, &[user("alice", 5), user("nobody", 1)]));
        assert_eq!((world.lines("good", "r").len(), world.lines("bad", "r").len()), (good, bad));
        if let Some(row) = world.lines("bad", "r").first() {
            let failed = failures(row);
            let texts: Vec<&str> = failed.iter().map(|(_, message)| message["error"].as_str().unwrap()).collect();
            let expected = "SQL Query Enrichment: exactly one row was expected";
            assert_eq!(texts, ["Error while executing the sql lookup", expected]);
        }
    }

    // Every row an entity of its own.
    let world = self::world();
    let all = json!({"/output/expectedRows": "AT_LEAST_ZERO", "/output/json/describes": "EVERY_ROW"});
    query(&world, database, "SELECT user_name FROM users WHERE user_name <> ? AND visits > ? ORDER BY user_name", all);
    done(command(&world, &[user("nobody", 0)]));
    let found: Vec<Value> = derived(&world.lines("good", "r")[0]).into_iter().map(|(_, data)| data).collect();
    assert_eq!(found, [json!({"userName": "alice"}), json!({"userName": "bob"})]);

    // Many workers, each with a connection of its own.
    let world = self::world();
    query(&world, database, &sql, json!({"/inputs": swapped, "/cache/size": 0}));
    let hits: Vec<Hit> = (0..200).map(|number| user(["alice", "bob"][number % 2], number as i64)).collect();
    let mut enrich = command(&world, &hits);
    enrich.args(["--threads", "6"]);
    done(enrich);
    let counts: Vec<i64> = rows(&world).iter().map(|row| row["allVisits"].as_i64().unwrap()).collect();
    let expected: Vec<i64> = (0..200).map(|number| number + [10, 2][number as usize % 2]).collect();
    assert_eq!(counts, expected);

    // A statement that the server refuses, and a password that it does too: the password is told nowhere.
    let mut stranger = database.clone();
    let settings = stranger.as_object_mut().unwrap().values_mut().next().unwrap();
    settings["password"] = "wr0ng-s3cret".into();
    for (database, sql) in [(database, "SELECT nothing FROM nowhere WHERE ? = ?"), (&stranger, sql.as_str())] {
        let world = self::world();
        query(&world, database, sql, json!({}));
        let output = command(&world, &[user("alice", 1)]).arg("-vv").output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let row = &world.lines("bad", "r")[0];
        assert_eq!(failures(row)[0].1["error"], "Error while executing the sql lookup");
        assert!(!row.contains("wr0ng-s3cret") && !stderr(&output).contains("wr0ng-s3cret"), "{row}");
    }
}

const SETUP: [&str; 2] = [
    "CREATE TABLE users (user_name VARCHAR(20) PRIMARY KEY, visits INT)",
    "INSERT INTO users VALUES ('alice', 10), ('bob', 2)",
];

fn on_postgres() -> Option<Value> {
    let database = postgres::Database::create()?;
    let mut target = thresh::load::open(&database.config(), &OpenOptions::default()).unwrap();
    for sql in SETUP {
        target.execute(sql).unwrap();
    }
    Some(server("postgresql", database.port, "postgres", postgres::PASSWORD, &database.name))
}

fn on_mariadb() -> Option<Value> {
    let database = mariadb::Database::create()?;
    for sql in SETUP {
        database.execute(sql);
    }
    Some(server("mysql", database.port, mariadb::USER, mariadb::PASSWORD, &database.name))
}

#[test]
fn postgresql() {
    let Some(database) = on_postgres() else { return };
    look_up_users(&database, "'Grüße, ' || user_name");
}

#[test]
fn mariadb() {
    let Some(database) = on_mariadb() else { return };
    look_up_users(&database, "CONCAT('Grüße, ', user_name)");
}

/// Types of columns, as the reference's drivers see them.
fn types(database: &Value, sql: &str, expected: &str) {
    let world = world();
    let changes = json!({
        "/inputs": [{"placeholder": 1, "pojo": {"field": "user_id"}}], "/output/json/propertyNames": "AS_IS",
    });
    query(&world, database, sql, changes);
    done(command(&world, &[Hit::new().with("uid", "me")]));
    let line = &world.lines("good", "r")[0];
    assert!(line.contains(&format!("{{\"schema\":\"{ROW}\",\"data\":{expected}}}")), "{:?}", derived(line));
}

#[test]
fn types_of_postgresql() {
    let Some(database) = on_postgres() else { return };
    types(
        &database,
        "SELECT ?::text AS who, 42 AS i, 7::int2 AS s, 1234567890123 AS l, true AS b, 0.1::float4 AS f, 2.5::float8 AS d, \
         12.50 AS n, 'x'::varchar AS v, NULL AS nothing, '{\"a\": 1.0}'::jsonb AS j, '[1]'::json AS k, \
         DATE '2016-06-10' AS day, TIMESTAMP '2016-01-07 10:10:34' AS t, ARRAY[1,2] AS a, \
         '0b0e3d5a-9d5b-4b7e-8d56-6b2f7b6c1c11'::uuid AS u, TIME '10:10:34' AS c",
        r#"{"who":"me","i":42,"s":7,"l":1234567890123,"b":true,"f":0.10000000149011612,"d":2.5,"n":12.50,"v":"x","nothing":null,"j":{"a":1.0},"k":[1],"day":"2016-06-10T00:00:00.000Z","t":"2016-01-07 10:10:34.0","a":"{1,2}","u":"0b0e3d5a-9d5b-4b7e-8d56-6b2f7b6c1c11","c":"10:10:34"}"#,
    );
}

#[test]
fn types_of_mariadb() {
    let Some(database) = on_mariadb() else { return };
    types(
        &database,
        "SELECT CONCAT(?, '') AS who, 42 AS i, 12.50 AS n, 2.5e0 AS d, 'x' AS v, NULL AS nothing, \
         CAST('2016-06-10' AS DATE) AS day, CAST('2016-01-07 10:10:34' AS DATETIME) AS t, \
         CAST('10:10:34' AS TIME) AS c, CAST(18446744073709551615 AS UNSIGNED) AS u",
        r#"{"who":"me","i":42,"n":12.50,"d":2.5,"v":"x","nothing":null,"day":"2016-06-10T00:00:00.000Z","t":"2016-01-07 10:10:34.0","c":"10:10:34","u":18446744073709551615}"#,
    );
}
