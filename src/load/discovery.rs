//! Runs of shredded data: which there are below a location, whether they are complete, and every file of each.
//!
//! Folder layouts B to E: snowplow/snowplow-rdb-loader R28 to 1.2.3, `DataDiscovery.scala`, `ShreddedType.scala`. Unlike
//! there, a run is loaded by its list of files and never by a prefix, so `model=1` does not take in `model=10`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use super::LoadError;
use super::message::ShreddingComplete;
use crate::ddl::ModelKey;
use crate::iglu::{SchemaKey, SchemaVer};
use crate::run::Manifest;
use crate::shred::COMPLETE_FILE;
use crate::storage::codec::{Codec, DETECT_BYTES};
use crate::storage::{Location, ObjectMeta, Storage};

mod notes;
mod path;

use notes::{read_manifest, read_message};
use path::{Found, classify};

/// Generations of folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// `atomic-events` and `shredded-types` (to R31).
    B,
    /// The same with `shredded-tsv` (R32 to R34).
    C,
    /// `vendor=…` directly in the run folder (R35).
    D,
    /// `output=good/vendor=…` (1.0 and later, and thresh).
    E,
}

/// Rows of one model of a schema, in one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeFiles {
    /// The model.
    pub key: ModelKey,
    /// Whether the rows are JSON, else they are TSV.
    pub json: bool,
    /// Full versions that folder names tell.
    pub versions: BTreeSet<SchemaVer>,
    /// The folder, with a slash at its end.
    pub folder: String,
    /// The files.
    pub files: Vec<ObjectMeta>,
}

/// A run of shredded data.
#[derive(Clone, Debug, PartialEq)]
pub struct ShreddedRun {
    /// The run folder.
    pub location: Location,
    /// What the manifest table calls it: `s3://bucket/…/` or `file:///…/`, with a slash at its end.
    pub base: String,
    /// The layout.
    pub layout: Layout,
    /// Files of atomic events.
    pub atomic: Vec<ObjectMeta>,
    /// Folder of atomic events, with a slash at its end.
    pub atomic_folder: String,
    /// Types, by table.
    pub types: Vec<TypeFiles>,
    /// What the shredder says of the run.
    pub message: Option<ShreddingComplete>,
    /// What thresh says of the run.
    pub manifest: Option<Manifest>,
    /// Whether the files are gzipped.
    pub gzip: bool,
    /// What is odd about it, but does no harm.
    pub warnings: Vec<String>,
}

impl ShreddedRun {
    /// The name of the run folder: `run=2021-03-05-10-00-00`.
    pub fn name(&self) -> &str {
        self.location.file_name()
    }

    /// Stored bytes of everything that is loaded.
    pub fn bytes(&self) -> u64 {
        let types = self.types.iter().flat_map(|one| &one.files);
        self.atomic.iter().chain(types).map(|file| file.size).sum()
    }
}

/// What counts as a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct DiscoveryOptions {
    /// Take runs without a sign of completeness too.
    pub allow_incomplete: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovered {
    /// Complete runs, oldest first.
    pub runs: Vec<ShreddedRun>,
    /// Runs that are not complete, and why.
    pub incomplete: Vec<(Location, String)>,
}

/// Everything found in one run folder.
#[derive(Default)]
struct Folder {
    data: Vec<(Found, ObjectMeta)>,
    successes: BTreeSet<String>,
    message: Option<ObjectMeta>,
    manifest: Option<ObjectMeta>,
    unknown: Vec<String>,
}

/// Finds the runs below locations. A run folder without data at all is no run.
pub fn discover(storage: &Storage, inputs: &[Location], options: DiscoveryOptions) -> Result<Discovered, LoadError> {
    let mut folders: BTreeMap<Location, Folder> = BTreeMap::new();
    let mut strays: Vec<ObjectMeta> = Vec::new();
    let mut seen = BTreeSet::new();
    for input in inputs {
        for object in storage.list_all(&absolute(input))? {
            if !seen.insert(object.location.clone()) {
                continue;
            }
            match classify(&object) {
                Some((base, found)) => add(folders.entry(base).or_default(), found, object),
                None => strays.push(object),
            }
        }
    }
    // Markers of runs without rows lie where nothing else shows that there is a run.
    folders.retain(|_, folder| !folder.data.is_empty() || folder.message.is_some() || !folder.unknown.is_empty());
    let is_inside = |object: &ObjectMeta| {
        let text = object.location.to_string();
        folders.keys().find(|base| text.starts_with(&with_slash(base))).cloned()
    };
    let mut unknown: Vec<(Location, String)> = Vec::new();
    let mut outside = Vec::new();
    for stray in strays.iter().filter(|stray| path::is_data(stray)) {
        match is_inside(stray) {
            Some(base) => unknown.push((base, stray.location.to_string())),
            None => outside.push(stray.location.to_string()),
        }
    }
    for (base, location) in unknown {
        folders.entry(base).or_default().unknown.push(location);
    }
    if folders.is_empty() && !outside.is_empty() {
        return Err(LoadError::Discovery(format!(
            "{}: no shredded data; load takes the run folders that shred writes (…/run=…/output=good/vendor=…), and those of \
             RDB Shredder since 2017",
            outside[0]
        )));
    }
    if let Some(first) = outside.first() {
        tracing::warn!(objects = outside.len(), first, "objects outside of run folders are not loaded");
    }
    let mut discovered = Discovered::default();
    for (location, folder) in folders {
        match incomplete(&folder) {
            Some(reason) if !options.allow_incomplete => discovered.incomplete.push((location, reason)),
            _ => discovered.runs.push(build(storage, location, folder)?),
        }
    }
    discovered.runs.sort_by(|a, b| (a.name(), &a.base).cmp(&(b.name(), &b.base)));
    Ok(discovered)
}

