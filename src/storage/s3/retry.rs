//! Retries: exponential back-off with full jitter.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::client::Core;
use super::failure::Failure;
use crate::storage::{Location, StorageError, StorageOptions};

/// Slowest upload that is still waited for, in bytes a second.
const SLOWEST_UPLOAD: u64 = 64 << 10;

impl Core {
    /// How long a request without a body may take.
    pub(super) fn short_limit(&self) -> Duration {
        self.options.s3_read_timeout
    }

    /// How long a request with a body of this size may take.
    pub(super) fn upload_limit(&self, size: usize) -> Duration {
        self.options.s3_read_timeout + Duration::from_secs(size as u64 / SLOWEST_UPLOAD)
    }

    /// Repeats `call` until it succeeds, fails for good, or the attempts are used up.
    pub(super) async fn retry<T, C, F>(
        &self,
        at: &Location,
        what: &str,
        limit: Duration,
        call: C,
    ) -> Result<T, StorageError>
    where
        C: Fn() -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let mut backoff = Backoff::new(&self.options);
        loop {
            let outcome = tokio::time::timeout(limit, call()).await;
            match outcome.unwrap_or_else(|_| Err(Failure::timed_out(limit))) {
                Ok(answer) => return Ok(answer),
                Err(failure) => backoff.pause(failure, at, what).await?,
            }
        }
    }
}

/// The pauses of one request.
pub(super) struct Backoff {
    failures: u32,
    attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    pub(super) fn new(options: &StorageOptions) -> Backoff {
        let attempts = options.s3_max_attempts.max(1);
        Backoff { failures: 0, attempts, first: options.s3_backoff, longest: options.s3_backoff_max }
    }

    /// Starts over: something was achieved.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Waits if the failure may pass and attempts are left; otherwise it becomes the error.
    pub(super) async fn pause(&mut self, failure: Failure, at: &Location, what: &str) -> Result<(), StorageError> {
        let Failure::Transient(detail) = failure else { return Err(failure.at(at)) };
        self.failures += 1;
        if self.failures >= self.attempts {
            let detail = format!("{what} failed {} times, the last time with: {detail}", self.failures);
            return Err(Failure::Transient(detail).at(at));
        }
        let pause = self.jittered(RandomState::new().hash_one(0));
        tracing::debug!(%at, what, detail, failures = self.failures, ?pause, "request failed, trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Anything up to the current ceiling: clients that failed together must not return together.
    fn jittered(&self, random: u64) -> Duration {
        let doubled = self.first.saturating_mul(1_u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX));
        doubled.min(self.longest).mul_f64(random as f64 / u64::MAX as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_ceiling_and_are_spread() {
        let options = StorageOptions {
            s3_backoff: Duration::from_millis(100),
            s3_backoff_max: Duration::from_secs(1),
            ..StorageOptions::default()
        };
        let mut backoff = Backoff::new(&options);
        let mut ceilings = Vec::new();
        for failures in [1, 2, 3, 4, 5, 40] {
            backoff.failures = failures;
            ceilings.push(backoff.jittered(u64::MAX).as_millis());
            assert_eq!(backoff.jittered(0), Duration::ZERO);
        }
        assert_eq!(ceilings, [100, 200, 400, 800, 1000, 1000]);
    }
}
