//! Amazon S3 and what speaks its protocol, over the official SDK.
//!
//! Sources: the S3 API reference (conditional requests, multipart limits, error codes). The SDK's own retries are off:
//! failures are told apart and retried in one place here, bodies included, which the SDK leaves to its callers.

mod client;
mod copy;
mod failure;
mod list;
mod pattern;
mod read;
mod retry;
mod write;

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use self::client::{Core, Engine, Pending};
use self::failure::{Failure, classify};
use self::read::S3Reader;
use self::write::S3Writer;
use super::{
    Location, Names, ObjectMeta, ObjectStore, ObjectWriter, Precondition, StorageError, StorageOptions, Written,
};

/// S3 behind the synchronous interface; cheap to clone.
#[derive(Clone)]
pub struct S3Store {
    core: Arc<Core>,
    engine: Arc<Engine>,
}

impl S3Store {
    /// Starts the runtime and resolves region, credentials and endpoint by the SDK's standard chain. No request is
    /// made to S3 yet.
    pub fn new(options: StorageOptions) -> std::io::Result<S3Store> {
        let engine = Arc::new(Engine::start()?);
        let core = engine.spawn(Core::load(options)).wait().map_err(std::io::Error::other)?;
        Ok(S3Store { core: Arc::new(core), engine })
    }

    /// Runs a request to its end and waits for it. Callers are plain threads; being one of another runtime's threads
    /// does no harm either.
    fn run<T, F>(&self, at: &Location, task: F) -> Result<T, StorageError>
    where
        F: Future<Output = Result<T, StorageError>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(task).wait().unwrap_or_else(|lost| Err(StorageError::failed(at, lost)))
    }

    fn spawn<T, F>(&self, task: F) -> Pending<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.engine.spawn(task)
    }
}

/// An object's address, taken out of a [`Location`].
#[derive(Clone, Debug)]
struct Address {
    bucket: String,
    key: String,
}

impl Address {
    fn of(at: &Location) -> Result<Address, StorageError> {
        match at {
            Location::S3 { bucket, key } => Ok(Address { bucket: bucket.clone(), key: key.clone() }),
            _ => Err(StorageError::failed(at, "is not an S3 location")),
        }
    }

    fn location(&self) -> Location {
        Location::S3 { bucket: self.bucket.clone(), key: self.key.clone() }
    }
}

/// Entity tags travel in quotes and are kept without.
fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

impl ObjectStore for S3Store {
    fn list(&self, at: &Location, names: Names, visit: &mut dyn FnMut(ObjectMeta) -> bool) -> Result<(), StorageError> {
        list::list(self, &Address::of(at)?, names, visit)
    }

    fn folders(&self, at: &Location) -> Result<Vec<String>, StorageError> {
        list::folders(self, &Address::of(at)?)
    }

    fn head(&self, at: &Location) -> Result<Option<ObjectMeta>, StorageError> {
        let address = Address::of(at)?;
        let core = Arc::clone(&self.core);
        self.run(at, async move {
            match head(&core, &address).await {
                Ok(found) => Ok(Some(found.meta)),
                Err(StorageError::NotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn open(&self, object: &ObjectMeta) -> Result<Box<dyn Read + Send>, StorageError> {
        Ok(Box::new(S3Reader::start(self, object, 0..object.size)?))
    }

    fn open_range(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        Ok(Box::new(S3Reader::start(self, object, range)?))
    }

    fn create(
        &self,
        at: &Location,
        precondition: Precondition,
        expected_size: u64,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        Ok(Box::new(S3Writer::new(self, Address::of(at)?, precondition, expected_size)))
    }

    fn copy(&self, source: &ObjectMeta, target: &Location) -> Result<Option<Written>, StorageError> {
        if source.size > copy::MAX_WHOLE {
            return Ok(None);
        }
        let (core, address) = (Arc::clone(&self.core), Address::of(target)?);
        let (from, source) = (Address::of(&source.location)?, source.clone());
        self.run(target, async move { copy::whole(&core, &from, &source, &address).await.map(Some) })
    }

    fn delete(&self, at: &Location, etag: Option<&str>) -> Result<(), StorageError> {
        let address = Address::of(at)?;
        let core = Arc::clone(&self.core);
        let etag = etag.map(str::to_owned);
        self.run(at, async move { delete(&core, &address, etag).await })
    }
}

/// What a HEAD request says.
struct Found {
    meta: ObjectMeta,
    /// The mark that [`write`] left, to recognise a write whose answer was lost.
    write_id: Option<String>,
}

async fn head(core: &Core, address: &Address) -> Result<Found, StorageError> {
    let answer = core
        .retry(&address.location(), "HEAD", core.short_limit(), || async {
            let request = core.client.head_object().bucket(&address.bucket).key(&address.key);
            request.set_request_payer(core.payer()).send().await.map_err(classify)
        })
        .await?;
    let location = address.location();
    let meta = ObjectMeta {
        relative: location.file_name().to_owned(),
        location,
        size: answer.content_length().unwrap_or(0).max(0) as u64,
        etag: answer.e_tag().map(unquoted),
        modified: answer.last_modified().and_then(|time| time.to_millis().ok()),
    };
    let write_id = answer.metadata().and_then(|metadata| metadata.get(write::WRITE_ID)).cloned();
    Ok(Found { meta, write_id })
}

/// Deletes an object; with `etag` only that version. The tag is compared here first because stores that do not know
/// conditional deletes ignore the header.
async fn delete(core: &Core, address: &Address, etag: Option<String>) -> Result<(), StorageError> {
    let location = address.location();
    if let Some(expected) = &etag {
        match head(core, address).await {
            Ok(found) if found.meta.etag.as_ref() == Some(expected) => {}
            Ok(_) => return Err(StorageError::PreconditionFailed { location }),
            Err(StorageError::NotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    let mut condition = etag.as_deref().map(quoted);
    loop {
        let deleted = core
            .retry(&location, "DELETE", core.short_limit(), || async {
                let request = core.client.delete_object().bucket(&address.bucket).key(&address.key);
                let request = request.set_request_payer(core.payer()).set_if_match(condition.clone());
                request.send().await.map_err(classify)
            })
            .await;
        return match deleted {
            Ok(_) | Err(StorageError::NotFound { .. }) => Ok(()),
            Err(StorageError::Failed { detail, .. }) if condition.is_some() && detail.contains("NotImplemented") => {
                condition = None;
                continue;
            }
            Err(error) => Err(error),
        };
    }
}
