//! From a schema document to a [`Model`].

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::canonical::write_canonical;
use super::decimal::{Constant, is_integer_text, java_text};
use super::formats::Format;
use super::java_map::sort_as_hash_map;
use super::model::{
    Additional, Dependencies, Enumeration, Items, Limit, Model, MultipleOf, NamedPattern, Node, NodeId, Types, kinds,
};
use super::names::Names;
use super::pattern::Pattern;
use super::references::{self, Target};

/// Compiles a document. The error is what makes it unusable as a whole.
pub(super) fn build(document: &Json) -> Result<Model, String> {
    let mut builder = Builder { document, nodes: Vec::new(), references: HashMap::new(), accept_all: None, depth: 0 };
    builder.schema(document, None, "#".to_owned())?;
    let mut model = Model { nodes: builder.nodes, is_recursive: false };
    references::refuse_endless(&model)?;
    model.is_recursive = references::is_recursive(&model);
    Ok(model)
}

struct Builder<'d> {
    document: &'d Json,
    nodes: Vec<Node>,
    /// References met so far, by their text.
    references: HashMap<&'d str, NodeId>,
    accept_all: Option<NodeId>,
    depth: usize,
}

/// Deepest nesting of schemas, references included. The stack of a thread allows for it.
const MOST_NESTED: usize = 200;

type Object = Map<String, Json>;

impl<'d> Builder<'d> {
    /// Compiles a schema. What is no object accepts everything.
    fn schema(&mut self, json: &'d Json, parent: Option<&'d Object>, origin: String) -> Result<NodeId, String> {
        if self.depth >= MOST_NESTED {
            return Err(format!("schemas are nested deeper than {MOST_NESTED} levels"));
        }
        self.depth += 1;
        let id = self.nodes.len();
        self.nodes.push(anything());
        if let Json::Object(schema) = json {
            let mut node = Node { origin, ..Node::default() };
            self.applicators(schema, &mut node)?;
            assertions(schema, parent, &mut node)?;
            node.note_checks();
            self.nodes[id] = node;
        }
        self.depth -= 1;
        Ok(id)
    }

    fn applicators(&mut self, schema: &'d Object, node: &mut Node) -> Result<(), String> {
        let own = Some(schema);
        if let Some(reference) = schema.get("$ref") {
            node.reference = Some(self.reference(reference, schema)?);
        }
        node.all_of = self.list(schema, "allOf")?;
        node.any_of = self.list(schema, "anyOf")?;
        node.one_of = self.list(schema, "oneOf")?;
        if let Some(Json::Array(branches)) = schema.get("oneOf") {
            node.one_of_text = branches.iter().map(Json::to_string).collect();
        }
        if let Some(negated) = schema.get("not") {
            node.not = Some((self.schema(negated, own, "not".to_owned())?, format!("\"not\" : {negated}")));
        }
        if let Some(properties) = object(schema, "properties") {
            for (name, property) in properties {
                let origin = format!("{}/properties/{name}", node.origin);
                let property = self.schema(property, own, origin)?;
                node.properties.push((name.clone(), property));
            }
            sort_as_hash_map(&mut node.properties);
        }
        for (pattern, property) in object(schema, "patternProperties").into_iter().flatten() {
            let compiled = compile_pattern(pattern)?;
            node.pattern_properties.push((compiled, self.schema(property, own, pattern.clone())?));
        }
        if let Some(additional) = schema.get("additionalProperties") {
            node.additional = self.additional(additional, schema)?;
        }
        if let Some(items) = schema.get("items") {
            let origin = format!("{}/items", node.origin);
            node.items = Some(self.items(items, schema, &origin)?);
        }
        if let Some(dependencies) = object(schema, "dependencies") {
            node.dependencies = Some(Box::new(self.dependencies(dependencies, schema)?));
        }
        Ok(())
    }

    fn list(&mut self, schema: &'d Object, keyword: &str) -> Result<Vec<NodeId>, String> {
        let Some(Json::Array(branches)) = schema.get(keyword) else { return Ok(Vec::new()) };
        branches.iter().map(|branch| self.schema(branch, Some(schema), keyword.to_owned())).collect()
    }

    fn additional(&mut self, json: &'d Json, schema: &'d Object) -> Result<Additional, String> {
        Ok(match json {
            Json::Bool(true) => Additional::Allowed,
            Json::Object(_) => {
                Additional::Schema(self.schema(json, Some(schema), "additionalProperties".to_owned())?)
            }
            _ => Additional::Forbidden,
        })
    }

