//! Reading from S3: ranges, objects that change, reading ahead.

use std::io::Read;
use std::time::{Duration, Instant};

use super::{noise, read};
use crate::support::s3::{FakeS3, Fault};
use thresh::storage::codec::{Codec, GzipEncoder, GzipMembers};
use thresh::storage::{Location, ObjectMeta, Storage, StorageError, StorageOptions};

const MIB: u64 = 1 << 20;

fn in_small_chunks(s3: &FakeS3) -> Storage {
    Storage::new(StorageOptions { s3_read_chunk: MIB, s3_read_chunks_in_flight: 3, ..s3.options() })
}

fn only(storage: &Storage, s3: &FakeS3, key: &str) -> ObjectMeta {
    storage.list(&[s3.at(key)]).unwrap().remove(0)
}

#[test]
fn large_objects_come_in_order_from_several_ranges_at_once() {
    let s3 = FakeS3::start();
    let content = noise(10 * MIB as usize + 12_345);
    s3.put("big", content.clone());
    s3.state().latency = Duration::from_millis(30);
    let storage = in_small_chunks(&s3);
    let object = only(&storage, &s3, "big");
    s3.log();
    assert!(read(&storage, &object).unwrap() == content);
    let mut log = s3.log();
    log.sort_unstable();
    assert_eq!(log.len(), 11);
    assert!(log.contains(&"GET big bytes=0-1048575".to_owned()), "{log:?}");
    assert!(log.contains(&"GET big bytes=10485760-10498104".to_owned()), "{log:?}");
    assert_eq!(s3.state().most_in_flight, 3);

    // A listing without entity tags: the first answer tells it.
    let untagged = ObjectMeta { etag: None, ..object };
    assert!(read(&storage, &untagged).unwrap() == content);
    assert_eq!(s3.log().len(), 11);
}

#[test]
fn ranges_are_read_alike_everywhere() {
    let s3 = FakeS3::start();
    let content = noise(5 * MIB as usize);
    s3.put("big", content.clone());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("big"), &content).unwrap();
    let storage = in_small_chunks(&s3);
    let local = storage.list(&[Location::Local(folder.path().to_owned())]).unwrap().remove(0);
    for object in [only(&storage, &s3, "big"), local] {
        for (start, end) in [(0, 10), (7, 3 * MIB + 1), (MIB, 9 * MIB), (5 * MIB, 6 * MIB), (4, 4)] {
            let mut bytes = Vec::new();
            storage.open_range(&object, start..end).unwrap().read_to_end(&mut bytes).unwrap();
            let expected = &content[start as usize..content.len().min(end as usize)];
            assert!(bytes == expected, "{start}..{end} of {}", object.location);
        }
    }
}

#[test]
fn small_and_empty_objects_cost_one_request_or_none() {
    let s3 = FakeS3::start();
    s3.put("small", "content");
    s3.put("empty", "");
    let storage = s3.storage();
    let (small, empty) = (only(&storage, &s3, "small"), only(&storage, &s3, "empty"));
    s3.log();
    assert_eq!(read(&storage, &small).unwrap(), b"content");
    assert_eq!(s3.log(), ["GET small"]);
    assert_eq!(read(&storage, &empty).unwrap(), b"");
    assert_eq!(s3.log(), [""; 0]);
}

#[test]
fn an_object_that_changes_is_an_error_and_never_a_mixture() {
    let s3 = FakeS3::start();
    s3.put("big", noise(8 * MIB as usize));
    let storage = in_small_chunks(&s3);
    let object = only(&storage, &s3, "big");
    let mut reader = storage.open(&object).unwrap();
    let mut first = vec![0; 100];
    reader.read_exact(&mut first).unwrap();
    s3.put("big", vec![7; 8 * MIB as usize]);
    let mut rest = Vec::new();
    let error = reader.read_to_end(&mut rest).unwrap_err();
    assert!(noise(8 * MIB as usize)[100..].starts_with(&rest), "what was given is of the first version");
    let error = StorageError::from_io(&object.location, error);
    assert!(matches!(error, StorageError::PreconditionFailed { .. }), "{error}");
    let again = reader.read(&mut first).unwrap_err();
    assert!(matches!(StorageError::from_io(&object.location, again), StorageError::PreconditionFailed { .. }));

    // Without a tag the size gives it away.
    s3.put("big", "short");
    let untagged = ObjectMeta { etag: None, ..object.clone() };
    assert!(matches!(read(&storage, &untagged), Err(StorageError::PreconditionFailed { .. })));
    s3.state().objects.clear();
    assert!(matches!(read(&storage, &object), Err(StorageError::NotFound { .. })));
}

