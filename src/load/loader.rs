//! The load itself: runs one after another, each in one transaction with its row of the manifest table.
//!
//! Order of statements: snowplow/snowplow-rdb-loader 1.2.3, `modules/loader/.../loading/{Load,RedshiftLoader}.scala`.
//! `ANALYZE` and `VACUUM` come once, after the last run.

use std::time::Instant;

mod tidy;

use super::LoadError;
use super::config::Kind;
use super::discovery::{ShreddedRun, TypeFiles};
use super::jsonpaths::JsonPaths;
use super::manifest::{self, Generation, MANIFEST};
use super::plan::{EVENTS, TablePlan, plan_events, plan_type};
use super::report::{LoadReport, RunOutcome, RunReport, TableReport};
use super::target::{CopyJob, RowKind, Target};
use crate::ddl::SchemaSource;
use crate::storage::Storage;

/// Which steps are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Gather statistics for the planner after the last run.
    pub analyze: bool,
    /// Clean up after the last run.
    pub vacuum: bool,
    /// Keep the manifest table.
    pub load_manifest: bool,
    /// Skip runs that are in it.
    pub load_manifest_check: bool,
    /// Load events by way of a table of their own.
    pub transit_copy: bool,
}

impl Default for Steps {
    fn default() -> Self {
        Steps { analyze: true, vacuum: false, load_manifest: true, load_manifest_check: true, transit_copy: false }
    }
}

/// How a load is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Which steps are done.
    pub steps: Steps,
    /// Which manifest table is kept.
    pub manifest: Generation,
    /// Give events the column `load_tstamp`.
    pub load_tstamp: bool,
    /// Look, but change nothing.
    pub dry_run: bool,
    /// Where JSONPaths files are, for JSON types on Redshift.
    pub jsonpaths: JsonPaths,
}

/// What a load may use.
pub struct Resources<'r> {
    /// Schemas of types.
    pub schemas: &'r dyn SchemaSource,
    /// Where files are.
    pub storage: &'r Storage,
    /// Whether to stop before the next run.
    pub stop: &'r dyn Fn() -> bool,
}

/// Loads runs in the order given. The report tells what was done, also if there is an error.
pub fn load(
    target: &mut dyn Target,
    runs: &[ShreddedRun],
    resources: &Resources<'_>,
    options: &LoadOptions,
) -> (LoadReport, Result<(), LoadError>) {
    let started = Instant::now();
    let mut report = LoadReport { target: target.describe(), dry_run: options.dry_run, ..LoadReport::default() };
    let mut loader = Loader { target, resources, options, statements: Vec::new(), tables: Vec::new(), copying: None };
    let result = loader.all(runs, &mut report);
    report.statements = std::mem::take(&mut loader.statements);
    report.seconds = started.elapsed().as_secs_f64();
    (report, result)
}

struct Loader<'l> {
    target: &'l mut dyn Target,
    resources: &'l Resources<'l>,
    options: &'l LoadOptions,
    /// Statements of a dry run.
    statements: Vec<String>,
    /// Tables that got rows, in order, each once.
    tables: Vec<String>,
    /// The table that rows are copied into.
    copying: Option<String>,
}

