//! Reads an object as ordered ranges, several of them under way at once.
//!
//! Each range names the entity tag, so that an object replaced meanwhile is an error and never a mixture. A connection
//! cut in the middle of a range goes on from the byte where it was cut.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use tokio::time::timeout;

use super::client::{Core, Pending};
use super::retry::Backoff;
use super::{Address, Failure, S3Store, classify, quoted, unquoted};
use crate::storage::{Location, ObjectMeta, StorageError};

/// The bytes of one object.
pub(super) struct S3Reader {
    store: S3Store,
    address: Address,
    at: Location,
    size: u64,
    etag: Option<String>,
    /// Where the next range begins, and the last one ends.
    next: u64,
    end: u64,
    under_way: VecDeque<Pending<Result<Chunk, StorageError>>>,
    current: Bytes,
    failed: Option<StorageError>,
}

struct Chunk {
    bytes: Bytes,
    etag: Option<String>,
}

impl S3Reader {
    /// Sends the first requests and returns at once.
    pub(super) fn start(store: &S3Store, object: &ObjectMeta, range: Range<u64>) -> Result<S3Reader, StorageError> {
        let mut reader = S3Reader {
            store: store.clone(),
            address: Address::of(&object.location)?,
            at: object.location.clone(),
            size: object.size,
            etag: object.etag.clone(),
            next: range.start,
            end: range.end.min(object.size),
            under_way: VecDeque::new(),
            current: Bytes::new(),
            failed: None,
        };
        reader.request_ahead();
        Ok(reader)
    }

    fn request_ahead(&mut self) {
        let options = &self.store.core.options;
        // Without an entity tag the first answer must tell it before others are asked for.
        let limit = if self.etag.is_some() { options.s3_read_chunks_in_flight.max(1) } else { 1 };
        while self.next < self.end && self.under_way.len() < limit {
            let range = self.next..self.end.min(self.next + options.s3_read_chunk.max(1));
            self.next = range.end;
            let fetch = Fetch {
                core: Arc::clone(&self.store.core),
                address: self.address.clone(),
                size: self.size,
                etag: self.etag.clone(),
            };
            self.under_way.push_back(self.store.spawn(fetch.range(range)));
        }
    }

    /// Takes the next range; `false` at the end.
    fn advance(&mut self) -> Result<bool, StorageError> {
        let Some(pending) = self.under_way.pop_front() else { return Ok(false) };
        let chunk = pending.wait().unwrap_or_else(|lost| Err(StorageError::failed(&self.at, lost)))?;
        self.current = chunk.bytes;
        self.etag = self.etag.take().or(chunk.etag);
        self.request_ahead();
        Ok(true)
    }
}

impl Read for S3Reader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !target.is_empty() {
            if let Some(error) = &self.failed {
                return Err(error.clone().into());
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.under_way.clear();
                    self.failed = Some(error);
                }
            }
        }
        let count = target.len().min(self.current.len());
        self.current.copy_to_slice(&mut target[..count]);
        Ok(count)
    }
}

/// One range being fetched.
struct Fetch {
    core: Arc<Core>,
    address: Address,
    size: u64,
    etag: Option<String>,
}

impl Fetch {
    async fn range(mut self, range: Range<u64>) -> Result<Chunk, StorageError> {
        let at = self.address.location();
        let wanted = (range.end - range.start) as usize;
        let mut bytes = Vec::with_capacity(wanted);
        let mut backoff = Backoff::new(&self.core.options);
        loop {
            let before = bytes.len();
            match self.some(range.start + before as u64..range.end, &mut bytes).await {
                Ok(()) => return Ok(Chunk { bytes: bytes.into(), etag: self.etag }),
                Err(failure) => {
                    if bytes.len() > before {
                        backoff.reset();
                    }
                    backoff.pause(failure, &at, "GET").await?;
                }
            }
        }
    }

    /// Appends the range, or as much of it as comes before something goes wrong.
    async fn some(&mut self, range: Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Failure> {
        let limit = self.core.options.s3_read_timeout;
        let whole = range == (0..self.size);
        let request = self.core.client.get_object().bucket(&self.address.bucket).key(&self.address.key);
        let request = request.set_if_match(self.etag.as_deref().map(quoted)).set_request_payer(self.core.payer());
        let header = (!whole).then(|| format!("bytes={}-{}", range.start, range.end - 1));
        let sent = timeout(limit, request.set_range(header).send()).await;
        let mut answer = sent.map_err(|_| Failure::timed_out(limit))?.map_err(classify)?;
        let length = range.end - range.start;
        if !whole && answer.content_range().is_none() {
            return Err(Failure::Permanent("the service ignores ranges".to_owned()));
        }
        let total = answer.content_range().and_then(|text| text.rsplit('/').next()).and_then(|text| text.parse().ok());
        if total.is_some_and(|total: u64| total != self.size) {
            return Err(Failure::Changed);
        }
        if answer.content_length().is_some_and(|given| given < 0 || given as u64 != length) {
            return Err(Failure::Changed);
        }
        if self.etag.is_none() {
            self.etag = answer.e_tag().map(unquoted);
        }
        let end = bytes.len() + length as usize;
        while bytes.len() < end {
            let frame = timeout(limit, answer.body.next()).await.map_err(|_| Failure::timed_out(limit))?;
            match frame {
                Some(Ok(piece)) if piece.len() <= end - bytes.len() => bytes.extend_from_slice(&piece),
                Some(Ok(_)) => return Err(Failure::Permanent("more bytes came than were asked for".to_owned())),
                Some(Err(error)) => return Err(Failure::Transient(format!("the connection was cut: {error}"))),
                None => return Err(Failure::Transient("the answer ended early".to_owned())),
            }
        }
        // Checksums, where the SDK checks them, come to light at the end of the body.
        match timeout(limit, answer.body.next()).await {
            Ok(Some(Err(error))) => {
                bytes.truncate(end - length as usize);
                Err(Failure::Transient(format!("the answer is damaged: {error}")))
            }
            _ => Ok(()),
        }
    }
}
