use super::*;
use crate::storage::StorageOptions;

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(files: &[(&str, &str)]) -> World {
        let world = World { folder: tempfile::tempdir().unwrap() };
        for (path, content) in files {
            world.put(path, content);
        }
        world
    }

    fn put(&self, path: &str, content: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn find(&self, options: DiscoveryOptions) -> Result<Discovered, LoadError> {
        let storage = Storage::new(StorageOptions::default());
        discover(&storage, &[Location::Local(self.folder.path().into())], options)
    }

    fn runs(&self) -> Vec<ShreddedRun> {
        self.find(DiscoveryOptions::default()).unwrap().runs
    }
}

fn message(types: &str, good: u64) -> String {
    format!(
        r#"{{"schema":"iglu:com.snowplowanalytics.snowplow.storage.rdbloader/shredding_complete/jsonschema/1-0-1","data":{{"base":"s3://b/x/","types":[{types}],"timestamps":{{"jobStarted":"2021-03-05T10:01:00Z","jobCompleted":"2021-03-05T10:04:00Z","min":null,"max":null}},"compression":"NONE","processor":{{"artifact":"a","version":"1"}},"count":{{"good":{good}}}}}}}"#
    )
}

const GOOD: &str = "run=2021-01-01-00-00-00/output=good/vendor=com.acme/name=click/format=tsv";
const ATOMIC_E: &str = "run=2021-01-01-00-00-00/output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/part-0.txt";

#[test]
fn layout_e_by_its_list_of_types() {
    let world = World::new(&[
        (ATOMIC_E, "row\n"),
        (&format!("{GOOD}/model=1/part-0.txt"), "row\n"),
        (&format!("{GOOD}/model=10/part-0.txt"), "row\n"),
        ("run=2021-01-01-00-00-00/output=bad/vendor=x/name=y/format=json/model=2/part-0.txt", "{}\n"),
        ("run=2021-01-01-00-00-00/_SUCCESS", ""),
    ]);
    assert!(world.runs().is_empty(), "no shredding_complete.json yet");
    let types = r#"{"schemaKey":"iglu:com.acme/click/jsonschema/1-0-0","format":"TSV"},{"schemaKey":"iglu:com.acme/click/jsonschema/1-0-1","format":"TSV"}"#;
    world.put("run=2021-01-01-00-00-00/shredding_complete.json", &message(types, 1));
    let runs = world.runs();
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    assert_eq!((run.layout, run.atomic.len(), run.gzip), (Layout::E, 1, false));
    let models: Vec<u32> = run.types.iter().map(|one| one.key.model).collect();
    assert_eq!(models, [1, 10]);
    assert!(run.types.iter().all(|one| one.files.len() == 1), "model=1 is not model=10");
    assert_eq!(run.warnings.len(), 1, "model 10 is not listed: {:?}", run.warnings);
    assert!(run.base.starts_with("file:///") && run.base.ends_with("/run=2021-01-01-00-00-00/"), "{}", run.base);
}

#[test]
fn a_listed_type_without_files_is_damage() {
    let world = World::new(&[(ATOMIC_E, "row\n")]);
    let types = r#"{"schemaKey":"iglu:com.acme/click/jsonschema/1-0-0","format":"TSV"}"#;
    world.put("run=2021-01-01-00-00-00/shredding_complete.json", &message(types, 1));
    let error = world.find(DiscoveryOptions::default()).unwrap_err().to_string();
    assert!(error.contains("iglu:com.acme/click/jsonschema/1-*-*"), "{error}");
}

