//! From a schema to its leaves: the parts of an entity that get a column each.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../migrations/FlatSchema.scala` and `.../jsonschema/Schema.scala`.
//! Kept on purpose: what is a leaf, the order, and that a property can be "required" below a parent that may be null.
//! Not kept: columns for `additionalProperties` and `additionalItems` (unless asked for), and a column for the root.

use std::cmp::Ordering;

use super::name::snake_case;
use super::schema::{Node, Types};

/// One step from a schema to a schema inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into a property.
    Property(String),
    /// Into `additionalProperties`.
    AdditionalProperties,
    /// Into `additionalItems`.
    AdditionalItems,
}

/// The way from a schema's root to a schema inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(pub Vec<Step>);

impl Pointer {
    /// The names of the properties on the way, as they stand in the data.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Property(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The column's name: every property in snake case, dots between.
    pub fn column_name(&self) -> String {
        self.path().map(snake_case).collect::<Vec<_>>().join(".")
    }

    /// The pointer's JSON Pointer into the data.
    pub fn to_json_pointer(&self) -> String {
        self.path().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
    }

    fn child(&self, step: Step) -> Pointer {
        let mut steps = self.0.clone();
        steps.push(step);
        Pointer(steps)
    }
}

/// A part of a schema that becomes a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Leaf {
    /// Where it is.
    pub pointer: Pointer,
    /// Its column's name.
    pub name: String,
    /// The schema, with `null` added to its type if the property is optional.
    pub node: Node,
    /// Whether every valid instance has a value here that is not null.
    pub certain: bool,
}

impl Leaf {
    /// Whether the reference takes the column for nullable.
    pub fn is_nullable(&self) -> bool {
        self.node.admits_null()
    }

    /// The order of columns: certain values first, then by name in UTF-16 order.
    pub fn compare(&self, other: &Leaf) -> Ordering {
        let units = |leaf: &Leaf| leaf.name.encode_utf16().collect::<Vec<_>>();
        (self.is_nullable(), units(self), &self.pointer).cmp(&(other.is_nullable(), units(other), &other.pointer))
    }
}

/// The leaves of one schema, in column order. With `additional`, columns that schema-ddl up to 0.15.1 made of
/// `additionalProperties` and `additionalItems` are there too.
pub fn flatten(root: &Node, additional: bool) -> Vec<Leaf> {
    let mut walk = Walk { additional, leaves: Vec::new() };
    let object = root.types == Some(Types::OBJECT) && !root.admits_null();
    walk.children(root, &Pointer::default(), Parent { required: true, certain: object });
    walk.leaves.sort_by(Leaf::compare);
    walk.leaves
}

/// What is known of the schema that a schema stands in.
#[derive(Clone, Copy)]
struct Parent {
    /// It is required, and so is everything above it.
    required: bool,
    /// Every instance has it, as an object.
    certain: bool,
}

struct Walk {
    additional: bool,
    leaves: Vec<Leaf>,
}

impl Walk {
    fn children(&mut self, node: &Node, pointer: &Pointer, parent: Parent) {
        if let (true, Some(schema)) = (self.additional, &node.additional_items) {
            self.visit(schema, pointer.child(Step::AdditionalItems), false, parent);
        }
        for (name, schema) in node.properties.iter().flatten() {
            let required = parent.required && node.required.iter().any(|wanted| wanted == name);
            self.visit(schema, pointer.child(Step::Property(name.clone())), required, parent);
        }
        if let (true, Some(schema)) = (self.additional, &node.additional_properties) {
            self.visit(schema, pointer.child(Step::AdditionalProperties), false, parent);
        }
    }

    fn visit(&mut self, node: &Node, pointer: Pointer, required: bool, parent: Parent) {
        let present = parent.certain && required;
        let object = node.types == Some(Types::OBJECT) && !node.admits_null();
        let below = Parent { required, certain: present && object };
        if is_leaf(node) {
            self.leaves.push(leaf(node, pointer.clone(), required, present));
            if node.types.is_some_and(Types::is_union) {
                return;
            }
        }
        self.children(node, &pointer, below);
    }
}

fn leaf(node: &Node, pointer: Pointer, required: bool, present: bool) -> Leaf {
    // A value of unknown type may be null, whatever the reference's order makes of it.
    let certain = present && !node.admits_null() && (node.types.is_some() || node.enumeration.is_some());
    let mut own = Node { properties: None, one_of: None, ..node.clone() };
    if !required || node.admits_null() {
        own.types = Some(node.types.unwrap_or_default().with(Types::NULL));
    }
    Leaf { name: pointer.column_name(), pointer, node: own, certain }
}

