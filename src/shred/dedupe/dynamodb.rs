//! The reference's table in Amazon DynamoDB.
//!
//! Facts: snowplow-incubator/events-manifest 0.3.0, `DynamoDbManifest.scala`: hash key `eventId`, range key
//! `fingerprint`, both texts; `etlTime` and `ttl` numbers. The table must exist.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{Credentials, Region};
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::AttributeValue;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::seen::StoreError;
use super::table::{ManifestTable, Put, Row, TableConfig};

/// Rows on their way at the same time, from all workers.
const IN_FLIGHT: usize = 64;

const CONDITION: &str = "(attribute_not_exists(eventId) AND attribute_not_exists(fingerprint)) OR etlTime = :etl";

/// A table in DynamoDB.
pub struct DynamoTable {
    client: Client,
    table: String,
    runtime: Runtime,
    in_flight: Arc<Semaphore>,
}

impl DynamoTable {
    /// Connects, and makes sure that the table is there. The endpoint comes from the SDK's standard chain.
    pub fn open(config: &TableConfig) -> Result<DynamoTable, StoreError> {
        let failed = |what: String| StoreError { message: what };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let client = runtime.block_on(client(config));
        let described = runtime.block_on(client.describe_table().table_name(&config.table).send());
        described.map_err(|error| {
            let reason = DisplayErrorContext(&error);
            failed(format!("Amazon DynamoDB table for event manifest is unavailable ({}): {reason}", config.table))
        })?;
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        Ok(DynamoTable { client, table: config.table.clone(), runtime, in_flight })
    }
}

async fn client(config: &TableConfig) -> Client {
    let region = Region::new(config.region.clone());
    let mut loader = aws_config::defaults(aws_config::BehaviorVersion::latest()).region(region);
    if let Some((key, secret)) = &config.credentials {
        loader = loader.credentials_provider(Credentials::new(key, secret, None, None, "configuration file"));
    }
    Client::new(&loader.load().await)
}

impl ManifestTable for DynamoTable {
    fn put(&self, rows: &[Row]) -> Vec<Put> {
        let mut answers = vec![Put::Failed("the request was lost".to_owned()); rows.len()];
        self.runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (index, row) in rows.iter().cloned().enumerate() {
                let (client, table) = (self.client.clone(), self.table.clone());
                let in_flight = Arc::clone(&self.in_flight);
                tasks.spawn(async move {
                    let _place = in_flight.acquire().await;
                    (index, put_one(&client, &table, row).await)
                });
            }
            while let Some(done) = tasks.join_next().await {
                if let Ok((index, answer)) = done {
                    answers[index] = answer;
                }
            }
        });
        answers
    }
}

async fn put_one(client: &Client, table: &str, row: Row) -> Put {
    let number = |value: i64| AttributeValue::N(value.to_string());
    let sent = client
        .put_item()
        .table_name(table)
        .item("eventId", AttributeValue::S(row.event_id))
        .item("fingerprint", AttributeValue::S(row.fingerprint))
        .item("etlTime", number(row.etl_time))
        .item("ttl", number(row.ttl))
        .condition_expression(CONDITION)
        .expression_attribute_values(":etl", number(row.etl_time))
        .send()
        .await;
    let Err(error) = sent else { return Put::Written };
    match error.code() {
        Some("ConditionalCheckFailedException") => Put::Refused,
        Some("ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded") => {
            Put::Throttled(error.message().unwrap_or("throughput exceeded").to_owned())
        }
        _ => Put::Failed(DisplayErrorContext(&error).to_string()),
    }
}
