//! Why a value does not fit a schema: the slow path, in the reference's words and order.
//!
//! Facts: the validators and `jsv-messages.properties` of networknt/json-schema-validator 1.0.70.

use super::canonical::is_unique;
use super::decimal::Decimal;
use super::formats::Format;
use super::model::{Additional, Items, Model, Node, NodeId, Types, kinds};
use super::valid::kind_bit;
use crate::iglu::Report;
use crate::json::{Kind, Value};

impl Model {
    /// Everything that does not fit, in order, identical reports once.
    pub(super) fn reports(&self, value: Value<'_>) -> Vec<Report> {
        let mut reporter = Reporter { model: self, path: "$".to_owned(), in_branch: false };
        reporter.schema(0, value)
    }
}

struct Reporter<'m> {
    model: &'m Model,
    /// JSONPath of the value at hand.
    path: String,
    /// Directly inside a branch of `oneOf`: there, a missing member silences what `properties` found.
    in_branch: bool,
}

impl<'m> Reporter<'m> {
    fn schema(&mut self, id: NodeId, value: Value<'_>) -> Vec<Report> {
        let node = &self.model.nodes[id];
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
        without_repetitions(out)
    }

    /// Reports on a child value, with the path lengthened meanwhile.
    fn child(&mut self, step: &str, id: NodeId, value: Value<'_>) -> Vec<Report> {
        let length = self.path.len();
        self.path.push_str(step);
        let reports = self.schema(id, value);
        self.path.truncate(length);
        reports
    }

    fn member(&mut self, name: &str, id: NodeId, value: Value<'_>) -> Vec<Report> {
        self.child(&format!(".{name}"), id, value)
    }

    fn report(&self, keyword: &str, text: String, targets: Vec<String>) -> Report {
        let message = format!("{}: {text}", self.path);
        Report { message, path: Some(self.path.clone()), keyword: Some(keyword.to_owned()), targets }
    }

    /// A report whose text names a member while its path is the object's.
    fn member_report(&self, keyword: &str, name: &str, text: &str) -> Report {
        Report {
            message: format!("{}.{name}: {text}", self.path),
            path: Some(self.path.clone()),
            keyword: Some(keyword.to_owned()),
            targets: vec![name.to_owned()],
        }
    }

