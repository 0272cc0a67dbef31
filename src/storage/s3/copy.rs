//! Copies that S3 makes by itself: whole objects, and ranges of them as parts of an upload.
//!
//! Facts (Amazon S3 API reference): CopyObject takes objects up to 5 GB; UploadPartCopy takes ranges of 5 MiB to 5 GiB, the
//! last part of an upload may be smaller, and a range is only possible in objects larger than 5 MiB;
//! `x-amz-copy-source` is URL-encoded; both may answer 200 and carry an error. Entity tags of copies made by different
//! means differ, so that only sizes are compared here.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use aws_sdk_s3::types::CompletedPart;

use super::client::Core;
use super::{Address, classify, head, quoted, unquoted};
use crate::storage::{Location, ObjectMeta, StorageError, Written};

/// Largest object that one request copies.
pub(super) const MAX_WHOLE: u64 = 5_000_000_000;
/// Smallest part, but for the last.
pub(super) const MIN_PART: u64 = 5 << 20;
/// Largest part made by copying. Smaller than the service's limit, so that a large object is copied in parallel.
const COPY_PART: u64 = 512 << 20;
/// Slowest copy that is still waited for, in bytes a second.
const SLOWEST_COPY: u64 = 1 << 20;

fn limit(core: &Core, size: u64) -> Duration {
    core.short_limit() + Duration::from_secs(size / SLOWEST_COPY)
}

/// `bucket/key` as the header wants it.
fn copy_source(from: &Address) -> String {
    let mut text = format!("{}/", from.bucket);
    for byte in from.key.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// "Not found" and "changed" are about the source, and so is the state of an archived object.
fn about_source(error: StorageError, source: &ObjectMeta) -> StorageError {
    let location = source.location.clone();
    match error {
        StorageError::NotFound { .. } => StorageError::NotFound { location },
        StorageError::PreconditionFailed { .. } => StorageError::PreconditionFailed { location },
        StorageError::Denied { detail, .. } if detail.contains("InvalidObjectState") => {
            StorageError::Denied { location, detail }
        }
        other => other,
    }
}

/// Copies a whole object.
pub(super) async fn whole(
    core: &Core,
    from: &Address,
    source: &ObjectMeta,
    target: &Address,
) -> Result<Written, StorageError> {
    let at = target.location();
    let (encryption, key_id) = core.encryption();
    let answer = core
        .retry(&at, "the copy", limit(core, source.size), || async {
            let request = core.client.copy_object().bucket(&target.bucket).key(&target.key);
            request
                .copy_source(copy_source(from))
                .set_copy_source_if_match(source.etag.as_deref().map(quoted))
                .set_server_side_encryption(encryption.clone())
                .set_ssekms_key_id(key_id.clone())
                .set_storage_class(core.storage_class())
                .set_request_payer(core.payer())
                .send()
                .await
                .map_err(classify)
        })
        .await
        .map_err(|error| about_source(error, source))?;
    let etag = answer.copy_object_result().and_then(|result| result.e_tag()).map(unquoted);
    Ok(Written { size: source.size, crc32c: None, etag })
}

/// What is stored must be as long as what was to be stored.
pub(super) async fn check_size(
    core: &Core,
    address: &Address,
    at: &Location,
    expected: u64,
) -> Result<(), StorageError> {
    let found = head(core, address).await?.meta.size;
    if found == expected {
        return Ok(());
    }
    Err(StorageError::failed(at, format!("{found} bytes are stored after copying, {expected} were to be")))
}

/// The pieces that a range is copied in, all of them large enough.
pub(super) fn pieces(range: &Range<u64>) -> Vec<Range<u64>> {
    let mut pieces = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let left = range.end - start;
        // A rest that is too small for a part of its own goes with the piece before it.
        let length = if left < COPY_PART + MIN_PART { left } else { COPY_PART };
        pieces.push(start..start + length);
        start += length;
    }
    pieces
}

/// A range of an object, to be a part of an upload.
pub(super) struct PartCopy {
    pub from: Address,
    pub source: ObjectMeta,
    pub range: Range<u64>,
}

impl PartCopy {
    /// Copies it as part `number` of the upload `id`.
    pub(super) async fn run(
        &self,
        core: &Core,
        target: &Address,
        id: &str,
        number: i32,
    ) -> Result<CompletedPart, StorageError> {
        let size = self.range.end - self.range.start;
        let whole = self.range == (0..self.source.size);
        let header = (!whole).then(|| format!("bytes={}-{}", self.range.start, self.range.end - 1));
        let answer = core
            .retry(&target.location(), "the copy of a part", limit(core, size), || async {
                let request = core.client.upload_part_copy().bucket(&target.bucket).key(&target.key);
                request
                    .upload_id(id)
                    .part_number(number)
                    .copy_source(copy_source(&self.from))
                    .set_copy_source_if_match(self.source.etag.as_deref().map(quoted))
                    .set_copy_source_range(header.clone())
                    .set_request_payer(core.payer())
                    .send()
                    .await
                    .map_err(classify)
            })
            .await
            .map_err(|error| about_source(error, &self.source))?;
        let result = answer.copy_part_result();
        let text = |value: Option<&str>| value.map(str::to_owned);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(result.and_then(|result| text(result.e_tag())))
            .set_checksum_crc32(result.and_then(|result| text(result.checksum_crc32())))
            .set_checksum_crc32_c(result.and_then(|result| text(result.checksum_crc32_c())))
            .set_checksum_crc64_nvme(result.and_then(|result| text(result.checksum_crc64_nvme())))
            .build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_encoded() {
        let from = Address { bucket: "b".into(), key: "a b/c+d=é/%x.gz".into() };
        assert_eq!(copy_source(&from), "b/a%20b/c%2Bd%3D%C3%A9/%25x.gz");
    }

    #[test]
    fn no_piece_is_too_small() {
        let lengths = |range: Range<u64>| -> Vec<u64> {
            let pieces = pieces(&range);
            assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
            pieces.iter().map(|piece| piece.end - piece.start).collect()
        };
        assert_eq!(lengths(3..3), [0_u64; 0]);
        assert_eq!(lengths(3..10), [7]);
        assert_eq!(lengths(0..COPY_PART + MIN_PART - 1), [COPY_PART + MIN_PART - 1]);
        assert_eq!(lengths(0..COPY_PART + MIN_PART), [COPY_PART, MIN_PART]);
    }
}
