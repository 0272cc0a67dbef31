//! Regressions named after what users of the old pipeline complained about (snowplow/snowplow issues).

use s3s::S3ErrorCode;

use crate::support::files::{Files, gzip};
use crate::support::s3::Fault;

/// Issue 3940, 503 SlowDown: many tiny files made copy steps fail.
#[test]
fn many_tiny_files_and_slow_down_answers() {
    let files = Files::on_s3();
    for index in 0..80 {
        files.put(&format!("in/vendor=a/name={}/part-{index:05}.gz", index % 4), gzip(format!("{index}\n").as_bytes()));
    }
    for operation in ["GET", "PUT", "LIST", "HEAD", "DELETE"] {
        files.server().fault(operation, 4, Fault::Code(S3ErrorCode::SlowDown));
    }
    let (input, output) = (files.at("in"), files.at("out"));
    files.expect(0, &["compact", &input, "--output", &output, "--run-id", "1", "--delete-source"]);
    let names = files.names("out/run=1");
    let data: Vec<&String> = names.iter().filter(|name| name.starts_with("vendor=a/")).collect();
    assert_eq!(data.len(), 4, "one file for each type: {names:?}");
    assert_eq!(files.lines("out").len(), 80);
    assert!(files.names("in").is_empty());
}

/// "Dealing with Hadoop's small files problem", 2013: 23,618 files of three events each.
#[test]
fn small_files_become_few_of_the_size_asked_for() {
    let files = Files::local();
    for index in 0..200 {
        let name = format!("in/E1.2013-05-{:02}-{:02}.{index:08x}.gz", 1 + index % 2, index % 24);
        files.put(&name, gzip(format!("#Version: 1.0\n#Fields: date time\n{index}\n").as_bytes()));
    }
    let size: usize = files.all("in").values().map(Vec::len).sum();
    let target = (size / 6).to_string();
    files.expect(
        0,
        &["compact", "in", "--output", "out", "--run-id", "1", "--group-by", "date", "--target-size", &target],
    );
    let mut outputs = files.all("out/run=1");
    outputs.retain(|name, _| !name.starts_with('_'));
    assert!(matches!(outputs.len(), 6..=8), "{}", outputs.len());
    assert!(outputs.values().all(|bytes| bytes.len() <= size / 6));
    assert_eq!(files.lines("out"), files.lines("in"));
}

/// Issue 3293: `.gzip` was not recognised, and its bytes were read as text.
#[test]
fn the_ending_gzip_is_gzip() {
    let files = Files::local();
    files.put("in/a.gzip", gzip(b"a\n")).put("in/b.gz", gzip(b"b\n"));
    files.expect(0, &["compact", "in", "--output", "out", "--run-id", "1"]);
    let names = files.names("out/run=1");
    assert!(names.iter().any(|name| name.starts_with("part-") && name.ends_with(".gz")), "{names:?}");
    assert_eq!(names.len(), 3, "both are one file now: {names:?}");
    assert_eq!(files.lines("out"), ["a", "b"]);
}
