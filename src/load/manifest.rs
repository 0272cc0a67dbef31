//! The manifest tables: which runs are loaded.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/loader/.../db/Manifest.scala` (second generation, by the run's
//! base); R28 to R35, `RedshiftLoadStatements.scala` and snowplow/snowplow r117 `manifest-def.sql` (first generation, by
//! the newest `etl_tstamp`, kept for those whose jobs read it).

use super::config::Kind;
use super::discovery::ShreddedRun;
use super::sql::{harmless, literal};
use super::target::Target;
use crate::event::time::{column_timestamp, now_millis};

/// The table.
pub const MANIFEST: &str = "manifest";
/// What a table of the first generation is renamed to.
pub const LEGACY: &str = "manifest_legacy";

/// Which manifest table is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// One row for each run, by its base: knows every run.
    #[default]
    Second,
    /// One row for each load, by `etl_tstamp`: knows only the newest.
    First,
}

const FIRST_COLUMNS: [&str; 4] = ["commit_tstamp", "etl_tstamp", "event_count", "shredded_cardinality"];

/// Whether these are the columns of the first generation's table.
pub fn is_first_generation<'a>(columns: impl Iterator<Item = &'a str>) -> bool {
    let mut names: Vec<&str> = columns.collect();
    names.sort_unstable();
    names == FIRST_COLUMNS
}

/// The statements that make the table.
pub fn create(target: &dyn Target, generation: Generation) -> Vec<String> {
    let table = qualified(target);
    let kind = target.kind();
    let (columns, comment, tail) = match generation {
        Generation::Second => (second_columns(kind), "0.2.0", ""),
        Generation::First => (
            FIRST_DEFINITIONS.iter().map(|line| (*line).to_owned()).collect(),
            "0.1.0",
            if kind == Kind::Redshift { "\nDISTSTYLE ALL\nSORTKEY (etl_tstamp)" } else { "" },
        ),
    };
    let mut statements =
        vec![format!("CREATE TABLE IF NOT EXISTS {table} (\n    {}\n){tail}", columns.join(",\n    "))];
    if kind != Kind::Sqlite {
        statements.push(format!("COMMENT ON TABLE {table} IS '{comment}'"));
    }
    statements
}

const FIRST_DEFINITIONS: [&str; 4] =
    ["etl_tstamp TIMESTAMP", "commit_tstamp TIMESTAMP", "event_count BIGINT", "shredded_cardinality INT"];

fn second_columns(kind: Kind) -> Vec<String> {
    let columns = [
        ("base", "VARCHAR(512)", "ZSTD", "NOT NULL PRIMARY KEY"),
        ("types", "VARCHAR(65535)", "ZSTD", "NOT NULL"),
        ("shredding_started", "TIMESTAMP", "ZSTD", "NOT NULL"),
        ("shredding_completed", "TIMESTAMP", "ZSTD", "NOT NULL"),
        ("min_collector_tstamp", "TIMESTAMP", "RAW", "NULL"),
        ("max_collector_tstamp", "TIMESTAMP", "ZSTD", "NULL"),
        ("ingestion_tstamp", "TIMESTAMP", "ZSTD", "NOT NULL"),
        ("compression", "VARCHAR(16)", "ZSTD", "NOT NULL"),
        ("processor_artifact", "VARCHAR(64)", "ZSTD", "NOT NULL"),
        ("processor_version", "VARCHAR(32)", "ZSTD", "NOT NULL"),
        ("count_good", "INT", "ZSTD", "NULL"),
    ];
    let line = |(name, ty, encoding, null): (&str, &str, &str, &str)| match kind {
        Kind::Redshift => format!("{name} {ty} ENCODE {encoding} {null}"),
        Kind::Postgres => format!("{name} {ty} {null}"),
        Kind::Sqlite => format!("{name} {} {null}", if ty == "INT" { "INTEGER" } else { "TEXT" }),
    };
    columns.into_iter().map(line).collect()
}

/// The statement that sets a table of the first generation aside.
pub fn rename_first(target: &dyn Target) -> String {
    format!("ALTER TABLE {} RENAME TO {LEGACY}", qualified(target))
}

/// The query that tells when a run was loaded.
pub fn lookup(target: &dyn Target, base: &str) -> String {
    format!("SELECT ingestion_tstamp FROM {} WHERE base = {}", qualified(target), literal(base))
}

/// The query for the newest entry of the first generation that stands for the newest events.
pub fn lookup_first(target: &dyn Target) -> String {
    let events = target.dialect().qualified(super::plan::EVENTS, target.sql_options());
    format!(
        "SELECT etl_tstamp, commit_tstamp, event_count, shredded_cardinality FROM {} WHERE etl_tstamp = \
         (SELECT MAX(etl_tstamp) FROM {events} WHERE etl_tstamp IS NOT NULL)",
        qualified(target)
    )
}

