//! Which column type and encoding a leaf of a schema gets.
//!
//! Facts: snowplow/schema-ddl 0.14.3, `modules/core/.../redshift/generators/{TypeSuggestions,EncodeSuggestions}.scala`.

use std::fmt;

use serde_json::Value;

use super::decimal::Decimal;
use super::schema::{Node, Types};

/// A column type, in Redshift's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// `TIMESTAMP`
    Timestamp,
    /// `DATE`
    Date,
    /// `SMALLINT`
    SmallInt,
    /// `INT`
    Int,
    /// `BIGINT`
    BigInt,
    /// `DECIMAL` of the database's own size
    Decimal,
    /// `DECIMAL (36, 2)`
    Money,
    /// `DOUBLE PRECISION`
    Double,
    /// `BOOLEAN`
    Boolean,
    /// `CHAR(n)`
    Char(u32),
    /// `VARCHAR(n)`
    Varchar(u32),
}

/// How Redshift compresses a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `ZSTD`
    Zstd,
    /// `RAW`
    Raw,
    /// `TEXT255`
    Text255,
    /// `RUNLENGTH`
    RunLength,
}

/// Widest `VARCHAR` of Redshift, in bytes.
pub const MAX_VARCHAR: u32 = 65_535;
/// Widest `CHAR` of Redshift, in bytes.
const MAX_CHAR: u32 = 4096;
/// Width of a text of which nothing is known.
const DEFAULT_VARCHAR: u32 = 4096;

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::Timestamp => f.write_str("TIMESTAMP"),
            ColumnType::Date => f.write_str("DATE"),
            ColumnType::SmallInt => f.write_str("SMALLINT"),
            ColumnType::Int => f.write_str("INT"),
            ColumnType::BigInt => f.write_str("BIGINT"),
            ColumnType::Decimal => f.write_str("DECIMAL"),
            ColumnType::Money => f.write_str("DECIMAL (36, 2)"),
            ColumnType::Double => f.write_str("DOUBLE PRECISION"),
            ColumnType::Boolean => f.write_str("BOOLEAN"),
            ColumnType::Char(width) => write!(f, "CHAR({width})"),
            ColumnType::Varchar(width) => write!(f, "VARCHAR({width})"),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Zstd => "ZSTD",
            Encoding::Raw => "RAW",
            Encoding::Text255 => "TEXT255",
            Encoding::RunLength => "RUNLENGTH",
        })
    }
}

impl ColumnType {
    /// Most bytes that a text may have here; `None` if this is no text column.
    pub fn width(self) -> Option<u32> {
        match self {
            ColumnType::Char(width) | ColumnType::Varchar(width) => Some(width),
            _ => None,
        }
    }

    /// The type as Redshift can create it: no empty texts, none beyond its limits.
    pub fn creatable(self) -> ColumnType {
        match self {
            ColumnType::Char(width) if width > MAX_CHAR => ColumnType::Varchar(width.min(MAX_VARCHAR)),
            ColumnType::Char(width) => ColumnType::Char(width.max(1)),
            ColumnType::Varchar(width) => ColumnType::Varchar(width.clamp(1, MAX_VARCHAR)),
            other => other,
        }
    }

    /// A type that holds the values of both.
    pub fn widened(self, other: ColumnType) -> ColumnType {
        use ColumnType::*;
        let whole = |ty: ColumnType| match ty {
            SmallInt => Some(0),
            Int => Some(1),
            BigInt => Some(2),
            _ => None,
        };
        if self == other {
            return self;
        }
        match (self, other) {
            (Char(a) | Varchar(a), Char(b) | Varchar(b)) => Varchar(a.max(b)),
            (Timestamp, Date) | (Date, Timestamp) => Timestamp,
            (a, b) if whole(a).is_some() && whole(b).is_some() => {
                if whole(a) >= whole(b) {
                    a
                } else {
                    b
                }
            }
            (SmallInt | Int | BigInt, Money) | (Money, SmallInt | Int | BigInt) => Money,
            (a, b) if a.is_number() && b.is_number() => Double,
            (a, b) => Varchar(a.width().unwrap_or(0).max(b.width().unwrap_or(0)).max(DEFAULT_VARCHAR)),
        }
    }