fn add(folder: &mut Folder, found: Found, object: ObjectMeta) {
    match found {
        Found::Success(parent) => {
            folder.successes.insert(parent);
        }
        Found::Message => folder.message = Some(object),
        Found::Manifest => folder.manifest = Some(object),
        Found::Ignored => {}
        Found::Unknown => folder.unknown.push(object.location.to_string()),
        found => folder.data.push((found, object)),
    }
}

/// Why a folder does not count as complete.
fn incomplete(folder: &Folder) -> Option<String> {
    let has = |name: &str| folder.successes.contains(name);
    let new_layout =
        folder.data.iter().any(|(found, _)| matches!(found, Found::Rows { layout: Layout::D | Layout::E, .. }));
    if new_layout || folder.data.is_empty() {
        if folder.manifest.is_some() && !has("") {
            return Some("it has no _SUCCESS".to_owned());
        }
        if folder.message.is_none() && folder.manifest.is_none() {
            return Some(format!("it has no {COMPLETE_FILE}"));
        }
        return None;
    }
    let mut tops: BTreeSet<&str> = BTreeSet::from(["atomic-events"]);
    for (found, _) in &folder.data {
        if let Found::Rows { top, .. } = found {
            tops.insert(top);
        }
    }
    let missing = tops.into_iter().find(|top| !has(top))?;
    Some(format!("{missing} has no _SUCCESS"))
}

fn build(storage: &Storage, location: Location, folder: Folder) -> Result<ShreddedRun, LoadError> {
    let base = with_slash(&location);
    if let Some(first) = folder.unknown.first() {
        return Err(LoadError::Discovery(unknown_text(&base, first, folder.unknown.len())));
    }
    let message = read_message(storage, folder.message.as_ref())?;
    let manifest = read_manifest(storage, folder.manifest.as_ref())?;
    let mut warnings = Vec::new();
    let data = match &manifest {
        Some(manifest) => listed_files(&base, manifest, folder.data, &mut warnings)?,
        None => folder.data,
    };
    let mut run = ShreddedRun {
        base: base_text(&location),
        location,
        layout: Layout::E,
        atomic: Vec::new(),
        atomic_folder: String::new(),
        types: Vec::new(),
        message,
        manifest,
        gzip: false,
        warnings,
    };
    sort_files(&mut run, data);
    if run.atomic.is_empty() && !run.types.is_empty() {
        return Err(LoadError::Discovery(format!("Folder with atomic-events was not found in [{base}]")));
    }
    check_types(&mut run)?;
    run.gzip = is_gzipped(storage, &run)?;
    Ok(run)
}

fn sort_files(run: &mut ShreddedRun, data: Vec<(Found, ObjectMeta)>) {
    let mut types: BTreeMap<(ModelKey, bool), TypeFiles> = BTreeMap::new();
    for (found, object) in data {
        let Found::Rows { layout, key, version, json, folder, .. } = found else { continue };
        run.layout = layout;
        let Some(key) = key else {
            run.atomic_folder = folder;
            run.atomic.push(object);
            continue;
        };
        // The folders of several versions (layout B) have the one above them in common.
        let entry = types.entry((key.clone(), json)).or_insert_with(|| TypeFiles {
            key,
            json,
            versions: BTreeSet::new(),
            folder,
            files: Vec::new(),
        });
        entry.versions.extend(version);
        entry.files.push(object);
    }
    if run.layout == Layout::B && types.values().any(|one| !one.json) {
        run.layout = Layout::C;
    }
    run.types = types.into_values().collect();
}

