//! The inside of JSON strings: finding what needs a look, and resolving escapes.

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

/// Position of the next byte that needs a look, eight bytes at a time.
pub(super) fn skip_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().expect("eight bytes"));
        let below_space = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let stop = below_space
            | has_zero(word ^ (ONES * 0x22))
            | has_zero(word ^ (ONES * 0x5C))
            | has_zero(word ^ (ONES * 0x7F))
            | has_zero(word ^ (ONES * 0xC2));
        if stop != 0 {
            // Bytes above the first that stops may be marked wrongly, this one never is.
            return at + stop.trailing_zeros() as usize / 8;
        }
        at += 8;
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
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let code = rest.as_bytes().get(at + 1).copied().unwrap_or(b'\\');
        rest = rest.get(at + 2..).unwrap_or("");
        match code {
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'n' => out.push('\n'),
            b'r' => out.push('\r'),
            b't' => out.push('\t'),
            b'u' => {
                let unit = hex4(rest);
                rest = rest.get(4..).unwrap_or("");
                let low = rest.strip_prefix("\\u").map(hex4).filter(|low| (0xDC00..0xE000).contains(low));
                match (unit, low) {
                    (0xD800..0xDC00, Some(low)) => {
                        rest = &rest[6..];
                        let code_point = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
                        out.push(char::from_u32(code_point).unwrap_or('?'));
                    }
                    _ => out.push(char::from_u32(unit).unwrap_or('?')),
                }
            }
            other => out.push(char::from(other)),
        }
    }
    out.push_str(rest);
    out
}

fn hex4(text: &str) -> u32 {
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(u32::from(b'?'))
}
