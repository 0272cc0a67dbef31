//! Exact decimals, read from the text of a JSON number: bounds and steps of schemas are compared without rounding.

/// A decimal number: digits without zeros at either end, times a power of ten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Parses the text of a JSON number; `None` for anything else, and for exponents beyond any use.
    pub(super) fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let without_tail = all.trim_end_matches('0');
        let exponent = i64::from(exponent) - fraction.len() as i64 + (all.len() - without_tail.len()) as i64;
        let digits = without_tail.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        Some(Decimal { negative, digits, exponent })
    }

    /// Whether there is nothing after the decimal point.
    pub(super) fn is_integer(&self) -> bool {
        self.exponent >= 0
    }

    /// The integer's value; what does not fit becomes the nearest that does. `None` if there is a fraction.
    pub(super) fn to_integer(&self) -> Option<i128> {
        if !self.is_integer() {
            return None;
        }
        let limit = if self.negative { i128::MIN } else { i128::MAX };
        let power = u32::try_from(self.exponent).ok().and_then(|exponent| 10i128.checked_pow(exponent));
        let digits = if self.digits.is_empty() { Some(0) } else { self.digits.parse::<i128>().ok() };
        let value = digits.zip(power).and_then(|(digits, power)| digits.checked_mul(power));
        Some(value.map_or(limit, |value| if self.negative { -value } else { value }))
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn spellings_of_one_number_are_equal() {
        let hundredth = Decimal::parse("0.01").unwrap();
        for text in ["0.010", "1e-2", "1.0E-2", "10e-3", "+.01"] {
            assert_eq!(Decimal::parse(text), Some(hundredth.clone()), "{text}");
        }
        assert_eq!(Decimal::parse("-0"), Decimal::parse("0.00"));
        assert_ne!(Decimal::parse("-1"), Decimal::parse("1"));
        for text in ["", ".", "e1", "1e", "0x1", "one"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn integers_are_exact_or_saturate() {
        let integer = |text: &str| Decimal::parse(text).unwrap().to_integer();
        assert_eq!(integer("32767"), Some(32767));
        assert_eq!(integer("100.0"), Some(100));
        assert_eq!(integer("1e2"), Some(100));
        assert_eq!(integer("-12.50e1"), Some(-125));
        assert_eq!(integer("0"), Some(0));
        assert_eq!(integer("100.5"), None);
        assert_eq!(integer("9223372036854775808"), Some(9_223_372_036_854_775_808));
        assert_eq!(integer("1e400"), Some(i128::MAX));
        assert_eq!(integer("-1e400"), Some(i128::MIN));
    }
}
