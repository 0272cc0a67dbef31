//! Amazon Redshift: it fetches the files from S3 itself, told to by `COPY`.
//!
//! Text of the statements: snowplow/snowplow-rdb-loader 1.2.3, `modules/loader/.../db/Statement.scala`. Unless asked to go
//! by prefix as the reference does, `COPY` gets a list of exactly the files that belong to the run.

use super::wire::Wire;
use super::{Copied, CopyJob, FailAt, OpenOptions, RowKind, TableColumn, Target};
use crate::ddl::{self, Dialect, SqlOptions};
use crate::load::config::{Kind, TargetConfig};
use crate::load::error::{BadField, LoadError};
use crate::load::rows::{Nulls, first_row_fields};
use crate::load::secret::Secret;
use crate::load::sql::{is_harmless, quote};
use crate::storage::{Location, Precondition, Storage};

pub(super) struct Redshift {
    wire: Wire,
    options: SqlOptions,
    name: String,
    credentials: Credentials,
    region: String,
    max_error: u32,
    by_prefix: bool,
    staging: Option<Location>,
    /// Lists of files that were written for this transaction.
    lists: Vec<Location>,
}

/// How Redshift reads S3.
enum Credentials {
    Role(String),
    Keys { id: Secret, secret: Secret, token: Option<Secret> },
}

impl Credentials {
    fn of(config: &TargetConfig) -> Result<Credentials, LoadError> {
        if let Some(role) = &config.role_arn {
            if !is_harmless(role) {
                let problem = "the role holds a quote, a backslash or a control character".to_owned();
                return Err(LoadError::Config { file: config.describe(), problem });
            }
            return Ok(Credentials::Role(role.clone()));
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) if is_harmless(&id) && is_harmless(&secret) => Ok(Credentials::Keys {
                id: Secret::new(id),
                secret: Secret::new(secret),
                token: variable("AWS_SESSION_TOKEN").filter(|token| is_harmless(token)).map(Secret::new),
            }),
            _ => Err(LoadError::Config {
                file: config.describe(),
                problem: "no way for Redshift to read S3: set roleArn, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY \
                          (and AWS_SESSION_TOKEN if they are temporary)"
                    .to_owned(),
            }),
        }
    }

    fn secrets(&self) -> Vec<Secret> {
        match self {
            Credentials::Role(_) => Vec::new(),
            Credentials::Keys { id, secret, token } => [id, secret].into_iter().chain(token).cloned().collect(),
        }
    }

    fn text(&self) -> String {
        match self {
            Credentials::Role(arn) => format!("aws_iam_role={arn}"),
            Credentials::Keys { id, secret, token } => {
                let token = token.as_ref().map_or(String::new(), |token| format!(";token={}", token.reveal()));
                format!("aws_access_key_id={};aws_secret_access_key={}{token}", id.reveal(), secret.reveal())
            }
        }
    }
}

impl Redshift {
    pub(super) fn open(config: &TargetConfig, options: &OpenOptions) -> Result<Redshift, LoadError> {
        let credentials = Credentials::of(config)?;
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let region = options.region.clone().or_else(|| config.region.clone());
        let region = region.or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        let Some(region) = region.filter(|region| is_harmless(region)) else {
            let problem = "the region of the bucket is not known; give --region or set AWS_REGION".to_owned();
            return Err(LoadError::Config { file: config.describe(), problem });
        };
        let mut wire = Wire::connect(config)?;
        wire.secrets.extend(credentials.secrets());
        Ok(Redshift {
            wire,
            options: SqlOptions { schema: config.schema.clone(), ..SqlOptions::default() },
            name: config.describe(),
            credentials,
            region,
            max_error: config.max_error,
            by_prefix: options.copy_by_prefix,
            staging: options.staging.clone(),
            lists: Vec::new(),
        })
    }

    /// Where the list of a job's files is.
    fn list_location(&self, job: &CopyJob<'_>) -> Result<Location, LoadError> {
        let folder = match &self.staging {
            Some(folder) => folder.join(job.base.trim_end_matches('/').rsplit('/').next().unwrap_or_default()),
            None => Location::parse(job.base).map_err(|error| LoadError::Unsupported(error.to_string()))?.join("_load"),
        };
        Ok(folder.join(&format!("{}.manifest", job.table)))
    }

    fn prefix(job: &CopyJob<'_>) -> String {
        // Layout B has a folder for every version; those of one model have their beginning in common.
        let folder = job.folder.trim_end_matches('/');
        match folder.rsplit_once("/version=").and_then(|(above, version)| Some((above, version.split_once('-')?.0))) {
            Some((above, model)) => format!("{above}/version={model}-"),
            None => job.folder.to_owned(),
        }
    }

