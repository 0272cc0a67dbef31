//! Repeated keys of one object: rare, but their first position and last value count.

use std::borrow::Cow;

use super::{ESCAPED, Parser, unescape};

/// From this number of keys on, an object keeps the set of its keys.
const MANY_KEYS: u32 = 64;

impl<'a> Parser<'a> {
    /// Finds out whether the object has the key at this index already.
    pub(super) fn note_key(&mut self, index: usize) {
        let node = self.nodes[index];
        let key = &self.bytes[node.start as usize..node.end as usize];
        let first = u64::from(key.first().copied().unwrap_or(0));
        let last = u64::from(key.last().copied().unwrap_or(0));
        let hash = (first.wrapping_mul(31) ^ last.wrapping_mul(7) ^ (key.len() as u64).wrapping_mul(131)) & 63;
        // An escaped key may equal any other, whatever its spelling.
        let suspicious = node.flags & ESCAPED != 0;
        let open = self.stack.last_mut().expect("keys stand inside objects");
        let seen = open.keys & (1 << hash) != 0 || (suspicious && open.keys != 0) || open.keys == u64::MAX;
        open.keys = if suspicious { u64::MAX } else { open.keys | 1 << hash };
        open.count += 1;
        let many = open.count > MANY_KEYS;
        if !many && !seen {
            return;
        }
        let same = if many { self.is_known(index) } else { self.is_repeated(index) };
        if same {
            self.stack.last_mut().expect("still open").duplicate = true;
        }
    }

    fn key_text(&self, index: usize) -> Cow<'a, str> {
        let node = self.nodes[index];
        let raw = &self.text[node.start as usize..node.end as usize];
        if node.flags & ESCAPED == 0 { Cow::Borrowed(raw) } else { unescape(raw).into() }
    }

    /// The innermost object's keys before this one, as indexes.
    fn earlier_keys(&self, key: usize) -> impl Iterator<Item = usize> + '_ {
        let object = self.stack.last().map_or(key, |open| open.node as usize);
        let indexes =
            std::iter::successors(Some(object + 1), |at| self.nodes.get(at + 1).map(|value| value.next as usize));
        indexes.take_while(move |at| *at < key)
    }

    /// Few keys: compare them one by one.
    fn is_repeated(&self, key: usize) -> bool {
        let wanted = self.key_text(key);
        self.earlier_keys(key).any(|earlier| self.key_text(earlier) == wanted)
    }

    /// Many keys: look into the set.
    fn is_known(&mut self, key: usize) -> bool {
        let open = self.stack.last_mut().expect("keys stand inside objects");
        let mut known = match open.known.take() {
            Some(known) => known,
            None => self.earlier_keys(key).map(|earlier| self.key_text(earlier)).collect(),
        };
        let is_new = known.insert(self.key_text(key));
        self.stack.last_mut().expect("still open").known = Some(known);
        !is_new
    }
}
