//! Why a value does not fit a schema: the slow path, in the reference's words and order.
//!
//! Facts: the validators and `jsv-messages.properties` of networknt/json-schema-validator 1.0.70.

mod choice;
mod values;

use super::canonical::is_unique;
use super::model::{Additional, Items, Model, Node, NodeId};
use crate::iglu::Report;
use crate::json::Value;
use choice::{most_telling, without_repetitions};

impl Model {
    /// Everything that does not fit, in order, identical reports once.
    pub(super) fn reports(&self, value: Value<'_>) -> Vec<Report> {
        let mut reporter = Reporter { model: self, path: "$".to_owned(), origin: "", in_branch: false };
        without_repetitions(reporter.schema(0, value)).into_iter().map(|found| found.report).collect()
    }
}

/// A report and the name of the schema it comes from: equal reports of schemas with different names are both kept.
#[derive(Clone)]
struct Found<'m> {
    report: Report,
    origin: &'m str,
}

impl Found<'_> {
    fn keyword(&self) -> &str {
        self.report.keyword.as_deref().unwrap_or_default()
    }
}

struct Reporter<'m> {
    model: &'m Model,
    /// JSONPath of the value at hand.
    path: String,
    /// Name of the schema at hand.
    origin: &'m str,
    /// Directly inside a branch of `oneOf`: there, a missing member silences what `properties` found.
    in_branch: bool,
}

impl<'m> Reporter<'m> {
    fn schema(&mut self, id: NodeId, value: Value<'_>) -> Vec<Found<'m>> {
        let node = &self.model.nodes[id];
        let outer = std::mem::replace(&mut self.origin, &node.origin);
        let mut out = Vec::new();
        // `properties` comes first, everything else in alphabetical order.
        if value.is_object() {
            out.append(&mut self.properties(node, value));
        }
        if let Some(target) = node.reference {
            out.append(&mut self.schema(target, value));
        }
        self.additional_properties(node, value, &mut out);
        for branch in &node.all_of {
            out.append(&mut self.schema(*branch, value));
        }
        out.append(&mut self.any_of(node, value));
        self.dependencies(node, value, &mut out);
        self.enumeration_and_format(node, value, &mut out);
        self.items(node, value, &mut out);
        self.sizes_and_limits(node, value, &mut out);
        self.not(node, value, &mut out);
        out.append(&mut self.one_of(node, value));
        self.pattern(node, value, &mut out);
        self.pattern_properties(node, value, &mut out);
        out.append(&mut self.required(node, value));
        if let Some(types) = &node.types {
            out.extend(self.types(types, value));
        }
        if node.unique_items && !is_unique(value) {
            out.push(self.report("uniqueItems", "the items in the array must be unique".to_owned(), Vec::new()));
        }
        self.origin = outer;
        out
    }

    /// Reports on a child value, with the path lengthened meanwhile.
    fn child(&mut self, step: &str, id: NodeId, value: Value<'_>) -> Vec<Found<'m>> {
        let length = self.path.len();
        self.path.push_str(step);
        let reports = self.schema(id, value);
        self.path.truncate(length);
        reports
    }

    fn member(&mut self, name: &str, id: NodeId, value: Value<'_>) -> Vec<Found<'m>> {
        self.child(&format!(".{name}"), id, value)
    }

    fn report(&self, keyword: &str, text: String, targets: Vec<String>) -> Found<'m> {
        self.found(keyword, format!("{}: {text}", self.path), targets)
    }

    fn found(&self, keyword: &str, message: String, targets: Vec<String>) -> Found<'m> {
        let report = Report { message, path: Some(self.path.clone()), keyword: Some(keyword.to_owned()), targets };
        Found { report, origin: self.origin }
    }

    /// A report whose text names a member while its path is the object's.
    fn member_report(&self, keyword: &str, name: &str, text: &str) -> Found<'m> {
        self.found(keyword, format!("{}.{name}: {text}", self.path), vec![name.to_owned()])
    }