    fn is_number(self) -> bool {
        use ColumnType::*;
        matches!(self, SmallInt | Int | BigInt | Decimal | Money | Double)
    }

    /// The type of a leaf: the first rule that fits.
    pub fn of(leaf: &Node) -> ColumnType {
        mixed_enumeration(leaf)
            .or_else(|| union(leaf))
            .or_else(|| point_in_time(leaf))
            .or_else(|| only(leaf, Types::ARRAY).then_some(ColumnType::Varchar(MAX_VARCHAR)))
            .or_else(|| whole_number(leaf))
            .or_else(|| number(leaf))
            .or_else(|| only(leaf, Types::BOOLEAN).then_some(ColumnType::Boolean))
            .or_else(|| text(leaf))
            .or_else(|| enumeration(leaf))
            .unwrap_or(ColumnType::Varchar(DEFAULT_VARCHAR))
    }
}

impl Encoding {
    /// The encoding of a leaf that has this type.
    pub fn of(leaf: &Node, ty: ColumnType) -> Encoding {
        match ty {
            // A union's type is no plain VARCHAR in the reference, so an enumeration does not count there.
            ColumnType::Varchar(_) if leaf.enumeration.is_some() && union(leaf).is_none_or(|_| is_mixed(leaf)) => {
                Encoding::Text255
            }
            ColumnType::Boolean => Encoding::RunLength,
            ColumnType::Double => Encoding::Raw,
            _ => Encoding::Zstd,
        }
    }
}

/// Whether values of one type (or null) fit and no others.
fn only(leaf: &Node, wanted: Types) -> bool {
    leaf.types.is_some_and(|types| types.is(wanted))
}

fn members(leaf: &Node) -> impl Iterator<Item = &Value> {
    leaf.enumeration.iter().flatten().filter(|value| !value.is_null())
}

/// Whether an enumeration has members of several kinds; any boolean counts as two.
fn is_mixed(leaf: &Node) -> bool {
    let numbers = members(leaf).any(Value::is_number);
    let others = members(leaf).any(|value| !value.is_number());
    let booleans = members(leaf).any(Value::is_boolean);
    u8::from(numbers) + u8::from(others) + u8::from(booleans) >= 2
}

fn mixed_enumeration(leaf: &Node) -> Option<ColumnType> {
    let longest = members(leaf).map(|value| byte_width(&value.to_string())).max();
    is_mixed(leaf).then_some(ColumnType::Varchar(longest.unwrap_or(16)))
}

fn union(leaf: &Node) -> Option<ColumnType> {
    let types = leaf.types.filter(|types| types.is_union())?;
    let narrow = types.is(Types::BOOLEAN.with(Types::INTEGER));
    Some(ColumnType::Varchar(if narrow { 10 } else { DEFAULT_VARCHAR }))
}

fn point_in_time(leaf: &Node) -> Option<ColumnType> {
    match leaf.format.as_deref() {
        Some("date-time") if only(leaf, Types::STRING) => Some(ColumnType::Timestamp),
        Some("date") if only(leaf, Types::STRING) => Some(ColumnType::Date),
        _ => None,
    }
}

fn whole_number(leaf: &Node) -> Option<ColumnType> {
    let integer = only(leaf, Types::INTEGER);
    if let (true, Some(maximum)) = (integer, &leaf.maximum) {
        return Some(by_maximum(maximum));
    }
    if let (Some(values), true) = (&leaf.enumeration, integer || leaf.types.is_none()) {
        // All members must be whole numbers, null included; otherwise no other rule for integers is tried.
        let numbers: Option<Vec<i128>> = values.iter().map(whole_value).collect();
        return numbers?.into_iter().max().map(by_size);
    }
    if integer {
        return Some(ColumnType::BigInt);
    }
    let step_is_whole = leaf.multiple_of.as_ref().is_some_and(Decimal::is_integer);
    step_is_whole.then(|| leaf.maximum.as_ref().map_or(ColumnType::Int, by_maximum))
}

