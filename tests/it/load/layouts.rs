//! What `thresh shred` really writes, and the same rows in the folders of every earlier generation, into every target:
//! the tables are the same.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use thresh::ddl::{Table, TableOptions};
use thresh::load::jsonpaths::JsonPaths;
use thresh::load::{LoadOptions, RunOutcome, Target};

use super::world::{TestTarget, World, dump};

const RUN: &str = "run=2021-01-01-00-00-00";
const ID: &str = "2021-01-01-00-00-00";

fn tool(binary: &str, folder: &Path, arguments: &[&str]) {
    let output = Command::new(binary).current_dir(folder).args(arguments).env_remove("RUST_LOG").output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
}

/// Relative name and content of every object of a run folder.
type Files = BTreeMap<String, Vec<u8>>;

fn files_below(root: &Path, folder: &Path, files: &mut Files) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

/// Events of the load generator through enrich and shred, as TSV (gzip) and as JSON (plain).
fn shredded(world: &World) -> (Files, Files) {
    let folder = world.folder.path();
    let generate =
        ["raw", "--format", "cloudfront", "--events", "250", "--files", "3", "--bad-share", "0", "--mix", "mixed"];
    let more = ["--networks", "64", "--write-registry", "registry"];
    tool(env!("CARGO_BIN_EXE_thresh-loadgen"), folder, &[&generate[..], &more].concat());
    // Tables grow through all versions of a model, so the first ones have to be there as well.
    let schemas = folder.join("registry/schemas");
    for (vendor, name, first, second) in [
        ("com.snowplowanalytics.snowplow", "client_session", "1-0-0", "1-0-1"),
        ("com.snowplowanalytics.snowplow", "link_click", "1-0-0", "1-0-1"),
        ("com.snowplowanalytics.snowplow", "geolocation_context", "1-0-0", "1-1-0"),
    ] {
        let versions = schemas.join(vendor).join(name).join("jsonschema");
        let text = std::fs::read_to_string(versions.join(second)).unwrap();
        std::fs::write(versions.join(first), text.replace(second, first)).unwrap();
    }
    let common = ["--run-id", ID, "--resolver", "registry/resolver.json", "--offline", "--progress", "off"];
    let thresh = |arguments: &[&str]| tool(env!("CARGO_BIN_EXE_thresh"), folder, &[arguments, &common].concat());
    thresh(&["enrich", "raw", "--output", "good", "--bad", "bad", "--etl-tstamp", "1600000000000"]);
    let input = format!("good/{RUN}");
    thresh(&["shred", &input, "--output", "tsv"]);
    thresh(&["shred", &input, "--output", "json", "--shred-format", "json", "--compression", "none"]);
    let read = |name: &str| {
        let (mut files, root) = (Files::new(), folder.join(name).join(RUN));
        files_below(&root, &root, &mut files);
        files
    };
    (read("tsv"), read("json"))
}

const ATOMIC: &str = "output=good/vendor=com.snowplowanalytics.snowplow/name=atomic/format=tsv/model=1/";

/// The rows in the folders of R35: no `output=good`.
fn layout_d(files: &Files) -> Files {
    let rename = |(name, content): (&String, &Vec<u8>)| match name.as_str() {
        "_manifest.json" => None,
        name => Some((name.strip_prefix("output=good/").unwrap_or(name).to_owned(), content.clone())),
    };
    files.iter().filter_map(rename).collect()
}

/// `vendor=V/name=N`, the model, and the file of an entity's rows.
fn entity(name: &str) -> Option<(String, String, String)> {
    let parts: Vec<&str> = name.strip_prefix("output=good/")?.split('/').collect();
    let [vendor, schema, _, model, file] = parts[..] else { return None };
    Some((format!("{vendor}/{schema}"), model.strip_prefix("model=")?.to_owned(), file.to_owned()))
}

/// The folders of R32 with TSV.
fn layout_c(files: &Files) -> Files {
    let mut moved = marked(files, "shredded-tsv");
    for (name, content) in files.iter().filter(|(name, _)| !name.starts_with(ATOMIC)) {
        if let Some((key, model, file)) = entity(name) {
            moved.insert(format!("shredded-tsv/{key}/format=jsonschema/version={model}/{file}"), content.clone());
        }
    }
    moved
}