    fn items(&mut self, items: &'d Json, schema: &'d Object, origin: &str) -> Result<Items, String> {
        let mut item = |json: &'d Json| self.schema(json, Some(schema), origin.to_owned());
        let Json::Array(tuple) = items else { return Ok(Items::All(item(items)?)) };
        let schemas = tuple.iter().map(item).collect::<Result<_, _>>()?;
        let rest = match schema.get("additionalItems") {
            Some(Json::Bool(false)) => Additional::Forbidden,
            Some(rest @ Json::Object(_)) => Additional::Schema(self.schema(rest, Some(schema), "#".to_owned())?),
            _ => Additional::Allowed,
        };
        Ok(Items::Tuple { schemas, rest })
    }

    fn dependencies(&mut self, json: &'d Object, schema: &'d Object) -> Result<Dependencies, String> {
        let mut dependencies = Dependencies::default();
        for (name, needed) in json {
            match needed {
                Json::Array(names) => {
                    dependencies.properties.push((name.clone(), names.iter().map(java_scalar).collect()));
                }
                Json::Object(_) => {
                    let dependent = self.schema(needed, Some(schema), name.clone())?;
                    dependencies.schemas.push((name.clone(), dependent));
                }
                _ => {}
            }
        }
        let mut in_order = dependencies.properties.clone();
        sort_as_hash_map(&mut in_order);
        let entries: Vec<String> =
            in_order.iter().map(|(name, names)| format!("{name}=[{}]", names.join(", "))).collect();
        dependencies.text = format!("{{{}}}", entries.join(", "));
        Ok(dependencies)
    }

    fn reference(&mut self, json: &'d Json, schema: &'d Object) -> Result<NodeId, String> {
        let Json::String(reference) = json else {
            return Err(format!("Reference {} cannot be resolved", java_scalar(json)));
        };
        if let Some(known) = self.references.get(reference.as_str()) {
            return Ok(*known);
        }
        match references::resolve(self.document, reference)? {
            Target::Root => Ok(0),
            Target::Anything => Ok(self.accept_all()),
            Target::Schema(target) => {
                // The node's number is known before it is compiled, so that it may refer to itself.
                self.references.insert(reference, self.nodes.len());
                self.schema(target, Some(schema), reference.clone())
            }
        }
    }

    fn accept_all(&mut self) -> NodeId {
        *self.accept_all.get_or_insert_with(|| {
            self.nodes.push(anything());
            self.nodes.len() - 1
        })
    }
}

/// A schema that accepts everything.
fn anything() -> Node {
    let mut node = Node::default();
    node.note_checks();
    node
}

/// The keywords without schemas in them.
fn assertions(schema: &Object, parent: Option<&Object>, node: &mut Node) -> Result<(), String> {
    node.required = strings(schema, "required");
    node.not_allowed = strings(schema, "notAllowed");
    node.names = Names::new(&node.properties, &node.required);
    node.types = schema.get("type").map(|types| read_types(types, schema, parent));
    if let Some(Json::Array(values)) = schema.get("enum") {
        node.enumeration = Some(Box::new(enumeration(values, is_nullable(schema))));
    }
    node.format = schema.get("format").and_then(Json::as_str).and_then(Format::named);
    node.max_items = integer(schema, "maxItems");
    node.max_length = integer(schema, "maxLength");
    node.max_properties = integer(schema, "maxProperties");
    node.min_items = integer(schema, "minItems");
    node.min_length = integer(schema, "minLength");
    node.min_properties = integer(schema, "minProperties");
    node.maximum = limit(schema, "maximum", "exclusiveMaximum")?;
    node.minimum = limit(schema, "minimum", "exclusiveMinimum")?;
    if let Some(Json::Number(divisor)) = schema.get("multipleOf") {
        node.multiple_of = Some(Box::new(MultipleOf {
            divisor: Constant::parse(divisor.as_str()),
            text: java_double(divisor.as_str()),
        }));
    }
    if let Some(Json::String(pattern)) = schema.get("pattern") {
        node.pattern = Some(Box::new(NamedPattern { pattern: compile_pattern(pattern)?, text: pattern.clone() }));
    }
    node.unique_items = schema.get("uniqueItems") == Some(&Json::Bool(true));
    Ok(())
}

fn compile_pattern(pattern: &str) -> Result<Pattern, String> {
    Pattern::compile(pattern).map_err(|error| format!("the pattern {pattern} cannot be used: {error}"))
}

fn object<'d>(schema: &'d Object, keyword: &str) -> Option<&'d Object> {
    schema.get(keyword)?.as_object()
}

