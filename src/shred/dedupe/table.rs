//! The events of earlier batches in a table of the reference's form, written one by one with a condition.
//!
//! Facts: snowplow-incubator/events-manifest 0.3.0, `DynamoDbManifest.scala` and `DynamoDbConfig.scala`; rows: `eventId`,
//! `fingerprint`, `etlTime`, `ttl`. The condition lets a batch meet its own rows, so a repeated batch keeps its events.

use serde_json::Value;

use super::seen::{Claim, Pair, SeenStore, StoreError};

/// How long a row lives: 180 days, in seconds.
pub const TIME_TO_LIVE: i64 = 15_552_000;

/// Where the table is.
#[derive(Clone, PartialEq, Eq)]
pub struct TableConfig {
    /// Name of the table.
    pub table: String,
    /// AWS region.
    pub region: String,
    /// Access key and secret, if they are not to come from the environment.
    pub credentials: Option<(String, String)>,
}

impl std::fmt::Debug for TableConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let credentials = if self.credentials.is_some() { "given" } else { "from the environment" };
        let TableConfig { table, region, .. } = self;
        write!(f, "TableConfig {{ table: {table:?}, region: {region:?}, credentials {credentials} }}")
    }
}

impl TableConfig {
    /// Reads a configuration `iglu:com.snowplowanalytics.snowplow.storage/amazon_dynamodb_config/jsonschema/1-0-0` to
    /// `2-0-0`, as JSON.
    pub fn parse(text: &[u8]) -> Result<TableConfig, String> {
        let json: Value = serde_json::from_slice(text).map_err(|error| format!("it is no JSON: {error}"))?;
        let schema = json["schema"].as_str().unwrap_or_default();
        let version =
            schema.strip_prefix("iglu:com.snowplowanalytics.snowplow.storage/amazon_dynamodb_config/jsonschema/");
        let Some(version) = version else {
            return Err(format!("its schema is {schema:?}, not one of amazon_dynamodb_config"));
        };
        let data = &json["data"];
        let text = |from: &Value, key: &str| from[key].as_str().map(str::to_owned).ok_or(format!("`{key}` is missing"));
        let credentials = match version {
            "1-0-0" | "1-0-1" => Some((text(data, "accessKeyId")?, text(data, "secretAccessKey")?)),
            "2-0-0" if data["auth"].is_null() => None,
            "2-0-0" => Some((text(&data["auth"], "accessKeyId")?, text(&data["auth"], "secretAccessKey")?)),
            other => return Err(format!("version {other} of its schema is not known")),
        };
        // Old configurations name the chain of default providers by these words.
        let chain = |key: &str| matches!(key, "default" | "iam" | "env");
        let credentials = credentials.filter(|(key, _)| !chain(key));
        Ok(TableConfig { table: text(data, "dynamodbTable")?, region: text(data, "awsRegion")?, credentials })
    }
}

/// A row to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Hash key.
    pub event_id: String,
    /// Range key.
    pub fingerprint: String,
    /// Time of the batch, seconds since 1970.
    pub etl_time: i64,
    /// When the row goes, seconds since 1970.
    pub ttl: i64,
}

/// What came of writing a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It was not there, or it was this batch's own.
    Written,
    /// Another batch has it.
    Refused,
    /// The table cannot keep up, even after pauses: everything must stop.
    Throttled(String),
    /// Anything else.
    Failed(String),
}

/// A table that writes a row if it is not there or has the same time.
pub trait ManifestTable: Send + Sync {
    /// Writes rows, several at a time: one answer a row, in order.
    fn put(&self, rows: &[Row]) -> Vec<Put>;
}

/// A store of seen events over such a table.
pub struct TableStore<T> {
    table: T,
    etl_time: i64,
}

impl<T: ManifestTable> TableStore<T> {
    /// The store for the batch of this time, milliseconds since 1970.
    pub fn new(table: T, batch_millis: i64) -> TableStore<T> {
        TableStore { table, etl_time: batch_millis.div_euclid(1000) }
    }
}

