//! A JSON schema, compiled: what the keywords of draft 4 mean to the reference's validator.
//!
//! Facts: networknt/json-schema-validator 1.0.70 as snowplow/iglu-scala-client 1.5.0 configures it.

use std::collections::HashSet;

use super::constant::Constant;
use super::formats::Format;
use super::names::Names;
use super::pattern::Pattern;

/// A node's place in [`Model::nodes`].
pub(super) type NodeId = usize;

/// A compiled schema document; node 0 is the root.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) nodes: Vec<Node>,
    /// The depth of a value decides how deep its validation goes.
    pub(super) is_recursive: bool,
}

/// The kinds of JSON values that `type` tells apart, one bit each.
pub(super) mod kinds {
    pub(in crate::iglu::schema) const NULL: u8 = 1;
    pub(in crate::iglu::schema) const BOOLEAN: u8 = 2;
    pub(in crate::iglu::schema) const INTEGER: u8 = 4;
    pub(in crate::iglu::schema) const DECIMAL: u8 = 8;
    pub(in crate::iglu::schema) const STRING: u8 = 16;
    pub(in crate::iglu::schema) const ARRAY: u8 = 32;
    pub(in crate::iglu::schema) const OBJECT: u8 = 64;
    pub(in crate::iglu::schema) const ALL: u8 = 127;
}

/// One schema object. Keywords that are absent are empty or `None`.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// What there is to check besides the type, by kind of value; most schemas are nothing but a type.
    pub(super) checks: Checks,
    /// A name that tells schemas apart in reports; the branches of a combinator share one.
    pub(super) origin: String,
    pub(super) reference: Option<NodeId>,
    pub(super) additional: Additional,
    pub(super) all_of: Vec<NodeId>,
    pub(super) any_of: Vec<NodeId>,
    pub(super) dependencies: Option<Box<Dependencies>>,
    pub(super) enumeration: Option<Box<Enumeration>>,
    pub(super) format: Option<Format>,
    pub(super) items: Option<Items>,
    pub(super) max_items: Option<i32>,
    pub(super) max_length: Option<i32>,
    pub(super) max_properties: Option<i32>,
    pub(super) maximum: Option<Box<Limit>>,
    pub(super) min_items: Option<i32>,
    pub(super) min_length: Option<i32>,
    pub(super) min_properties: Option<i32>,
    pub(super) minimum: Option<Box<Limit>>,
    pub(super) multiple_of: Option<Box<MultipleOf>>,
    /// The schema, and how it is printed.
    pub(super) not: Option<(NodeId, String)>,
    pub(super) not_allowed: Vec<String>,
    pub(super) one_of: Vec<NodeId>,
    /// How the schemas of `oneOf` are printed, one after the other.
    pub(super) one_of_text: String,
    pub(super) pattern: Option<Box<NamedPattern>>,
    pub(super) pattern_properties: Vec<(Pattern, NodeId)>,
    /// In the order of a Java hash map.
    pub(super) properties: Vec<(String, NodeId)>,
    pub(super) names: Names,
    pub(super) required: Vec<String>,
    pub(super) types: Option<Types>,
    pub(super) unique_items: bool,
}

/// Which keywords of a schema say anything about a kind of value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Checks {
    /// Kinds accepted by `type`.
    pub(super) accepted: u8,
    /// Kinds that a keyword of their own looks at.
    pub(super) by_kind: u8,
    /// Keywords that look at any value: enumerations, references, combinators.
    pub(super) any: bool,
    /// Keywords that look at an object as a whole, besides `required`.
    pub(super) more_of_objects: bool,
}

/// What may stand beside the declared properties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Additional {
    #[default]
    Allowed,
    Forbidden,
    Schema(NodeId),
}

#[derive(Debug)]
pub(super) struct Types {
    /// The kinds accepted, after `nullable`.
    pub(super) accepted: u8,
    /// The same without the `nullable` of the schema around: what counts for a branch of `anyOf`.
    pub(super) accepted_in_any_of: u8,
    /// The names as written.
    pub(super) names: Vec<String>,
    /// Written as a list.
    pub(super) is_union: bool,
}

#[derive(Debug)]
pub(super) struct Enumeration {
    pub(super) strings: HashSet<Box<str>, foldhash::fast::RandomState>,
    pub(super) numbers: Vec<Constant>,
    /// Kinds accepted whatever their value: `null`.
    pub(super) null: bool,
    pub(super) yes: bool,
    pub(super) no: bool,
    /// Arrays and objects in canonical form.
    pub(super) containers: HashSet<Vec<u8>>,
    /// As messages show it.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) enum Items {
    All(NodeId),
    Tuple { schemas: Vec<NodeId>, rest: Additional },
}

#[derive(Debug)]
pub(super) struct Limit {
    pub(super) value: Constant,
    pub(super) exclusive: bool,
    /// As messages show it.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct MultipleOf {
    pub(super) divisor: Constant,
    /// As messages show it.
    pub(super) text: String,
}

#[derive(Debug)]
pub(super) struct NamedPattern {
    pub(super) pattern: Pattern,
    pub(super) text: String,
}

#[derive(Debug, Default)]
pub(super) struct Dependencies {
    pub(super) properties: Vec<(String, Vec<String>)>,
    pub(super) schemas: Vec<(String, NodeId)>,
    /// As messages show it.
    pub(super) text: String,
}

impl Node {
    /// Notes what there is to check, once everything else is set.
    pub(super) fn note_checks(&mut self) {
        let mut by_kind = kinds::ARRAY | kinds::OBJECT;
        if self.min_length.is_some() || self.max_length.is_some() || self.pattern.is_some() || self.format.is_some() {
            by_kind |= kinds::STRING;
        }
        if self.minimum.is_some() || self.maximum.is_some() || self.multiple_of.is_some() {
            by_kind |= kinds::INTEGER | kinds::DECIMAL;
        }
        let combined = !self.all_of.is_empty() || !self.any_of.is_empty() || !self.one_of.is_empty();
        let any = combined || self.enumeration.is_some() || self.reference.is_some() || self.not.is_some();
        let accepted = self.types.as_ref().map_or(kinds::ALL, |types| types.accepted);
        let more_of_objects = self.min_properties.is_some()
            || self.max_properties.is_some()
            || self.names.too_many
            || !self.not_allowed.is_empty()
            || self.unique_items
            || self.dependencies.is_some();
        self.checks = Checks { accepted, by_kind, any, more_of_objects };
    }
}
