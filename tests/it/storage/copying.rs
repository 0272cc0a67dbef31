//! Copies that stores make by themselves.

use std::io::Write;

use super::{keys, noise, read};
use crate::support::s3::{FakeS3, Fault};
use s3s::S3ErrorCode;
use thresh::storage::{Location, Names, ObjectMeta, Precondition, Storage, StorageError, StorageOptions};

const MIB: usize = 1 << 20;

fn meta(storage: &Storage, at: &Location) -> ObjectMeta {
    storage.head(at).unwrap().unwrap()
}

#[test]
fn s3_copies_an_object_by_itself() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    s3.put("in/a b+é.gz", noise(3 * MIB));
    let source = meta(&storage, &s3.at("in/a b+é.gz"));
    s3.log();
    s3.fault("COPY", 2, Fault::Code(S3ErrorCode::SlowDown));
    let written = storage.copy(&source, &s3.at("out/x.gz")).unwrap();
    assert_eq!((written.size, written.crc32c), (3 << 20, None));
    assert_eq!(s3.content("out/x.gz").unwrap(), noise(3 * MIB));
    assert!(s3.log().iter().all(|line| line.starts_with("COPY")), "no byte passed through here");
    s3.put("in/a b+é.gz", "another");
    let error = storage.copy(&source, &s3.at("out/y.gz")).unwrap_err();
    assert!(matches!(&error, StorageError::PreconditionFailed { location } if *location == source.location), "{error}");
    s3.state().objects.clear();
    let error = storage.copy(&source, &s3.at("out/y.gz")).unwrap_err();
    assert!(matches!(&error, StorageError::NotFound { location } if *location == source.location), "{error}");
    assert_eq!(s3.content("out/y.gz"), None);
}

#[test]
fn ranges_become_parts_and_small_ones_are_written() {
    let s3 = FakeS3::start();
    let storage = Storage::new(StorageOptions { s3_part_size: 5 * MIB as u64, ..s3.options() });
    let sizes = [6 * MIB, 4 * MIB, 7 * MIB, 12 * MIB];
    let mut expected = Vec::new();
    let mut sources = Vec::new();
    for (index, size) in sizes.into_iter().enumerate() {
        let bytes: Vec<u8> = noise(size + index).split_off(index);
        expected.extend_from_slice(&bytes);
        s3.put(&format!("in/{index}"), bytes);
        sources.push(meta(&storage, &s3.at(&format!("in/{index}"))));
    }
    s3.log();
    let mut writer = storage.create(&s3.at("out"), Precondition::None, 0).unwrap();
    for source in &sources {
        storage.append(writer.as_mut(), source, 0..source.size).unwrap();
    }
    writer.write_all(b"end").unwrap();
    expected.extend_from_slice(b"end");
    assert_eq!(s3.content("out"), None, "not before the end");
    let written = writer.finish().unwrap();
    assert_eq!((written.size, written.crc32c), (expected.len() as u64, None));
    assert!(s3.content("out").unwrap() == expected);
    let log = s3.log();
    let copies: Vec<&String> = log.iter().filter(|line| line.starts_with("COPYPART")).collect();
    // 6 whole; 4 and the first MiB of 7 through here; the rest of 7; 12 whole.
    assert_eq!(copies.len(), 3, "{log:?}");
    assert!(log.iter().any(|line| line.starts_with("GET in/2 bytes=0-1048575")), "{log:?}");
    assert!(log.iter().any(|line| line.starts_with("COPYPART in/2 out 3 bytes=1048576-7340031")), "{log:?}");
    assert!(s3.state().uploads.is_empty());
}

#[test]
fn another_server_agrees() {
    let root = tempfile::tempdir().unwrap();
    let s3 = FakeS3::on_files(root.path());
    let storage = Storage::new(StorageOptions { s3_part_size: 5 * MIB as u64, ..s3.options() });
    let (first, second) = (noise(6 * MIB), noise(7 * MIB));
    for (key, bytes) in [("in/a b", &first), ("in/c", &second)] {
        storage.write_all(&s3.at(key), bytes, Precondition::None).unwrap();
    }
    let sources = [meta(&storage, &s3.at("in/a b")), meta(&storage, &s3.at("in/c"))];
    assert_eq!(storage.copy(&sources[0], &s3.at("copy")).unwrap().size, first.len() as u64);
    assert!(storage.read_all(&s3.at("copy")).unwrap() == first);
    let mut writer = storage.create(&s3.at("out"), Precondition::None, 0).unwrap();
    for source in &sources {
        storage.append(writer.as_mut(), source, 0..source.size).unwrap();
    }
    let written = writer.finish().unwrap();
    assert_eq!(written.size, 13 << 20);
    assert!(storage.read_all(&s3.at("out")).unwrap() == [first, second].concat());
}

