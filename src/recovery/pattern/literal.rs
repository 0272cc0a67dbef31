//! Patterns that are plain texts, perhaps bound to the beginning or the end: most of those that configurations hold. They
//! are looked for without the engine, and found where it would find them.

use std::ops::Range;

use memchr::memmem::Finder;

/// A text to look for.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    needle: Finder<'static>,
    /// `^`
    at_start: bool,
    /// `$`: the end, or before a final line feed.
    at_end: bool,
}

impl Literal {
    /// What a pattern looks for; `None` if it takes the engine.
    pub(super) fn of(pattern: &str) -> Option<Literal> {
        let (at_start, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
        let (at_end, needle) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-/:\"',=@%!;& ".contains(c);
        if needle.is_empty() || !needle.chars().all(is_plain) {
            return None;
        }
        Some(Literal { needle: Finder::new(needle.as_bytes()).into_owned(), at_start, at_end })
    }

    /// The first match that begins at `from` or later.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let needle = self.needle.needle();
        let bytes = text.as_bytes();
        let start = match (self.at_start, self.at_end) {
            (false, false) => from + self.needle.find(bytes.get(from..)?)?,
            (true, false) => bytes.starts_with(needle).then_some(0)?,
            (is_whole, true) => {
                let before = bytes.strip_suffix(needle);
                let before = before.or_else(|| bytes.strip_suffix(b"\n").and_then(|line| line.strip_suffix(needle)))?;
                (before.is_empty() || !is_whole).then_some(before.len())?
            }
        };
        (start >= from).then_some(start..start + needle.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::recovery::Pattern;

    proptest! {
        #[test]
        fn the_engine_finds_the_same(pattern in "\\^?[ab:]{1,3}\\$?", text in "[ab:\\n]{0,8}", new in "[xb]{0,2}") {
            let literal = Pattern::new(&pattern).unwrap();
            prop_assert!(literal.literal.is_some());
            let engine = Pattern { literal: None, ..literal.clone() };
            prop_assert_eq!(literal.is_found(&text), engine.is_found(&text));
            prop_assert_eq!(literal.replace_all(&text, &new), engine.replace_all(&text, &new));
        }
    }
}
