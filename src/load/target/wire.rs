//! The connection to servers that speak PostgreSQL's protocol: PostgreSQL itself, and Redshift.
//!
//! Everything but rows goes through simple queries: Redshift's `COPY … FROM 's3://…'` cannot be prepared.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::SinkExt;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, CopyInSink, NoTls, SimpleQueryMessage, Socket};

use super::TableColumn;
use super::failure::AskedFailure;
use crate::load::config::{SslMode, TargetConfig};
use crate::load::error::LoadError;
use crate::load::secret::{PASSWORD_VARIABLES, Secret, mask};
use crate::load::sql::literal;
use crate::load::tunnel::Tunnel;

mod tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest part of a statement that messages show.
const SHOWN: usize = 2000;

pub(super) struct Wire {
    /// The connection's own task runs here while this thread reads and encodes rows.
    runtime: tokio::runtime::Runtime,
    client: Client,
    notices: Arc<Mutex<Vec<String>>>,
    pub(super) secrets: Vec<Secret>,
    pub(super) schema: String,
    pub(super) failure: AskedFailure,
    _tunnel: Option<Tunnel>,
}

/// A database error with what it says about the place.
pub(super) struct DbFailure {
    pub message: String,
    pub code: Option<String>,
    /// Its CONTEXT: `COPY t, line 3, column c: "x"`.
    pub place: Option<String>,
    pub connection_lost: bool,
}

impl Wire {
    pub(super) fn connect(config: &TargetConfig) -> Result<Wire, LoadError> {
        let failed = |detail: String| LoadError::Connect { target: config.describe(), detail };
        let password = config.password.resolve(&PASSWORD_VARIABLES).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| failed(error.to_string()))?;
        let tunnel = config.tunnel.as_ref().map(Tunnel::open).transpose().map_err(failed)?;
        let mut settings = tokio_postgres::Config::new();
        settings.user(&config.username).dbname(&config.database).application_name("thresh");
        settings.connect_timeout(CONNECT_TIMEOUT).keepalives_idle(Duration::from_secs(60));
        match &tunnel {
            Some(tunnel) => settings.host(&config.host).hostaddr(tunnel.address()).port(tunnel.port()),
            None => settings.host(&config.host).port(config.port),
        };
        if let Some(password) = &password {
            settings.password(password.reveal());
        }
        let notices = Arc::new(Mutex::new(Vec::new()));
        settings.ssl_mode(match config.ssl {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        });
        let client = match config.ssl {
            SslMode::Disable => start(&runtime, &settings, NoTls, &notices),
            mode => {
                let tls = tls::connector(mode, config.ssl_root_cert.as_deref()).map_err(failed)?;
                start(&runtime, &settings, tls, &notices)
            }
        };
        let client = client.map_err(|error| failed(failure(&error).message))?;
        let secrets: Vec<Secret> = password.into_iter().collect();
        let schema = config.schema.clone();
        Ok(Wire { runtime, client, notices, secrets, schema, failure: AskedFailure::default(), _tunnel: tunnel })
    }

    /// Runs a statement; rows as texts.
    pub(super) fn simple(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, LoadError> {
        self.try_simple(sql).map_err(|failure| self.sql_error(failure, sql))
    }

    pub(super) fn try_simple(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>, DbFailure> {
        self.injected(sql)?;
        let messages = self.runtime.block_on(self.client.simple_query(sql)).map_err(|error| failure(&error))?;
        let mut rows = Vec::new();
        for message in messages {
            if let SimpleQueryMessage::Row(row) = message {
                rows.push((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect());
            }
        }
        Ok(rows)
    }

    pub(super) fn sql_error(&self, failure: DbFailure, sql: &str) -> LoadError {
        let shown: String = sql.chars().take(SHOWN).collect();
        LoadError::Sql {
            message: mask(&failure.message, &self.secrets),
            statement: mask(&shown, &self.secrets),
            code: failure.code,
            connection_lost: failure.connection_lost,
        }
    }

    /// The columns of a table in order.
    pub(super) fn columns(&mut self, table: &str) -> Result<Vec<TableColumn>, LoadError> {
        let rows = self.simple(&format!(
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a, \
             pg_catalog.pg_class c, pg_catalog.pg_namespace n WHERE a.attrelid = c.oid AND c.relnamespace = n.oid AND \
             n.nspname = {} AND c.relname = {} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
            literal(&self.schema),
            literal(table)
        ))?;
        let cell = |row: &[Option<String>], index: usize| row.get(index).cloned().flatten().unwrap_or_default();
        Ok(rows.iter().map(|row| TableColumn { name: cell(row, 0), ty: cell(row, 1) }).collect())
    }

    /// The comment of a table.
    pub(super) fn comment(&mut self, table: &str) -> Result<Option<String>, LoadError> {
        let rows = self.simple(&format!(
            "SELECT obj_description(oid)::TEXT FROM pg_class WHERE relnamespace = (SELECT oid FROM \
             pg_catalog.pg_namespace WHERE nspname = {}) AND relname = {}",
            literal(&self.schema),
            literal(table)
        ))?;
        Ok(rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten())
    }

    /// Takes the notices that came since the last call.
    pub(super) fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Starts a `COPY … FROM STDIN`.
    pub(super) fn copy_in(&mut self, sql: &str) -> Result<CopyIn<'_>, DbFailure> {
        self.injected(sql)?;
        let sink = self.runtime.block_on(self.client.copy_in(sql)).map_err(|error| failure(&error))?;
        Ok(CopyIn { runtime: &self.runtime, sink: Box::pin(sink) })
    }

    fn injected(&mut self, sql: &str) -> Result<(), DbFailure> {
        match self.failure.meets(sql) {
            None => Ok(()),
            Some(message) => Err(DbFailure { message, code: None, place: None, connection_lost: false }),
        }
    }
}

/// Rows on their way into a table.
pub(super) struct CopyIn<'w> {
    runtime: &'w tokio::runtime::Runtime,
    sink: std::pin::Pin<Box<CopyInSink<bytes::Bytes>>>,
}

