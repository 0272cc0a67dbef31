//! Writes: one PUT for what fits in a part, a multipart upload for more, its parts sent while the next is filled.
//!
//! Facts (Amazon S3 user guide): parts of 5 MiB to 5 GiB, at most 10,000; conditions are checked when the upload is
//! completed; nothing is visible before that. An answer that is lost may leave a write done and its repetition refused;
//! a mark in the object's metadata tells such a write from someone else's.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use super::client::{Core, Pending};
use super::copy::{MIN_PART, PartCopy, check_size, pieces};
use super::{Address, S3Store, classify, head, quoted, unquoted};
use crate::storage::{Location, ObjectMeta, ObjectWriter, Precondition, StorageError, Written};

/// Name of the metadata entry that marks a write.
pub(super) const WRITE_ID: &str = "thresh-write";

const MAX_PARTS: u64 = 10_000;
/// The size of parts doubles after each so many, so that an upload of unknown length never runs out of them.
const PARTS_BEFORE_DOUBLING: u64 = 2_000;

/// An object on its way to S3.
pub(super) struct S3Writer {
    store: S3Store,
    target: Arc<Target>,
    part_size: u64,
    buffer: Vec<u8>,
    upload: Option<Upload>,
    size: u64,
    crc: u32,
    /// Some parts were never here, so that the checksum is not that of the whole.
    has_copies: bool,
}

/// What every request of one write shares.
struct Target {
    core: Arc<Core>,
    address: Address,
    at: Location,
    precondition: Precondition,
    write_id: String,
}

/// What becomes a part.
enum PartBody {
    Bytes(Bytes),
    Copy(Box<PartCopy>),
}

struct Upload {
    id: String,
    parts: Vec<CompletedPart>,
    /// The bytes that each holds, and its answer.
    under_way: VecDeque<(usize, Pending<Result<CompletedPart, StorageError>>)>,
    sent: u64,
}

impl S3Writer {
    pub(super) fn new(store: &S3Store, address: Address, precondition: Precondition, expected_size: u64) -> S3Writer {
        let target = Target {
            core: Arc::clone(&store.core),
            at: address.location(),
            address,
            precondition,
            write_id: uuid::Uuid::new_v4().simple().to_string(),
        };
        let part_size = store.core.options.s3_part_size.max(1).max(expected_size.div_ceil(MAX_PARTS));
        S3Writer {
            store: store.clone(),
            target: Arc::new(target),
            part_size,
            buffer: Vec::new(),
            upload: None,
            size: 0,
            crc: 0,
            has_copies: false,
        }
    }

    fn current_part_size(&self) -> u64 {
        let sent = self.upload.as_ref().map_or(0, |upload| upload.sent);
        self.part_size << (sent / PARTS_BEFORE_DOUBLING).min(8)
    }

    /// Sends the buffer as the next part.
    fn send_part(&mut self) -> Result<(), StorageError> {
        let next = Vec::with_capacity(self.buffer.len());
        let body = Bytes::from(std::mem::replace(&mut self.buffer, next));
        self.start_part(PartBody::Bytes(body))
    }

    /// Starts the next part, waiting first if too many are under way.
    fn start_part(&mut self, body: PartBody) -> Result<(), StorageError> {
        let target = Arc::clone(&self.target);
        if self.upload.is_none() {
            let begin = Arc::clone(&target);
            let id = self.store.run(&target.at, async move { begin.begin_upload().await })?;
            self.upload = Some(Upload { id, parts: Vec::new(), under_way: VecDeque::new(), sent: 0 });
        }
        let most = target.core.options.s3_parts_in_flight.max(1);
        let Some(upload) = &mut self.upload else { return Ok(()) };
        while upload.under_way.len() >= most {
            upload.collect_one(&target.at)?;
        }
        upload.sent += 1;
        let (number, id) = (upload.sent as i32, upload.id.clone());
        let held = match &body {
            PartBody::Bytes(bytes) => bytes.len(),
            PartBody::Copy(_) => 0,
        };
        let pending = self.store.spawn(async move {
            match body {
                PartBody::Bytes(bytes) => target.send_part(&id, number, bytes).await,
                PartBody::Copy(copy) => copy.run(&target.core, &target.address, &id, number).await,
            }
        });
        upload.under_way.push_back((held, pending));
        Ok(())
    }