/// Compares the folders with the list of types, both ways.
fn check_types(run: &mut ShreddedRun) -> Result<(), LoadError> {
    let Some(message) = &run.message else { return Ok(()) };
    let mut listed = BTreeSet::new();
    for entry in &message.types {
        let key = SchemaKey::parse(&entry.schema_key).map_err(|_| {
            LoadError::Discovery(format!("{}{COMPLETE_FILE}: `{}` is no schema URI", run.base, entry.schema_key))
        })?;
        if (key.vendor, key.name) != path::ATOMIC {
            let model = ModelKey { vendor: key.vendor.into(), name: key.name.into(), model: key.version.model };
            listed.insert((model, entry.format.eq_ignore_ascii_case("JSON")));
        }
    }
    let found: BTreeSet<_> = run.types.iter().map(|one| (one.key.clone(), one.json)).collect();
    if let Some((key, _)) = listed.difference(&found).next() {
        return Err(LoadError::Discovery(format!(
            "{}: {COMPLETE_FILE} lists {}, but there are no files of it; the run folder is damaged",
            run.base,
            key.criterion()
        )));
    }
    for (key, _) in found.difference(&listed) {
        run.warnings.push(format!("{} is not in {COMPLETE_FILE}, but has files, which are loaded", key.criterion()));
    }
    if run.atomic.is_empty() && message.count_good.is_some_and(|count| count > 0) {
        return Err(LoadError::Discovery(format!("Folder with atomic-events was not found in [{}]", run.base)));
    }
    Ok(())
}

/// The files that the manifest lists, and no others.
fn listed_files(
    base: &str,
    manifest: &Manifest,
    data: Vec<(Found, ObjectMeta)>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(Found, ObjectMeta)>, LoadError> {
    let folder = format!("/run={}/", manifest.run_id);
    let relative = |location: &str| match location.rfind(&folder) {
        Some(at) => location[at + folder.len()..].to_owned(),
        None => location.to_owned(),
    };
    let mut listed: BTreeMap<String, u64> = BTreeMap::new();
    for output in &manifest.outputs {
        listed.insert(relative(&output.location), output.size);
    }
    let mut kept = Vec::with_capacity(data.len());
    let mut present = BTreeSet::new();
    for (found, object) in data {
        let name = object.location.to_string().strip_prefix(base).unwrap_or_default().to_owned();
        match listed.get(&name) {
            Some(&size) if size == object.size => {
                present.insert(name);
                kept.push((found, object));
            }
            Some(size) => {
                return Err(LoadError::Discovery(format!(
                    "{}: {} bytes, but the run's _manifest.json says {size}; the run folder is damaged",
                    object.location, object.size
                )));
            }
            None => warnings.push(format!("{} is not in the run's _manifest.json and is not loaded", object.location)),
        }
    }
    let is_good = |name: &str| name.starts_with("output=good/") || name.starts_with("vendor=");
    match listed.keys().find(|name| is_good(name) && !present.contains(*name)) {
        Some(missing) => Err(LoadError::Discovery(format!(
            "{base}{missing}: not found, but the run's _manifest.json lists it; the run folder is damaged"
        ))),
        None => Ok(kept),
    }
}

fn unknown_text(base: &str, first: &str, count: usize) -> String {
    let end = "Corrupted shredded/good state or unexpected Snowplow Shred job version";
    match count {
        1 => format!("Cannot extract contexts or self-describing events from file [{first}]. {end}"),
        n => format!(
            "Cannot extract contexts or self-describing events from directory [{base}].\nInvalid key example: {first}. \
             Total {n} invalid keys.\n{end}"
        ),
    }
}

/// Decided by what was written: the first file's bytes. All files of a run share their codec.
fn is_gzipped(storage: &Storage, run: &ShreddedRun) -> Result<bool, LoadError> {
    let mut files = run.atomic.iter().chain(run.types.iter().flat_map(|one| &one.files));
    let Some(file) = files.find(|file| file.size > 0) else { return Ok(false) };
    let mut first = Vec::new();
    let mut range = storage.open_range(file, 0..DETECT_BYTES as u64)?;
    let failed = |error| crate::storage::StorageError::from_io(&file.location, error);
    range.read_to_end(&mut first).map_err(failed)?;
    match Codec::detect(&first, &file.relative) {
        Ok(Codec::Plain) => Ok(false),
        Ok(Codec::Gzip) => Ok(true),
        Ok(codec) => {
            Err(LoadError::Discovery(format!("{}: {} is no codec of shredded data", file.location, codec.name())))
        }
        Err(error) => Err(LoadError::Discovery(format!("{}: {error}", file.location))),
    }
}

/// A local path without `.` and `..`, so that one run has one name.
fn absolute(input: &Location) -> Location {
    match input {
        Location::Local(path) => Location::Local(path.canonicalize().unwrap_or_else(|_| path.clone())),
        other => other.clone(),
    }
}

fn with_slash(location: &Location) -> String {
    let text = location.to_string();
    if text.ends_with('/') { text } else { format!("{text}/") }
}

fn base_text(location: &Location) -> String {
    match location {
        Location::Local(_) => format!("file://{}", with_slash(location)),
        _ => with_slash(location),
    }
}

#[cfg(test)]
mod tests;
