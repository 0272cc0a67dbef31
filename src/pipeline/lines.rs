//! Text lines: `\n`, `\r\n`, or a lone `\r` each end one; the last one may be unterminated.
//!
//! Line ends: Hadoop's `TextInputFormat`, which the batch jobs read through (apache/hadoop `LineReader`).

use memchr::{memchr2, memrchr2};

use super::stage::Framer;

/// Cuts text after its last line end.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineFramer {
    /// A line that is being skipped ended in `\r` at the end of the bytes; a `\n` may belong to it.
    after_return: bool,
}

impl Framer for LineFramer {
    fn cut(&mut self, bytes: &[u8], last: bool) -> usize {
        if last {
            return bytes.len();
        }
        let end = match memrchr2(b'\n', b'\r', bytes) {
            // The rest of this line end may not have been read yet.
            Some(at) if bytes[at] == b'\r' && at + 1 == bytes.len() => memrchr2(b'\n', b'\r', &bytes[..at]),
            found => found,
        };
        end.map_or(0, |at| at + 1)
    }

    fn skip(&mut self, _prefix: &[u8], _passed: u64, bytes: &[u8]) -> Option<usize> {
        if self.after_return && !bytes.is_empty() {
            self.after_return = false;
            return Some(usize::from(bytes[0] == b'\n'));
        }
        let at = memchr2(b'\n', b'\r', bytes)?;
        if bytes[at] == b'\n' {
            return Some(at + 1);
        }
        match bytes.get(at + 1) {
            Some(b'\n') => Some(at + 2),
            Some(_) => Some(at + 1),
            None => {
                self.after_return = true;
                None
            }
        }
    }
}

/// The lines of a segment, without their ends.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(at) = memchr2(b'\n', b'\r', rest) else {
            return Some(std::mem::take(&mut rest));
        };
        let line = &rest[..at];
        let is_pair = rest[at] == b'\r' && rest.get(at + 1) == Some(&b'\n');
        rest = &rest[at + 1 + usize::from(is_pair)..];
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_kind_of_end() {
        let found: Vec<&[u8]> = lines(b"a\nb\r\nc\rd\n\n\r\r\ne").collect();
        assert_eq!(found, [&b"a"[..], b"b", b"c", b"d", b"", b"", b"", b"e"]);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"\n").count(), 1);
    }

    #[test]
    fn cuts_after_the_last_end_that_is_certain() {
        let cut = |bytes: &[u8]| LineFramer::default().cut(bytes, false);
        assert_eq!(cut(b"a\nb"), 2);
        assert_eq!(cut(b"a\nb\r"), 2, "a line feed may follow");
        assert_eq!(cut(b"a\rb\r"), 2);
        assert_eq!(cut(b"a\r\n"), 3);
        assert_eq!(cut(b"abc"), 0);
        assert_eq!(LineFramer::default().cut(b"abc", true), 3);
    }

    proptest! {
        /// However the bytes arrive, the same lines come out.
        #[test]
        fn pieces_give_the_same_lines(text in "[ab\r\n]{0,40}", step in 1_usize..7) {
            let bytes = text.as_bytes();
            let expected: Vec<&[u8]> = lines(bytes).collect();
            let mut framer = LineFramer::default();
            let mut found: Vec<&[u8]> = Vec::new();
            let (mut start, mut end) = (0, 0);
            while start < bytes.len() {
                end = (end + step).min(bytes.len());
                let count = framer.cut(&bytes[start..end], end == bytes.len());
                found.extend(lines(&bytes[start..start + count]));
                start += count;
            }
            prop_assert_eq!(found, expected);
        }

        /// Skipping a line leads to where the next one begins.
        #[test]
        fn skips_one_line(text in "[ab\r\n]{1,40}", step in 1_usize..7) {
            let bytes = text.as_bytes();
            let mut framer = LineFramer::default();
            let mut at = 0;
            let end = loop {
                if at == bytes.len() {
                    break at;
                }
                let piece = &bytes[at..(at + step).min(bytes.len())];
                match framer.skip(b"", at as u64, piece) {
                    Some(count) => break at + count,
                    None => at += piece.len(),
                }
            };
            let expected: Vec<&[u8]> = lines(bytes).skip(1).collect();
            prop_assert_eq!(lines(&bytes[end..]).collect::<Vec<_>>(), expected);
        }
    }
}
