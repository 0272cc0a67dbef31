//! Contexts whose parameters carry numbers in their names, such as `pr1cd2`.
//!
//! Facts: snowplow/enrich 3.9.0, `adapters/registry/GoogleAnalyticsAdapter.scala`, `buildCompositeContexts`. The
//! reference makes columns of all values and reads rows off them, so gaps in the data move values to other rows and
//! other names; consumers have that data, so it is kept.

use std::collections::HashMap;

use super::convert::{Converted, converted, map_order, text_map_order};
use super::tables::{COMPOSITE, Table};
use crate::adapter::AdapterError;
use crate::adapter::helpers::number::digit_value;
use crate::badrow::Message;
use crate::payload::hash_order_key;

/// Fields of a context.
pub(super) type Fields<'a> = Vec<(&'static str, Converted<'a>)>;

const REGEX: &str = r"(pr|promo|il|cd|cm|cg)(\d+)([a-zA-Z]*)(\d*)([a-zA-Z]*)(\d*)$";
const PREFIXES: [&str; 6] = ["promo", "pr", "il", "cd", "cm", "cg"];

/// The contexts as (index into [`COMPOSITE`], fields). The inner failure is a message, the outer one where the
/// reference throws. `order` gives each schema's sort key.
pub(super) fn contexts<'a>(
    valued: &[(&'a str, &'a str)],
    currency: Option<&'a str>,
    order: &[u64],
) -> Result<Result<Vec<(usize, Fields<'a>)>, Message<'a>>, AdapterError<'a>> {
    let mut composite: Vec<(&'a str, &'a str)> =
        valued.iter().copied().filter(|(name, _)| name.chars().any(|c| digit_value(c).is_some())).collect();
    composite
        .sort_by(|(a, x), (b, y)| a.encode_utf16().cmp(b.encode_utf16()).then(x.encode_utf16().cmp(y.encode_utf16())));
    let columns = match columns(&composite) {
        Ok(columns) => columns,
        Err(message) => return Ok(Err(message)),
    };
    let touched = match schemas(&columns, order)? {
        Ok(touched) => touched,
        Err(message) => return Ok(Err(message)),
    };
    let mut contexts = Vec::new();
    for (at, columns) in touched {
        let table = &COMPOSITE[at];
        let currency = currency.filter(|_| table.currency);
        let least = table.index_columns() + usize::from(currency.is_some());
        let rows = rows(&columns, currency).into_iter().filter(|row| row.len() > least);
        contexts.extend(rows.map(|row| (at, row)));
    }
    Ok(Ok(contexts))
}

/// All values by column name, in the order of the columns.
fn columns<'a>(composite: &[(&'a str, &'a str)]) -> Result<Vec<(String, Vec<&'a str>)>, Message<'a>> {
    let mut values = Vec::with_capacity(composite.len());
    let mut indexes: Vec<Vec<(String, &'a str)>> = Vec::new();
    for (name, value) in composite {
        let (texts, numbers) = broken_down(name).ok_or_else(|| {
            Message::input(*name, None, format!("composite field name has to conform to regex {REGEX}"))
        })?;
        values.push((texts.concat(), *value));
        let index_part: Vec<(String, &'a str)> = numbers
            .iter()
            .enumerate()
            .map(|(at, number)| (format!("IF{}", texts[at..numbers.len()].concat()), *number))
            .collect();
        if indexes.last() != Some(&index_part) {
            indexes.push(index_part);
        }
    }
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut columns: Vec<(String, Vec<&'a str>)> = Vec::new();
    for (column, value) in values.into_iter().chain(indexes.into_iter().flatten()) {
        match places.get(&column) {
            Some(place) => columns[*place].1.push(value),
            None => {
                places.insert(column.clone(), columns.len());
                columns.push((column, vec![value]));
            }
        }
    }
    map_order(&mut columns, |(column, _)| hash_order_key(column));
    Ok(columns)
}

/// The texts and the numbers of a name, which alternate; `None` if it does not have that form.
fn broken_down(name: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let prefix = PREFIXES
        .into_iter()
        .find(|prefix| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())))?;
    let (mut texts, mut numbers) = (vec![&name[..prefix.len()]], Vec::new());
    let mut rest = &name[prefix.len()..];
    for part in 0..5 {
        let is_number = part % 2 == 0;
        let belongs = |byte: &u8| if is_number { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() };
        let length = rest.bytes().take_while(|byte| belongs(byte)).count();
        if length == 0 {
            break;
        }
        let list = if is_number { &mut numbers } else { &mut texts };
        list.push(&rest[..length]);
        rest = &rest[length..];
    }
    rest.is_empty().then_some((texts, numbers))
}

