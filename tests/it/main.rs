//! Integration tests: one binary, one module per area.

mod adapters;
mod conformance;
mod engine;
mod enrich;
mod enrichments;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod load;
mod recover;
mod shred;
mod storage;
mod support;
