//! Reports on values without a look into them: enumerations, formats, sizes, limits, patterns, types.

use super::{Found, Reporter};
use crate::iglu::schema::decimal::Number;
use crate::iglu::schema::formats::Format;
use crate::iglu::schema::model::{Node, Types, kinds};
use crate::iglu::schema::valid::kind_bit;
use crate::json::{Kind, Value};

impl<'m> Reporter<'m> {
    pub(super) fn enumeration_and_format(&self, node: &Node, value: Value<'_>, out: &mut Vec<Found<'m>>) {
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

    fn format(&self, format: Format, value: String) -> Found<'m> {
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

    pub(super) fn sizes_and_limits(&self, node: &Node, value: Value<'_>, out: &mut Vec<Found<'m>>) {
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
            && !maximum.accepts_below(Number::new(number))
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
            && !minimum.accepts_above(Number::new(number))
        {
            let text = format!("must have a minimum value of {}", minimum.text);
            out.push(self.report("minimum", text, vec![minimum.text.clone()]));
        }
        if let (Some(multiple), Some(number)) = (&node.multiple_of, value.as_number())
            && !multiple.divisor.divides(Number::new(number))
        {
            let text = format!("must be multiple of {}", multiple.text);
            out.push(self.report("multipleOf", text, vec![multiple.text.clone()]));
        }
    }

    pub(super) fn pattern(&self, node: &Node, value: Value<'_>, out: &mut Vec<Found<'m>>) {
        if let (Some(named), Some(text)) = (&node.pattern, value.as_str())
            && !named.pattern.is_match(&text)
        {
            let text = format!("does not match the regex pattern {}", named.text);
            out.push(self.report("pattern", text, vec![named.text.clone()]));
        }
    }

    pub(super) fn types(&self, types: &Types, value: Value<'_>) -> Option<Found<'m>> {
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
