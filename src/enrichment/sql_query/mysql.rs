//! MySQL and MariaDB.
//!
//! Facts: MySQL Connector/J 8 (`ResultSet.getObject` by column type). TLS is not built in.

use std::time::Duration;

use mysql::consts::{ColumnFlags, ColumnType};
use mysql::prelude::Queryable;
use mysql::{Column, Conn, OptsBuilder, Params, Value};

use super::config::Server;
use super::placeholders::Placeholder;
use super::pool::Pool;
use super::{Cell, Database, Row};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The character set number of bytes that are no text.
const BINARY: u16 = 63;

/// Connections that are made when queries come, and again after they broke.
pub(super) struct Mysql {
    options: OptsBuilder,
    sql: String,
    connections: Pool<Conn>,
}

impl Mysql {
    pub fn new(server: &Server, sql: &str) -> Result<Mysql, String> {
        if server.tls {
            return Err("TLS to MySQL (sslMode true) is not built in".to_owned());
        }
        let options = OptsBuilder::new()
            .ip_or_hostname(Some(&server.host))
            .tcp_port(server.port)
            .user(Some(&server.username))
            .pass(Some(&server.password))
            .db_name(Some(&server.database))
            .prefer_socket(false)
            .tcp_connect_timeout(Some(CONNECT_TIMEOUT))
            .read_timeout(Some(READ_TIMEOUT));
        Ok(Mysql { options, sql: sql.to_owned(), connections: Pool::default() })
    }
}

impl Database for Mysql {
    fn query(&self, values: &[Placeholder]) -> Result<Option<Vec<Row>>, String> {
        self.connections.with(
            || Conn::new(self.options.clone()).map_err(|error| error.to_string()),
            |connection| match run(connection, &self.sql, values) {
                Ok(rows) => (Ok(rows), true),
                // What the server says leaves the connection usable, anything else does not.
                Err(error) => (Err(error.to_string()), matches!(error, mysql::Error::MySqlError(_))),
            },
        )
    }
}

fn run(connection: &mut Conn, sql: &str, values: &[Placeholder]) -> Result<Option<Vec<Row>>, mysql::Error> {
    let statement = connection.prep(sql)?;
    if usize::from(statement.num_params()) != values.len() {
        return Ok(None);
    }
    let values: Vec<Value> = values.iter().map(bound).collect();
    let parameters = if values.is_empty() { Params::Empty } else { Params::Positional(values) };
    let rows: Vec<mysql::Row> = connection.exec(&statement, parameters)?;
    let rows = rows.into_iter().map(|row| {
        let columns = row.columns();
        let cells = row.unwrap().into_iter();
        columns.iter().zip(cells).map(|(column, value)| (column.name_str().into_owned(), cell(column, value))).collect()
    });
    Ok(Some(rows.collect()))
}

fn bound(value: &Placeholder) -> Value {
    match value {
        Placeholder::Bool(truth) => Value::Int(i64::from(*truth)),
        Placeholder::Byte(number) => Value::Int(i64::from(*number)),
        Placeholder::Int(number) => Value::Int(i64::from(*number)),
        Placeholder::Long(number) => Value::Int(*number),
        Placeholder::Float(bits) => Value::Float(f32::from_bits(*bits)),
        Placeholder::Double(bits) => Value::Double(f64::from_bits(*bits)),
        Placeholder::Text(text) => Value::Bytes(text.clone().into_bytes()),
    }
}

fn cell(column: &Column, value: Value) -> Cell {
    let kind = column.column_type();
    match value {
        Value::NULL => Cell::Null,
        Value::Int(number) if kind == ColumnType::MYSQL_TYPE_TINY && column.column_length() == 1 => {
            Cell::Bool(number != 0)
        }
        Value::Int(number) => Cell::Integer(number),
        Value::UInt(number) => match i64::try_from(number) {
            Ok(number) => Cell::Integer(number),
            Err(_) => Cell::Other(number.to_string()),
        },
        Value::Float(number) => Cell::Double(f64::from(number)),
        Value::Double(number) => Cell::Double(number),
        Value::Date(year, month, day, ..) if kind == ColumnType::MYSQL_TYPE_DATE => {
            Cell::Text(format!("{year:04}-{month:02}-{day:02}T00:00:00.000Z"))
        }
        Value::Date(year, month, day, hour, minute, second, micros) => {
            let exact = format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}");
            let trimmed = exact.trim_end_matches('0');
            Cell::Other(if trimmed.ends_with('.') { format!("{trimmed}0") } else { trimmed.to_owned() })
        }
        Value::Time(negative, days, hours, minutes, seconds, _) => {
            let sign = if negative { "-" } else { "" };
            Cell::Other(format!("{sign}{:02}:{minutes:02}:{seconds:02}", days * 24 + u32::from(hours)))
        }
        Value::Bytes(bytes) => bytes_cell(column, kind, bytes),
    }
}

fn bytes_cell(column: &Column, kind: ColumnType, bytes: Vec<u8>) -> Cell {
    if kind == ColumnType::MYSQL_TYPE_BIT {
        return Cell::Bool(bytes.iter().any(|byte| *byte != 0));
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned());
    let number = matches!(kind, ColumnType::MYSQL_TYPE_DECIMAL | ColumnType::MYSQL_TYPE_NEWDECIMAL);
    let bytes = column.character_set() == BINARY
        && column.flags().contains(ColumnFlags::BINARY_FLAG)
        && kind != ColumnType::MYSQL_TYPE_JSON;
    if number || bytes { Cell::Other(text) } else { Cell::Text(text) }
}
