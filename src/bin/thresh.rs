//! The `thresh` binary.
fn main() {}
