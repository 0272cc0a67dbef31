//! Shredding: enriched events into rows for tables.
//!
//! [`Shredder`] is the stage: one per worker, a line in, rows by [`TypeId`] out. What rows look like is decided once per
//! model and run by [`Plans`]. [`Completion`] is the note that a loader waits for.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3 (output layout "E"). Where thresh differs: `docs/DIFFERENCES.md`.

mod check;
mod complete;
pub mod dedupe;
mod files;
mod formats;
mod job;
mod members;
mod output;
mod plan;
mod row;
mod shredder;
mod sink;
#[cfg(test)]
pub(crate) mod tests;
pub mod text;
mod types;
mod wave;
mod worker;

pub use check::CheckedEvent;
pub use complete::{COMPLETE_FILE, Completion};
pub use formats::{Formats, Overlap, RowFormat};
pub use job::{Dedupe, JobOptions, ShredJob, Validators};
pub use members::{MemberOrder, Slot};
pub use output::{Rows, ShredCounters, ShredOutput, ShredReport};
pub use plan::{DUPLICATE_NAME, DUPLICATE_VENDOR, Plan, Plans, RowPlan};
pub use shredder::{Identity, ShredConfig, Shredder};
pub use sink::{SinkOptions, TypeBuffers, TypeSink};
pub use types::{TypeId, TypeKey, TypeRegistry};
pub use wave::Wave;
pub use worker::ShredWorker;
