//! Lines of the two access-log formats, split at white space.

use memchr::memchr2_iter;

/// No layout tells apart more columns.
const MAX_COLUMNS: usize = 23;
/// Columns before the one that may be empty.
const BEFORE_COOKIE: usize = 12;

/// The columns of a line. None if the line is empty or starts with white space.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Columns<'a> {
    /// The first columns; empty from `count` on.
    pub texts: [&'a str; MAX_COLUMNS],
    /// How many there are, at most 23: what follows the 23rd is not looked at.
    pub count: usize,
    /// Length of the white space after the twelfth column.
    pub cookie_gap: usize,
    /// Length of the white space at the end of the line.
    pub trailing_gap: usize,
}

impl<'a> Columns<'a> {
    /// Splits a line.
    pub fn split(line: &'a str) -> Columns<'a> {
        let mut columns = Columns::default();
        // Nearly all lines hold no other white space than spaces and tabs; tested in blocks that vectorise.
        let exotic = line
            .as_bytes()
            .chunks(64)
            .any(|block| block.iter().fold(false, |found, b| found | (0x0A..=0x0D).contains(b)));
        if exotic {
            columns.fill(line, line.bytes().enumerate().filter(|(_, byte)| is_space(*byte)).map(|(at, _)| at));
        } else {
            columns.fill(line, memchr2_iter(b'\t', b' ', line.as_bytes()));
        }
        columns
    }

    /// Takes the columns between white space; `spaces` gives where all of it is, in order.
    fn fill(&mut self, line: &'a str, mut spaces: impl Iterator<Item = usize>) {
        let mut start = 0;
        let mut space = spaces.next();
        while start < line.len() && self.count < MAX_COLUMNS {
            let end = space.unwrap_or(line.len());
            if end == start {
                return;
            }
            self.texts[self.count] = &line[start..end];
            self.count += 1;
            let mut next = end;
            while space == Some(next) {
                next += 1;
                space = spaces.next();
            }
            let gap = next - end;
            if self.count == BEFORE_COOKIE {
                self.cookie_gap = gap;
            }
            self.trailing_gap = if next == line.len() { gap } else { 0 };
            start = next;
        }
    }
}

/// The white space of the reference's patterns (`\s` of the Java platform).
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_counts() {
        let columns = Columns::split("a\t b\x0Bc ");
        assert_eq!((columns.count, columns.trailing_gap), (3, 1));
        assert_eq!(columns.texts[..4], ["a", "b", "c", ""]);
        assert_eq!(Columns::split(" a b").count, 0);
        assert_eq!(Columns::split("").count, 0);
        assert_eq!(Columns::split(&"x ".repeat(40)).count, 23);
        assert_eq!(Columns::split(&format!("{}  y", ["x"; 12].join(" "))).cookie_gap, 2);
    }
}
