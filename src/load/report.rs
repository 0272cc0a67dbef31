//! What a load did: for `--report`, and for the summary.

use serde::Serialize;

use crate::report::{bytes_text, count_text};

/// One table of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TableReport {
    /// The table.
    pub table: String,
    /// Rows loaded, if the database says.
    pub rows: Option<u64>,
    /// Files.
    pub files: usize,
    /// Their bytes as stored.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
    /// Texts cut to the width of their column, where the loader cuts them itself.
    pub cut_texts: u64,
    /// Rows in which NUL was removed or bytes that are no UTF-8 became `?`.
    pub repaired_rows: u64,
    /// Rows that the database left out because `MAXERROR` let it.
    pub rejected: Vec<String>,
}

/// What became of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// It is loaded now.
    Loaded,
    /// It was loaded before.
    AlreadyLoaded,
    /// It would be loaded.
    Planned,
    /// It could not be loaded, and nothing of it is.
    Failed,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// The run's name in the manifest table.
    pub base: String,
    /// What became of it.
    pub outcome: RunOutcome,
    /// When it was loaded, if that was before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loaded_at: Option<String>,
    /// Its tables, `events` first.
    pub tables: Vec<TableReport>,
    /// Tables created or brought to a newer version.
    pub changed_tables: Vec<String>,
    /// How long it took.
    pub seconds: f64,
    /// What was odd.
    pub warnings: Vec<String>,
    /// Why it could not be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A load.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LoadReport {
    /// The target, without secrets.
    pub target: String,
    /// Runs, in the order in which they were loaded.
    pub runs: Vec<RunReport>,
    /// Runs that are not complete, and why.
    pub incomplete: Vec<(String, String)>,
    /// Whether nothing was to be done for real.
    pub dry_run: bool,
    /// How long it took.
    pub seconds: f64,
    /// What was odd about the whole.
    pub warnings: Vec<String>,
    /// Every statement, secrets masked (dry runs only).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

impl LoadReport {
    /// One line of JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a report has only string keys")
    }

    /// Runs with an outcome.
    pub fn count(&self, outcome: RunOutcome) -> usize {
        self.runs.iter().filter(|run| run.outcome == outcome).count()
    }

    /// Rows loaded into all tables.
    pub fn rows(&self) -> u64 {
        let tables = self.runs.iter().filter(|run| run.outcome == RunOutcome::Loaded).flat_map(|run| &run.tables);
        tables.filter_map(|table| table.rows).sum()
    }

    /// A few lines, with a line end after each.
    pub fn to_text(&self) -> String {
        use std::fmt::Write;
        let mut text = String::new();
        for statement in &self.statements {
            let _ = writeln!(text, "{statement};");
        }
        for run in &self.runs {
            let what = match run.outcome {
                RunOutcome::Loaded => format!("loaded in {:.1} s", run.seconds),
                RunOutcome::AlreadyLoaded => {
                    format!(
                        "is already loaded{}",
                        run.loaded_at.as_ref().map_or(String::new(), |at| format!(" at {at}"))
                    )
                }
                RunOutcome::Planned => "would be loaded".to_owned(),
                RunOutcome::Failed => "failed; nothing of it is loaded".to_owned(),
            };
            let _ = writeln!(text, "{} {what}", run.base);
            for table in &run.tables {
                let rows = table.rows.map_or("?".to_owned(), count_text);
                let _ = writeln!(text, "  {:<48} {rows:>12} rows  {}", table.table, bytes_text(table.bytes));
                if table.cut_texts > 0 {
                    let _ = writeln!(text, "    {} texts were cut to the width of their column", table.cut_texts);
                }
                for rejected in &table.rejected {
                    let _ = writeln!(text, "    left out: {rejected}");
                }
            }
        }
        let _ = writeln!(
            text,
            "load: {} runs loaded, {} already loaded, {} failed, {} incomplete; {} rows in {:.1} s",
            self.count(RunOutcome::Loaded),
            self.count(RunOutcome::AlreadyLoaded),
            self.count(RunOutcome::Failed),
            self.incomplete.len(),
            count_text(self.rows()),
            self.seconds
        );
        text
    }
}