    /// The first declared member that is absent brings the reports on all required ones.
    fn properties(&mut self, node: &'m Node, object: Value<'_>) -> Vec<Report> {
        let mut out = Vec::new();
        for (name, schema) in &node.properties {
            if let Some(value) = object.get(name) {
                let in_branch = std::mem::take(&mut self.in_branch);
                out.append(&mut self.member(name, *schema, value));
                self.in_branch = in_branch;
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

    fn required(&self, node: &Node, object: Value<'_>) -> Vec<Report> {
        if !object.is_object() {
            return Vec::new();
        }
        let missing = node.required.iter().filter(|name| object.get(name).is_none());
        missing.map(|name| self.member_report("required", name, "is missing but it is required")).collect()
    }

    fn additional_properties(&mut self, node: &Node, object: Value<'_>, out: &mut Vec<Report>) {
        if node.additional == Additional::Allowed {
            return;
        }
        const TEXT: &str = "is not defined in the schema and the schema does not allow additional properties";
        for (name, value) in object.members() {
            let is_property = node.names.slots.get(name.as_ref()).is_some_and(|slot| slot.property.is_some());
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

    fn any_of(&mut self, node: &'m Node, value: Value<'_>) -> Vec<Report> {
        let mut out = Vec::new();
        for branch in &node.any_of {
            let types = self.model.nodes[*branch].types.as_ref().filter(|types| !types.is_union);
            if let Some(types) = types
                && !types.accept(value)
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

    fn one_of(&mut self, node: &'m Node, value: Value<'_>) -> Vec<Report> {
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

    fn not(&mut self, node: &'m Node, value: Value<'_>, out: &mut Vec<Report>) {
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

    fn dependencies(&mut self, node: &'m Node, object: Value<'_>, out: &mut Vec<Report>) {
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

    fn enumeration_and_format(&self, node: &Node, value: Value<'_>, out: &mut Vec<Report>) {
        if let Some(enumeration) = node.enumeration.as_ref().filter(|enumeration| !enumeration.accepts(value)) {
            let text = format!("does not have a value in the enumeration {}", enumeration.text);
            out.push(self.report("enum", text, vec![enumeration.text.clone()]));
        }
        if let (Some(format), Some(text)) = (node.format, value.as_str())
            && !format.accepts(&text)
        {
            out.push(self.format(format, text.into_owned()));
        }
    }

    fn format(&self, format: Format, value: String) -> Report {
        let (keyword, name) = match format {
            Format::DateTime => ("dateTime", "date-time"),
            Format::Date => ("dateTime", "date"),
            Format::Uuid => ("uuid", "uuid"),
            // The reference swaps the arguments here.
            Format::Email => {
                let text = format!("does not match the {value} pattern email");
                return self.report("format", text, vec![value, "email".to_owned()]);
            }
            Format::Regex(format) => {
                let text = format!("does not match the {} pattern {}", format.name, format.regex);
                return self.report("format", text, vec![format.name.to_owned(), format.regex.to_owned()]);
            }
        };
        self.report(keyword, format!("{value} is an invalid {name}"), vec![value, name.to_owned()])
    }

    fn items(&mut self, node: &'m Node, array: Value<'_>, out: &mut Vec<Report>) {
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
                None => out.push(Report {
                    message: format!("{}[{at}]: no validator found at this index", self.path),
                    path: Some(self.path.clone()),
                    keyword: Some("items".to_owned()),
                    targets: vec![at.to_string()],
                }),
            }
        }
    }

    fn sizes_and_limits(&self, node: &Node, value: Value<'_>, out: &mut Vec<Report>) {
        let mut bound = |keyword: &str, limit: Option<i32>, broken: fn(i64, i64) -> bool, size: Option<i64>| {
            if let (Some(limit), Some(size)) = (limit, size)
                && broken(size, limit.into())
            {
                out.push(self.report(keyword, size_text(keyword, limit), vec![limit.to_string()]));
            }
        };
        let items = value.is_array().then(|| value.len() as i64);
        let members = value.is_object().then(|| value.len() as i64);
        let length = value.as_str().map(|text| text.chars().count() as i64);
        bound("maxItems", node.max_items, |size, max| size > max, items);
        bound("maxLength", node.max_length, |size, max| size > max, length);
        bound("maxProperties", node.max_properties, |size, max| size > max, members);
        if let (Some(maximum), Some(number)) = (&node.maximum, value.as_number())
            && !maximum.accepts_below(number)
        {
            let text = format!("must have a maximum value of {}", maximum.text);
            out.push(self.report("maximum", text, vec![maximum.text.clone()]));
        }
        let mut bound = |keyword: &str, limit: Option<i32>, size: Option<i64>| {
            if let (Some(limit), Some(size)) = (limit, size)
                && size < limit.into()
            {
                out.push(self.report(keyword, size_text(keyword, limit), vec![limit.to_string()]));
            }
        };
        bound("minItems", node.min_items, items);
        bound("minLength", node.min_length, length);
        bound("minProperties", node.min_properties, members);
        if let (Some(minimum), Some(number)) = (&node.minimum, value.as_number())
            && !minimum.accepts_above(number)
        {
            let text = format!("must have a minimum value of {}", minimum.text);
            out.push(self.report("minimum", text, vec![minimum.text.clone()]));
        }
        if let (Some(multiple), Some(number)) = (&node.multiple_of, value.as_number())
            && !Decimal::parse(number).is_multiple_of(&multiple.divisor)
        {
            let text = format!("must be multiple of {}", multiple.text);
            out.push(self.report("multipleOf", text, vec![multiple.text.clone()]));
        }
    }

    fn pattern(&self, node: &Node, value: Value<'_>, out: &mut Vec<Report>) {
        if let (Some(named), Some(text)) = (&node.pattern, value.as_str())
            && !named.pattern.is_match(&text)
        {
            let text = format!("does not match the regex pattern {}", named.text);
            out.push(self.report("pattern", text, vec![named.text.clone()]));
        }
    }

    fn pattern_properties(&mut self, node: &'m Node, object: Value<'_>, out: &mut Vec<Report>) {
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

    fn types(&self, types: &Types, value: Value<'_>) -> Option<Report> {
        if types.accept(value) {
            return None;
        }
        let found = kind_name(value).to_owned();
        if types.is_union {
            let list = format!("[{}]", types.names.join(", "));
            return Some(self.report("unionType", format!("{found} found, but {list} is required"), vec![found, list]));
        }
        let expected = types.names.first().cloned().unwrap_or_default();
        Some(self.report("type", format!("{found} found, {expected} expected"), vec![found, expected]))
    }
}

fn size_text(keyword: &str, limit: i32) -> String {
    match keyword {
        "maxItems" => format!("there must be a maximum of {limit} items in the array"),
        "minItems" => format!("there must be a minimum of {limit} items in the array"),
        "maxLength" => format!("may only be {limit} characters long"),
        "minLength" => format!("must be at least {limit} characters long"),
        "maxProperties" => format!("may only have a maximum of {limit} properties"),
        _ => format!("should have a minimum of {limit} properties"),
    }
}

fn kind_name(value: Value<'_>) -> &'static str {
    match value.kind() {
        Kind::Null => "null",
        Kind::Bool => "boolean",
        Kind::Number if kind_bit(value) == kinds::INTEGER => "integer",
        Kind::Number => "number",
        Kind::String => "string",
        Kind::Array => "array",
        Kind::Object => "object",
    }
}

fn without_repetitions(reports: Vec<Report>) -> Vec<Report> {
    let mut unique: Vec<Report> = Vec::with_capacity(reports.len());
    for report in reports {
        if !unique.contains(&report) {
            unique.push(report);
        }
    }
    unique
}

/// What `oneOf` passes on when no branch fits: missing members only if there is nothing else, then unexpected members
/// only if there is nothing else; wrong types first.
fn most_telling(reports: Vec<Report>) -> Vec<Report> {
    let is = |report: &Report, keyword: &str| report.keyword.as_deref() == Some(keyword);
    let without = |reports: &[Report], keyword: &str| -> Vec<Report> {
        reports.iter().filter(|report| !is(report, keyword)).cloned().collect()
    };
    let mut told = without(&reports, "required");
    if told.is_empty() {
        told = reports;
    }
    if told.len() > 1 {
        let mut rest = without(&told, "additionalProperties");
        if !rest.is_empty() {
            rest.sort_by_key(|report| rank(report.keyword.as_deref().unwrap_or_default()));
            told = rest;
        }
    }
    told
}

/// The reference sorts by this list, and by its error codes after that.
fn rank(keyword: &str) -> usize {
    const ORDER: [&str; 28] = [
        "type",
        "dateTime",
        "uuid",
        "additionalProperties",
        "allOf",
        "anyOf",
        "dependencies",
        "enum",
        "format",
        "items",
        "maximum",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minimum",
        "minItems",
        "minLength",
        "minProperties",
        "multipleOf",
        "not",
        "oneOf",
        "pattern",
        "patternProperties",
        "properties",
        "required",
        "unionType",
        "uniqueItems",
        "notAllowed",
    ];
    ORDER.iter().position(|known| *known == keyword).unwrap_or(ORDER.len())
}
