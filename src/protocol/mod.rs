//! The tracker protocol: from parameters to columns.

pub mod convert;
pub mod decimal;
pub mod ip;
pub mod uri;
