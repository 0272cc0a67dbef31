//! Calls on objects, and functions of the configurable parts.

use serde_json::Value;

use super::Answer;

/// Answers a call on an object.
pub fn answer(_input: &Value, _object: &Value) -> Answer {
    Answer::Unmapped("a call on an object of the reference")
}

/// Answers a function that [`super::calls`] does not know.
pub fn function(_name: &str, _arguments: &[Value]) -> Answer {
    Answer::Unmapped("no counterpart")
}
