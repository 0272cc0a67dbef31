//! Where files come from and go to, checked before anything is read.

use std::path::{Path, PathBuf};

use super::report::skipped_text;
use crate::commands::batch::absolute;
use crate::commands::{CliError, Exit};
use crate::compaction::Selected;
use crate::storage::Location;

/// Inputs and output, independent of the current folder.
pub struct Places {
    /// Where files come from.
    pub inputs: Vec<Location>,
    /// Where the run folder goes.
    pub output: Location,
}

impl Places {
    /// Refuses streams, and an output inside an input: what is written would be found as input the next time.
    pub fn check(inputs: &[Location], output: &Location) -> Result<Places, CliError> {
        let inputs = inputs.iter().map(absolute).collect::<Result<Vec<_>, _>>()?;
        let output = absolute(output)?;
        if output == Location::Stdio || inputs.contains(&Location::Stdio) {
            return Err(CliError::usage("files have names: `-` is neither an input nor an output here"));
        }
        if let Some(input) = inputs.iter().find(|input| is_inside(&output, input)) {
            return Err(CliError::usage(format!("the output {output} is inside the input {input}"))
                .hint("an output of its own, so that what is written is not found as input the next time"));
        }
        Ok(Places { inputs, output })
    }

    /// The inputs, as the configuration of a run has them.
    pub fn inputs_text(&self) -> String {
        self.inputs.iter().map(Location::to_string).collect::<Vec<_>>().join(" ")
    }
}

fn is_inside(inner: &Location, outer: &Location) -> bool {
    match (inner, outer) {
        (Location::Local(inner), Location::Local(outer)) => resolved(inner).starts_with(resolved(outer)),
        (Location::S3 { bucket: inner_bucket, key: inner }, Location::S3 { bucket, key: outer }) => {
            let outer = outer.trim_end_matches('/');
            let below = inner.trim_end_matches('/').strip_prefix(outer);
            inner_bucket == bucket
                && (outer.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
        }
        _ => false,
    }
}

/// A path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(path), _, _) => path,
        (Err(_), Some(parent), Some(name)) => resolved(parent).join(name),
        (Err(_), _, _) => path.to_owned(),
    }
}

/// Exit code 3, with what was found instead.
pub fn nothing_to_do(places: &Places, selected: &Selected) -> CliError {
    let message = format!("no data to process: nothing in {} is meant", places.inputs_text());
    let found = skipped_text(&selected.skipped);
    let hint = match found.trim_end() {
        "" => "nothing: new files come when they come".to_owned(),
        found => format!("another selection, if one of these is meant\n{found}"),
    };
    CliError::new(Exit::NoData, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_inside_inputs() {
        let inside =
            |inner: &str, outer: &str| is_inside(&Location::parse(inner).unwrap(), &Location::parse(outer).unwrap());
        assert!(inside("s3://b/in/out/", "s3://b/in"));
        assert!(inside("s3://b/in/", "s3://b/in"));
        assert!(inside("s3://b/x", "s3://b"));
        assert!(!inside("s3://b/in2", "s3://b/in"));
        assert!(!inside("s3://c/in/x", "s3://b/in"));
        assert!(!inside("s3://b/", "s3://b/in"));
        assert!(inside("/nowhere/in/out", "/nowhere/in"));
        assert!(!inside("/nowhere/in2", "/nowhere/in"));
        assert!(!inside("/b/in", "s3://b/in"));
    }
}
