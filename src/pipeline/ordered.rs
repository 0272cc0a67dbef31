//! [`Ordered`]: puts results that are finished in any order back into their order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::cancel::Cancel;

/// A reorder window. Whoever brings the item that is next appends it and all that waited for it; who is too far ahead
/// waits.
pub struct Ordered<T> {
    state: Mutex<State<T>>,
    moved: Condvar,
    window: u64,
}

struct State<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
}

impl<T> Ordered<T> {
    /// At most `window` items are held back.
    pub fn new(window: u64) -> Ordered<T> {
        Ordered {
            state: Mutex::new(State { next: 0, waiting: BTreeMap::new() }),
            moved: Condvar::new(),
            window: window.max(1),
        }
    }

    /// Brings item number `seq`. `append` is called with items in their order, by one thread at a time. Once `cancel`
    /// is set an item that would have to wait is dropped.
    pub fn submit<E>(
        &self,
        seq: u64,
        item: T,
        cancel: &Cancel,
        mut append: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut state = self.lock();
        while seq >= state.next.saturating_add(self.window) {
            if cancel.is_set() {
                return Ok(());
            }
            let waited = self.moved.wait_timeout(state, Duration::from_millis(50));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.waiting.insert(seq, item);
        loop {
            let next = state.next;
            let Some(ready) = state.waiting.remove(&next) else { break };
            append(ready)?;
            state.next += 1;
        }
        self.moved.notify_all();
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn many_threads_one_order() {
        let (ordered, next, cancel) = (Ordered::new(3), AtomicU64::new(0), Cancel::default());
        let seen = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let seq = next.fetch_add(1, Ordering::Relaxed);
                        if seq >= 500 {
                            return;
                        }
                        if seq.is_multiple_of(7) {
                            std::thread::yield_now();
                        }
                        let result: Result<(), ()> = ordered.submit(seq, seq, &cancel, |item| {
                            seen.lock().unwrap().push(item);
                            Ok(())
                        });
                        result.unwrap();
                    }
                });
            }
        });
        assert_eq!(seen.into_inner().unwrap(), (0..500).collect::<Vec<u64>>());
    }

    #[test]
    fn gives_up_when_cancelled() {
        let (ordered, cancel) = (Ordered::new(1), Cancel::default());
        cancel.set();
        let mut appended = 0;
        let append = |_: ()| -> Result<(), ()> {
            appended += 1;
            Ok(())
        };
        ordered.submit(5, (), &cancel, append).unwrap();
        assert_eq!(appended, 0);
    }
}
