//! Writing to S3: one PUT or many parts, conditions, lost answers.

use std::io::Write;

use super::noise;
use crate::support::s3::{FakeS3, Fault};
use s3s::S3ErrorCode;
use thresh::storage::{Encryption, Precondition, Storage, StorageError, StorageOptions};

const MIB: usize = 1 << 20;

fn in_small_parts(s3: &FakeS3) -> Storage {
    Storage::new(StorageOptions { s3_part_size: 5 * MIB as u64, ..s3.options() })
}

#[test]
fn what_fits_in_a_part_is_one_put() {
    let s3 = FakeS3::start();
    let storage = in_small_parts(&s3);
    let written = storage.write_all(&s3.at("out/a"), b"123456789", Precondition::None).unwrap();
    assert_eq!((written.size, written.crc32c), (9, Some(0xE306_9283)));
    assert_eq!(written.etag, Some(s3.state().objects["out/a"].etag.clone()));
    let full = noise(5 * MIB);
    storage.write_all(&s3.at("out/b"), &full, Precondition::None).unwrap();
    assert!(s3.content("out/b").unwrap() == full);
    storage.write_all(&s3.at("out/empty"), b"", Precondition::None).unwrap();
    assert_eq!(s3.content("out/empty").unwrap(), b"");
    assert_eq!(s3.log(), ["PUT out/a", "PUT out/b", "PUT out/empty"]);
}

#[test]
fn more_goes_in_parts_and_appears_at_the_end() {
    let s3 = FakeS3::start();
    let storage = in_small_parts(&s3);
    let content = noise(12 * MIB + 1);
    let mut writer = storage.create(&s3.at("big"), Precondition::None, 0).unwrap();
    for piece in content.chunks(300_000) {
        writer.write_all(piece).unwrap();
    }
    assert_eq!(s3.content("big"), None);
    let written = writer.finish().unwrap();
    assert!(s3.content("big").unwrap() == content);
    assert_eq!((written.size, written.crc32c), (content.len() as u64, Some(crc32c::crc32c(&content))));
    assert!(written.etag.unwrap().ends_with("-3"));
    let mut log = s3.log();
    log.sort_unstable();
    assert_eq!(log, ["COMPLETE big", "CREATE big", "PART big 1", "PART big 2", "PART big 3"]);
    assert!(s3.state().uploads.is_empty());
}

#[test]
fn parts_survive_storms() {
    let s3 = FakeS3::start();
    for operation in ["CREATE", "PART", "COMPLETE"] {
        s3.fault(operation, 3, Fault::Code(S3ErrorCode::SlowDown));
    }
    let content = noise(11 * MIB);
    in_small_parts(&s3).write_all(&s3.at("big"), &content, Precondition::None).unwrap();
    assert!(s3.content("big").unwrap() == content);
}

#[test]
fn an_unfinished_upload_leaves_nothing() {
    let s3 = FakeS3::start();
    let storage = in_small_parts(&s3);
    let mut writer = storage.create(&s3.at("big"), Precondition::None, 0).unwrap();
    writer.write_all(&noise(11 * MIB)).unwrap();
    assert_eq!(s3.state().uploads.len(), 1);
    drop(writer);
    assert!(s3.state().uploads.is_empty() && s3.state().objects.is_empty());

    // Another server: a part of the upload above may still be on its way and would meet the fault. Every part is refused,
    // also one that is sent again after a time-out.
    let refusing = FakeS3::start();
    refusing.fault("PART", 100, Fault::Code(S3ErrorCode::AccessDenied));
    let all = noise(11 * MIB);
    let error = in_small_parts(&refusing).write_all(&refusing.at("big"), &all, Precondition::None).unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    assert!(refusing.state().uploads.is_empty() && refusing.state().objects.is_empty());

    let mut small = storage.create(&s3.at("small"), Precondition::None, 0).unwrap();
    small.write_all(b"never finished").unwrap();
    drop(small);
    assert!(s3.state().objects.is_empty());
}

#[test]
fn conditions_decide_who_writes() {
    let s3 = FakeS3::start();
    let storage = in_small_parts(&s3);
    let at = s3.at("lock");
    let first = storage.write_all(&at, b"1", Precondition::Absent).unwrap();
    let refused = |outcome: Result<_, StorageError>| {
        assert!(matches!(outcome, Err(StorageError::PreconditionFailed { .. })), "{outcome:?}");
    };
    refused(storage.write_all(&at, b"2", Precondition::Absent));
    refused(storage.write_all(&at, &noise(6 * MIB), Precondition::Absent));
    assert!(s3.state().uploads.is_empty());
    let etag = first.etag.unwrap();
    let second = storage.write_all(&at, b"2", Precondition::Etag(etag.clone())).unwrap();
    refused(storage.write_all(&at, b"3", Precondition::Etag(etag.clone())));
    refused(storage.delete(&at, Some(&etag)).map(|()| second.clone()));
    assert_eq!(s3.content("lock").unwrap(), b"2");
    storage.delete(&at, second.etag.as_deref()).unwrap();
    storage.delete(&at, second.etag.as_deref()).unwrap();
    assert_eq!(s3.content("lock"), None);
}

