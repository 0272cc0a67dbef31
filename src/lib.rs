//! thresh: the Snowplow batch pipeline on one machine.
//!
//! # Map
//! Bytes ([`storage`]) and vocabulary ([`json`], [`event`], [`badrow`], [`iglu`]) at the bottom know no stage. Stages
//! ([`raw`], [`adapter`], [`protocol`], [`enrichment`], …) know the vocabulary but neither bytes nor
//! threads. The pipeline knows bytes and threads but no stage. Only the commands see both.
//!
//! # Memory
//! Everything that belongs to one record borrows from the chunk of input it came from, or from an arena
//! ([`bumpalo::Bump`]) that is reset after each record. That is what the lifetime `'a` means throughout.
#![deny(missing_docs)]

pub mod adapter;
pub mod badrow;
pub mod cli;
pub mod commands;
pub mod compaction;
pub mod ddl;
pub mod enrich;
pub mod enrichment;
pub mod event;
pub mod http;
pub mod iglu;
pub mod json;
pub mod load;
pub mod loadgen;
pub mod orchestrate;
pub mod payload;
pub mod pipeline;
pub mod protocol;
pub mod raw;
pub mod recovery;
pub mod report;
pub mod run;
pub(crate) mod scan;
#[cfg(feature = "js")]
pub mod script;
pub mod sdk;
pub mod shred;
pub mod storage;
