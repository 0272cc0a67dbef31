//! `sql_query_enrichment_config`: entities out of the rows of a query.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../enrichments/registry/sqlquery/*.scala`.

mod config;
#[cfg(feature = "mysql")]
mod mysql;
mod output;
mod placeholders;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod pool;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(test)]
mod tests;
#[cfg(feature = "postgres")]
mod text;
#[cfg(feature = "postgres")]
mod tls;

use std::sync::Arc;

use super::evaluator::{Evaluator, Lookups};
use super::set::SharedEnrichment;
use super::{Enrichment, Entity, Step, StepContext, next_entity_id};
use crate::badrow::{EnrichmentFailure, EnrichmentInfo, Message};
use config::SqlQuery;
pub(super) use config::read;
use placeholders::Placeholder;

const IDENTIFIER: &str = "sql-query";

/// A database that a query can be put to. Shared by all workers.
trait Database: Send + Sync {
    /// The rows; `None` if the statement takes another number of values.
    fn query(&self, values: &[Placeholder]) -> Result<Option<Vec<Row>>, String>;
}

/// Labels and values of a row.
type Row = Vec<(String, Cell)>;

/// A value of a row, by what the reference's drivers make of it.
#[derive(Clone, Debug, PartialEq)]
enum Cell {
    Null,
    Bool(bool),
    Integer(i64),
    Double(f64),
    Text(String),
    /// Anything else: its text is JSON, or else a string.
    Other(String),
}

/// The data of an entity that is kept in the memo.
#[derive(Clone, Debug)]
struct Found {
    data: String,
    id: u64,
}

/// The database, and what all workers have learned from it.
struct Shared {
    config: SqlQuery,
    database: Box<dyn Database>,
    memo: Evaluator<Vec<Placeholder>, Arc<Vec<Found>>>,
}

impl Shared {
    fn new(config: SqlQuery, database: Box<dyn Database>) -> Shared {
        let memo = Evaluator::with_ttl(config.cache_size, config.cache_ttl);
        Shared { config, database, memo }
    }

    fn ask(&self, values: &[Placeholder]) -> Result<Arc<Vec<Found>>, String> {
        let rows = self.database.query(values)?;
        let found = match rows {
            Some(rows) => self.config.output.describe(&rows)?,
            None => Vec::new(),
        };
        Ok(Arc::new(found.into_iter().map(|data| Found { data, id: next_entity_id() }).collect()))
    }
}

impl SharedEnrichment for Shared {
    fn step(&self) -> Step {
        Step::SqlQuery
    }

    fn instance(self: Arc<Self>) -> Box<dyn Enrichment> {
        Box::new(Instance { shared: self, lookups: Lookups::default() })
    }
}

struct Instance {
    shared: Arc<Shared>,
    lookups: Lookups,
}

impl Enrichment for Instance {
    fn step(&self) -> Step {
        Step::SqlQuery
    }

    fn run<'a>(&mut self, cx: &mut StepContext<'a, '_>) {
        let shared = &*self.shared;
        let config = &shared.config;
        let Some(values) = placeholders::pull(&config.inputs, cx) else { return };
        match shared.memo.get(&values, &mut self.lookups, || shared.ask(&values)) {
            Ok(found) => {
                let schema: &'a str = cx.arena.alloc_str(&config.output.schema);
                let entity =
                    |found: &Found| Entity { schema, data: cx.arena.alloc_str(&found.data), cache_id: found.id };
                let entities: Vec<Entity<'a>> = found.iter().map(entity).collect();
                cx.add_entities(entities);
            }
            Err(_) if config.ignore_on_error => {}
            Err(error) => cx.failures.extend(["Error while executing the sql lookup".to_owned(), error].map(|text| {
                EnrichmentFailure {
                    enrichment: Some(EnrichmentInfo {
                        schema_key: config.schema_key.clone().into(),
                        identifier: IDENTIFIER,
                    }),
                    message: Message::simple(text),
                }
            })),
        }
    }

    fn take_lookups(&mut self) -> Lookups {
        std::mem::take(&mut self.lookups)
    }
}