fn whole_value(value: &Value) -> Option<i128> {
    Decimal::parse(value.as_number()?.as_str())?.to_integer()
}

fn by_maximum(maximum: &Decimal) -> ColumnType {
    maximum.to_integer().map_or(ColumnType::Decimal, by_size)
}

fn by_size(largest: i128) -> ColumnType {
    if largest <= i128::from(i16::MAX) {
        ColumnType::SmallInt
    } else if largest <= i128::from(i32::MAX) {
        ColumnType::Int
    } else {
        ColumnType::BigInt
    }
}

fn number(leaf: &Node) -> Option<ColumnType> {
    if only(leaf, Types::NUMBER) {
        let cents = leaf.multiple_of.is_some() && leaf.multiple_of == Decimal::parse("0.01");
        return Some(if cents { ColumnType::Money } else { ColumnType::Double });
    }
    only(leaf, Types::INTEGER.with(Types::NUMBER)).then_some(ColumnType::Double)
}

fn text(leaf: &Node) -> Option<ColumnType> {
    if !only(leaf, Types::STRING) {
        return None;
    }
    match (leaf.min_length, leaf.max_length) {
        (Some(shortest), Some(longest)) if shortest == longest => return Some(ColumnType::Char(longest)),
        _ => {}
    }
    match leaf.format.as_deref() {
        Some("uuid") => Some(ColumnType::Char(36)),
        Some("ipv4") => Some(ColumnType::Varchar(15)),
        Some("email") => Some(ColumnType::Varchar(255)),
        _ => leaf.max_length.map(ColumnType::Varchar),
    }
}

fn enumeration(leaf: &Node) -> Option<ColumnType> {
    let values = leaf.enumeration.as_ref()?;
    let width = |value: &Value| match value {
        Value::Null => 0,
        Value::String(text) => byte_width(text),
        other => byte_width(&other.to_string()),
    };
    let longest = values.iter().map(width).max()?;
    Some(if values.len() == 1 { ColumnType::Char(longest) } else { ColumnType::Varchar(longest) })
}