    fn statement(&self, job: &CopyJob<'_>, path: &str, columns: Option<&[String]>) -> String {
        let table = self.dialect().qualified(&job.table, &self.options);
        let columns = columns.map_or(String::new(), |columns| {
            format!(" ({})", columns.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", "))
        });
        let head = format!("COPY {table}{columns} FROM '{path}'");
        let (credentials, region, max_error) = (self.credentials.text(), &self.region, self.max_error);
        let mut text = match job.kind {
            RowKind::Atomic => format!(
                "{head} CREDENTIALS '{credentials}' REGION '{region}' MAXERROR {max_error} TIMEFORMAT 'auto' DELIMITER \
                 '\t' EMPTYASNULL FILLRECORD TRUNCATECOLUMNS ACCEPTINVCHARS"
            ),
            RowKind::Tsv => {
                let empty = if job.shape.nulls == Nulls::Both { " EMPTYASNULL" } else { "" };
                format!(
                    "{head} DELIMITER '\t' CREDENTIALS '{credentials}' REGION AS '{region}' MAXERROR {max_error} \
                     TIMEFORMAT 'auto' TRUNCATECOLUMNS{empty} ACCEPTINVCHARS"
                )
            }
            RowKind::Json => {
                let paths = job.jsonpaths.as_deref().unwrap_or("auto");
                format!(
                    "{head} JSON AS '{paths}' CREDENTIALS '{credentials}' REGION AS '{region}' MAXERROR {max_error} \
                     TIMEFORMAT 'auto' TRUNCATECOLUMNS ACCEPTINVCHARS"
                )
            }
        };
        if job.gzip {
            text.push_str(" GZIP");
        }
        if !self.by_prefix {
            text.push_str(" MANIFEST");
        }
        text
    }

    /// The columns to name: none if the rows have all columns of the table, in order.
    fn named_columns(job: &CopyJob<'_>, fields: usize) -> Option<Vec<String>> {
        let expected: Vec<String> = job.shape.fields.iter().take(fields).map(|field| field.name.clone()).collect();
        let same = expected.len() == job.table_columns.len()
            && expected.iter().zip(&job.table_columns).all(|(a, b)| a.eq_ignore_ascii_case(b));
        (!same).then_some(expected)
    }

    fn write_list(&mut self, job: &CopyJob<'_>, storage: &Storage) -> Result<String, LoadError> {
        let at = self.list_location(job)?;
        let entries: Vec<serde_json::Value> = job
            .files
            .iter()
            .filter(|file| file.size > 0)
            .map(|file| serde_json::json!({"url": file.location.to_string(), "mandatory": true}))
            .collect();
        let text = serde_json::json!({ "entries": entries }).to_string();
        storage.write_all(&at, text.as_bytes(), Precondition::None)?;
        self.lists.push(at.clone());
        Ok(at.to_string())
    }

    fn load_errors(&mut self, condition: &str) -> Vec<BadField> {
        let sql = format!(
            "SELECT trim(filename), line_number, trim(colname), trim(err_reason) FROM stl_load_errors WHERE {condition} \
             ORDER BY starttime DESC LIMIT 20"
        );
        // Users without the right to read it see nothing; then the message of COPY has to do.
        let rows = self.wire.simple(&sql).unwrap_or_default();
        let cell = |row: &[Option<String>], index: usize| row.get(index).cloned().flatten().filter(|t| !t.is_empty());
        rows.iter()
            .map(|row| BadField {
                table: String::new(),
                file: cell(row, 0),
                line: cell(row, 1).and_then(|number| number.parse().ok()),
                column: cell(row, 2),
                reason: cell(row, 3).unwrap_or_default(),
            })
            .collect()
    }
}

impl Target for Redshift {
    fn kind(&self) -> Kind {
        Kind::Redshift
    }

