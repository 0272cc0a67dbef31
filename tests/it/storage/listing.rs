//! What a location on S3 means.

use super::keys;
use crate::support::s3::{BUCKET, FakeS3};
use thresh::storage::{Location, Storage, StorageError, StorageOptions};

#[test]
fn more_than_a_page_in_key_order() {
    let s3 = FakeS3::start();
    for number in 0..2345 {
        s3.put(&format!("in/{number:05}"), "x");
    }
    s3.put("in/10000/x", "x");
    s3.put("other", "x");
    let objects = s3.storage().list(&[s3.at("in/")]).unwrap();
    assert_eq!(objects.len(), 2346);
    assert!(objects.is_sorted_by_key(|object| object.relative.clone()));
    assert_eq!((objects[7].relative.as_str(), objects[7].size), ("00007", 1));
    assert_eq!(objects[7].location, s3.at("in/00007"));
    assert_eq!(objects[7].etag, Some(s3.state().objects["in/00007"].etag.clone()));
    assert!(objects[7].modified.unwrap() > 1_500_000_000_000);
    assert_eq!(s3.log(), ["LIST in/", "LIST in/", "LIST in/"]);
    let mut first_two = Vec::new();
    let mut visit = |object| {
        first_two.push(object);
        first_two.len() < 2
    };
    s3.storage().visit(&s3.at(""), thresh::storage::Names::Data, &mut visit).unwrap();
    assert_eq!(keys(&first_two), ["in/00000", "in/00001"]);
}

#[test]
fn markers_and_hidden_names_are_passed_over() {
    let s3 = FakeS3::start();
    for (key, content) in [
        ("in/", ""),
        ("in/a/", ""),
        ("in/a_$folder$", ""),
        ("in/_SUCCESS", ""),
        ("in/.crc", "x"),
        ("in/a/_manifest.json", "x"),
        ("in/a/part-0", "x"),
        ("in/a/empty", ""),
        ("in/_tmp/part-0", "x"),
    ] {
        s3.put(key, content);
    }
    let storage = s3.storage();
    assert_eq!(keys(&storage.list(&[s3.at("in/")]).unwrap()), ["in/_tmp/part-0", "in/a/empty", "in/a/part-0"]);
    assert_eq!(keys(&storage.list(&[s3.at("")]).unwrap()).len(), 3);
    assert_eq!(keys(&storage.list_all(&s3.at("in/")).unwrap()).len(), 9);
    // Named by itself, even a hidden object is meant.
    assert_eq!(keys(&storage.list(&[s3.at("in/_SUCCESS")]).unwrap()), ["in/_SUCCESS"]);
    assert_eq!(keys(&storage.list(&[s3.at("in/_S*")]).unwrap()), ["in/_SUCCESS"]);
}

#[test]
fn a_name_is_an_object_or_a_folder_but_never_a_mere_beginning() {
    let s3 = FakeS3::start();
    for key in ["out/run=1/part-0", "out/run=10/part-0", "out/run=1-x/part-0", "out/file"] {
        s3.put(key, "x");
    }
    let storage = s3.storage();
    let list = |key: &str| storage.list(&[s3.at(key)]).unwrap();
    assert_eq!(keys(&list("out/run=1")), ["out/run=1/part-0"]);
    assert_eq!(list("out/run=1")[0].relative, "part-0");
    assert_eq!(list("out")[0].relative, "file");
    assert_eq!(keys(&list("out/file")), ["out/file"]);
    assert_eq!(list("out/file")[0].relative, "file");
    assert!(list("out/run=").is_empty() && list("nothing").is_empty());
    assert!(storage.any(&s3.at("out/run=1")).unwrap() && !storage.any(&s3.at("out/run=")).unwrap());
    let twice = storage.list(&[s3.at("out/file"), s3.at("out/run=1/"), s3.at("out/")]).unwrap();
    let in_order_of_mention = ["out/file", "out/run=1/part-0", "out/run=1-x/part-0", "out/run=10/part-0"];
    assert_eq!(keys(&twice), in_order_of_mention);
}

