//! Listings, a page at a time, the next page on its way while one is looked at.
//!
//! A key names an object, or else the folder `key/`; the beginning of a name is asked for with a `*`. That way
//! `run=1` never means `run=10` as well.

use std::sync::Arc;

use aws_sdk_s3::types::Object;

use super::client::{Core, Pending};
use super::pattern::KeyPattern;
use super::{Address, S3Store, classify, unquoted};
use crate::storage::{Location, Names, ObjectMeta, StorageError};

/// See [`crate::storage::ObjectStore::list`]. Wildcards count only where data is listed: what thresh itself wrote is
/// named exactly.
pub(super) fn list(
    store: &S3Store,
    address: &Address,
    names: Names,
    visit: &mut dyn FnMut(ObjectMeta) -> bool,
) -> Result<(), StorageError> {
    let key = address.key.as_str();
    let pattern = KeyPattern::parse(key).filter(|_| names != Names::All);
    if let Some(pattern) = pattern {
        let prefix = pattern.literal_prefix();
        let base = prefix.rfind('/').map_or(0, |slash| slash + 1);
        return pages(store, &address.bucket, prefix, &mut |object| {
            let key = object.key().unwrap_or_default();
            let meta = describe(&address.bucket, base, &object);
            let wanted = names.include(&meta.relative, meta.size) || pattern.names_hidden(key);
            !(wanted && pattern.matches(key)) || visit(meta)
        });
    }
    if key.is_empty() || key.ends_with('/') {
        return folder(store, address, key, names, visit);
    }
    let base = key.rfind('/').map_or(0, |slash| slash + 1);
    // In key order the key itself comes first of all that begin with it.
    let (core, prefix) = (Arc::clone(&store.core), address.clone());
    let first = store.run(&address.location(), async move { page(&core, &prefix, None, Some(1)).await })?;
    match first.objects.first() {
        Some(object) if object.key() == Some(key) => {
            visit(describe(&address.bucket, base, object));
            Ok(())
        }
        Some(_) => folder(store, address, &format!("{key}/"), names, visit),
        None => Ok(()),
    }
}

/// The folders directly below a prefix: S3 rolls up what is deeper.
pub(super) fn folders(store: &S3Store, address: &Address) -> Result<Vec<String>, StorageError> {
    let slash = if address.key.is_empty() || address.key.ends_with('/') { "" } else { "/" };
    let prefix = Address { key: format!("{}{slash}", address.key), ..address.clone() };
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let (core, at, start) = (Arc::clone(&store.core), prefix.clone(), token.take());
        let answer = store.run(&address.location(), async move {
            core.retry(&at.location(), "LIST", core.short_limit(), || async {
                let request = core.client.list_objects_v2().bucket(&at.bucket).prefix(&at.key).delimiter("/");
                let request = request.set_continuation_token(start.clone()).set_request_payer(core.payer());
                request.send().await.map_err(classify)
            })
            .await
        })?;
        for folder in answer.common_prefixes() {
            let key = folder.prefix().unwrap_or_default();
            names.push(key[prefix.key.len().min(key.len())..].trim_end_matches('/').to_owned());
        }
        token = answer.next_continuation_token().map(str::to_owned);
        if token.is_none() || answer.is_truncated() != Some(true) {
            return Ok(names);
        }
    }
}

fn folder(
    store: &S3Store,
    address: &Address,
    prefix: &str,
    names: Names,
    visit: &mut dyn FnMut(ObjectMeta) -> bool,
) -> Result<(), StorageError> {
    pages(store, &address.bucket, prefix, &mut |object| {
        let meta = describe(&address.bucket, prefix.len(), &object);
        !names.include(&meta.relative, meta.size) || visit(meta)
    })
}

fn describe(bucket: &str, base: usize, object: &Object) -> ObjectMeta {
    let key = object.key().unwrap_or_default();
    ObjectMeta {
        location: Location::S3 { bucket: bucket.to_owned(), key: key.to_owned() },
        relative: key.get(base..).unwrap_or_default().to_owned(),
        size: object.size().unwrap_or(0).max(0) as u64,
        etag: object.e_tag().map(unquoted),
        modified: object.last_modified().and_then(|time| time.to_millis().ok()),
    }
}

struct Page {
    objects: Vec<Object>,
    next: Option<String>,
}

/// Visits every object whose key begins with `prefix`.
fn pages(
    store: &S3Store,
    bucket: &str,
    prefix: &str,
    visit: &mut dyn FnMut(Object) -> bool,
) -> Result<(), StorageError> {
    let address = Address { bucket: bucket.to_owned(), key: prefix.to_owned() };
    let at = address.location();
    let request = |token: Option<String>| -> Pending<Result<Page, StorageError>> {
        let (core, address) = (Arc::clone(&store.core), address.clone());
        store.spawn(async move { page(&core, &address, token, None).await })
    };
    let mut pending = request(None);
    loop {
        let page = pending.wait().map_err(|lost| StorageError::failed(&at, lost))??;
        let following = page.next.map(|token| request(Some(token)));
        for object in page.objects {
            if !visit(object) {
                return Ok(());
            }
        }
        match following {
            Some(next) => pending = next,
            None => return Ok(()),
        }
    }
}

async fn page(core: &Core, address: &Address, token: Option<String>, most: Option<i32>) -> Result<Page, StorageError> {
    let at = address.location();
    let answer = core
        .retry(&at, "LIST", core.short_limit(), || async {
            let request = core.client.list_objects_v2().bucket(&address.bucket).prefix(&address.key);
            let request = request.set_continuation_token(token.clone()).set_max_keys(most);
            let request = request.set_request_payer(core.payer());
            request.send().await.map_err(classify)
        })
        .await?;
    let next = answer.next_continuation_token().map(str::to_owned);
    if answer.is_truncated() == Some(true) && (next.is_none() || next == token) {
        return Err(StorageError::failed(&at, "the listing says that it goes on but not where"));
    }
    let next = next.filter(|_| answer.is_truncated() == Some(true));
    Ok(Page { objects: answer.contents.unwrap_or_default(), next })
}
