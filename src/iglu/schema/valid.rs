//! Whether a value fits a schema: the hot path, without paths, texts and allocations.

use super::canonical::{is_unique, write_canonical};
use super::constant::Number;
use super::model::{Additional, Checks, Enumeration, Items, Limit, Model, Node, NodeId, Types, kinds};
use crate::json::{Kind, Value, key_hash};

impl Model {
    /// Whether a value fits the root schema.
    pub(super) fn is_valid(&self, value: Value<'_>) -> bool {
        self.fits(0, value)
    }

    #[inline(always)]
    pub(super) fn fits(&self, id: NodeId, value: Value<'_>) -> bool {
        let node = &self.nodes[id];
        let Checks { accepted, by_kind, any, .. } = node.checks;
        let kind = kind_bit(value);
        accepted & kind != 0 && (by_kind & kind == 0 && !any || self.fits_keywords(node, by_kind & kind != 0, value))
    }

    /// What a schema says besides its type, `by_kind` if any of it is about values of this kind.
    fn fits_keywords(&self, node: &Node, by_kind: bool, value: Value<'_>) -> bool {
        let fits_alone = !by_kind
            || match value.kind() {
                Kind::String => node.accepts_text(value),
                Kind::Number => node.accepts_number(Number::new(value.as_number().unwrap_or("0"))),
                Kind::Object => self.fits_object(node, value),
                Kind::Array => self.fits_array(node, value),
                Kind::Null | Kind::Bool => true,
            };
        fits_alone && (!node.checks.any || self.fits_combinators(node, value))
    }

    fn fits_object(&self, node: &Node, object: Value<'_>) -> bool {
        let mut found = 0;
        let mut count = 0_usize;
        let members_fit = match object.plain_members() {
            Some(mut members) => members.all(|(name, hash, member)| {
                count += 1;
                self.fits_member(node, name, hash, member, &mut found)
            }),
            None => self.odd_members_fit(node, object, &mut found, &mut count),
        };
        members_fit
            && found == node.names.all_required
            && (!node.checks.more_of_objects || self.fits_as_a_whole(node, object, count))
    }

    #[cold]
    fn odd_members_fit(&self, node: &Node, object: Value<'_>, found: &mut u64, count: &mut usize) -> bool {
        object.members().all(|(name, member)| {
            *count += 1;
            self.fits_member(node, &name, key_hash(&name), member, found)
        })
    }

    /// Whether a member fits what an object's schema says of its name, which is noted as found.
    #[inline(always)]
    fn fits_member(&self, node: &Node, name: &str, hash: u32, member: Value<'_>, found: &mut u64) -> bool {
        let slot = node.names.get_hashed(name, hash).unwrap_or_default();
        *found |= slot.required;
        let declared = slot.property.is_some();
        slot.property.is_none_or(|property| self.fits(property, member))
            && (declared && node.pattern_properties.is_empty() || self.fits_patterns(node, declared, name, member))
    }

    /// Whether a member fits the schemas of the patterns that its name has, or else what may stand beside the declared.
    fn fits_patterns(&self, node: &Node, mut declared: bool, name: &str, member: Value<'_>) -> bool {
        for (pattern, schema) in &node.pattern_properties {
            if pattern.is_match(name) {
                declared = true;
                if !self.fits(*schema, member) {
                    return false;
                }
            }
        }
        declared || self.fits_additional(node.additional, name, member)
    }

    fn fits_as_a_whole(&self, node: &Node, object: Value<'_>, count: usize) -> bool {
        node.accepts_size(count)
            && (!node.names.too_many || node.required.iter().all(|name| object.get(name).is_some()))
            && node.not_allowed.iter().all(|name| object.get(name).is_none())
            && (!node.unique_items || is_unique(object))
            && self.fits_dependencies(node, object)
    }

    /// Names that start with `#` may always stand there.
    fn fits_additional(&self, additional: Additional, name: &str, member: Value<'_>) -> bool {
        match additional {
            Additional::Allowed => true,
            _ if name.starts_with('#') => true,
            Additional::Forbidden => false,
            Additional::Schema(schema) => self.fits(schema, member),
        }
    }

    fn fits_dependencies(&self, node: &Node, object: Value<'_>) -> bool {
        let Some(dependencies) = &node.dependencies else { return true };
        let has = |name: &String| object.get(name).is_some();
        dependencies.properties.iter().all(|(name, needed)| !has(name) || needed.iter().all(has))
            && dependencies.schemas.iter().all(|(name, schema)| !has(name) || self.fits(*schema, object))
    }

    fn fits_array(&self, node: &Node, array: Value<'_>) -> bool {
        if node.min_items.is_some() || node.max_items.is_some() {
            let size = array.len() as i64;
            if node.min_items.is_some_and(|min| size < min.into())
                || node.max_items.is_some_and(|max| size > max.into())
            {
                return false;
            }
        }
        let items_fit = match &node.items {
            None => true,
            Some(Items::All(schema)) => array.elements().all(|element| self.fits(*schema, element)),
            Some(Items::Tuple { schemas, rest }) => {
                array.elements().enumerate().all(|(at, element)| match (schemas.get(at), rest) {
                    (Some(schema), _) | (None, Additional::Schema(schema)) => self.fits(*schema, element),
                    (None, rest) => *rest == Additional::Allowed,
                })
            }
        };
        items_fit && (!node.unique_items || is_unique(array))
    }

