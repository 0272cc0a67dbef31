use std::collections::BTreeMap;

use super::*;
use crate::report::Counters;
use crate::storage::{Location, ObjectMeta, Precondition, Storage, StorageOptions};

struct World {
    _temporary: tempfile::TempDir,
    storage: Storage,
    good: Location,
    bad: Location,
    run_id: RunId,
    inputs: Vec<ObjectMeta>,
    configuration: BTreeMap<String, String>,
    redo_changed: bool,
}

impl World {
    fn new() -> World {
        let temporary = tempfile::tempdir().unwrap();
        let at = |name: &str| Location::Local(temporary.path().join(name));
        let input = |name: &str| ObjectMeta {
            location: at(name),
            relative: name.to_owned(),
            size: 10,
            etag: None,
            modified: Some(5),
        };
        World {
            storage: Storage::new(StorageOptions::default()),
            good: at("good"),
            bad: at("bad"),
            run_id: "r1".parse().unwrap(),
            inputs: vec![input("a"), input("b")],
            configuration: BTreeMap::from([("format".to_owned(), "auto".to_owned())]),
            redo_changed: false,
            _temporary: temporary,
        }
    }

    fn open(&self, resume: bool) -> Result<Opening, RunError> {
        Run::open(RunRequest {
            storage: &self.storage,
            command: "enrich",
            run_id: &self.run_id,
            outputs: &[self.good.clone(), self.bad.clone()],
            resume,
            redo_changed: self.redo_changed,
            arguments: vec!["enrich".into()],
            configuration: self.configuration.clone(),
            inputs: &self.inputs,
            splits: vec![0..1, 1..2],
            transfer: None,
        })
    }

    fn active(&self, resume: bool) -> Run {
        match self.open(resume).unwrap() {
            Opening::Active(run) => *run,
            Opening::Complete(_) => panic!("complete"),
        }
    }

    fn names(&self, output: &Location) -> Vec<String> {
        let folder = output.join(&self.run_id.folder_name());
        self.storage.list_all(&folder).unwrap().into_iter().map(|object| object.relative).collect()
    }
}

fn write_part(run: &Run, split: usize) -> SplitRecord {
    let name = format!("part-{split:05}.tsv");
    let location = run.folders()[0].join(&name);
    let written = run.storage().write_all(&location, b"x\n", Precondition::None).unwrap();
    let crc32c = written.crc32c_text();
    let part = Part { folder: 0, output: "good".into(), name, size: written.size, crc32c, records: 1 };
    let counters = Counters { records_in: 1, records_good_source: 1, events_good: 1, ..Counters::default() };
    let inputs = vec![InputRecords { input: split, records: 1 }];
    SplitRecord { split, parts: vec![part], counters, inputs, ..SplitRecord::default() }
}

#[test]
fn runs_to_success() {
    let world = World::new();
    let run = world.active(false);
    for split in 0..2 {
        let record = write_part(&run, split);
        run.commit_split(record).unwrap();
    }
    assert!(run.open_splits().is_empty());
    let manifest = run.finish(&[]).unwrap();
    assert_eq!(manifest.counters.records_in, 2);
    assert_eq!(manifest.inputs[1].records, Some(1));
    assert!(manifest.outputs[1].location.ends_with("good/run=r1/part-00001.tsv"));
    assert_eq!(world.names(&world.good), ["_SUCCESS", "_manifest.json", "part-00000.tsv", "part-00001.tsv"]);
    assert_eq!(world.names(&world.bad), ["_SUCCESS", "_manifest.json"]);
    let text = world.storage.read_all(&world.bad.join("run=r1").join(MANIFEST)).unwrap();
    assert_eq!(serde_json::from_slice::<Manifest>(&text).unwrap(), manifest);
    assert!(matches!(world.open(false), Err(RunError::Exists { state: FolderState::Complete, .. })));
    assert!(matches!(world.open(true).unwrap(), Opening::Complete(found) if *found == manifest));
}

