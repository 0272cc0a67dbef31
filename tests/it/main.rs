//! Integration tests: one binary, one module per area.

mod adapters;
mod conformance;
mod engine;
mod enrich;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod load;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod pipeline;
mod recover;
mod shred;
mod storage;
mod support;
