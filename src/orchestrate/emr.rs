//! EmrEtlRunner's `config.yml`.
//!
//! Keys: snowplow/emr-etl-runner 1.0.4, `config/config.yml.sample` and `lib/snowplow-emr-etl-runner/contracts.rb`; older
//! files differ in keys that have no effect here. What the reference asked for and thresh has no use for may be absent.

use std::path::Path;

use super::document::parse_yaml;
use super::erb;
use super::fields::{Findings, Place, Reasons};
use super::pipeline::{EventFolders, Pipeline, RawFolders, Reading, S3Settings};
use crate::raw::RawFormat;
use crate::storage::{Location, S3Keys};

const CLUSTER: &str = "there is no cluster";
const VERSIONS: &str = "thresh is its own version of every step";

/// Keys of the reference that nothing here needs.
const REASONS: Reasons<'static> = &[
    ("aws.emr", CLUSTER),
    ("aws.s3.buckets.assets", "there are no jars to be fetched"),
    ("aws.s3.buckets.enriched.errors", "whatever goes wrong with a record is a bad row"),
    ("aws.s3.buckets.shredded.errors", "whatever goes wrong with a record is a bad row"),
    ("aws.s3.consolidate_shredded_output", "files are written at their target size at once"),
    ("enrich.versions", VERSIONS),
    ("enrich.continue_on_unexpected_error", "it always goes on; whatever goes wrong with a record is a bad row"),
    ("storage.versions", VERSIONS),
    ("storage.download", "nothing is downloaded for a load"),
    ("monitoring.logging.level", "see --verbose, --quiet and RUST_LOG"),
    ("monitoring.snowplow", "see the runner's --webhook and thresh load --webhook"),
    ("enrich.job_name", CLUSTER),
];

/// Reads a configuration. `folder` is where relative paths in it start; `environment` is asked for `<%= ENV['…'] %>`.
pub fn read(text: &str, folder: &Path, environment: &dyn Fn(&str) -> Option<String>) -> Reading {
    let template = match erb::expand(text, environment) {
        Ok(template) => template,
        Err(error) => return Reading::failed(error.line, "<%= ENV['NAME'] %>", format!("`{}`", error.tag)),
    };
    let mut document = match parse_yaml(&template.text) {
        Ok(document) => document,
        Err(error) => return Reading::failed(error.line, "YAML", error.message),
    };
    template.fill(&mut document);
    let findings = Findings::default();
    let mut warnings: Vec<String> = Vec::new();
    for (name, line) in &template.missing {
        warnings.push(format!("line {line}: the environment variable {name} is not set"));
    }
    let root = Place::root(&document, folder, &findings);
    root.expect_table();
    let pipeline = read_pipeline(&root, &mut warnings);
    for overlap in pipeline.iter().flat_map(Pipeline::overlaps) {
        root.at("aws.s3.buckets").refuse("folders side by side", &overlap);
    }
    let (problems, unused) = findings.finish(&document, REASONS);
    let pipeline = pipeline.filter(|_| problems.is_empty());
    Reading { pipeline, problems, unused, warnings }
}

fn read_pipeline(root: &Place<'_>, warnings: &mut Vec<String>) -> Option<Pipeline> {
    for table in ["aws", "aws.s3", "aws.s3.buckets", "aws.s3.buckets.enriched", "aws.s3.buckets.shredded"] {
        root.at(table).expect_table();
    }
    let buckets = root.at("aws.s3.buckets");
    let stream = buckets.at("enriched.stream").optional_location();
    let raw = match &stream {
        Some(_) => {
            ignore_raw(&buckets.field("raw"), warnings);
            None
        }
        None => Some(RawFolders::read(&buckets.field("raw"), "one or more folders that collectors write to")),
    };
    let enriched = EventFolders::read(&buckets.field("enriched"), stream.is_none());
    let shredded = EventFolders::read(&buckets.field("shredded"), true);
    let state = state_folder(&buckets.field("log"));
    let format = if stream.is_some() { Some("auto".to_owned()) } else { read_format(root, warnings) };
    if stream.is_some() {
        // It is there in many configurations, and says nothing.
        root.at("collectors.format").optional_text();
    }
    let gzip = read_compression(&root.at("enrich.output_compression"));
    let jsonpaths = buckets.field("jsonpath_assets").optional_location();
    let tags = root.at("monitoring.tags").texts();
    let s3 = read_s3(root);
    Some(Pipeline {
        raw: match raw {
            Some(raw) => Some(raw?),
            None => None,
        },
        enriched: enriched?,
        stream,
        shredded: shredded?,
        state: state?,
        format: format?,
        gzip: gzip?,
        max_bytes: None,
        jsonpaths,
        tags,
        s3,
        targets: Vec::new(),
        options: std::collections::BTreeMap::new(),
    })
}

