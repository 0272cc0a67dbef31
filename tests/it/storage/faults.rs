//! Requests that fail, and what is made of it.

use std::time::Duration;

use super::read;
use crate::support::s3::{FakeS3, Fault};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_sdk_s3::config::SharedCredentialsProvider;
use s3s::S3ErrorCode;
use thresh::storage::{Location, Precondition, Storage, StorageError, StorageOptions};

#[test]
fn storms_pass() {
    let s3 = FakeS3::start();
    let storage = s3.storage();
    for operation in ["PUT", "LIST", "HEAD", "GET", "DELETE"] {
        s3.fault(operation, 4, Fault::Code(S3ErrorCode::SlowDown));
        s3.fault(operation, 3, Fault::Code(S3ErrorCode::InternalError));
    }
    let at = s3.at("in/a");
    storage.write_all(&at, b"content", Precondition::None).unwrap();
    let object = storage.list(&[s3.at("in/")]).unwrap().remove(0);
    assert_eq!(storage.head(&at).unwrap().unwrap().size, 7);
    assert_eq!(read(&storage, &object).unwrap(), b"content");
    storage.delete(&at, None).unwrap();
    assert!(s3.state().faults.is_empty());
    assert_eq!(s3.log().len(), 5 * 8);
}

#[test]
fn a_storm_that_does_not_pass_is_reported() {
    let s3 = FakeS3::start();
    s3.put("a", "x");
    let storage = Storage::new(StorageOptions { s3_max_attempts: 3, ..s3.options() });
    let object = storage.list(&[s3.at("a")]).unwrap().remove(0);
    s3.log();
    s3.fault("GET", 3, Fault::Code(S3ErrorCode::SlowDown));
    let error = read(&storage, &object).unwrap_err();
    assert!(error.is_transient());
    let text = error.to_string();
    assert!(text.starts_with("s3://test-bucket/a: GET failed 3 times"), "{text}");
    assert!(text.contains("503") && text.contains("SlowDown"), "{text}");
    assert_eq!(s3.log().len(), 3);
    assert_eq!(read(&storage, &object).unwrap(), b"x");
}

#[test]
fn refusals_are_not_repeated() {
    let s3 = FakeS3::start();
    let wrong = StorageOptions { s3_sdk_config: Some(s3.sdk_config("wrong")), ..s3.options() };
    let error = Storage::new(wrong).list(&[s3.at("in/")]).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StorageError::Denied { .. }) && text.contains("SignatureDoesNotMatch"), "{text}");
    assert!(!text.contains("wrong"), "the secret is not shown");

    let storage = s3.storage();
    s3.fault("PUT", 1, Fault::Code(S3ErrorCode::AccessDenied));
    let error = storage.write_all(&s3.at("a"), b"x", Precondition::None).unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    s3.fault("PUT", 1, Fault::Code(S3ErrorCode::InvalidStorageClass));
    let error = storage.write_all(&s3.at("a"), b"x", Precondition::None).unwrap_err();
    assert!(matches!(error, StorageError::Failed { transient: false, .. }), "{error}");
    assert_eq!(s3.log(), ["PUT a", "PUT a"]);
}

#[test]
fn nobody_listening_is_a_passing_failure() {
    let s3 = FakeS3::start();
    let options = StorageOptions { s3_max_attempts: 2, ..s3.options() };
    let at = s3.at("a");
    drop(s3);
    let error = Storage::new(options).head(&at).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains("HEAD failed 2 times"), "{error}");
}

#[test]
fn missing_credentials_are_said_at_once() {
    let s3 = FakeS3::start();
    let nobody = ProfileFileCredentialsProvider::builder().profile_name("no-such-profile").build();
    let config = s3.sdk_config("").into_builder().credentials_provider(SharedCredentialsProvider::new(nobody)).build();
    let storage = Storage::new(StorageOptions { s3_sdk_config: Some(config), ..s3.options() });
    let error = storage.head(&s3.at("a")).unwrap_err();
    assert!(matches!(error, StorageError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("credentials"), "{error}");
}

#[test]
fn writes_name_what_is_missing() {
    let s3 = FakeS3::start();
    let nowhere = Location::S3 { bucket: "no-such-bucket".into(), key: "a".into() };
    let error = s3.storage().write_all(&nowhere, b"x", Precondition::None).unwrap_err();
    assert!(error.to_string().starts_with("s3://no-such-bucket/a: the bucket does not exist"), "{error}");
}

#[test]
fn late_answers_are_given_up() {
    let s3 = FakeS3::start();
    s3.put("a", "x");
    let storage = Storage::new(StorageOptions { s3_read_timeout: Duration::from_millis(400), ..s3.options() });
    s3.fault("HEAD", 2, Fault::Late(Duration::from_secs(60)));
    assert_eq!(storage.head(&s3.at("a")).unwrap().unwrap().size, 1);
    assert!(s3.log().len() >= 3);
}

#[test]
fn it_works_on_the_threads_of_another_runtime() {
    let s3 = FakeS3::start();
    s3.put("a", "x");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let content = runtime.block_on(async { s3.storage().read_all(&s3.at("a")) });
    assert_eq!(content.unwrap(), b"x");
}
