//! The symbols of deflate's lengths and distances, and their extra bits. Source: RFC 1951, section 3.2.5.

use super::huffman::Code;

/// How far back a match may lie.
pub(super) const WINDOW: usize = 1 << 15;
/// How many symbols distances have.
pub(super) const DISTANCES: usize = 30;

/// The order in which the lengths of codes for lengths are told.
pub(super) const ITEM_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LENGTH_BASE: [u16; 29] =
    [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/// By symbol: the least distance, and how many extra bits tell how much more.
pub(super) static DISTANCE_EXTRA: [(u16, u8); 32] = {
    let mut table = [(1, 0); 32];
    let mut symbol = 1;
    while symbol < DISTANCES {
        let (base, extra_bits) = table[symbol - 1];
        table[symbol] = (base + (1 << extra_bits), if symbol < 4 { 0 } else { symbol as u8 / 2 - 1 });
        symbol += 1;
    }
    table
};

/// Symbols looked up, not searched.
pub(super) struct Symbols {
    /// Of a length, less three; the first one is 257.
    pub lengths: [u8; 256],
    /// Of a distance, less one: one by one up to 256, then of every 128.
    distances: [u8; 512],
}

pub(super) static SYMBOLS: Symbols = {
    let mut symbols = Symbols { lengths: [0; 256], distances: [0; 512] };
    let mut symbol = 0;
    while symbol < LENGTH_BASE.len() {
        let mut length = LENGTH_BASE[symbol] as usize - 3;
        while length < 256 {
            symbols.lengths[length] = symbol as u8;
            length += 1;
        }
        symbol += 1;
    }
    symbol = 0;
    while symbol < DISTANCES {
        let mut distance = DISTANCE_EXTRA[symbol].0 as usize - 1;
        while distance < WINDOW {
            let near = distance < 256;
            symbols.distances[if near { distance } else { 256 + (distance >> 7) }] = symbol as u8;
            distance += if near { 1 } else { 128 };
        }
        symbol += 1;
    }
    symbols
};

/// The symbol of a distance, less one.
#[inline]
pub(super) fn distance_symbol(distance: usize) -> usize {
    let place = if distance < 256 { distance } else { 256 + (distance >> 7) };
    usize::from(SYMBOLS.distances[place & 511])
}

/// The codes of matches by length, less three, with their extra bits.
pub(super) fn length_codes(literals: &[Code; 288]) -> [Code; 256] {
    std::array::from_fn(|length| {
        let symbol = usize::from(SYMBOLS.lengths[length]);
        let code = literals[257 + symbol];
        let extra = length as u32 + 3 - u32::from(LENGTH_BASE[symbol]);
        (code | extra << (8 + (code & 0xFF))) + u32::from(LENGTH_EXTRA[symbol])
    })
}
