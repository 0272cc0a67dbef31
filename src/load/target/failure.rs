//! Failures on request: what a load does when a statement fails can only be tested if every one can.

/// Which statement fails.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailAt {
    /// The next one that contains this.
    Containing(String),
    /// After so many others.
    Number(usize),
}

/// The failure that was asked for, if any.
#[derive(Debug, Default)]
pub(super) struct AskedFailure {
    at: Option<FailAt>,
}

impl AskedFailure {
    pub(super) fn ask(&mut self, at: FailAt) {
        self.at = Some(at);
    }

    /// Whether this statement has to fail; it happens once.
    pub(super) fn meets(&mut self, statement: &str) -> Option<String> {
        let is_met = match self.at.as_mut()? {
            FailAt::Containing(part) => statement.contains(part.as_str()),
            FailAt::Number(0) => true,
            FailAt::Number(left) => {
                *left -= 1;
                false
            }
        };
        if !is_met {
            return None;
        }
        self.at = None;
        Some("failure asked for by a test".to_owned())
    }

    pub(super) fn is_pending(&self) -> bool {
        self.at.is_some()
    }
}
