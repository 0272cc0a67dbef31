//! Repeated keys of one object: rare, but their first position and last value count.

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::super::text::needs_look;
use super::{CANONICAL, ESCAPED, Fallible, Kind, Node, Parser, unescape};
use crate::scan::BLOCK;

/// From this number of keys on, an object has a larger filter.
const MANY_KEYS: u32 = 32;
/// Times that a filter may be wrong before an object gets a table of its keys: no choice of keys makes it slow to read.
const MOST_MISTAKES: u32 = 64;

/// What is known of the keys of an open object.
#[derive(Default)]
pub(super) struct Keys {
    /// Bloom filter over the keys seen.
    filter: [u64; 4],
    count: u32,
    /// How often the filter was wrong.
    mistakes: u32,
    /// A key with escapes may equal any other, whatever its spelling.
    escaped: bool,
    /// Every key is compared: one is escaped, or there is a table, which has to hold all of them.
    exact: bool,
    /// Bloom filter over the keys seen, once there are many.
    large: Option<Box<[u64; 64]>>,
    /// All keys seen, once nothing else helps.
    table: Option<Box<KeyTable>>,
}

/// Keys by their text.
struct KeyTable {
    /// Indexes into the tape.
    indexes: HashTable<u32>,
    state: RandomState,
}

/// Sets the bit that the highest bits of a hash choose; whether it was set.
#[inline]
fn set_bit<const WORDS: usize>(filter: &mut [u64; WORDS], hash: u32) -> bool {
    let bit = hash >> (32 - 6 - WORDS.trailing_zeros());
    let word = &mut filter[(bit >> 6) as usize];
    let seen = *word >> (bit & 63) & 1 != 0;
    *word |= 1 << (bit & 63);
    seen
}

impl Keys {
    #[inline]
    pub(super) fn has_escaped(&self) -> bool {
        self.escaped
    }

    /// Notes a key; false if the object surely does not have it already.
    #[inline]
    fn note(&mut self, hash: u32, is_escaped: bool) -> bool {
        self.escaped |= is_escaped;
        self.exact |= is_escaped;
        self.note_plain(hash)
    }

    /// As [`Keys::note`], for a key without escapes.
    #[inline(always)]
    fn note_plain(&mut self, hash: u32) -> bool {
        self.count += 1;
        if self.exact || self.count > MANY_KEYS {
            return self.note_more(hash);
        }
        set_bit(&mut self.filter, hash)
    }

    #[cold]
    fn note_more(&mut self, hash: u32) -> bool {
        self.exact || self.large.as_mut().is_none_or(|filter| set_bit(filter, hash))
    }
}

/// A hash that is cheap rather than good: of the length, the first and the last bytes.
#[inline]
pub(crate) fn key_hash(key: &str) -> u32 {
    hash_in(key.as_bytes(), 0, key.len())
}

/// The hash of the key from `start` to `end`: a short one is cut out of a block, if there is one.
#[inline]
fn hash_in(bytes: &[u8], start: usize, end: usize) -> u32 {
    let length = end - start;
    let (head, tail) = match bytes.get(start..).and_then(<[u8]>::first_chunk::<BLOCK>) {
        Some(block) => {
            let word = u128::from_le_bytes(*block);
            (word as u64, (word >> 64) as u64)
        }
        None => ends(&bytes[start..end]),
    };
    if length < BLOCK {
        return short_hash(head, tail, length);
    }
    let last = bytes[end - 8..].first_chunk().copied().unwrap_or_default();
    mix(head, u64::from_le_bytes(last), length)
}

/// The hash of a key of fewer bytes than a block, from the block that it begins.
#[inline]
fn short_hash(head: u64, tail: u64, length: usize) -> u32 {
    let [head_mask, tail_mask] = MASKS[length];
    mix(head & head_mask, tail & tail_mask, length)
}

#[inline]
fn mix(head: u64, tail: u64, length: usize) -> u32 {
    let mixed = head ^ tail.rotate_left(29) ^ (length as u64) << 17;
    (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// What a key of fewer bytes than a block leaves of it.
const MASKS: [[u64; 2]; BLOCK] = {
    let mut masks = [[0; 2]; BLOCK];
    let mut length = 0;
    while length < BLOCK {
        let mask = (1_u128 << (8 * length)) - 1;
        masks[length] = [mask as u64, (mask >> 64) as u64];
        length += 1;
    }
    masks
};

/// The first and the next eight bytes of a key shorter than a block.
fn ends(key: &[u8]) -> (u64, u64) {
    let mut block = [0; BLOCK];
    block[..key.len()].copy_from_slice(key);
    let word = u128::from_le_bytes(block);
    (word as u64, (word >> 64) as u64)
}

fn key_text<'a>(text: &'a str, node: &Node) -> Cow<'a, str> {
    let raw = &text[node.start as usize..node.end as usize];
    if node.flags & ESCAPED == 0 { Cow::Borrowed(raw) } else { unescape(raw).into() }
}