#[test]
fn a_source_that_changed_ends_the_upload() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    s3.put("in", noise(6 * MIB));
    let source = meta(&storage, &s3.at("in"));
    s3.put("in", noise(6 * MIB));
    let mut writer = storage.create(&s3.at("out"), Precondition::None, 0).unwrap();
    storage.append(writer.as_mut(), &source, 0..source.size).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(matches!(error, StorageError::PreconditionFailed { location } if location == source.location));
    assert_eq!(s3.content("out"), None);
    assert!(s3.state().uploads.is_empty(), "nothing is left to be billed");
}

#[test]
fn copies_between_kinds_of_storage() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    let temporary = tempfile::tempdir().unwrap();
    let local = |name: &str| Location::Local(temporary.path().join(name));
    let content = noise(3 * MIB + 5);
    let crc = Some(crc32c::crc32c(&content));
    std::fs::write(temporary.path().join("a"), &content).unwrap();
    let up = storage.copy(&meta(&storage, &local("a")), &s3.at("a")).unwrap();
    let down = storage.copy(&meta(&storage, &s3.at("a")), &local("folder/b")).unwrap();
    let aside = storage.copy(&meta(&storage, &local("folder/b")), &local("c")).unwrap();
    for written in [up, down, aside] {
        assert_eq!((written.size, written.crc32c), (content.len() as u64, crc));
    }
    assert!(read(&storage, &meta(&storage, &local("c"))).unwrap() == content);
    std::fs::write(temporary.path().join("empty"), "").unwrap();
    assert_eq!(storage.copy(&meta(&storage, &local("empty")), &local("d")).unwrap().size, 0);
    let mut stale = meta(&storage, &local("a"));
    std::fs::write(temporary.path().join("a"), "shorter").unwrap();
    assert!(matches!(storage.copy(&stale, &local("e")).unwrap_err(), StorageError::PreconditionFailed { .. }));
    stale.location = local("gone");
    assert!(matches!(storage.copy(&stale, &local("e")).unwrap_err(), StorageError::NotFound { .. }));
    let mut names: Vec<String> = Vec::new();
    let list = &mut |object: ObjectMeta| {
        names.push(object.relative);
        true
    };
    storage.visit(&Location::Local(temporary.path().to_owned()), Names::All, list).unwrap();
    assert_eq!(names, ["a", "c", "d", "empty", "folder/b"], "no temporary files");
}

#[test]
fn only_what_was_listed_is_deleted() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    let temporary = tempfile::tempdir().unwrap();
    let local = Location::Local(temporary.path().join("a"));
    for at in [local, s3.at("a")] {
        storage.write_all(&at, b"first", Precondition::None).unwrap();
        let mut listed = meta(&storage, &at);
        if let Some(modified) = &mut listed.modified {
            // Local files are told apart by their time.
            *modified -= i64::from(listed.etag.is_none()) * 5;
        }
        storage.write_all(&at, b"other", Precondition::None).unwrap();
        let error = storage.delete_listed(&listed).unwrap_err();
        assert!(matches!(error, StorageError::PreconditionFailed { .. }), "{error}");
        assert_eq!(storage.read_all(&at).unwrap(), b"other");
        storage.delete_listed(&meta(&storage, &at)).unwrap();
        storage.delete_listed(&listed).unwrap();
        assert!(storage.head(&at).unwrap().is_none());
    }
}

#[test]
fn wildcards_select_hidden_names_too() {
    let s3 = FakeS3::start();
    for key in ["in/_x.gz", "in/y.gz", "in/z.txt"] {
        s3.put(key, "content");
    }
    let storage = s3.storage();
    let mut found = Vec::new();
    let list = &mut |object| {
        found.push(object);
        true
    };
    storage.visit(&s3.at("in/*.gz"), Names::Matching, list).unwrap();
    assert_eq!(keys(&found), ["in/_x.gz", "in/y.gz"]);
}
