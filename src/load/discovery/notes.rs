//! What those who wrote a run noted in its folder.

use crate::load::LoadError;
use crate::load::message::ShreddingComplete;
use crate::run::Manifest;
use crate::storage::{ObjectMeta, Storage};

pub(super) fn read_message(
    storage: &Storage,
    object: Option<&ObjectMeta>,
) -> Result<Option<ShreddingComplete>, LoadError> {
    let Some(object) = object else { return Ok(None) };
    let text = storage.read_all(&object.location)?;
    let parsed = ShreddingComplete::parse(&text);
    parsed.map(Some).map_err(|problem| LoadError::Discovery(format!("{}: {problem}", object.location)))
}

pub(super) fn read_manifest(storage: &Storage, object: Option<&ObjectMeta>) -> Result<Option<Manifest>, LoadError> {
    let Some(object) = object else { return Ok(None) };
    let text = storage.read_all(&object.location)?;
    let parsed = serde_json::from_slice(&text);
    parsed.map(Some).map_err(|error| LoadError::Discovery(format!("{}: {error}", object.location)))
}
