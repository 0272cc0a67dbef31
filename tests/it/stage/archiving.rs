//! Whole run folders, to the archive.

use crate::support::files::{Files, gzip};

fn both(test: fn(Files)) {
    test(Files::local());
    test(Files::on_s3());
}

fn run_folder(files: &Files, folder: &str) {
    files.put(&format!("{folder}/output=good/vendor=a/part-0.tsv.gz"), gzip(b"a\n"));
    files
        .put(&format!("{folder}/output=bad/part-0.jsonl"), "b\n")
        .put(&format!("{folder}/_manifest.json"), "{\"run_id\":\"7\"}");
    files.put(&format!("{folder}/shredding_complete.json"), "{}").put(&format!("{folder}/_SUCCESS"), "");
}

fn archive(files: &Files, code: i32, more: &[&str]) -> String {
    let (input, output) = (files.at("good/run=7"), files.at("archive"));
    files.expect(code, &[&["archive", &input, "--output", &output][..], more].concat())
}

#[test]
fn the_whole_folder_moves_markers_and_all() {
    both(|files| {
        run_folder(&files, "good/run=7");
        run_folder(&files, "good/run=70");
        let before = files.all("good/run=7");
        let said = archive(&files, 0, &[]);
        assert!(said.contains("archive run=7 complete"), "{said}");
        let mut after = files.all("archive/run=7");
        let record: serde_json::Value = serde_json::from_slice(&after.remove("_archive.json").unwrap()).unwrap();
        assert_eq!(after, before, "its own manifest included");
        assert_eq!(record["command"], "archive");
        assert_eq!(record["inputs"].as_array().unwrap().len(), 5);
        assert!(files.names("good/run=7").is_empty());
        assert_eq!(files.names("good/run=70").len(), 5, "the beginning of a name is another name");
        if files.s3.is_none() {
            assert!(!files.path("good/run=7").exists(), "an empty folder would look like a run");
        }
        archive(&files, 4, &[]);
        let said = archive(&files, 2, &["--resume", "--run-id", "x/y"]);
        assert!(said.contains("run id"), "{said}");
    });
}

#[test]
fn archiving_again_says_so() {
    both(|files| {
        run_folder(&files, "good/run=7");
        archive(&files, 0, &["--resume"]);
        let said = archive(&files, 0, &["--resume"]);
        assert!(said.contains("already complete"), "{said}");
        run_folder(&files, "good/run=7");
        archive(&files, 4, &[]);
        let said = archive(&files, 4, &["--resume"]);
        assert!(said.contains("were not archived"), "success would be a lie: {said}");
        assert_eq!(files.names("good/run=7").len(), 5);
    });
}

#[test]
fn an_archive_can_be_archived_again() {
    both(|files| {
        run_folder(&files, "good/run=7");
        archive(&files, 0, &[]);
        let (input, output) = (files.at("archive/run=7"), files.at("cold"));
        files.expect(0, &["archive", &input, "--output", &output, "--run-id", "2021"]);
        let names = files.names("cold/run=2021");
        assert_eq!(names.iter().filter(|name| name.starts_with("_archive.")).count(), 2, "{names:?}");
        assert_eq!(files.lines("cold/run=2021/output=good"), ["a"]);
    });
}

#[test]
fn unfinished_runs_stay() {
    both(|files| {
        files.put("good/run=7/part-0", "a\n");
        let said = archive(&files, 1, &[]);
        assert!(said.contains("_SUCCESS"), "{said}");
        files.put("good/run=7/_SUCCESS", "").put("good/run=7/_journal/plan.json", "{}");
        archive(&files, 1, &[]);
        assert_eq!(files.names("good/run=7").len(), 3);
        assert!(files.names("archive").is_empty());
    });
}

#[test]
fn copies_and_odd_places() {
    let files = Files::local();
    run_folder(&files, "good/run=7");
    archive(&files, 0, &["--keep-source"]);
    assert_eq!(files.names("good/run=7").len(), 5);
    files.expect(2, &["archive", "good/run=7", "--output", "good"]);
    files.expect(2, &["archive", "good/run=7", "--output", "good/run=7/archive"]);
    let said = files.expect(2, &["archive", "good", "--output", "archive"]);
    assert!(said.contains("--run-id"), "{said}");
    files.expect(3, &["archive", "nowhere/run=1", "--output", "archive"]);
}
