//! Regressions named after what users of the old pipeline complained about (snowplow/snowplow issues).

use s3s::S3ErrorCode;

use crate::support::files::{Files, gzip};
use crate::support::s3::Fault;

const LOG: &str = "_var_log_tomcat8_rotated_localhost_access_log.txt1427137261.gz";

/// Issue 717: equal names of two instances overwrote each other, half of the data was lost. Issue 3085: names made unique
/// in a race lost one event in a hundred.
#[test]
fn same_named_logs_of_two_instances() {
    for files in [Files::local(), Files::on_s3()] {
        let mut expected = Vec::new();
        for instance in 0..20 {
            files.put(&format!("in/i-{instance:02}/{LOG}"), gzip(format!("{instance:02}\n").as_bytes()));
            expected.push(format!("{instance:02}"));
        }
        let (input, output) = (files.at("in"), files.at("work"));
        files.expect(0, &["stage", &input, "--output", &output, "--run-id", "1", "--threads", "8"]);
        assert_eq!(files.lines("work"), expected);
        // And merged by name, as the old pattern did it.
        let staged = files.at("work/run=1");
        let merged = files.at("merged");
        files.expect(0, &["compact", &staged, "--output", &merged, "--run-id", "1", "--group-by", ".*/_*(.+)"]);
        assert_eq!(files.lines("merged"), expected);
        assert_eq!(files.names("merged/run=1").len(), 3, "{:?}", files.names("merged/run=1"));
    }
}

/// Issue 1480: readers passed over names that begin with `_`, without a word.
#[test]
fn names_that_begin_with_an_underscore_are_not_ignored() {
    let files = Files::local();
    files.put(&format!("in/{LOG}"), gzip(b"a\n")).put("in/_x", "b\n").put("in/x", "c\n");
    files.expect(0, &["stage", "in", "--output", "work", "--run-id", "1"]);
    let names = files.names("work/run=1");
    let data: Vec<&String> = names.iter().filter(|name| !name.starts_with('_')).collect();
    assert_eq!(data.len(), 3, "every reader sees them now: {names:?}");
    assert_eq!(files.lines("work"), ["a", "b", "c"]);
}

/// Issues 1404 and 1398: files without a time in their names could not be selected by date.
#[test]
fn files_without_a_time_in_their_names_are_selected_by_date() {
    let files = Files::local();
    files.put(&format!("in/{LOG}"), gzip(b"tomcat\n")).put("in/E.2015-03-22-10.x.gz", gzip(b"cloudfront\n"));
    files.put("in/no-time", "by modification\n");
    let stage = |id: &str, since: &str, until: &str| {
        let bounds = ["--since", since, "--until", until, "--keep-source"];
        files.expect(0, &[&["stage", "in", "--output", "work", "--run-id", id][..], &bounds].concat());
        files.lines(&format!("work/run={id}"))
    };
    assert_eq!(stage("1", "2015-03-22", "2015-03-23"), ["cloudfront"]);
    assert_eq!(stage("2", "2015-03-23-19", "2015-03-23-20"), ["tomcat"]);
    assert_eq!(stage("3", "2016-01-01", "2999-01-01"), ["by modification"]);
    let manifest = files.json("work/run=3/_manifest.json");
    assert_eq!(manifest["skipped"].as_array().unwrap().len(), 2, "the others are named with the reason");
}

/// Issue 3694: the folder was not emptied, the run reported success, and the next runs did nothing for days.
#[test]
fn a_folder_that_is_not_emptied_is_no_success() {
    let files = Files::on_s3();
    files.put("good/run=7/part-0", "a\n").put("good/run=7/part-1", "b\n").put("good/run=7/_SUCCESS", "");
    let (input, output) = (files.at("good/run=7"), files.at("archive"));
    let archive = ["archive", &input, "--output", &output, "--run-id", "7", "--resume"];
    files.server().fault("DELETE", 100, Fault::Code(S3ErrorCode::AccessDenied));
    let said = files.expect(1, &archive);
    assert!(said.contains("access denied"), "{said}");
    assert!(!files.names("archive/run=7").contains(&"_SUCCESS".to_owned()));
    files.server().state().faults.clear();
    files.expect(0, &archive);
    assert!(files.names("good").is_empty());
    assert_eq!(files.lines("archive"), ["a", "b"]);
}

