//! JSON Schemas as far as tables need them: which keywords count, and which spellings make a schema unusable.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../jsonschema/Schema.scala` and `.../jsonschema/circe/*Codecs.scala`
//! (a keyword of the wrong kind anywhere makes the whole schema unusable; length limits may be written as strings).

use std::fmt;

use serde_json::{Map, Value};

use super::decimal::Decimal;

/// Deepest nesting of schemas inside a schema.
const MAX_DEPTH: usize = 100;

/// A set of JSON types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Types(u8);

impl Types {
    /// `null`
    pub const NULL: Types = Types(1);
    /// `boolean`
    pub const BOOLEAN: Types = Types(2);
    /// `string`
    pub const STRING: Types = Types(4);
    /// `integer`
    pub const INTEGER: Types = Types(8);
    /// `number`
    pub const NUMBER: Types = Types(16);
    /// `array`
    pub const ARRAY: Types = Types(32);
    /// `object`
    pub const OBJECT: Types = Types(64);

    fn by_name(name: &str) -> Option<Types> {
        Some(match name {
            "null" => Types::NULL,
            "boolean" => Types::BOOLEAN,
            "string" => Types::STRING,
            "integer" => Types::INTEGER,
            "number" => Types::NUMBER,
            "array" => Types::ARRAY,
            "object" => Types::OBJECT,
            _ => return None,
        })
    }

    /// The types of both sets.
    pub fn with(self, other: Types) -> Types {
        Types(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub fn contains(self, other: Types) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set without `null`.
    pub fn without_null(self) -> Types {
        Types(self.0 & !Types::NULL.0)
    }

    /// Whether the set is exactly `wanted`, `null` aside.
    pub fn is(self, wanted: Types) -> bool {
        self.without_null() == wanted
    }

    /// Whether values of several unrelated types fit: two or more, `null` aside, other than `integer` with `number`.
    pub fn is_union(self) -> bool {
        self.without_null().count() > 1 && !self.is(Types::INTEGER.with(Types::NUMBER))
    }

    /// How many types there are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }
}

/// One schema, with the schemas inside it that can become columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// `type`
    pub types: Option<Types>,
    /// `properties`, in the schema's order.
    pub properties: Option<Vec<(String, Node)>>,
    /// `required`
    pub required: Vec<String>,
    /// `enum`
    pub enumeration: Option<Vec<Value>>,
    /// `oneOf`
    pub one_of: Option<Vec<Node>>,
    /// `additionalProperties`, if it is a schema.
    pub additional_properties: Option<Box<Node>>,
    /// `additionalItems`, if it is a schema.
    pub additional_items: Option<Box<Node>>,
    /// `format`
    pub format: Option<String>,
    /// `minLength`
    pub min_length: Option<u32>,
    /// `maxLength`
    pub max_length: Option<u32>,
    pub(super) maximum: Option<Decimal>,
    pub(super) multiple_of: Option<Decimal>,
}

/// Why a JSON is no usable schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON Pointer of the offending part.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.path.is_empty() { "the schema" } else { &self.path };
        write!(f, "{at}: {}", self.reason)
    }
}

impl std::error::Error for SchemaError {}

impl Node {
    /// Reads a schema.
    pub fn parse(json: &Value) -> Result<Node, SchemaError> {
        Parser { path: Vec::new() }.node(json)
    }

    /// Whether `null` fits, as far as `type` and `enum` say.
    pub fn admits_null(&self) -> bool {
        self.types.is_some_and(|types| types.contains(Types::NULL))
            || self.enumeration.as_ref().is_some_and(|values| values.iter().any(Value::is_null))
    }
}

struct Parser {
    path: Vec<String>,
}

type Parsed<T> = Result<T, SchemaError>;

impl Parser {
    fn fail<T>(&self, reason: impl Into<String>) -> Parsed<T> {
        let path = self.path.iter().map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1"))).collect();
        Err(SchemaError { path, reason: reason.into() })
    }

