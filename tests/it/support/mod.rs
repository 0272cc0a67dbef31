//! What tests share.

pub mod files;
#[path = "../../../src/http/stub.rs"]
pub mod http_stub;
#[cfg(feature = "mysql")]
pub mod mariadb;
#[path = "../../../src/enrichment/ip_lookups/writer.rs"]
pub mod mmdb;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "postgres")]
pub mod redshift;
pub mod s3;
pub mod s3_service;
mod server;