#[test]
fn resumes_what_is_missing() {
    let world = World::new();
    let run = world.active(false);
    let started = run.started();
    run.commit_split(write_part(&run, 0)).unwrap();
    write_part(&run, 1);
    let half_written = world.bad.join("run=r1").join("part-00001.json");
    world.storage.write_all(&half_written, b"{}\n", Precondition::None).unwrap();
    run.abandon(Status::Failed, Some("disk full".into()));
    assert!(matches!(world.open(false), Err(RunError::Exists { state: FolderState::Unfinished, .. })));

    let run = world.active(true);
    assert_eq!((run.started(), run.resumed()), (started, 1));
    assert_eq!(run.open_splits(), [(1, 1..2)]);
    let names = world.names(&world.good);
    assert!(names.contains(&"part-00000.tsv".to_owned()) && !names.contains(&"part-00001.tsv".to_owned()), "{names:?}");
    assert_eq!(world.names(&world.bad), ["_lock.1"]);
    run.commit_split(write_part(&run, 1)).unwrap();
    assert_eq!(run.finish(&[]).unwrap().counters.records_in, 2);
}

#[test]
fn a_lost_part_is_made_again() {
    let world = World::new();
    let run = world.active(false);
    run.commit_split(write_part(&run, 0)).unwrap();
    drop(run);
    world.storage.delete(&world.good.join("run=r1").join("part-00000.tsv"), None).unwrap();
    assert_eq!(world.active(true).open_splits().len(), 2);
}

#[test]
fn a_second_process_is_kept_out() {
    let world = World::new();
    let run = world.active(false);
    assert!(matches!(world.open(true), Err(RunError::Locked { .. })));
    assert!(matches!(world.open(false), Err(RunError::Exists { state: FolderState::Unfinished, .. })));
    drop(run);
    world.active(true);
}

#[test]
fn says_what_differs() {
    let mut world = World::new();
    drop(world.active(false));
    world.configuration.insert("format".into(), "thrift".into());
    world.configuration.insert("resolver".into(), "sha256:00".into());
    world.inputs[0].size = 11;
    world.inputs.pop();
    let Err(error) = world.open(true) else { panic!("resumed another run") };
    let text = error.to_string();
    for expected in ["format was auto, it is now thrift", "resolver was not given", "/a has changed", "/b is gone"] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(error.hint().is_some());
}

#[test]
fn a_run_that_began_differently_is_done_anew_if_asked() {
    let mut world = World::new();
    let run = world.active(false);
    run.commit_split(write_part(&run, 0)).unwrap();
    run.abandon(Status::Failed, Some("wrong configuration".into()));
    world.configuration.insert("format".into(), "thrift".into());
    assert!(matches!(world.open(true), Err(RunError::Changed { .. })));
    world.redo_changed = true;
    let run = world.active(true);
    assert_eq!((run.resumed(), run.open_splits().len()), (0, 2));
    assert!(!world.names(&world.good).iter().any(|name| name.starts_with("part-") || name == MANIFEST));
    run.commit_split(write_part(&run, 1)).unwrap();
    drop(run);
    // From here on it is this run, and it is resumed as any other.
    world.redo_changed = false;
    assert_eq!(world.active(true).open_splits(), [(0, 0..1)]);
}

#[test]
fn leaves_the_folders_of_others_alone() {
    let world = World::new();
    let foreign = world.bad.join("run=r1").join("data.csv");
    world.storage.write_all(&foreign, b"1", Precondition::None).unwrap();
    for resume in [false, true] {
        assert!(matches!(world.open(resume), Err(RunError::Exists { state: FolderState::Unknown, .. })));
    }
    assert_eq!(world.names(&world.bad), ["data.csv"]);
}

#[test]
fn refuses_to_read_unfinished_runs() {
    let world = World::new();
    let object = |folder: &Location| ObjectMeta { location: folder.join("part-0"), ..world.inputs[0].clone() };
    let unfinished = world.good.join("run=x");
    assert!(matches!(require_complete(&world.storage, &[object(&unfinished)]), Err(RunError::Incomplete { .. })));
    world.storage.write_all(&unfinished.join(SUCCESS), b"", Precondition::None).unwrap();
    require_complete(&world.storage, &[object(&unfinished)]).unwrap();
}

#[test]
fn digests_name_their_algorithm() {
    assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}
