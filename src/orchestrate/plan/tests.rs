use super::super::pipeline::tests::batch;
use super::super::targets::TargetRef;
use super::*;

const ID: &str = "2017-05-10-02-45-30";

fn postgres(name: &str) -> TargetRef {
    let text = format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage/postgresql_config/jsonschema/1-0-0",
            "data":{{"purpose":"ENRICHED_EVENTS","name":"{name}"}}}}"#
    );
    TargetRef::from_json("targets/it's.json", text.as_bytes()).unwrap()
}

fn redshift(list: &str) -> TargetRef {
    let text = format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage/redshift_config/jsonschema/4-0-0",
            "data":{{"purpose":"ENRICHED_EVENTS","name":"R","blacklistTabular":{list}}}}}"#
    );
    TargetRef::from_json("r.json", text.as_bytes()).unwrap()
}

fn lines(pipeline: &Pipeline, targets: &[TargetRef], selection: &Selection) -> Vec<String> {
    let run_id: RunId = ID.parse().unwrap();
    let request = PlanRequest {
        pipeline,
        targets,
        resolver: Some("conf/resolver.json"),
        enrichments: Some("conf/enrichments"),
        run_id: &run_id,
        selection,
        storage: &[],
    };
    plan(&request).iter().map(ToString::to_string).collect()
}

#[test]
fn a_whole_run() {
    let lines = lines(&batch(), &[postgres("Main DB")], &Selection::default());
    assert_eq!(
        lines,
        [
            "staging\tthresh stage s3://acme-logs/ 's3://acme/old logs/' --output s3://acme/processing/ \
             --run-id 2017-05-10-02-45-30 --resume",
            "enrich\tthresh enrich s3://acme/processing/run=2017-05-10-02-45-30/ --output s3://acme/enriched/good/ \
             --bad s3://acme/enriched/bad/ --run-id 2017-05-10-02-45-30 --resume --redo-changed --format thrift \
             --etl-tstamp 1494384330000 --compression gzip --resolver conf/resolver.json --enrichments conf/enrichments",
            "shred\tthresh shred s3://acme/enriched/good/run=2017-05-10-02-45-30/ --output s3://acme/shredded/good/ \
             --bad s3://acme/shredded/bad/ --run-id 2017-05-10-02-45-30 --resume --redo-changed --compression gzip \
             --completion-message always --resolver conf/resolver.json",
            "reconcile\tthresh reconcile s3://acme/processing/run=2017-05-10-02-45-30/ \
             s3://acme/enriched/good/run=2017-05-10-02-45-30/ s3://acme/shredded/good/run=2017-05-10-02-45-30/",
            "archive_raw\tthresh archive s3://acme/processing/run=2017-05-10-02-45-30/ --output s3://acme/raw-archive/ \
             --resume",
            "rdb_load:main-db\tthresh load s3://acme/shredded/good/run=2017-05-10-02-45-30/ --target 'targets/it'\\''s.json' \
             --resolver conf/resolver.json",
            "archive_enriched\tthresh archive s3://acme/enriched/good/run=2017-05-10-02-45-30/ \
             --output s3://acme/enriched/archive/ --resume",
            "archive_shredded\tthresh archive s3://acme/shredded/good/run=2017-05-10-02-45-30/ \
             --output s3://acme/shredded/archive/ --resume",
        ]
    );
}

#[test]
fn staging_left_out_takes_what_is_in_processing() {
    let selection = Selection { skip: vec!["staging".parse().unwrap()], ..Selection::default() };
    let lines = lines(&batch(), &[], &selection);
    assert!(lines[0].starts_with("enrich\tthresh enrich s3://acme/processing/ --output"), "{}", lines[0]);
    assert_eq!(
        lines[2],
        "reconcile\tthresh reconcile s3://acme/enriched/good/run=2017-05-10-02-45-30/ \
         s3://acme/shredded/good/run=2017-05-10-02-45-30/"
    );
    assert_eq!(
        lines[3],
        "archive_raw\tthresh archive s3://acme/processing/ --output s3://acme/raw-archive/ --resume \
         --run-id 2017-05-10-02-45-30 --allow-incomplete"
    );
}

#[test]
fn resuming_keeps_the_run_id_everywhere() {
    let selection = Selection { resume_from: Some("shred".parse().unwrap()), ..Selection::default() };
    let lines = lines(&batch(), &[postgres("a"), postgres("a")], &selection);
    let names: Vec<&str> = lines.iter().map(|line| line.split('\t').next().unwrap()).collect();
    let expected =
        ["shred", "reconcile", "archive_raw", "rdb_load:a", "rdb_load:a-2", "archive_enriched", "archive_shredded"];
    assert_eq!(names, expected);
    assert!(lines.iter().all(|line| line.contains(&format!("run={ID}/"))), "{lines:?}");
}

