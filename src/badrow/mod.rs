//! Bad rows: what happened to a record that could not become an event.

mod message;

pub use message::{EnrichmentFailure, EnrichmentInfo, LoaderMessage, Message};
