use super::super::document::Value;
use super::*;

const SAMPLE: &str = include_str!("../../../examples/config.yml");

fn environment(name: &str) -> Option<String> {
    match name {
        "AWS_SNOWPLOW_ACCESS_KEY" => Some("AKIA".to_owned()),
        "AWS_SNOWPLOW_SECRET_KEY" => Some("hunter2".to_owned()),
        _ => None,
    }
}

fn reading(text: &str) -> Reading {
    read(text, Path::new("/conf"), &environment)
}

fn problems(text: &str) -> Vec<String> {
    reading(text).problems.iter().map(ToString::to_string).collect()
}

/// The line of the sample that holds this.
fn line_of(part: &str) -> usize {
    SAMPLE.lines().position(|line| line.contains(part)).unwrap() + 1
}

#[test]
fn the_sample_is_read() {
    let reading = reading(SAMPLE);
    assert_eq!(reading.problems, []);
    let pipeline = reading.pipeline.unwrap();
    let raw = pipeline.raw.unwrap();
    assert_eq!(raw.inputs.len(), 2);
    assert_eq!(raw.processing.to_string(), "s3://acme-pipeline/raw/processing");
    assert_eq!(pipeline.state.to_string(), "s3://acme-pipeline/log/thresh");
    assert_eq!((pipeline.format.as_str(), pipeline.gzip), ("cloudfront", true));
    assert_eq!(pipeline.s3.region.as_deref(), Some("eu-west-1"));
    let keys = pipeline.s3.credentials.unwrap();
    assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.as_str()), ("AKIA", "hunter2"));
    assert_eq!(format!("{keys:?}"), "***");
    assert_eq!(pipeline.s3.encryption, None);
}

#[test]
fn keys_about_clusters_have_no_effect() {
    let reading = reading(SAMPLE);
    let unused: Vec<(&str, &str)> = reading.unused.iter().map(|key| (key.path.as_str(), key.why.as_str())).collect();
    let names: Vec<&str> = unused.iter().map(|(path, _)| *path).collect();
    let expected = [
        "aws.s3.buckets.assets",
        "aws.s3.buckets.enriched.errors",
        "aws.s3.buckets.shredded.errors",
        "aws.s3.consolidate_shredded_output",
        "aws.emr",
        "enrich.versions",
        "enrich.continue_on_unexpected_error",
        "storage.versions",
        "monitoring.logging.level",
        "monitoring.snowplow",
    ];
    assert_eq!(names, expected);
    assert!(unused.iter().all(|(_, why)| *why != "there is no such key"));
    let emr = reading.unused.iter().find(|key| key.path == "aws.emr").unwrap();
    assert_eq!(emr.line as usize, line_of("    ami_version:"));
}

#[test]
fn unknown_keys_are_told_apart() {
    let text = SAMPLE.replace("  output_compression:", "  output_compresion: GZIP\n  output_compression:");
    let unused = reading(&text).unused;
    let key = unused.iter().find(|key| key.path == "enrich.output_compresion").unwrap();
    assert_eq!(key.why, "there is no such key");
}

#[test]
fn wrong_values_are_named_by_path_and_line() {
    for (from, to, expected) in [
        (
            "output_compression: \"GZIP\"",
            "output_compression: LZO",
            format!(
                "line {}: enrich.output_compression: expected NONE or GZIP, found `LZO`",
                line_of("output_compression:")
            ),
        ),
        (
            "processing: s3://acme-pipeline/raw/processing",
            "processing: ADD HERE",
            format!(
                "line {}: aws.s3.buckets.raw.processing: expected a folder: a path or s3://bucket/prefix/, found `ADD HERE`",
                line_of("processing:")
            ),
        ),
        (
            "encrypted: false",
            "encrypted: 3",
            format!("line {}: aws.s3.buckets.encrypted: expected true or false, found 3", line_of("encrypted:")),
        ),
        (
            "bad: s3://acme-pipeline/shredded/bad",
            "bad: [1, 2]",
            format!(
                "line {}: aws.s3.buckets.shredded.bad: expected a text, found a list of 2",
                line_of("bad: s3://acme-pipeline/shredded/bad")
            ),
        ),
        (
            "format: cloudfront",
            "format: json/a/b",
            format!(
                "line {}: collectors.format: expected cloudfront, clj-tomcat, thrift, tsv/VENDOR/VERSION, \
                 ndjson/VENDOR/VERSION, or auto, found `json/a/b`",
                line_of("format: cloudfront")
            ),
        ),
        (
            "s3://acme-pipeline/shredded/good",
            "s3://acme-pipeline/raw/processing/shredded",
            "expected folders side by side, found shredded.good lies inside raw.processing: \
             s3://acme-pipeline/raw/processing/shredded in s3://acme-pipeline/raw/processing"
                .to_owned(),
        ),
    ] {
        assert!(SAMPLE.contains(from), "{from}");
        let found = problems(&SAMPLE.replacen(from, to, 1));
        assert!(found.iter().any(|problem| problem.contains(&expected)), "{found:?}\n{expected}");
        assert!(reading(&SAMPLE.replacen(from, to, 1)).pipeline.is_none());
    }
}

