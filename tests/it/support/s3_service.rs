//! The operations of the server in [`super::s3`].

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt};
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

use super::s3::{BUCKET, Fault, State, Stored, Upload};

pub struct MemoryS3(pub Arc<Mutex<State>>);

type Reply<T> = S3Result<S3Response<T>>;

fn reply<T>(output: T) -> Reply<T> {
    Ok(S3Response::new(output))
}

fn refuse<T>(code: S3ErrorCode) -> S3Result<T> {
    Err(S3Error::with_message(code, "by the test server"))
}

/// Counts a request as under way.
struct InFlight(Arc<Mutex<State>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().unwrap().in_flight -= 1;
    }
}

impl MemoryS3 {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Notes the request and returns the fault it meets, if any; simple ones are dealt with here.
    async fn begin(&self, operation: &str, bucket: &str, note: &str) -> S3Result<(InFlight, Option<Fault>)> {
        let (fault, latency) = {
            let mut state = self.state();
            state.log.push(format!("{operation} {note}").trim_end().to_owned());
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            let index = state.faults.iter().position(|(affected, _)| *affected == operation);
            (index.map(|index| state.faults.remove(index).1), state.latency)
        };
        let guard = InFlight(Arc::clone(&self.0));
        tokio::time::sleep(latency).await;
        if bucket != BUCKET {
            return refuse(S3ErrorCode::NoSuchBucket);
        }
        match fault {
            Some(Fault::Code(code)) => refuse(code),
            Some(Fault::Late(late)) => {
                tokio::time::sleep(late).await;
                Ok((guard, None))
            }
            other => Ok((guard, other)),
        }
    }

    fn find(&self, key: &str) -> S3Result<Stored> {
        self.state().objects.get(key).cloned().map_or_else(|| refuse(S3ErrorCode::NoSuchKey), Ok)
    }
}

/// Only what is directly below the prefix; folders as common prefixes. One page.
fn rolled_up(state: &State, prefix: &str, delimiter: &str) -> ListObjectsV2Output {
    let below = state.objects.keys().filter_map(|key| key.strip_prefix(prefix));
    let mut folders: Vec<String> = below
        .filter_map(|rest| rest.split_once(delimiter))
        .map(|(name, _)| format!("{prefix}{name}{delimiter}"))
        .collect();
    folders.dedup();
    let prefixes = folders.into_iter().map(|folder| CommonPrefix { prefix: Some(folder) }).collect();
    ListObjectsV2Output { common_prefixes: Some(prefixes), is_truncated: Some(false), ..ListObjectsV2Output::default() }
}

fn finish<T>(fault: Option<Fault>, output: T) -> Reply<T> {
    match fault {
        Some(Fault::DoneButRefused(code)) => refuse(code),
        _ => reply(output),
    }
}

fn conditions_hold(
    state: &State,
    key: &str,
    if_match: &Option<ETagCondition>,
    if_none_match: &Option<ETagCondition>,
) -> bool {
    let current = state.objects.get(key);
    let matches = match if_match {
        Some(ETagCondition::ETag(etag)) => current.is_some_and(|stored| stored.etag == etag.value()),
        Some(ETagCondition::Any) => current.is_some(),
        None => true,
    };
    matches && (if_none_match.is_none() || current.is_none())
}

async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let mut all = BytesMut::new();
    let Some(mut body) = body else { return Ok(all.freeze()) };
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => all.extend_from_slice(&piece),
            Err(_) => return refuse(S3ErrorCode::IncompleteBody),
        }
    }
    Ok(all.freeze())
}

