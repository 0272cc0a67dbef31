//! The inside of JSON strings: finding what needs a look, and resolving escapes.

use std::fmt::Write;

use bumpalo::Bump;

use crate::scan::{BLOCK, control_or_any_of, for_each_of};

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

/// One bit for each byte of a block that ends a string or is not written as it stands.
#[inline]
pub(super) fn needs_look(block: &[u8; BLOCK]) -> u32 {
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
    let mut written = 0;
    let mut outcome = Ok(());
    for_each_of(raw.as_bytes(), [b'\\'], |at| {
        // The second of two backslashes belongs to the first.
        if at >= written && outcome.is_ok() {
            let (character, end) = escaped(raw, at);
            outcome = out.write_str(raw.get(written..at).unwrap_or_default()).and_then(|()| out.write_char(character));
            written = end;
        }
    });
    outcome?;
    out.write_str(raw.get(written..).unwrap_or_default())
}

/// What the escape at a position stands for, and where it ends.
#[inline]
fn escaped(raw: &str, at: usize) -> (char, usize) {
    let character = match raw.as_bytes().get(at + 1).copied().unwrap_or(b'\\') {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return escaped_unit(raw, at),
        other => char::from(other),
    };
    (character, at + 2)
}

fn escaped_unit(raw: &str, at: usize) -> (char, usize) {
    let unit = hex4(raw, at + 2);
    let low = raw.get(at + 6..at + 8).filter(|text| *text == "\\u").map(|_| hex4(raw, at + 8));
    match (unit, low) {
        (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) => {
            let code_point = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(code_point).unwrap_or('?'), at + 12)
        }
        _ => (char::from_u32(unit).unwrap_or('?'), at + 6),
    }
}

fn hex4(raw: &str, at: usize) -> u32 {
    raw.get(at..at + 4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(u32::from(b'?'))
}
