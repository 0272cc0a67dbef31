//! Loading: complete runs of shredded data into Redshift, PostgreSQL or SQLite, each run exactly once.
//!
//! * [`config`] reads the storage targets there are, files and URLs; [`target::open`] connects.
//! * [`discovery`] finds complete runs below locations, in every layout since 2017, with every file they consist of.
//! * [`plan`] compares the tables a run needs with those the target has, and says what must be done.
//! * [`loader`] does it: one transaction a run, which also holds the row of the manifest table that says it is loaded.
//!
//! Facts: snowplow/snowplow-rdb-loader R28 to 1.2.3 (`modules/loader`, before that the root project), snowplow/snowplow
//! r117 (`4-storage`), snowplow/iglu-central (`schemas/com.snowplowanalytics.snowplow.storage`).

pub mod config;
pub mod discovery;
mod error;
pub mod jsonpaths;
pub mod loader;
pub mod manifest;
pub mod message;
pub mod notify;
pub mod plan;
pub mod report;
pub mod rows;
pub mod secret;
mod sql;
pub mod target;
#[cfg(any(feature = "postgres", test))]
pub mod tunnel;

pub use config::{Kind, SslMode, TargetConfig};
pub use discovery::{Discovered, DiscoveryOptions, Layout, ShreddedRun, discover};
pub use error::{BadField, LoadError};
pub use loader::{LoadOptions, Steps, load};
pub use report::{LoadReport, RunOutcome, RunReport, TableReport};
pub use target::{Target, open};
