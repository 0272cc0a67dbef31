//! What became of the questions to the registries, and when to ask again.
//!
//! Facts: snowplow/iglu-scala-client 1.5.0, `LookupHistory.scala` and `Resolver.scala` (`backoff`).

use std::time::Duration;

use crate::iglu::{LookupHistory, RegistryError};

/// Distinct errors kept per registry.
const MOST_ERRORS: usize = 32;

/// How long a registry rests after that many attempts.
pub(super) fn back_off(attempts: u32) -> Duration {
    let power = |base: u64| base.saturating_pow(attempts);
    Duration::from_millis(match attempts {
        0..=8 => 500 + power(4),
        9..=12 => 500 + power(3),
        13..=20 => 5_500 + power(2),
        _ => 1_200_000 + 100 * u64::from(attempts),
    })
}

/// The questions to one registry about one schema.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    errors: Vec<RegistryError>,
    pub(super) attempts: u32,
    last_attempt: i64,
}

impl History {
    /// Notes a failure after some attempts.
    pub(super) fn add(&mut self, error: RegistryError, attempts: u32) {
        if !self.errors.contains(&error) && self.errors.len() < MOST_ERRORS {
            self.errors.push(error);
        }
        self.attempts += attempts;
        self.last_attempt = now_millis();
    }

    /// Whether the last word may have been about the registry, not about the schema.
    pub(super) fn is_transient(&self) -> bool {
        self.errors.iter().any(|error| matches!(error, RegistryError::RepoFailure(_)))
    }

    pub(super) fn to_public(&self, repository: &str) -> LookupHistory {
        LookupHistory {
            repository: repository.to_owned(),
            errors: self.errors.clone(),
            attempts: self.attempts.max(1),
            last_attempt: self.last_attempt,
        }
    }
}

fn now_millis() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since_epoch.map_or(0, |elapsed| i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_is_the_reference_s() {
        for (attempts, millis) in [(1, 504), (8, 66_036), (10, 59_549), (13, 13_692), (21, 1_202_100)] {
            assert_eq!(back_off(attempts), Duration::from_millis(millis), "{attempts}");
        }
    }

    #[test]
    fn errors_are_kept_once_and_counted() {
        let mut history = History::default();
        history.add(RegistryError::NotFound, 1);
        history.add(RegistryError::NotFound, 2);
        assert_eq!((history.errors.len(), history.attempts, history.is_transient()), (1, 3, false));
        for number in 0..100 {
            history.add(RegistryError::RepoFailure(number.to_string()), 1);
        }
        assert_eq!((history.errors.len(), history.is_transient()), (MOST_ERRORS, true));
    }
}
