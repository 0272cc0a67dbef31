//! A deflate encoder for speed: text with much repetition, compressed about as well as libdeflate's level 1 does it, in
//! half the time.
//!
//! One table of places by hash of six bytes, one candidate a place, no second thoughts. Shorter matches are not looked
//! for: in rows of ids and numbers four equal bytes far away cost more bits than they save. Source: RFC 1951.

use super::deflate_symbols::{DISTANCE_EXTRA, DISTANCES, ITEM_ORDER, SYMBOLS, WINDOW, distance_symbol, length_codes};
use super::huffman::{Bits, Code, LengthItem, code_lengths, codes, length_items};

const LEAST_MATCH: usize = 6;
const MOST_MATCH: usize = 258;
const HASH_BITS: u32 = 14;
/// Bytes looked at at once.
const WORD: usize = 8;
/// Plain bytes that share one set of codes.
const BLOCK: usize = 128 << 10;
/// Places without a match after which every second one is looked at, then every third.
const FIRST_STEPS: usize = 8;
/// Four codes of literals fit into what [`Bits`] can hold.
const LITERAL_LIMIT: usize = 12;
const DISTANCE_LIMIT: usize = 15;
const END_OF_BLOCK: usize = 256;
const LITERALS: usize = 286;

/// Literals, then a match; the last one of a block has no match.
#[derive(Clone, Copy)]
struct Sequence {
    literals: u32,
    /// 0 if there is no match.
    length: u16,
    /// Less one, since 32,768 is a distance.
    distance: u16,
}

/// How often symbols occur in a block.
struct Counts {
    literals: [u32; 288],
    /// By length of the match, less three.
    lengths: [u32; 256],
    distances: [u32; 32],
}

/// The encoder; keep it, its memory is used again.
pub(super) struct QuickDeflate {
    /// The last place with a hash, or 0. What it says is checked, so it need not be true.
    table: Box<[u32; 1 << HASH_BITS]>,
    sequences: Vec<Sequence>,
    items: Vec<LengthItem>,
}

/// Room that always suffices: no byte takes more than twelve bits.
pub(super) fn bound(plain: usize) -> usize {
    plain + plain / 2 + (plain / BLOCK + 1) * 320 + 64
}

impl QuickDeflate {
    pub(super) fn new() -> QuickDeflate {
        QuickDeflate { table: Box::new([0; 1 << HASH_BITS]), sequences: Vec::new(), items: Vec::new() }
    }

    /// Deflates `plain` into `out`, which must have at least [`bound`] bytes; how many it took.
    pub(super) fn deflate(&mut self, plain: &[u8], out: &mut [u8]) -> usize {
        assert!(u32::try_from(plain.len()).is_ok(), "places are kept in 32 bits");
        // The same bytes give the same output, whatever came before.
        self.table.fill(0);
        let mut bits = Bits::new(out);
        let mut start = 0;
        loop {
            let mut counts = Counts { literals: [0; 288], lengths: [0; 256], distances: [0; 32] };
            let end = self.find_matches(plain, start, plain.len().min(start + BLOCK), &mut counts);
            bits.put(u64::from(end == plain.len()), 1);
            bits = self.write_block(&plain[start..end], &mut counts, bits);
            if end == plain.len() {
                return bits.finish();
            }
            start = end;
        }
    }

    /// Cuts `plain` into sequences from `start` to about `end`; says where it came to.
    fn find_matches(&mut self, plain: &[u8], start: usize, end: usize, counts: &mut Counts) -> usize {
        self.sequences.clear();
        let end_of_words = (plain.len() + 1).saturating_sub(WORD);
        let (mut at, mut literals) = (start, start);
        while let Some((found, candidate)) = self.next_match(plain, at, end.min(end_of_words)) {
            let forward = common_after(plain, candidate + LEAST_MATCH, found + LEAST_MATCH);
            let backward =
                common_before(&plain[literals..found], &plain[..candidate], MOST_MATCH - LEAST_MATCH - forward);
            let begin = found - backward;
            let length = backward + LEAST_MATCH + forward;
            at = begin + length;
            // Not every place is worth remembering.
            for place in [found + 1, begin + length / 2, at - 2] {
                if let Some(word) = word(plain, place) {
                    self.table[hash(word)] = place as u32;
                }
            }
            let distance = found - candidate - 1;
            let text = &plain[literals..begin];
            text.iter().for_each(|byte| counts.literals[usize::from(*byte)] += 1);
            counts.lengths[length - 3] += 1;
            counts.distances[distance_symbol(distance)] += 1;
            self.sequences.push(Sequence {
                literals: text.len() as u32,
                length: length as u16,
                distance: distance as u16,
            });
            literals = at;
        }
        let end = end.max(at);
        plain[literals..end].iter().for_each(|byte| counts.literals[usize::from(*byte)] += 1);
        self.sequences.push(Sequence { literals: (end - literals) as u32, length: 0, distance: 0 });
        end
    }

