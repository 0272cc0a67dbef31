//! Numbers as the JVM reads them.
//!
//! Facts: `java.lang.Double.parseDouble`, `java.math.BigDecimal(String)` (JDK 11); circe/circe v0.14.1 `Decoder[Long]`
//! for numbers of a JSON document.

pub use crate::event::number::{digit_value, parse_int as java_int, parse_long as java_long};

/// A number as `Double.parseDouble` reads it: blanks around it, a suffix `d` or `f`, and hexadecimal notation are fine.
pub fn java_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|character: char| character <= ' ');
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let value = match unsigned {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let number = unsigned.strip_suffix(['d', 'D', 'f', 'F']);
            match unsigned.strip_prefix("0x").or(unsigned.strip_prefix("0X")) {
                // The suffixes are hexadecimal digits, too: only what follows the exponent can be one.
                Some(hexadecimal) => hexadecimal_double(hexadecimal)?,
                None => decimal_double(number.unwrap_or(unsigned))?,
            }
        }
    };
    Some(if negative { -value } else { value })
}

fn decimal_double(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let starts_well = text.starts_with(|character: char| character.is_ascii_digit() || character == '.');
    (plain && starts_well).then(|| text.parse().ok()).flatten()
}

/// `1.8p3` stands for 1.5 × 2³.
fn hexadecimal_double(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent = exponent.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(exponent);
    let exponent = java_long(exponent)?.clamp(-100_000, 100_000) as i32;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    let mut scale = exponent;
    for character in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(character.to_digit(16)?);
    }
    scale = scale.saturating_sub(fraction.len().min(100_000) as i32 * 4);
    // Two steps keep the powers in range for every finite result.
    let half = scale / 2;
    Some(value * 2f64.powi(half) * 2f64.powi(scale - half))
}

/// A decimal number: `digits` × 10^`exponent`. No leading zeros; zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// Parses what `new BigDecimal(text)` accepts: `1`, `.5`, `5.`, `+1`, `1e3`; no blanks.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, i64::from(java_int(exponent)?)),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits: Vec<u8> = whole.chars().chain(fraction.chars()).map(digit_value).collect::<Option<_>>()?;
        if digits.is_empty() {
            return None;
        }
        let exponent = exponent - fraction.chars().count() as i64;
        // The scale of a BigDecimal has 32 bits.
        i32::try_from(-exponent).ok()?;
        Some(Decimal { negative, digits, exponent }.trimmed())
    }

    fn trimmed(mut self) -> Decimal {
        let zeros = self.digits.iter().take_while(|digit| **digit == 0).count();
        self.digits.drain(..zeros);
        self
    }

    /// The value as a 64-bit integer, if it is one.
    pub fn to_i64(&self) -> Option<i64> {
        let mut digits = self.digits.as_slice();
        let mut exponent = self.exponent;
        while let (Some((0, rest)), true) = (digits.split_last(), exponent < 0) {
            digits = rest;
            exponent += 1;
        }
        if digits.is_empty() {
            return Some(0);
        }
        if exponent < 0 || digits.len() as i64 + exponent > 19 {
            return None;
        }
        let zeros = std::iter::repeat_n(0, exponent as usize);
        digits.iter().copied().chain(zeros).try_fold(0i64, |value, digit| {
            let shifted = value.checked_mul(10)?;
            let digit = i64::from(digit);
            if self.negative { shifted.checked_sub(digit) } else { shifted.checked_add(digit) }
        })
    }

    /// The nearest double; infinite if it is out of range.
    pub fn to_f64(&self) -> f64 {
        if self.digits.is_empty() {
            return 0.0;
        }
        let mut text = String::with_capacity(self.digits.len() + 16);
        if self.negative {
            text.push('-');
        }
        text.extend(self.digits.iter().map(|digit| char::from(b'0' + digit)));
        text.push_str(&format!("e{}", self.exponent));
        text.parse().unwrap_or(f64::NAN)
    }

    /// The value with two places after the point, half to the even neighbour.
    pub fn rounded_to_two_places(mut self) -> Decimal {
        let dropped = -2 - self.exponent;
        if dropped <= 0 {
            return self;
        }
        let length = self.digits.len() as i64;
        if dropped > length {
            return Decimal { negative: false, digits: Vec::new(), exponent: -2 };
        }
        let tail = self.digits.split_off((length - dropped) as usize);
        let odd = self.digits.last().is_some_and(|digit| digit % 2 == 1);
        let beyond_half = tail[1..].iter().any(|digit| *digit != 0);
        self.exponent = -2;
        if tail[0] > 5 || tail[0] == 5 && (beyond_half || odd) {
            self.increment();
        }
        if self.digits.is_empty() {
            self.negative = false;
        }
        self.trimmed()
    }

    fn increment(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.digits.insert(0, 1);
    }
}

