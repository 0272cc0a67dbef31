//! One JSON a line, left to an adapter.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders/NdjsonLoader.scala`.

use bumpalo::Bump;

use super::{Loaded, fallback, line_payload};
use crate::json;

/// Loads one line for the adapter of path `api`.
pub(super) fn load<'a>(api: &str, line: &'a str, arena: &'a Bump) -> Loaded<'a> {
    // Only a caller that brings lines of its own can bring more than one at a time.
    let lines = || line.split('\n').map(|part| part.strip_suffix('\r').unwrap_or(part));
    let last = lines().enumerate().filter(|(_, part)| !part.is_empty()).last();
    match last {
        None => Loaded::Ignored,
        Some((0, _)) => match json::parse(line, arena) {
            Ok(_) => line_payload("ndjson", api, line, arena),
            Err(error) => Loaded::Bad(vec![fallback(format!("invalid json: {error}"))]),
        },
        Some((index, _)) => Loaded::Bad(vec![fallback(format!("expected a single line, found {}", index + 1))]),
    }
}
