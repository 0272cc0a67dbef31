//! The knobs of storage. Everything about credentials, regions and endpoints comes from the SDK's standard chain.

use std::time::Duration;

/// How storage is used; [`Default`] is right for most.
#[derive(Clone, Debug)]
pub struct StorageOptions {
    /// SDK configuration (credentials, region, endpoint) to use instead of the standard chain; for programs that embed
    /// this library.
    pub s3_sdk_config: Option<aws_config::SdkConfig>,
    /// Keys to use instead of those that the standard chain finds; for configurations that hold them.
    pub s3_keys: Option<S3Keys>,
    /// Region to use instead of the one that the standard chain finds.
    pub s3_region: Option<String>,
    /// Put the bucket in the path, not in the host name (`--s3-path-style`).
    pub s3_path_style: bool,
    /// Say that the requester pays for reads (`x-amz-request-payer`).
    pub s3_request_payer: bool,
    /// Server-side encryption of what is written.
    pub s3_encryption: Encryption,
    /// Storage class of what is written (`STANDARD_IA`, `GLACIER_IR`…); the bucket's default if absent.
    pub s3_storage_class: Option<String>,
    /// Whether uploads carry checksums and downloads check them even where S3 does not ask for it.
    pub s3_checksums: Checksums,
    /// Attempts for one request, the first one included.
    pub s3_max_attempts: u32,
    /// First pause between attempts; doubles each time, with full jitter, up to `s3_backoff_max`.
    pub s3_backoff: Duration,
    /// Longest pause between attempts.
    pub s3_backoff_max: Duration,
    /// Longest wait for a connection.
    pub s3_connect_timeout: Duration,
    /// Longest wait for the beginning of an answer, and between two pieces of it. Uploads get more, by their size.
    pub s3_read_timeout: Duration,
    /// Size of one ranged GET of a large object.
    pub s3_read_chunk: u64,
    /// Ranged GETs in flight for one large object.
    pub s3_read_chunks_in_flight: usize,
    /// Size of one part of a multipart upload (5 MiB at least); smaller objects are uploaded by one PUT.
    pub s3_part_size: u64,
    /// Parts in flight for one upload.
    pub s3_parts_in_flight: usize,
}

/// A pair of keys. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Keys {
    /// The key's id.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
}

impl std::fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Server-side encryption of objects written to S3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Whatever the bucket does by default.
    #[default]
    BucketDefault,
    /// Keys managed by S3 (`AES256`).
    Aes256,
    /// Keys managed by KMS: the key id, or the account's default key.
    Kms(Option<String>),
}

/// When the SDK adds and checks its own checksums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksums {
    /// Where supported on AWS, only where required as soon as an endpoint is overridden: many S3-compatible stores
    /// reject the trailers. `AWS_REQUEST_CHECKSUM_CALCULATION` and `AWS_RESPONSE_CHECKSUM_VALIDATION` win over this.
    #[default]
    Auto,
    /// Only where an operation requires them.
    WhenRequired,
    /// Wherever an operation supports them.
    WhenSupported,
}

const MIB: u64 = 1 << 20;

impl Default for StorageOptions {
    fn default() -> Self {
        StorageOptions {
            s3_sdk_config: None,
            s3_keys: None,
            s3_region: None,
            s3_path_style: false,
            s3_request_payer: false,
            s3_encryption: Encryption::default(),
            s3_storage_class: None,
            s3_checksums: Checksums::default(),
            s3_max_attempts: 8,
            s3_backoff: Duration::from_millis(200),
            s3_backoff_max: Duration::from_secs(20),
            s3_connect_timeout: Duration::from_secs(10),
            s3_read_timeout: Duration::from_secs(30),
            s3_read_chunk: 8 * MIB,
            s3_read_chunks_in_flight: 4,
            s3_part_size: 16 * MIB,
            s3_parts_in_flight: 4,
        }
    }
}