#[test]
fn of_many_writers_one_wins() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    let wins: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8_u8)
            .map(|number| {
                let (storage, at) = (storage.clone(), s3.at("claim"));
                scope.spawn(move || storage.write_all(&at, &[number], Precondition::Absent).is_ok())
            })
            .collect();
        writers.into_iter().map(|writer| usize::from(writer.join().unwrap())).sum()
    });
    assert_eq!(wins, 1);
}

#[test]
fn a_lost_answer_is_not_taken_for_a_lost_race() {
    let s3 = FakeS3::start();
    let storage = in_small_parts(&s3);
    s3.fault("PUT", 1, Fault::DoneButRefused(S3ErrorCode::InternalError));
    let written = storage.write_all(&s3.at("lock"), b"mine", Precondition::Absent).unwrap();
    assert_eq!(written.etag, Some(s3.state().objects["lock"].etag.clone()));
    assert_eq!(s3.log(), ["PUT lock", "PUT lock", "HEAD lock"]);

    s3.fault("COMPLETE", 1, Fault::DoneButRefused(S3ErrorCode::InternalError));
    let content = noise(6 * MIB);
    storage.write_all(&s3.at("big"), &content, Precondition::Absent).unwrap();
    assert!(s3.content("big").unwrap() == content);
    s3.fault("COMPLETE", 1, Fault::DoneButRefused(S3ErrorCode::InternalError));
    storage.write_all(&s3.at("big"), &content, Precondition::None).unwrap();
    assert!(s3.state().uploads.is_empty());
}

#[test]
fn what_is_asked_of_the_bucket_is_sent() {
    let s3 = FakeS3::start();
    let options = StorageOptions {
        s3_encryption: Encryption::Kms(Some("key-1".to_owned())),
        s3_storage_class: Some("STANDARD_IA".to_owned()),
        s3_request_payer: true,
        s3_part_size: 5 * MIB as u64,
        ..s3.options()
    };
    let storage = Storage::new(options);
    storage.write_all(&s3.at("a"), b"x", Precondition::None).unwrap();
    storage.write_all(&s3.at("b"), &noise(6 * MIB), Precondition::None).unwrap();
    storage.read_all(&s3.at("a")).unwrap();
    let log = s3.log();
    let wishes = "sse=aws:kms kms=key-1 class=STANDARD_IA payer=requester";
    assert!(log.contains(&format!("PUT a {wishes}")) && log.contains(&format!("CREATE b {wishes}")), "{log:?}");
    assert!(log.contains(&"GET a  payer=requester".to_owned()), "{log:?}");

    let aes = Storage::new(StorageOptions { s3_encryption: Encryption::Aes256, ..s3.options() });
    aes.write_all(&s3.at("a"), b"x", Precondition::None).unwrap();
    assert_eq!(s3.log(), ["PUT a sse=AES256"]);
}

/// The same against another implementation of S3.
#[test]
fn an_independent_server_agrees() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = FakeS3::on_files(folder.path());
    for checksums in [thresh::storage::Checksums::WhenRequired, thresh::storage::Checksums::WhenSupported] {
        let options = StorageOptions { s3_part_size: 5 * MIB as u64, s3_checksums: checksums, ..s3.options() };
        let storage = Storage::new(StorageOptions { s3_read_chunk: MIB as u64, ..options });
        let content = noise(11 * MIB);
        storage.write_all(&s3.at("out/big ü+=.bin"), &content, Precondition::None).unwrap();
        storage.write_all(&s3.at("out/small"), b"x", Precondition::Absent).unwrap();
        let again = storage.write_all(&s3.at("out/small"), b"y", Precondition::Absent);
        assert!(matches!(again, Err(StorageError::PreconditionFailed { .. })));
        let objects = storage.list(&[s3.at("out")]).unwrap();
        assert_eq!(super::keys(&objects), ["out/big ü+=.bin", "out/small"]);
        assert!(super::read(&storage, &objects[0]).unwrap() == content);
        let small = storage.head(&s3.at("out/small")).unwrap().unwrap();
        storage.delete(&small.location, small.etag.as_deref()).unwrap();
        assert_eq!(storage.head(&small.location).unwrap(), None);
        assert!(matches!(storage.read_all(&small.location), Err(StorageError::NotFound { .. })));
    }
}

#[test]
fn what_is_held_can_be_sent_early() {
    let s3 = FakeS3::start();
    let content = noise(13 * MIB);
    let mut writer = s3.storage().create(&s3.at("big"), Precondition::None, 0).unwrap();
    let (first, rest) = content.split_at(6 * MIB);
    let (second, third) = rest.split_at(6 * MIB);
    for (piece, left) in [(first, 0), (second, 0), (third, MIB)] {
        writer.write_all(piece).unwrap();
        assert_eq!(writer.held(), piece.len(), "parts have 16 MiB");
        writer.relieve().unwrap();
        assert_eq!(writer.held(), left, "only the last part may have less than 5 MiB");
    }
    writer.finish().unwrap();
    assert!(s3.content("big").unwrap() == content);
    assert_eq!(s3.log().iter().filter(|line| line.starts_with("PART")).count(), 3);
}
