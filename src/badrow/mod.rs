//! Bad rows: what happened to a record that could not become an event.
//!
//! [`BadRowWriter`] writes every kind of row that thresh produces, in the self-describing form or in the legacy one.
//! Shapes: snowplow/snowplow-badrows 2.2.1 `modules/core/.../badrows/{BadRow,Failure,Payload,FailureDetails}.scala`;
//! legacy: snowplow/snowplow r117, `3-enrich/scala-common-enrich/.../outputs/BadRow.scala`.

pub mod legacy;
mod loader;
mod message;
mod payload;
#[cfg(test)]
mod tests;
mod write;

pub use loader::{LoaderIgluFailure, ParsingFailure, RowDecodingFailure};
pub use message::{EnrichmentFailure, EnrichmentInfo, LoaderMessage, Message};
pub use payload::{write_collector_payload, write_loader_event, write_partial_event, write_raw_event};
pub use write::{BadRowConfig, BadRowFormat, BadRowWriter, Processor, RecordSource};
