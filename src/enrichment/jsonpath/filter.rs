//! Conditions inside paths.

use std::cmp::Ordering;

use super::{Hit, Step, walk};
use crate::json::{Kind, Value, fits_i64};

/// A condition on a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Exists(Query),
    Compare(Operator, Operand, Operand),
    /// The text matches the expression.
    Matches(Operand, Pattern),
    /// The value is one of the list.
    OneOf(Operand, Vec<Literal>),
    Not(Box<Filter>),
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
}

/// A path inside a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    /// `$`, not `@`.
    pub from_root: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand {
    Query(Query),
    Literal(Literal),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    /// The number's text.
    Number(String),
    String(String),
}

/// A regular expression, compared by its text.
#[derive(Clone, Debug)]
pub(super) struct Pattern(pub fancy_regex::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A value on one side of a comparison.
enum Side<'a> {
    Value(Value<'a>),
    Literal(&'a Literal),
}

impl Filter {
    pub fn fits<'a>(&self, document: Value<'a>, at: Hit<'a>) -> bool {
        match self {
            Filter::Exists(query) => query.first(document, at).is_some(),
            Filter::Compare(operator, left, right) => match (left.resolve(document, at), right.resolve(document, at)) {
                (Some(left), Some(right)) => operator.holds(&left.scalar(), &right.scalar()),
                _ => false,
            },
            Filter::Matches(operand, pattern) => match operand.resolve(document, at).map(|side| side.scalar()) {
                Some(Scalar::String(text)) => pattern.0.is_match(&text).unwrap_or(false),
                _ => false,
            },
            Filter::OneOf(operand, list) => operand.resolve(document, at).is_some_and(|side| {
                let value = side.scalar();
                list.iter().any(|literal| Operator::Equal.holds(&value, &Side::Literal(literal).scalar()))
            }),
            Filter::Not(filter) => !filter.fits(document, at),
            Filter::And(left, right) => left.fits(document, at) && right.fits(document, at),
            Filter::Or(left, right) => left.fits(document, at) || right.fits(document, at),
        }
    }
}

impl Query {
    fn first<'a>(&self, document: Value<'a>, at: Hit<'a>) -> Option<Value<'a>> {
        let start = if self.from_root { Hit { value: document, is_element: false } } else { at };
        walk(&self.steps, document, start).first().map(|hit| hit.value)
    }
}

impl Operand {
    fn resolve<'s, 'a: 's>(&'s self, document: Value<'a>, at: Hit<'a>) -> Option<Side<'s>> {
        match self {
            Operand::Query(query) => query.first(document, at).map(Side::Value),
            Operand::Literal(literal) => Some(Side::Literal(literal)),
        }
    }
}

/// What can be compared. Objects and arrays equal only their own text.
#[derive(Debug, PartialEq)]
enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Decimal(f64),
    String(String),
    Compound(String),
}

impl Side<'_> {
    fn scalar(&self) -> Scalar {
        match self {
            Side::Literal(Literal::Null) => Scalar::Null,
            Side::Literal(Literal::Bool(truth)) => Scalar::Bool(*truth),
            Side::Literal(Literal::Number(text)) => number(text),
            Side::Literal(Literal::String(text)) => Scalar::String(text.clone()),
            Side::Value(value) => match value.kind() {
                Kind::Null => Scalar::Null,
                Kind::Bool => Scalar::Bool(value.as_bool() == Some(true)),
                Kind::Number => number(value.source()),
                Kind::String => Scalar::String(value.as_str().unwrap_or_default().into_owned()),
                Kind::Array | Kind::Object => {
                    let mut text = Vec::new();
                    crate::json::write_compact(*value, &mut text);
                    Scalar::Compound(String::from_utf8_lossy(&text).into_owned())
                }
            },
        }
    }
}

fn number(text: &str) -> Scalar {
    if fits_i64(text) {
        return Scalar::Integer(text.parse().unwrap_or_default());
    }
    text.parse().map_or(Scalar::Null, Scalar::Decimal)
}

impl Operator {
    fn holds(self, left: &Scalar, right: &Scalar) -> bool {
        let order = compare(left, right);
        match self {
            Operator::Equal => order == Some(Ordering::Equal) || left == right,
            Operator::NotEqual => order != Some(Ordering::Equal) && left != right,
            Operator::Less => order == Some(Ordering::Less),
            Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Operator::Greater => order == Some(Ordering::Greater),
            Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

/// Only values of one kind have an order.
fn compare(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    match (left, right) {
        (Scalar::String(left), Scalar::String(right)) => Some(left.cmp(right)),
        (Scalar::Bool(left), Scalar::Bool(right)) => Some(left.cmp(right)),
        (Scalar::Integer(left), Scalar::Integer(right)) => Some(left.cmp(right)),
        (Scalar::Integer(left), Scalar::Decimal(right)) => (*left as f64).partial_cmp(right),
        (Scalar::Decimal(left), Scalar::Integer(right)) => left.partial_cmp(&(*right as f64)),
        (Scalar::Decimal(left), Scalar::Decimal(right)) => left.partial_cmp(right),
        _ => None,
    }
}