    /// The first place from `at` to before `end` with a match of at least [`LEAST_MATCH`] bytes, and where they were
    /// before. The longer there is none, the larger the steps: a match that began earlier is found all the same.
    #[inline]
    fn next_match(&mut self, plain: &[u8], mut at: usize, end: usize) -> Option<(usize, usize)> {
        assert!(end == 0 || end + WORD <= plain.len() + 1, "a whole word is read at every place");
        let mut steps = FIRST_STEPS;
        while at < end {
            // SAFETY: `at` is before `end`, so that a word lies between it and the end of `plain`.
            let here = unsafe { word_at(plain, at) };
            let place = &mut self.table[hash(here)];
            let candidate = *place as usize;
            *place = at as u32;
            // SAFETY: the table holds 0 and places before `at` only.
            let there = unsafe { word_at(plain, candidate) };
            if (here ^ there) << (64 - 8 * LEAST_MATCH) == 0 && (1..=WINDOW).contains(&(at - candidate)) {
                return Some((at, candidate));
            }
            at += steps / FIRST_STEPS;
            steps += 1;
        }
        None
    }

    fn write_block<'o>(&mut self, plain: &[u8], counts: &mut Counts, mut bits: Bits<'o>) -> Bits<'o> {
        counts.literals[END_OF_BLOCK] = 1;
        for (length, count) in counts.lengths.iter().enumerate() {
            counts.literals[257 + usize::from(SYMBOLS.lengths[length])] += count;
        }
        let mut literals = [0; 288];
        let mut distances = [0; 32];
        self.write_codes(counts, (&mut literals, &mut distances), &mut bits);
        let lengths = length_codes(&literals);
        let mut rest = plain;
        for sequence in &self.sequences {
            let (text, after) = rest.split_at(sequence.literals as usize);
            let (fours, odd) = text.as_chunks::<4>();
            for four in fours {
                four.iter().for_each(|byte| bits.put_code(literals[usize::from(*byte)]));
                bits.flush();
            }
            odd.iter().for_each(|byte| bits.put_code(literals[usize::from(*byte)]));
            let length = usize::from(sequence.length);
            if length > 0 {
                bits.put_code(lengths[(length - 3) & 0xFF]);
                bits.flush();
                let distance = usize::from(sequence.distance);
                let symbol = distance_symbol(distance) & 31;
                bits.put_code(distances[symbol]);
                let (base, extra_bits) = DISTANCE_EXTRA[symbol];
                bits.put((distance + 1 - usize::from(base)) as u64, u32::from(extra_bits));
            }
            bits.flush();
            rest = &after[length..];
        }
        bits.put_code(literals[END_OF_BLOCK]);
        bits.flush();
        bits
    }

    /// Makes the codes of a block and writes its head.
    fn write_codes(&mut self, counts: &Counts, codes_of: (&mut [Code; 288], &mut [Code; 32]), bits: &mut Bits<'_>) {
        let (mut literals, mut distances, mut items) = ([0; LITERALS], [0; DISTANCES], [0; 19]);
        code_lengths(&counts.literals[..LITERALS], LITERAL_LIMIT, &mut literals);
        code_lengths(&counts.distances[..DISTANCES], DISTANCE_LIMIT, &mut distances);
        codes(&literals, codes_of.0);
        codes(&distances, codes_of.1);
        let used = |lengths: &[u8], least: usize| {
            lengths.iter().rposition(|length| *length > 0).map_or(least, |at| least.max(at + 1))
        };
        let (literals, distances) = (&literals[..used(&literals, 257)], &distances[..used(&distances, 1)]);
        self.items.clear();
        length_items(&[literals, distances].concat(), &mut self.items);
        let mut item_counts = [0; 19];
        self.items.iter().for_each(|item| item_counts[usize::from(item.symbol)] += 1);
        code_lengths(&item_counts, 7, &mut items);
        let mut item_codes = [0; 19];
        codes(&items, &mut item_codes);
        let in_order = ITEM_ORDER.map(|symbol| items[symbol]);
        let in_order = &in_order[..used(&in_order, 4)];
        // Codes made for this block.
        bits.put(2, 2);
        bits.put(literals.len() as u64 - 257, 5);
        bits.put(distances.len() as u64 - 1, 5);
        bits.put(in_order.len() as u64 - 4, 4);
        for length in in_order {
            bits.flush();
            bits.put(u64::from(*length), 3);
        }
        for item in &self.items {
            bits.flush();
            bits.put_code(item_codes[usize::from(item.symbol)]);
            bits.put(u64::from(item.extra), u32::from(item.extra_bits));
        }
        bits.flush();
    }
}