#[test]
fn stream_mode() {
    let mut pipeline = batch();
    pipeline.raw = None;
    pipeline.stream = Some(Location::parse("s3://acme/stream/").unwrap());
    let lines = lines(&pipeline, &[], &Selection::default());
    assert_eq!(
        lines[0],
        "staging_stream_enrich\tthresh stage s3://acme/stream/ --output s3://acme/enriched/good/ \
         --run-id 2017-05-10-02-45-30 --resume --select '.*\\.gz'"
    );
    assert!(lines[1].starts_with("shred\t"), "{lines:?}");
    assert_eq!(lines.len(), 5, "{lines:?}");
}

#[test]
fn options_reach_their_commands() {
    let mut pipeline = batch();
    pipeline.format = "clj-tomcat".to_owned();
    pipeline.gzip = false;
    pipeline.max_bytes = Some("20GiB".to_owned());
    pipeline.s3.region = Some("eu-west-1".to_owned());
    pipeline.jsonpaths = Some(Location::parse("s3://acme/jsonpaths/").unwrap());
    pipeline.tags = vec![("team".to_owned(), "a b".to_owned())];
    pipeline.options.insert("enrich".to_owned(), vec!["--threads".to_owned(), "8".to_owned()]);
    let selection = Selection {
        skip: vec!["analyze".parse().unwrap(), "consistency_check".parse().unwrap()],
        include: vec!["vacuum".parse().unwrap()],
        ..Selection::default()
    };
    let dynamo = r#"{"schema":"iglu:com.snowplowanalytics.snowplow.storage/amazon_dynamodb_config/jsonschema/2-0-0",
        "data":{"purpose":"DUPLICATE_TRACKING"}}"#;
    let targets = [
        redshift(r#"["iglu:a/b/jsonschema/1-*-*","iglu:a/c/jsonschema/1-*-*"]"#),
        TargetRef::from_json("d.json", dynamo.as_bytes()).unwrap(),
    ];
    let lines = lines(&pipeline, &targets, &selection);
    let line = |name: &str| lines.iter().find(|line| line.starts_with(name)).unwrap();
    assert!(line("staging").ends_with("--select '.*localhost_access_log.*\\.txt.*' --max-bytes 20GiB"), "{lines:?}");
    assert!(line("enrich").starts_with("enrich\tAWS_REGION=eu-west-1 thresh enrich "), "{lines:?}");
    assert!(line("enrich").ends_with("--threads 8") && line("enrich").contains("--compression none"), "{lines:?}");
    let shred = "--json-schemas 'iglu:a/b/jsonschema/1-*-*,iglu:a/c/jsonschema/1-*-*' --cross-batch d.json";
    assert!(line("shred").contains(shred), "{lines:?}");
    let load = "--skip consistency_check,analyze --include vacuum --jsonpaths s3://acme/jsonpaths/ --region eu-west-1 \
                --tag 'team=a b'";
    assert!(line("rdb_load:r").ends_with(load), "{lines:?}");
    assert!(self::lines(&pipeline, &[redshift("null")], &selection)[2].contains("--shred-format json"));
}

#[test]
fn passwords_stay_out_of_sight() {
    let target = |env: Option<&str>, file: Option<&str>| TargetRef {
        password_env: env.map(str::to_owned),
        password_file: file.map(str::to_owned),
        ..TargetRef::from_url("postgres://loader@db/snowplow").unwrap()
    };
    let targets = [target(Some("PG_WORD"), None), target(None, Some("/etc/my pw"))];
    let lines = lines(
        &batch(),
        &targets,
        &Selection { resume_from: Some("rdb_load".parse().unwrap()), ..Selection::default() },
    );
    assert!(lines[0].starts_with("rdb_load:postgres\tTHRESH_TARGET_PASSWORD=\"${PG_WORD}\" thresh load "), "{lines:?}");
    assert!(
        lines[1].starts_with("rdb_load:postgres-2\tTHRESH_TARGET_PASSWORD=\"$(cat -- '/etc/my pw')\" thresh load "),
        "{lines:?}"
    );
}

#[test]
fn ids_that_are_no_time_leave_the_time_to_the_run() {
    assert_eq!(etl_millis(&ID.parse().unwrap()), Some(1_494_384_330_000));
    assert_eq!(etl_millis(&"backfill-7".parse().unwrap()), None);
}

#[test]
fn without_an_archive_runs_stay() {
    let mut pipeline = batch();
    pipeline.enriched.archive = None;
    let lines = lines(&pipeline, &[], &Selection::default());
    assert!(!lines.iter().any(|line| line.starts_with("archive_enriched")), "{lines:?}");
}
