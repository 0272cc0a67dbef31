//! [`Pipeline`]: what a configuration says, whichever form it is written in.

use std::collections::BTreeMap;

use super::fields::{Place, Problem, Unused};
use crate::storage::{Location, S3Keys};

/// A pipeline as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    /// Folders of raw logs; none in stream mode.
    pub raw: Option<RawFolders>,
    /// Folders of enriched events.
    pub enriched: EventFolders,
    /// Where another enricher puts events, in stream mode.
    pub stream: Option<Location>,
    /// Folders of rows for tables.
    pub shredded: EventFolders,
    /// Where it is kept what has become of each run.
    pub state: Location,
    /// Raw format; `auto` if it is to be found out.
    pub format: String,
    /// Whether parts are gzipped.
    pub gzip: bool,
    /// Most stored bytes of raw logs that one run takes.
    pub max_bytes: Option<String>,
    /// JSONPaths of one's own, for JSON rows on Redshift.
    pub jsonpaths: Option<Location>,
    /// Labels that go along with what is reported.
    pub tags: Vec<(String, String)>,
    /// How S3 is reached.
    pub s3: S3Settings,
    /// Targets that the configuration itself names.
    pub targets: Vec<TargetEntry>,
    /// More options, by command.
    pub options: BTreeMap<String, Vec<String>>,
}

/// Folders of raw logs.
#[derive(Clone, Debug, PartialEq)]
pub struct RawFolders {
    /// Where collectors write.
    pub inputs: Vec<Location>,
    /// The batch at work.
    pub processing: Location,
    /// Batches that are done.
    pub archive: Location,
}

impl RawFolders {
    /// Reads `in`, `processing` and `archive`; `expected` says what is missing where `in` is empty.
    pub(super) fn read(raw: &Place<'_>, expected: &str) -> Option<RawFolders> {
        let inputs = raw.field("in");
        if inputs.elements().is_empty() {
            inputs.refuse(expected, "nothing");
        }
        let locations: Option<Vec<Location>> = inputs.elements().iter().map(Place::location).collect();
        let (processing, archive) = (raw.field("processing").location(), raw.field("archive").location());
        Some(RawFolders { inputs: locations?, processing: processing?, archive: archive? })
    }
}

/// Folders of enriched or of shredded data.
#[derive(Clone, Debug, PartialEq)]
pub struct EventFolders {
    /// What waits for the next step.
    pub good: Location,
    /// Bad rows.
    pub bad: Option<Location>,
    /// What is loaded; if there is none, runs stay where they are.
    pub archive: Option<Location>,
}

impl EventFolders {
    /// Reads `good`, `bad` and `archive`.
    pub(super) fn read(place: &Place<'_>, needs_bad: bool) -> Option<EventFolders> {
        let good = place.field("good").location();
        let bad_place = place.field("bad");
        let bad = if needs_bad { bad_place.location().map(Some) } else { Some(bad_place.optional_location()) };
        let archive = place.field("archive").optional_location();
        Some(EventFolders { good: good?, bad: bad?, archive })
    }
}

/// How S3 is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct S3Settings {
    /// The region.
    pub region: Option<String>,
    /// Keys that stand in the configuration.
    pub credentials: Option<S3Keys>,
    /// Encryption of what is written, as `--s3-encryption` takes it.
    pub encryption: Option<String>,
    /// Storage class of what is written.
    pub storage_class: Option<String>,
    /// The bucket goes into the path.
    pub path_style: bool,
    /// The requester pays.
    pub request_payer: bool,
}

/// A target named in the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetEntry {
    /// A URL or the path of a storage target file.
    pub target: String,
    /// The variable that holds its password.
    pub password_env: Option<String>,
    /// The file that holds its password.
    pub password_file: Option<String>,
}

/// What reading a configuration came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The pipeline; none if something is wrong.
    pub pipeline: Option<Pipeline>,
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
    /// Keys without effect.
    pub unused: Vec<Unused>,
    /// What is odd about it.
    pub warnings: Vec<String>,
}

