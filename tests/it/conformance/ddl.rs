//! Tables: functions of schema-ddl 0.14.3, and the names of the Analytics SDK.

use std::sync::Arc;

use serde_json::{Value, json};
use thresh::badrow::Processor;
use thresh::ddl::{
    Change, Column as TableColumn, ColumnType, Encoding, Migration, ModelKey, Node, Redshift, SchemaSource, SqlOptions,
    Table, TableOptions, migration_file, snake_case,
};
use thresh::event::Column;
use thresh::event::read::{decode, split_tsv};
use thresh::event::time::{instant_text, parse_column_timestamp};
use thresh::iglu::{Checked, ClientError, SchemaKey, SchemaVer, SelfDescribing, Validator};
use thresh::shred::{Formats, Plans, ShredConfig, ShredOutput, Shredder, text::cut, text::read_text};

use super::Answer;
use crate::shred::world::Event;

/// Answers a case, if we have a counterpart of what it calls.
pub fn answer(call: &Value) -> Option<Answer> {
    let arguments = &call["args"];
    match call["call"].as_str() {
        Some("DdlGenerator.getDataType") => Some(data_type(&Node::parse(&arguments[0]).ok()?)),
        Some("FlatSchema.getName") => {
            let list = schemas(&arguments[0]["on"]["args"][0]["schemas"])?;
            let table = Table::build(&key(), &list, TableOptions::default()).ok()?;
            Some(Answer::Value(table.columns.iter().map(|column| column.name.clone()).collect()))
        }
        Some("FlatData.flatten") => {
            let list = find(&arguments[1], "buildSingleSchema").map(|call| json!([call["args"][0]]));
            let list = list.or_else(|| find(&arguments[1], "buildMultiple").map(|call| call["args"][0].clone()))?;
            Some(Answer::Value(flattened(&arguments[0], schemas(&list)?)?))
        }
        Some("SnowplowEvent.transformSchema") => {
            let text = |index: usize| arguments[index].as_str();
            let model = u32::try_from(arguments[3].as_u64()?).ok()?;
            let version = SchemaVer::new(model, 0, 0);
            let key = SchemaKey { vendor: text(1)?, name: text(2)?, format: "jsonschema", version };
            Some(Answer::Value(thresh::sdk::entity_key("contexts", &key).into()))
        }
        Some("MigrationGenerator.enumLonger") => {
            let version = |addition, schema: &Value| {
                let document = json!({"type": "object", "properties": {"foo": schema}});
                (SchemaVer::new(1, 0, addition), Arc::new(document))
            };
            let list = [version(0, &arguments[0]["from"]), version(1, &arguments[0]["to"])];
            let steps = Migration::steps(&key(), &list, TableOptions::default()).ok()?;
            Some(Answer::Value(steps.iter().any(|step| !step.changed.is_empty()).into()))
        }
        Some(decoder) if decoder.starts_with("ValueDecoder[") => decoded(decoder, arguments),
        None if call["get"] == "render" => migration(&call["on"]),
        _ => None,
    }
}

/// A column of the decoder's type with this value, in an event that is otherwise good.
fn decoded(decoder: &str, arguments: &Value) -> Option<Answer> {
    let (name, value) = (arguments[0].as_str()?, arguments[1].as_str()?);
    let column = match decoder.trim_start_matches("ValueDecoder[").split(']').next()? {
        "Option[String" => Column::app_id,
        "Option[Int" => Column::txn_id,
        "Option[Boolean" => Column::br_cookies,
        "Option[Double" => Column::se_value,
        "Option[Instant" => Column::true_tstamp,
        "UUID" => Column::event_id,
        "UnstructEvent" => Column::unstruct_event,
        _ => return None,
    };
    let line = Event::new(1).set(column, &value.replace('\n', " ")).line();
    let event = split_tsv(&line).ok()?;
    let arena = bumpalo::Bump::new();
    let entities = match decode(&event, &arena) {
        Ok(decoded) => decoded.entities,
        Err(errors) => {
            let message = errors[0].message.replace(column.info().name, name);
            let error = json!({"_type": "InvalidValue", "key": name, "value": errors[0].value, "message": message});
            return Some(Answer::Error(error));
        }
    };
    let text = event.get(column);
    Some(Answer::Ok(match column {
        Column::unstruct_event => {
            let data = entities.unstruct_event.map(|event| json!({"schema": event.uri, "data": event.data.to_serde()}));
            json!({"_type": "UnstructEvent", "data": data})
        }
        Column::txn_id => text.and_then(|text| text.parse::<i64>().ok()).into(),
        Column::br_cookies => text.map(|text| text == "1").into(),
        Column::true_tstamp => text.map(|text| instant_text(parse_column_timestamp(text).unwrap_or_default())).into(),
        _ => {
            let limit = arguments[2].as_u64().map_or(usize::MAX, |limit| limit as usize);
            text.map(|text| cut(text, limit)).into()
        }
    }))
}

fn key() -> ModelKey {
    ModelKey { vendor: "com.acme".into(), name: "example".into(), model: 1 }
}

/// The first call of a function of this name, however deep.
fn find<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(members) => {
            let here = members.get("call").and_then(Value::as_str).is_some_and(|call| call.ends_with(name));
            if here { Some(value) } else { members.values().find_map(|member| find(member, name)) }
        }
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// Schemas in the order of their versions.
fn schemas(list: &Value) -> Option<Vec<(SchemaVer, Arc<Value>)>> {
    let mut found = Vec::new();
    for entry in list.as_array()? {
        let (name, schema) = (&entry["_args"][0], &entry["_args"][1]);
        let uri = name.as_str().or_else(|| name["_args"][0].as_str())?;
        found.push((SchemaKey::parse(uri).ok()?.version, Arc::new(schema.clone())));
    }
    found.sort_by_key(|(version, _)| *version);
    Some(found)
}

