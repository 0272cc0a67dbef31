//! Compiled rows: for each model a tree of property names that leads from an entity's members to columns.
//!
//! A plan is made once per run from the schema list of the model, whoever asks first; all workers share it, so that a
//! registry that changes half-way cannot give one table rows of two shapes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::formats::{Formats, RowFormat};
use super::members::{Branch, MemberOrder, Slot};
use super::types::{TypeId, TypeKey, TypeRegistry};
use crate::ddl::{DdlError, ModelKey, SchemaSource, Table, TableOptions};
use crate::iglu::{SchemaKey, SchemaVer};
use crate::json::Value;

/// Vendor of the entity that names the id an event had before it was given another.
pub const DUPLICATE_VENDOR: &str = "com.snowplowanalytics.snowplow";
/// Name of that entity.
pub const DUPLICATE_NAME: &str = "duplicate";

/// How the rows of one model are written.
#[derive(Debug)]
pub struct RowPlan {
    /// The table the rows are for.
    pub table: Table,
    /// Widest text of each column, in bytes.
    pub widths: Vec<Option<u32>>,
    root: Branch,
}

impl RowPlan {
    fn new(table: Table) -> RowPlan {
        let mut root = Branch::default();
        for (column, info) in table.columns.iter().enumerate() {
            for (rank, pointer) in info.pointers.iter().enumerate() {
                let path: Vec<&str> = pointer.path().collect();
                root.insert(&path, (column as u32, rank as u32));
            }
        }
        root.finish();
        let widths = table.columns.iter().map(|column| column.ty.width()).collect();
        RowPlan { table, widths, root }
    }

    /// Number of columns after the nine leading ones.
    pub fn len(&self) -> usize {
        self.widths.len()
    }

    /// Whether rows have the nine leading columns only.
    pub fn is_empty(&self) -> bool {
        self.widths.is_empty()
    }

    /// Finds the values of all columns in one walk over the entity. `slots` must be [`Slot::EMPTY`], one a column.
    pub fn fill<'a>(&self, data: Value<'a>, order: &mut MemberOrder, slots: &mut [Slot<'a>]) {
        order.begin();
        self.root.fill(data, order, slots);
    }
}

/// What is done with the entities of one schema.
#[derive(Clone, Debug)]
pub enum Plan {
    /// No rows.
    Skip,
    /// Rows of JSON.
    Json(TypeId),
    /// Rows of columns.
    Tsv(TypeId, Arc<RowPlan>),
    /// There is no table, so there can be no rows; the event becomes a bad row.
    Refused(Arc<DdlError>),
}

/// The plans of a run, shared by its workers.
pub struct Plans {
    source: Arc<dyn SchemaSource>,
    formats: Formats,
    options: TableOptions,
    types: Arc<TypeRegistry>,
    tables: Mutex<HashMap<ModelKey, Planned>>,
}

/// A model's table, or why it has none.
type Planned = Result<Arc<RowPlan>, Arc<DdlError>>;

impl Plans {
    /// Plans over the schemas of `source`.
    pub fn new(source: Arc<dyn SchemaSource>, formats: Formats, options: TableOptions) -> Plans {
        Plans { source, formats, options, types: Arc::default(), tables: Mutex::default() }
    }

    /// The kinds of rows met so far.
    pub fn types(&self) -> &Arc<TypeRegistry> {
        &self.types
    }

    /// What to do with entities of this schema. Asks the registry when the model is new; workers should keep the answer.
    pub fn plan(&self, key: &SchemaKey<'_>) -> Plan {
        let Some(format) = self.formats.of(key) else { return Plan::Skip };
        let id = || {
            self.types.id(&TypeKey {
                vendor: key.vendor.into(),
                name: key.name.into(),
                format,
                model: key.version.model,
                bad: false,
            })
        };
        if format == RowFormat::Json {
            return Plan::Json(id());
        }
        match self.table(&ModelKey::of(key)) {
            Ok(plan) if plan.table.versions.contains(&key.version) => Plan::Tsv(id(), plan),
            // Columns of a version that the list does not know would be lost without a word.
            Ok(plan) => {
                let key = Box::new(plan.table.key.version(key.version));
                Plan::Refused(Arc::new(DdlError::UnknownVersion { key }))
            }
            Err(error) => Plan::Refused(error),
        }
    }