    fn publish(&mut self) -> Result<Option<String>, StorageError> {
        let target = Arc::clone(&self.target);
        let at = target.at.clone();
        if self.upload.is_none() {
            let body = Bytes::from(std::mem::take(&mut self.buffer));
            return self.store.run(&at, async move { target.put(body).await });
        }
        if !self.buffer.is_empty() {
            self.send_part()?;
        }
        let Some(upload) = &mut self.upload else { return Ok(None) };
        upload.collect_all(&at)?;
        let (id, parts) = (upload.id.clone(), std::mem::take(&mut upload.parts));
        let etag = self.store.run(&at, async move { target.complete(&id, parts).await })?;
        self.upload = None;
        if self.has_copies {
            let (target, size) = (Arc::clone(&self.target), self.size);
            let at = self.target.at.clone();
            self.store.run(&at, async move { check_size(&target.core, &target.address, &target.at, size).await })?;
        }
        Ok(etag)
    }
}

impl Upload {
    fn collect_one(&mut self, at: &Location) -> Result<(), StorageError> {
        if let Some((_, pending)) = self.under_way.pop_front() {
            let part = pending.wait().unwrap_or_else(|lost| Err(StorageError::failed(at, lost)))?;
            self.parts.push(part);
        }
        Ok(())
    }

    fn collect_all(&mut self, at: &Location) -> Result<(), StorageError> {
        while !self.under_way.is_empty() {
            self.collect_one(at)?;
        }
        Ok(())
    }
}

impl Write for S3Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let part_size = self.current_part_size() as usize;
        if self.buffer.len() >= part_size {
            self.send_part()?;
        }
        let count = bytes.len().min(part_size.saturating_sub(self.buffer.len()).max(1));
        self.buffer.extend_from_slice(&bytes[..count]);
        self.crc = crc32c::crc32c_append(self.crc, &bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    /// Nothing can be made visible before the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ObjectWriter for S3Writer {
    fn copy_lead(&self, object: &ObjectMeta, range: &Range<u64>) -> Option<u64> {
        let is_remote = matches!(object.location, Location::S3 { .. });
        let buffered = self.buffer.len() as u64;
        let lead = if buffered == 0 { 0 } else { MIN_PART.saturating_sub(buffered) };
        // The rest may turn out not to be the last part, so it must be large enough to stand anywhere.
        let rest = (range.end - range.start).checked_sub(lead)?;
        (is_remote && rest >= MIN_PART).then_some(lead)
    }

    fn copy_range(&mut self, object: &ObjectMeta, range: Range<u64>) -> Result<(), StorageError> {
        if !self.buffer.is_empty() {
            self.send_part()?;
        }
        let from = Address::of(&object.location)?;
        for piece in pieces(&range) {
            self.size += piece.end - piece.start;
            let copy = PartCopy { from: from.clone(), source: object.clone(), range: piece };
            self.start_part(PartBody::Copy(Box::new(copy)))?;
        }
        self.has_copies = true;
        Ok(())
    }

    fn held(&self) -> usize {
        let under_way = self.upload.iter().flat_map(|upload| &upload.under_way);
        self.buffer.len() + under_way.map(|(held, _)| held).sum::<usize>()
    }

    fn relieve(&mut self) -> Result<(), StorageError> {
        // Smaller parts than usual, but not so small that an upload could run out of them.
        if self.buffer.len() as u64 >= MIN_PART.max(self.current_part_size() / 4) {
            self.send_part()?;
            self.buffer = Vec::new();
        }
        self.upload.as_mut().map_or(Ok(()), |upload| upload.collect_all(&self.target.at))
    }

    fn finish(mut self: Box<Self>) -> Result<Written, StorageError> {
        let etag = self.publish()?;
        Ok(Written { size: self.size, crc32c: (!self.has_copies).then_some(self.crc), etag })
    }
}

impl Drop for S3Writer {
    /// An upload that was not completed is aborted: its parts would be billed for ever.
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let Upload { id, under_way, .. } = upload;
        drop(under_way);
        let target = Arc::clone(&self.target);
        let at = target.at.clone();
        if let Err(error) = self.store.run(&at, async move { target.abort(&id).await }) {
            tracing::warn!(%error, "an unfinished multipart upload could not be aborted");
        }
    }
}

impl Target {
    fn conditions(&self) -> (Option<String>, Option<String>) {
        match &self.precondition {
            Precondition::None => (None, None),
            Precondition::Absent => (None, Some("*".to_owned())),
            Precondition::Etag(etag) => (Some(quoted(etag)), None),
        }
    }

    async fn put(&self, body: Bytes) -> Result<Option<String>, StorageError> {
        let core = &self.core;
        let (if_match, if_none_match) = self.conditions();
        let (encryption, key_id) = core.encryption();
        let outcome = core
            .retry(&self.at, "PUT", core.upload_limit(body.len()), || async {
                let mut request = core.client.put_object().bucket(&self.address.bucket).key(&self.address.key);
                if self.precondition != Precondition::None {
                    request = request.metadata(WRITE_ID, &self.write_id);
                }
                request
                    .set_if_match(if_match.clone())
                    .set_if_none_match(if_none_match.clone())
                    .set_server_side_encryption(encryption.clone())
                    .set_ssekms_key_id(key_id.clone())
                    .set_storage_class(core.storage_class())
                    .set_request_payer(core.payer())
                    .body(ByteStream::from(body.clone()))
                    .send()
                    .await
                    .map_err(classify)
            })
            .await;
        match outcome {
            Ok(answer) => Ok(answer.e_tag().map(unquoted)),
            Err(error) => self.unless_done(error).await,
        }
    }

