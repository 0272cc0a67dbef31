//! Events of earlier batches: what a store of them must be able to do.

use std::borrow::Cow;

/// An event, as stores know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The id in lower case.
    pub event_id: Cow<'a, str>,
    /// The fingerprint.
    pub fingerprint: Cow<'a, str>,
    /// [`super::pair_hash`] of both.
    pub hash: u128,
}

/// What a store says of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// No earlier batch had it. From now on this batch has.
    New,
    /// An earlier batch had it.
    Seen,
    /// The store cannot tell, for a reason that concerns this event alone.
    Failed(String),
}

/// The store cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What happened and what to do about it.
    pub message: String,
}

/// Remembers the events of batches. What the same batch had before does not count, so that a batch can be repeated.
pub trait SeenStore: Send + Sync {
    /// Claims events for this batch: one answer an event, in order.
    fn claim(&self, pairs: &[Pair<'_>]) -> Result<Vec<Claim>, StoreError>;

    /// Whether the store wants the hashes of new events at the end of the run, because claims alone leave no trace.
    fn wants_hashes(&self) -> bool {
        false
    }
}
