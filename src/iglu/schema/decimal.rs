//! Exact decimal numbers from their JSON text.
//!
//! The reference checks numbers with `java.math.BigDecimal`, so 19.99 is a multiple of 0.01 and 2^64+1 is not 2^64.
//! Nothing here depends on the size of an exponent: `1e999999999` costs as much as `1`.

use std::cmp::Ordering;

/// `±digits × 10^exponent`, digits without leading and trailing zeros; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number. Exponents beyond the 64-bit range are clamped, which no comparison can notice.
    pub(super) fn parse(text: &str) -> Decimal {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], clamped_exponent(&unsigned[at + 1..])),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|b| b - b'0').collect();
        let mut exponent = power - fraction.len() as i64;
        let trailing = digits.iter().rev().take_while(|digit| **digit == 0).count();
        digits.truncate(digits.len() - trailing);
        exponent += trailing as i64;
        let leading = digits.iter().take_while(|digit| **digit == 0).count();
        digits.drain(..leading);
        if digits.is_empty() {
            return Decimal { negative: false, digits, exponent: 0 };
        }
        Decimal { negative, digits, exponent }
    }

    /// Appends a form that is the same for equal numbers only.
    pub(super) fn write_canonical(&self, out: &mut Vec<u8>) {
        out.push(if self.negative { b'-' } else { b'+' });
        out.extend(self.digits.iter().map(|digit| digit + b'0'));
        out.extend_from_slice(format!("e{};", self.exponent).as_bytes());
    }

    fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    /// Position of the first digit: 1 for 0.1 ≤ |x| < 1 … as digits before the point.
    fn magnitude(&self) -> i64 {
        self.exponent + self.digits.len() as i64
    }

    fn cmp_absolute(&self, other: &Decimal) -> Ordering {
        self.magnitude().cmp(&other.magnitude()).then_with(|| {
            let longest = self.digits.len().max(other.digits.len());
            let digit = |digits: &[u8], at: usize| digits.get(at).copied().unwrap_or(0);
            (0..longest)
                .map(|at| digit(&self.digits, at).cmp(&digit(&other.digits, at)))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        })
    }

    /// Whether `self` is `divisor` times a whole number. Everything is a multiple of zero, as in the reference.
    pub(super) fn is_multiple_of(&self, divisor: &Decimal) -> bool {
        if divisor.is_zero() || self.is_zero() {
            return true;
        }
        let shift = self.exponent - divisor.exponent;
        if shift < 0 {
            // Neither digit string ends in zero, so `digits / (divisor digits × 10^n)` cannot be whole.
            return false;
        }
        match small(&divisor.digits) {
            Some(modulus) => {
                let rest = remainder(&self.digits, modulus);
                u128::from(rest) * u128::from(power_of_ten(shift as u64, modulus)) % u128::from(modulus) == 0
            }
            None => long_remainder_is_zero(&self.digits, shift, &divisor.digits),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let sign = |number: &Decimal| match (number.is_zero(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            1 => self.cmp_absolute(other),
            -1 => other.cmp_absolute(self),
            _ => Ordering::Equal,
        })
    }
}

fn clamped_exponent(text: &str) -> i64 {
    const LIMIT: i64 = i64::MAX / 4;
    let digits = text.trim_start_matches(['+', '-']);
    let absolute = digits.parse::<i64>().unwrap_or(LIMIT).min(LIMIT);
    if text.starts_with('-') { -absolute } else { absolute }
}

/// The digits as a number below 10^18.
fn small(digits: &[u8]) -> Option<u64> {
    (digits.len() <= 18).then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit)))
}

fn remainder(digits: &[u8], modulus: u64) -> u64 {
    let step = |rest: u128, digit: &u8| (rest * 10 + u128::from(*digit)) % u128::from(modulus);
    digits.iter().fold(0, step) as u64
}

fn power_of_ten(mut exponent: u64, modulus: u64) -> u64 {
    let modulus = u128::from(modulus);
    let (mut result, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % modulus;
        }
        base = base * base % modulus;
        exponent >>= 1;
    }
    result as u64
}

/// Schoolbook division for divisors of more than 18 digits; beyond 10,000 zeros it gives up and says no.
fn long_remainder_is_zero(digits: &[u8], zeros: i64, divisor: &[u8]) -> bool {
    if zeros > 10_000 {
        return false;
    }
    let mut rest: Vec<u8> = Vec::with_capacity(divisor.len() + 1);
    for digit in digits.iter().copied().chain(std::iter::repeat_n(0, zeros as usize)) {
        if !(rest.is_empty() && digit == 0) {
            rest.push(digit);
        }
        while rest.len() > divisor.len() || rest.len() == divisor.len() && rest.as_slice() >= divisor {
            subtract(&mut rest, divisor);
        }
    }
    rest.is_empty()
}

