//! [`StorageStore`]: all storage as one [`ObjectStore`], for those who take a trait object.

use std::io::Read;
use std::ops::Range;

use crate::storage::{
    Location, Names, ObjectMeta, ObjectStore, ObjectWriter, Precondition, Storage, StorageError, Written,
};

/// Sends each call to the store of its location.
pub struct StorageStore(pub Storage);

impl ObjectStore for StorageStore {
    fn list(&self, at: &Location, names: Names, visit: &mut dyn FnMut(ObjectMeta) -> bool) -> Result<(), StorageError> {
        self.0.visit(at, names, visit)
    }

    fn folders(&self, at: &Location) -> Result<Vec<String>, StorageError> {
        self.0.folders(at)
    }

    fn head(&self, at: &Location) -> Result<Option<ObjectMeta>, StorageError> {
        self.0.head(at)
    }

    fn open(&self, object: &ObjectMeta) -> Result<Box<dyn Read + Send>, StorageError> {
        self.0.open(object)
    }

    fn open_range(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        self.0.open_range(object, range)
    }

    fn create(
        &self,
        at: &Location,
        precondition: Precondition,
        expected_size: u64,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        self.0.create(at, precondition, expected_size)
    }

    fn copy(&self, source: &ObjectMeta, target: &Location) -> Result<Option<Written>, StorageError> {
        self.0.copy(source, target).map(Some)
    }

    fn delete_listed(&self, object: &ObjectMeta) -> Result<(), StorageError> {
        self.0.delete_listed(object)
    }

    fn delete(&self, at: &Location, etag: Option<&str>) -> Result<(), StorageError> {
        self.0.delete(at, etag)
    }
}
