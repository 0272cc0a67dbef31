//! Numbers of schemas and events, compared: quickly where their digits fit a word, exactly where they do not.

use std::cmp::Ordering;

use super::decimal::Decimal;

/// Digits of the longest small number.
const SMALL_DIGITS: i64 = 18;

/// A number whose digits fit a word: what nearly all numbers are. Nothing is allocated.
#[derive(Clone, Copy, Debug)]
pub(super) struct SmallDecimal {
    mantissa: i64,
    /// Digits after the point, 0 to 18.
    scale: u32,
}

impl SmallDecimal {
    /// Reads a number of at most 18 digits without an exponent.
    pub(super) fn parse(text: &str) -> Option<SmallDecimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if unsigned.len() > SMALL_DIGITS as usize {
            return None;
        }
        let (mut mantissa, mut scale, mut after_point) = (0_i64, 0, false);
        for b in unsigned.bytes() {
            match b {
                b'0'..=b'9' => {
                    mantissa = mantissa * 10 + i64::from(b - b'0');
                    scale += u32::from(after_point);
                }
                b'.' => after_point = true,
                _ => return None,
            }
        }
        Some(SmallDecimal { mantissa: if negative { -mantissa } else { mantissa }, scale })
    }

    /// Both numbers with as many digits after the point as the longer one.
    fn aligned(self, other: SmallDecimal) -> (i128, i128) {
        let scale = self.scale.max(other.scale);
        let raised = |number: SmallDecimal| i128::from(number.mantissa) * 10_i128.pow(scale - number.scale);
        (raised(self), raised(other))
    }

    pub(super) fn compare(self, other: SmallDecimal) -> Ordering {
        if self.scale == other.scale {
            return self.mantissa.cmp(&other.mantissa);
        }
        let (a, b) = self.aligned(other);
        a.cmp(&b)
    }

    /// As [`Decimal::is_multiple_of`].
    pub(super) fn is_multiple_of(self, divisor: SmallDecimal) -> bool {
        let (number, divisor) = self.aligned(divisor);
        divisor == 0 || number % divisor == 0
    }
}

/// A number of a schema, ready to be compared with numbers of events.
#[derive(Debug)]
pub(super) struct Constant {
    exact: Decimal,
    small: Option<SmallDecimal>,
    /// Farther from zero than any small number.
    is_far: bool,
}

impl Constant {
    pub(super) fn parse(text: &str) -> Constant {
        let exact = Decimal::parse(text);
        Constant { is_far: exact.magnitude() > SMALL_DIGITS, small: SmallDecimal::parse(text), exact }
    }

    /// How a number stands to this one.
    pub(super) fn order_of(&self, number: Number<'_>) -> Ordering {
        match (self.small, number.small) {
            (Some(constant), Some(number)) => number.compare(constant),
            // Nearly all limits that are not small are the largest 64-bit integer.
            (None, Some(_)) if self.is_far && self.exact.negative => Ordering::Greater,
            (None, Some(_)) if self.is_far => Ordering::Less,
            _ => Decimal::parse(number.text).cmp(&self.exact),
        }
    }

    /// Whether a number is a multiple of this one.
    pub(super) fn divides(&self, number: Number<'_>) -> bool {
        match (self.small, number.small) {
            (Some(constant), Some(number)) => number.is_multiple_of(constant),
            _ => Decimal::parse(number.text).is_multiple_of(&self.exact),
        }
    }
}

/// A number of an event, ready to be compared with numbers of schemas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'a> {
    text: &'a str,
    small: Option<SmallDecimal>,
}

impl<'a> Number<'a> {
    pub(super) fn new(text: &'a str) -> Number<'a> {
        Number { text, small: SmallDecimal::parse(text) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn small_numbers_behave_like_others(
            number in "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,7})?",
            constant in "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,7})?",
            far in "-?(0|[1-9][0-9]{16,20})(\\.[0-9]{1,3})?(e-?[0-3])?",
        ) {
            let (small, exact) = (SmallDecimal::parse(&number).unwrap(), Decimal::parse(&number));
            let (other, other_exact) = (SmallDecimal::parse(&constant).unwrap(), Decimal::parse(&constant));
            prop_assert_eq!(small.compare(other), exact.cmp(&other_exact));
            prop_assert_eq!(small.is_multiple_of(other), exact.is_multiple_of(&other_exact));
            prop_assert_eq!(Constant::parse(&constant).order_of(Number::new(&number)), exact.cmp(&other_exact));
            prop_assert_eq!(Constant::parse(&far).order_of(Number::new(&number)), exact.cmp(&Decimal::parse(&far)));
            prop_assert_eq!(Constant::parse(&constant).order_of(Number::new(&far)), Decimal::parse(&far).cmp(&other_exact));
        }

        #[test]
        fn never_panics(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?") {
            let _ = (SmallDecimal::parse(&text), Constant::parse(&text).order_of(Number::new(&text)));
        }
    }
}