#[test]
fn layouts_b_and_c() {
    let run = "shredded/good/run=2020-05-01-00-00-00";
    let world = World::new(&[
        (&format!("{run}/atomic-events/part-0"), "row\n"),
        (&format!("{run}/atomic-events/_SUCCESS"), ""),
        (&format!("{run}/shredded-types/vendor=com.acme/name=click/format=jsonschema/version=1-0-2/part-0"), "{}\n"),
        (&format!("{run}/shredded-types/vendor=com.acme/name=click/format=jsonschema/version=1-0-0/part-0"), "{}\n"),
        (&format!("{run}/shredded-types/_SUCCESS"), ""),
        (&format!("{run}/shredded-types_$folder$"), ""),
    ]);
    let runs = world.runs();
    assert_eq!((runs[0].layout, runs[0].types.len(), runs[0].types[0].files.len()), (Layout::B, 1, 2));
    assert_eq!(runs[0].types[0].versions.len(), 2);
    let tsv = format!("{run}/shredded-tsv/vendor=org.w3/name=PerformanceTiming/format=jsonschema/version=1");
    world.put(&format!("{tsv}/part-0"), "x\n");
    let found = world.find(DiscoveryOptions::default()).unwrap();
    assert_eq!(found.incomplete[0].1, "shredded-tsv has no _SUCCESS");
    world.put(&format!("{run}/shredded-tsv/_SUCCESS"), "");
    let runs = world.runs();
    assert_eq!((runs[0].layout, runs[0].types.len()), (Layout::C, 2));
    world.put(&format!("{run}/junk/part-0"), "x");
    let error = world.find(DiscoveryOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("Cannot extract contexts or self-describing events from file ["), "{error}");
    assert!(error.ends_with("Corrupted shredded/good state or unexpected Snowplow Shred job version"), "{error}");
}

#[test]
fn layout_d_and_the_order_of_runs() {
    let atomic = "vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/part-0";
    let world = World::new(&[
        (&format!("b/run=2021-01-02-00-00-00/{atomic}"), "row\n"),
        ("b/run=2021-01-02-00-00-00/shredding_complete.json", &message("", 1)),
        (&format!("c/run=2021-01-01-00-00-00/{atomic}"), "row\n"),
        ("c/run=2021-01-01-00-00-00/shredding_complete.json", &message("", 1)),
        (&format!("c/run=2021-01-03-00-00-00/{atomic}"), "row\n"),
    ]);
    let found = world.find(DiscoveryOptions::default()).unwrap();
    let names: Vec<&str> = found.runs.iter().map(ShreddedRun::name).collect();
    assert_eq!(names, ["run=2021-01-01-00-00-00", "run=2021-01-02-00-00-00"]);
    assert_eq!(found.runs[0].layout, Layout::D);
    assert_eq!(found.incomplete.len(), 1);
    assert_eq!(world.find(DiscoveryOptions { allow_incomplete: true }).unwrap().runs.len(), 3);
}

#[test]
fn a_manifest_decides_which_files_belong() {
    let part = |name: &str, size: u64| {
        format!(
            r#"{{"output":"good","location":"s3://elsewhere/run=2021-01-01-00-00-00/{name}","size":{size},"crc32c":"00000000","records":1}}"#
        )
    };
    let atomic = ATOMIC_E.strip_prefix("run=2021-01-01-00-00-00/").unwrap();
    let manifest = |outputs: &str| {
        format!(
            r#"{{"command":"shred","version":"0","run_id":"2021-01-01-00-00-00","status":"complete","arguments":[],"configuration":{{}},"started":"2021-01-01T00:00:00.000Z","ended":"2021-01-01T00:00:01.000Z","inputs":[],"outputs":[{outputs}],"counters":{{"records_in":1,"records_good_source":1,"records_bad_source":0,"records_ignored":0,"events_good":1,"bad_rows":0}},"failed_inputs":[]}}"#
        )
    };
    let world = World::new(&[(ATOMIC_E, "row\n"), (&ATOMIC_E.replace("part-0", "part-1"), "left over\n")]);
    world.put("run=2021-01-01-00-00-00/_manifest.json", &manifest(&part(atomic, 4)));
    assert!(world.runs().is_empty(), "no _SUCCESS yet");
    world.put("run=2021-01-01-00-00-00/_SUCCESS", "");
    let runs = world.runs();
    assert_eq!((runs[0].atomic.len(), runs[0].warnings.len()), (1, 1));
    for damaged in [part(atomic, 5), format!("{},{}", part(atomic, 4), part("output=good/vendor=a/x", 1))] {
        world.put("run=2021-01-01-00-00-00/_manifest.json", &manifest(&damaged));
        let error = world.find(DiscoveryOptions::default()).unwrap_err().to_string();
        assert!(error.ends_with("the run folder is damaged"), "{error}");
    }
}

#[test]
fn other_folders_are_refused_with_a_word() {
    let world = World::new(&[("enriched/part-00000.tsv", "x")]);
    let error = world.find(DiscoveryOptions::default()).unwrap_err().to_string();
    assert!(error.contains("no shredded data"), "{error}");
}