impl Loader<'_> {
    fn all(&mut self, runs: &[ShreddedRun], report: &mut LoadReport) -> Result<(), LoadError> {
        if !self.options.dry_run {
            self.target.keep_others_away()?;
        }
        self.prepare()?;
        for run in runs {
            if (self.resources.stop)() {
                return Err(LoadError::Interrupted);
            }
            let started = Instant::now();
            let mut done = RunReport {
                base: run.base.clone(),
                outcome: RunOutcome::Failed,
                loaded_at: None,
                tables: Vec::new(),
                changed_tables: Vec::new(),
                seconds: 0.0,
                warnings: run.warnings.clone(),
                error: None,
            };
            let result = self.run(run, &mut done);
            done.seconds = started.elapsed().as_secs_f64();
            if let Err(error) = &result {
                done.outcome = RunOutcome::Failed;
                done.error = Some(error.to_string());
            }
            report.runs.push(done);
            result?;
        }
        self.tidy_up(report);
        Ok(())
    }

    /// Runs a statement, or notes it in a dry run.
    fn execute(&mut self, sql: &str) -> Result<(), LoadError> {
        if self.options.dry_run {
            self.statements.push(sql.to_owned());
            return Ok(());
        }
        tracing::debug!(sql, "statement");
        self.target.execute(sql)
    }

    fn execute_all(&mut self, statements: &[String]) -> Result<(), LoadError> {
        statements.iter().try_for_each(|sql| self.execute(sql))
    }

    /// The schema and the manifest table.
    fn prepare(&mut self) -> Result<(), LoadError> {
        if self.target.kind() != Kind::Sqlite {
            let schema = self.target.sql_options().schema.clone();
            let exists =
                format!("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = {}", super::sql::literal(&schema));
            if self.target.query(&exists)?.is_empty() {
                let name = self.target.dialect().qualified("", self.target.sql_options());
                let name = name.split_once('.').map_or(name.as_str(), |(schema, _)| schema).to_owned();
                self.execute(&format!("CREATE SCHEMA {name}"))?;
            }
        }
        if !self.options.steps.load_manifest {
            return Ok(());
        }
        let columns = self.target.columns(MANIFEST)?;
        let is_first = manifest::is_first_generation(columns.iter().map(|column| column.name.as_str()));
        let mut statements = Vec::new();
        if is_first && self.options.manifest == Generation::Second {
            statements.push(manifest::rename_first(self.target));
        }
        if columns.is_empty() || !statements.is_empty() {
            statements.extend(manifest::create(self.target, self.options.manifest));
        } else if !is_first && self.options.manifest == Generation::First {
            let problem = "it is not of the first generation, which was asked for".to_owned();
            return Err(LoadError::Table { table: MANIFEST.to_owned(), problem });
        }
        self.execute_all(&statements)
    }

    /// When a run was loaded, if the manifest table knows it.
    fn loaded_at(&mut self, run: &ShreddedRun) -> Result<Option<String>, LoadError> {
        let steps = self.options.steps;
        if !steps.load_manifest || !steps.load_manifest_check || self.options.manifest == Generation::First {
            return Ok(None);
        }
        // In a dry run the table may not be there yet.
        if self.options.dry_run && self.target.columns(MANIFEST)?.iter().all(|column| column.name != "base") {
            return Ok(None);
        }
        let rows = self.target.query(&manifest::lookup(self.target, &run.base))?;
        Ok(rows.into_iter().next().map(|row| row.into_iter().next().flatten().unwrap_or_default()))
    }

    fn run(&mut self, run: &ShreddedRun, done: &mut RunReport) -> Result<(), LoadError> {
        if let Some(at) = self.loaded_at(run)? {
            already_loaded(done, run, at);
            return Ok(());
        }
        let plans = self.plans(run)?;
        for plan in &plans {
            self.execute_all(&plan.before)?;
            done.warnings.extend(plan.notes.iter().cloned());
        }
        self.execute(if self.target.kind() == Kind::Sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" })?;
        let outcome = self.inside(run, &plans, done);
        let result = match outcome {
            Ok(true) => self.execute("COMMIT"),
            Ok(false) => self.execute(self.abort()),
            Err(error) => {
                // The first error is the one to tell; a connection that is gone rolls back by itself.
                if let Err(second) = self.execute(self.abort()) {
                    tracing::debug!(error = %second, "the transaction could not be rolled back");
                }
                let table = self.copying.take().unwrap_or_default();
                Err(self.target.explain(&table, error))
            }
        };
        self.target.after_transaction(self.resources.storage);
        result?;
        if done.outcome != RunOutcome::AlreadyLoaded {
            done.outcome = if self.options.dry_run { RunOutcome::Planned } else { RunOutcome::Loaded };
        }
        Ok(())
    }

    fn abort(&self) -> &'static str {
        if self.target.kind() == Kind::Redshift { "ABORT" } else { "ROLLBACK" }
    }

    fn plans(&mut self, run: &ShreddedRun) -> Result<Vec<TablePlan>, LoadError> {
        let mut plans = vec![plan_events(self.target, self.options.load_tstamp)?];
        for one in &run.types {
            plans.push(plan_type(self.target, self.resources.schemas, one, run.layout)?);
        }
        Ok(plans)
    }

    /// Everything between `BEGIN` and its end. `false`: another loader was faster.
    fn inside(&mut self, run: &ShreddedRun, plans: &[TablePlan], done: &mut RunReport) -> Result<bool, LoadError> {
        if let Some(lock) = manifest::lock(self.target).filter(|_| self.options.steps.load_manifest) {
            self.execute(&lock)?;
        }
        if let Some(at) = self.loaded_at(run)? {
            already_loaded(done, run, at);
            return Ok(false);
        }
        for plan in plans {
            self.execute_all(&plan.inside)?;
            if !plan.inside.is_empty() || !plan.before.is_empty() {
                done.changed_tables.push(plan.table.clone());
            }
        }
        let mut events = None;
        if !run.atomic.is_empty() {
            events = self.copy_events(run, &plans[0], done)?;
        }
        if self.options.manifest == Generation::First && self.options.steps.load_manifest_check {
            self.check_first_generation(run)?;
        }
        for (one, plan) in run.types.iter().zip(&plans[1..]) {
            self.copy_type(run, one, plan, done)?;
        }
        if self.options.steps.load_manifest {
            let sql = match self.options.manifest {
                Generation::Second => manifest::insert(self.target, run, events),
                Generation::First => manifest::insert_first(self.target, run.types.len()),
            };
            self.execute(&sql)?;
        }
        Ok(true)
    }

    fn copy_events(
        &mut self,
        run: &ShreddedRun,
        plan: &TablePlan,
        done: &mut RunReport,
    ) -> Result<Option<u64>, LoadError> {
        let mut job = CopyJob {
            table: EVENTS.to_owned(),
            kind: RowKind::Atomic,
            shape: plan.shape.clone(),
            table_columns: plan.columns.clone(),
            files: &run.atomic,
            folder: &run.atomic_folder,
            base: &run.base,
            gzip: run.gzip,
            jsonpaths: None,
        };
        if !self.options.steps.transit_copy || self.target.kind() == Kind::Sqlite {
            return self.copy(&job, done);
        }
        job.table = "temp_transit_events".to_owned();
        let name = |table| self.target.dialect().qualified(table, self.target.sql_options());
        let (transit, events) = (name(&job.table), name(EVENTS));
        self.execute(&format!("CREATE TABLE {transit} ( LIKE {events} )"))?;
        let rows = self.copy(&job, done)?;
        // The reference forgot this step; inside the transaction it cannot be ALTER TABLE … APPEND.
        self.execute(&format!("INSERT INTO {events} SELECT * FROM {transit}"))?;
        self.execute(&format!("DROP TABLE {transit}"))?;
        Ok(rows)
    }

    fn copy_type(
        &mut self,
        run: &ShreddedRun,
        one: &TypeFiles,
        plan: &TablePlan,
        done: &mut RunReport,
    ) -> Result<(), LoadError> {
        let jsonpaths = match one.json && self.target.kind() == Kind::Redshift {
            true => Some(self.options.jsonpaths.find(self.resources.storage, &one.key)?),
            false => None,
        };
        let job = CopyJob {
            table: plan.table.clone(),
            kind: if one.json { RowKind::Json } else { RowKind::Tsv },
            shape: plan.shape.clone(),
            table_columns: plan.columns.clone(),
            files: &one.files,
            folder: &one.folder,
            base: &run.base,
            gzip: run.gzip,
            jsonpaths,
        };
        self.copy(&job, done).map(|_| ())
    }

    fn copy(&mut self, job: &CopyJob<'_>, done: &mut RunReport) -> Result<Option<u64>, LoadError> {
        let started = Instant::now();
        let mut table = TableReport {
            table: job.table.clone(),
            files: job.files.len(),
            bytes: job.files.iter().map(|file| file.size).sum(),
            ..TableReport::default()
        };
        if self.options.dry_run {
            self.statements.push(self.target.copy_text(job));
            done.tables.push(table);
            return Ok(None);
        }
        self.copying = Some(job.table.clone());
        let copied = self.target.copy(job, self.resources.storage)?;
        self.copying = None;
        table.rows = copied.rows;
        table.cut_texts = copied.cut;
        table.repaired_rows = copied.repaired;
        table.rejected = copied.rejected.iter().map(ToString::to_string).collect();
        table.seconds = started.elapsed().as_secs_f64();
        tracing::info!(table = job.table, rows = ?copied.rows, seconds = table.seconds, "copied");
        done.tables.push(table);
        let name = if job.table == "temp_transit_events" { EVENTS } else { &job.table };
        if !self.tables.iter().any(|known| known == name) {
            self.tables.push(name.to_owned());
        }
        Ok(copied.rows)
    }

    /// The check of the first generation: only the newest `etl_tstamp` is looked up.
    fn check_first_generation(&mut self, run: &ShreddedRun) -> Result<(), LoadError> {
        let bytes: u64 = run.atomic.iter().map(|file| file.size).sum();
        let possibly_empty = bytes <= 20 * run.atomic.len() as u64;
        if self.options.dry_run || possibly_empty {
            return Ok(());
        }
        let rows = self.target.query(&manifest::lookup_first(self.target))?;
        let Some(row) = rows.first() else { return Ok(()) };
        let cell = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        let problem = format!(
            "Load Manifest record for {} already exists. Cannot proceed to loading. Manifest item committed at {} with {} \
             events and {} shredded types. Use --skip load_manifest_check to bypass this check",
            cell(0),
            cell(1),
            cell(2),
            cell(3)
        );
        Err(LoadError::Table { table: MANIFEST.to_owned(), problem })
    }
}

fn already_loaded(done: &mut RunReport, run: &ShreddedRun, at: String) {
    tracing::warn!("Folder [{}] is already loaded at {at}. Aborting the operation", run.base);
    done.outcome = RunOutcome::AlreadyLoaded;
    done.loaded_at = Some(at);
}