/// Everything that is not an object with known properties and nothing else.
fn is_leaf(node: &Node) -> bool {
    let object = node.types.is_some_and(|types| types.contains(Types::OBJECT)) && node.properties.is_some();
    !object || is_heterogeneous(node)
}

fn is_heterogeneous(node: &Node) -> bool {
    let alternatives = node.one_of.iter().flatten().filter_map(|schema| schema.types);
    let all = alternatives.fold(Types::default(), Types::with).without_null();
    node.types.is_none_or(Types::is_union) || all.count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn columns(schema: Value) -> Vec<String> {
        names(schema, false)
    }

    /// Names of columns; certain ones end in `!`, those that the reference takes for not null in `*`.
    fn names(schema: Value, additional: bool) -> Vec<String> {
        let leaves = flatten(&Node::parse(&schema).unwrap(), additional);
        leaves
            .into_iter()
            .map(|leaf| {
                let mark = match (leaf.is_nullable(), leaf.certain) {
                    (true, false) => "",
                    (false, false) => "*",
                    (false, true) => "!",
                    (true, true) => panic!("{} is certain and nullable", leaf.name),
                };
                format!("{}{mark}", leaf.name)
            })
            .collect()
    }

    #[test]
    fn objects_are_entered_and_nothing_else() {
        let schema = json!({"type": "object", "properties": {
            "foo": {"type": ["string", "object"], "properties": {"one": {"type": "string"}}},
            "a_field": {"type": ["string", "integer"]},
            "b_field": {"type": "string"},
            "d_field": {"type": "object", "properties": {"one": {"type": ["integer", "object"], "properties": {"two": {}}}}},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {}}}},
            "any": {"type": "object"},
            "choice": {"oneOf": [{"type": "object", "properties": {"x": {}}}, {"type": "string"}]},
            "pattern": {"type": "object", "patternProperties": {"^x": {"type": "string"}}}
        }});
        let expected = ["a_field", "any", "b_field", "choice", "d_field.one", "foo", "list", "pattern"];
        assert_eq!(columns(schema), expected);
    }

    #[test]
    fn a_leaf_without_type_keeps_its_children() {
        let schema = json!({"type": "object", "properties": {"a": {"properties": {"b": {"type": "string"}}}}});
        assert_eq!(columns(schema), ["a", "a.b"]);
    }

    #[test]
    fn order_is_nullability_then_name() {
        let schema = json!({"type": "object", "required": ["zed", "obj"], "properties": {
            "zed": {"type": "string"}, "a_b": {}, "a.b": {}, "a1": {}, "aB": {"type": "null"}, "ab": {},
            "obj": {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}, "y": {}}}
        }});
        assert_eq!(columns(schema), ["obj.x!", "zed!", "a.b", "a1", "a_b", "a_b", "ab", "obj.y"]);
    }

    #[test]
    fn a_parent_that_may_be_null_does_not_count_for_the_reference() {
        let schema = json!({"type": "object", "required": ["ship_to", "enumerated", "loose"], "properties": {
            "ship_to": {"type": ["object", "null"], "required": ["zip"], "properties": {"zip": {"type": "string"}}},
            "optional": {"type": "object", "required": ["zip"], "properties": {"zip": {"type": "string"}}},
            "enumerated": {"enum": ["a", null]},
            "loose": {}
        }});
        assert_eq!(columns(schema), ["loose*", "ship_to.zip*", "enumerated", "optional.zip"]);
    }

    #[test]
    fn the_root_is_an_object_whatever_it_says() {
        let schema = json!({"properties": {"a": {"type": "string"}}, "required": ["a"]});
        assert_eq!(columns(schema), ["a*"], "a root that may be no object makes nothing certain");
        assert_eq!(columns(json!({"type": "object"})), [""; 0]);
        assert_eq!(columns(json!({"type": "array"})), [""; 0]);
        assert_eq!(columns(json!({})), [""; 0]);
    }

    #[test]
    fn additional_properties_only_on_request() {
        let schema = json!({"type": "object", "properties": {
            "filters": {"type": "object", "properties": {"a": {}}, "additionalProperties": {"type": "string"}}
        }});
        assert_eq!(columns(schema.clone()), ["filters.a"]);
        assert_eq!(names(schema, true), ["filters", "filters.a"]);
    }
}
