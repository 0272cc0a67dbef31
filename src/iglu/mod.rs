//! Iglu: schema keys, registries, and the validation of self-describing JSON.
//!
//! Shapes and behaviour: snowplow/iglu-scala-client 1.5.0 with networknt/json-schema-validator 1.0.70, as used by
//! snowplow/enrich 3.9.0.

mod embedded;
mod error;
pub mod key;
pub mod resolver;
pub mod schema;

pub use error::{ClientError, LookupHistory, RegistryError, Report, SchemaIssue};
pub use key::{OwnedSchemaKey, ParseError, SchemaCriterion, SchemaKey, SchemaVer};
pub use resolver::{Client, Resolver, ResolverOptions};

use crate::json::Value;

/// A JSON object with `schema` and `data`, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct SelfDescribing<'a> {
    /// The schema URI as written.
    pub uri: &'a str,
    /// The schema key.
    pub key: SchemaKey<'a>,
    /// The data.
    pub data: Value<'a>,
}

impl<'a> SelfDescribing<'a> {
    /// Takes a self-describing JSON apart; other keys are ignored.
    pub fn parse(json: Value<'a>, arena: &'a bumpalo::Bump) -> Result<SelfDescribing<'a>, ParseError> {
        let (mut schema, mut data) = (None, None);
        match json.plain_members() {
            Some(members) => members.for_each(|(name, _, value)| match name {
                "schema" => schema = Some(value),
                "data" => data = Some(value),
                _ => {}
            }),
            None => (schema, data) = (json.get("schema"), json.get("data")),
        }
        let (Some(schema), Some(data)) = (schema, data) else { return Err(ParseError::InvalidDataPayload) };
        let uri = schema.as_str_in(arena).ok_or(ParseError::InvalidDataPayload)?;
        Ok(SelfDescribing { uri, key: SchemaKey::parse(uri)?, data })
    }
}

/// What a successful validation found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The version that was used instead of the one named, if the schema is superseded.
    pub superseded_by: Option<SchemaVer>,
}

/// Validates self-describing JSON. One per worker thread: a look-up of a schema seen before takes no lock.
pub trait Validator: Send {
    /// Validates data against the schema it names.
    fn check(&mut self, item: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>>;
}
