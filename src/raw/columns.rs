//! Lines of the two access-log formats, split at white space.

use crate::scan::{BLOCK, control_or_any_of};

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
    /// Whether there is other white space than spaces and tabs.
    pub has_breaks: bool,
}

impl<'a> Columns<'a> {
    /// Splits a line.
    pub fn split(line: &'a str) -> Columns<'a> {
        let mut cut = Cut { columns: Columns::default(), line, start: 0, gap: 0, is_done: false };
        let (blocks, rest) = line.as_bytes().as_chunks::<BLOCK>();
        for (index, block) in blocks.iter().enumerate() {
            let mut bits = control_or_any_of(block, [b' ']);
            while bits != 0 {
                let at = bits.trailing_zeros() as usize;
                cut.control(block[at], index * BLOCK + at);
                bits &= bits - 1;
            }
        }
        for (index, byte) in rest.iter().enumerate() {
            cut.control(*byte, blocks.len() * BLOCK + index);
        }
        cut.finish()
    }
}

/// A line that is being split.
struct Cut<'a> {
    columns: Columns<'a>,
    line: &'a str,
    /// After the last white space.
    start: usize,
    /// Where the white space before `start` begins.
    gap: usize,
    /// What follows is not looked at.
    is_done: bool,
}

impl<'a> Cut<'a> {
    /// A byte that may be white space.
    #[inline]
    fn control(&mut self, byte: u8, at: usize) {
        match byte {
            b' ' | b'\t' => self.space(at),
            b'\n' | 0x0B | 0x0C | b'\r' => {
                self.columns.has_breaks = true;
                self.space(at);
            }
            _ => {}
        }
    }

    /// White space at a position.
    #[inline]
    fn space(&mut self, at: usize) {
        if self.is_done {
            return;
        }
        if at > self.start {
            self.column(at);
            self.gap = at;
        } else if self.columns.count == 0 {
            self.is_done = true;
            return;
        }
        self.start = at + 1;
        if self.columns.count == BEFORE_COOKIE {
            self.columns.cookie_gap = self.start - self.gap;
        }
    }

    /// A column from `start` to here.
    #[inline]
    fn column(&mut self, end: usize) {
        match self.columns.texts.get_mut(self.columns.count) {
            Some(text) => {
                *text = &self.line[self.start..end];
                self.columns.count += 1;
            }
            None => self.is_done = true,
        }
    }

    fn finish(mut self) -> Columns<'a> {
        if self.is_done {
            return self.columns;
        }
        if self.start < self.line.len() {
            self.column(self.line.len());
        } else if self.columns.count > 0 {
            self.columns.trailing_gap = self.start - self.gap;
        }
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gaps_and_counts() {
        let columns = Columns::split("a\t b\x0Bc ");
        assert_eq!((columns.count, columns.trailing_gap, columns.has_breaks), (3, 1, true));
        assert!(!Columns::split("a\t b\u{1f}c").has_breaks);
        assert_eq!(columns.texts[..4], ["a", "b", "c", ""]);
        assert_eq!(Columns::split(" a b").count, 0);
        assert_eq!(Columns::split("").count, 0);
        assert_eq!(Columns::split(&"x ".repeat(40)).count, 23);
        assert_eq!(Columns::split(&format!("{}  y", ["x"; 12].join(" "))).cookie_gap, 2);
    }

    proptest! {
        #[test]
        fn columns_stand_between_white_space(line in "[ab \t\x0b]{0,60}|([ab]{1,3}[ \t\r]{1,2}){10,26}[ab]?") {
            let columns = Columns::split(&line);
            let is_space = |c: char| matches!(c, ' ' | '\t'..='\r');
            if line.starts_with(is_space) {
                prop_assert_eq!(columns.count, 0);
                return Ok(());
            }
            prop_assert_eq!(columns.has_breaks, line.contains(|c: char| matches!(c, '\n'..='\r')));
            let texts: Vec<&str> = line.split(is_space).filter(|text| !text.is_empty()).collect();
            prop_assert_eq!(&columns.texts[..columns.count], &texts[..texts.len().min(MAX_COLUMNS)]);
            let trailing = if texts.len() > MAX_COLUMNS { 0 } else { line.len() - line.trim_end_matches(is_space).len() };
            prop_assert_eq!(columns.trailing_gap, trailing);
            if let Some(last) = texts.get(BEFORE_COOKIE - 1) {
                let end = last.as_ptr() as usize - line.as_ptr() as usize + last.len();
                let after = &line[end..];
                prop_assert_eq!(columns.cookie_gap, after.len() - after.trim_start_matches(is_space).len());
            }
        }
    }
}
