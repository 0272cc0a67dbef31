//! S3: what the service does by itself, and what goes through this process.

use s3s::S3ErrorCode;

use crate::support::files::{Files, decode, gzip};
use crate::support::s3::Fault;

const MIB: usize = 1 << 20;

fn compact(files: &Files, code: i32, more: &[&str]) -> String {
    let (input, output) = (files.at("in/"), files.at("out"));
    files.expect(code, &[&["compact", &input, "--output", &output, "--run-id", "1"][..], more].concat())
}

fn lines_of(size: usize, mark: &str) -> Vec<u8> {
    let line = format!("{mark} a line of text that goes on for a while\n");
    line.repeat(size / line.len() + 1).into_bytes()[..size].to_vec()
}

fn requests<'l>(log: &'l [String], operation: &str) -> Vec<&'l String> {
    log.iter().filter(|line| line.split(' ').next() == Some(operation) && !line.contains("out/run=1/_")).collect()
}

#[test]
fn large_files_are_joined_by_the_service() {
    let files = Files::on_s3();
    let contents = [lines_of(6 * MIB, "a"), lines_of(4 * MIB, "b"), lines_of(7 * MIB, "c"), lines_of(5 * MIB, "d")];
    for (index, content) in contents.iter().enumerate() {
        files.put(&format!("in/{index}.txt"), content);
    }
    compact(&files, 0, &["--delete-source"]);
    let log = files.server().log();
    let name = files.names("out/run=1").into_iter().find(|name| name.starts_with("part-")).unwrap();
    let mut expected = Vec::new();
    for content in &contents {
        expected.extend_from_slice(content);
        expected.push(b'\n');
    }
    let merged = files.get(&format!("out/run=1/{name}"));
    assert!(merged == expected, "line ends that were missing are there");
    let copies = requests(&log, "COPYPART");
    assert_eq!(copies.len(), 2, "{copies:?}");
    let manifest = files.json("out/run=1/_manifest.json");
    assert_eq!(manifest["counters"]["named"]["files_joined_by_store"], 2);
    assert_eq!(manifest["outputs"][0].get("crc32c"), None, "nobody here has seen all bytes");
    assert!(files.names("in").is_empty());
}

#[test]
fn small_files_cost_one_request_each() {
    let files = Files::on_s3();
    for index in 0..60 {
        files.put(&format!("in/{index:02}.gz"), gzip(format!("{index}\n").as_bytes()));
    }
    compact(&files, 0, &[]);
    let log = files.server().log();
    let gets = requests(&log, "GET");
    assert_eq!(gets.len(), 60, "{gets:?}");
    assert_eq!(requests(&log, "PUT").len(), 1);
    assert!(files.server().state().most_in_flight > 10, "they are under way side by side");
    assert_eq!(files.lines("out").len(), 60);
    assert_eq!(files.server().state().uploads.len(), 0);
}

#[test]
fn a_single_file_is_copied_by_the_service() {
    let files = Files::on_s3();
    let bytes = gzip(b"a\n");
    files.put("in/a.gz", &bytes);
    compact(&files, 0, &[]);
    let log = files.server().log();
    assert!(requests(&log, "GET").is_empty() && requests(&log, "COPY").len() == 1, "{log:?}");
    let checked = Files::on_s3();
    checked.put("in/a.gz", &bytes);
    compact(&checked, 0, &["--verify", "content"]);
    let name = checked.names("out/run=1").into_iter().find(|name| name.starts_with("part-")).unwrap();
    assert_eq!(checked.get(&format!("out/run=1/{name}")), bytes);
    assert_eq!(checked.json("out/run=1/_manifest.json")["counters"]["records_in"], 1);
}

#[test]
fn large_gzip_files_are_believed_unless_content_is_to_be_checked() {
    // Stored blocks, so that the files are large.
    let large = |mark: &str| {
        let mut out = Vec::new();
        let mut encoder = thresh::storage::codec::GzipEncoder::new(thresh::storage::codec::GzipMembers::Many, 0);
        encoder.block(&lines_of(6 * MIB, mark), &mut out);
        out
    };
    let run = |verify: &str| {
        let files = Files::on_s3();
        files.put("in/1.gz", large("a")).put("in/2.gz", large("b"));
        compact(&files, 0, &["--verify", verify]);
        let name = files.names("out/run=1").into_iter().find(|name| name.starts_with("part-")).unwrap();
        let lines = decode(&files.get(&format!("out/run=1/{name}")), &name).unwrap();
        (requests(&files.server().log(), "COPYPART").len(), lines.len())
    };
    assert_eq!(run("auto"), (2, 12 * MIB));
    assert_eq!(run("stored"), (2, 12 * MIB));
    assert_eq!(run("content"), (0, 12 * MIB + 2), "missing line ends are seen");
}

#[test]
fn what_changed_since_it_was_listed_stays() {
    for code in [S3ErrorCode::PreconditionFailed, S3ErrorCode::NoSuchKey] {
        let files = Files::on_s3();
        files.put("in/1.gz", gzip(b"a\n")).put("in/2.gz", gzip(b"b\n"));
        files.server().fault("GET", 1, Fault::Code(code));
        let said = compact(&files, 5, &["--delete-source", "--threads", "1"]);
        assert!(said.contains("since it was listed"), "{said}");
        assert_eq!(files.names("in").len(), 1, "it was not merged, so it stays");
        let mut all = files.lines("in");
        all.extend(files.lines("out"));
        all.sort();
        assert_eq!(all, ["a", "b"]);
    }
}

#[test]
fn a_source_that_changed_after_it_was_merged_stays() {
    let files = Files::on_s3();
    files.put("in/1.gz", gzip(b"a\n")).put("in/2.gz", gzip(b"b\n"));
    files.server().fault("DELETE", 1, Fault::Code(S3ErrorCode::PreconditionFailed));
    let said = compact(&files, 5, &["--delete-source", "--threads", "1"]);
    assert!(said.contains("changed after it was taken"), "{said}");
    assert_eq!(files.names("in").len(), 1);
    let manifest = files.json("out/run=1/_manifest.json");
    assert_eq!(manifest["counters"]["named"]["files_deleted"], 1);
    assert_eq!(manifest["failed_inputs"].as_array().unwrap().len(), 1);
}

#[test]
fn a_refusal_leaves_everything_as_it_was() {
    for operation in ["GET", "PUT"] {
        let files = Files::on_s3();
        for index in 0..5 {
            files.put(&format!("in/{index}.gz"), gzip(format!("{index}\n").as_bytes()));
        }
        files.server().fault(operation, 50, Fault::Code(S3ErrorCode::AccessDenied));
        compact(&files, 1, &["--delete-source"]);
        files.server().state().faults.clear();
        assert_eq!(files.lines("in").len(), 5);
        compact(&files, 0, &["--delete-source", "--resume"]);
        assert_eq!((files.lines("in").len(), files.lines("out").len()), (0, 5));
    }
}
