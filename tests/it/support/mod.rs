//! What tests share.

#[path = "../../../src/http/stub.rs"]
pub mod http_stub;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod redshift;
pub mod s3;
pub mod s3_service;
