//! Regular expressions as event recovery's configurations mean them: Java's.
//!
//! Differences between Java and the engine here that real configurations meet: `(?U)` asks for Unicode classes in Java
//! and swaps greediness here; `$` also matches before a final line feed; replacements write `$1` and `\$`; a pattern that
//! can match nothing matches once more at the end of the text.

use std::borrow::Cow;

/// Steps the backtracking engine may take on one text before it gives up: a bad pattern cannot hang a run.
const BACKTRACK_LIMIT: usize = 200_000;

/// A compiled Java-style pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: fancy_regex::Regex,
}

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a usable regular expression: {reason}")]
pub struct PatternError {
    /// The pattern as configured.
    pub pattern: String,
    /// The engine's words.
    pub reason: String,
}

impl Pattern {
    /// Compiles a pattern written for Java.
    pub fn new(source: &str) -> Result<Pattern, PatternError> {
        let error = |e: fancy_regex::Error| PatternError { pattern: source.to_owned(), reason: e.to_string() };
        let regex = fancy_regex::RegexBuilder::new(&translate(source))
            .backtrack_limit(BACKTRACK_LIMIT)
            .build()
            .map_err(error)?;
        Ok(Pattern { source: source.to_owned(), regex })
    }

    /// The pattern as configured.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the pattern is found anywhere in the text. A pattern that exceeds its limits is not found.
    pub fn is_found(&self, text: &str) -> bool {
        self.regex.is_match(text).unwrap_or(false)
    }

    /// Replaces every match as Java's `replaceAll` does; `None` if the pattern exceeds its limits or the replacement
    /// names a group that does not exist.
    pub fn replace_all<'t>(&self, text: &'t str, replacement: &str) -> Option<Cow<'t, str>> {
        let mut out = String::new();
        let mut done = 0;
        let mut at = 0;
        let mut found = false;
        while at <= text.len() {
            let Some(captures) = self.regex.captures_from_pos(text, at).ok()? else { break };
            let whole = captures.get(0)?;
            found = true;
            out.push_str(&text[done..whole.start()]);
            expand(replacement, &captures, &mut out)?;
            done = whole.end();
            at = if whole.end() == whole.start() { next_boundary(text, whole.end()) } else { whole.end() };
        }
        if !found {
            return Some(Cow::Borrowed(text));
        }
        out.push_str(&text[done..]);
        Some(Cow::Owned(out))
    }
}

/// One character further, so that an empty match does not repeat itself.
fn next_boundary(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

/// Rewrites what means something else in Java.
fn translate(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut in_class = 0usize;
    let mut chars = source.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => {
                out.push('\\');
                if let Some((_, next)) = chars.next() {
                    match next {
                        // Java's end of input "but for a final terminator".
                        'Z' if in_class == 0 => {
                            out.pop();
                            out.push_str(r"(?=\n?\z)");
                        }
                        other => out.push(other),
                    }
                }
            }
            '[' => {
                in_class += 1;
                out.push('[');
            }
            ']' if in_class > 0 => {
                in_class -= 1;
                out.push(']');
            }
            '$' if in_class == 0 => out.push_str(r"(?=\n?\z)"),
            '(' if in_class == 0 && source[at..].starts_with("(?") => {
                out.push('(');
                out.push('?');
                chars.next();
                // Inline flags: letters and a minus up to `)` or `:`.
                let flags: String =
                    source[at + 2..].chars().take_while(|f| f.is_ascii_alphabetic() || *f == '-').collect();
                let closes = matches!(source[at + 2 + flags.len()..].chars().next(), Some(')' | ':'));
                if closes && flags.contains('U') {
                    for _ in 0..flags.len() {
                        chars.next();
                    }
                    let kept: String = flags.chars().filter(|f| *f != 'U').collect();
                    if kept.is_empty() && source[at + 2 + flags.len()..].starts_with(')') {
                        // `(?U)` alone: Unicode classes are the default here.
                        out.pop();
                        out.pop();
                        chars.next();
                    } else {
                        out.push_str(&kept);
                    }
                }
            }
            other => out.push(other),
        }
    }
    out
}

/// Java's replacement syntax: `$1` (as many digits as name an existing group), `${name}`, `\` quotes the next character.
fn expand(replacement: &str, captures: &fancy_regex::Captures<'_, str>, out: &mut String) -> Option<()> {
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?),
            '$' if chars.peek() == Some(&'{') => {
                chars.next();
                let name: String = chars.by_ref().take_while(|c| *c != '}').collect();
                out.push_str(captures.name(&name)?.as_str());
            }
            '$' => {
                let mut group = chars.next()?.to_digit(10)? as usize;
                if group >= captures.len() {
                    return None;
                }
                while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
                    let longer = group * 10 + digit as usize;
                    if longer >= captures.len() {
                        break;
                    }
                    group = longer;
                    chars.next();
                }
                out.push_str(captures.get(group).map_or("", |m| m.as_str()));
            }
            other => out.push(other),
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(pattern: &str, text: &str, replacement: &str) -> String {
        Pattern::new(pattern).unwrap().replace_all(text, replacement).unwrap().into_owned()
    }

    #[test]
    fn java_semantics() {
        assert_eq!(replaced(".*", "abc", "X"), "XX");
        assert_eq!(replaced("(?U)^.*$", "anything", "https://x.com/"), "https://x.com/");
        assert_eq!(replaced("(a)(b)", "ab", "$2$1x"), "bax");
        assert_eq!(replaced("(a)", "a", "$12"), "a2");
        assert_eq!(replaced("a", "a", r"\$1"), "$1");
        assert_eq!(replaced("^(.*)}$", "{\"a\":1}", "$1,\"event\":\"open\"}"), "{\"a\":1,\"event\":\"open\"}");
        assert_eq!(replaced("a$", "a\n", "b"), "b\n");
        assert_eq!(replaced("(?<=x)a", "xa a", "b"), "xb a");
        assert_eq!(replaced("é?", "é", "-"), "--");
        assert!(Pattern::new("(").is_err());
        assert!(Pattern::new("a").unwrap().replace_all("a", "$3").is_none());
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = Pattern::new(r"^(a+)+(?=b)c$").unwrap();
        assert!(!pattern.is_found(&"a".repeat(5000)));
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "\\PC{0,20}", text in "\\PC{0,20}", replacement in "\\PC{0,10}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                let _ = pattern.replace_all(&text, &replacement);
            }
        }
    }
}
