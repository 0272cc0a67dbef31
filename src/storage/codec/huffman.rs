//! Huffman codes for deflate: lengths from frequencies, codes from lengths, how lengths are told to the reader, and the
//! bits that come of it.
//!
//! Source: RFC 1951, sections 3.2.2 (canonical codes) and 3.2.7 (how code lengths are coded).

/// A symbol's code as it is written, lowest bit first, and its length: `code << 8 | length`.
pub(super) type Code = u32;

/// Lengths of an optimal code for symbols that occur this often, none longer than `limit` bits. At least one symbol gets
/// a code, since a block must have one.
pub(super) fn code_lengths(counts: &[u32], limit: usize, lengths: &mut [u8]) {
    lengths.fill(0);
    let present = counts.iter().zip(0_u16..).filter(|(count, _)| **count > 0);
    let mut leaves: Vec<(u32, u16)> = present.map(|(count, symbol)| (*count, symbol)).collect();
    if leaves.len() < 2 {
        lengths[leaves.first().map_or(0, |(_, symbol)| usize::from(*symbol))] = 1;
        return;
    }
    leaves.sort_unstable();
    let mut of_length = depths(&leaves, limit);
    // Codes that were shortened to the limit take room that others must give up.
    let mut taken: usize = (1..=limit).map(|length| of_length[length] << (limit - length)).sum();
    while taken > 1 << limit {
        let shorter =
            (1..limit).rev().find(|length| of_length[*length] > 0).expect("there are more codes than symbols");
        of_length[limit] -= 1;
        of_length[shorter] -= 1;
        of_length[shorter + 1] += 2;
        taken -= 1;
    }
    let mut rarest_first = leaves.iter();
    for length in (1..=limit).rev() {
        for (_, symbol) in rarest_first.by_ref().take(of_length[length]) {
            lengths[usize::from(*symbol)] = length as u8;
        }
    }
}

/// How many leaves of the Huffman tree lie how deep, where those below `limit` count as at the limit.
fn depths(leaves: &[(u32, u16)], limit: usize) -> [usize; 16] {
    let count = leaves.len();
    let mut weights: Vec<u32> = leaves.iter().map(|(weight, _)| *weight).collect();
    let mut parents = vec![0_usize; 2 * count];
    // Leaves are sorted and inner nodes come into being in order, so the lightest is always at the head of one queue.
    let (mut leaf, mut inner) = (0, count);
    for new in count..2 * count - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < count && (inner >= new || weights[leaf] <= weights[inner]);
            let next = if takes_leaf { &mut leaf } else { &mut inner };
            sum += weights[*next];
            parents[*next] = new;
            *next += 1;
        }
        weights.push(sum);
    }
    let mut depth = vec![0_usize; 2 * count];
    let mut of_length = [0; 16];
    for node in (0..2 * count - 2).rev() {
        depth[node] = depth[parents[node]] + 1;
        if node < count {
            of_length[depth[node].min(limit)] += 1;
        }
    }
    of_length
}

/// The canonical codes of these lengths.
pub(super) fn codes(lengths: &[u8], codes: &mut [Code]) {
    let mut of_length = [0_u32; 16];
    lengths.iter().for_each(|length| of_length[usize::from(*length)] += 1);
    of_length[0] = 0;
    let mut next = [0_u32; 17];
    for length in 1..16 {
        next[length + 1] = (next[length] + of_length[length]) << 1;
    }
    for (length, code) in lengths.iter().zip(codes) {
        *code = 0;
        if *length > 0 {
            let value = &mut next[usize::from(*length)];
            *code = (value.reverse_bits() >> (32 - u32::from(*length))) << 8 | u32::from(*length);
            *value += 1;
        }
    }
}

/// One symbol of the alphabet that code lengths are written in, with its extra bits.
#[derive(Clone, Copy)]
pub(super) struct LengthItem {
    pub symbol: u8,
    pub extra: u8,
    pub extra_bits: u8,
}