    /// Runs `read` on a keyword's value, if the keyword is there and not null.
    fn keyword<T>(
        &mut self,
        object: &Map<String, Value>,
        name: &str,
        read: impl FnOnce(&mut Parser, &Value) -> Parsed<T>,
    ) -> Parsed<Option<T>> {
        match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => self.below(name, |parser| read(parser, value)).map(Some),
        }
    }

    fn below<T>(&mut self, name: &str, read: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        self.path.push(name.to_owned());
        let result = read(self);
        self.path.pop();
        result
    }

    fn node(&mut self, json: &Value) -> Parsed<Node> {
        let Value::Object(object) = json else { return self.fail("a schema must be an object") };
        if self.path.len() > 2 * MAX_DEPTH {
            return self.fail("schemas are nested too deep");
        }
        self.keyword(object, "pattern", Parser::text)?;
        self.keyword(object, "description", Parser::text)?;
        self.keyword(object, "minimum", Parser::number)?;
        self.keyword(object, "minItems", Parser::count)?;
        self.keyword(object, "maxItems", Parser::count)?;
        self.keyword(object, "patternProperties", Parser::properties)?;
        self.keyword(object, "items", |parser, value| match value {
            Value::Array(_) => parser.list(value).map(drop),
            _ => parser.node(value).map(drop),
        })?;
        Ok(Node {
            types: self.keyword(object, "type", Parser::types)?,
            properties: self.keyword(object, "properties", Parser::properties)?,
            required: self.keyword(object, "required", Parser::names)?.unwrap_or_default(),
            enumeration: self.keyword(object, "enum", |parser, value| match value {
                Value::Array(values) => Ok(values.clone()),
                _ => parser.fail("must be an array"),
            })?,
            one_of: self.keyword(object, "oneOf", Parser::list)?,
            additional_properties: self.keyword(object, "additionalProperties", Parser::node_or_flag)?.flatten(),
            additional_items: self.keyword(object, "additionalItems", Parser::node_or_flag)?.flatten(),
            format: self.keyword(object, "format", Parser::text)?,
            min_length: self.keyword(object, "minLength", Parser::length)?,
            max_length: self.keyword(object, "maxLength", Parser::length)?,
            maximum: self.keyword(object, "maximum", Parser::number)?,
            multiple_of: self.keyword(object, "multipleOf", Parser::number_or_text)?,
        })
    }

    fn node_or_flag(&mut self, json: &Value) -> Parsed<Option<Box<Node>>> {
        match json {
            Value::Bool(_) => Ok(None),
            _ => self.node(json).map(|node| Some(Box::new(node))),
        }
    }

    fn list(&mut self, json: &Value) -> Parsed<Vec<Node>> {
        let Value::Array(items) = json else { return self.fail("must be an array of schemas") };
        let mut nodes = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            nodes.push(self.below(&index.to_string(), |parser| parser.node(item))?);
        }
        Ok(nodes)
    }

    fn properties(&mut self, json: &Value) -> Parsed<Vec<(String, Node)>> {
        let Value::Object(members) = json else { return self.fail("must be an object of schemas") };
        let mut properties = Vec::with_capacity(members.len());
        for (name, schema) in members {
            properties.push((name.clone(), self.below(name, |parser| parser.node(schema))?));
        }
        Ok(properties)
    }

    fn types(&mut self, json: &Value) -> Parsed<Types> {
        let names = match json {
            Value::String(_) => std::slice::from_ref(json),
            Value::Array(names) => names,
            _ => return self.fail("must be a type's name or an array of them"),
        };
        let mut types = Types::default();
        for name in names {
            match name.as_str().and_then(Types::by_name) {
                Some(known) => types = types.with(known),
                None => return self.fail(format!("{name} is no JSON type")),
            }
        }
        Ok(types)
    }

    fn names(&mut self, json: &Value) -> Parsed<Vec<String>> {
        let names =
            json.as_array().and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
        names.map_or_else(|| self.fail("must be an array of names"), Ok)
    }

    fn text(&mut self, json: &Value) -> Parsed<String> {
        json.as_str().map_or_else(|| self.fail("must be a string"), |text| Ok(text.to_owned()))
    }

    fn number(&mut self, json: &Value) -> Parsed<Decimal> {
        let number = json.as_number().and_then(|number| Decimal::parse(number.as_str()));
        number.map_or_else(|| self.fail("must be a number"), Ok)
    }

    fn number_or_text(&mut self, json: &Value) -> Parsed<Decimal> {
        match json {
            Value::String(text) => Decimal::parse(text).map_or_else(|| self.fail("must be a number"), Ok),
            _ => self.number(json),
        }
    }

    fn count(&mut self, json: &Value) -> Parsed<i128> {
        self.number(json)?.to_integer().map_or_else(|| self.fail("must be a whole number"), Ok)
    }

    fn length(&mut self, json: &Value) -> Parsed<u32> {
        let length = self.number_or_text(json)?.to_integer();
        match length {
            Some(length) if length >= 0 => Ok(u32::try_from(length).unwrap_or(u32::MAX)),
            _ => self.fail("must be a whole number that is not negative"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn error(json: Value) -> String {
        Node::parse(&json).unwrap_err().to_string()
    }

    #[test]
    fn keywords_are_read() {
        let node =
            Node::parse(&json!({"type": ["string", "null"], "maxLength": "12", "minLength": 3, "format": "ipv4"}));
        let node = node.unwrap();
        assert_eq!(node.types, Some(Types::STRING.with(Types::NULL)));
        assert_eq!((node.max_length, node.min_length, node.format.as_deref()), (Some(12), Some(3), Some("ipv4")));
        assert!(node.admits_null());
        let nested =
            Node::parse(&json!({"properties": {"b": {}, "a": {"enum": ["x", null]}}, "additionalProperties": {}}));
        let nested = nested.unwrap();
        let properties = nested.properties.unwrap();
        assert_eq!(properties.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b", "a"], "order is kept");
        assert!(properties[1].1.admits_null() && !properties[0].1.admits_null());
        assert!(nested.additional_properties.is_some());
    }

    #[test]
    fn the_place_of_a_mistake_is_named() {
        assert_eq!(error(json!(true)), "the schema: a schema must be an object");
        assert_eq!(error(json!({"type": ["unknown", "string"]})), "/type: \"unknown\" is no JSON type");
        assert_eq!(
            error(json!({"properties": {"a/b": {"maxLength": -1}}})),
            "/properties/a~1b/maxLength: must be a whole number that is not negative"
        );
        assert_eq!(error(json!({"items": [{}, {"required": true}]})), "/items/1/required: must be an array of names");
        assert_eq!(error(json!({"maximum": "1"})), "/maximum: must be a number");
        assert_eq!(error(json!({"additionalProperties": 1})), "/additionalProperties: a schema must be an object");
        let mut deep = json!({});
        for _ in 0..150 {
            deep = json!({"properties": {"x": deep}});
        }
        assert!(error(deep).ends_with("schemas are nested too deep"));
    }

    #[test]
    fn null_keywords_are_absent_ones() {
        assert_eq!(Node::parse(&json!({"type": null, "properties": null, "enum": null})), Ok(Node::default()));
    }

    #[test]
    fn unions() {
        let both = Types::INTEGER.with(Types::NUMBER);
        assert!(!both.is_union() && !both.with(Types::NULL).is_union());
        assert!(Types::INTEGER.with(Types::STRING).is_union());
        assert!(both.with(Types::STRING).is_union());
        assert!(!Types::STRING.with(Types::NULL).is_union());
    }
}
