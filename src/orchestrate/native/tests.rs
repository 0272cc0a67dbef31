use super::*;
use crate::storage::Location;

const SAMPLE: &str = include_str!("../../../examples/pipeline.toml");

fn problems(text: &str) -> Vec<String> {
    read(text, Path::new("/conf")).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_sample_is_read() {
    let reading = read(SAMPLE, Path::new("/conf"));
    assert_eq!((reading.problems, reading.unused), (Vec::new(), Vec::new()));
    let pipeline = reading.pipeline.unwrap();
    assert_eq!(pipeline.raw.unwrap().inputs, [Location::Local("/conf/data/in".into())]);
    assert_eq!(pipeline.targets[0].target, "sqlite:/conf/data/events.db");
    assert_eq!(pipeline.options["enrich"], ["--skip-unsupported"]);
}

const SMALL: &str = r#"
[raw]
in = "in"
processing = "processing"
archive = "/archive"
[enriched]
good = "s3://b/e/good"
bad = "s3://b/e/bad"
[shredded]
good = "s3://b/s/good"
[run]
state = "state"
[load]
targets = [
  "t.json",
  { target = "postgres://me@db/x", password_env = "PW" },
  { target = "postgres://me@db/y", password_file = "pw" },
]
"#;

#[test]
fn a_small_one() {
    let pipeline = read(SMALL, Path::new("/conf")).pipeline.unwrap();
    assert_eq!((pipeline.format.as_str(), pipeline.gzip), ("auto", true));
    assert_eq!(pipeline.shredded.bad, None);
    let targets: Vec<&str> = pipeline.targets.iter().map(|entry| entry.target.as_str()).collect();
    assert_eq!(targets, ["/conf/t.json", "postgres://me@db/x", "postgres://me@db/y"]);
    assert_eq!(pipeline.targets[1].password_env.as_deref(), Some("PW"));
    assert_eq!(pipeline.targets[2].password_file.as_deref(), Some("/conf/pw"));
}

#[test]
fn what_is_wrong_is_named() {
    for (from, to, expected) in [
        ("state = \"state\"", "stat = \"x\"", "line 11: run.state: expected a folder"),
        ("in = \"in\"", "in = []", "raw.in: expected one or more folders"),
        (
            "\"PW\"",
            "\"P W\"",
            "load.targets[1].password_env: expected the name of an environment variable, found something else",
        ),
        ("bad = \"s3://b/e/bad\"", "", "enriched.bad: expected a folder"),
        ("\"t.json\"", "7", ""),
    ] {
        let found = problems(&SMALL.replace(from, to));
        match expected {
            "" => assert_eq!(found, [""; 0], "numbers are texts too"),
            _ => assert!(found.iter().any(|problem| problem.contains(expected)), "{found:?}"),
        }
    }
    let unused = read(&format!("{SMALL}[enrich]\nx = 1\n"), Path::new("/")).unused;
    assert_eq!(unused[0].to_string(), "line 19: enrich has no effect: there is no such key");
    assert!(problems("[raw\n")[0].starts_with("line 1: the document: expected TOML, found "));
}
