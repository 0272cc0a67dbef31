//! Scripts: recovery by a JavaScript function `process(event, errors)`.
//!
//! Facts: snowplow/snowplow r117, `3-enrich/hadoop-event-recovery` (`JsProcessor`, its helpers and its tests). What only
//! Rhino did (casts of results, margins cut off the source) is not reproduced; a malformed row does not end the run.

mod base64;
mod engine;
mod query;
mod rows;

pub use engine::{Script, UnusableScript};
pub use rows::{InputKind, ScriptRecoverer};
