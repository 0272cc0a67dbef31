//! From the collectors' folders to the folder of one run.

use s3s::S3ErrorCode;

use crate::support::files::{Files, gzip};
use crate::support::s3::Fault;

fn both(test: fn(Files)) {
    test(Files::local());
    test(Files::on_s3());
}

fn stage(files: &Files, id: &str, code: i32, more: &[&str]) -> String {
    let (input, output) = (files.at("in"), files.at("work"));
    files.expect(code, &[&["stage", &input, "--output", &output, "--run-id", id][..], more].concat())
}

#[test]
fn files_move_with_their_paths() {
    both(|files| {
        files.put("in/i-1/x.gz", gzip(b"a\n")).put("in/i-2/x.gz", gzip(b"b\n")).put("in/y", "c\n");
        files.put("in/_SUCCESS", "").put("in/gone_$folder$", "");
        let said = stage(&files, "1", 0, &[]);
        assert!(said.contains("in 3") && said.contains("deleted 3") && said.contains("skipped 2"), "{said}");
        assert_eq!(files.names("work/run=1"), ["_SUCCESS", "_manifest.json", "i-1/x.gz", "i-2/x.gz", "y"]);
        assert_eq!(files.lines("work"), ["a", "b", "c"]);
        assert_eq!(files.names("in"), ["_SUCCESS", "gone_$folder$"]);
        let manifest = files.json("work/run=1/_manifest.json");
        assert_eq!(manifest["inputs"][0]["target"], "i-1/x.gz");
        assert_eq!(manifest["outputs"].as_array().unwrap().len(), 3);
        assert_eq!(manifest["counters"]["named"]["files_deleted"], 3);
        stage(&files, "2", 3, &[]);
        stage(&files, "1", 4, &[]);
        let said = stage(&files, "1", 0, &["--resume"]);
        assert!(said.contains("already complete"), "{said}");
    });
}

#[test]
fn a_copy_leaves_the_files() {
    both(|files| {
        files.put("in/a", "a\n");
        stage(&files, "1", 0, &["--keep-source"]);
        assert_eq!((files.lines("in"), files.lines("work")), (vec!["a".to_owned()], vec!["a".to_owned()]));
    });
}

#[test]
fn a_changed_or_vanished_file_is_left_to_the_next_run() {
    for code in [S3ErrorCode::PreconditionFailed, S3ErrorCode::NoSuchKey] {
        let files = Files::on_s3();
        files.put("in/a", "a\n").put("in/b", "b\n");
        files.server().fault("COPY", 1, Fault::Code(code));
        let said = stage(&files, "1", 5, &["--threads", "1"]);
        assert!(said.contains("since it was listed"), "{said}");
        assert_eq!((files.names("in"), files.lines("work")), (vec!["a".to_owned()], vec!["b".to_owned()]));
        assert_eq!(files.json("work/run=1/_manifest.json")["inputs"][0].get("target"), None);
        stage(&files, "2", 0, &[]);
        assert_eq!(files.lines("work"), ["a", "b"]);
    }
}

#[test]
fn an_object_in_cold_storage_is_left_with_a_reason() {
    let files = Files::on_s3();
    files.put("in/a", "a\n").put("in/b", "b\n");
    files.server().fault("COPY", 1, Fault::Code(S3ErrorCode::InvalidObjectState));
    let said = stage(&files, "1", 5, &["--threads", "1"]);
    assert!(said.contains("restore it first"), "{said}");
    assert_eq!((files.names("in"), files.lines("work")), (vec!["a".to_owned()], vec!["b".to_owned()]));
}

#[test]
fn copies_go_back_to_the_service_not_through_here() {
    let files = Files::on_s3();
    for index in 0..30 {
        files.put(&format!("in/{index}"), format!("{index}\n"));
    }
    stage(&files, "1", 0, &[]);
    let log = files.server().log();
    let gets = log.iter().filter(|line| line.starts_with("GET in/")).count();
    let copies = log.iter().filter(|line| line.starts_with("COPY in/")).count();
    assert_eq!((gets, copies), (0, 30));
}