    /// The tables that rows were planned for.
    pub fn tables(&self) -> Vec<Arc<RowPlan>> {
        let tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.values().filter_map(|table| table.as_ref().ok().cloned()).collect()
    }

    /// The lock is held while the registry is asked: workers that want the same table wait for one answer.
    fn table(&self, key: &ModelKey) -> Planned {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tables.get(key) {
            return known.clone();
        }
        let table = Table::load(&*self.source, key, self.options)
            .or_else(|error| if is_duplicate(key) { duplicate_table(key, self.options) } else { Err(error) });
        let plan = table.map(|table| Arc::new(RowPlan::new(table))).map_err(Arc::new);
        tables.insert(key.clone(), plan.clone());
        plan
    }
}

fn is_duplicate(key: &ModelKey) -> bool {
    key.vendor == DUPLICATE_VENDOR && key.name == DUPLICATE_NAME && key.model == 1
}

/// The shredder makes these entities itself, so it must be able to write them without a registry. Schema:
/// snowplow/iglu-central, `schemas/com.snowplowanalytics.snowplow/duplicate/jsonschema/1-0-0`.
fn duplicate_table(key: &ModelKey, options: TableOptions) -> Result<Table, DdlError> {
    let schema = json!({
        "type": "object",
        "properties": {"originalEventId": {"type": "string", "format": "uuid"}},
        "required": ["originalEventId"],
        "additionalProperties": false
    });
    Table::build(key, &[(SchemaVer::new(1, 0, 0), Arc::new(schema))], options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iglu::ClientError;
    use bumpalo::Bump;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Knows one model, and counts the questions.
    struct OneModel {
        schemas: Vec<serde_json::Value>,
        asked: AtomicUsize,
    }

    impl SchemaSource for OneModel {
        fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<serde_json::Value>, Box<ClientError>> {
            Ok(Arc::new(self.schemas[key.version.addition as usize].clone()))
        }

        fn list(&self, vendor: &str, _: &str, model: u32) -> Result<Vec<SchemaVer>, Box<ClientError>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            if vendor != "com.acme" {
                return Err(Box::new(ClientError::Resolution { lookup_history: vec![] }));
            }
            Ok((0..self.schemas.len()).map(|addition| SchemaVer::new(model, 0, addition as u32)).collect())
        }
    }

    fn plans(schemas: Vec<serde_json::Value>) -> (Plans, Arc<OneModel>) {
        let source = Arc::new(OneModel { schemas, asked: AtomicUsize::new(0) });
        (Plans::new(source.clone(), Formats::default(), TableOptions::default()), source)
    }

    fn filled(plan: &RowPlan, json: &str) -> Vec<Option<String>> {
        let arena = Bump::new();
        let data = crate::json::parse(arena.alloc_str(json), &arena).unwrap();
        let fill = |order: &mut MemberOrder| -> Vec<Option<String>> {
            let mut slots = vec![Slot::EMPTY; plan.len()];
            plan.fill(data, order, &mut slots);
            slots.iter().map(|slot| slot.value.map(|value| value.source().to_owned())).collect()
        };
        let mut order = MemberOrder::default();
        let found = fill(&mut order);
        assert_eq!(found, fill(&mut order), "with the order remembered");
        let mut wrong = MemberOrder::remembering(vec![3, 0, usize::MAX, 1, 0, 2]);
        assert_eq!(found, fill(&mut wrong), "with another order remembered");
        found
    }

    fn row_plan(plans: &Plans, uri: &str) -> Arc<RowPlan> {
        match plans.plan(&SchemaKey::parse(uri).unwrap()) {
            Plan::Tsv(_, plan) => plan,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_find_their_columns() {
        let schema = json!({"type": "object", "properties": {
            "b": {"type": "object", "properties": {"ba": {}, "bb": {"type": "object", "properties": {"c": {}}}}},
            "a": {"type": "string"}
        }});
        let (plans, _) = plans(vec![schema]);
        let plan = row_plan(&plans, "iglu:com.acme/x/jsonschema/1-0-0");
        let names: Vec<&str> = plan.table.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["a", "b.ba", "b.bb.c"]);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            filled(&plan, r#"{"x":1,"b":{"bb":{"c":[1]},"ba":null},"a":"q"}"#),
            [some("\"q\""), some("null"), some("[1]")]
        );
        assert_eq!(filled(&plan, r#"{"b":null}"#), [None, None, None]);
        assert_eq!(filled(&plan, r#"[1]"#), [None, None, None]);
        assert_eq!(filled(&plan, r#"{"a":1,"\u0061":2}"#), [some("2"), None, None]);
    }

    #[test]
    fn of_two_spellings_the_older_counts_unless_it_is_null() {
        let schema = |name: &str| json!({"type": "object", "properties": {name: {"type": ["string", "null"]}}});
        let (plans, _) = plans(vec![schema("targetUrl"), schema("target_url")]);
        let plan = row_plan(&plans, "iglu:com.acme/x/jsonschema/1-0-1");
        assert_eq!(plan.len(), 1);
        for json in [r#"{"target_url":"new","targetUrl":"old"}"#, r#"{"targetUrl":"old","target_url":"new"}"#] {
            assert_eq!(filled(&plan, json), [Some("\"old\"".to_owned())]);
        }
        for json in [r#"{"target_url":"new","targetUrl":null}"#, r#"{"targetUrl":null,"target_url":"new"}"#] {
            assert_eq!(filled(&plan, json), [Some("\"new\"".to_owned())]);
        }
    }

    #[test]
    fn a_model_is_asked_for_once() {
        let (plans, source) = plans(vec![json!({"type": "object"})]);
        for _ in 0..3 {
            row_plan(&plans, "iglu:com.acme/x/jsonschema/1-0-0");
            let missing = plans.plan(&SchemaKey::parse("iglu:com.nobody/x/jsonschema/1-0-0").unwrap());
            assert!(matches!(missing, Plan::Refused(error) if matches!(*error, DdlError::List { .. })));
        }
        assert_eq!(source.asked.load(Ordering::SeqCst), 2);
        let newer = plans.plan(&SchemaKey::parse("iglu:com.acme/x/jsonschema/1-0-1").unwrap());
        assert!(matches!(newer, Plan::Refused(error) if matches!(*error, DdlError::UnknownVersion { .. })));
    }

    #[test]
    fn duplicates_need_no_registry() {
        let (plans, _) = plans(vec![]);
        let plan = row_plan(&plans, "iglu:com.snowplowanalytics.snowplow/duplicate/jsonschema/1-0-0");
        assert_eq!(plan.table.columns[0].name, "original_event_id");
        assert_eq!(plan.widths, [Some(36)]);
    }

    proptest! {
        /// Flattening and putting together again gives the instance back, whatever its nesting and key order.
        #[test]
        fn flattening_loses_nothing(leaves in proptest::collection::btree_map("[a-e]{1,2}(/[a-e]{1,2}){0,3}", 0..100i32, 1..20)) {
            let mut schema = json!({"type": "object", "properties": {}});
            let mut instance = json!({});
            let mut expected = std::collections::BTreeMap::new();
            for (path, number) in &leaves {
                let inner = format!("{path}/");
                let below = |other: &String| other.starts_with(&inner) || path.starts_with(&format!("{other}/"));
                if leaves.keys().any(below) {
                    continue;
                }
                let (mut place, mut value) = (&mut schema, &mut instance);
                for name in path.split('/') {
                    place = &mut place["properties"][name];
                    if place.is_null() {
                        *place = json!({"type": "object", "properties": {}});
                    }
                    value = &mut value[name];
                }
                *place = json!({"type": "integer"});
                *value = json!(number);
                expected.insert(path.replace('/', "."), number.to_string());
            }
            let (plans, _) = plans(vec![schema]);
            let plan = row_plan(&plans, "iglu:com.acme/x/jsonschema/1-0-0");
            let values = filled(&plan, &instance.to_string());
            let columns = plan.table.columns.iter().map(|column| column.name.clone());
            let found: std::collections::BTreeMap<String, String> =
                columns.zip(values).map(|(name, value)| (name, value.unwrap())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
