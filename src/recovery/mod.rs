//! Recovery: from bad rows of every generation back to raw events.
//!
//! Sources: snowplow-incubator/snowplow-event-recovery 0.7.2 (flows), 0.1.1 (scenarios); snowplow/snowplow r117
//! `3-enrich/hadoop-event-recovery` (scripts).

mod coerce;
mod condition;
mod config;
mod path;
mod pattern;
mod recoverer;
mod rows;
mod scenario;
mod step;

pub use coerce::{PayloadKind, RecoveredPayload, clean_querystring, coerce, form_encode, thrift_of_base64};
pub use condition::{Condition, Matcher, SizeMatcher};
pub use config::{ConfigError, Flow, RecoveryConfig};
pub use path::{Path, Token, WalkError, decode_base64};
pub use pattern::{Pattern, PatternError};
pub use recoverer::{Fate, LEGACY_ROW_KEY, Recoverer, Recovery};
pub use rows::{BadRow, Row};
pub use scenario::{Editable, Scenario, Target};
pub use step::{CastType, Operation, Step};
