//! How far each run of a pipeline got: what its folders show, and what the state remembers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::pipeline::{EventFolders, Pipeline};
use super::state::{RunState, StateError, StateStore, is_time};
use crate::run::SUCCESS;
use crate::storage::{Location, Storage, StorageError};

/// A stage of a run's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Nothing is there.
    None,
    /// Begun: a folder without `_SUCCESS`.
    Partial,
    /// Done.
    Done,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunRow {
    /// Its id.
    pub run_id: String,
    /// Collectors' files are in its folder, or in the archive.
    pub staged: Stage,
    /// Enriched events.
    pub enriched: Stage,
    /// Rows for tables.
    pub shredded: Stage,
    /// In every target, as far as the state knows.
    pub loaded: Stage,
    /// Everything is in the archives.
    pub archived: Stage,
    /// `finished`, `open`, `failed: STEP`, or `unknown`: folders without a state.
    pub state: String,
    /// Seconds since the run began.
    pub age: Option<i64>,
    /// Seconds since the last thing that is known to have happened.
    pub idle: Option<i64>,
}

/// Which folders of which kind hold a run: whether waiting, whether archived.
#[derive(Clone, Copy, Default)]
struct Places {
    processing: bool,
    raw_archive: bool,
    enriched: bool,
    enriched_archive: bool,
    shredded: bool,
    shredded_archive: bool,
}

/// The newest runs, and every one that is not finished, the oldest first.
pub fn survey(
    pipeline: &Pipeline,
    storage: &Storage,
    state: &StateStore,
    newest: usize,
    now: i64,
) -> Result<Vec<RunRow>, StateError> {
    let mut places: BTreeMap<String, Places> = BTreeMap::new();
    for (at, mark) in folder_marks(pipeline) {
        for id in run_ids(storage, at)? {
            mark(places.entry(id).or_default());
        }
    }
    let open = state.open_runs()?;
    for run in &open {
        places.entry(run.run_id.clone()).or_default();
    }
    let waiting = |id: &str, place: &Places| {
        open.iter().any(|run| run.run_id == id)
            || place.processing
            || (place.enriched && pipeline.enriched.archive.is_some())
            || (place.shredded && pipeline.shredded.archive.is_some())
    };
    let first_new = places.len().saturating_sub(newest);
    let mut rows = Vec::new();
    for (index, (id, place)) in places.iter().enumerate() {
        if index < first_new && !waiting(id, place) {
            continue;
        }
        let known = match open.iter().find(|run| run.run_id == *id) {
            Some(run) => Some(run.clone()),
            None => state.done_run(id)?,
        };
        rows.push(row(pipeline, storage, id, *place, known.as_ref(), now)?);
    }
    Ok(rows)
}

type Mark = fn(&mut Places);

fn folder_marks(pipeline: &Pipeline) -> Vec<(&Location, Mark)> {
    let mut marks: Vec<(&Location, Mark)> = Vec::new();
    if let Some(raw) = &pipeline.raw {
        marks.push((&raw.processing, |place| place.processing = true));
        marks.push((&raw.archive, |place| place.raw_archive = true));
    }
    marks.push((&pipeline.enriched.good, |place| place.enriched = true));
    marks.push((&pipeline.shredded.good, |place| place.shredded = true));
    let archives = [(&pipeline.enriched, enriched_archived as Mark), (&pipeline.shredded, shredded_archived as Mark)];
    for (folders, mark) in archives {
        marks.extend(folders.archive.iter().map(|at| (at, mark)));
    }
    marks
}

fn enriched_archived(place: &mut Places) {
    place.enriched_archive = true;
}

fn shredded_archived(place: &mut Places) {
    place.shredded_archive = true;
}

/// Run folders directly below a location.
fn run_ids(storage: &Storage, at: &Location) -> Result<Vec<String>, StorageError> {
    let names = match storage.folders(at) {
        Err(StorageError::NotFound { .. }) => return Ok(Vec::new()),
        names => names?,
    };
    Ok(names.into_iter().filter_map(|name| name.strip_prefix("run=").map(str::to_owned)).collect())
}

fn row(
    pipeline: &Pipeline,
    storage: &Storage,
    id: &str,
    place: Places,
    known: Option<&RunState>,
    now: i64,
) -> Result<RunRow, StateError> {
    let done = |name: &str| known.is_some_and(|run| run.steps.iter().any(|step| step.name == name));
    let stage = |here: bool, at: &Location, archived: bool| -> Result<Stage, StorageError> {
        if archived && !here {
            return Ok(Stage::Done);
        }
        if !here {
            return Ok(Stage::None);
        }
        let whole = storage.head(&at.join(&format!("run={id}")).join(SUCCESS))?.is_some();
        Ok(if whole { Stage::Done } else { Stage::Partial })
    };
    let staged = match &pipeline.raw {
        Some(raw) => stage(place.processing, &raw.processing, place.raw_archive)?,
        None => stage(place.enriched, &pipeline.enriched.good, place.enriched_archive)?,
    };
    let enriched = match pipeline.raw {
        Some(_) => stage(place.enriched, &pipeline.enriched.good, place.enriched_archive)?,
        // Someone else's work, and what arrives is done.
        None => staged,
    };
    let shredded = stage(place.shredded, &pipeline.shredded.good, place.shredded_archive)?;
    let loads = known.map_or(0, |run| run.steps.iter().filter(|step| step.name.starts_with("rdb_load")).count());
    let finished = known.is_some_and(|run| run.finished.is_some());
    let loaded = match (loads, finished) {
        (0, _) => Stage::None,
        (_, true) => Stage::Done,
        // The state does not know how many targets there are; archiving begins after the last of them.
        _ if done("archive_enriched") || place.shredded_archive => Stage::Done,
        _ => Stage::Partial,
    };
    let began = known.map(|run| run.began).or_else(|| time_of(id));
    let last = known.map(|run| {
        let steps = run.steps.iter().map(|step| step.ended);
        steps.chain(run.failure.iter().map(|failure| failure.at)).chain([run.began]).max().unwrap_or(run.began)
    });
    Ok(RunRow {
        run_id: id.to_owned(),
        staged,
        enriched,
        shredded,
        loaded,
        archived: archived(pipeline, place),
        state: state_text(known),
        age: began.map(|began| (now - began) / 1000),
        idle: last.or(began).map(|last| (now - last) / 1000),
    })
}

fn archived(pipeline: &Pipeline, place: Places) -> Stage {
    let has = |folders: &EventFolders| folders.archive.is_some();
    let mut wanted = Vec::new();
    if pipeline.raw.is_some() {
        wanted.push(place.raw_archive && !place.processing);
    }
    wanted.extend(has(&pipeline.enriched).then_some(place.enriched_archive && !place.enriched));
    wanted.extend(has(&pipeline.shredded).then_some(place.shredded_archive && !place.shredded));
    let some = place.raw_archive || place.enriched_archive || place.shredded_archive;
    match wanted.iter().all(|done| *done) {
        true => Stage::Done,
        false if some => Stage::Partial,
        false => Stage::None,
    }
}

fn state_text(known: Option<&RunState>) -> String {
    match known {
        None => "unknown".to_owned(),
        Some(run) if run.finished.is_some() => "finished".to_owned(),
        Some(RunState { failure: Some(failure), .. }) => format!("failed: {}", failure.step),
        Some(_) => "open".to_owned(),
    }
}

/// The time that an id is.
fn time_of(id: &str) -> Option<i64> {
    if !is_time(id) {
        return None;
    }
    super::plan::etl_millis(&id.parse().ok()?)
}
