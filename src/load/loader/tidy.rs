//! After the last run: statistics and cleaning up.

use super::Loader;
use crate::load::config::Kind;
use crate::load::report::LoadReport;

impl Loader<'_> {
    /// Failures here lose no data: they are warnings.
    pub(super) fn tidy_up(&mut self, report: &mut LoadReport) {
        let kind = self.target.kind();
        let names: Vec<String> =
            self.tables.iter().map(|table| self.target.dialect().qualified(table, self.target.sql_options())).collect();
        let mut statements = Vec::new();
        if self.options.steps.vacuum {
            match kind {
                Kind::Redshift => statements.extend(names.iter().map(|name| format!("VACUUM SORT ONLY {name}"))),
                Kind::Postgres => statements.extend(names.iter().map(|name| format!("VACUUM {name}"))),
                Kind::Sqlite => statements.push("VACUUM".to_owned()),
            }
        }
        if self.options.steps.analyze && !names.is_empty() {
            statements.push("BEGIN".to_owned());
            statements.extend(names.iter().map(|name| format!("ANALYZE {name}")));
            statements.push("COMMIT".to_owned());
        }
        for sql in statements {
            if let Err(error) = self.execute(&sql) {
                tracing::warn!(%error, "the data is loaded, but cleaning up failed");
                report.warnings.push(format!("{sql}: {error}"));
                let _ = self.execute(self.abort());
                return;
            }
        }
    }
}
