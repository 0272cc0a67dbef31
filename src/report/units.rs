//! Sizes and counts as people write and read them.

/// Reads a size: bytes, or a number with `K`, `M`, `G`, `T` (powers of 1024; `KiB` and `KB` mean the same, as they do
/// for S3DistCp and Hadoop).
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let digits = trimmed.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = trimmed.split_at(digits);
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(format!("`{text}` is no size; write for example 128MiB, 64M or 1048576")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is no size; write for example 128MiB"))?;
    number.checked_shl(shift).filter(|size| size >> shift == number).ok_or_else(|| format!("`{text}` is too large"))
}

/// A size for people: `1.5 GiB`.
pub fn bytes_text(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < 4 {
        value /= 1024.0;
        unit += 1;
    }
    let name = ["B", "KiB", "MiB", "GiB", "TiB"][unit];
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {name}") }
}

/// A count for people: `1,234,567`.
pub fn count_text(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, size) in [("0", 0), ("123", 123), ("128MiB", 128 << 20), ("64m", 64 << 20), ("2 GB", 2 << 30)] {
            assert_eq!(parse_bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5M", "12X", "99999999999999999999", "18014398509481985K"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_sizes_and_counts() {
        assert_eq!(bytes_text(999), "999 B");
        assert_eq!(bytes_text(1536), "1.5 KiB");
        assert_eq!(bytes_text(3 << 40), "3.0 TiB");
        assert_eq!(count_text(0), "0");
        assert_eq!(count_text(999), "999");
        assert_eq!(count_text(1000), "1,000");
        assert_eq!(count_text(1_234_567), "1,234,567");
    }
}
