//! The values that are bound to a statement.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../registry/sqlquery/Input.scala`. Decimal columns are bound as doubles;
//! the reference fails on them.

use super::super::StepContext;
use super::super::inputs::{Source, is_texted_number};
use super::super::jsonpath::Wrapped;
use crate::event::number::{is_double, parse_int, parse_long};
use crate::event::{Column, ColumnType};
use crate::json::{Kind, Value};

/// A typed value. Floats are kept as bits, so that values can be keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Placeholder {
    Bool(bool),
    Byte(i8),
    Int(i32),
    Long(i64),
    Float(u32),
    Double(u64),
    Text(String),
}

/// The values for 1, 2, …; `None` if one is missing between others.
pub(super) fn pull(inputs: &[(usize, Source)], cx: &StepContext<'_, '_>) -> Option<Vec<Placeholder>> {
    let highest = inputs.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let mut values: Vec<Option<Placeholder>> = vec![None; highest];
    for (number, source) in inputs {
        let value = match source {
            Source::Column(column) => of_column(*column, cx),
            Source::Json(json) => match json.find(cx) {
                Some(Wrapped::One(value)) => of_json(value),
                _ => None,
            },
        };
        if value.is_some() {
            values[number - 1] = value;
        }
    }
    while values.last().is_some_and(Option::is_none) {
        values.pop();
    }
    values.into_iter().collect()
}

fn of_column(column: Column, cx: &StepContext<'_, '_>) -> Option<Placeholder> {
    let text = cx.event.get(column)?;
    let typed = match column.info().kind {
        ColumnType::Integer => text.parse().ok().map(Placeholder::Int),
        ColumnType::Bool => text.parse().ok().map(Placeholder::Byte),
        ColumnType::Float => text.parse::<f32>().ok().map(|number| Placeholder::Float(number.to_bits())),
        ColumnType::Decimal => text.parse().ok().map(double),
        ColumnType::Text | ColumnType::Uuid | ColumnType::Timestamp | ColumnType::Json => None,
    };
    Some(typed.unwrap_or_else(|| Placeholder::Text(text.to_owned())))
}

/// Null, arrays and objects are nothing; texts become what they look like.
pub(super) fn of_json(value: Value<'_>) -> Option<Placeholder> {
    match value.kind() {
        Kind::Bool => value.as_bool().map(Placeholder::Bool),
        Kind::Number if is_texted_number(value) => Some(of_text(value.source())),
        Kind::Number => value.as_i64().map(of_integer),
        Kind::String => value.as_str().map(|text| of_text(&text)),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

fn of_integer(number: i64) -> Placeholder {
    i32::try_from(number).map_or(Placeholder::Long(number), Placeholder::Int)
}

fn of_text(text: &str) -> Placeholder {
    if let Some(number) = parse_int(text) {
        return Placeholder::Int(number);
    }
    if let Some(number) = parse_long(text) {
        return Placeholder::Long(number);
    }
    if let Some(number) = is_double(text).then(|| java_double(text)).flatten() {
        return double(number);
    }
    match text.to_ascii_lowercase().as_str() {
        "true" => Placeholder::Bool(true),
        "false" => Placeholder::Bool(false),
        _ => Placeholder::Text(text.to_owned()),
    }
}

/// The value of what Java reads as a double, except in hexadecimal.
fn java_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|character: char| character <= ' ');
    let digits = text.strip_suffix(['d', 'D', 'f', 'F']).filter(|rest| !rest.ends_with("In")).unwrap_or(text);
    match digits.trim_start_matches(['+', '-']) {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(if digits.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => digits.parse().ok(),
    }
}

fn double(number: f64) -> Placeholder {
    Placeholder::Double(number.to_bits())
}
