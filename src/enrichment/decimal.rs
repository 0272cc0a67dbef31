//! Exact decimals like Java's `BigDecimal`: value = unscaled × 10^-scale.
//!
//! Facts: JDK 11 `java.math.BigDecimal` (`toString`, `stripTrailingZeros`, `setScale`, rounding half to even).

use num_bigint::{BigInt, Sign};

/// Larger exponents are not read: no sensible number has them, and writing them out takes as many digits.
const MAX_EXPONENT: i64 = 6144;

/// A decimal number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    unscaled: BigInt,
    scale: i64,
}

impl Decimal {
    /// Reads a JSON number or what [`Decimal::java_text`] writes.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let unsigned = digits.strip_prefix('-').unwrap_or(&digits);
        let readable = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
        if !readable || exponent.abs() > MAX_EXPONENT {
            return None;
        }
        Some(Decimal { unscaled: digits.parse().ok()?, scale: fraction.len() as i64 - exponent })
    }

    /// The exact value of a finite 64-bit float.
    pub fn exact(value: f64) -> Option<Decimal> {
        if !value.is_finite() {
            return None;
        }
        let bits = value.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        let raw_exponent = (bits >> 52 & 0x7FF) as i64;
        let (mantissa, exponent) = match raw_exponent {
            0 => (fraction, -1074),
            _ => (fraction | 1 << 52, raw_exponent - 1075),
        };
        let sign = if value < 0.0 { Sign::Minus } else { Sign::Plus };
        let magnitude = BigInt::from_biguint(sign, mantissa.into());
        // Dividing by 2^n is multiplying by 5^n and moving the point by n.
        let number = if exponent >= 0 {
            Decimal { unscaled: magnitude << exponent as usize, scale: 0 }
        } else {
            Decimal { unscaled: magnitude * BigInt::from(5).pow(-exponent as u32), scale: -exponent }
        };
        Some(number)
    }

    /// The product.
    pub fn times(&self, other: &Decimal) -> Decimal {
        Decimal { unscaled: &self.unscaled * &other.unscaled, scale: self.scale + other.scale }
    }

    /// 1 / self with this many decimals, half to even; `None` for zero.
    pub fn reciprocal(&self, decimals: i64) -> Option<Decimal> {
        if self.unscaled.sign() == Sign::NoSign {
            return None;
        }
        // 1 / (u × 10^-s) = 10^s / u; scaled by 10^decimals.
        let power = self.scale + decimals;
        let (numerator, denominator) = match power {
            0.. => (power_of_ten(power), self.unscaled.clone()),
            _ => (BigInt::from(1), &self.unscaled * power_of_ten(-power)),
        };
        Some(Decimal { unscaled: divide_half_even(&numerator, &denominator), scale: decimals })
    }

    /// With this many decimals, half to even.
    pub fn rounded(&self, decimals: i64) -> Decimal {
        let unscaled = if decimals >= self.scale {
            &self.unscaled * power_of_ten(decimals - self.scale)
        } else {
            divide_half_even(&self.unscaled, &power_of_ten(self.scale - decimals))
        };
        Decimal { unscaled, scale: decimals }
    }

    /// Without trailing zeros and without exponent.
    pub fn stripped(&self) -> Decimal {
        if self.unscaled.sign() == Sign::NoSign {
            return Decimal { unscaled: BigInt::ZERO, scale: 0 };
        }
        let digits = self.unscaled.to_string();
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        let removed = (zeros as i64).min(self.scale.max(0));
        let unscaled = if removed > 0 { &self.unscaled / power_of_ten(removed) } else { self.unscaled.clone() };
        let number = Decimal { unscaled, scale: self.scale - removed };
        if number.scale < 0 { number.rounded(0) } else { number }
    }

    /// `BigDecimal.toString`: plain unless the exponent would be positive or below -6.
    pub fn java_text(&self) -> String {
        let magnitude = self.unscaled.magnitude().to_string();
        let sign = if self.unscaled.sign() == Sign::Minus { "-" } else { "" };
        let adjusted = magnitude.len() as i64 - 1 - self.scale;
        if self.scale == 0 {
            return format!("{sign}{magnitude}");
        }
        if self.scale > 0 && adjusted >= -6 {
            let zeros = (self.scale + 1 - magnitude.len() as i64).max(0) as usize;
            let padded = format!("{}{magnitude}", "0".repeat(zeros));
            let (whole, fraction) = padded.split_at(padded.len() - self.scale as usize);
            return format!("{sign}{whole}.{fraction}");
        }
        let (first, rest) = magnitude.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        if adjusted == 0 {
            format!("{sign}{first}{point}{rest}")
        } else {
            format!("{sign}{first}{point}{rest}E{adjusted:+}")
        }
    }
}