    fn fits_combinators(&self, node: &Node, value: Value<'_>) -> bool {
        node.enumeration.as_ref().is_none_or(|enumeration| enumeration.accepts(value))
            && node.reference.is_none_or(|target| self.fits(target, value))
            && node.all_of.iter().all(|branch| self.fits(*branch, value))
            && (node.any_of.is_empty() || node.any_of.iter().any(|branch| self.fits_branch(*branch, value)))
            && (node.one_of.is_empty()
                || node.one_of.iter().filter(|branch| self.fits(**branch, value)).take(2).count() == 1)
            && node.not.as_ref().is_none_or(|(schema, _)| !self.fits(*schema, value))
    }
}

impl Model {
    /// Whether a value fits a branch of `anyOf`, whose type is looked at first and more strictly.
    fn fits_branch(&self, branch: NodeId, value: Value<'_>) -> bool {
        self.nodes[branch].types.as_ref().is_none_or(|types| types.accept_in_any_of(value)) && self.fits(branch, value)
    }
}

impl Node {
    fn accepts_text(&self, value: Value<'_>) -> bool {
        let text = value.as_str().unwrap_or_default();
        self.accepts_length(&text)
            && self.pattern.as_ref().is_none_or(|named| named.pattern.is_match(&text))
            && self.format.is_none_or(|format| format.accepts(&text))
    }

    /// Lengths are in code points; most texts are decided by their bytes.
    #[inline]
    pub(super) fn accepts_length(&self, text: &str) -> bool {
        let surely_short = self.max_length.is_none_or(|max| text.len() as i64 <= max.into());
        let surely_long = self.min_length.is_none_or(|min| text.len() as i64 / 4 >= min.into());
        if surely_short && surely_long {
            return true;
        }
        let length = text.chars().count() as i64;
        self.max_length.is_none_or(|max| length <= max.into()) && self.min_length.is_none_or(|min| length >= min.into())
    }

    fn accepts_number(&self, number: Number<'_>) -> bool {
        self.maximum.as_ref().is_none_or(|maximum| maximum.accepts_below(number))
            && self.minimum.as_ref().is_none_or(|minimum| minimum.accepts_above(number))
            && self.multiple_of.as_ref().is_none_or(|multiple| multiple.divisor.divides(number))
    }

    fn accepts_size(&self, members: usize) -> bool {
        let members = members as i64;
        self.min_properties.is_none_or(|min| members >= min.into())
            && self.max_properties.is_none_or(|max| members <= max.into())
    }
}

impl Types {
    pub(super) fn accept(&self, value: Value<'_>) -> bool {
        self.accepted & kind_bit(value) != 0
    }

    /// Lists of types are no exception in `anyOf`.
    pub(super) fn accept_in_any_of(&self, value: Value<'_>) -> bool {
        let accepted = if self.is_union { self.accepted } else { self.accepted_in_any_of };
        accepted & kind_bit(value) != 0
    }
}

/// The kind of a value; a number is an integer if it is written as one.
#[inline]
pub(super) fn kind_bit(value: Value<'_>) -> u8 {
    match value.kind() {
        Kind::Null => kinds::NULL,
        Kind::Bool => kinds::BOOLEAN,
        Kind::Number if value.is_integer() => kinds::INTEGER,
        Kind::Number => kinds::DECIMAL,
        Kind::String => kinds::STRING,
        Kind::Array => kinds::ARRAY,
        Kind::Object => kinds::OBJECT,
    }
}

impl Enumeration {
    pub(super) fn accepts(&self, value: Value<'_>) -> bool {
        match value.kind() {
            Kind::Null => self.null,
            Kind::Bool => {
                if value.as_bool() == Some(true) {
                    self.yes
                } else {
                    self.no
                }
            }
            Kind::Number => {
                let number = Number::new(value.as_number().unwrap_or("0"));
                self.numbers.iter().any(|constant| constant.order_of(number).is_eq())
            }
            Kind::String => self.strings.contains(value.as_str().unwrap_or_default().as_ref()),
            Kind::Array | Kind::Object => {
                !self.containers.is_empty() && {
                    let mut form = Vec::new();
                    write_canonical(value, &mut form);
                    self.containers.contains(&form)
                }
            }
        }
    }
}

impl Limit {
    pub(super) fn accepts_below(&self, number: Number<'_>) -> bool {
        let order = self.value.order_of(number);
        order.is_lt() || order.is_eq() && !self.exclusive
    }

    pub(super) fn accepts_above(&self, number: Number<'_>) -> bool {
        let order = self.value.order_of(number);
        order.is_gt() || order.is_eq() && !self.exclusive
    }
}
