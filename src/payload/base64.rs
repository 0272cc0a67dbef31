//! Lenient base64, as apache/commons-codec 1.15 `Base64.decodeBase64` reads it.
//!
//! Both alphabets at once, characters of neither skipped, `=` ends the text. It cannot fail: a text of one left-over
//! symbol just loses it.

use base64_simd::{AsOut, URL_SAFE_NO_PAD};
use bumpalo::Bump;

use super::decode::utf8_text;

/// Not a symbol: skipped.
const SKIP: u8 = 0x80;
/// `=`: nothing after it counts.
const END: u8 = 0xC0;
/// Any entry with this bit is no symbol.
const NO_SYMBOL: u8 = 0x80;

const fn symbol_table() -> [u8; 256] {
    let mut table = [SKIP; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0;
    while value < 64 {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = END;
    table
}

static SYMBOLS: [u8; 256] = symbol_table();

/// Decodes to bytes.
pub fn base64_bytes<'a>(text: &[u8], arena: &'a Bump) -> &'a [u8] {
    let out = arena.alloc_slice_fill_copy(text.len() / 4 * 3 + 3, 0u8);
    // What trackers send is in the URL alphabet, without padding and without surprises.
    let strictly = URL_SAFE_NO_PAD.decode(text, out.as_out()).map(|decoded| decoded.len());
    let length = strictly.unwrap_or_else(|_| decode_into(text, out));
    &out[..length]
}

/// Decodes to text; malformed UTF-8 becomes U+FFFD.
pub fn base64_text<'a>(text: &str, arena: &'a Bump) -> &'a str {
    utf8_text(base64_bytes(text.as_bytes(), arena), arena)
}

/// Decodes into `out`, which must have room for three bytes per four symbols and three more. Returns the length.
fn decode_into(text: &[u8], out: &mut [u8]) -> usize {
    let mut written = 0;
    let mut rest = text;
    loop {
        let whole = whole_groups(rest, &mut out[written..]);
        written += whole * 3;
        rest = &rest[whole * 4..];
        // Up to four symbols with others in between, the end, or the last few symbols.
        let mut group = [0u8; 4];
        let mut filled = 0;
        let mut ended = true;
        while let [first, tail @ ..] = rest {
            rest = tail;
            match symbol(*first) {
                SKIP => {}
                END => break,
                value => {
                    group[filled] = value;
                    filled += 1;
                }
            }
            if filled == group.len() {
                ended = false;
                break;
            }
        }
        let whole_bytes = [0, 0, 1, 2, 3][filled];
        out[written..written + whole_bytes].copy_from_slice(&three_bytes(group)[..whole_bytes]);
        written += whole_bytes;
        if ended {
            return written;
        }
    }
}

/// Decodes groups of four symbols up to the first that holds anything else; returns their number.
fn whole_groups(text: &[u8], out: &mut [u8]) -> usize {
    let mut groups = 0;
    for (quad, triple) in text.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<3>().0) {
        let word = PLACED[0][usize::from(quad[0])]
            | PLACED[1][usize::from(quad[1])]
            | PLACED[2][usize::from(quad[2])]
            | PLACED[3][usize::from(quad[3])];
        let [illegal, bytes @ ..] = word.to_be_bytes();
        if illegal != 0 {
            break;
        }
        *triple = bytes;
        groups += 1;
    }
    groups
}

/// Every symbol at each of the four places of a group; the highest byte tells what is no symbol.
static PLACED: [[u32; 256]; 4] = {
    let symbols = symbol_table();
    let mut tables = [[0u32; 256]; 4];
    let mut place = 0;
    while place < 4 {
        let mut byte = 0;
        while byte < 256 {
            let value = symbols[byte];
            tables[place][byte] = if value & NO_SYMBOL != 0 { 0xFF00_0000 } else { (value as u32) << (18 - 6 * place) };
            byte += 1;
        }
        place += 1;
    }
    tables
};

fn symbol(byte: u8) -> u8 {
    SYMBOLS[usize::from(byte)]
}

fn three_bytes(symbols: [u8; 4]) -> [u8; 3] {
    let word = symbols.iter().fold(0u32, |word, symbol| (word << 6) | u32::from(*symbol));
    let [_, first, second, third] = word.to_be_bytes();
    [first, second, third]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::base64::Engine;
    use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD as URL_ENCODER};
    use proptest::prelude::*;

    #[test]
    fn lenient_rules() {
        let arena = Bump::new();
        let decoded = |text: &str| base64_bytes(text.as_bytes(), &arena).to_vec();
        assert_eq!(decoded("e30"), b"{}");
        assert_eq!(decoded("e30="), b"{}");
        assert_eq!(decoded("bad"), [0x6D, 0xA7]);
        assert_eq!(decoded("e\r\n3 0"), b"{}");
        assert_eq!(decoded("e30=e30="), b"{}", "the first = ends the text");
        assert_eq!(decoded("-_+/"), decoded("+/-_"));
        assert_eq!(decoded("YWJjZ"), b"abc", "one left-over symbol is dropped");
        assert_eq!(decoded("YWJj\nYWJj\nYWJj"), b"abcabcabc");
        assert_eq!(decoded("é!"), b"");
        assert_eq!(decoded(""), b"");
        assert_eq!(base64_text("/w", &arena), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn reads_what_encoders_write(bytes: Vec<u8>) {
            let arena = Bump::new();
            prop_assert_eq!(base64_bytes(STANDARD.encode(&bytes).as_bytes(), &arena), &bytes[..]);
            prop_assert_eq!(base64_bytes(URL_ENCODER.encode(&bytes).as_bytes(), &arena), &bytes[..]);
        }

        #[test]
        fn skipped_characters_change_nothing(bytes: Vec<u8>, noise in proptest::collection::vec(0usize..100, 0..20)) {
            let arena = Bump::new();
            let mut text = URL_ENCODER.encode(&bytes).into_bytes();
            for at in noise {
                let at = at.min(text.len());
                text.insert(at, b"\n *\xFF"[at % 4]);
            }
            prop_assert_eq!(base64_bytes(&text, &arena), &bytes[..]);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            base64_bytes(&bytes, &Bump::new());
        }

        #[test]
        fn the_quick_way_gives_what_the_lenient_one_gives(text in "[A-Za-z0-9_=+/ -]{0,100}|[A-Za-z0-9_-]{0,200}") {
            let mut out = vec![0; text.len() / 4 * 3 + 3];
            let length = decode_into(text.as_bytes(), &mut out);
            let arena = Bump::new();
            prop_assert_eq!(base64_bytes(text.as_bytes(), &arena), &out[..length]);
        }
    }
}