/// A number in the spelling of `BigDecimal.toString`; `None` if its exponent is absurd.
pub(crate) fn big_decimal_text(number: &str) -> Option<String> {
    Decimal::parse(number).map(|number| number.java_text())
}

/// The same without trailing zeros and positive exponents.
pub(crate) fn stripped_text(number: &str) -> Option<String> {
    Decimal::parse(number).map(|number| number.stripped().java_text())
}

fn power_of_ten(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

fn divide_half_even(numerator: &BigInt, denominator: &BigInt) -> BigInt {
    let quotient = numerator / denominator;
    let remainder = numerator - &quotient * denominator;
    let twice = remainder.magnitude() * 2u32;
    let away = match twice.cmp(denominator.magnitude()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => quotient.bit(0),
    };
    if !away {
        return quotient;
    }
    let negative = (numerator.sign() == Sign::Minus) != (denominator.sign() == Sign::Minus);
    if negative { quotient - 1 } else { quotient + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings() {
        for (number, java, stripped) in [
            ("1.50", "1.50", "1.5"),
            ("2.0", "2.0", "2"),
            ("1e3", "1E+3", "1000"),
            ("10.50", "10.50", "10.5"),
            ("0.0000001", "1E-7", "1E-7"),
            ("-1.20e-9", "-1.20E-9", "-1.2E-9"),
            ("0.0", "0.0", "0"),
            ("-0.5", "-0.5", "-0.5"),
            ("100", "100", "100"),
            ("12.5e1", "125", "125"),
            ("1.25E+5", "1.25E+5", "125000"),
        ] {
            assert_eq!(big_decimal_text(number).as_deref(), Some(java), "{number}");
            assert_eq!(stripped_text(number).as_deref(), Some(stripped), "{number}");
        }
        assert_eq!(big_decimal_text("1e999999999"), None);
        assert_eq!(big_decimal_text("abc"), None);
    }

    #[test]
    fn arithmetic() {
        let number = |text: &str| Decimal::parse(text).unwrap();
        assert_eq!(number("1.607717").times(&number("0.721")).java_text(), "1.159163957");
        assert_eq!(number("81.87").reciprocal(6).unwrap().java_text(), "0.012214");
        assert_eq!(number("0.622").reciprocal(6).unwrap().java_text(), "1.607717");
        assert_eq!(number("0").reciprocal(6), None);
        for (value, decimals, expected) in [
            ("2.5", 0, "2"),
            ("3.5", 0, "4"),
            ("-2.5", 0, "-2"),
            ("-2.51", 0, "-3"),
            ("1.005", 2, "1.00"),
            ("7", 2, "7.00"),
        ] {
            assert_eq!(number(value).rounded(decimals).java_text(), expected, "{value}");
        }
        assert_eq!(Decimal::exact(2.67).unwrap().rounded(20).java_text(), "2.66999999999999992895");
        assert_eq!(Decimal::exact(1e22).unwrap().java_text(), "10000000000000000000000");
        assert_eq!(Decimal::exact(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn texts_round_trip(number in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?") {
            let parsed = Decimal::parse(&number).unwrap();
            prop_assert_eq!(Decimal::parse(&parsed.java_text()).unwrap(), parsed.clone());
            let stripped = parsed.stripped();
            prop_assert!(stripped.scale >= 0);
            prop_assert_eq!(stripped.rounded(400), parsed.rounded(400).stripped().rounded(400));
        }

        #[test]
        fn floats_are_exact(value in any::<f64>()) {
            prop_assume!(value.is_finite());
            let text = Decimal::exact(value).unwrap().java_text();
            prop_assert_eq!(text.parse::<f64>().unwrap(), value);
        }
    }
}
