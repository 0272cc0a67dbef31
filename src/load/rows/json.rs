//! Rows of shredded JSON, as the JSONPaths files pick them apart.

use bumpalo::Bump;

use super::RowShape;
use crate::json::{Kind, Value, parse};

/// Where the nine leading fields stand.
const LEADING: [(&str, &str); 9] = [
    ("schema", "vendor"),
    ("schema", "name"),
    ("schema", "format"),
    ("schema", "version"),
    ("hierarchy", "rootId"),
    ("hierarchy", "rootTstamp"),
    ("hierarchy", "refRoot"),
    ("hierarchy", "refTree"),
    ("hierarchy", "refParent"),
];

/// The fields of a row. A path that leads nowhere is null, objects and arrays are their text.
pub(super) fn fields<'a>(line: &'a str, shape: &RowShape, arena: &'a Bump) -> Result<Vec<Option<&'a str>>, String> {
    let line = arena.alloc_str(line);
    let row = parse(line, arena).map_err(|error| format!("no JSON: {error}"))?;
    let data = row.get("data");
    let value = |index: usize| {
        if let Some((part, key)) = LEADING.get(index) {
            return row.get(part).and_then(|part| part.get(key));
        }
        let mut found = shape.fields[index].pointers.iter().filter_map(|pointer| {
            let value = pointer.path().try_fold(data?, |value, name| value.get(name))?;
            (!value.is_null()).then_some(value)
        });
        found.next()
    };
    Ok((0..shape.fields.len()).map(|index| value(index).and_then(|value| text_of(value, arena))).collect())
}

fn text_of<'a>(value: Value<'a>, arena: &'a Bump) -> Option<&'a str> {
    match value.kind() {
        Kind::Null => None,
        Kind::Bool => Some(if value.as_bool() == Some(true) { "1" } else { "0" }),
        Kind::String => value.as_str_in(arena),
        Kind::Number => Some(value.source()),
        Kind::Array | Kind::Object => Some(value.compact_in(arena)),
    }
}