/// Tape indexes of the keys from the one at `first` on, before the one at `last`.
fn keys_between(nodes: &[Node], first: usize, last: usize) -> impl Iterator<Item = usize> {
    let indexes = std::iter::successors(Some(first), |at| nodes.get(at + 1).map(|value| value.next as usize));
    indexes.take_while(move |at| *at < last)
}

/// Quote, up to fifteen bytes, quote, colon, and the first byte of the value.
const SHORT_KEY: usize = BLOCK + 3;

impl Parser<'_, '_> {
    /// Reads a key, its colon, and the white space around.
    #[inline]
    pub(super) fn key(&mut self) -> Fallible<()> {
        if self.short_key() { Ok(()) } else { self.any_key() }
    }

    #[inline(never)]
    fn any_key(&mut self) -> Fallible<()> {
        if self.peek()? != b'"' {
            return Err(self.expected("expected \""));
        }
        let index = self.nodes.len();
        self.string()?;
        self.note_key(index);
        self.space_in_container();
        if self.peek()? != b':' {
            return Err(self.expected("expected :"));
        }
        self.at += 1;
        self.space_in_container();
        Ok(())
    }

    /// Reads a key as nearly all are: short, without anything special in it or around it, and not near the end of the
    /// text. For any other key nothing happens and the answer is false.
    #[inline(always)]
    fn short_key(&mut self) -> bool {
        let Some(piece) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<SHORT_KEY>) else { return false };
        let Some(block) = piece[1..].first_chunk::<BLOCK>() else { return false };
        let length = (needs_look(block) | 1 << BLOCK).trailing_zeros() as usize;
        if length >= BLOCK
            || piece[0] != b'"'
            || piece[length + 1] != b'"'
            || piece[length + 2] != b':'
            || piece[length + 3] <= b' '
        {
            return false;
        }
        let word = u128::from_le_bytes(*block);
        let hash = short_hash(word as u64, (word >> 64) as u64, length);
        let start = self.at as u32 + 1;
        let index = self.nodes.len();
        self.nodes.push(Node { start, end: start + length as u32, next: hash, kind: Kind::String, flags: CANONICAL });
        self.at += length + 3;
        let open = self.stack.last_mut().expect("keys stand inside objects");
        if open.keys.note_plain(hash) {
            self.compare_key(index);
        }
        true
    }

    /// Finds out whether the innermost object has the key at this index already.
    fn note_key(&mut self, index: usize) {
        let node = &mut self.nodes[index];
        let hash = hash_in(self.bytes, node.start as usize, node.end as usize);
        // What follows a key is known, so there is room for its hash.
        node.next = hash;
        let open = self.stack.last_mut().expect("keys stand inside objects");
        if open.keys.note(hash, node.flags & ESCAPED != 0) {
            self.compare_key(index);
        }
    }

    #[cold]
    fn compare_key(&mut self, index: usize) {
        let open = self.stack.last_mut().expect("keys stand inside objects");
        let (nodes, text, keys) = (self.nodes.as_slice(), self.text, &mut open.keys);
        let mut earlier = keys_between(nodes, open.node as usize + 1, index);
        if keys.count > MANY_KEYS && keys.large.is_none() {
            let filter = keys.large.insert(Box::new([0; 64]));
            earlier.for_each(|at| {
                set_bit(filter, nodes[at].next);
            });
            if !keys.escaped && !set_bit(filter, nodes[index].next) {
                return;
            }
            earlier = keys_between(nodes, open.node as usize + 1, index);
        }
        keys.mistakes += 1;
        let wanted = key_text(text, &nodes[index]);
        let is_repeated = if keys.mistakes <= MOST_MISTAKES {
            let (hash, any_hash) = (nodes[index].next, keys.escaped);
            earlier.any(|at| (any_hash || nodes[at].next == hash) && key_text(text, &nodes[at]) == wanted)
        } else {
            keys.exact = true;
            let table = keys.table.get_or_insert_with(|| {
                let mut table = Box::new(KeyTable {
                    indexes: HashTable::with_capacity(7 * MANY_KEYS as usize),
                    state: RandomState::default(),
                });
                for at in earlier {
                    table.insert(text, nodes, at, &key_text(text, &nodes[at]));
                }
                table
            });
            !table.insert(text, nodes, index, &wanted)
        };
        open.duplicate |= is_repeated;
    }
}

impl KeyTable {
    /// Adds a key; false if it is there already.
    fn insert(&mut self, text: &str, nodes: &[Node], index: usize, key: &str) -> bool {
        let KeyTable { indexes, state } = self;
        let same = |at: &u32| key_text(text, &nodes[*at as usize]) == key;
        let rehash = |at: &u32| state.hash_one(key_text(text, &nodes[*at as usize]).as_bytes());
        match indexes.entry(state.hash_one(key.as_bytes()), same, rehash) {
            hashbrown::hash_table::Entry::Occupied(_) => false,
            hashbrown::hash_table::Entry::Vacant(place) => {
                place.insert(index as u32);
                true
            }
        }
    }
}
