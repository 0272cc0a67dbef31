//! The validator of one thread: a look-up of a schema seen before takes no lock.

use std::sync::Arc;
use std::time::Instant;

use super::{Missing, Resolved, Resolver};
use crate::iglu::{Checked, ClientError, Report, SelfDescribing, Validator};

/// Missing schemas kept before they are forgotten.
const MOST_FAILURES: usize = 10_000;

/// A validator that remembers what it has looked up, by the text of the schema URI.
pub struct Client {
    resolver: Arc<Resolver>,
    found: hashbrown::HashMap<Box<str>, Arc<Resolved>, foldhash::fast::RandomState>,
    missing: hashbrown::HashMap<Box<str>, Known, foldhash::fast::RandomState>,
}

struct Known {
    error: Box<ClientError>,
    retry_at: Option<Instant>,
}

impl Client {
    pub(super) fn new(resolver: Arc<Resolver>) -> Client {
        Client { resolver, found: Default::default(), missing: Default::default() }
    }

    /// The resolver behind this validator.
    pub fn resolver(&self) -> &Arc<Resolver> {
        &self.resolver
    }

    #[cold]
    fn look_up(&mut self, item: &SelfDescribing<'_>) -> Result<Arc<Resolved>, Box<ClientError>> {
        if let Some(known) = self.missing.get(item.uri)
            && known.retry_at.is_none_or(|at| Instant::now() < at)
        {
            return Err(known.error.clone());
        }
        match self.resolver.resolve(&item.key) {
            Ok(resolved) => {
                self.missing.remove(item.uri);
                self.found.insert(item.uri.into(), Arc::clone(&resolved));
                Ok(resolved)
            }
            Err(Missing { error, retry_at }) => {
                if self.missing.len() >= MOST_FAILURES {
                    self.missing.clear();
                }
                let error = Box::new(error);
                self.missing.insert(item.uri.into(), Known { error: error.clone(), retry_at });
                Err(error)
            }
        }
    }
}

impl Validator for Client {
    fn check(&mut self, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        if let Some(resolved) = self.found.get(item.uri) {
            return check(resolved, item);
        }
        let resolved = self.look_up(item)?;
        check(&resolved, item)
    }
}

fn check(resolved: &Resolved, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
    let superseded_by = resolved.superseded_by;
    let schema = match &resolved.compiled {
        Ok(schema) => schema,
        Err(issues) => return Err(Box::new(ClientError::Schema { superseded_by, issues: issues.clone() })),
    };
    if schema.is_valid(item.data) {
        return Ok(Checked { superseded_by });
    }
    let mut reports = schema.reports(item.data);
    debug_assert!(!reports.is_empty(), "verdict and reports disagree on {:?}", item.data);
    if reports.is_empty() {
        // Never lose a failure, should the two ever disagree.
        let message = format!("$: does not fit {}", item.uri);
        reports.push(Report { message, path: Some("$".to_owned()), keyword: None, targets: Vec::new() });
    }
    Err(Box::new(ClientError::Data { superseded_by, reports }))
}
