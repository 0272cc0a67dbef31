//! The tracker protocol: from parameters to columns.

pub mod convert;
pub mod crossdomain;
pub mod decimal;
pub mod derived;
pub mod ip;
pub mod lengths;
pub mod parameters;
pub mod schema_fields;
pub mod uri;