    /// The first declared member that is absent brings the reports on all required ones.
    fn properties(&mut self, node: &'m Node, object: Value<'_>) -> Vec<Found<'m>> {
        let mut out = Vec::new();
        let mut missing_told = false;
        for (name, schema) in &node.properties {
            if let Some(value) = object.get(name) {
                let in_branch = std::mem::take(&mut self.in_branch);
                out.append(&mut self.member(name, *schema, value));
                self.in_branch = in_branch;
                continue;
            }
            if std::mem::replace(&mut missing_told, true) {
                continue;
            }
            let mut missing = self.required(node, object);
            if !missing.is_empty() && self.in_branch {
                return Vec::new();
            }
            out.append(&mut missing);
        }
        out
    }

    fn required(&self, node: &Node, object: Value<'_>) -> Vec<Found<'m>> {
        if !object.is_object() {
            return Vec::new();
        }
        let missing = node.required.iter().filter(|name| object.get(name).is_none());
        missing.map(|name| self.member_report("required", name, "is missing but it is required")).collect()
    }

    fn additional_properties(&mut self, node: &Node, object: Value<'_>, out: &mut Vec<Found<'m>>) {
        if node.additional == Additional::Allowed {
            return;
        }
        const TEXT: &str = "is not defined in the schema and the schema does not allow additional properties";
        for (name, value) in object.members() {
            let is_property = node.names.get(&name).is_some_and(|slot| slot.property.is_some());
            let declared = is_property || node.pattern_properties.iter().any(|(pattern, _)| pattern.is_match(&name));
            if declared || name.starts_with('#') {
                continue;
            }
            match node.additional {
                Additional::Schema(schema) => out.append(&mut self.member(&name, schema, value)),
                _ => out.push(self.member_report("additionalProperties", &name, TEXT)),
            }
        }
    }

    fn any_of(&mut self, node: &'m Node, value: Value<'_>) -> Vec<Found<'m>> {
        let mut out = Vec::new();
        for branch in &node.any_of {
            let types = self.model.nodes[*branch].types.as_ref().filter(|types| !types.is_union);
            if let Some(types) = types
                && !types.accept_in_any_of(value)
            {
                let expected = types.names.first().cloned().unwrap_or_default();
                let text = format!("should be valid to any of the schemas {expected}");
                out.push(self.report("anyOf", text, vec![expected]));
                continue;
            }
            let mut reports = self.schema(*branch, value);
            if reports.is_empty() {
                return reports;
            }
            out.append(&mut reports);
        }
        out
    }

    fn one_of(&mut self, node: &'m Node, value: Value<'_>) -> Vec<Found<'m>> {
        if node.one_of.is_empty() {
            return Vec::new();
        }
        let (mut valid, mut reports) = (0, Vec::new());
        for branch in &node.one_of {
            self.in_branch = true;
            let mut found = self.schema(*branch, value);
            valid += usize::from(found.is_empty());
            if valid > 1 {
                break;
            }
            reports.append(&mut found);
        }
        self.in_branch = false;
        match valid {
            0 => most_telling(without_repetitions(reports)),
            1 => Vec::new(),
            _ => {
                const TEXT: &str = "should be valid to one and only one of schema, but more than one are valid";
                let schemas = node.one_of_text.clone();
                vec![self.report("oneOf", format!("{TEXT}: {schemas}"), vec![schemas])]
            }
        }
    }

    fn not(&mut self, node: &'m Node, value: Value<'_>, out: &mut Vec<Found<'m>>) {
        if let Some((schema, printed)) = &node.not
            && self.schema(*schema, value).is_empty()
        {
            let text = format!("should not be valid to the schema {printed}");
            out.push(self.report("not", text, vec![printed.clone()]));
        }
        for name in &node.not_allowed {
            if value.get(name).is_some() {
                out.push(self.member_report("notAllowed", name, "is not allowed but it is in the data"));
            }
        }
    }

    fn dependencies(&mut self, node: &'m Node, object: Value<'_>, out: &mut Vec<Found<'m>>) {
        let Some(dependencies) = &node.dependencies else { return };
        for (name, _) in object.members() {
            let needed = dependencies.properties.iter().find(|(dependent, _)| *dependent == name);
            if needed.is_some_and(|(_, needed)| needed.iter().any(|name| object.get(name).is_none())) {
                let text = format!("has an error with dependencies {}", dependencies.text);
                out.push(self.report("dependencies", text, vec![dependencies.text.clone()]));
            }
            if let Some((_, schema)) = dependencies.schemas.iter().find(|(dependent, _)| *dependent == name) {
                out.append(&mut self.schema(*schema, object));
            }
        }
    }

    fn items(&mut self, node: &'m Node, array: Value<'_>, out: &mut Vec<Found<'m>>) {
        let Some(items) = &node.items else { return };
        for (at, element) in array.elements().enumerate() {
            let schema = match items {
                Items::All(schema) => Some(*schema),
                Items::Tuple { schemas, rest } => match (schemas.get(at), rest) {
                    (Some(schema), _) | (None, Additional::Schema(schema)) => Some(*schema),
                    (None, Additional::Allowed) => continue,
                    (None, Additional::Forbidden) => None,
                },
            };
            match schema {
                Some(schema) => out.append(&mut self.child(&format!("[{at}]"), schema, element)),
                None => {
                    let message = format!("{}[{at}]: no validator found at this index", self.path);
                    out.push(self.found("items", message, vec![at.to_string()]));
                }
            }
        }
    }

    fn pattern_properties(&mut self, node: &'m Node, object: Value<'_>, out: &mut Vec<Found<'m>>) {
        if node.pattern_properties.is_empty() {
            return;
        }
        for (name, value) in object.members() {
            for (pattern, schema) in &node.pattern_properties {
                if pattern.is_match(&name) {
                    out.append(&mut self.member(&name, *schema, value));
                }
            }
        }
    }
}