/// Issue 4032: a run with bad data only failed the whole pipeline.
#[test]
fn a_run_without_good_events_is_archived_like_any_other() {
    let files = Files::local();
    files.put("good/run=7/_manifest.json", "{}").put("good/run=7/_SUCCESS", "");
    files.expect(0, &["archive", "good/run=7", "--output", "archive"]);
    assert_eq!(files.names("archive/run=7"), ["_SUCCESS", "_archive.json", "_manifest.json"]);
}

/// Issue 2832: every failed step needed its own recipe. The same command goes on.
#[test]
fn the_same_command_goes_on_after_a_failure() {
    let files = Files::on_s3();
    for index in 0..12 {
        files.put(&format!("in/{index:02}"), format!("{index:02}\n"));
    }
    let (input, output) = (files.at("in"), files.at("work"));
    let stage = ["stage", &input, "--output", &output, "--run-id", "1", "--resume", "--threads", "1"];
    for (operation, code) in [("COPY", 1), ("PUT", 1), ("DELETE", 1)] {
        files.server().fault(operation, 1, Fault::Code(S3ErrorCode::AccessDenied));
        files.expect(code, &stage);
        files.server().state().faults.clear();
    }
    files.expect(0, &stage);
    assert_eq!(files.lines("work").len(), 12);
    assert!(files.names("in").is_empty());
}

/// Issues 3401, 3551, 3803: archive steps ran under a run id of their own.
#[test]
fn the_archive_keeps_the_run_id() {
    let files = Files::local();
    files.put("in/a", "a\n");
    let id = "2021-03-05-10-00-00";
    files.expect(0, &["stage", "in", "--output", "work", "--run-id", id]);
    let staged = format!("work/run={id}");
    files.expect(0, &["archive", &staged, "--output", "archive", "--resume"]);
    let names = files.names("archive");
    assert!(names.iter().all(|name| name.starts_with(&format!("run={id}/"))), "{names:?}");
    assert_eq!(files.json(&format!("archive/run={id}/_archive.json"))["run_id"], id);
}

/// Issues 1728, 1501, 2740: an odd number of `.lzo` and `.lzo.index` files ended staging.
#[test]
fn an_index_without_its_file_is_only_a_file() {
    let files = Files::local();
    let lzo = crate::support::files::lzop(b"a\n");
    files.put("in/1.lzo", &lzo).put("in/1.lzo.index", 38_u64.to_be_bytes()).put("in/2.lzo.index", "");
    files.put("in/3.lzo", &lzo);
    files.expect(0, &["stage", "in", "--output", "work", "--run-id", "1"]);
    assert_eq!(files.names("work/run=1").len(), 6);
    files.expect(0, &["compact", "work/run=1", "--output", "merged", "--run-id", "1"]);
    assert_eq!(files.lines("merged"), ["a", "a"], "indexes are no data");
}

/// Issue 2582: unrelated Tomcat logs were swept along.
#[test]
fn unrelated_tomcat_logs_stay() {
    let files = Files::local();
    files.put(&format!("in/i-1/{LOG}"), gzip(b"a\n")).put("in/i-1/_var_log_tomcat8_catalina.out.gz", gzip(b"noise\n"));
    let select = ["--select", r".*localhost_access_log.*\.txt.*"];
    files.expect(0, &[&["stage", "in", "--output", "work", "--run-id", "1"][..], &select].concat());
    assert_eq!(files.lines("work"), ["a"]);
    assert_eq!(files.names("in"), ["i-1/_var_log_tomcat8_catalina.out.gz"]);
}

/// snowplow-rdb-loader issue 80: ghost folders.
#[test]
fn folder_markers_are_no_files() {
    let files = Files::on_s3();
    files.put("in/", "").put("in/a_$folder$", "").put("in/a/", "");
    let (input, output) = (files.at("in/"), files.at("work"));
    files.expect(3, &["stage", &input, "--output", &output]);
    files.put("in/a/x", "x\n");
    files.expect(0, &["stage", &input, "--output", &output, "--run-id", "1"]);
    assert_eq!(files.names("work/run=1"), ["_SUCCESS", "_manifest.json", "a/x"]);
}
