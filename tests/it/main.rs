//! Integration tests: one binary, one module per area.

mod adapters;
mod conformance;
mod engine;
mod recover;
mod storage;
mod support;
