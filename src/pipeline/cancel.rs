//! The wish to stop, seen by all threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Says that work is to stop: the user interrupted, or something failed. Clones share the wish.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
}

impl Cancel {
    /// Asks everyone to stop.
    pub fn set(&self) {
        self.flag.store(true, Ordering::SeqCst);
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }
}
