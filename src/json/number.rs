//! Numbers in the spelling of the JVM: `Float.toString` and `Double.toString` of JDK 8 to 17 for the values that occur.

/// Whether a JSON integer text fits a signed 64-bit integer.
pub fn fits_i64(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

/// Appends a 32-bit float as Java's `Float.toString` does: `37.386`, `100.0`, `1.0E-4`, `1.0E7`.
pub fn write_java_float(value: f32, out: &mut Vec<u8>) {
    write_java(format!("{value:e}"), f64::from(value), out);
}

/// Appends a 64-bit float as Java's `Double.toString` does: `1.0`, `0.001`, `1.23456789E7`.
pub fn write_java_double(value: f64, out: &mut Vec<u8>) {
    write_java(format!("{value:e}"), value, out);
}

/// `scientific` is Rust's shortest round-trip form, e.g. `3.7386e1`.
fn write_java(scientific: String, value: f64, out: &mut Vec<u8>) {
    if value.is_nan() {
        return out.extend_from_slice(b"NaN");
    }
    if value.is_infinite() {
        return out.extend_from_slice(if value > 0.0 { b"Infinity" } else { b"-Infinity" });
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    out.extend_from_slice(sign.as_bytes());
    if value == 0.0 {
        return out.extend_from_slice(b"0.0");
    }
    if !(-3..7).contains(&exponent) {
        let rest = if digits.len() > 1 { &digits[1..] } else { "0" };
        return out.extend_from_slice(format!("{}.{rest}E{exponent}", &digits[..1]).as_bytes());
    }
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + (-exponent - 1) as usize, b'0');
        return out.extend_from_slice(digits.as_bytes());
    }
    let point = exponent as usize + 1;
    if digits.len() > point {
        out.extend_from_slice(format!("{}.{}", &digits[..point], &digits[point..]).as_bytes());
    } else {
        out.extend_from_slice(digits.as_bytes());
        out.resize(out.len() + point - digits.len(), b'0');
        out.extend_from_slice(b".0");
    }
}