/// In stream mode the reference ignores the folders of raw logs.
fn ignore_raw(raw: &Place<'_>, warnings: &mut Vec<String>) {
    if raw.is_present() {
        for key in ["in", "processing", "archive"] {
            raw.field(key).elements();
        }
        warnings
            .push(format!("{}: ignored, because enriched.stream says that enriching is done elsewhere", raw.path()));
    }
}

/// The folder of the cluster's logs is at hand in every configuration, and nothing else reads it.
fn state_folder(log: &Place<'_>) -> Option<Location> {
    Some(log.location()?.join("thresh"))
}

fn read_format(root: &Place<'_>, warnings: &mut Vec<String>) -> Option<String> {
    const EXPECTED: &str = "cloudfront, clj-tomcat, thrift, tsv/VENDOR/VERSION, ndjson/VENDOR/VERSION, or auto";
    let place = root.at("collectors.format");
    let name = place
        .parsed(EXPECTED, |name| (name == "auto" || name.parse::<RawFormat>().is_ok()).then(|| name.to_owned()))?;
    // The sample configuration has always named an adapter that does not exist.
    match name.strip_prefix("ndjson/urbanairship.connect/") {
        Some(version) => {
            let right = format!("ndjson/com.urbanairship.connect/{version}");
            warnings.push(format!("collectors.format: {name} is taken for {right}"));
            Some(right)
        }
        None => Some(name),
    }
}

fn read_compression(place: &Place<'_>) -> Option<bool> {
    place.parsed("NONE or GZIP", |text| match text.to_ascii_uppercase().as_str() {
        "NONE" => Some(false),
        "GZIP" | "GZ" => Some(true),
        _ => None,
    })
}

fn read_s3(root: &Place<'_>) -> S3Settings {
    let aws = root.field("aws");
    let region = aws.at("s3.region").optional_text().filter(|region| region != "ADD HERE");
    let encrypted = aws.at("s3.buckets.encrypted").flag(false);
    S3Settings {
        region,
        credentials: read_credentials(&aws),
        encryption: encrypted.then(|| "aes256".to_owned()),
        ..S3Settings::default()
    }
}

/// Absent, blank, `iam` and `env` leave it to the usual chain: environment, profile, the instance's role.
fn read_credentials(aws: &Place<'_>) -> Option<S3Keys> {
    let by_chain = |text: &String| !matches!(text.trim(), "" | "iam" | "env");
    let id = aws.field("access_key_id").optional_text().filter(by_chain);
    let secret_place = aws.field("secret_access_key");
    let secret = secret_place.optional_text().filter(by_chain);
    match (id, secret) {
        (Some(access_key_id), Some(secret_access_key)) => Some(S3Keys { access_key_id, secret_access_key }),
        (None, None) => None,
        (Some(_), None) => {
            secret_place.refuse("the secret that goes with access_key_id, or neither", "nothing");
            None
        }
        (None, Some(_)) => {
            aws.field("access_key_id").refuse("the id that goes with secret_access_key, or neither", "nothing");
            None
        }
    }
}

#[cfg(test)]
mod tests;