    async fn begin_upload(&self) -> Result<String, StorageError> {
        let core = &self.core;
        let (encryption, key_id) = core.encryption();
        let answer = core
            .retry(&self.at, "the start of a multipart upload", core.short_limit(), || async {
                let request = core.client.create_multipart_upload().bucket(&self.address.bucket).key(&self.address.key);
                request
                    .metadata(WRITE_ID, &self.write_id)
                    .set_server_side_encryption(encryption.clone())
                    .set_ssekms_key_id(key_id.clone())
                    .set_storage_class(core.storage_class())
                    .set_request_payer(core.payer())
                    .send()
                    .await
                    .map_err(classify)
            })
            .await
            .map_err(|error| self.say_what_is_missing(error))?;
        let id = answer.upload_id().map(str::to_owned);
        id.ok_or_else(|| StorageError::failed(&self.at, "the service gave no id for a multipart upload"))
    }

    async fn send_part(&self, id: &str, number: i32, body: Bytes) -> Result<CompletedPart, StorageError> {
        let core = &self.core;
        let answer = core
            .retry(&self.at, "the upload of a part", core.upload_limit(body.len()), || async {
                let request = core.client.upload_part().bucket(&self.address.bucket).key(&self.address.key);
                request
                    .upload_id(id)
                    .part_number(number)
                    .set_request_payer(core.payer())
                    .body(ByteStream::from(body.clone()))
                    .send()
                    .await
                    .map_err(classify)
            })
            .await
            .map_err(|error| self.say_what_is_missing(error))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag().map(str::to_owned));
        // If the SDK sent a checksum with the part, the completion must repeat it.
        Ok(part
            .set_checksum_crc32(answer.checksum_crc32().map(str::to_owned))
            .set_checksum_crc32_c(answer.checksum_crc32_c().map(str::to_owned))
            .set_checksum_crc64_nvme(answer.checksum_crc64_nvme().map(str::to_owned))
            .build())
    }

    async fn complete(&self, id: &str, parts: Vec<CompletedPart>) -> Result<Option<String>, StorageError> {
        let core = &self.core;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let (if_match, if_none_match) = self.conditions();
        // Assembling many parts takes the service a while.
        let limit = core.short_limit() * 4;
        let outcome = core
            .retry(&self.at, "the end of a multipart upload", limit, || async {
                let request =
                    core.client.complete_multipart_upload().bucket(&self.address.bucket).key(&self.address.key);
                request
                    .upload_id(id)
                    .multipart_upload(parts.clone())
                    .set_if_match(if_match.clone())
                    .set_if_none_match(if_none_match.clone())
                    .set_request_payer(core.payer())
                    .send()
                    .await
                    .map_err(classify)
            })
            .await;
        match outcome {
            Ok(answer) => Ok(answer.e_tag().map(unquoted)),
            Err(error) => self.unless_done(error).await,
        }
    }

    /// "Not found" in answer to a write is about the bucket or the upload, never about the object.
    fn say_what_is_missing(&self, error: StorageError) -> StorageError {
        match error {
            StorageError::NotFound { location } => StorageError::failed(
                &location,
                "the bucket does not exist, or the multipart upload was removed meanwhile",
            ),
            other => other,
        }
    }

    /// A refused write may be the echo of one that was done but whose answer was lost.
    async fn unless_done(&self, error: StorageError) -> Result<Option<String>, StorageError> {
        if matches!(error, StorageError::PreconditionFailed { .. } | StorageError::NotFound { .. })
            && let Ok(found) = head(&self.core, &self.address).await
            && found.write_id.as_deref() == Some(self.write_id.as_str())
        {
            return Ok(found.meta.etag);
        }
        Err(self.say_what_is_missing(error))
    }

    async fn abort(&self, id: &str) -> Result<(), StorageError> {
        let core = &self.core;
        let aborted = core
            .retry(&self.at, "the abortion of a multipart upload", core.short_limit(), || async {
                let request = core.client.abort_multipart_upload().bucket(&self.address.bucket).key(&self.address.key);
                request.upload_id(id).set_request_payer(core.payer()).send().await.map_err(classify)
            })
            .await;
        match aborted {
            Ok(_) | Err(StorageError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
