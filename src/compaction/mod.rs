//! Whole files: which of them are meant, which belong together, how they are joined, moved, and deleted.
//!
//! Facts: the design of S3DistCp as Amazon documents it and as EmrEtlRunner 1.0.4 used it (`emr_job.rb`, `s3.rb`);
//! RFC 1952 (gzip members); the file format of lzop 1.04; the S3 user guide (multipart uploads).
//!
//! # From a list to files
//! [`Selection::list`] says what is meant, and gives a reason for each object that is not. [`Planned`] says which
//! output every object goes to, under which name, before anything is read. [`each_split`] works on the outputs side by
//! side: [`Merger`] joins files, [`Mover`] copies them. [`remove_sources`] deletes what is whole elsewhere.

mod error;
mod group;
mod jobs;
mod merge;
mod moving;
mod names;
mod output;
mod plan;
mod remove;
mod select;
mod source;
mod time;

pub use error::CompactionError;
pub use group::{GroupKey, GroupKeyError, Keys, Pattern};
pub use jobs::{Limits, each_split};
pub use merge::{MergeOptions, Merger, Verify};
pub use moving::{Mover, batches};
pub use names::targets;
pub use plan::{PlanOptions, Planned, Unmatched, plan, stored_codecs};
pub use remove::remove_sources;
pub use select::{Selected, Selection};
pub use time::Moment;

/// Name of the output, as manifests have it.
pub const OUTPUT: &str = "files";
