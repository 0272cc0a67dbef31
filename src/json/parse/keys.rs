//! Repeated keys of one object: rare, but their first position and last value count.

use std::borrow::Cow;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::{ESCAPED, Node, Parser, unescape};

/// From this number of keys on, an object keeps a table of its keys.
const MANY_KEYS: u32 = 32;

/// What is known of the keys of an open object.
#[derive(Default)]
pub(super) struct Keys {
    /// Bloom filter over the keys seen.
    filter: [u64; 4],
    count: u32,
    /// A key with escapes may equal any other, whatever its spelling.
    escaped: bool,
    /// All keys seen, once there are many.
    table: Option<Box<KeyTable>>,
}

/// Keys by their text, so that no choice of keys makes an object slow to read.
struct KeyTable {
    /// Indexes into the tape.
    indexes: HashTable<u32>,
    state: RandomState,
}

impl Keys {
    /// Notes a key; false if the object surely does not have it already.
    #[inline]
    fn note(&mut self, key: &[u8], is_escaped: bool) -> bool {
        self.count += 1;
        self.escaped |= is_escaped;
        if self.escaped || self.count > MANY_KEYS {
            return true;
        }
        let hash = quick_hash(key);
        let (word, bit) = ((hash >> 62) as usize, hash >> 56 & 63);
        let seen = self.filter[word] >> bit & 1 != 0;
        self.filter[word] |= 1 << bit;
        seen
    }
}

/// A hash that is cheap rather than good: of the length, the first and the last bytes.
#[inline]
pub(crate) fn quick_hash(key: &[u8]) -> u64 {
    let (head, tail) = match (key.first_chunk(), key.last_chunk()) {
        (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
        _ => match (key.first_chunk(), key.last_chunk()) {
            (Some(head), Some(tail)) => (u32::from_le_bytes(*head).into(), u32::from_le_bytes(*tail).into()),
            _ => (key.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
        },
    };
    (head ^ tail.rotate_left(29) ^ (key.len() as u64) << 17).wrapping_mul(0x9E37_79B9_7F4A_7C15)
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

impl Parser<'_> {
    /// Finds out whether the innermost object has the key at this index already.
    #[inline]
    pub(super) fn note_key(&mut self, index: usize) {
        let node = &self.nodes[index];
        let key = &self.bytes[node.start as usize..node.end as usize];
        let open = self.stack.last_mut().expect("keys stand inside objects");
        if open.keys.note(key, node.flags & ESCAPED != 0) {
            self.compare_key(index);
        }
    }

    fn compare_key(&mut self, index: usize) {
        let open = self.stack.last_mut().expect("keys stand inside objects");
        let (nodes, text) = (self.nodes.as_slice(), self.text);
        let wanted = key_text(text, &nodes[index]);
        let mut earlier = keys_between(nodes, open.node as usize + 1, index);
        let is_repeated = if open.keys.count <= MANY_KEYS {
            earlier.any(|at| key_text(text, &nodes[at]) == wanted)
        } else {
            let table = open.keys.table.get_or_insert_with(|| {
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
