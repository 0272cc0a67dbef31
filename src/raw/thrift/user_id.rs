//! The lenient UUID parser of the Java platform (`java.util.UUID.fromString`), which checks network user ids.

use bumpalo::Bump;

/// Bits each group keeps.
const GROUP_BITS: [u32; 5] = [32, 16, 16, 16, 48];

/// A UUID in its normal form, out of any text Java takes for one: five groups of hexadecimal digits, over-long groups
/// cut to their low bits.
pub fn normalise_uuid<'a>(text: &'a str, arena: &'a Bump) -> Option<&'a str> {
    if is_normal(text.as_bytes()) {
        return Some(text);
    }
    if text.encode_utf16().count() > 36 {
        return None;
    }
    let mut value = 0u128;
    let mut groups = text.split('-');
    for bits in GROUP_BITS {
        let group = groups.next()?;
        let digits = group.strip_prefix('+').unwrap_or(group);
        if digits.starts_with('+') {
            return None;
        }
        let number = i64::from_str_radix(digits, 16).ok()? as u128;
        value = value << bits | number & ((1 << bits) - 1);
    }
    if groups.next().is_some() {
        return None;
    }
    Some(arena.alloc_str(&uuid::Uuid::from_u128(value).hyphenated().to_string()))
}

/// Lower-case 8-4-4-4-12: practically every id.
fn is_normal(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn normal_forms() {
        let arena = Bump::new();
        for (text, expected) in [
            ("8712a379-4bcb-46ee-815d-85f26540577f", Some("8712a379-4bcb-46ee-815d-85f26540577f")),
            ("8712A379-4BCB-46EE-815D-85F26540577F", Some("8712a379-4bcb-46ee-815d-85f26540577f")),
            ("1-2-3-4-5", Some("00000001-0002-0003-0004-000000000005")),
            ("123456789-2-3-4-5", Some("23456789-0002-0003-0004-000000000005")),
            ("+1-2-3-4-5", Some("00000001-0002-0003-0004-000000000005")),
            ("1-2-3-4", None),
            ("1-2-3-4-", None),
            ("1-2-3-4-5-6", None),
            ("1-2-3-4-g", None),
            ("++1-2-3-4-5", None),
            ("ffffffffffffffff-2-3-4-5", None),
            ("8712a379-4bcb-46ee-815d-85f26540577f0", None),
            ("not a uuid", None),
            ("", None),
        ] {
            assert_eq!(normalise_uuid(text, &arena), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text: String, groups in "[-+0-9a-fA-F]{0,40}") {
            let arena = Bump::new();
            normalise_uuid(&text, &arena);
            normalise_uuid(&groups, &arena);
        }
    }
}
