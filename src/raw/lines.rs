//! Text lines: LF, CR LF, or a lone CR ends one; the last may go without.
//!
//! Facts: apache/hadoop, `org.apache.hadoop.util.LineReader`, through which the batch jobs read text.

use memchr::{memchr2, memrchr};

/// How many leading bytes of `buffer` are whole lines.
pub(super) fn whole_lines(buffer: &[u8]) -> usize {
    if let Some(at) = memrchr(b'\n', buffer) {
        return at + 1;
    }
    // A CR at the very end may be half a CR LF.
    let settled = &buffer[..buffer.len().saturating_sub(1)];
    memrchr(b'\r', settled).map_or(0, |at| at + 1)
}

/// The first line of `text`, without its end, and what follows it.
pub(super) fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = memchr2(b'\n', b'\r', text) else {
        return (text, &[]);
    };
    let after = if text[at..].starts_with(b"\r\n") { at + 2 } else { at + 1 };
    (&text[..at], &text[after..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<&str> {
        let mut rest = text.as_bytes();
        let mut lines = Vec::new();
        while !rest.is_empty() {
            let (line, after) = split_line(rest);
            lines.push(std::str::from_utf8(line).unwrap());
            rest = after;
        }
        lines
    }

    #[test]
    fn line_ends() {
        assert_eq!(lines("a\nb\r\nc\rd"), ["a", "b", "c", "d"]);
        assert_eq!(lines("\n\r\n\r\r"), ["", "", "", ""]);
        assert_eq!(lines("a\n"), ["a"]);
        assert_eq!(lines(""), Vec::<&str>::new());
    }

    #[test]
    fn cuts() {
        for (buffer, expected) in
            [("a\nb", 2), ("a\nb\n", 4), ("a\r", 0), ("a\rb\r", 2), ("a\r\n", 3), ("ab", 0), ("", 0)]
        {
            assert_eq!(whole_lines(buffer.as_bytes()), expected, "{buffer:?}");
        }
    }
}
