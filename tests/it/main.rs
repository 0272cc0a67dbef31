//! Integration tests: one binary, one module per area.

mod adapters;
mod compact;
mod conformance;
mod engine;
mod enrich;
mod enrichments;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod load;
#[cfg(all(feature = "postgres", feature = "sqlite"))]
mod pipeline;
mod recover;
mod shred;
mod stage;
mod storage;
mod support;