/// Appends lengths as runs.
pub(super) fn length_items(lengths: &[u8], items: &mut Vec<LengthItem>) {
    let mut add = |symbol, extra: usize, extra_bits| items.push(LengthItem { symbol, extra: extra as u8, extra_bits });
    for run in lengths.chunk_by(|one, other| one == other) {
        let (length, mut left) = (run[0], run.len());
        while left > 0 {
            let taken = match (length, left) {
                (0, 11..) => {
                    add(18, left.min(138) - 11, 7);
                    left.min(138)
                }
                (0, 3..) => {
                    add(17, left - 3, 3);
                    left
                }
                (1.., 4..) => {
                    add(length, 0, 0);
                    add(16, (left - 1).min(6) - 3, 2);
                    1 + (left - 1).min(6)
                }
                _ => {
                    add(length, 0, 0);
                    1
                }
            };
            left -= taken;
        }
    }
}

/// Bits on their way out, lowest first. At most seven are left after a flush, so 56 may be put in between.
pub(super) struct Bits<'o> {
    out: &'o mut [u8],
    written: usize,
    held: u64,
    count: u32,
}

impl<'o> Bits<'o> {
    pub(super) fn new(out: &'o mut [u8]) -> Bits<'o> {
        Bits { out, written: 0, held: 0, count: 0 }
    }

    #[inline]
    pub(super) fn put(&mut self, value: u64, count: u32) {
        self.held |= value << self.count;
        self.count += count;
    }

    #[inline]
    pub(super) fn put_code(&mut self, code: Code) {
        self.put(u64::from(code >> 8), code & 0xFF);
    }

    #[inline]
    pub(super) fn flush(&mut self) {
        self.out[self.written..][..8].copy_from_slice(&self.held.to_le_bytes());
        self.written += self.count as usize / 8;
        self.held >>= self.count & !7;
        self.count &= 7;
    }

    /// Ends on a byte border; how many bytes there are.
    pub(super) fn finish(mut self) -> usize {
        self.flush();
        self.written + usize::from(self.count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_rfc() {
        let mut found = [0; 8];
        codes(&[3, 3, 3, 3, 3, 2, 4, 4], &mut found);
        let expected = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        for (code, expected) in found.iter().zip(expected) {
            let length = code & 0xFF;
            let text: String = (0..length).map(|bit| if code >> (8 + bit) & 1 == 1 { '1' } else { '0' }).collect();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn frequent_symbols_get_short_codes() {
        let mut lengths = [0; 5];
        code_lengths(&[1, 0, 8, 2, 4], 15, &mut lengths);
        assert_eq!(lengths, [3, 0, 1, 3, 2]);
        code_lengths(&[1, 0, 8, 2, 4], 2, &mut lengths);
        assert_eq!(lengths, [2, 0, 2, 2, 2]);
        code_lengths(&[0, 0, 0, 9, 0], 15, &mut lengths);
        assert_eq!(lengths, [0, 0, 0, 1, 0]);
        code_lengths(&[0; 5], 15, &mut lengths);
        assert_eq!(lengths, [1, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn codes_fill_their_space(counts in prop::collection::vec(prop_oneof![Just(0), 1..4_u32, 1..1_000_000_u32], 2..286), limit in 9_usize..15) {
            let mut lengths = vec![0; counts.len()];
            code_lengths(&counts, limit, &mut lengths);
            let present = counts.iter().filter(|count| **count > 0).count();
            let taken: usize = lengths.iter().filter(|length| **length > 0).map(|length| 1 << (limit - usize::from(*length))).sum();
            prop_assert!(lengths.iter().all(|length| usize::from(*length) <= limit));
            if present > 1 {
                prop_assert_eq!(taken, 1 << limit);
                prop_assert!(counts.iter().zip(&lengths).all(|(count, length)| (*count > 0) == (*length > 0)));
            }
        }

        #[test]
        fn runs_give_the_lengths_back(lengths in prop::collection::vec((0..6_u8, 1..300_usize), 1..6)) {
            let lengths: Vec<u8> = lengths.iter().flat_map(|(length, count)| vec![*length; *count]).collect();
            let mut items = Vec::new();
            length_items(&lengths, &mut items);
            let mut found: Vec<u8> = Vec::new();
            for item in &items {
                let extra = usize::from(item.extra);
                prop_assert!(extra < 1 << item.extra_bits);
                match item.symbol {
                    16 => found.extend(vec![*found.last().unwrap(); 3 + extra]),
                    17 => found.extend(vec![0; 3 + extra]),
                    18 => found.extend(vec![0; 11 + extra]),
                    length => found.push(length),
                }
            }
            prop_assert_eq!(found, lengths);
        }
    }
}
