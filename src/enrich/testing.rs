//! Stand-ins for the tests of this stage.

use std::collections::HashMap;

use crate::enrichment::{Enrichment, Step, StepContext};
use crate::iglu::{Checked, ClientError, Report, SchemaVer, SelfDescribing, Validator};

/// A validator that answers by schema URI and accepts what it has no answer for.
#[derive(Default)]
pub(super) struct Script {
    invalid: Vec<String>,
    superseded: HashMap<String, SchemaVer>,
    /// The URIs asked for.
    pub asked: Vec<String>,
}

impl Script {
    pub(super) fn refusing(uris: &[&str]) -> Script {
        Script { invalid: uris.iter().map(|uri| (*uri).to_owned()).collect(), ..Script::default() }
    }

    pub(super) fn superseding(pairs: &[(&str, SchemaVer)]) -> Script {
        let superseded = pairs.iter().map(|(uri, version)| ((*uri).to_owned(), *version)).collect();
        Script { superseded, ..Script::default() }
    }
}

impl Validator for Script {
    fn check(&mut self, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        self.asked.push(item.uri.to_owned());
        if self.invalid.iter().any(|uri| uri == item.uri) {
            let report = Report {
                message: "$.id: is missing but it is required".into(),
                path: Some("$".into()),
                keyword: Some("required".into()),
                targets: vec!["id".into()],
            };
            return Err(Box::new(ClientError::Data { superseded_by: None, reports: vec![report] }));
        }
        Ok(Checked { superseded_by: self.superseded.get(item.uri).copied() })
    }
}

/// An enrichment made of a function.
pub(super) struct Fake<F>(pub Step, pub F);

impl<F: for<'a> FnMut(&mut StepContext<'a, '_>) + Send> Enrichment for Fake<F> {
    fn step(&self) -> Step {
        self.0
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        (self.1)(cx);
    }
}

/// Boxes a function as an enrichment.
pub(super) fn fake(
    step: Step,
    run: impl for<'a> FnMut(&mut StepContext<'a, '_>) + Send + 'static,
) -> Box<dyn Enrichment> {
    Box::new(Fake(step, run))
}