/// The columns of a schema, each under its field's name.
type SchemaColumns<'a> = Vec<(&'static str, Vec<Converted<'a>>)>;
/// A column that may hold a value that does not convert.
type CheckedColumn<'a> = (&'static str, Result<Vec<Converted<'a>>, Message<'a>>);

/// Every schema that knows one of the columns, with its columns.
fn schemas<'a>(
    columns: &[(String, Vec<&'a str>)],
    order: &[u64],
) -> Result<Result<Vec<(usize, SchemaColumns<'a>)>, Message<'a>>, AdapterError<'a>> {
    let mut touched: Vec<(usize, Vec<CheckedColumn<'a>>)> = Vec::new();
    for (column, values) in columns {
        for (at, table) in COMPOSITE.iter().enumerate() {
            let Some(checked) = checked_column(table, column, values)? else { continue };
            match touched.iter_mut().find(|(known, _)| *known == at) {
                Some((_, columns)) => columns.push(checked),
                None => touched.push((at, vec![checked])),
            }
        }
    }
    map_order(&mut touched, |(at, _)| order[*at]);
    let mut schemas = Vec::with_capacity(touched.len());
    for (at, mut columns) in touched {
        text_map_order(&mut columns);
        let mut good = Vec::with_capacity(columns.len());
        for (name, values) in columns {
            match values {
                Ok(values) => good.push((name, values)),
                Err(message) => return Ok(Err(message)),
            }
        }
        schemas.push((at, good));
    }
    Ok(Ok(schemas))
}

/// A column's values as a schema wants them; `None` if the schema does not have the column.
fn checked_column<'a>(
    table: &Table,
    column: &str,
    values: &[&'a str],
) -> Result<Option<CheckedColumn<'a>>, AdapterError<'a>> {
    let Some(field) = table.field(column) else { return Ok(None) };
    // All values are converted before the first failure is looked at: the reference may throw on a later one.
    let converted: Vec<Result<Converted<'a>, Message<'a>>> =
        values.iter().map(|value| converted(field.kind, field.name, value)).collect::<Result<_, _>>()?;
    Ok(Some((field.name, converted.into_iter().collect())))
}

/// Row r holds the r-th value of each column that has one, named from the left.
fn rows<'a>(columns: &SchemaColumns<'a>, currency: Option<&'a str>) -> Vec<Fields<'a>> {
    let length = columns.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    let names: Vec<&'static str> = columns.iter().map(|(name, _)| *name).collect();
    (0..length)
        .map(|row| {
            let values = columns.iter().filter_map(|(_, values)| values.get(row).copied());
            let currency = currency.map(|code| ("currencyCode", Converted::Text(code)));
            let mut fields: Fields<'a> = currency.into_iter().chain(names.iter().copied().zip(values)).collect();
            text_map_order(&mut fields);
            fields
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_broken_down() {
        let parts = |name| broken_down(name).map(|(texts, numbers)| (texts.join("+"), numbers.join("+")));
        for (name, texts, numbers) in [
            ("pr12id", "pr+id", "12"),
            ("pr12cm42", "pr+cm", "12+42"),
            ("cd12", "cd", "12"),
            ("il12pi42nm", "il+pi+nm", "12+42"),
            ("il12pi42cd36", "il+pi+cd", "12+42+36"),
            ("promo1id", "promo+id", "1"),
        ] {
            assert_eq!(parts(name), Some((texts.to_owned(), numbers.to_owned())), "{name}");
        }
        for name in ["pr", "12", "", "foo1", "pr1_", "pr1a2b3c", "prx1", "promo", "pr1\n", "xpr1"] {
            assert_eq!(parts(name), None, "{name}");
        }
    }

    #[test]
    fn columns_of_names() {
        let columns = columns(&[("il12pi42nm", "a"), ("pr12", "b")]).unwrap();
        let mut names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["IFilpi", "IFpi", "IFpr", "ilpinm", "pr"]);
    }
}