impl Reading {
    /// A document that could not be read at all.
    pub fn failed(line: u64, expected: &str, found: String) -> Reading {
        let problem = Problem { path: "the document".to_owned(), line, expected: expected.to_owned(), found };
        Reading { pipeline: None, problems: vec![problem], unused: Vec::new(), warnings: Vec::new() }
    }
}

impl Pipeline {
    /// Whether enriching is done elsewhere.
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }

    /// Every folder by its name in messages.
    pub fn folders(&self) -> Vec<(String, &Location)> {
        let mut folders: Vec<(String, &Location)> = Vec::new();
        if let Some(raw) = &self.raw {
            for (index, input) in raw.inputs.iter().enumerate() {
                folders.push((format!("raw.in[{index}]"), input));
            }
            folders.push(("raw.processing".to_owned(), &raw.processing));
            folders.push(("raw.archive".to_owned(), &raw.archive));
        }
        folders.extend(self.stream.iter().map(|at| ("enriched.stream".to_owned(), at)));
        for (name, set) in [("enriched", &self.enriched), ("shredded", &self.shredded)] {
            folders.push((format!("{name}.good"), &set.good));
            folders.extend(set.bad.iter().map(|at| (format!("{name}.bad"), at)));
            folders.extend(set.archive.iter().map(|at| (format!("{name}.archive"), at)));
        }
        folders.push(("state".to_owned(), &self.state));
        folders
    }

    /// Folders that lie in one another, or are the same: what one step moves away another would take for its own. Good
    /// and bad rows of the shredder may share a folder.
    pub fn overlaps(&self) -> Vec<String> {
        let folders = self.folders();
        let mut found = Vec::new();
        for (index, (name, at)) in folders.iter().enumerate() {
            for (other_name, other) in &folders[index + 1..] {
                let shared = name == "shredded.good" && other_name == "shredded.bad";
                let (inner, outer) = (folder_text(at), folder_text(other));
                if inner == outer && !shared {
                    found.push(format!("{name} and {other_name} are the same folder, {at}"));
                } else if inner.starts_with(&outer) && inner != outer {
                    found.push(format!("{name} lies inside {other_name}: {at} in {other}"));
                } else if outer.starts_with(&inner) && inner != outer {
                    found.push(format!("{other_name} lies inside {name}: {other} in {at}"));
                }
            }
        }
        found
    }
}

/// A location with one slash at its end.
fn folder_text(at: &Location) -> String {
    let text = at.to_string();
    format!("{}/", text.trim_end_matches('/'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::orchestrate) fn folders(name: &str) -> EventFolders {
        let at = |part: &str| Location::parse(&format!("s3://acme/{name}/{part}/")).unwrap();
        EventFolders { good: at("good"), bad: Some(at("bad")), archive: Some(at("archive")) }
    }

    pub(in crate::orchestrate) fn batch() -> Pipeline {
        let at = |text: &str| Location::parse(text).unwrap();
        Pipeline {
            raw: Some(RawFolders {
                inputs: vec![at("s3://acme-logs/"), at("s3://acme/old logs/")],
                processing: at("s3://acme/processing/"),
                archive: at("s3://acme/raw-archive/"),
            }),
            enriched: folders("enriched"),
            stream: None,
            shredded: folders("shredded"),
            state: at("s3://acme/state/"),
            format: "thrift".to_owned(),
            gzip: true,
            max_bytes: None,
            jsonpaths: None,
            tags: Vec::new(),
            s3: S3Settings::default(),
            targets: Vec::new(),
            options: BTreeMap::new(),
        }
    }

    #[test]
    fn folders_must_lie_side_by_side() {
        let mut pipeline = batch();
        assert_eq!(pipeline.overlaps(), [""; 0]);
        pipeline.shredded.bad = Some(pipeline.shredded.good.clone());
        assert_eq!(pipeline.overlaps(), [""; 0], "layout E");
        pipeline.state = Location::parse("s3://acme/processing/state").unwrap();
        pipeline.enriched.archive = Some(Location::parse("s3://acme/enriched/good").unwrap());
        assert_eq!(
            pipeline.overlaps(),
            [
                "state lies inside raw.processing: s3://acme/processing/state in s3://acme/processing/",
                "enriched.good and enriched.archive are the same folder, s3://acme/enriched/good/",
            ]
        );
    }
}
