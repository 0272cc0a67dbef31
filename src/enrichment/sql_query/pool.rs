//! A few connections to one database, made when they are wanted and kept while they work.

use std::sync::{Condvar, Mutex, PoisonError};

/// Most connections at a time. Workers that want another one wait.
const MOST: usize = 8;

/// The connections.
pub(super) struct Pool<C> {
    state: Mutex<State<C>>,
    one_is_free: Condvar,
}

struct State<C> {
    idle: Vec<C>,
    /// Connections at work, or being made.
    busy: usize,
}

impl<C> Default for Pool<C> {
    fn default() -> Self {
        Pool { state: Mutex::new(State { idle: Vec::new(), busy: 0 }), one_is_free: Condvar::new() }
    }
}

impl<C> Pool<C> {
    /// Works with a connection: an idle one, or a new one. `work` also tells whether it can be used again.
    pub fn with<T>(
        &self,
        connect: impl FnOnce() -> Result<C, String>,
        work: impl FnOnce(&mut C) -> (Result<T, String>, bool),
    ) -> Result<T, String> {
        let (mut turn, idle) = self.take();
        let mut connection = match idle {
            Some(connection) => connection,
            None => connect()?,
        };
        let (result, is_usable) = work(&mut connection);
        turn.kept = is_usable.then_some(connection);
        result
    }

    fn take(&self) -> (Turn<'_, C>, Option<C>) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.one_is_free.wait_while(state, |state| state.busy >= MOST);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        state.busy += 1;
        let idle = state.idle.pop();
        (Turn { pool: self, kept: None }, idle)
    }
}

/// The right to one connection; given back when dropped, also by a panic.
struct Turn<'p, C> {
    pool: &'p Pool<C>,
    kept: Option<C>,
}

impl<C> Drop for Turn<'_, C> {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.busy -= 1;
        state.idle.extend(self.kept.take());
        drop(state);
        self.pool.one_is_free.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn connections_are_kept_while_they_work() {
        let pool = Pool::default();
        let made = AtomicUsize::new(0);
        let connect = || Ok(made.fetch_add(1, Ordering::SeqCst));
        let used = |is_usable: bool| pool.with(connect, |number| (Ok(*number), is_usable));
        assert_eq!([used(true), used(true), used(false), used(true)], [Ok(0), Ok(0), Ok(0), Ok(1)]);
        let refused = pool.with(connect, |number| (Err::<(), _>(format!("{number} is busy")), true));
        assert_eq!((refused, used(true)), (Err("1 is busy".to_owned()), Ok(1)));
        assert_eq!(pool.with(|| Err::<usize, _>("no server".to_owned()), |_| (Ok(()), true)), Ok(()), "one is idle");
    }

    #[test]
    fn no_more_than_allowed_at_a_time_and_none_is_lost() {
        let pool: Pool<()> = Pool::default();
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for worker in 0..4 * MOST {
                let (pool, running, most) = (&pool, &running, &most);
                scope.spawn(move || {
                    let connect = || if worker % 3 == 0 { Err("refused".to_owned()) } else { Ok(()) };
                    let _ = pool.with(connect, |()| {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        running.fetch_sub(1, Ordering::SeqCst);
                        (Ok(()), worker % 2 == 0)
                    });
                });
            }
        });
        assert!(most.into_inner() <= MOST);
        assert_eq!(pool.state.lock().unwrap().busy, 0);
    }
}
