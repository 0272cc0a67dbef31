//! The steps of a run, and which of them are chosen.
//!
//! Names, order and rules: snowplow/emr-etl-runner 1.0.4, `lib/snowplow-emr-etl-runner/{cli,runner}.rb`. Two differences:
//! `--resume-from staging_stream_enrich` runs every step after it too, which it failed to do there; and archiving always
//! concerns the run at hand, never "the last folder".

use std::fmt;
use std::str::FromStr;

/// Steps in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Collectors' files into the run's folder.
    Staging,
    /// Enriched events of another enricher into the run's folder.
    StagingStreamEnrich,
    /// Raw logs to enriched events.
    Enrich,
    /// Enriched events to rows.
    Shred,
    /// Whether every step took what the one before it gave.
    Reconcile,
    /// Bad rows into Elasticsearch.
    Elasticsearch,
    /// Raw logs into the archive.
    ArchiveRaw,
    /// Rows into tables.
    RdbLoad,
    /// The planner's statistics: a part of loading.
    Analyze,
    /// Enriched events into the archive.
    ArchiveEnriched,
    /// Rows into the archive.
    ArchiveShredded,
}

impl Step {
    /// The name, as options and plans have it.
    pub fn name(self) -> &'static str {
        match self {
            Step::Staging => "staging",
            Step::StagingStreamEnrich => "staging_stream_enrich",
            Step::Enrich => "enrich",
            Step::Shred => "shred",
            Step::Reconcile => "reconcile",
            Step::Elasticsearch => "elasticsearch",
            Step::ArchiveRaw => "archive_raw",
            Step::RdbLoad => "rdb_load",
            Step::Analyze => "analyze",
            Step::ArchiveEnriched => "archive_enriched",
            Step::ArchiveShredded => "archive_shredded",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const RESUMABLE: [Step; 9] = [
    Step::Enrich,
    Step::Shred,
    Step::Elasticsearch,
    Step::ArchiveRaw,
    Step::RdbLoad,
    Step::Analyze,
    Step::ArchiveEnriched,
    Step::ArchiveShredded,
    Step::StagingStreamEnrich,
];
const SKIPPABLE: [&str; 13] = [
    "staging",
    "enrich",
    "shred",
    "reconcile",
    "elasticsearch",
    "archive_raw",
    "rdb_load",
    "consistency_check",
    "analyze",
    "load_manifest_check",
    "archive_enriched",
    "archive_shredded",
    "staging_stream_enrich",
];

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumeFrom(pub Step);

impl FromStr for ResumeFrom {
    type Err = String;

    fn from_str(name: &str) -> Result<ResumeFrom, String> {
        let found = RESUMABLE.into_iter().find(|step| step.name() == name);
        found.map(ResumeFrom).ok_or_else(|| {
            let names: Vec<&str> = RESUMABLE.iter().map(|step| step.name()).collect();
            format!("Invalid option: resume-from can be {}, not '{name}'", names.join(", "))
        })
    }
}

/// A step, or a part of loading, to leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip(pub String);

impl FromStr for Skip {
    type Err = String;

    fn from_str(name: &str) -> Result<Skip, String> {
        match SKIPPABLE.contains(&name) {
            true => Ok(Skip(name.to_owned())),
            false => Err(format!("Invalid option: skip can be {}, not '{name}'", SKIPPABLE.join(", "))),
        }
    }
}

/// A part of loading to do besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include(pub String);

impl FromStr for Include {
    type Err = String;

    fn from_str(name: &str) -> Result<Include, String> {
        match name {
            "vacuum" => Ok(Include(name.to_owned())),
            _ => Err(format!("Invalid option: include can be vacuum, not '{name}'")),
        }
    }
}

/// Which steps are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Leave out everything before this step.
    pub resume_from: Option<ResumeFrom>,
    /// Leave out these.
    pub skip: Vec<Skip>,
    /// Do these besides.
    pub include: Vec<Include>,
}

/// A choice that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Both ways at once.
    #[error("resume-from and skip are mutually exclusive")]
    Exclusive,
    /// There is no such step in stream mode.
    #[error("cannot resume from enrich in stream enrich mode")]
    ResumeEnrich,
    /// There are no such steps in stream mode.
    #[error(
        "cannot skip staging nor enrich in stream enrich mode. Either skip staging_stream_enrich or resume from shred"
    )]
    SkipEnrich,
    /// There are no raw logs in stream mode.
    #[error("cannot skip nor resume from archive_raw in stream enrich mode")]
    ArchiveRaw,
    /// There is no stream.
    #[error("cannot resume from nor skip staging_stream_enrich: the configuration has no enriched.stream")]
    NoStream,
}

