//! `shredding_complete.json`: tells the loader what is in a run folder.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/common/.../LoaderMessage.scala`. Unlike there, `duplicate` entities
//! are listed.

use std::collections::BTreeMap;

use super::formats::RowFormat;
use super::output::ShredReport;
use crate::badrow::Processor;
use crate::event::time::instant_text;
use crate::iglu::OwnedSchemaKey;
use crate::json::write_string;

/// The name of the file, directly in the run folder.
pub const COMPLETE_FILE: &str = "shredding_complete.json";

const SCHEMA: &str = "iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1";
const ATOMIC: &str = "iglu:com.snowplowanalytics.snowplow/atomic/jsonschema/1-0-0";

/// A finished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion<'a> {
    /// The run folder, as the loader is to read it.
    pub base: &'a str,
    /// What was done.
    pub report: &'a ShredReport,
    /// Start of the job, milliseconds since 1970.
    pub started: i64,
    /// End of the job, milliseconds since 1970.
    pub completed: i64,
    /// Whether the files are gzipped.
    pub gzip: bool,
    /// Who did it.
    pub processor: &'a Processor,
}

impl Completion<'_> {
    /// The content of the file: compact JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let slash = if self.base.ends_with('/') { "" } else { "/" };
        put(&mut out, &format!(r#"{{"schema":"{SCHEMA}","data":{{"base":"#));
        write_string(&format!("{}{slash}", self.base), &mut out);
        put(&mut out, r#","types":["#);
        if self.report.counters.atomic_rows > 0 {
            put(&mut out, &format!(r#"{{"schemaKey":"{ATOMIC}","format":"TSV"}}"#));
            write_types(&self.report.types, &mut out);
        }
        let instant = |millis: i64| format!("\"{}\"", instant_text(millis));
        let optional = |millis: Option<i64>| millis.map_or("null".into(), instant);
        let collected = self.report.collected;
        put(
            &mut out,
            &format!(
                r#"],"timestamps":{{"jobStarted":{},"jobCompleted":{},"min":{},"max":{}}},"compression":"{}","processor":{{"artifact":"#,
                instant(self.started),
                instant(self.completed),
                optional(collected.map(|(first, _)| first)),
                optional(collected.map(|(_, last)| last)),
                if self.gzip { "GZIP" } else { "NONE" },
            ),
        );
        write_string(&self.processor.artifact, &mut out);
        put(&mut out, r#","version":"#);
        write_string(&self.processor.version, &mut out);
        put(&mut out, &format!(r#"}},"count":{{"good":{}}}}}}}"#, self.report.counters.atomic_rows));
        out
    }
}

fn write_types(types: &BTreeMap<OwnedSchemaKey, RowFormat>, out: &mut Vec<u8>) {
    for (key, format) in types {
        put(out, &format!(r#",{{"schemaKey":"{key}","format":"{}"}}"#, format.message()));
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iglu::SchemaVer;
    use crate::shred::ShredCounters;

    fn processor() -> Processor {
        Processor { artifact: "snowplow-rdb-shredder".into(), version: "1.2.3".into() }
    }

    #[test]
    fn the_message_of_the_worked_example() {
        let key = |addition| OwnedSchemaKey {
            vendor: "com.acme".into(),
            name: "checkout_step".into(),
            format: "jsonschema".into(),
            version: SchemaVer::new(1, 0, addition),
        };
        let report = ShredReport {
            counters: ShredCounters { atomic_rows: 1200, ..ShredCounters::default() },
            types: [(key(1), RowFormat::Tsv), (key(0), RowFormat::Tsv)].into(),
            collected: Some((1_614_934_750_123, 1_614_938_280_000)),
        };
        let message = Completion {
            base: "s3://acme/shredded/run=2021-03-05-10-00-00",
            report: &report,
            started: 1_614_938_460_000,
            completed: 1_614_938_640_000,
            gzip: true,
            processor: &processor(),
        };
        let expected = r#"{"schema":"iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1","data":{"base":"s3://acme/shredded/run=2021-03-05-10-00-00/","types":[{"schemaKey":"iglu:com.snowplowanalytics.snowplow/atomic/jsonschema/1-0-0","format":"TSV"},{"schemaKey":"iglu:com.acme/checkout_step/jsonschema/1-0-0","format":"TSV"},{"schemaKey":"iglu:com.acme/checkout_step/jsonschema/1-0-1","format":"TSV"}],"timestamps":{"jobStarted":"2021-03-05T10:01:00Z","jobCompleted":"2021-03-05T10:04:00Z","min":"2021-03-05T08:59:10.123Z","max":"2021-03-05T09:58:00Z"},"compression":"GZIP","processor":{"artifact":"snowplow-rdb-shredder","version":"1.2.3"},"count":{"good":1200}}}"#;
        assert_eq!(String::from_utf8(message.to_json()).unwrap(), expected);
    }

    #[test]
    fn an_empty_run_has_no_types() {
        let report = ShredReport::default();
        let message = Completion {
            base: "/data/run=1/",
            report: &report,
            started: 0,
            completed: 1,
            gzip: false,
            processor: &processor(),
        };
        let json: serde_json::Value = serde_json::from_slice(&message.to_json()).unwrap();
        assert_eq!(json["data"]["types"], serde_json::json!([]));
        assert_eq!(json["data"]["timestamps"]["min"], serde_json::Value::Null);
        assert_eq!(json["data"]["base"], "/data/run=1/");
        assert_eq!(json["data"]["compression"], "NONE");
    }
}
