//! What a run says about itself: counters that must balance, progress while it works, a summary at the end.
//!
//! Contract: the rules "Progress", "Logs" and "Summary" of the command line (see `docs/`), and the balance of counters.

mod counters;
pub mod logging;
mod progress;
mod summary;
mod units;

pub use counters::{Counters, Imbalance};
pub use progress::{Meter, Progress, ProgressMode};
pub use summary::Summary;
pub use units::{bytes_text, count_text, parse_bytes};