impl CopyIn<'_> {
    pub(super) fn send(&mut self, rows: Vec<u8>) -> Result<(), DbFailure> {
        self.runtime.block_on(self.sink.send(rows.into())).map_err(|error| failure(&error))
    }

    /// Ends the copy; how many rows there were.
    pub(super) fn finish(mut self) -> Result<u64, DbFailure> {
        self.runtime.block_on(self.sink.as_mut().finish()).map_err(|error| failure(&error))
    }
}

fn start<T>(
    runtime: &tokio::runtime::Runtime,
    settings: &tokio_postgres::Config,
    tls: T,
    notices: &Arc<Mutex<Vec<String>>>,
) -> Result<Client, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = runtime.block_on(settings.connect(tls))?;
    let notices = Arc::clone(notices);
    runtime.spawn(async move {
        let next = |cx: &mut std::task::Context<'_>| connection.poll_message(cx);
        let mut next = next;
        while let Some(Ok(message)) = std::future::poll_fn(&mut next).await {
            if let AsyncMessage::Notice(notice) = message {
                notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice.message().to_owned());
            }
        }
    });
    Ok(client)
}

fn failure(error: &tokio_postgres::Error) -> DbFailure {
    match error.as_db_error() {
        Some(db) => {
            let mut message = db.message().to_owned();
            for (word, text) in [("detail", db.detail()), ("hint", db.hint())] {
                if let Some(text) = text {
                    message = format!("{message}\n  {word}: {text}");
                }
            }
            let code = db.code().code();
            // Class 57P: the server is going down.
            let connection_lost = error.is_closed() || code.starts_with("57P");
            DbFailure { message, code: Some(code.to_owned()), place: db.where_().map(str::to_owned), connection_lost }
        }
        None => {
            let mut message = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            DbFailure { message, code: None, place: None, connection_lost: true }
        }
    }
}
