//! Integration tests: one binary, one module per area.

mod conformance;
mod engine;
mod shred;
mod storage;
mod support;