#[test]
fn two_inputs_keep_apart() {
    both(|files| {
        files.put("one/in/x", "a\n").put("two/in/x", "b\n");
        let (one, two, output) = (files.at("one/in"), files.at("two/in"), files.at("work"));
        files.expect(0, &["stage", &one, &two, "--output", &output, "--run-id", "1"]);
        assert_eq!(files.lines("work"), ["a", "b"]);
        let names = files.names("work/run=1");
        assert!(names.iter().filter(|name| name.starts_with("in-") && name.ends_with("/x")).count() == 2, "{names:?}");
        files.put("one/in/x", "c\n");
        files.expect(0, &["stage", &one, &one, "--output", &output, "--run-id", "2"]);
        assert_eq!(files.lines("work/run=2"), ["c"], "a file that is named twice is one file");
    });
}

#[test]
fn an_unfinished_run_comes_first() {
    both(|files| {
        files.put("in/a", "a\n").put("in/b", "b\n");
        stage(&files, "1", 0, &[]);
        // As after a crash between the manifest and the deletions.
        files.put("in/a", "a\n");
        let mut plan = files.json("work/run=1/_manifest.json");
        plan["started"] = 0.into();
        plan["splits"] = serde_json::json!([[0, 2]]);
        plan["targets"] = serde_json::json!(["a", "b"]);
        files.put("work/run=1/_journal/plan.json", plan.to_string());
        remove(&files, "work/run=1/_SUCCESS");
        let said = stage(&files, "2", 4, &[]);
        assert!(said.contains("run=1") && said.contains("--resume"), "{said}");
        assert!(!files.names("work").iter().any(|name| name.starts_with("run=2")));
    });
}

#[test]
fn an_unfinished_run_of_another_command_is_no_obstacle() {
    both(|files| {
        files.put("in/a", "a\n");
        let plan = serde_json::json!({
            "command": "enrich", "version": "0.1.0", "run_id": "0", "started": 0, "configuration": {},
            "inputs": [{"location": "/x", "size": 1}], "splits": [[0, 1]],
        });
        files.put("work/run=0/_journal/plan.json", plan.to_string());
        stage(&files, "1", 0, &[]);
        assert_eq!(files.lines("work/run=1"), ["a"]);
        files.put("in/b", "b\n");
        let said = stage(&files, "0", 4, &["--resume"]);
        assert!(said.contains("the command was `enrich`"), "{said}");
        assert_eq!(files.names("in"), ["b"]);
    });
}

fn remove(files: &Files, name: &str) {
    match &files.s3 {
        Some(s3) => {
            s3.state().objects.remove(name);
        }
        None => std::fs::remove_file(files.path(name)).unwrap(),
    }
}

#[test]
fn a_batch_can_be_bounded() {
    both(|files| {
        for day in 1..=6 {
            files.put(&format!("in/E.2015-03-0{day}-00.x"), format!("{day}\n"));
        }
        stage(&files, "1", 0, &["--max-files", "2"]);
        assert_eq!(files.lines("work/run=1"), ["1", "2"], "the oldest first");
        stage(&files, "2", 0, &["--max-bytes", "5"]);
        assert_eq!(files.lines("work/run=2"), ["3", "4"]);
        stage(&files, "3", 0, &["--max-bytes", "1"]);
        assert_eq!(files.lines("work/run=3"), ["5"], "one at least");
        stage(&files, "4", 3, &["--min-age", "86400"]);
        stage(&files, "5", 0, &[]);
        assert_eq!(files.lines("work").len(), 6);
    });
}

#[test]
fn wrong_places_are_refused() {
    let files = Files::local();
    files.put("in/a", "a\n");
    files.expect(2, &["stage", "in", "--output", "in/work"]);
    files.expect(2, &["stage", "work/in", "--output", "work"]);
    files.expect(2, &["stage", "-", "--output", "work"]);
    files.expect(2, &["stage", "in", "--output", "work", "--resume"]);
    files.expect(2, &["stage", "in", "--output", "work", "--select", "("]);
    files.expect(3, &["stage", "nowhere", "--output", "work"]);
    assert_eq!(files.names(""), ["in/a"]);
}

#[test]
fn a_key_cannot_leave_the_run_folder() {
    let files = Files::on_s3();
    files.put("in/../../escape", "a\n").put("in//double", "b\n");
    let (input, output) = (files.at("in/"), files.path("work"));
    files.expect(0, &["stage", &input, "--output", output.to_str().unwrap(), "--run-id", "1"]);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(output.join("run=1")).unwrap() {
        found.push(entry.unwrap().file_name().into_string().unwrap());
    }
    found.sort();
    assert_eq!(found, ["%", "%2E%2E", "_SUCCESS", "_manifest.json"]);
    assert!(files.names("in").is_empty());
}
