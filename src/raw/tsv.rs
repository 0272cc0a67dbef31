//! Lines of anything, left to an adapter.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../loaders/TsvLoader.scala`.

use bumpalo::Bump;

use super::{Loaded, line_payload};

/// Loads one line for the adapter of path `api`.
pub(super) fn load<'a>(api: &str, line: &'a str, arena: &'a Bump) -> Loaded<'a> {
    if line.starts_with("#Version:") || line.starts_with("#Fields:") {
        return Loaded::Ignored;
    }
    line_payload("tsv", api, line, arena)
}
