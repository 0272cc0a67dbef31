//! Finding bytes, sixteen at a time: for texts whose next find is never far, where a search that begins anew after each
//! one would spend its time beginning.

/// Bytes that are looked at together.
pub const BLOCK: usize = 16;

/// One bit for each byte of a block that is one of `wanted`, the first byte's lowest.
#[inline]
pub fn any_of<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { vector::any_of(block, wanted) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    bits_of(block, |byte| wanted.contains(&byte))
}

/// One bit for each byte of a block that is below a space or one of `wanted`, the first byte's lowest.
#[inline]
pub fn control_or_any_of<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { vector::control_or_any_of(block, wanted) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    bits_of(block, |byte| byte < b' ' || wanted.contains(&byte))
}

/// One bit for each byte of a block that is an ASCII letter or digit or one of `wanted`, the first byte's lowest.
#[inline]
pub fn alphanumeric_or_any_of<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has SSE2.
        unsafe { vector::alphanumeric_or_any_of(block, wanted) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    bits_of(block, |byte| byte.is_ascii_alphanumeric() || wanted.contains(&byte))
}

/// One bit for each byte of a block that is neither an ASCII letter or digit nor one of `plain`, the first byte's lowest.
#[inline]
pub fn special<const N: usize>(block: &[u8; BLOCK], plain: [u8; N]) -> u32 {
    !alphanumeric_or_any_of(block, plain) & ((1 << BLOCK) - 1)
}

/// Calls with the position of each byte that is one of `wanted`, in order.
#[inline]
pub fn for_each_of<const N: usize>(bytes: &[u8], wanted: [u8; N], found: impl FnMut(usize)) {
    for_each(bytes, |block| any_of(block, wanted), |byte| wanted.contains(&byte), found);
}

/// Calls with the position of each byte that is neither an ASCII letter or digit nor one of `plain`, in order.
#[inline]
pub fn for_each_special<const N: usize>(bytes: &[u8], plain: [u8; N], found: impl FnMut(usize)) {
    let is_special = |byte: u8| !byte.is_ascii_alphanumeric() && !plain.contains(&byte);
    for_each(bytes, |block| special(block, plain), is_special, found);
}

#[inline]
fn for_each(
    bytes: &[u8],
    in_block: impl Fn(&[u8; BLOCK]) -> u32,
    is_wanted: impl Fn(u8) -> bool,
    mut found: impl FnMut(usize),
) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        let mut bits = in_block(block);
        while bits != 0 {
            found(index * BLOCK + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
    let start = blocks.len() * BLOCK;
    for (index, byte) in rest.iter().enumerate() {
        if is_wanted(*byte) {
            found(start + index);
        }
    }
}

/// What a hexadecimal digit is worth; [`NO_DIGIT`] for any other byte.
pub static HEX: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};
/// In [`HEX`]: no hexadecimal digit.
pub const NO_DIGIT: u8 = 0xFF;

#[cfg(not(target_arch = "x86_64"))]
fn bits_of(block: &[u8; BLOCK], is_wanted: impl Fn(u8) -> bool) -> u32 {
    block.iter().enumerate().fold(0, |bits, (at, byte)| bits | u32::from(is_wanted(*byte)) << at)
}

#[cfg(target_arch = "x86_64")]
mod vector {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
        _mm_setzero_si128, _mm_sub_epi8,
    };

    use super::BLOCK;

    #[target_feature(enable = "sse2")]
    #[inline]
    fn load(block: &[u8; BLOCK]) -> __m128i {
        let word = u128::from_le_bytes(*block);
        _mm_set_epi64x((word >> 64) as i64, word as i64)
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn equal_to_any<const N: usize>(bytes: __m128i, wanted: [u8; N]) -> __m128i {
        let mut found = _mm_setzero_si128();
        for byte in wanted {
            found = _mm_or_si128(found, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed())));
        }
        found
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn any_of<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
        _mm_movemask_epi8(equal_to_any(load(block), wanted)).cast_unsigned()
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn control_or_any_of<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
        let bytes = load(block);
        let control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1F)), bytes);
        _mm_movemask_epi8(_mm_or_si128(control, equal_to_any(bytes, wanted))).cast_unsigned()
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    pub(super) fn alphanumeric_or_any_of<const N: usize>(block: &[u8; BLOCK], wanted: [u8; N]) -> u32 {
        let bytes = load(block);
        let letter = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), b'a', 25);
        let found = _mm_or_si128(letter, within(bytes, b'0', 9));
        _mm_movemask_epi8(_mm_or_si128(found, equal_to_any(bytes, wanted))).cast_unsigned()
    }

    /// The bytes that are `first` or up to `span` above it.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn within(bytes: __m128i, first: u8, span: i8) -> __m128i {
        let above = _mm_sub_epi8(bytes, _mm_set1_epi8(first.cast_signed()));
        _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(span)), above)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_loop_finds(bytes in prop::collection::vec(any::<u8>(), 0..100), few in "[%&=+a-c\t\\x00\\x1f é]{0,100}") {
            for bytes in [&bytes[..], few.as_bytes()] {
                let mut found = Vec::new();
                for_each_of(bytes, [b'%', b'&', 0xC3, 0], |at| found.push(at));
                let wanted = |byte: &u8| matches!(*byte, b'%' | b'&' | 0xC3 | 0);
                let expected: Vec<usize> = (0..bytes.len()).filter(|at| wanted(&bytes[*at])).collect();
                prop_assert_eq!(found, expected);
                for block in bytes.as_chunks::<BLOCK>().0 {
                    let bits = control_or_any_of(block, [b'"', 0xFF]);
                    for (at, byte) in block.iter().enumerate() {
                        prop_assert_eq!(bits >> at & 1 == 1, *byte < 0x20 || matches!(*byte, b'"' | 0xFF));
                    }
                    let bits = alphanumeric_or_any_of(block, [b'%', 0xFF]);
                    for (at, byte) in block.iter().enumerate() {
                        let expected = byte.is_ascii_alphanumeric() || matches!(*byte, b'%' | 0xFF);
                        prop_assert_eq!(bits >> at & 1 == 1, expected);
                    }
                }
            }
        }
    }
}