impl Selection {
    /// Whether the choice makes sense in this mode.
    pub fn check(&self, stream: bool) -> Result<(), SelectionError> {
        let from = self.resume_from.map(|from| from.0);
        if from.is_some() && !self.skip.is_empty() {
            return Err(SelectionError::Exclusive);
        }
        if !stream {
            let wants_stream = from == Some(Step::StagingStreamEnrich) || self.skips("staging_stream_enrich");
            return if wants_stream { Err(SelectionError::NoStream) } else { Ok(()) };
        }
        match from {
            Some(Step::Enrich) => Err(SelectionError::ResumeEnrich),
            Some(Step::ArchiveRaw) => Err(SelectionError::ArchiveRaw),
            _ if self.skips("staging") || self.skips("enrich") => Err(SelectionError::SkipEnrich),
            _ if self.skips("archive_raw") => Err(SelectionError::ArchiveRaw),
            _ => Ok(()),
        }
    }

    /// Whether something is to be left out.
    pub fn skips(&self, name: &str) -> bool {
        self.skip.iter().any(|skip| skip.0 == name)
    }

    /// Whether a step is to be done.
    pub fn wants(&self, step: Step, stream: bool) -> bool {
        let there_is = match step {
            Step::Staging | Step::Enrich | Step::ArchiveRaw => !stream,
            Step::StagingStreamEnrich => stream,
            // Not steps of their own here.
            Step::Elasticsearch | Step::Analyze => false,
            _ => true,
        };
        let late_enough = self.resume_from.is_none_or(|from| step >= from.0);
        // It compares what shred took with what was there before, so it goes with shred.
        let with_shred = step != Step::Reconcile || self.wants(Step::Shred, stream);
        there_is && late_enough && with_shred && !self.skips(step.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(resume_from: Option<&str>, skip: &[&str]) -> Selection {
        Selection {
            resume_from: resume_from.map(|name| name.parse().unwrap()),
            skip: skip.iter().map(|name| name.parse().unwrap()).collect(),
            include: Vec::new(),
        }
    }

    /// S staging, T staging_stream_enrich, E enrich, H shred, C reconcile, R archive_raw, L load, a archive_enriched,
    /// b archive_shredded.
    fn letters(selection: &Selection, stream: bool) -> String {
        let all = [
            (Step::Staging, 'S'),
            (Step::StagingStreamEnrich, 'T'),
            (Step::Enrich, 'E'),
            (Step::Shred, 'H'),
            (Step::Reconcile, 'C'),
            (Step::ArchiveRaw, 'R'),
            (Step::RdbLoad, 'L'),
            (Step::ArchiveEnriched, 'a'),
            (Step::ArchiveShredded, 'b'),
        ];
        all.into_iter().filter(|(step, _)| selection.wants(*step, stream)).map(|(_, letter)| letter).collect()
    }

    #[test]
    fn selection_of_steps() {
        for (resume_from, skip, stream, expected) in [
            (None, &[][..], false, "SEHCRLab"),
            (None, &["staging"], false, "EHCRLab"),
            (Some("enrich"), &[], false, "EHCRLab"),
            (Some("shred"), &[], false, "HCRLab"),
            (Some("elasticsearch"), &[], false, "RLab"),
            (Some("archive_raw"), &[], false, "RLab"),
            (Some("rdb_load"), &[], false, "Lab"),
            (Some("analyze"), &[], false, "ab"),
            (Some("archive_enriched"), &[], false, "ab"),
            (Some("archive_shredded"), &[], false, "b"),
            (None, &["analyze", "consistency_check"], false, "SEHCRLab"),
            (None, &["rdb_load", "archive_raw", "shred"], false, "SEab"),
            (None, &[], true, "THCLab"),
            (Some("shred"), &[], true, "HCLab"),
            (Some("staging_stream_enrich"), &[], true, "THCLab"),
            (None, &["staging_stream_enrich"], true, "HCLab"),
        ] {
            let selection = selection(resume_from, skip);
            assert_eq!(selection.check(stream), Ok(()), "{selection:?}");
            assert_eq!(letters(&selection, stream), expected, "{selection:?}");
        }
    }

    #[test]
    fn choices_that_make_no_sense() {
        for (resume_from, skip, stream, expected) in [
            (Some("shred"), &["enrich"][..], false, SelectionError::Exclusive),
            (Some("enrich"), &[], true, SelectionError::ResumeEnrich),
            (None, &["staging"], true, SelectionError::SkipEnrich),
            (None, &["enrich"], true, SelectionError::SkipEnrich),
            (None, &["archive_raw"], true, SelectionError::ArchiveRaw),
            (Some("archive_raw"), &[], true, SelectionError::ArchiveRaw),
            (Some("staging_stream_enrich"), &[], false, SelectionError::NoStream),
            (None, &["staging_stream_enrich"], false, SelectionError::NoStream),
        ] {
            assert_eq!(selection(resume_from, skip).check(stream), Err(expected));
        }
        assert_eq!(
            "staging".parse::<ResumeFrom>().unwrap_err(),
            "Invalid option: resume-from can be enrich, shred, elasticsearch, archive_raw, rdb_load, analyze, \
             archive_enriched, archive_shredded, staging_stream_enrich, not 'staging'"
        );
        assert!("s3distcp".parse::<Skip>().unwrap_err().contains("not 's3distcp'"));
        assert!("analyze".parse::<Include>().is_err());
    }
}
