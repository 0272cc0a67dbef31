//! PostgreSQL and what speaks like it. Values are declared to the server with the types that JDBC would declare.
//!
//! Facts: pgjdbc 42 (`PgPreparedStatement`, parameter types, `?` as placeholder and `??` as the operator).

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Client, Config, Statement};

use super::config::Server;
use super::placeholders::Placeholder;
use super::pool::Pool;
use super::text::{Decoded, decode};
use super::{Cell, Database, Row, tls};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const QUERY_TIMEOUT: Duration = Duration::from_secs(60);

/// Connections that are made when queries come, and again after they broke.
pub(super) struct Postgres {
    config: Config,
    sql: String,
    /// Placeholders in the statement.
    parameters: usize,
    connections: Pool<Connection>,
}

struct Connection {
    client: Client,
    /// By the types of their values.
    statements: HashMap<Vec<Type>, Statement>,
    runtime: tokio::runtime::Runtime,
}

impl Postgres {
    pub fn new(server: &Server, sql: &str) -> Result<Postgres, String> {
        let mut config = Config::new();
        config
            .host(&server.host)
            .port(server.port)
            .user(&server.username)
            .password(&server.password)
            .dbname(&server.database)
            .application_name("thresh")
            .connect_timeout(CONNECT_TIMEOUT)
            .ssl_mode(if server.tls { SslMode::Require } else { SslMode::Prefer });
        let (sql, parameters) = numbered(sql);
        Ok(Postgres { config, sql, parameters, connections: Pool::default() })
    }

    fn connect(&self) -> Result<Connection, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
        let client = runtime.block_on(async {
            let (client, connection) = self.config.connect(tls::connector()).await?;
            tokio::spawn(connection);
            Ok::<Client, tokio_postgres::Error>(client)
        });
        Ok(Connection { client: client.map_err(told)?, statements: HashMap::new(), runtime })
    }
}

impl Database for Postgres {
    fn query(&self, values: &[Placeholder]) -> Result<Option<Vec<Row>>, String> {
        if values.len() != self.parameters {
            return Ok(None);
        }
        self.connections.with(
            || self.connect(),
            |Connection { client, statements, runtime }| {
                let asked = run(client, statements, &self.sql, values);
                match runtime.block_on(async { tokio::time::timeout(QUERY_TIMEOUT, asked).await }) {
                    Ok(rows) => (rows.map(Some), !client.is_closed()),
                    Err(_) => (Err(format!("no answer within {} seconds", QUERY_TIMEOUT.as_secs())), false),
                }
            },
        )
    }
}

async fn run(
    client: &Client,
    statements: &mut HashMap<Vec<Type>, Statement>,
    sql: &str,
    values: &[Placeholder],
) -> Result<Vec<Row>, String> {
    let types: Vec<Type> = values.iter().map(type_of).collect();
    let statement = match statements.get(&types) {
        Some(statement) => statement.clone(),
        None => {
            let statement = client.prepare_typed(sql, &types).await.map_err(told)?;
            statements.insert(types, statement.clone());
            statement
        }
    };
    let values: Vec<Box<dyn ToSql + Sync + Send>> = values.iter().map(bound).collect();
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    let rows = client.query(&statement, &values).await.map_err(told)?;
    rows.iter()
        .map(|row| {
            let columns = row.columns().iter().enumerate();
            columns
                .map(|(index, column)| {
                    let cell: Option<Raw> = row.try_get(index).map_err(told)?;
                    Ok((column.name().to_owned(), cell.map_or(Cell::Null, |raw| raw.0)))
                })
                .collect()
        })
        .collect()
}

/// The server's own words, where it has said something.
fn told(error: tokio_postgres::Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(error), _) => format!("{}: {}", error.severity(), error.message()),
        (None, Some(source)) => format!("{error}: {source}"),
        (None, None) => error.to_string(),
    }
}

fn type_of(value: &Placeholder) -> Type {
    match value {
        Placeholder::Bool(_) => Type::BOOL,
        Placeholder::Byte(_) => Type::INT2,
        Placeholder::Int(_) => Type::INT4,
        Placeholder::Long(_) => Type::INT8,
        Placeholder::Float(_) => Type::FLOAT4,
        Placeholder::Double(_) => Type::FLOAT8,
        Placeholder::Text(_) => Type::VARCHAR,
    }
}

fn bound(value: &Placeholder) -> Box<dyn ToSql + Sync + Send> {
    match value {
        Placeholder::Bool(truth) => Box::new(*truth),
        Placeholder::Byte(number) => Box::new(i16::from(*number)),
        Placeholder::Int(number) => Box::new(*number),
        Placeholder::Long(number) => Box::new(*number),
        Placeholder::Float(bits) => Box::new(f32::from_bits(*bits)),
        Placeholder::Double(bits) => Box::new(f64::from_bits(*bits)),
        Placeholder::Text(text) => Box::new(text.clone()),
    }
}

/// A value of any type.
struct Raw(Cell);

impl<'r> FromSql<'r> for Raw {
    fn from_sql(kind: &Type, bytes: &'r [u8]) -> Result<Raw, Box<dyn Error + Sync + Send>> {
        let unreadable = || format!("a value of type {kind} cannot be read; cast it to text in the query");
        Ok(Raw(match decode(kind, bytes).ok_or_else(unreadable)? {
            Decoded::Bool(truth) => Cell::Bool(truth),
            Decoded::Integer(number) => Cell::Integer(number),
            Decoded::Double(number) => Cell::Double(number),
            Decoded::Text(text) => Cell::Text(text),
            Decoded::Other(text) => Cell::Other(text),
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The statement with `$1`, `$2`, … for `?`, and how many there are. Texts, names and comments are left alone.
pub(super) fn numbered(sql: &str) -> (String, usize) {
    let mut out = String::with_capacity(sql.len() + 8);
    let mut count = 0;
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '?' if rest.starts_with("??") => {
                out.push('?');
                rest = &rest[2..];
                continue;
            }
            '?' => {
                count += 1;
                out.push_str(&format!("${count}"));
                rest = &rest[1..];
                continue;
            }
            '\'' | '"' => quoted_length(rest, first),
            '-' if rest.starts_with("--") => rest.find('\n').map_or(rest.len(), |end| end + 1),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '$' => dollar_quoted_length(rest).unwrap_or(1),
            other => other.len_utf8(),
        };
        out.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    (out, count)
}

/// Up to the closing quote; a doubled quote does not close.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(quote) {
        at += found + 1;
        if !text[at..].starts_with(quote) {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// `$tag$ … $tag$`.
fn dollar_quoted_length(text: &str) -> Option<usize> {
    let end = text[1..].find('$')? + 2;
    let tag = &text[..end];
    let inside = &tag[1..tag.len() - 1];
    let named =
        inside.chars().all(|c| c.is_alphanumeric() || c == '_') && !inside.starts_with(|c: char| c.is_ascii_digit());
    if !named {
        return None;
    }
    Some(text[end..].find(tag).map_or(text.len(), |found| end + found + tag.len()))
}
