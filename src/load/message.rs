//! `shredding_complete.json`, as the loader reads it.
//!
//! Facts: snowplow/snowplow-rdb-loader R35 to 1.2.3, `modules/common/.../LoaderMessage.scala`; 2-0-0 as of 5.x.

use serde::Deserialize;
use serde_json::Value;

/// What a shredder says of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShreddingComplete {
    /// The run folder as the shredder knew it.
    pub base: String,
    /// The list of types.
    pub types: Vec<ShreddedTypeEntry>,
    /// The list as written, compact.
    pub types_text: String,
    /// Start of the job, an ISO instant.
    pub started: String,
    /// End of the job.
    pub completed: String,
    /// First `collector_tstamp`.
    pub min: Option<String>,
    /// Last `collector_tstamp`.
    pub max: Option<String>,
    /// Whether the files are gzipped.
    pub gzip: bool,
    /// Who did it.
    pub artifact: String,
    /// Its version.
    pub version: String,
    /// How many events.
    pub count_good: Option<u64>,
    /// All of it, as written.
    pub data: Value,
}

/// One entry of the list of types.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShreddedTypeEntry {
    /// The schema, a URI.
    pub schema_key: String,
    /// `TSV` or `JSON`.
    pub format: String,
}

impl ShreddingComplete {
    /// Parses the file.
    pub fn parse(text: &[u8]) -> Result<ShreddingComplete, String> {
        let json: Value = serde_json::from_slice(text).map_err(|error| format!("no JSON: {error}"))?;
        let uri = json["schema"].as_str().unwrap_or_default();
        if !uri.contains("/shredding_complete/jsonschema/") {
            return Err(format!("`{uri}` is no shredding_complete message"));
        }
        let data = &json["data"];
        let text = |value: &Value, path: &str| {
            value.as_str().map(str::to_owned).ok_or_else(|| format!("`data.{path}` must be a text"))
        };
        let optional = |value: &Value| value.as_str().map(str::to_owned);
        let list = match &data["typesInfo"] {
            Value::Null => &data["types"],
            info if info["transformation"] == "SHREDDED" => &info["types"],
            info => return Err(format!("the run holds {}, which load does not take", info["transformation"])),
        };
        let types: Vec<ShreddedTypeEntry> =
            serde_json::from_value(list.clone()).map_err(|error| format!("`data.types`: {error}"))?;
        let times = &data["timestamps"];
        let compression = text(&data["compression"], "compression")?;
        Ok(ShreddingComplete {
            base: text(&data["base"], "base")?,
            types,
            types_text: list.to_string(),
            started: text(&times["jobStarted"], "timestamps.jobStarted")?,
            completed: text(&times["jobCompleted"], "timestamps.jobCompleted")?,
            min: optional(&times["min"]),
            max: optional(&times["max"]),
            gzip: compression.eq_ignore_ascii_case("GZIP"),
            artifact: text(&data["processor"]["artifact"], "processor.artifact")?,
            version: text(&data["processor"]["version"], "processor.version")?,
            count_good: data["count"]["good"].as_u64(),
            data: data.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example() {
        let text = br#"{"schema":"iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1","data":{"base":"s3://acme/shredded/run=2021-03-05-10-00-00/","types":[{"schemaKey":"iglu:com.acme/checkout_step/jsonschema/1-0-0","format":"TSV"}],"timestamps":{"jobStarted":"2021-03-05T10:01:00Z","jobCompleted":"2021-03-05T10:04:00Z","min":null,"max":null},"compression":"GZIP","processor":{"artifact":"snowplow-rdb-shredder","version":"1.2.3"},"count":{"good":1200}}}"#;
        let message = ShreddingComplete::parse(text).unwrap();
        assert_eq!((message.count_good, message.gzip, message.min), (Some(1200), true, None));
        assert_eq!(
            message.types_text,
            r#"[{"schemaKey":"iglu:com.acme/checkout_step/jsonschema/1-0-0","format":"TSV"}]"#
        );
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "{}", r#"{"schema":"iglu:a/b/jsonschema/1-0-0","data":{}}"#] {
            assert!(ShreddingComplete::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
