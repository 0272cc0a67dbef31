//! What `compact`, `stage` and `archive` have in common: they take whole files as they are, and may delete them after
//! what they wrote is durable.
//!
//! Such a command
//! 1. flattens [`TransferArgs`] (and [`SelectArgs`]) into its own arguments;
//! 2. describes the run as a [`TransferRun`];
//! 3. takes the files from [`TransferRun::recorded`], or else lists them and makes a plan;
//! 4. has [`TransferRun::execute`] claim the folder, do the work, delete the sources and end the run;
//! 5. ends with [`print_outcome`].

mod args;
mod places;
mod report;
mod run;

pub use args::{SelectArgs, TransferArgs};
pub use places::{Places, nothing_to_do};
pub use report::{print_outcome, print_plan, skipped_text};
pub use run::{Outcome, TransferRun, Working};