fn body(bytes: Bytes, fault: Option<Fault>) -> StreamingBlob {
    let (given, stall) = match fault {
        Some(Fault::CutAfter(count)) => (count.min(bytes.len()), false),
        Some(Fault::StallAfter(count)) => (count.min(bytes.len()), true),
        _ => return StreamingBlob::wrap(stream::iter([Ok::<_, io::Error>(bytes)])),
    };
    let first = stream::iter([Ok(bytes.slice(..given))]);
    let end = stream::once(async move {
        if stall {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        // Let what was sent arrive before the connection goes.
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    StreamingBlob::wrap(first.chain(end))
}

/// What a write asks for, for the log.
fn wishes(
    encryption: &Option<ServerSideEncryption>,
    key_id: &Option<String>,
    class: &Option<StorageClass>,
    payer: &Option<RequestPayer>,
) -> String {
    let mut text = String::new();
    for (name, value) in [
        ("sse", encryption.as_ref().map(|value| value.as_str())),
        ("kms", key_id.as_deref()),
        ("class", class.as_ref().map(|value| value.as_str())),
        ("payer", payer.as_ref().map(|value| value.as_str())),
    ] {
        if let Some(value) = value {
            text.push_str(&format!(" {name}={value}"));
        }
    }
    text
}

fn source_key(source: &CopySource) -> S3Result<String> {
    match source {
        CopySource::Bucket { bucket, key, .. } if &**bucket == BUCKET => Ok(key.to_string()),
        _ => refuse(S3ErrorCode::NoSuchBucket),
    }
}

fn tag(etag: String) -> Option<ETag> {
    Some(ETag::Strong(etag))
}

#[async_trait::async_trait]
impl S3 for MemoryS3 {
    async fn list_objects_v2(&self, request: S3Request<ListObjectsV2Input>) -> Reply<ListObjectsV2Output> {
        let input = request.input;
        let prefix = input.prefix.unwrap_or_default();
        let _guard = self.begin("LIST", &input.bucket, &prefix).await?;
        let most = input.max_keys.unwrap_or(1000).min(1000) as usize;
        let after = input.continuation_token.unwrap_or_default();
        let state = self.state();
        if let Some(delimiter) = &input.delimiter {
            return reply(rolled_up(&state, &prefix, delimiter));
        }
        let mut found = state.objects.iter().filter(|(key, _)| key.starts_with(&prefix) && **key > after);
        let contents: Vec<Object> = found
            .by_ref()
            .take(most)
            .map(|(key, stored)| Object {
                key: Some(key.clone()),
                size: Some(stored.bytes.len() as i64),
                e_tag: tag(stored.etag.clone()),
                last_modified: Some(stored.modified.into()),
                ..Object::default()
            })
            .collect();
        let truncated = found.next().is_some();
        let next = contents.last().and_then(|object| object.key.clone()).filter(|_| truncated);
        reply(ListObjectsV2Output {
            is_truncated: Some(truncated),
            next_continuation_token: next,
            contents: Some(contents),
            ..ListObjectsV2Output::default()
        })
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> Reply<HeadObjectOutput> {
        let input = request.input;
        let _guard = self.begin("HEAD", &input.bucket, &input.key).await?;
        let stored = self.find(&input.key)?;
        reply(HeadObjectOutput {
            content_length: Some(stored.bytes.len() as i64),
            e_tag: tag(stored.etag),
            last_modified: Some(stored.modified.into()),
            metadata: Some(stored.metadata),
            ..HeadObjectOutput::default()
        })
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> Reply<GetObjectOutput> {
        let input = request.input;
        let range = input.range.map(|range| range.to_header_string()).unwrap_or_default();
        let payer = wishes(&None, &None, &None, &input.request_payer);
        let note = format!("{} {range}{payer}", input.key);
        let (_guard, fault) = self.begin("GET", &input.bucket, &note).await?;
        let stored = self.find(&input.key)?;
        if !conditions_hold(&self.state(), &input.key, &input.if_match, &None) {
            return refuse(S3ErrorCode::PreconditionFailed);
        }
        let length = stored.bytes.len() as u64;
        let (bytes, content_range) = match input.range {
            None => (stored.bytes, None),
            Some(range) => match range.check(length) {
                Ok(range) => {
                    let text = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                    (stored.bytes.slice(range.start as usize..range.end as usize), Some(text))
                }
                Err(_) => return refuse(S3ErrorCode::InvalidRange),
            },
        };
        reply(GetObjectOutput {
            content_length: Some(bytes.len() as i64),
            content_range,
            e_tag: tag(stored.etag),
            body: Some(body(bytes, fault)),
            ..GetObjectOutput::default()
        })
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> Reply<PutObjectOutput> {
        let input = request.input;
        let wishes =
            wishes(&input.server_side_encryption, &input.ssekms_key_id, &input.storage_class, &input.request_payer);
        let (_guard, fault) = self.begin("PUT", &input.bucket, &format!("{}{wishes}", input.key)).await?;
        let bytes = collect(input.body).await?;
        let mut state = self.state();
        if !conditions_hold(&state, &input.key, &input.if_match, &input.if_none_match) {
            return refuse(S3ErrorCode::PreconditionFailed);
        }
        let etag = state.store(&input.key, bytes, input.metadata.unwrap_or_default(), "");
        finish(fault, PutObjectOutput { e_tag: tag(etag), ..PutObjectOutput::default() })
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> Reply<DeleteObjectOutput> {
        let input = request.input;
        let (_guard, fault) = self.begin("DELETE", &input.bucket, &input.key).await?;
        let mut state = self.state();
        if !conditions_hold(&state, &input.key, &input.if_match, &None) {
            return refuse(S3ErrorCode::PreconditionFailed);
        }
        state.objects.remove(&input.key);
        finish(fault, DeleteObjectOutput::default())
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> Reply<CreateMultipartUploadOutput> {
        let input = request.input;
        let wishes =
            wishes(&input.server_side_encryption, &input.ssekms_key_id, &input.storage_class, &input.request_payer);
        let (_guard, fault) = self.begin("CREATE", &input.bucket, &format!("{}{wishes}", input.key)).await?;
        let mut state = self.state();
        state.counter += 1;
        let id = format!("upload-{}", state.counter);
        let upload = Upload { metadata: input.metadata.unwrap_or_default(), ..Upload::default() };
        state.uploads.insert(id.clone(), upload);
        finish(fault, CreateMultipartUploadOutput { upload_id: Some(id), ..CreateMultipartUploadOutput::default() })
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> Reply<UploadPartOutput> {
        let input = request.input;
        let note = format!("{} {}", input.key, input.part_number);
        let (_guard, fault) = self.begin("PART", &input.bucket, &note).await?;
        let bytes = collect(input.body).await?;
        let mut state = self.state();
        let Some(upload) = state.uploads.get_mut(&input.upload_id) else { return refuse(S3ErrorCode::NoSuchUpload) };
        let etag = format!("part-{:08x}", crc32c::crc32c(&bytes));
        upload.parts.insert(input.part_number, (etag.clone(), bytes));
        finish(fault, UploadPartOutput { e_tag: tag(etag), ..UploadPartOutput::default() })
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> Reply<CopyObjectOutput> {
        let input = request.input;
        let source = source_key(&input.copy_source)?;
        let wishes =
            wishes(&input.server_side_encryption, &input.ssekms_key_id, &input.storage_class, &input.request_payer);
        let note = format!("{source} {}{wishes}", input.key);
        let (_guard, fault) = self.begin("COPY", &input.bucket, &note).await?;
        let stored = self.find(&source)?;
        let mut state = self.state();
        if !conditions_hold(&state, &source, &input.copy_source_if_match, &None) {
            return refuse(S3ErrorCode::PreconditionFailed);
        }
        let etag = state.store(&input.key, stored.bytes, stored.metadata, "");
        let result = CopyObjectResult { e_tag: tag(etag), ..CopyObjectResult::default() };
        finish(fault, CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
    }

    async fn upload_part_copy(&self, request: S3Request<UploadPartCopyInput>) -> Reply<UploadPartCopyOutput> {
        let input = request.input;
        let source = source_key(&input.copy_source)?;
        let range = input.copy_source_range.unwrap_or_default();
        let note = format!("{source} {} {} {range}", input.key, input.part_number);
        let (_guard, fault) = self.begin("COPYPART", &input.bucket, &note).await?;
        let stored = self.find(&source)?;
        let mut state = self.state();
        if !conditions_hold(&state, &source, &input.copy_source_if_match, &None) {
            return refuse(S3ErrorCode::PreconditionFailed);
        }
        let bytes = match range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) {
            // Ranges of small objects are refused by the real service.
            Some(_) if stored.bytes.len() <= 5 << 20 => return refuse(S3ErrorCode::InvalidRequest),
            Some((start, end)) => {
                let (start, end): (usize, usize) = (start.parse().unwrap(), end.parse().unwrap());
                stored.bytes.slice(start..=end)
            }
            None => stored.bytes,
        };
        let Some(upload) = state.uploads.get_mut(&input.upload_id) else { return refuse(S3ErrorCode::NoSuchUpload) };
        let etag = format!("part-{:08x}", crc32c::crc32c(&bytes));
        upload.parts.insert(input.part_number, (etag.clone(), bytes));
        let result = CopyPartResult { e_tag: tag(etag), ..CopyPartResult::default() };
        finish(fault, UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> Reply<CompleteMultipartUploadOutput> {
        let input = request.input;
        let (_guard, fault) = self.begin("COMPLETE", &input.bucket, &input.key).await?;
        let mut state = self.state();
        if !conditions_hold(&state, &input.key, &input.if_match, &input.if_none_match) {
            return refuse(S3ErrorCode::PreconditionFailed);
        }
        let Some(upload) = state.uploads.remove(&input.upload_id) else { return refuse(S3ErrorCode::NoSuchUpload) };
        let mut whole = BytesMut::new();
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        for (index, part) in parts.iter().enumerate() {
            let stored = part.part_number.and_then(|number| upload.parts.get(&number));
            let Some((etag, bytes)) = stored else { return refuse(S3ErrorCode::InvalidPart) };
            if part.e_tag.as_ref().map(ETag::value) != Some(etag) {
                return refuse(S3ErrorCode::InvalidPart);
            }
            if index + 1 < parts.len() && bytes.len() < 5 << 20 {
                return refuse(S3ErrorCode::EntityTooSmall);
            }
            whole.extend_from_slice(bytes);
        }
        let etag = state.store(&input.key, whole.freeze(), upload.metadata, &format!("-{}", parts.len()));
        finish(fault, CompleteMultipartUploadOutput { e_tag: tag(etag), ..CompleteMultipartUploadOutput::default() })
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> Reply<AbortMultipartUploadOutput> {
        let input = request.input;
        let (_guard, fault) = self.begin("ABORT", &input.bucket, &input.key).await?;
        match self.state().uploads.remove(&input.upload_id) {
            Some(_) => finish(fault, AbortMultipartUploadOutput::default()),
            None => refuse(S3ErrorCode::NoSuchUpload),
        }
    }
}