/// The folders of R28 with JSON: one for each full version.
fn layout_b(files: &Files) -> Files {
    let mut moved = marked(files, "shredded-types");
    for (name, content) in files.iter().filter(|(name, _)| !name.starts_with(ATOMIC)) {
        let Some((key, _, file)) = entity(name) else { continue };
        for line in std::str::from_utf8(content).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let version = row["schema"]["version"].as_str().unwrap();
            let at = format!("shredded-types/{key}/format=jsonschema/version={version}/{file}");
            moved.entry(at).or_default().extend_from_slice(format!("{line}\n").as_bytes());
        }
    }
    moved
}

/// Atomic events in their old folder, and the signs that everything is there.
fn marked(files: &Files, types: &str) -> Files {
    let atomic = files
        .iter()
        .filter_map(|(name, content)| Some((format!("atomic-events/{}", name.strip_prefix(ATOMIC)?), content.clone())));
    let markers = ["atomic-events/_SUCCESS".to_owned(), format!("{types}/_SUCCESS")];
    atomic.chain(markers.map(|marker| (marker, Vec::new()))).collect()
}

fn is_gzip(files: &Files) -> bool {
    files.iter().any(|(_, content)| {
        let mut head = [0; 2];
        content.as_slice().read_exact(&mut head).is_ok() && head == [0x1F, 0x8B]
    })
}

/// Redshift's tables of JSON types must be there, and the files that say where their values stand.
fn prepare_json(world: &World, target: &mut dyn Target) {
    target.execute("CREATE SCHEMA IF NOT EXISTS atomic").unwrap();
    let schemas = world.schemas();
    for one in &world.runs()[0].types {
        let table = Table::load(&schemas, &one.key, TableOptions::default()).unwrap();
        for sql in target.dialect().create_table(&table, target.sql_options()).unwrap() {
            target.execute(&sql).unwrap();
        }
        let name = table.name().rsplit_once('_').map_or("", |(_, model)| model).to_owned();
        let snake = thresh::ddl::snake_case(&one.key.name);
        let paths = serde_json::json!({ "jsonpaths": table.jsonpaths() }).to_string();
        world.s3.as_ref().unwrap().put(&format!("assets/{}/{snake}_{name}.json", one.key.vendor), paths);
    }
}

/// All tables but the manifest, whose rows tell of the folder.
fn tables(world: &World, target: &mut dyn Target) -> BTreeMap<String, Vec<String>> {
    let run = &world.runs()[0];
    let names = run.types.iter().map(|one| target.dialect().table_name(&one.key)).collect::<Vec<_>>();
    let all = names.into_iter().chain(["events".to_owned()]);
    all.map(|name| (name.clone(), dump(target, &name))).collect()
}

#[test]
fn every_layout_gives_the_same_tables_on_every_target() {
    let mut world = World::on_s3();
    let (tsv, json) = shredded(&world);
    assert!(is_gzip(&tsv) && !is_gzip(&json));
    let layouts = [
        ("e", tsv.clone()),
        ("e-json", json.clone()),
        ("d", layout_d(&tsv)),
        ("c", layout_c(&tsv)),
        ("b", layout_b(&json)),
    ];
    let mut expected: Option<BTreeMap<String, Vec<String>>> = None;
    for (layout, files) in layouts {
        let s3 = world.s3.clone().unwrap();
        for (name, content) in &files {
            s3.put(&format!("{layout}/{RUN}/{name}"), content.clone());
        }
        world.root = s3.at(&format!("{layout}/"));
        let options =
            LoadOptions { jsonpaths: JsonPaths { folders: vec![s3.at("assets/")] }, ..LoadOptions::default() };
        for target in TestTarget::all(&world) {
            // A database file of its own for each layout.
            if let TestTarget::Sqlite(config) = &target {
                let _ = std::fs::remove_file(&config.path);
            }
            let mut connection = target.open();
            let is_json = layout == "b" || layout == "e-json";
            if is_json && target.name() == "redshift" {
                prepare_json(&world, &mut *connection);
            }
            let (report, result) = world.load_with(&mut *connection, &options);
            result.unwrap_or_else(|error| panic!("{layout} on {}: {error}", target.name()));
            assert_eq!(report.count(RunOutcome::Loaded), 1);
            let found = tables(&world, &mut *connection);
            let Some(expected) = &expected else {
                assert_eq!(found["events"].len(), 250);
                assert!(found.len() > 5, "{:?}", found.keys());
                expected = Some(found);
                continue;
            };
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{layout}");
            for (name, rows) in &found {
                assert_eq!(rows.len(), expected[name].len(), "{layout} on {}: {name}", target.name());
                for (row, wanted) in rows.iter().zip(&expected[name]) {
                    assert_eq!(row, wanted, "{layout} on {}: {name}", target.name());
                }
            }
        }
    }
}