fn strings(schema: &Object, keyword: &str) -> Vec<String> {
    match schema.get(keyword) {
        Some(Json::Array(names)) => names.iter().map(java_scalar).collect(),
        _ => Vec::new(),
    }
}

/// A limit on a length, cut to 32 bits as the reference does.
fn integer(schema: &Object, keyword: &str) -> Option<i32> {
    let Json::Number(number) = schema.get(keyword)? else { return None };
    number.as_str().parse::<i128>().ok().map(|wide| wide as i32)
}

fn limit(schema: &Object, keyword: &str, exclusive: &str) -> Result<Option<Box<Limit>>, String> {
    let number = match schema.get(keyword) {
        None => return Ok(None),
        Some(Json::Number(number)) => number.as_str(),
        Some(_) => return Err(format!("{keyword} value is not a number")),
    };
    Ok(Some(Box::new(Limit {
        value: Constant::parse(number),
        exclusive: schema.get(exclusive) == Some(&Json::Bool(true)),
        text: java_text(number),
    })))
}

/// `Double.toString` of a number.
fn java_double(text: &str) -> String {
    let mut out = Vec::new();
    crate::json::write_java_double(text.parse().unwrap_or(f64::NAN), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Jackson's `asText`: containers are empty.
fn java_scalar(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Number(number) => java_text(number.as_str()),
        Json::Array(_) | Json::Object(_) => String::new(),
        Json::Null | Json::Bool(_) => json.to_string(),
    }
}

/// Jackson's `asBoolean` of `nullable`.
fn is_nullable(schema: &Object) -> bool {
    match schema.get("nullable") {
        Some(Json::Bool(nullable)) => *nullable,
        Some(Json::String(text)) => text.trim() == "true",
        Some(Json::Number(number)) => is_integer_text(number.as_str()) && number.as_str() != "0",
        _ => false,
    }
}

/// `nullable` counts on the schema itself and on the one around it. A schema of type `object` with an `enum` below a
/// `$ref` has no type at all: the reference takes it for an enumeration of OpenAPI.
fn read_types(types: &Json, schema: &Object, parent: Option<&Object>) -> Types {
    let list = match types {
        Json::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    let names: Vec<String> =
        list.iter().map(|name| if kind_of(name) == 0 { "unknown".to_owned() } else { java_scalar(name) }).collect();
    let mut accepted = list.iter().fold(0, |kinds, name| kinds | kind_of(name));
    if is_nullable(schema) {
        accepted |= kinds::NULL;
    }
    let mut accepted_in_any_of = accepted;
    if parent.is_some_and(is_nullable) {
        accepted |= kinds::NULL;
    }
    let is_enum = schema.get("enum").is_some_and(Json::is_array);
    if types == "object" && is_enum && parent.is_some_and(|parent| parent.contains_key("$ref")) {
        accepted = kinds::ALL;
        accepted_in_any_of = kinds::ALL;
    }
    Types { accepted, accepted_in_any_of, names, is_union: types.is_array() }
}

fn kind_of(name: &Json) -> u8 {
    match name.as_str() {
        Some("null") => kinds::NULL,
        Some("boolean") => kinds::BOOLEAN,
        Some("integer") => kinds::INTEGER,
        Some("number") => kinds::INTEGER | kinds::DECIMAL,
        Some("string") => kinds::STRING,
        Some("array") => kinds::ARRAY,
        Some("object") => kinds::OBJECT,
        Some("any") => kinds::ALL,
        _ => 0,
    }
}

fn enumeration(values: &[Json], nullable: bool) -> Enumeration {
    let mut shown: Vec<String> = values.iter().map(java_scalar).collect();
    let mut enumeration = Enumeration {
        strings: Default::default(),
        numbers: Vec::new(),
        null: nullable,
        yes: false,
        no: false,
        containers: Default::default(),
        text: String::new(),
    };
    for value in values {
        match value {
            Json::Null => enumeration.null = true,
            Json::Bool(true) => enumeration.yes = true,
            Json::Bool(false) => enumeration.no = true,
            Json::Number(number) => enumeration.numbers.push(Constant::parse(number.as_str())),
            Json::String(text) => {
                enumeration.strings.insert(text.as_str().into());
            }
            Json::Array(_) | Json::Object(_) => {
                let arena = bumpalo::Bump::new();
                if let Ok(container) = crate::json::parse(&value.to_string(), &arena) {
                    let mut form = Vec::new();
                    write_canonical(container, &mut form);
                    enumeration.containers.insert(form);
                }
            }
        }
    }
    if nullable {
        shown.push("null".to_owned());
    }
    enumeration.text = format!("[{}]", shown.join(", "));
    enumeration
}
