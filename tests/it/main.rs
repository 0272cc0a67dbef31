//! Integration tests: one binary, one module per area.

mod conformance;
mod storage;
mod support;