/// A JSON number (or a text that could be one) as a 64-bit integer: `7`, `1.5e3`, `7.0`.
pub fn json_integer(text: &str) -> Option<i64> {
    is_json_number(text).then(|| Decimal::parse(text))?.and_then(|number| number.to_i64())
}

fn is_json_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text).as_bytes();
    let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(unsigned);
    if whole == 0 || whole > 1 && unsigned[0] == b'0' {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn doubles() {
        for (text, expected) in [
            ("0.001", 0.001),
            (" 1d\t", 1.0),
            ("-.5f", -0.5),
            ("1e3", 1000.0),
            ("0x1.8p3", 12.0),
            ("-0X.8P1D", -1.0),
            ("1e999", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert_eq!(java_double(text), Some(expected), "{text}");
        }
        for text in ["", "-", "d", "many", "1 2", "inf", "nan", "infinity", "1e", "0x1", "0x.p1", "1_0", "--1", "."] {
            assert_eq!(java_double(text), None, "{text}");
        }
    }

    #[test]
    fn integral_json_numbers() {
        for (text, expected) in [
            ("1415709559", Some(1_415_709_559)),
            ("1.5e3", Some(1500)),
            ("7.0", Some(7)),
            ("-0", Some(0)),
            ("0e999999", Some(0)),
            ("1e18", Some(1_000_000_000_000_000_000)),
            ("1e19", None),
            ("7.5", None),
            ("1e-1", None),
            ("10e-1", Some(1)),
            ("9223372036854775808", None),
            ("+7", None),
            ("07", None),
            ("7.", None),
            ("", None),
        ] {
            assert_eq!(json_integer(text), expected, "{text}");
        }
    }

    #[test]
    fn two_places() {
        for (text, expected) in [
            ("12.225", 12.22),
            ("12.235", 12.24),
            ("0.005", 0.0),
            ("0.015", 0.02),
            ("0.0050001", 0.01),
            ("1", 1.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+1", 1.0),
            ("1e3", 1000.0),
            ("99.995", 100.0),
            ("9.999", 10.0),
            ("-0.001", 0.0),
            ("-1.235", -1.24),
            ("1e-999999", 0.0),
            ("15.475", 15.48),
        ] {
            let rounded = Decimal::parse(text).unwrap().rounded_to_two_places().to_f64();
            assert_eq!(rounded.to_bits(), f64::to_bits(expected), "{text} gave {rounded}");
        }
        assert_eq!(Decimal::parse("1e400").unwrap().rounded_to_two_places().to_f64(), f64::INFINITY);
        for text in ["", ".", "e3", "1e", " 1", "1 ", "NaN", "1_0", "0x1", "1e99999999999", "1.2.3"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in any::<String>(), number in "[-+]?[0-9]{0,25}(\\.[0-9]{0,25})?([eE][-+]?[0-9]{0,12})?") {
            for text in [text, number] {
                java_long(&text);
                java_double(&text);
                json_integer(&text);
                if let Some(decimal) = Decimal::parse(&text) {
                    decimal.to_i64();
                    decimal.rounded_to_two_places().to_f64();
                }
            }
        }

        #[test]
        fn rounding_agrees_with_integer_arithmetic(value in -1_000_000_000i64..1_000_000_000) {
            let text = format!("{}{}.{:04}", if value < 0 { "-" } else { "" }, value.abs() / 10_000, value.abs() % 10_000);
            let (down, rest) = (value.abs() / 100, value.abs() % 100);
            let up = rest > 50 || rest == 50 && down % 2 == 1;
            let expected = value.signum() as f64 * (down + i64::from(up)) as f64 / 100.0;
            let rounded = Decimal::parse(&text).unwrap().rounded_to_two_places().to_f64();
            prop_assert_eq!(rounded, expected);
        }
    }
}
