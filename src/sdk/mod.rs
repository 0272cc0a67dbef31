//! Enriched events as the documents of the Analytics SDK: one JSON object a line, for `jq`, search indexes, notebooks.

mod name;
mod records;
mod to_json;

pub use name::entity_key;
pub use records::next_record;
pub use to_json::{Document, ToJson};
