//! Storage against S3 servers in this process.

mod copying;
mod faults;
mod listing;
mod reading;
mod writing;

use std::io::Read;

use thresh::storage::{Location, ObjectMeta, Storage, StorageError};

/// Bytes that differ everywhere, so that a misplaced range cannot go unnoticed.
fn noise(size: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

fn read(storage: &Storage, object: &ObjectMeta) -> Result<Vec<u8>, StorageError> {
    let mut bytes = Vec::new();
    let outcome = storage.open(object)?.read_to_end(&mut bytes);
    outcome.map(|_| bytes).map_err(|error| StorageError::from_io(&object.location, error))
}

fn keys(objects: &[ObjectMeta]) -> Vec<&str> {
    objects
        .iter()
        .map(|object| match &object.location {
            Location::S3 { key, .. } => key.as_str(),
            other => panic!("{other} is not on S3"),
        })
        .collect()
}
