//! The tracker protocol: from parameters to columns.

pub mod uri;
