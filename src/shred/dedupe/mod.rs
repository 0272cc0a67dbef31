//! Duplicates: within a batch, and of earlier batches.
//!
//! 1. [`BatchScan`] reads the batch once and finds the ids that may occur more than once.
//! 2. The run shreds every other event at once. Events with such an id are validated and set aside; at the end of the
//!    run [`Resolution`] decides about them, an id at a time: of copies (same id, same fingerprint) one stays; different
//!    events with one id all get new ids.
//! 3. A [`SeenStore`] knows the events of earlier batches.
//!
//! Rules: snowplow/snowplow-rdb-loader 1.2.3, `modules/shredder/.../batch/{Deduplication,ShredJob}.scala` and
//! `modules/common/.../DuplicateStorage.scala`.

#[cfg(feature = "dynamodb")]
mod dynamodb;
mod filter;
mod key;
mod manifest;
mod resolve;
mod scan;
mod seen;
mod table;

#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoTable;
pub use key::{MissingFingerprint, fingerprint, pair_hash};
pub use manifest::{HASH_BYTES, SeenManifest};
pub use resolve::{Fate, Resolution, ResolvedLines};
pub use scan::{BatchScan, ScanOptions};
pub use seen::{Claim, Pair, SeenStore, StoreError};
pub use table::{ManifestTable, Put, Row, TableConfig, TableStore};
