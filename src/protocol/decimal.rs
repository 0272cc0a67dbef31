//! Decimals in the grammar and spelling of Java's `BigDecimal`.
//!
//! Facts: snowplow/enrich 3.9.0, `modules/common/.../utils/ConversionUtils.scala` (a negative scale is set to 0); the
//! grammar, the texts and the exception messages are those of JDK 11's `java.math.BigDecimal`. One limit is ours: a
//! number that would take more than [`MAX_ZEROS`] appended zeros is refused as one that the JVM cannot hold.

use bumpalo::Bump;

use super::convert::Expectation;
use crate::event::number::digit_value;

/// Largest exponent that is written out as zeros: that of the widest decimal format of IEEE 754.
const MAX_ZEROS: i64 = 6144;
/// Up to this many characters the JDK parses into a long, with its own messages.
const COMPACT_LENGTH: usize = 18;

/// A decimal column's text; the word `null` is null.
pub fn decimal<'a>(value: &'a str, arena: &'a Bump) -> Result<Option<&'a str>, Expectation> {
    if is_canonical(value) {
        return Ok(Some(value));
    }
    if value.eq_ignore_ascii_case("null") {
        return Ok(None);
    }
    match parse(value) {
        Ok(number) => Ok(Some(arena.alloc_str(&number.into_text()))),
        Err(reason) => Err(format!("cannot be converted to java.math.BigDecimal. Error : {reason}").into()),
    }
}

/// Whether a text is what `BigDecimal` prints for it: the common case, which needs no parsing.
fn is_canonical(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return false;
    }
    match whole.strip_prefix('0') {
        None => true,
        // Small numbers may print with an exponent, and a signed zero loses its sign.
        Some("") => fraction.len() <= 6 && digits.len() == value.len(),
        Some(_) => false,
    }
}

/// A decimal number: digits × 10^-scale.
struct Decimal {
    negative: bool,
    /// Unscaled digits without leading zeros; `0` for zero.
    digits: String,
    scale: i64,
}

/// Parses the grammar of `BigDecimal`; the error is the JDK's message.
fn parse(value: &str) -> Result<Decimal, String> {
    let (negative, unsigned) = match value.as_bytes().first() {
        None => return Err("null".into()),
        Some(b'-') => (true, &value[1..]),
        Some(b'+') => (false, &value[1..]),
        Some(_) => (false, value),
    };
    let compact = unsigned.encode_utf16().take(COMPACT_LENGTH + 1).count() <= COMPACT_LENGTH;
    let mut digits = String::new();
    let mut seen_digit = false;
    let mut seen_point = false;
    let mut scale = 0i64;
    let mut exponent = 0i64;
    for (at, c) in unsigned.char_indices() {
        if let Some(digit) = digit_value(c) {
            seen_digit = true;
            if digit != 0 || !digits.is_empty() {
                digits.push(char::from(b'0' + digit));
            }
            scale += i64::from(seen_point);
        } else if c == '.' {
            if seen_point {
                return Err("Character array contains more than one decimal point.".into());
            }
            seen_point = true;
        } else if matches!(c, 'e' | 'E') {
            exponent = parse_exponent(&unsigned[at + 1..])?;
            break;
        } else if compact {
            let shown = if u32::from(c) > 0xFFFF { '?' } else { c };
            return Err(format!(
                "Character {shown} is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark."
            ));
        } else {
            return Err("Character array is missing \"e\" notation exponential mark.".into());
        }
    }
    if !seen_digit {
        return Err("No digits found.".into());
    }
    if digits.is_empty() {
        digits.push('0');
    }
    scale -= exponent;
    if i32::try_from(scale).is_err() {
        return Err("Scale out of range.".into());
    }
    rescale(Decimal { negative, digits, scale })
}

/// What follows the `e`.
fn parse_exponent(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() {
        // The JDK reads past the end here: an exception without a message, as for the empty text.
        return Err("null".into());
    }
    let total = digits.chars().count();
    let leading_zeros = digits.chars().take_while(|c| digit_value(*c) == Some(0)).count();
    if total - leading_zeros.min(total - 1) > 10 {
        return Err("Too many nonzero exponent digits.".into());
    }
    let mut exponent = 0i64;
    for c in digits.chars() {
        let digit = digit_value(c).ok_or("Not a digit.")?;
        exponent = exponent * 10 + i64::from(digit);
    }
    if text.starts_with('-') {
        exponent = -exponent;
    }
    if i32::try_from(exponent).is_err() {
        return Err("Exponent overflow.".into());
    }
    Ok(exponent)
}