#[test]
fn wildcards_select_by_key() {
    let s3 = FakeS3::start();
    for key in ["raw/E1.2015-01-01.gz", "raw/E1.2015-01-02.gz", "raw/E2.2015-01-01.gz", "raw/sub/E1.gz", "raw/_E1.gz"] {
        s3.put(key, "x");
    }
    let storage = s3.storage();
    let list = |key: &str| storage.list(&[s3.at(key)]).unwrap();
    assert_eq!(keys(&list("raw/E1*")), ["raw/E1.2015-01-01.gz", "raw/E1.2015-01-02.gz"]);
    assert_eq!(keys(&list("raw/E?.2015-01-01.gz")), ["raw/E1.2015-01-01.gz", "raw/E2.2015-01-01.gz"]);
    assert_eq!(keys(&list("raw/*E1.gz")), ["raw/sub/E1.gz"]);
    assert_eq!(keys(&list("raw/s?b")), ["raw/sub/E1.gz"]);
    assert_eq!(list("raw/s?b")[0].relative, "sub/E1.gz");
    assert_eq!(keys(&list("r*/")).len(), 4);
    assert!(list("raw/E3*").is_empty());
    s3.log();
    list("raw/E1*");
    assert_eq!(s3.log(), ["LIST raw/E1"], "only the literal beginning is listed");
}

#[test]
fn odd_keys_are_opaque() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    let odd = [
        "odd/a b",
        "odd/a+b",
        "odd/a=b&c",
        "odd/é/ü",
        "odd/100%",
        "odd/%41",
        "odd/a//b",
        "odd/x?y",
        "odd/x*y",
        "odd/#1",
        "odd/it's",
        "odd/(a)",
        "odd/a\"b",
        "odd/日本",
        "odd/a:b@c,d;e",
        "odd/../up",
        "odd/~tilde",
        "odd/<x>",
    ];
    for key in odd {
        let written = storage.write_all(&s3.at(key), key.as_bytes(), Default::default()).unwrap();
        let found = storage.head(&s3.at(key)).unwrap().unwrap();
        assert_eq!((found.size, &found.etag), (key.len() as u64, &written.etag), "{key}");
        assert_eq!(storage.read_all(&s3.at(key)).unwrap(), key.as_bytes(), "{key}");
    }
    let listed = storage.list(&[s3.at("odd/")]).unwrap();
    let mut expected = odd;
    expected.sort_unstable();
    assert_eq!(keys(&listed), expected);
    for object in &listed {
        assert_eq!(super::read(&storage, object).unwrap(), keys(std::slice::from_ref(object))[0].as_bytes());
        storage.delete(&object.location, object.etag.as_deref()).unwrap();
    }
    assert!(s3.state().objects.is_empty());
}

#[test]
fn what_is_missing_says_so() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    assert_eq!(storage.head(&s3.at("missing")).unwrap(), None);
    assert!(matches!(storage.read_all(&s3.at("missing")), Err(StorageError::NotFound { .. })));
    let elsewhere = Location::S3 { bucket: "no-such-bucket".into(), key: "in/".into() };
    let error = storage.list(std::slice::from_ref(&elsewhere)).unwrap_err();
    assert!(matches!(error, StorageError::NotFound { .. }), "{error}");
    assert_eq!(error.to_string(), "s3://no-such-bucket/in/: not found");
}

#[test]
fn the_standard_chain_of_the_sdk_is_used() {
    let s3 = FakeS3::start();
    s3.put("in/by-environment", "x");
    // Variables belong to the process, so another one is needed.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "storage::listing::lists_by_environment", "--ignored"])
        .envs(s3.environment())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(s3.log(), ["LIST in/"]);
}

#[test]
#[ignore = "the child process of the_standard_chain_of_the_sdk_is_used"]
fn lists_by_environment() {
    let storage = Storage::new(StorageOptions { s3_path_style: true, ..StorageOptions::default() });
    let input = Location::S3 { bucket: BUCKET.to_owned(), key: "in/".to_owned() };
    assert_eq!(keys(&storage.list(&[input]).unwrap()), ["in/by-environment"]);
}