impl<T: ManifestTable> SeenStore for TableStore<T> {
    fn claim(&self, pairs: &[Pair<'_>]) -> Result<Vec<Claim>, StoreError> {
        let row = |pair: &Pair<'_>| Row {
            event_id: pair.event_id.to_string(),
            fingerprint: pair.fingerprint.to_string(),
            etl_time: self.etl_time,
            ttl: self.etl_time + TIME_TO_LIVE,
        };
        let rows: Vec<Row> = pairs.iter().map(row).collect();
        let claim = |put: Put| match put {
            Put::Written => Ok(Claim::New),
            Put::Refused => Ok(Claim::Seen),
            Put::Failed(message) => Ok(Claim::Failed(message)),
            Put::Throttled(message) => Err(StoreError {
                message: format!("the table of seen events cannot keep up: {message}; raise its write capacity"),
            }),
        };
        self.table.put(&rows).into_iter().map(claim).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::sync::Mutex;

    /// Honours the condition.
    #[derive(Default)]
    struct Stub {
        rows: Mutex<HashMap<(String, String), i64>>,
        answers: Vec<Put>,
    }

    impl ManifestTable for &Stub {
        fn put(&self, rows: &[Row]) -> Vec<Put> {
            let mut stored = self.rows.lock().unwrap();
            let put = |row: &Row| {
                assert_eq!(row.ttl, row.etl_time + 15_552_000);
                let time = stored.entry((row.event_id.clone(), row.fingerprint.clone())).or_insert(row.etl_time);
                if *time == row.etl_time { Put::Written } else { Put::Refused }
            };
            let honest: Vec<Put> = rows.iter().map(put).collect();
            if self.answers.is_empty() { honest } else { self.answers.clone() }
        }
    }

    fn pair(id: &'static str, fingerprint: &'static str) -> Pair<'static> {
        Pair { event_id: id.into(), fingerprint: fingerprint.into(), hash: 0 }
    }

    #[test]
    fn the_same_batch_meets_its_own_rows() {
        let stub = Stub::default();
        let at = |millis: i64, pairs: &[Pair<'_>]| TableStore::new(&stub, millis).claim(pairs).unwrap();
        assert_eq!(at(1000, &[pair("a", "f")]), [Claim::New]);
        assert_eq!(at(1999, &[pair("a", "f")]), [Claim::New], "the same second is the same batch");
        assert_eq!(at(2000, &[pair("a", "f"), pair("a", "g"), pair("b", "f")]), [Claim::Seen, Claim::New, Claim::New]);
    }

    #[test]
    fn throttling_stops_and_other_errors_concern_one_event() {
        let failed = Stub { answers: vec![Put::Failed("no access".into())], ..Stub::default() };
        assert_eq!(TableStore::new(&failed, 0).claim(&[pair("a", "f")]).unwrap(), [Claim::Failed("no access".into())]);
        let throttled = Stub { answers: vec![Put::Written, Put::Throttled("slow down".into())], ..Stub::default() };
        let error = TableStore::new(&throttled, 0).claim(&[pair("a", "f"), pair("b", "f")]).unwrap_err();
        assert!(error.message.contains("slow down") && error.message.contains("write capacity"));
    }

    #[test]
    fn configurations_of_every_version() {
        let config = |version: &str, data: &str| {
            let uri = "iglu:com.snowplowanalytics.snowplow.storage/amazon_dynamodb_config/jsonschema/";
            TableConfig::parse(format!(r#"{{"schema":"{uri}{version}","data":{data}}}"#).as_bytes())
        };
        let keys = r#""accessKeyId":"AK","secretAccessKey":"SK""#;
        let place = r#""awsRegion":"eu-west-1","dynamodbTable":"manifest","name":"x","purpose":"EVENTS_MANIFEST""#;
        let first = config("1-0-0", &format!("{{{keys},{place}}}")).unwrap();
        assert_eq!((first.table.as_str(), first.region.as_str()), ("manifest", "eu-west-1"));
        assert_eq!(first.credentials, Some(("AK".into(), "SK".into())));
        assert!(!format!("{first:?}").contains("SK"), "secrets are not printed");
        assert_eq!(config("2-0-0", &format!(r#"{{"auth":null,{place}}}"#)).unwrap().credentials, None);
        assert_eq!(config("2-0-0", &format!(r#"{{"auth":{{{keys}}},{place}}}"#)).unwrap(), first);
        assert!(config("1-0-1", "{}").unwrap_err().contains("accessKeyId"));
        assert!(config("3-0-0", "{}").unwrap_err().contains("3-0-0"));
        assert!(TableConfig::parse(b"{}").unwrap_err().contains("amazon_dynamodb_config"));
        assert!(TableConfig::parse(b"x").unwrap_err().contains("no JSON"));
    }
}