/// `number -= smaller`, both without leading zeros.
fn subtract(number: &mut Vec<u8>, smaller: &[u8]) {
    let offset = number.len() - smaller.len();
    let mut borrow = 0;
    for at in (0..number.len()).rev() {
        let take = borrow + at.checked_sub(offset).map_or(0, |at| smaller[at]);
        borrow = u8::from(number[at] < take);
        number[at] = number[at] + 10 * borrow - take;
    }
    let leading = number.iter().take_while(|digit| **digit == 0).count();
    number.drain(..leading);
}

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

/// Whether a JSON number is written as an integer: what the reference takes for one.
pub(super) fn is_integer_text(text: &str) -> bool {
    !text.bytes().any(|b| matches!(b, b'.' | b'e' | b'E'))
}

/// The number as Jackson prints it: integers as digits, everything else as `java.math.BigDecimal.toString`.
pub(super) fn java_text(text: &str) -> String {
    if is_integer_text(text) {
        return if text == "-0" { "0".to_owned() } else { text.to_owned() };
    }
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (mantissa, power) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], clamped_exponent(&unsigned[at + 1..])),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let joined = format!("{whole}{fraction}");
    let stripped = joined.trim_start_matches('0');
    let unscaled = if stripped.is_empty() { "0" } else { stripped };
    let sign = if unscaled == "0" { "" } else { sign };
    let scale = fraction.len() as i64 - power;
    let adjusted = unscaled.len() as i64 - 1 - scale;
    if scale == 0 {
        return format!("{sign}{unscaled}");
    }
    if scale > 0 && adjusted >= -6 {
        let scale = scale as usize;
        let padded = format!("{unscaled:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        return format!("{sign}{whole}.{fraction}");
    }
    let (first, rest) = unscaled.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let plus = if adjusted > 0 { "+" } else { "" };
    format!("{sign}{first}{point}{rest}E{plus}{adjusted}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn multiple(number: &str, divisor: &str) -> bool {
        Decimal::parse(number).is_multiple_of(&Decimal::parse(divisor))
    }

    #[test]
    fn multiples_are_exact() {
        for (number, divisor) in [
            ("19.99", "0.01"),
            ("0.3", "0.1"),
            ("1e3", "0.01"),
            ("3", "1.5"),
            ("0", "7"),
            ("7", "0"),
            ("-4.5", "1.5"),
            ("1e400", "3e-5000"),
            ("100000000000000000000000000000", "50000000000000000000"),
            ("1e999999999999999999999", "0.5"),
        ] {
            let expected = divisor != "3e-5000";
            assert_eq!(multiple(number, divisor), expected, "{number} of {divisor}");
        }
        assert!(!multiple("19.995", "0.01"));
        assert!(!multiple("100000000000000000001", "100000000000000000000"));
        assert!(!multiple("5", "10"));
    }

    #[test]
    fn order_is_exact() {
        let sorted =
            ["-1e400", "-2.5", "-2.49", "0", "1e-400", "0.1", "1", "18446744073709551616", "18446744073709551617"];
        for pair in sorted.windows(2) {
            assert!(Decimal::parse(pair[0]) < Decimal::parse(pair[1]), "{pair:?}");
        }
        assert_eq!(Decimal::parse("1.0"), Decimal::parse("1"));
        assert_eq!(Decimal::parse("1e2"), Decimal::parse("100.00"));
        assert_eq!(Decimal::parse("-0.0"), Decimal::parse("0"));
    }

    #[test]
    fn texts_are_those_of_java() {
        for (text, java) in [
            ("1e3", "1E+3"),
            ("1e2", "1E+2"),
            ("100.50", "100.50"),
            ("3.0", "3.0"),
            ("0.01", "0.01"),
            ("1e-8", "1E-8"),
            ("1.5e-3", "0.0015"),
            ("12.5e7", "1.25E+8"),
            ("-0.5", "-0.5"),
            ("-0", "0"),
            ("7", "7"),
            ("0.0", "0.0"),
        ] {
            assert_eq!(java_text(text), java, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_integers(number in any::<i64>(), divisor in 1..100_000_i64, zeros in 0_u32..5) {
            let scaled = format!("{number}e{zeros}");
            let expected = i128::from(number) * 10_i128.pow(zeros) % i128::from(divisor) == 0;
            prop_assert_eq!(multiple(&scaled, &divisor.to_string()), expected);
            prop_assert_eq!(
                Decimal::parse(&number.to_string()).cmp(&Decimal::parse(&divisor.to_string())),
                number.cmp(&divisor)
            );
        }

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
        fn never_panics(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,25})?", other in "-?[1-9][0-9]{0,25}(\\.[0-9]{1,5})?") {
            let (a, b) = (Decimal::parse(&text), Decimal::parse(&other));
            let _ = (a.is_multiple_of(&b), b.is_multiple_of(&a), a.cmp(&b), java_text(&text), SmallDecimal::parse(&text));
        }
    }
}