/// A negative scale is written out as zeros.
fn rescale(mut number: Decimal) -> Result<Decimal, String> {
    if number.scale >= 0 {
        return Ok(number);
    }
    if number.digits == "0" {
        number.scale = 0;
        return Ok(number);
    }
    if -number.scale > MAX_ZEROS {
        return Err("BigInteger would overflow supported range".into());
    }
    number.digits.extend(std::iter::repeat_n('0', -number.scale as usize));
    number.scale = 0;
    Ok(number)
}

impl Decimal {
    /// The text of `BigDecimal.toString` for a scale that is not negative.
    fn into_text(self) -> String {
        let Decimal { negative, digits, scale } = self;
        let sign = if negative && digits != "0" { "-" } else { "" };
        let adjusted = digits.len() as i64 - 1 - scale;
        if scale == 0 {
            return format!("{sign}{digits}");
        }
        if adjusted < -6 {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            return format!("{sign}{first}{point}{rest}E{adjusted}");
        }
        // The exponent is at least -6 here, so that at most six zeros are missing.
        let zeros = (scale + 1 - digits.len() as i64).max(0) as usize;
        let padded = format!("{}{digits}", "0".repeat(zeros));
        let (whole, fraction) = padded.split_at(padded.len() - scale as usize);
        format!("{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn convert(value: &str) -> Result<Option<String>, String> {
        let arena = Bump::new();
        let converted = decimal(value, &arena);
        converted.map(|text| text.map(str::to_owned)).map_err(Expectation::into_owned)
    }

    #[test]
    fn spellings_of_big_decimal() {
        let cases = [
            ("42", "42"),
            ("42.50", "42.50"),
            ("+1.5", "1.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0.000001", "0.000001"),
            ("137777104559", "137777104559"),
            ("1E7", "10000000"),
            ("1.20E1", "12.0"),
            ("-0", "0"),
            ("-0.0", "0.0"),
            ("0.0", "0.0"),
            ("0E-10", "0E-10"),
            ("0e5", "0"),
            ("0.0000001", "1E-7"),
            ("0.00000012", "1.2E-7"),
            ("-0.00000012", "-1.2E-7"),
            ("1.2E9", "1200000000"),
            ("٤٥", "45"),
            ("٤.٥", "4.5"),
            ("1e-07", "1E-7"),
            ("12345678901234567890", "12345678901234567890"),
            ("007.10", "7.10"),
            ("0.0000000", "0E-7"),
            ("1e3", "1000"),
            ("-1.5", "-1.5"),
            ("-0.5", "-0.5"),
            ("1E-000000000000001", "0.1"),
            ("1e-2147483647", "1E-2147483647"),
        ];
        for (value, expected) in cases {
            assert_eq!(convert(value), Ok(Some(expected.into())), "{value}");
        }
        assert_eq!(convert("Null"), Ok(None));
    }

    #[test]
    fn messages_of_the_jdk() {
        let prefix = "cannot be converted to java.math.BigDecimal. Error : ";
        let cases = [
            ("", "null"),
            (
                "noise",
                "Character n is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark.",
            ),
            ("this is no number at all", "Character array is missing \"e\" notation exponential mark."),
            ("1.2.3", "Character array contains more than one decimal point."),
            (".", "No digits found."),
            ("-", "No digits found."),
            ("1e", "null"),
            ("1e+", "null"),
            ("1e1x", "Not a digit."),
            ("1e99999999999", "Too many nonzero exponent digits."),
            ("1e9999999999", "Exponent overflow."),
            ("1e999999999", "BigInteger would overflow supported range"),
            (
                "1 000",
                "Character   is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark.",
            ),
            (
                "NaN",
                "Character N is neither a decimal digit number, decimal point, nor \"e\" notation exponential mark.",
            ),
        ];
        for (value, message) in cases {
            assert_eq!(convert(value), Err(format!("{prefix}{message}")), "{value}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(value in "[-+.eE0-9 x٤😀]{0,30}") {
            let _ = convert(&value);
        }

        #[test]
        fn canonical_texts_take_the_short_way_to_the_same_result(value in "-?[0-9]{1,8}(\\.[0-9]{1,9})?") {
            let parsed = parse(&value).map(Decimal::into_text);
            prop_assert_eq!(convert(&value), parsed.map(Some));
        }

        #[test]
        fn output_is_stable(value in "-?[0-9]{1,8}(\\.[0-9]{0,9})?([eE]-?[0-9]{1,2})?") {
            let once = convert(&value).unwrap().unwrap();
            prop_assert_eq!(convert(&once), Ok(Some(once)));
        }
    }
}
