//! What `compact`, `stage` and `archive` have in common: they take whole files as they are, and may delete them after
//! what they wrote is durable.

mod args;

pub use args::{SelectArgs, TransferArgs};
