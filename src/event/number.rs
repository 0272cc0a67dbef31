//! Numbers as the JVM reads them from text: `Integer.parseInt`, `Long.parseLong`, and what `Double.parseDouble` accepts.

/// Code points of the digit zero of every decimal digit block of the Basic Multilingual Plane (Unicode category Nd).
const ZEROS: [u16; 36] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50,
    0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50,
    0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

/// The value of a decimal digit of any script, as `Character.digit(c, 10)`.
pub fn digit_value(c: char) -> Option<u8> {
    if c.is_ascii() {
        return c.is_ascii_digit().then(|| c as u8 - b'0');
    }
    let code = u16::try_from(u32::from(c)).ok()?;
    ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| (code - zero) as u8)
}

/// A signed 64-bit integer: optional sign, digits of any script.
pub fn parse_long(text: &str) -> Option<i64> {
    if text.is_ascii() {
        // Rust's grammar for ASCII is Java's: one optional sign, at least one digit.
        return text.parse().ok();
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let mut value = 0i64;
    for c in digits.chars() {
        let digit = i64::from(digit_value(c)?);
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    if negative { Some(value) } else { value.checked_neg() }
}

/// Whether [`parse_int`] takes the text.
#[inline]
pub fn is_int(text: &str) -> bool {
    // Up to nine digits always fit.
    matches!(text.len(), 1..=9) && text.bytes().all(|byte| byte.is_ascii_digit()) || parse_int(text).is_some()
}

/// A signed 32-bit integer: optional sign, digits of any script.
pub fn parse_int(text: &str) -> Option<i32> {
    parse_long(text).and_then(|value| i32::try_from(value).ok())
}

/// Whether `Double.parseDouble` accepts the text: decimal or hexadecimal, `NaN`, `Infinity`, suffix `f` or `d`, white
/// space around.
#[inline]
pub fn is_double(text: &str) -> bool {
    is_short_decimal(text) || is_any_double(text)
}

/// Digits with a point between them.
fn is_short_decimal(text: &str) -> bool {
    let mut points = 0;
    let only_those = text.bytes().all(|byte| {
        points += usize::from(byte == b'.');
        byte.is_ascii_digit() || byte == b'.'
    });
    only_those && points <= 1 && text.len() > points
}

fn is_any_double(text: &str) -> bool {
    let trimmed = text.trim_matches(|c: char| c <= ' ');
    let unsigned = trimmed.strip_prefix(['+', '-']).unwrap_or(trimmed);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return true;
    }
    let number = unsigned.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(unsigned);
    match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
        // The suffix letters are hexadecimal digits, but the mandatory exponent ends in a decimal digit.
        Some(hexadecimal) => is_floating(hexadecimal, u8::is_ascii_hexdigit, [b'p', b'P'], true),
        None => is_floating(number, u8::is_ascii_digit, [b'e', b'E'], false),
    }
}

/// digits `.` digits exponent, where at least one digit is there.
fn is_floating(text: &str, is_digit: fn(&u8) -> bool, marks: [u8; 2], exponent_needed: bool) -> bool {
    let bytes = text.as_bytes();
    let (mantissa, exponent) = match bytes.iter().position(|b| marks.contains(b)) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    let point = mantissa.iter().position(|b| *b == b'.');
    let (whole, fraction) = match point {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    let mantissa_is_good =
        whole.len() + fraction.len() > 0 && whole.iter().all(is_digit) && fraction.iter().all(is_digit);
    let exponent_is_good = match exponent {
        None => !exponent_needed,
        Some([b'+' | b'-', digits @ ..] | digits) => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
    };
    mantissa_is_good && exponent_is_good
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_of_any_script() {
        assert_eq!(parse_int("007"), Some(7));
        assert_eq!(parse_int("+5"), Some(5));
        assert_eq!(parse_int("-2147483648"), Some(i32::MIN));
        assert_eq!(parse_int("2147483648"), None);
        assert_eq!(parse_int("٤٥"), Some(45));
        assert_eq!(parse_int("-٤5"), Some(-45));
        assert_eq!(parse_long("-٩٢٢٣٣٧٢٠٣٦٨٥٤٧٧٥٨٠٨"), Some(i64::MIN));
        assert_eq!(parse_long("٩٢٢٣٣٧٢٠٣٦٨٥٤٧٧٥٨٠٨"), None);
        for text in ["", "+", "-", " 1", "1 ", "1.0", "0x1", "--1", "é", "+-1", "½"] {
            assert_eq!(parse_int(text), None, "{text}");
        }
    }

    #[test]
    fn doubles() {
        for text in
            ["1", "-1.5", "+.5", "5.", "1e3", "1E-3", "1.0f", "2d", " 1 ", "NaN", "-Infinity", "0x1p3", "0x.8P-2d"]
        {
            assert!(is_double(text) && is_any_double(text), "{text}");
        }
        for text in ["", ".", "e1", "1e", "1e+", "nan", "inf", "0x1", "1_0", "1,5", "f", "1ff", "0xp1", "1.2.3"] {
            assert!(!is_double(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,12}") {
            parse_int(&text);
            is_double(&text);
        }

        #[test]
        fn quick_looks_agree(text in "[-+0-9.e]{0,12}") {
            prop_assert_eq!(is_int(&text), parse_int(&text).is_some());
            prop_assert_eq!(is_double(&text), is_any_double(&text));
        }

        #[test]
        fn printed_doubles_are_doubles(value: f64) {
            let mut out = Vec::new();
            crate::json::write_java_double(value, &mut out);
            prop_assert!(is_double(std::str::from_utf8(&out).unwrap()));
        }

        #[test]
        fn printed_integers_are_read_back(value: i64) {
            prop_assert_eq!(parse_long(&value.to_string()), Some(value));
        }
    }
}
