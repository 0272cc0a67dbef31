//! Recovery: from bad rows of every generation back to raw events.
//!
//! Sources: snowplow-incubator/snowplow-event-recovery 0.7.2 (flows), 0.1.1 (scenarios); snowplow/snowplow r117
//! `3-enrich/hadoop-event-recovery` (scripts).

mod coerce;
mod condition;
mod config;
mod draft;
mod encoded;
mod encoder;
mod export;
mod field;
mod known;
mod lift;
mod outcome;
mod path;
mod pattern;
mod query;
mod recovered;
mod recoverer;
mod request;
mod rows;
mod scenario;
#[cfg(feature = "js")]
mod script;
mod shape;
mod splice;
mod step;
mod suggest;

pub use coerce::{PayloadKind, coerce, parse_instant, thrift_of_base64};
pub use condition::{Condition, Matcher, SizeMatcher};
pub use config::{ConfigError, Flow, RecoveryConfig};
pub use known::{KnownEvents, Left, SeenRecords};
pub use outcome::{Discard, Extras, Fate, Recovery, Window, failure_time};
pub use path::{Path, Token, WalkError, decode_base64};
pub use pattern::{Pattern, PatternError};
pub use query::{clean_querystring, form_encode};
pub use recovered::RecoveredPayload;
pub use recoverer::{LEGACY_ROW_KEY, Recoverer};
pub use rows::{BadRow, Row};
pub use scenario::{Editable, Scenario, Target};
#[cfg(feature = "js")]
pub use script::{InputKind, Script, ScriptRecoverer, UnusableScript};
pub use step::{CastType, Operation, Step};
pub use suggest::{Group, Suggestions};
