//! Whole files: which belong together, how they are joined, copied, and deleted.
//!
//! Facts: the design of S3DistCp as Amazon documents it and as EmrEtlRunner 1.0.4 used it (`emr_job.rb`, `s3.rb`);
//! RFC 1952 (gzip members); the file format of lzop 1.04; the S3 user guide (multipart uploads).

mod group;
mod time;

pub use group::{GroupKey, GroupKeyError, Keys, Pattern};
pub use time::Moment;
