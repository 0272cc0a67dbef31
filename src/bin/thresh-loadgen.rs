//! The `thresh-loadgen` binary.
fn main() {}