#[test]
fn many_small_objects_are_fetched_ahead_and_come_in_order() {
    let s3 = FakeS3::start();
    for number in 0..60 {
        s3.put(&format!("in/{number:02}"), format!("content of {number}"));
    }
    let storage = s3.storage();
    let mut objects = storage.list(&[s3.at("in/")]).unwrap();
    s3.state().objects.remove("in/07");
    s3.state().latency = Duration::from_millis(50);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("local"), "on disk").unwrap();
    objects.extend(storage.list(&[Location::Local(folder.path().to_owned())]).unwrap());

    let mut contents = Vec::new();
    for (object, opened) in storage.read_ahead(objects.clone(), 64 * MIB, 16) {
        let mut text = String::new();
        let outcome = opened.unwrap().read_to_string(&mut text);
        contents.push(outcome.map(|_| text).map_err(|error| StorageError::from_io(&object.location, error)));
    }
    assert_eq!(contents.len(), 61);
    for (number, content) in contents.iter().enumerate().take(60) {
        match content {
            Ok(text) => assert_eq!(*text, format!("content of {number}")),
            Err(error) => assert!(number == 7 && matches!(error, StorageError::NotFound { .. }), "{error}"),
        }
    }
    assert_eq!(contents[60].as_deref().unwrap(), "on disk");
    let most = s3.state().most_in_flight;
    assert!((8..=16).contains(&most), "{most} at once");
}

#[test]
fn reading_ahead_respects_its_budget() {
    let s3 = FakeS3::start();
    for number in 0..10 {
        s3.put(&format!("in/{number}"), vec![number; 100_000]);
    }
    let storage = s3.storage();
    let objects = storage.list(&[s3.at("in/")]).unwrap();
    s3.log();
    let mut ahead = storage.read_ahead(objects, 350_000, 16);
    let (_, first) = ahead.next().unwrap();
    first.unwrap().read_to_end(&mut Vec::new()).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while s3.state().log.len() < 3 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(50));
    // The one being read and two more; a fourth would be beyond the budget.
    assert_eq!(s3.log().len(), 3);
    assert_eq!(ahead.count(), 9);
}

#[test]
fn reading_ahead_decodes() {
    let s3 = FakeS3::start();
    let mut gzip = Vec::new();
    let mut encoder = GzipEncoder::new(GzipMembers::Many, 1);
    encoder.block(b"one\n", &mut gzip);
    encoder.block(b"two\n", &mut gzip);
    s3.put("in/a.log", gzip.clone());
    s3.put("in/b.gz", &gzip[..gzip.len() - 4]);
    s3.put("in/c", "plain\n");
    let storage = s3.storage();
    let objects = storage.list(&[s3.at("in/")]).unwrap();
    let mut seen = Vec::new();
    for (object, decoder) in storage.read_ahead(objects, MIB, 4).decoded() {
        let mut decoder = decoder.unwrap();
        let mut plain = Vec::new();
        let error = decoder.read_to_end(&mut plain).err().map(|error| StorageError::from_io(&object.location, error));
        seen.push((decoder.codec(), String::from_utf8(plain).unwrap(), error.map(|error| error.to_string())));
    }
    assert_eq!(seen[0], (Codec::Gzip, "one\ntwo\n".to_owned(), None));
    assert_eq!((seen[1].0, seen[1].1.as_str()), (Codec::Gzip, "one\ntwo\n"));
    assert!(seen[1].2.as_ref().unwrap().starts_with("s3://test-bucket/in/b.gz: the gzip stream ends early"));
    assert_eq!(seen[2], (Codec::Plain, "plain\n".to_owned(), None));
}

#[test]
fn a_cut_connection_goes_on_where_it_was_cut() {
    let s3 = FakeS3::start();
    let content = noise(3 * MIB as usize);
    s3.put("big", content.clone());
    let storage = Storage::new(StorageOptions { s3_read_chunks_in_flight: 1, ..s3.options() });
    let object = only(&storage, &s3, "big");
    s3.log();
    s3.fault("GET", 1, Fault::CutAfter(1_000_000));
    s3.fault("GET", 1, Fault::CutAfter(500_000));
    assert!(read(&storage, &object).unwrap() == content);
    let log = s3.log();
    assert_eq!(log[0], "GET big");
    let resumed: Vec<u64> =
        log[1..].iter().map(|line| line.split(['=', '-']).nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(resumed, [1_000_000, 1_500_000], "{log:?}");
}

#[test]
fn a_stalled_body_is_given_up_and_resumed() {
    let s3 = FakeS3::start();
    let content = noise(MIB as usize);
    s3.put("big", content.clone());
    let storage = Storage::new(StorageOptions { s3_read_timeout: Duration::from_millis(300), ..s3.options() });
    let object = only(&storage, &s3, "big");
    s3.fault("GET", 1, Fault::StallAfter(400_000));
    s3.fault("GET", 1, Fault::Late(Duration::from_secs(60)));
    let start = Instant::now();
    assert!(read(&storage, &object).unwrap() == content);
    assert!(start.elapsed() < Duration::from_secs(5));
}
