//! What tests share.

pub mod files;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod redshift;
pub mod s3;
pub mod s3_service;