/// The statement that records a run in the first generation's table.
pub fn insert_first(target: &dyn Target, types: usize) -> String {
    let events = target.dialect().qualified(super::plan::EVENTS, target.sql_options());
    let now = match target.kind() {
        Kind::Redshift => "sysdate",
        other => now_text(other),
    };
    format!(
        "INSERT INTO {} SELECT etl_tstamp, {now} AS commit_tstamp, count(*) AS event_count, {types} AS \
         shredded_cardinality FROM {events} WHERE etl_tstamp IS NOT null GROUP BY 1 ORDER BY etl_tstamp DESC LIMIT 1",
        qualified(target)
    )
}

/// The statement that records a run. `events` is how many were loaded, if the shredder has not said.
pub fn insert(target: &dyn Target, run: &ShreddedRun, events: Option<u64>) -> String {
    let facts = Facts::of(run, events);
    let optional = |text: &Option<String>| text.as_deref().map_or("NULL".to_owned(), literal);
    let values = [
        literal(&run.base),
        literal(&facts.types),
        literal(&facts.started),
        literal(&facts.completed),
        optional(&facts.min),
        optional(&facts.max),
        now_text(target.kind()).to_owned(),
        literal(if run.gzip { "GZIP" } else { "NONE" }),
        literal(&shortened(&facts.artifact, 64)),
        literal(&shortened(&facts.version, 32)),
        facts.good.map_or("NULL".to_owned(), |count| count.min(i32::MAX as u64).to_string()),
    ];
    format!(
        "INSERT INTO {} (base, types, shredding_started, shredding_completed, min_collector_tstamp, \
         max_collector_tstamp, ingestion_tstamp, compression, processor_artifact, processor_version, count_good) \
         VALUES ({})",
        qualified(target),
        values.join(", ")
    )
}

/// The statement that makes other loaders wait until this transaction ends. Databases that have better means need none.
pub fn lock(target: &dyn Target) -> Option<String> {
    (target.kind() == Kind::Redshift).then(|| format!("LOCK TABLE {}", qualified(target)))
}

fn qualified(target: &dyn Target) -> String {
    target.dialect().qualified(MANIFEST, target.sql_options())
}

fn now_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Redshift => "getdate()",
        Kind::Postgres => "(now() AT TIME ZONE 'UTC')",
        Kind::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    }
}

fn shortened(text: &str, most: usize) -> String {
    harmless(text).chars().filter(char::is_ascii).take(most).collect()
}

/// What the manifest says of a run, from whoever knows it.
struct Facts {
    types: String,
    started: String,
    completed: String,
    min: Option<String>,
    max: Option<String>,
    artifact: String,
    version: String,
    good: Option<u64>,
}

impl Facts {
    fn of(run: &ShreddedRun, events: Option<u64>) -> Facts {
        let now = || column_timestamp(now_millis());
        if let Some(message) = &run.message {
            return Facts {
                // Schema URIs were checked; a list of them holds nothing that could end a text.
                types: harmless(&message.types_text),
                started: plain_time(&message.started).unwrap_or_else(now),
                completed: plain_time(&message.completed).unwrap_or_else(now),
                min: message.min.as_deref().and_then(plain_time),
                max: message.max.as_deref().and_then(plain_time),
                artifact: message.artifact.clone(),
                version: message.version.clone(),
                good: message.count_good.or(events),
            };
        }
        let files = run.atomic.iter().chain(run.types.iter().flat_map(|one| &one.files));
        let times: Vec<i64> = files.filter_map(|file| file.modified).collect();
        let time = |millis: Option<&i64>| millis.map_or_else(now, |millis| column_timestamp(*millis));
        let (artifact, version, started, completed) = match &run.manifest {
            Some(manifest) => (
                "thresh".to_owned(),
                manifest.version.clone(),
                plain_time(&manifest.started).unwrap_or_else(now),
                plain_time(&manifest.ended).unwrap_or_else(now),
            ),
            None => ("unknown".to_owned(), "unknown".to_owned(), time(times.iter().min()), time(times.iter().max())),
        };
        Facts { types: types_text(run), started, completed, min: None, max: None, artifact, version, good: events }
    }
}

/// The list of types by the names of their folders.
fn types_text(run: &ShreddedRun) -> String {
    let mut entries = Vec::new();
    for one in &run.types {
        let format = if one.json { "JSON" } else { "TSV" };
        let entry = |key: String| format!(r#"{{"schemaKey":"{key}","format":"{format}"}}"#);
        if one.versions.is_empty() {
            entries.push(entry(one.key.criterion().to_string()));
        }
        entries.extend(one.versions.iter().map(|version| entry(one.key.version(*version).to_string())));
    }
    format!("[{}]", entries.join(","))
}

/// An ISO instant as a column of timestamps takes it.
fn plain_time(text: &str) -> Option<String> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(column_timestamp(instant.as_millisecond()))
}
