//! The configuration.

use super::super::config::{ConfigItem, Cursor, EnrichmentConfig, Reader};
use super::super::inputs::{Source, read_source};
use super::super::set::{BuildError, Resources, SharedEnrichment};
use super::output::{Describes, ExpectedRows, Output, PropertyNames};
use super::{Database, Shared};
use crate::iglu::SchemaKey;

/// What is asked, and of whom.
#[derive(Clone, Debug)]
pub(super) struct SqlQuery {
    pub schema_key: String,
    /// Numbers from 1 and where their values come from, in the order of the configuration.
    pub inputs: Vec<(usize, Source)>,
    pub server: Server,
    pub sql: String,
    pub output: Output,
    pub cache_size: usize,
    pub cache_ttl: u64,
    pub ignore_on_error: bool,
}

/// Where the database is.
#[derive(Clone)]
pub(super) struct Server {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
    /// TLS or nothing.
    pub tls: bool,
    pub username: String,
    pub password: String,
    pub database: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Mysql,
}

impl std::fmt::Debug for Server {
    /// The password is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}:{}/{}", self.kind, self.host, self.port, self.database)
    }
}

pub(in super::super) fn read(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<Box<dyn EnrichmentConfig>> {
    read_query(item, reader).map(|query| Box::new(query) as _)
}

pub(super) fn read_query(item: &ConfigItem<'_>, reader: &mut Reader) -> Option<SqlQuery> {
    let parameters = &item.parameters;
    let inputs = reader.list(&parameters.field("inputs"));
    let inputs = inputs.map(|inputs| inputs.iter().map(|input| read_input(input, reader)).collect::<Vec<_>>());
    let server = read_server(&parameters.field("database"), reader);
    let sql = reader.required::<String>(&parameters.field("query").field("sql"));
    let output = read_output(&parameters.field("output"), reader);
    let cache_size = reader.required::<i64>(&parameters.field("cache").field("size"));
    let cache_ttl = reader.required::<i64>(&parameters.field("cache").field("ttl"));
    let ignore_on_error = reader.optional::<bool>(&parameters.field("ignoreOnError")).unwrap_or(false);
    Some(SqlQuery {
        schema_key: item.schema_key.to_owned(),
        inputs: inputs?.into_iter().collect::<Option<_>>()?,
        server: server?,
        sql: sql?,
        output: output?,
        cache_size: cache_size?.try_into().unwrap_or(0),
        cache_ttl: cache_ttl?.try_into().unwrap_or(0),
        ignore_on_error,
    })
}

fn read_input(input: &Cursor<'_>, reader: &mut Reader) -> Option<(usize, Source)> {
    let number = reader.required::<i64>(&input.field("placeholder"));
    let source = read_source(input, reader);
    let number = number?;
    if number < 1 {
        reader.error(format!("{}: Placeholder must be greater than 1", input.path()));
    }
    Some((usize::try_from(number).ok()?, source?))
}

fn read_server(database: &Cursor<'_>, reader: &mut Reader) -> Option<Server> {
    let kinds = [("postgresql", Kind::Postgres), ("mysql", Kind::Mysql)];
    let found = kinds.into_iter().find(|(name, _)| database.field(name).is_present());
    let Some((name, kind)) = found else {
        reader.error(format!("{} names neither postgresql nor mysql", database.path()));
        return None;
    };
    let at = database.field(name);
    let port = reader.required::<i64>(&at.field("port"));
    let tls = reader.required::<bool>(&at.field("sslMode"));
    let [host, username, password, database] =
        ["host", "username", "password", "database"].map(|name| reader.required::<String>(&at.field(name)));
    let (host, username, password, database) = (host?, username?, password?, database?);
    let port = u16::try_from(port?).unwrap_or(0);
    Some(Server { kind, host, port, tls: tls?, username, password, database })
}

fn read_output(at: &Cursor<'_>, reader: &mut Reader) -> Option<Output> {
    let unknown = |name: &str| format!("[{name}] is not known");
    let json = at.field("json");
    let schema = reader.parsed(&json.field("schema"), |uri| {
        SchemaKey::parse(uri).map(|_| uri.to_owned()).map_err(|code| format!("[{uri}] is no schema key: {code}"))
    });
    let expected = reader.parsed(&at.field("expectedRows"), |name| match name {
        "EXACTLY_ONE" => Ok(ExpectedRows::ExactlyOne),
        "AT_MOST_ONE" => Ok(ExpectedRows::AtMostOne),
        "AT_LEAST_ONE" => Ok(ExpectedRows::AtLeastOne),
        "AT_LEAST_ZERO" => Ok(ExpectedRows::AtLeastZero),
        _ => Err(unknown(name)),
    });
    let describes = reader.parsed(&json.field("describes"), |name| match name {
        "ALL_ROWS" => Ok(Describes::AllRows),
        "EVERY_ROW" => Ok(Describes::EveryRow),
        _ => Err(unknown(name)),
    });
    let names = reader.parsed(&json.field("propertyNames"), |name| match name {
        "AS_IS" => Ok(PropertyNames::AsIs),
        "CAMEL_CASE" => Ok(PropertyNames::CamelCase),
        "PASCAL_CASE" => Ok(PropertyNames::PascalCase),
        "SNAKE_CASE" => Ok(PropertyNames::SnakeCase),
        "LOWER_CASE" => Ok(PropertyNames::LowerCase),
        "UPPER_CASE" => Ok(PropertyNames::UpperCase),
        _ => Err(unknown(name)),
    });
    Some(Output { schema: schema?, expected: expected?, describes: describes?, names: names? })
}

impl EnrichmentConfig for SqlQuery {
    fn build(&self, _resources: &Resources<'_>) -> Result<Box<dyn SharedEnrichment>, BuildError> {
        let database = connect(&self.server, &self.sql).map_err(BuildError::Unusable)?;
        Ok(Box::new(Shared::new(self.clone(), database)))
    }
}

/// The database, to be connected to when the first query comes.
fn connect(server: &Server, sql: &str) -> Result<Box<dyn Database>, String> {
    match server.kind {
        #[cfg(feature = "postgres")]
        Kind::Postgres => Ok(Box::new(super::postgres::Postgres::new(server, sql)?)),
        #[cfg(feature = "mysql")]
        Kind::Mysql => Ok(Box::new(super::mysql::Mysql::new(server, sql)?)),
        #[allow(unreachable_patterns)]
        kind => Err(format!("this program was built without its feature for {kind:?}; {sql} cannot be run")),
    }
}
