use std::fs;
use std::io::{Read, Write};

use super::codec::{Codec, CodecError, GzipEncoder, GzipMembers};
use super::{Location, Precondition, Storage, StorageError, StorageOptions, TEMPORARY_PREFIX};

fn storage() -> Storage {
    Storage::new(StorageOptions::default())
}

fn put(folder: &tempfile::TempDir, name: &str, content: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn root(folder: &tempfile::TempDir) -> Location {
    Location::Local(folder.path().to_owned())
}

#[test]
fn lists_in_byte_order_of_the_whole_path_and_hides_by_convention() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a/x", "a-b", "a.b", "a/_SUCCESS", "a0", "_x", ".y", "é", "b_$folder$", "A/z/1", "a/x=1/p q+r"] {
        put(&folder, name, "12");
    }
    fs::create_dir(folder.path().join("empty")).unwrap();
    let objects = storage().list(&[root(&folder)]).unwrap();
    let names: Vec<_> = objects.iter().map(|object| object.relative.as_str()).collect();
    assert_eq!(names, ["A/z/1", "a-b", "a.b", "a/x", "a/x=1/p q+r", "a0", "é"]);
    assert!(objects.iter().all(|object| object.size == 2 && object.modified.unwrap() > 1_500_000_000_000));
    let all = storage().list_all(&root(&folder)).unwrap();
    let all: Vec<_> = all.iter().map(|object| object.relative.as_str()).collect();
    let expected = [".y", "A/z/1", "_x", "a-b", "a.b", "a/_SUCCESS", "a/x", "a/x=1/p q+r", "a0", "b_$folder$", "é"];
    assert_eq!(all, expected);
}

#[test]
fn a_named_file_is_given_even_if_hidden_and_overlapping_inputs_count_once() {
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "_localhost_access_log.txt", "x");
    put(&folder, "sub/part", "x");
    let hidden = root(&folder).join("_localhost_access_log.txt");
    let objects = storage().list(std::slice::from_ref(&hidden)).unwrap();
    assert_eq!(objects[0].relative, "_localhost_access_log.txt");
    let twice = [hidden, root(&folder), root(&folder).join("sub/../sub/part")];
    assert_eq!(storage().list(&twice).unwrap().len(), 2);
    let missing = root(&folder).join("missing");
    assert!(matches!(storage().list(std::slice::from_ref(&missing)), Err(StorageError::NotFound { .. })));
    assert_eq!(storage().list_all(&missing).unwrap(), []);
    assert!(!storage().any(&missing).unwrap());
    assert!(storage().any(&root(&folder)).unwrap());
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_never_in_circles() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    put(&folder, "data/part", "x");
    symlink(folder.path().join("data"), folder.path().join("link")).unwrap();
    assert_eq!(storage().list(&[root(&folder)]).unwrap().len(), 2);
    symlink("/nowhere/at/all", folder.path().join(".hidden")).unwrap();
    assert_eq!(storage().list(&[root(&folder)]).unwrap().len(), 2);
    symlink(folder.path(), folder.path().join("data/up")).unwrap();
    let error = storage().list(&[root(&folder)]).unwrap_err().to_string();
    assert!(error.contains("leads back"), "{error}");
    fs::remove_file(folder.path().join("data/up")).unwrap();
    symlink("/nowhere/at/all", folder.path().join("dangling")).unwrap();
    let error = storage().list(&[root(&folder)]).unwrap_err().to_string();
    assert!(error.contains("dangling"), "{error}");
}

#[test]
fn an_object_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let target = root(&folder).join("run=1/good/part-00000");
    let mut writer = storage().create(&target, Precondition::None, 0).unwrap();
    writer.write_all(b"1234").unwrap();
    writer.write_all(b"56789").unwrap();
    assert_eq!(storage().head(&target).unwrap(), None);
    assert_eq!(storage().list(&[root(&folder)]).unwrap(), []);
    assert!(storage().list_all(&root(&folder)).unwrap()[0].location.file_name().starts_with(TEMPORARY_PREFIX));
    let written = writer.finish().unwrap();
    // The check value of CRC-32C (RFC 3720 polynomial) for "123456789".
    assert_eq!((written.size, written.crc32c, written.etag), (9, Some(0xE306_9283), None));
    assert_eq!(storage().read_all(&target).unwrap(), b"123456789");

    let mut dropped = storage().create(&root(&folder).join("run=1/good/part-00001"), Precondition::None, 0).unwrap();
    dropped.write_all(&[7; 1 << 20]).unwrap();
    drop(dropped);
    assert_eq!(storage().list_all(&root(&folder)).unwrap().len(), 1);
}

#[test]
fn preconditions_hold() {
    let folder = tempfile::tempdir().unwrap();
    let target = root(&folder).join("lock");
    let first = storage().create(&target, Precondition::Absent, 0).unwrap();
    let second = storage().create(&target, Precondition::Absent, 0).unwrap();
    second.finish().unwrap();
    assert!(matches!(first.finish(), Err(StorageError::PreconditionFailed { .. })));
    let late = storage().write_all(&target, b"x", Precondition::Absent);
    assert!(matches!(late, Err(StorageError::PreconditionFailed { .. })));
    assert_eq!(storage().list_all(&root(&folder)).unwrap().len(), 1, "no temporary file is left");
    storage().write_all(&target, b"x", Precondition::None).unwrap();
    assert_eq!(storage().read_all(&target).unwrap(), b"x");
    assert!(storage().create(&target, Precondition::Etag("e".into()), 0).is_err());
    assert!(storage().create(&root(&folder), Precondition::None, 0).is_err(), "a folder is no target");
    storage().delete(&target, None).unwrap();
    storage().delete(&target, None).unwrap();
    assert!(matches!(storage().read_all(&target), Err(StorageError::NotFound { .. })));
}

#[test]
fn objects_are_decoded_by_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let mut stored = Vec::new();
    let mut encoder = GzipEncoder::new(GzipMembers::Many, 1);
    encoder.block(b"one\n", &mut stored);
    encoder.block(b"two\n", &mut stored);
    fs::write(folder.path().join("a.txt"), &stored).unwrap();
    fs::write(folder.path().join("b.gz"), &stored[..stored.len() - 1]).unwrap();
    fs::write(folder.path().join("c.bz2"), "BZh91AY&SY").unwrap();
    let objects = storage().list(&[root(&folder)]).unwrap();
    let mut text = String::new();
    let mut decoder = storage().open_decoded(&objects[0]).unwrap();
    decoder.read_to_string(&mut text).unwrap();
    assert_eq!(
        (text.as_str(), decoder.codec(), decoder.stored_position()),
        ("one\ntwo\n", Codec::Gzip, stored.len() as u64)
    );
    let mut broken = Vec::new();
    let error = storage().open_decoded(&objects[1]).unwrap().read_to_end(&mut broken).unwrap_err();
    let error = StorageError::from_io(&objects[1].location, error);
    assert!(matches!(error, StorageError::Corrupt { source: CodecError::Truncated { plain: 8, .. }, .. }), "{error}");
    assert_eq!(broken, b"one\ntwo\n");
    let error = storage().open_decoded(&objects[2]).err().unwrap().to_string();
    assert!(error.contains("c.bz2: unsupported codec: bzip2"), "{error}");
}

#[cfg(unix)]
#[test]
fn files_are_as_readable_as_the_umask_allows() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("part");
    storage().write_all(&Location::Local(target.clone()), b"", Precondition::None).unwrap();
    fs::write(folder.path().join("plain"), b"").unwrap();
    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(target), mode(folder.path().join("plain")));
}
