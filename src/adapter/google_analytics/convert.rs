//! Values of parameters as JSON, and the order of Scala maps.
//!
//! Facts: snowplow/enrich 3.9.0, `utils/ConversionUtils.scala`; scala/scala 2.12 `immutable/HashMap.scala`,
//! `util/hashing/MurmurHash3.scala`.

use crate::adapter::AdapterError;
use crate::adapter::helpers::number::{Decimal, java_int};
use crate::badrow::Message;
use crate::iglu::SchemaKey;
use crate::json::{write_java_double, write_string};
use crate::payload::{hash_order_key, java_string_hash, trie_order_key};

/// How a parameter's text becomes JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text.
    Id,
    /// A 32-bit integer.
    Int,
    /// A decimal number, rounded half-even to two places.
    Two,
    /// A decimal number.
    Double,
    /// `1` or `0`.
    Bool,
}

/// A converted value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Converted<'a> {
    Text(&'a str),
    Integer(i32),
    Double(f64),
    Bool(bool),
}

/// Converts a value; the outer failure is where the reference throws.
pub(super) fn converted<'a>(
    kind: Kind,
    name: &'static str,
    value: &'a str,
) -> Result<Result<Converted<'a>, Message<'a>>, AdapterError<'a>> {
    let failure = |text: &'static str| Ok(Err(Message::input(name, Some(value), text)));
    let double = |decimal: Option<Decimal>| match decimal {
        Some(decimal) => Ok(Ok(Converted::Double(decimal.to_f64()))),
        None => failure("cannot be converted to Double"),
    };
    match kind {
        Kind::Id => Ok(Ok(Converted::Text(value))),
        Kind::Int if value.eq_ignore_ascii_case("null") => {
            Err(AdapterError::Unexpected(format!("`{value}` is no value for the integer `{name}`")))
        }
        Kind::Int => match java_int(value) {
            Some(number) => Ok(Ok(Converted::Integer(number))),
            None => failure("cannot be converted to java.lang.Integer"),
        },
        Kind::Two => double(Decimal::parse(value).map(Decimal::rounded_to_two_places)),
        Kind::Double => double(Decimal::parse(value)),
        Kind::Bool => match value {
            "1" => Ok(Ok(Converted::Bool(true))),
            "0" => Ok(Ok(Converted::Bool(false))),
            _ => failure("cannot be converted to boolean, only 1 or 0 are supported"),
        },
    }
}

impl Converted<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Converted::Text(text) => write_string(text, out),
            Converted::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Converted::Double(number) if number.is_finite() => write_java_double(*number, out),
            Converted::Double(_) => out.extend_from_slice(b"null"),
            Converted::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        }
    }
}

/// Appends fields as an object, in the order given.
pub(super) fn write_object(fields: &[(&'static str, Converted<'_>)], out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        value.write(out);
    }
    out.push(b'}');
}

/// Brings the entries of a map, in insertion order, into its iteration order.
pub(super) fn map_order<T>(entries: &mut [T], key: impl Fn(&T) -> u64) {
    const LARGEST_SMALL_MAP: usize = 4;
    if entries.len() > LARGEST_SMALL_MAP {
        entries.sort_by_cached_key(key);
    }
}

/// As [`map_order`], for entries whose key is a text.
pub(super) fn text_map_order<T>(entries: &mut [(&str, T)]) {
    map_order(entries, |(name, _)| hash_order_key(name));
}

/// Sort key of a schema in a hash map. A URI that is no schema key goes to the front; configuration refuses it.
pub(super) fn schema_order_key(uri: &str) -> u64 {
    SchemaKey::parse(uri).map_or(0, |key| trie_order_key(schema_hash(&key)))
}

/// The hash of the reference's schema key, a case class inside another.
fn schema_hash(key: &SchemaKey<'_>) -> u32 {
    let version = product_hash(&[key.version.model, key.version.revision, key.version.addition]);
    product_hash(&[java_string_hash(key.vendor), java_string_hash(key.name), java_string_hash(key.format), version])
}

fn product_hash(elements: &[u32]) -> u32 {
    let mut hash = elements.iter().fold(0xCAFE_BABEu32, |hash, element| {
        let mixed = element.wrapping_mul(0xCC9E_2D51).rotate_left(15).wrapping_mul(0x1B87_3593);
        (hash ^ mixed).rotate_left(13).wrapping_mul(5).wrapping_add(0xE654_6B64)
    });
    hash ^= elements.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85EB_CA6B);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xC2B2_AE35);
    hash ^ (hash >> 16)
}

#[cfg(test)]
mod tests {
    use super::super::tables::{COMPOSITE_SCHEMAS, FLAT_SCHEMAS, HITS};
    use super::*;

    #[test]
    fn hash_of_a_schema_key() {
        let uri = "iglu:com.google.analytics.measurement-protocol/hit/jsonschema/1-0-0";
        assert_eq!(schema_hash(&SchemaKey::parse(uri).unwrap()) as i32, -918_326_115);
    }

    #[test]
    fn order_of_all_contexts() {
        let mut flat: Vec<_> = FLAT_SCHEMAS.iter().chain(HITS.iter().filter(|row| row.key == "page_view")).collect();
        map_order(&mut flat, |row| schema_order_key(row.schema));
        let names: Vec<&str> = flat.iter().map(|row| row.key).collect();
        assert_eq!(
            names.join(" "),
            "promotion_action hit product_action content_experiment user general page_view app session system_info \
             private undocumented traffic_source link"
        );
        let mut composite: Vec<_> = COMPOSITE_SCHEMAS.iter().collect();
        map_order(&mut composite, |row| schema_order_key(row.schema));
        let names: Vec<&str> = composite.iter().map(|row| row.key).collect();
        assert_eq!(
            names.join(" "),
            "product_impression_list content_group product_custom_dimension product_custom_metric custom_dimension \
             product promotion product_impression_custom_metric product_impression_custom_dimension custom_metric \
             product_impression"
        );
    }

    #[test]
    fn numbers() {
        let json = |kind, value: &'static str| {
            let mut out = Vec::new();
            converted(kind, "x", value).unwrap().unwrap().write(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(json(Kind::Two, "12.225"), "12.22");
        assert_eq!(json(Kind::Two, "1"), "1.0");
        assert_eq!(json(Kind::Two, "1e400"), "null");
        assert_eq!(json(Kind::Double, "1e-4"), "1.0E-4");
        assert_eq!(json(Kind::Int, "+7"), "7");
        assert_eq!(json(Kind::Bool, "1"), "true");
        assert!(converted(Kind::Int, "x", "NULL").is_err());
        for (kind, value) in [(Kind::Int, "1.5"), (Kind::Two, " 1"), (Kind::Double, ""), (Kind::Bool, "yes")] {
            assert!(converted(kind, "x", value).unwrap().is_err(), "{value}");
        }
    }
}
