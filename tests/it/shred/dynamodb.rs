//! The reference's DynamoDB table, against a server of our own that honours the condition.
#![cfg(feature = "dynamodb")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use thresh::event::Column;

use super::world::{Event, PAGE, World, success};

#[derive(Default)]
struct Table {
    rows: HashMap<(String, String), Value>,
    /// What every write is answered with, instead of being carried out.
    error: Option<&'static str>,
}

struct Server {
    url: String,
    table: Arc<Mutex<Table>>,
}

impl Server {
    fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let table = Arc::new(Mutex::new(Table::default()));
        let shared = Arc::clone(&table);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let table = Arc::clone(&shared);
                std::thread::spawn(move || serve(connection, &table));
            }
        });
        Server { url, table }
    }

    fn shred(&self, world: &World, input: &str, run_id: &str) -> Output {
        let more = ["--cross-batch", "dynamodb.json"];
        world.shred_with(
            input,
            run_id,
            &more,
            &[
                ("AWS_ENDPOINT_URL_DYNAMODB", &self.url),
                ("AWS_MAX_ATTEMPTS", "1"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ],
        )
    }
}

/// Answers the requests of one connection until it is closed.
fn serve(connection: TcpStream, table: &Mutex<Table>) {
    let mut answers = connection.try_clone().unwrap();
    let mut reader = BufReader::new(connection);
    loop {
        let (mut length, mut target, mut line) = (0, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.trim().is_empty() { break } else { continue }
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "x-amz-target" => target = value.rsplit('.').next().unwrap().to_owned(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let request: Value = serde_json::from_slice(&body).unwrap();
        let (status, answer) = answer(&target, &request, &mut table.lock().unwrap());
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        if answers.write_all((head + &text).as_bytes()).is_err() {
            return;
        }
    }
}

fn answer(target: &str, request: &Value, table: &mut Table) -> (u16, Value) {
    let error =
        |name: &str| (400, json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{name}"), "message": name}));
    if request["TableName"] != "manifest" {
        return error("ResourceNotFoundException");
    }
    if target == "DescribeTable" {
        return (200, json!({"Table": {"TableName": "manifest", "TableStatus": "ACTIVE"}}));
    }
    assert_eq!(target, "PutItem");
    if let Some(name) = table.error {
        return error(name);
    }
    let item = &request["Item"];
    let text = |name: &str| item[name]["S"].as_str().unwrap().to_owned();
    let number = |value: &Value| value["N"].as_str().unwrap().parse::<i64>().unwrap();
    assert_eq!(number(&item["ttl"]), number(&item["etlTime"]) + 15_552_000);
    assert_eq!(request["ExpressionAttributeValues"][":etl"], item["etlTime"]);
    assert_eq!(
        request["ConditionExpression"],
        "(attribute_not_exists(eventId) AND attribute_not_exists(fingerprint)) OR etlTime = :etl"
    );
    let stored = table.rows.entry((text("eventId"), text("fingerprint"))).or_insert_with(|| item.clone());
    if stored["etlTime"] == item["etlTime"] { (200, json!({})) } else { error("ConditionalCheckFailedException") }
}

fn world() -> World {
    let world = World::new();
    let config = |table: &str| {
        json!({
            "schema": "iglu:com.snowplowanalytics.snowplow.storage/amazon_dynamodb_config/jsonschema/1-0-1",
            "data": {"name": "x", "accessKeyId": "AK", "secretAccessKey": "SK", "awsRegion": "eu-west-1",
                     "dynamodbTable": table, "purpose": "DUPLICATE_TRACKING"}
        })
    };
    world.write("dynamodb.json", config("manifest").to_string().as_bytes());
    world.write("missing.json", config("missing").to_string().as_bytes());
    let batch = |hour: u8, ids: &[u128]| -> Vec<Event> {
        let etl = format!("2021-03-05 {hour}:00:00.000");
        ids.iter().map(|id| Event::new(*id).set(Column::etl_tstamp, &etl).contexts(&[(PAGE, json!({}))])).collect()
    };
    world.input("first", &batch(10, &[1, 2, 2, 3]));
    world.input("second", &batch(11, &[3, 4]));
    world
}

#[test]
fn earlier_batches_in_the_references_table() {
    let (world, server) = (world(), Server::start());
    for run in ["a", "b"] {
        success(&server.shred(&world, "first", run));
        assert_eq!(world.run(run).counter("events_good"), 3, "a batch may be repeated");
        assert_eq!(world.run(run).counter("natural_duplicates"), 1);
    }
    success(&server.shred(&world, "second", "c"));
    assert_eq!(world.run("c").counter("cross_batch_duplicates"), 1);
    assert_eq!(world.run("c").counter("events_good"), 1);
    let table = server.table.lock().unwrap();
    assert_eq!(table.rows.len(), 4);
    let key = ("00000000-0000-0000-0000-000000000001".to_owned(), "f1".to_owned());
    assert_eq!(table.rows[&key]["etlTime"]["N"], "1614938400");
}

#[test]
fn a_table_that_fails() {
    let (world, server) = (world(), Server::start());
    server.table.lock().unwrap().error = Some("ProvisionedThroughputExceededException");
    let throttled = server.shred(&world, "first", "a");
    let stderr = String::from_utf8_lossy(&throttled.stderr).into_owned();
    assert_eq!(throttled.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("write capacity"), "{stderr}");
    assert!(!world.run("a").files().contains(&"_SUCCESS".to_owned()));

    server.table.lock().unwrap().error = Some("ItemCollectionSizeLimitExceededException");
    success(&server.shred(&world, "first", "b"));
    let run = world.run("b");
    assert_eq!(run.lines("name=loader_runtime_error").len(), 3);
    assert_eq!((run.counter("events_good"), run.counter("natural_duplicates")), (0, 1));

    let endpoint = [("AWS_ENDPOINT_URL_DYNAMODB", server.url.as_str()), ("AWS_MAX_ATTEMPTS", "1")];
    let missing = world.shred_with("first", "c", &["--cross-batch", "missing.json"], &endpoint);
    assert_eq!(missing.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(stderr.contains("Amazon DynamoDB table for event manifest is unavailable"), "{stderr}");
    assert!(!stderr.contains("SK"), "{stderr}");
}
