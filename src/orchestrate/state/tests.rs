use super::*;
use crate::storage::StorageOptions;

fn store() -> (tempfile::TempDir, StateStore) {
    let folder = tempfile::tempdir().unwrap();
    let at = Location::Local(folder.path().join("state"));
    (folder, StateStore::new(Storage::new(StorageOptions::default()), at))
}

fn id(text: &str) -> RunId {
    text.parse().unwrap()
}

fn step(name: &str) -> StepRecord {
    StepRecord { name: name.into(), ended: 1, seconds: 2, exit_code: 0 }
}

#[test]
fn a_run_from_beginning_to_end() {
    let (_folder, store) = store();
    let (first, second) = (id("2021-01-31-00-00-00"), id("2021-02-01-00-00-00"));
    store.begin(&first).unwrap();
    store.begin(&second).unwrap();
    store.step_done(&first, step("staging")).unwrap();
    let failure = Failure { step: "enrich".into(), exit_code: 1, at: 3, message: "disk full".into() };
    store.step_failed(&first, failure.clone()).unwrap();
    assert_eq!(store.open_run(&first).unwrap().failure, Some(failure));
    store.step_done(&first, step("enrich")).unwrap();
    store.step_done(&first, step("enrich")).unwrap();
    let open = store.open_runs().unwrap();
    assert_eq!(open.iter().map(|run| run.run_id.as_str()).collect::<Vec<_>>(), [first.as_str(), second.as_str()]);
    assert_eq!(open[0].steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(), ["staging", "enrich"]);
    assert_eq!(open[0].failure, None);
    assert!(!store.finish(&first).unwrap().is_partial());
    assert!(store.is_done(first.as_str()).unwrap() && !store.is_done(second.as_str()).unwrap());
    assert!(store.done_run(first.as_str()).unwrap().unwrap().finished.is_some());
    assert!(matches!(store.open_run(&first), Err(StateError::NoRun { .. })));
    assert!(store.forget(&second).unwrap());
    assert_eq!(store.open_runs().unwrap(), []);
}

#[test]
fn ids_only_go_up() {
    let (_folder, store) = store();
    store.begin(&id("2021-01-02-00-00-00")).unwrap();
    for late in ["2021-01-02-00-00-00", "2021-01-01-23-00-00"] {
        assert!(matches!(store.begin(&id(late)), Err(StateError::NotAbove { .. })), "{late}");
    }
    store.begin(&id("backfill")).unwrap();
    assert!(next_id(Some("9999-01-01-00-00-00")).is_err());
    let now = next_id(None).unwrap();
    assert!(next_id(Some(now.as_str())).unwrap().as_str() > now.as_str());
}

#[test]
fn a_run_that_has_done_something_is_not_forgotten() {
    let (_folder, store) = store();
    let run = id("2021-01-02-00-00-00");
    store.begin(&run).unwrap();
    store.step_done(&run, step("staging")).unwrap();
    assert!(!store.forget(&run).unwrap());
    assert_eq!(store.open_runs().unwrap().len(), 1);
}

#[test]
fn leftovers_of_killed_writers_go() {
    let (folder, store) = store();
    let run = id("2021-01-02-00-00-00");
    store.begin(&run).unwrap();
    store.step_done(&run, step("staging")).unwrap();
    store.finish(&run).unwrap();
    store.begin(&id("2021-01-03-00-00-00")).unwrap();
    let state = folder.path().join("state");
    for place in ["", "open", "done/2021-01"] {
        std::fs::write(state.join(place).join(".thresh-a.tmp"), "x").unwrap();
        std::fs::write(state.join(place).join(".thresh-b.tmp"), "x").unwrap();
    }
    store.tidy().unwrap();
    let left = store.storage.list_all(&store.at).unwrap();
    assert!(left.iter().all(|object| !object.relative.contains(".thresh-")), "{left:?}");
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn foreign_objects_are_found() {
    let (folder, store) = store();
    let good = folder.path().join("good");
    let at = Location::Local(good.clone());
    let put = |name: &str| {
        let path = good.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "x").unwrap();
    };
    assert_eq!(store.first_foreign(&at, &[]).unwrap(), None, "a folder that is not there is empty");
    store.begin(&id("2021-01-01-00-00-00")).unwrap();
    store.begin(&id("2021-01-02-00-00-00")).unwrap();
    store.finish(&id("2021-01-01-00-00-00")).unwrap();
    let open = store.open_runs().unwrap();
    for name in ["run=2021-01-01-00-00-00/a", "run=2021-01-02-00-00-00/a", "run=2021-01-02-00-00-00/b", "_SUCCESS"] {
        put(name);
    }
    assert_eq!(store.first_foreign(&at, &open).unwrap(), None);
    put("run=2021-01-03-00-00-00/a");
    let foreign = store.first_foreign(&at, &open).unwrap().unwrap();
    assert!(foreign.to_string().ends_with("run=2021-01-03-00-00-00/a"), "{foreign}");
    put("stray");
    let (ids, stray) = store.folders_in(&at).unwrap();
    assert_eq!(ids.len(), 3);
    assert!(stray.unwrap().to_string().ends_with("stray"));
}

#[test]
fn data_that_could_not_be_read_is_remembered() {
    let (_folder, store) = store();
    let run = id("2021-01-02-00-00-00");
    store.begin(&run).unwrap();
    store.step_done(&run, StepRecord { exit_code: 5, ..step("staging") }).unwrap();
    assert!(!store.open_run(&run).unwrap().is_partial(), "those files belong to the next run");
    store.step_done(&run, StepRecord { exit_code: 5, ..step("enrich") }).unwrap();
    assert!(store.finish(&run).unwrap().is_partial());
}
