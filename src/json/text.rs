//! The inside of JSON strings: finding what needs a look, and resolving escapes.

use std::fmt::Write;

use bumpalo::Bump;

use crate::scan::{BLOCK, control_or_any_of};

/// Bytes at which [`skip_plain`] stops.
const STOPS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table[0x7F] = true;
    table[0xC2] = true;
    table
};

/// Position up to which the next blocks hold nothing that needs a look; blocks at the end of the text are left out.
#[inline]
pub(super) fn plain_within_blocks(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..2 {
        let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) else { return at };
        let stops = needs_look(block);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    at
}

#[inline]
fn needs_look(block: &[u8; BLOCK]) -> u32 {
    control_or_any_of(block, [b'"', b'\\', 0x7F, 0xC2])
}

/// Position of the next byte that needs a look.
#[inline]
pub(super) fn skip_plain(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let stops = needs_look(block);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += BLOCK;
    }
    while at < bytes.len() && !STOPS[usize::from(bytes[at])] {
        at += 1;
    }
    at
}

/// Resolves the escapes of a string that the parser has accepted. A lone surrogate becomes `?`, as it does when the JVM
/// encodes it.
pub(super) fn unescape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    // Writing to a string cannot fail.
    let _ = unescape_to(raw, &mut out);
    out
}

/// As [`unescape`], into an arena.
pub(super) fn unescape_in<'a>(raw: &str, arena: &'a Bump) -> &'a str {
    let mut out = bumpalo::collections::String::with_capacity_in(raw.len(), arena);
    let _ = unescape_to(raw, &mut out);
    out.into_bump_str()
}

#[inline]
fn unescape_to(raw: &str, out: &mut impl Write) -> std::fmt::Result {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.write_str(&rest[..at])?;
        let code = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or("");
        match code {
            b'b' => out.write_char('\u{8}')?,
            b'f' => out.write_char('\u{c}')?,
            b'n' => out.write_char('\n')?,
            b'r' => out.write_char('\r')?,
            b't' => out.write_char('\t')?,
            b'u' => {
                let unit = hex4(rest);
                rest = rest.get(4..).unwrap_or("");
                let low = rest.strip_prefix("\\u").map(hex4).filter(|low| (0xDC00..0xE000).contains(low));
                match (unit, low) {
                    (0xD800..0xDC00, Some(low)) => {
                        rest = &rest[6..];
                        let code_point = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        out.write_char(char::from_u32(code_point).unwrap_or('?'))?;
                    }
                    _ => out.write_char(char::from_u32(unit).unwrap_or('?'))?,
                }
            }
            other => out.write_char(char::from(other))?,
        }
    }
    out.write_str(rest)
}

fn hex4(text: &str) -> u32 {
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(u32::from(b'?'))
}