fn data_type(node: &Node) -> Answer {
    Answer::Value(match ColumnType::of(node) {
        ColumnType::Varchar(size) => json!({"_type": "RedshiftVarchar", "size": size}),
        ColumnType::Char(size) => json!({"_type": "RedshiftChar", "size": size}),
        ColumnType::Money => json!({"_type": "RedshiftDecimal", "precision": 36, "scale": 2}),
        ColumnType::Decimal => json!({"_type": "RedshiftDecimal", "precision": null, "scale": null}),
        ColumnType::Timestamp => json!({"$ref": "RedshiftTimestamp"}),
        ColumnType::Date => json!({"$ref": "RedshiftDate"}),
        ColumnType::SmallInt => json!({"$ref": "RedshiftSmallInt"}),
        ColumnType::Int => json!({"$ref": "RedshiftInteger"}),
        ColumnType::BigInt => json!({"$ref": "RedshiftBigInt"}),
        ColumnType::Double => json!({"$ref": "RedshiftDouble"}),
        ColumnType::Boolean => json!({"$ref": "RedshiftBoolean"}),
    })
}

/// A registry with the versions of one schema.
#[derive(Clone)]
struct Registry(Arc<Vec<(SchemaVer, Arc<Value>)>>);

impl SchemaSource for Registry {
    fn fetch(&self, key: &SchemaKey<'_>) -> Result<Arc<Value>, Box<ClientError>> {
        let found = self.0.iter().find(|(version, _)| *version == key.version);
        found.map(|(_, schema)| schema.clone()).ok_or_else(|| ClientError::Resolution { lookup_history: vec![] }.into())
    }

    fn list(&self, _: &str, _: &str, _: u32) -> Result<Vec<SchemaVer>, Box<ClientError>> {
        Ok(self.0.iter().map(|(version, _)| *version).collect())
    }
}

impl Validator for Registry {
    fn check(&mut self, _: &SelfDescribing<'_>) -> Result<Checked, Box<ClientError>> {
        Ok(Checked { superseded_by: None })
    }
}

/// The cells of an entity's row. The reference's flattening writes nothing for null; tables get `\N`.
fn flattened(data: &Value, list: Vec<(SchemaVer, Arc<Value>)>) -> Option<Value> {
    let newest = list.last()?.0;
    let registry = Registry(Arc::new(list));
    let plans = Plans::new(Arc::new(registry.clone()), Formats::default(), TableOptions::default());
    let types = plans.types().clone();
    let processor = Processor { artifact: "test".into(), version: "0.1.0".into() };
    let mut shredder = Shredder::new(Arc::new(ShredConfig::new(plans, processor)), Box::new(registry));
    let uri = format!("iglu:com.acme/test/jsonschema/{newest}");
    let mut output = ShredOutput::default();
    shredder.process(Event::new(1).contexts(&[(&uri, data.clone())]).line().as_bytes(), &mut output);
    let (_, block) = output.blocks().find(|(id, _)| types.key(*id).is_some_and(|key| key.name == "test"))?;
    let row = std::str::from_utf8(&block.bytes).ok()?.trim_end_matches('\n');
    Some(row.split('\t').skip(9).map(|cell| read_text(cell).unwrap_or_default()).collect())
}

/// `MigrationGenerator.generateMigration(…).render`
fn migration(call: &Value) -> Option<Answer> {
    if call["call"] != "MigrationGenerator.generateMigration" {
        return None;
    }
    let given = &call["args"][0];
    let version = |key: &str| SchemaVer::parse(given[key].as_str()?);
    let (from, to) = (version("from")?, version("to")?);
    let mut migration = Migration {
        key: ModelKey {
            vendor: given["vendor"].as_str()?.into(),
            name: given["name"].as_str()?.into(),
            model: to.model,
        },
        from,
        to,
        added: Vec::new(),
        changed: Vec::new(),
        relaxed: Vec::new(),
    };
    for added in given["diff"]["added"].as_array()? {
        let node = Node::parse(&added[1]).ok()?;
        let ty = ColumnType::of(&node);
        migration.added.push(TableColumn {
            name: name(added[0].as_str()?),
            pointers: Vec::new(),
            since: to,
            declared: ty,
            ty,
            encoding: Encoding::of(&node, ty),
            declared_not_null: !node.admits_null(),
            certain: false,
        });
    }
    for modified in given["diff"]["modified"].as_array()? {
        let node = Node::parse(&modified["to"]).ok()?;
        let (from, to) = (ColumnType::of(&Node::parse(&modified["from"]).ok()?), ColumnType::of(&node));
        let encoding = Encoding::of(&node, to);
        if from != to && encoding != Encoding::Text255 {
            migration.changed.push(Change { name: name(modified["pointer"].as_str()?), from, to, encoding });
        }
    }
    let options = SqlOptions { reference: true, ..SqlOptions::default() };
    Some(Answer::Value(migration_file(&Redshift, &migration, &options).into()))
}

fn name(pointer: &str) -> String {
    let parts = pointer.split('/').filter(|part| !part.is_empty() && *part != "properties");
    parts.map(snake_case).collect::<Vec<_>>().join(".")
}