/// The word at a place.
///
/// # Safety
/// It must lie within `bytes`.
#[inline]
unsafe fn word_at(bytes: &[u8], at: usize) -> u64 {
    debug_assert!(at + WORD <= bytes.len());
    // SAFETY: as promised by the caller.
    u64::from_le(unsafe { bytes.as_ptr().add(at).cast::<u64>().read_unaligned() })
}

/// The bytes from a place on, if there are enough.
#[inline]
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at + WORD)?;
    Some(u64::from_le_bytes(word.try_into().unwrap_or_default()))
}

/// A hash of the first six bytes.
#[inline]
fn hash(word: u64) -> usize {
    let bytes = word << (64 - 8 * LEAST_MATCH);
    (bytes.wrapping_mul(0x9E37_79B1_85EB_CA87) >> (64 - HASH_BITS)) as usize
}

/// How many bytes are the same after two places, at most as many as a match may go on for.
#[inline]
fn common_after(plain: &[u8], one: usize, other: usize) -> usize {
    assert!(one < other, "what repeats came before");
    let most = plain.len().saturating_sub(other).min(MOST_MATCH - LEAST_MATCH);
    let mut same = 0;
    while same + WORD <= most {
        // SAFETY: `most` bytes follow `other`, and more follow `one`.
        let differs = unsafe { word_at(plain, one + same) ^ word_at(plain, other + same) };
        if differs != 0 {
            return same + differs.trailing_zeros() as usize / 8;
        }
        same += WORD;
    }
    while same < most && plain[one + same] == plain[other + same] {
        same += 1;
    }
    same
}

/// How many bytes both end with, at most `most`.
#[inline]
fn common_before(one: &[u8], other: &[u8], most: usize) -> usize {
    let most = most.min(one.len()).min(other.len());
    let (one, other) = (&one[one.len() - most..], &other[other.len() - most..]);
    let mut left = most;
    while left > 0 && one[left - 1] == other[left - 1] {
        left -= 1;
    }
    most - left
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Decompress, FlushDecompress, Status};
    use proptest::prelude::*;

    fn deflated(plain: &[u8]) -> Vec<u8> {
        let mut out = vec![0; bound(plain.len())];
        let size = QuickDeflate::new().deflate(plain, &mut out);
        out.truncate(size);
        out
    }

    /// By two decoders that are not ours.
    fn round_trips(plain: &[u8]) {
        let stored = deflated(plain);
        let mut found = vec![0; plain.len()];
        let inflated = libdeflater::Decompressor::new().deflate_decompress(&stored, &mut found);
        assert_eq!(inflated, Ok(plain.len()));
        assert!(found == plain);
        let mut found = Vec::with_capacity(plain.len() + 1);
        let mut inflate = Decompress::new(false);
        let status = inflate.decompress_vec(&stored, &mut found, FlushDecompress::Finish);
        assert_eq!(status.ok(), Some(Status::StreamEnd));
        assert_eq!(inflate.total_in(), stored.len() as u64);
        assert!(found == plain);
    }

    /// Bytes that do not repeat.
    fn noise(count: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..count).map(|_| next()).collect()
    }

    #[test]
    fn every_kind_of_text() {
        let row = "com.acme\tcart\tjsonschema\t1-0-7\t2019-06-03 10:00:01.036\tevents\t[\"events\",\"cart\"]\t";
        let rows: String = (0..20_000_u32).map(|n| format!("{row}{:08x}\n", n.wrapping_mul(2_654_435_761))).collect();
        let long: Vec<u8> = noise(WINDOW).repeat(3);
        let cases: [&[u8]; 8] =
            [b"", b"a", b"abcdefgabcdefg", &[0; 300_000], rows.as_bytes(), &noise(300_000), &long, &long[1..]];
        for plain in cases {
            round_trips(plain);
        }
        assert!(deflated(rows.as_bytes()).len() * 8 < rows.len(), "rows are compressed well");
        assert!(deflated(&long).len() < 2 * WINDOW, "the whole window is used");
    }

    #[test]
    fn the_same_bytes_give_the_same_output() {
        let mut encoder = QuickDeflate::new();
        let plain = b"one two three one two three four".repeat(50);
        let mut outputs = (0..2).map(|_| {
            let mut out = vec![0; bound(plain.len())];
            let size = encoder.deflate(&plain, &mut out);
            out[..size].to_vec()
        });
        assert_eq!(outputs.next(), outputs.next());
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 1..60_usize), 0..60)) {
            let plain: Vec<u8> = pieces.iter().flat_map(|(piece, times)| piece.repeat(*times)).collect();
            round_trips(&plain);
        }

        /// The worst for codes: few frequent bytes and many rare ones.
        #[test]
        fn there_is_always_room(common in any::<u8>(), rare in 1..4000_usize, count in 0..300_000_usize) {
            let plain: Vec<u8> = noise(count).into_iter().enumerate().map(|(at, byte)| if at % rare == 0 { byte } else { common.wrapping_add(byte & 1) }).collect();
            round_trips(&plain);
        }
    }
}
