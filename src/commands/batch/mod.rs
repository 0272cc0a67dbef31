//! What all batch commands have in common: options, inputs, run folders, the engine, the summary.
//!
//! A batch command
//! 1. flattens [`BatchArgs`] and [`crate::commands::StorageArgs`] into its own arguments;
//! 2. resolves and checks its configuration, and describes the run as a [`BatchPlan`];
//! 3. calls [`BatchPlan::open`], which lists the inputs and claims the run folders (and does `--dry-run`);
//! 4. makes its stage and its sink, for which [`Batch::started`] and [`Batch::part_sink`] help;
//! 5. ends with [`Batch::execute`].

mod args;
mod plan;
mod report;
mod work;

pub(in crate::commands) use plan::absolute;
pub(in crate::commands) use report::print;

pub use args::{BatchArgs, CompressionArg, GzipMembersArg, SummaryArg};
pub use plan::{BatchPlan, Opened};
pub use work::Batch;
