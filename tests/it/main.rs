//! Integration tests: one binary, one module per area.

mod engine;
mod storage;
mod support;
