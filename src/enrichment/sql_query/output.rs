//! From rows to entities.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../registry/sqlquery/{Output,JsonOutput}.scala`.

use bumpalo::Bump;

use super::{Cell, Row};
use crate::json::{self, write_compact, write_java_double, write_string};

/// What becomes of the rows.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub schema: String,
    pub expected: ExpectedRows,
    pub describes: Describes,
    pub names: PropertyNames,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExpectedRows {
    ExactlyOne,
    AtMostOne,
    AtLeastOne,
    AtLeastZero,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Describes {
    AllRows,
    EveryRow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PropertyNames {
    AsIs,
    CamelCase,
    PascalCase,
    SnakeCase,
    LowerCase,
    UpperCase,
}

impl Output {
    /// The data of the entities.
    pub fn describe(&self, rows: &[Row]) -> Result<Vec<String>, String> {
        let at_most_one = matches!(self.expected, ExpectedRows::ExactlyOne | ExpectedRows::AtMostOne);
        let wrong = match self.expected {
            ExpectedRows::ExactlyOne if rows.len() != 1 => "exactly one row was expected",
            ExpectedRows::AtMostOne if rows.len() > 1 => "at most one row was expected",
            ExpectedRows::AtLeastOne if rows.is_empty() => "at least one row was expected. 0 given instead",
            _ => "",
        };
        if !wrong.is_empty() {
            return Err(format!("SQL Query Enrichment: {wrong}"));
        }
        let objects: Vec<String> = rows.iter().map(|row| self.object(row)).collect();
        Ok(match self.describes {
            Describes::EveryRow => objects,
            Describes::AllRows if at_most_one => objects,
            Describes::AllRows => vec![format!("[{}]", objects.join(","))],
        })
    }

    fn object(&self, row: &Row) -> String {
        let mut out = vec![b'{'];
        for (index, (label, cell)) in row.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b"," } else { b"" });
            write_string(&self.names.of(label), &mut out);
            out.push(b':');
            cell.write(&mut out);
        }
        out.push(b'}');
        String::from_utf8_lossy(&out).into_owned()
    }
}

impl Cell {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Cell::Null => out.extend_from_slice(b"null"),
            Cell::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
            Cell::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Cell::Double(number) if number.is_finite() => write_java_double(*number, out),
            Cell::Double(_) => out.extend_from_slice(b"null"),
            Cell::Text(text) => write_string(text, out),
            Cell::Other(text) => match json::parse(text, &Bump::new()) {
                Ok(value) => write_compact(value, out),
                Err(_) => write_string(text, out),
            },
        }
    }
}

impl PropertyNames {
    pub fn of(self, label: &str) -> String {
        match self {
            PropertyNames::AsIs => label.to_owned(),
            PropertyNames::CamelCase => camel_case(label),
            PropertyNames::PascalCase => {
                let camel = camel_case(label);
                let mut characters = camel.chars();
                let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
                first + characters.as_str()
            }
            PropertyNames::SnakeCase => {
                let mut out = String::with_capacity(label.len() + 8);
                for character in label.chars() {
                    if character.is_ascii_uppercase() || character.is_ascii_digit() {
                        out.push('_');
                    }
                    out.push(character.to_ascii_lowercase());
                }
                out
            }
            PropertyNames::LowerCase => label.to_lowercase(),
            PropertyNames::UpperCase => label.to_uppercase(),
        }
    }
}

/// `_` and the letter or digit after it become that letter in upper case.
fn camel_case(label: &str) -> String {
    let mut out = String::with_capacity(label.len());
    let mut characters = label.chars().peekable();
    while let Some(character) = characters.next() {
        let next = (character == '_')
            .then(|| characters.next_if(|next| next.is_ascii_lowercase() || next.is_ascii_digit()))
            .flatten();
        out.push(next.map_or(character, |next| next.to_ascii_uppercase()));
    }
    out
}
