//! The commands: arguments → plan → stage on the engine → outcome. The only place that sees both stages and threads.

mod access;
pub mod archive;
pub mod batch;
pub mod compact;
pub mod completions;
pub mod configured;
pub mod ddl;
pub mod enrich;
mod error;
mod exit;
pub mod inspect;
pub mod lint;
pub mod load;
pub mod man;
pub mod plan;
pub mod reconcile;
pub mod recover;
pub mod schemas;
pub mod shred;
mod signals;
pub mod stage;
pub mod state;
pub mod status;
mod storage_args;
mod storage_store;
pub mod to_json;
pub mod transfer;

pub use error::CliError;
pub use exit::Exit;
pub use signals::cancel_on_signal;
pub use storage_args::StorageArgs;
pub use storage_store::StorageStore;