/// The reference counts UTF-16 units; Redshift counts bytes, so a member beyond ASCII would not fit its own column.
fn byte_width(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Type and encoding of an optional property, as `CREATE TABLE` spells them.
    fn optional(schema: Value) -> String {
        let mut leaf = Node::parse(&schema).unwrap();
        leaf.types = Some(leaf.types.unwrap_or_default().with(Types::NULL));
        spelled(&leaf)
    }

    fn required(schema: Value) -> String {
        spelled(&Node::parse(&schema).unwrap())
    }

    fn spelled(leaf: &Node) -> String {
        let ty = ColumnType::of(leaf);
        format!("{ty} {}", Encoding::of(leaf, ty))
    }

    #[test]
    fn types_of_the_specification() {
        let cases = [
            (json!({"type": "integer"}), "BIGINT ZSTD"),
            (json!({"type": "integer", "maximum": 32767}), "SMALLINT ZSTD"),
            (json!({"type": "integer", "maximum": 32768}), "INT ZSTD"),
            (json!({"type": "integer", "maximum": 2_147_483_648u64}), "BIGINT ZSTD"),
            (json!({"type": "integer", "maximum": 100.5}), "DECIMAL ZSTD"),
            (json!({"type": ["integer", "string"], "maximum": 10}), "VARCHAR(4096) ZSTD"),
            (json!({"type": ["boolean", "integer"]}), "VARCHAR(10) ZSTD"),
            (json!({"type": ["number", "integer"]}), "DOUBLE PRECISION RAW"),
            (json!({"type": "string", "enum": ["a", "bcd"], "maxLength": 10}), "VARCHAR(10) TEXT255"),
            (json!({"type": "string", "enum": ["abc"]}), "CHAR(3) ZSTD"),
            (json!({"enum": ["a", 1]}), "VARCHAR(3) TEXT255"),
            (json!({"enum": [true, false]}), "VARCHAR(5) TEXT255"),
            (json!({"type": "string", "format": "ipv6"}), "VARCHAR(4096) ZSTD"),
            (json!({"type": "string", "format": "email", "maxLength": 500}), "VARCHAR(255) ZSTD"),
            (json!({"type": "object"}), "VARCHAR(4096) ZSTD"),
            (json!({"type": "string", "format": "date-time"}), "TIMESTAMP ZSTD"),
            (json!({"type": "string", "format": "date"}), "DATE ZSTD"),
            (json!({"type": "string", "format": "uuid"}), "CHAR(36) ZSTD"),
            (json!({"type": "string", "format": "ipv4"}), "VARCHAR(15) ZSTD"),
            (json!({"type": "string", "minLength": 2, "maxLength": 2}), "CHAR(2) ZSTD"),
            (json!({"type": "array"}), "VARCHAR(65535) ZSTD"),
            (json!({"type": "boolean"}), "BOOLEAN RUNLENGTH"),
            (json!({"type": "number", "multipleOf": 0.01}), "DECIMAL (36, 2) ZSTD"),
            (json!({"type": "number", "multipleOf": 1}), "INT ZSTD"),
            (json!({"type": "integer", "maximum": 9_223_372_036_854_775_808u64}), "BIGINT ZSTD"),
            (json!({"type": "string"}), "VARCHAR(4096) ZSTD"),
            (json!({}), "VARCHAR(4096) ZSTD"),
        ];
        for (schema, expected) in cases {
            assert_eq!(optional(schema.clone()), expected, "{schema}");
        }
    }

    #[test]
    fn enumerations_of_numbers() {
        assert_eq!(optional(json!({"type": "integer", "enum": [1, 40000]})), "INT ZSTD");
        assert_eq!(required(json!({"enum": [1, 2]})), "SMALLINT ZSTD");
        assert_eq!(optional(json!({"enum": [1, 2]})), "VARCHAR(1) TEXT255", "null alone is no integer");
        assert_eq!(required(json!({"type": ["integer", "null"], "enum": [1, 2, null]})), "VARCHAR(1) TEXT255");
        assert_eq!(optional(json!({"enum": ["fast", "slow", null]})), "VARCHAR(4) TEXT255");
        assert_eq!(optional(json!({"enum": ["é", "a"]})), "VARCHAR(2) TEXT255", "widths are bytes");
    }

    #[test]
    fn creatable_types() {
        assert_eq!(ColumnType::Char(0).creatable(), ColumnType::Char(1));
        assert_eq!(ColumnType::Char(5000).creatable(), ColumnType::Varchar(5000));
        assert_eq!(ColumnType::Varchar(u32::MAX).creatable(), ColumnType::Varchar(65_535));
    }

    #[test]
    fn widening() {
        use ColumnType::*;
        let cases = [
            (SmallInt, BigInt, BigInt),
            (Int, SmallInt, Int),
            (Varchar(64), Varchar(128), Varchar(128)),
            (Char(3), Char(2), Varchar(3)),
            (Int, Double, Double),
            (BigInt, Money, Money),
            (Decimal, Money, Double),
            (BigInt, Varchar(10), Varchar(4096)),
            (Boolean, Int, Varchar(4096)),
            (Date, Timestamp, Timestamp),
            (Timestamp, Varchar(5000), Varchar(5000)),
        ];
        for (a, b, expected) in cases {
            assert_eq!(a.widened(b), expected, "{a} {b}");
            assert_eq!(b.widened(a), expected, "{b} {a}");
        }
    }
}