    fn dialect(&self) -> &'static dyn Dialect {
        &ddl::Redshift
    }

    fn sql_options(&self) -> &SqlOptions {
        &self.options
    }

    fn describe(&self) -> String {
        self.name.clone()
    }

    fn execute(&mut self, sql: &str) -> Result<(), LoadError> {
        self.wire.simple(sql).map(|_| ())
    }

    fn query(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, LoadError> {
        self.wire.simple(sql)
    }

    fn columns(&mut self, table: &str) -> Result<Vec<TableColumn>, LoadError> {
        self.wire.columns(table)
    }

    fn table_version(&mut self, table: &str) -> Result<Option<String>, LoadError> {
        self.wire.comment(table)
    }

    fn keep_others_away(&mut self) -> Result<(), LoadError> {
        // There are no advisory locks; each transaction locks the manifest table.
        Ok(())
    }

    fn copy(&mut self, job: &CopyJob<'_>, storage: &Storage) -> Result<Copied, LoadError> {
        check_files(job)?;
        if job.files.iter().all(|file| file.size == 0) {
            return Ok(Copied { rows: Some(0), ..Copied::default() });
        }
        let mut columns = None;
        if job.kind != RowKind::Json {
            let expected = job.shape.fields.len();
            let mut fields = expected;
            if job.kind == RowKind::Tsv {
                // Rows may be older than the newest version of their schema: then they have fewer fields.
                fields = first_row_fields(storage, job.files)?.unwrap_or(expected);
            }
            if fields > expected {
                let problem = format!(
                    "its rows have {fields} fields, but the schemas that the resolver knows only {expected}; rows were \
                     written with newer schemas"
                );
                return Err(LoadError::Table { table: job.table.clone(), problem });
            }
            columns = Redshift::named_columns(job, fields);
        }
        let path = match self.by_prefix {
            true => Redshift::prefix(job),
            false => self.write_list(job, storage)?,
        };
        let sql = self.statement(job, &path, columns.as_deref());
        self.wire.take_notices();
        if let Err(mut failure) = self.wire.try_simple(&sql) {
            if failure.message.contains("is not authorized to assume IAM Role") {
                failure.message = "IAM Role with S3 Read permissions is not attached to Redshift instance".to_owned();
            }
            return Err(self.wire.sql_error(failure, &sql));
        }
        let mut copied = Copied { rows: loaded(&self.wire.take_notices()), ..Copied::default() };
        if self.max_error > 1 {
            copied.rejected = self.load_errors("query = pg_last_copy_id()");
        }
        Ok(copied)
    }

    fn copy_text(&self, job: &CopyJob<'_>) -> String {
        let path = match self.by_prefix {
            true => Redshift::prefix(job),
            false => self.list_location(job).map_or_else(|_| job.folder.to_owned(), |at| at.to_string()),
        };
        let columns = match job.kind {
            RowKind::Json => None,
            _ => Redshift::named_columns(job, job.shape.fields.len()),
        };
        crate::load::secret::mask(&self.statement(job, &path, columns.as_deref()), &self.wire.secrets)
    }

    fn after_transaction(&mut self, storage: &Storage) {
        for list in std::mem::take(&mut self.lists) {
            if let Err(error) = storage.delete(&list, None) {
                tracing::warn!(%list, %error, "the list of files could not be deleted; it does no harm");
            }
        }
    }

    fn explain(&mut self, table: &str, error: LoadError) -> LoadError {
        let LoadError::Sql { message, connection_lost: false, .. } = &error else { return error };
        if !message.contains("stl_load_errors") {
            return error;
        }
        // By session: the failed COPY has no id that could be asked for.
        let mut bad = self.load_errors("session = pg_backend_pid() AND starttime > getdate() - interval '1 day'");
        if bad.is_empty() {
            return error;
        }
        for field in &mut bad {
            table.clone_into(&mut field.table);
        }
        LoadError::Rows { table: table.to_owned(), bad }
    }

    fn fail_at(&mut self, at: FailAt) {
        self.wire.failure.ask(at);
    }

    fn has_failure_ahead(&self) -> bool {
        self.wire.failure.is_pending()
    }
}

fn check_files(job: &CopyJob<'_>) -> Result<(), LoadError> {
    let paths = job.files.iter().map(|file| &file.location);
    for path in paths {
        let text = path.to_string();
        if !matches!(path, Location::S3 { .. }) {
            let problem =
                format!("Redshift loads from S3 only, and {text} is not there; copy the run folder to a bucket");
            return Err(LoadError::Unsupported(problem));
        }
        if !is_harmless(&text) {
            let problem =
                format!("{text:?}: a quote, a backslash or a control character cannot stand in a COPY statement");
            return Err(LoadError::Unsupported(problem));
        }
    }
    match job.jsonpaths.as_deref() {
        Some(path) if !is_harmless(path) || !path.starts_with("s3://") => Err(LoadError::Unsupported(format!(
            "{path}: JSONPaths files of Redshift must be on S3, under a plain name"
        ))),
        _ => Ok(()),
    }
}

/// The number in `Load into table 't' completed, 3 record(s) loaded successfully.`
fn loaded(notices: &[String]) -> Option<u64> {
    let notice = notices.iter().rfind(|notice| notice.contains("record(s) loaded successfully"))?;
    let before = notice.split(" record(s) loaded").next()?;
    before.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let notice = "Load into table 'events' completed, 1200 record(s) loaded successfully.".to_owned();
        assert_eq!(loaded(&["other".to_owned(), notice]), Some(1200));
        assert_eq!(loaded(&[]), None);
    }
}
