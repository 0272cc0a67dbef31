//! What tests share.

#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod redshift;
pub mod s3;
pub mod s3_service;