#[test]
fn a_missing_key_is_named_with_the_line_of_its_table() {
    let start = SAMPLE.find("      log:").unwrap();
    let end = start + SAMPLE[start..].find('\n').unwrap() + 1;
    let found = problems(&format!("{}{}", &SAMPLE[..start], &SAMPLE[end..]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].ends_with("aws.s3.buckets.log: expected a folder: a path or s3://bucket/prefix/, found nothing"));
}

#[test]
fn secrets_are_never_shown() {
    for text in [
        "aws:\n  access_key_id: AKIA\n  secret_access_key: [hunter2]\n",
        "aws:\n  access_key_id: {hunter2: hunter3}\n",
        "aws:\n  secret_access_key: hunter2\n",
        "aws:\n  secret_access_key: 'hunter2\n",
    ] {
        let reading = reading(text);
        let shown = format!("{:?}{:?}{:?}", reading.problems, reading.unused, reading.warnings);
        assert!(!reading.problems.is_empty());
        assert!(!shown.contains("hunter2: ") && !shown.contains("[hunter2]"), "{shown}");
    }
}

#[test]
fn keys_may_be_left_to_the_chain() {
    for id in ["", "iam", "<%= ENV['NOT_SET'] %>"] {
        let text = SAMPLE
            .replace("<%= ENV['AWS_SNOWPLOW_ACCESS_KEY'] %>", id)
            .replace("<%= ENV['AWS_SNOWPLOW_SECRET_KEY'] %>", id);
        let reading = reading(&text);
        assert_eq!(reading.problems, [], "{id}");
        assert_eq!(reading.pipeline.unwrap().s3.credentials, None);
        assert_eq!(reading.warnings.len(), if id.contains("ENV") { 2 } else { 0 });
    }
}

#[test]
fn stream_mode_needs_no_raw_folders() {
    let text = SAMPLE.replace(
        "        good: s3://acme-pipeline/enriched/good",
        "        stream: s3://acme-stream/\n        good: s3://acme-pipeline/enriched/good",
    );
    let reading = reading(&text);
    assert_eq!(reading.problems, []);
    let pipeline = reading.pipeline.unwrap();
    assert!(pipeline.is_stream() && pipeline.raw.is_none());
    assert!(reading.warnings[0].starts_with("aws.s3.buckets.raw: ignored"), "{:?}", reading.warnings);
}

#[test]
fn local_folders_start_at_the_file() {
    let text = SAMPLE.replace("s3://acme-pipeline/raw/archive", "old/raw");
    let raw = reading(&text).pipeline.unwrap().raw.unwrap();
    assert_eq!(raw.archive, Location::Local("/conf/old/raw".into()));
}

#[test]
fn the_sample_formats_name_that_never_existed() {
    let reading = reading(&SAMPLE.replace("format: cloudfront", "format: ndjson/urbanairship.connect/v1"));
    assert_eq!(reading.pipeline.unwrap().format, "ndjson/com.urbanairship.connect/v1");
    assert_eq!(reading.warnings.len(), 1);
}

#[test]
fn keys_of_symbols_are_keys() {
    let symbols: String = SAMPLE
        .lines()
        .map(|line| {
            let indent = line.len() - line.trim_start().len();
            let is_key = line.trim_start().split(':').next().is_some_and(|key| {
                !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
            });
            if is_key { format!("{}:{}\n", &line[..indent], &line[indent..]) } else { format!("{line}\n") }
        })
        .collect();
    assert!(symbols.contains(":aws:"));
    let reading = reading(&symbols);
    assert_eq!(reading.problems, []);
    assert!(reading.pipeline.is_some());
}

#[test]
fn what_is_no_document() {
    for (text, expected) in
        [("", "expected"), ("- a\n", "expected a table of keys"), ("a: <% x %>", "expected <%= ENV")]
    {
        let found = problems(text);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{text:?}: {found:?}");
    }
    assert_eq!(parse_yaml("x").unwrap().value, Value::Text("x".into()));
}
